"""Putting answers on the screen: tables for people, JSON for programs.

Invariant: data goes to standard output, everything else to standard error, so a pipe carries data only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
_PLAIN_WIDTH = 160


def print_json(value: Any, *, pretty: bool = True) -> None:
    """``value`` (structs, containers, instants) as JSON on standard output, keys in their own order."""
    encoded = msgspec.json.encode(value)
    shown = msgspec.json.format(encoded, indent=2) if pretty else encoded
    sys.stdout.buffer.write(shown + b"\n")
    sys.stdout.flush()


def console(*, errors: bool = False) -> Console:
    """A console; without a terminal it is wide enough not to fold tables."""
    from rich.console import Console

    stream = sys.stderr if errors else sys.stdout
    return Console(
        file=stream, width=None if stream.isatty() else _PLAIN_WIDTH, highlight=False, soft_wrap=False
    )


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> RenderableType:
    """A plain table; None is shown as nothing, instants in Vietnam's time."""
    from rich import box
    from rich.table import Table

    shown = Table(*headings, title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        shown.add_row(*(cell(value) for value in row))
    return shown


def cell(value: Any) -> str:
    """A value as text in a table; what looks like markup stays what it is."""
    from rich.markup import escape

    match value:
        case None:
            return ""
        case datetime():
            return local(value)
        case bool():
            return "yes" if value else "no"
        case _:
            return escape(str(value))


def local(instant: datetime) -> str:
    """An instant as people in Vietnam read it."""
    return instant.astimezone(VIETNAM).strftime("%Y-%m-%d %H:%M:%S")


def age(seconds: float) -> str:
    """A duration in its two largest units."""
    whole = max(0, int(seconds))
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for name, size in units:
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"


def pretty(body: bytes) -> str:
    """JSON indented, in its own order; anything else as text."""
    try:
        return msgspec.json.format(body, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body.decode("utf-8", "replace")
