"""From a page's values to HTML: one Jinja environment, everything escaped, undefined names refused.

Invariant: no template has a style attribute, an inline script or a foreign address, so the content security policy can
forbid them all.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any

import jinja2

from gateway.console.page import Language
from gateway.console.phrases import foreign, told
from gateway.console.words import said, say

VIETNAM = timezone(timedelta(hours=7))
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_UNITS: dict[Language, dict[str, str]] = {
    "vi": {"d": "ngày", "h": "giờ", "min": "phút", "s": "giây"},
    "en": {"d": "d", "h": "h", "min": "min", "s": "s"},
}


def instant(value: datetime | None, *, seconds: bool = False) -> str:
    """An instant as people in Viet Nam read it; a dash for None."""
    if value is None:
        return "–"
    return value.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S" if seconds else "%d/%m/%Y %H:%M")


def day(value: date | None) -> str:
    """A date as people in Viet Nam read it; a dash for None."""
    return "–" if value is None else value.strftime("%d/%m/%Y")


def number(value: float | None, digits: int = 0) -> str:
    """A number with points between thousands and a comma before decimals, as in Viet Nam; a dash for None."""
    if value is None:
        return "–"
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def duration(language: Language, seconds: float | None) -> str:
    """A length of time in its two largest units; a dash for None."""
    if seconds is None:
        return "–"
    rest, parts = max(0, round(seconds)), []
    for length, unit in _STEPS:
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count} {_UNITS[language][unit]}")
    return " ".join(parts[:2]) or f"0 {_UNITS[language]['s']}"


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gateway.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters |= {"instant": instant, "day": day, "number": number}
    return environment


def _tools(language: Language) -> Mapping[str, Callable[..., str | bool]]:
    return {
        "t": functools.partial(say, language),
        "code": functools.partial(said, language),
        "duration": functools.partial(duration, language),
        "spoken": functools.partial(told, language),
        "foreign": functools.partial(foreign, language),
    }


async def prepare(*, pause: float) -> None:
    """Compile every template, ``pause`` seconds apart, so that no page waits for it and neither does anything else."""
    environment = _environment()
    for name in environment.list_templates():
        await asyncio.sleep(pause)
        await asyncio.to_thread(environment.get_template, name)


def render(template: str, language: Language, values: Mapping[str, Any]) -> bytes:
    """The page. ``t(key, …)`` says words, ``code(key, otherwise)`` those of a code that may be
    unknown, ``spoken(text)`` what the gateway has written in English, ``foreign(text)`` whether it stays so."""
    page = _environment().get_template(template)
    return page.render({**values, **_tools(language), "language": language}).encode()
