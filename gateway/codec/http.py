"""Reading HTTP header values that carry meaning for us (RFC 9110).

Invariant: any text in; a bounded value or None out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gateway.port.wire import Headers, header

LONGEST_PAUSE = 7 * 86400.0


def retry_after(headers: Headers, now: datetime) -> float | None:
    """Seconds from ``now`` until the partner wants to be asked again (§10.2.3): 1 second to 7 days, or None."""
    value = header(headers, "retry-after")
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        # Longer numbers mean the same: not in the next seven days.
        seconds = float(value) if len(value) < 12 else LONGEST_PAUSE
    else:
        try:
            instant = parsedate_to_datetime(value)
            aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
            seconds = (aware - now).total_seconds()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return min(max(seconds, 1.0), LONGEST_PAUSE)


def content_type(headers: Headers) -> str:
    """The media type without parameters, in lower case; empty when there is none."""
    return (header(headers, "content-type") or "").partition(";")[0].strip().lower()
