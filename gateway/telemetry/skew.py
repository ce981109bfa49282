"""How far two clocks are surely apart: a clock is read over some distance, and may be cut off to whole seconds.

Invariant: a difference that could be the reading's own is no difference.
"""

from __future__ import annotations

from datetime import datetime, timedelta


def surely_ahead(theirs: datetime, began: datetime, ended: datetime, *, grain: timedelta) -> float:
    """Seconds by which a clock is at least ahead of ours, negative: behind.

    It was read between ``began`` and ``ended`` of ours and told ``theirs``, cut off to ``grain``. 0 while the two may agree.
    """
    least, most = theirs - ended, theirs + grain - began
    if least > timedelta(0):
        return least.total_seconds()
    return min(0.0, most.total_seconds())
