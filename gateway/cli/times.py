"""Days and instants as they are typed after a command.

Invariant: what cannot be understood is a usage error that names the option and says what could be.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import typer

from gateway.deadlines.instants import VIETNAM

_DAY, _INSTANT = "2026-03-31", "2026-03-31T17:00:00+07:00"


def typed_day(text: str | None, option: str) -> date | None:
    """The day that ``option`` gives; None when it is left out."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        raise typer.BadParameter(f"{option}: got {text}, expected a day like {_DAY}") from fault


def typed_instant(text: str | None, option: str, *, expected: str = "an instant") -> datetime | None:
    """The instant that ``option`` gives, with its offset; None when it is left out."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as fault:
        raise typer.BadParameter(f"{option}: got {text}, expected {expected} like {_INSTANT}") from fault
    if instant.tzinfo is None:
        raise typer.BadParameter(f"{option}: {text} has no offset; write it like {_INSTANT}")
    return instant


def in_vietnam(given: datetime | None) -> datetime | None:
    """``given``, which is in Viet Nam's time where it was typed without an offset."""
    return given if given is None or given.tzinfo is not None else given.replace(tzinfo=VIETNAM)


def yesterday() -> date:
    """The day in Viet Nam that is over."""
    return datetime.now(UTC).astimezone(VIETNAM).date() - timedelta(days=1)
