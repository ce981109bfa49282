"""Drift in figures: how many differences stand how, and what the last whole pass saw.

Reads only. Invariant: what is asked costs as much as there are differences, not as there are dossiers.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from gateway.storage.instants import from_micros
from gateway.storage.schema_status import drift, job_run

_RUNS = 50  # among so many newest runs a whole pass is looked for


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How many differences of one kind stand in one state at one destination."""

    destination: str
    kind: str
    state: str
    count: int


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How many differences of one kind stand in one state at one destination. ``field``: the place in the record, where
    it is the same for many dossiers; a step's key is not. ``oldest_at``: since when the oldest is known.

    ``mendable``: of ``count``, so many that sending again mends; ``backwards``: so many of these take a status back.
    """

    destination: str
    kind: str
    field: str
    state: str
    count: int
    mendable: int
    backwards: int
    oldest_at: datetime


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass has seen. ``found``: differences by kind, those that were known among them."""

    ended_at: datetime
    looked: int
    in_step: int
    differing: int
    found: dict[str, int]


class _Summary(msgspec.Struct, frozen=True):
    looked: int = 0
    in_step: int = 0
    differing: int = 0
    found: dict[str, int] = {}


def standing(connection: sa.Connection) -> list[Standing]:
    """Every count that is not 0, of differences that are not gone."""
    columns = (drift.c.destination, drift.c.kind, drift.c.state)
    rows = connection.execute(
        sa.select(*columns, sa.func.count().label("count"))
        .where(drift.c.state != sa.literal_column("'gone'"))
        .group_by(*columns)
    )
    return [Standing(destination=row[0], kind=row[1], state=row[2], count=int(row[3])) for row in rows]


def places(connection: sa.Connection) -> list[Place]:
    """Differences that are not gone, by destination, kind, field and state."""
    columns = drift.c
    field = sa.case((columns.field.startswith("/"), columns.field), else_="").label("field")
    mendable = sa.func.sum(sa.case((columns.repair.is_not(None), 1), else_=0))
    backwards = sa.func.sum(sa.case((columns.repair.contains('"backwards":true'), 1), else_=0))
    grouped = (columns.destination, columns.kind, field, columns.state)
    rows = connection.execute(
        sa.select(*grouped, sa.func.count(), mendable, backwards, sa.func.min(columns.found_at))
        .where(columns.state != sa.literal_column("'gone'"))
        .group_by(columns.destination, columns.kind, sa.text("3"), columns.state)
        .order_by(columns.destination, columns.kind, sa.text("3"), columns.state)
    )
    return [
        Place(
            destination=row[0],
            kind=row[1],
            field=row[2],
            state=row[3],
            count=int(row[4]),
            mendable=int(row[5]),
            backwards=int(row[6]),
            oldest_at=from_micros(row[7]),
        )
        for row in rows
    ]


def last_pass(connection: sa.Connection) -> Pass | None:
    """The last run of the job ``drift`` that ended well and was about more than one dossier; None: there was none."""
    columns = job_run.c
    rows = connection.execute(
        sa.select(columns.ended_at, columns.parameters, columns.summary)
        .where(columns.job == "drift", columns.state == "done", sa.not_(columns.dry_run))
        .order_by(columns.id.desc())
        .limit(_RUNS)
    )
    for row in rows:
        if "dossier" in msgspec.json.decode(row.parameters, type=dict[str, str]):
            continue
        summary = msgspec.json.decode(row.summary, type=_Summary)
        return Pass(ended_at=from_micros(row.ended_at), **msgspec.structs.asdict(summary))
    return None
