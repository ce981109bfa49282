"""Going on where the last process ended, even if the wall clock was set back since: its clock, its identifiers.

Invariant: neither an instant nor an identifier of this process is older than the newest log entry, unless the clock that
wrote that was plainly wrong.
"""

from __future__ import annotations

import structlog

from gateway.delivery.clock import SteadyClock
from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.storage.instants import from_micros

log = structlog.get_logger(__name__)
LONGEST_SETBACK_SECONDS = 86_400.0  # beyond it the earlier clock was wrong, not this one
NOTABLE_SECONDS = 5.0


async def steady_clock(database: Database) -> SteadyClock:
    """A clock, and identifiers, that go on where the last process ended, even if the wall was set back since."""
    newest = await database.read(upkeep.newest_entry)
    if newest is None:
        return SteadyClock()
    identifier, at = newest
    database.identifiers.follow(identifier)
    if (ahead := (from_micros(at) - SteadyClock()()).total_seconds()) > LONGEST_SETBACK_SECONDS:
        log.error(
            "message_log_is_ahead_of_the_clock", seconds=round(ahead)
        )  # the log was wrong, or the clock is
        return SteadyClock()
    clock = SteadyClock(not_before=from_micros(at))
    if clock.behind() > NOTABLE_SECONDS:
        log.warning("wall_clock_is_behind_the_message_log", seconds=round(clock.behind()))
    return clock
