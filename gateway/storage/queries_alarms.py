"""What the tables know that somebody may have to be alarmed about, in one visit.

Invariant: it costs as much as what is open, what was acknowledged today and the latest troubles, not what was ever stored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from gateway.storage import lag_days, queries_contract, queries_jobs, queries_status, samples, upkeep, urgency
from gateway.storage.instants import from_micros, maybe_from_micros
from gateway.storage.queries_contract import Drifted
from gateway.storage.queries_status import Backlog, DestinationRow
from gateway.storage.reading import database_clock
from gateway.storage.samples import Stretch
from gateway.storage.schema_status import presence

OFF_CONTRACT_SECONDS = 86_400


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """``codes``: by destination those of answers that no contract describes. ``horizon``: what is due by then is near, in
    microseconds; ``day``: today; ``target``: of the lag, in microseconds."""

    names: Sequence[str]
    now: datetime
    codes: Mapping[str, Collection[str]]
    horizon: int
    day: int
    target: int
    jobs: Sequence[str]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """``lag``: by destination, how many were acknowledged today, and how many of them in time. ``failing``: since when a job
    fails. ``newest_at``: of the newest log entry; ``server_at``: the database's own clock, None where it has none."""

    rows: Mapping[str, DestinationRow]
    backlogs: Mapping[str, Backlog]
    stretches: Mapping[str, Stretch]
    at_risk: Mapping[str, int]
    lag: Mapping[str, tuple[int, int]]
    drifted: Drifted
    failing: Mapping[str, datetime]
    worker_seen_at: datetime | None
    newest_at: datetime | None
    server_at: datetime | None


def known(connection: sa.Connection, question: Question) -> Known:
    """Everything at once."""
    names, now = question.names, question.now
    since = now - timedelta(seconds=OFF_CONTRACT_SECONDS)
    newest = upkeep.newest_entry(connection)
    seen = connection.execute(sa.select(sa.func.max(presence.c.seen_at))).scalar()
    glances = {name: queries_jobs.glance(connection, name, now) for name in question.jobs}
    return Known(
        rows=queries_status.destination_rows(connection, names),
        backlogs=queries_status.backlogs(connection),
        stretches={name: samples.stretch(connection, name) for name in names},
        at_risk=urgency.counts(connection, question.horizon),
        lag=lag_days.kept_on(connection, names, question.day, target=question.target),
        drifted=queries_contract.off_contract(connection, question.codes, since),
        failing={
            name: each.failing_since for name, each in glances.items() if each.failing_since is not None
        },
        worker_seen_at=maybe_from_micros(seen),
        newest_at=None if newest is None else from_micros(newest[1]),
        server_at=database_clock(connection) if connection.dialect.name == "postgresql" else None,
    )
