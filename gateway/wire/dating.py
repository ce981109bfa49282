"""What a partner's answers say about the difference between its clock and ours.

Invariant: only a difference that is certain is told; an answer without a readable date tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from gateway.port.wire import WireResponse, header
from gateway.telemetry.skew import surely_ahead

LOOK_SECONDS = 60.0
_GRAIN = timedelta(seconds=1)  # RFC 9110 §5.6.7: whole seconds


class PartnerClock:
    """Looks at a date once a minute; between that, asking costs a comparison. ``tell``: given the difference."""

    def __init__(self, clock: Callable[[], datetime], tell: Callable[[float], None]) -> None:
        self._clock = clock
        self._tell = tell
        self.look_at = 0.0

    def look(self, response: WireResponse, *, now: float, seconds: float) -> None:
        """``now``: monotonic, when the answer was complete; ``seconds``: how long the exchange took."""
        self.look_at = now + LOOK_SECONDS
        try:
            theirs = parsedate_to_datetime(header(response.headers, "date") or "")
        except ValueError:
            return
        if theirs.tzinfo is None:  # RFC 5322: -0000, an instant in UTC
            theirs = theirs.replace(tzinfo=UTC)
        ended = self._clock()
        self._tell(surely_ahead(theirs, ended - timedelta(seconds=seconds), ended, grain=_GRAIN))
