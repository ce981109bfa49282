"""Formats: how a value of the record is written on the wire. Small pure functions, one per official type.

Text is compared and counted in Unicode NFC, in characters (national_portal §2.10). Invariant: what a format returns
can be encoded as UTF-8 and as XML 1.0. Control characters are left out; a value of the wrong kind is ``Unfit``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from unicodedata import combining, is_normalized, normalize

from gateway.domain.errors import GatewayError

# No daylight saving and no other zone: the contracts say +07:00, and a fixed offset needs no zone database.
_AHEAD = timedelta(hours=7)
VIETNAM = timezone(_AHEAD)

Format = Callable[[object], object]

_DATE14 = re.compile(r"[0-9]{14}\Z|[0-9]{8}\Z")
# C0 and C1 controls but tab and line feed, lone surrogates, and code points that are never characters.
_UNWRITABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17))
    + "]"
)
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")
ELLIPSIS = "..."


class Unfit(GatewayError):
    """A value cannot be written as the official element wants it; change the record or the table."""

    def __init__(self, code: str, expected: str, advice: str) -> None:
        super().__init__(f"{code}: expected {expected}; {advice}")
        self.code = code
        self.expected = expected
        self.advice = advice


def text(value: object) -> str:
    """``value`` as text in NFC, without control characters; line ends become line feeds."""
    raw = value if isinstance(value, str) else str(value)
    # The common case costs two C calls: printable text has no control character and no surrogate.
    if raw.isprintable() and (raw.isascii() or is_normalized("NFC", raw)):
        return raw
    if raw.replace("\n", "").isprintable():  # several clean lines
        return normalize("NFC", raw)
    raw = raw.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")
    return normalize("NFC", _UNWRITABLE.sub(_replacement, raw))


def line(value: object) -> str:
    """``value`` as text on one line, without white space around it."""
    written = text(value)
    if written.isprintable() and "  " not in written and written.strip() == written:
        return written
    return " ".join(written.split())


def shortened(value: str, limit: int) -> str:
    """``value`` cut to at most ``limit`` characters with ``...``; no letter loses its accent, no emoji its parts."""
    if len(value) <= limit:
        return value
    cut = max(limit - len(ELLIPSIS) - 1, 0)
    while cut and (
        combining(value[cut])
        or value[cut] in _JOINERS
        or value[cut - 1] in _JOINERS
        or "🏻" <= value[cut] <= "🏿"
    ):
        cut -= 1
    return value[:cut].rstrip() + ELLIPSIS


def date14(value: object) -> str:
    """An aware instant as ``yyyyMMddHHmmss`` in Vietnam time."""
    # Instants come as UTC, and every message has a dozen of them: adding the hours and composing one number takes a
    # third of the time of astimezone and strftime.
    if value.__class__ is datetime and value.tzinfo is UTC:
        try:
            at = value + _AHEAD
        except OverflowError as fault:
            raise Unfit("date_out_of_range", "a year between 1 and 9999", "check the date") from fault
    else:
        at = _instant(value)
    day = (at.year * 100 + at.month) * 100 + at.day
    return str(((day * 100 + at.hour) * 100 + at.minute) * 100 + at.second).zfill(14)


def day_first(value: object) -> str:
    """An aware instant as ``dd/MM/yyyy`` in Vietnam time."""
    return _instant(value).strftime("%d/%m/%Y")


def day_first_time(value: object) -> str:
    """An aware instant as ``dd/MM/yyyy HH:mm:ss`` in Vietnam time."""
    return _instant(value).strftime("%d/%m/%Y %H:%M:%S")


def zulu(value: object) -> str:
    """An aware instant as ``yyyy-MM-ddTHH:mm:ss.SSSZ``, in UTC as the letter says."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Unfit("not_an_instant", "an instant with its offset", "send the offset, such as +07:00")
    utc = value.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def local_as_zulu(value: object) -> str:
    """Vietnam time with a literal Z: wrong, but what some receivers have learnt to expect (national_portal §9)."""
    local = _instant(value)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}Z"


def flag(value: object) -> str:
    """A truth value as ``1`` or ``0``."""
    return "1" if value else "0"


def capitalised(value: object) -> str:
    """A truth value as ``True`` or ``False``."""
    return "True" if value else "False"


def truth(value: object) -> bool:
    """A truth value as JSON boolean."""
    return bool(value)


def whole(value: object) -> int:
    """An integer as JSON number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unfit("not_a_number", "an integer", "send a whole number without separators")
    return value


def whole_or_null(value: object) -> int | None:
    """Digits as JSON number, anything else as null (an identifier that the partner keeps as a number)."""
    written = str(value)
    return int(written) if written.isascii() and written.isdecimal() and len(written) <= 15 else None


def digits(value: object) -> str:
    """An integer (money in đồng, a count) as decimal digits."""
    return str(whole(value))


def as_string(value: object) -> str:
    """Whatever another format made, as text: the contract's all-strings mode (national_portal U13)."""
    match value:
        case None:
            return ""
        case bool():
            return capitalised(value)
        case _:
            return str(value)


def parse_date14(written: str) -> datetime | None:
    """``yyyyMMddHHmmss`` or ``yyyyMMdd`` in Vietnam time as aware UTC; None when it is no such date."""
    if not _DATE14.match(written):
        return None
    day, time = int(written[:8]), int(written[8:14] or 0)
    try:  # composed like this, and without astimezone, it takes half the time; every answer has a dozen
        return (
            datetime(
                day // 10000,
                day // 100 % 100,
                day % 100,
                time // 10000,
                time // 100 % 100,
                time % 100,
                tzinfo=UTC,
            )
            - _AHEAD
        )
    except (ValueError, OverflowError):
        return None


def local_date(instant: datetime) -> date:
    """The calendar day of ``instant`` in Vietnam."""
    return instant.astimezone(VIETNAM).date()


def _replacement(match: re.Match[str]) -> str:
    # A control character says nothing; half a character was something that is lost, and that must stay visible.
    return "\ufffd" if "\ud800" <= match[0] <= "\udfff" else ""


def _instant(value: object) -> datetime:
    # A naive instant would be read in this machine's own zone.
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Unfit("not_an_instant", "an instant with its offset", "send the offset, such as +07:00")
    try:
        return value.astimezone(VIETNAM)
    except OverflowError as fault:
        raise Unfit("date_out_of_range", "a year between 1 and 9999", "check the date") from fault
