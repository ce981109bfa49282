"""What partners have shown late, and show late now.

Instants in microseconds, days since 1970-01-01 in Viet Nam. Invariant: what is asked costs as much as there is late or
open, not as much as was ever told.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from gateway.storage.lag import Connection, Delivered
from gateway.storage.schema import dossier, lane
from gateway.storage.schema_status import sync_lag

_ENDED = ("finished", "returned", "withdrawn", "stopped", "refused")
_RUNNING = ("received", "processing")  # domain_rules §3.2: what waits for the applicant is in time


class Days(msgspec.Struct, frozen=True, kw_only=True):
    """From ``first`` to ``last``, both included, at ``destinations``."""

    first: int
    last: int
    destinations: Sequence[str]


class LateEnd(msgspec.Struct, frozen=True, kw_only=True):
    """An end that the partner showed late, rightly or not, and has acknowledged by now."""

    destination: str
    dossier_code: str
    agency_code: str
    operation: str
    ended_at: int
    received_at: int
    due_at: int
    sent_at: int | None
    acknowledged_at: int
    by_date: str
    by_instant: str
    late_cause: str | None
    late_cause_by_instant: str | None


class OpenTelling(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery of an ended dossier that is not acknowledged although the promise has passed."""

    delivery: Delivered
    agency_code: str
    state: str
    code: str | None


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """Dossiers that run past their promise, as the partner rightly shows them: how many by date, and by instant."""

    destination: str
    agency_code: str
    by_date: int
    by_instant: int


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Now, and when today began in Viet Nam; ``midnight_before``: a promise at 00:00 before it has passed (R25)."""

    now: int
    today: int
    midnight_before: int


def late_ends(connection: Connection, days: Days) -> list[LateEnd]:
    """Every end that was shown late, by date or by instant, and was acknowledged on one of ``days``; oldest first."""
    columns = sync_lag.c
    fields = [columns[name] for name in LateEnd.__struct_fields__ if name != "agency_code"]
    rows = connection.execute(
        sa.select(*fields, dossier.c.agency_code)
        .join_from(sync_lag, dossier, dossier.c.code == columns.dossier_code)
        .where(
            sa.text("sync_lag.late"),  # as the partial index has it, on both engines
            columns.day.between(days.first, days.last),
            columns.destination.in_(list(days.destinations)),
        )
        .order_by(columns.acknowledged_at, columns.delivery_id)
    )
    names = [*(field.name for field in fields), "agency_code"]
    return [LateEnd(**dict(zip(names, row, strict=True))) for row in rows]


# CROSS JOIN: few deliveries are open, and from them to their dossiers is the only cheap way (SQLite keeps the order)
_OPEN = """
    SELECT {columns}, x.agency_code AS agency_code, d.state AS state, d.code AS code
    FROM delivery AS d CROSS JOIN dossier AS x
    WHERE d.settled_at IS NULL AND x.code = d.dossier_code AND d.destination IN :destinations
        AND x.status IN :ended AND x.due_at < :now
    ORDER BY d.lane_id, d.position
""".format(columns=", ".join(f"d.{name}" for name in Delivered.__struct_fields__))  # noqa: S608 - constants


def open_tellings(connection: Connection, destinations: Sequence[str], now: int) -> list[OpenTelling]:
    """What ended dossiers still have to tell although their promise has passed, in the order of the lanes."""
    question = sa.text(_OPEN).bindparams(
        sa.bindparam("destinations", expanding=True, type_=sa.Text),
        sa.bindparam("ended", expanding=True, type_=sa.Text),
    )
    given = {"destinations": list(destinations), "ended": list(_ENDED), "now": now}
    rows = connection.execute(question, given).mappings()
    return [
        OpenTelling(
            delivery=Delivered(**{name: row[name] for name in Delivered.__struct_fields__}),
            agency_code=row["agency_code"],
            state=row["state"],
            code=row["code"],
        )
        for row in rows
    ]


def running_late(connection: Connection, destinations: Sequence[str], moment: Moment) -> list[Running]:
    """How many dossiers run past their promise, of those that a destination knows, by destination and agency."""
    due, microseconds_of_day = dossier.c.due_at, 86_400_000_000
    at_midnight = (due + 25_200_000_000) % microseconds_of_day == 0
    by_instant = sa.or_(sa.not_(at_midnight), due < moment.midnight_before)
    rows = connection.execute(
        sa.select(
            lane.c.destination,
            dossier.c.agency_code,
            sa.func.sum(sa.case((due < moment.today, 1), else_=0)),
            sa.func.sum(sa.case((by_instant, 1), else_=0)),
        )
        .join_from(dossier, lane, lane.c.dossier_code == dossier.c.code)
        .where(
            dossier.c.status.in_(_RUNNING),
            due < moment.now,
            lane.c.destination.in_(list(destinations)),
            lane.c.acknowledged_version.is_not(None),
        )
        .group_by(lane.c.destination, dossier.c.agency_code)
    )
    return [
        Running(destination=row[0], agency_code=row[1], by_date=int(row[2]), by_instant=int(row[3]))
        for row in rows
    ]
