"""What is on record about the way of a dossier's end: what the versions said, and what stood in the way.

Instants in microseconds. Invariant: everything here was written when it happened, by whoever saw it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec
import sqlalchemy as sa

from gateway.storage.presence import Span, gaps
from gateway.storage.schema import attempt, event
from gateway.storage.schema_status import dossier_version, outage


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one version said about time (JSON of ``gateway.deadlines.account.Account``), and when we heard it."""

    at: int
    account: bytes


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A destination was away. ``ended_at`` None: it still is."""

    destination: str
    began_at: int
    ended_at: int | None
    failure: str


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange of the lane. ``ended_at`` None: under way."""

    started_at: int
    ended_at: int | None
    outcome: str | None
    code: str | None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The destination, or the encoding for it, refused a delivery of the dossier; ``actor`` had to act."""

    at: int
    code: str | None
    actor: str | None


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A lane, and the stretch of time that is looked at."""

    lane_id: int
    destination: str
    dossier_code: str
    since: int
    until: int


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What stood in the way of one lane, or may have; each list in order of time.

    ``deserted``: when no worker of ours was there.
    """

    outages: Sequence[Outage] = ()
    tries: Sequence[Try] = ()
    refusals: Sequence[Refusal] = ()
    deserted: Sequence[Span] = ()


def said(connection: sa.Connection, dossiers: Iterable[str]) -> dict[str, list[Said]]:
    """What every version of ``dossiers`` said, in the order of the versions."""
    columns = dossier_version.c
    rows = connection.execute(
        sa.select(columns.dossier_code, columns.at, columns.account)
        .where(columns.dossier_code.in_(list(dossiers)))
        .order_by(columns.dossier_code, columns.version)
    )
    return {
        code: [Said(at=row.at, account=bytes(row.account)) for row in versions]
        for code, versions in groupby(rows, key=lambda row: str(row.dossier_code))
    }


def evidence(
    connection: sa.Connection, ways: Sequence[Way], *, here_since: int | None = None
) -> dict[int, Evidence]:
    """What stood in each of ``ways``, by lane. ``here_since``: see ``gateway.storage.presence.gaps``."""
    if not ways:
        return {}
    since, until = min(way.since for way in ways), max(way.until for way in ways)
    away = outages(connection, {way.destination for way in ways}, since, until)
    tries = _tries(connection, [way.lane_id for way in ways], since, until)
    refusals = _refusals(connection, {way.dossier_code for way in ways})
    deserted = gaps(connection, since, until, here_since=here_since)
    return {
        way.lane_id: Evidence(
            outages=[item for item in away if item.destination == way.destination],
            tries=tries.get(way.lane_id, ()),
            refusals=refusals.get((way.destination, way.dossier_code), ()),
            deserted=deserted,
        )
        for way in ways
    }


def outages(connection: sa.Connection, destinations: Iterable[str], since: int, until: int) -> list[Outage]:
    """Absences of ``destinations`` that reach into the time from ``since`` to ``until``."""
    columns = outage.c
    rows = connection.execute(
        sa.select(outage)
        .where(
            columns.destination.in_(list(destinations)),
            columns.began_at <= until,
            sa.or_(columns.ended_at.is_(None), columns.ended_at >= since),
        )
        .order_by(columns.began_at)
    ).mappings()
    return [Outage(**row) for row in rows]


def _tries(connection: sa.Connection, lanes: list[int], since: int, until: int) -> dict[int, list[Try]]:
    columns = attempt.c
    rows = connection.execute(
        sa.select(columns.lane_id, columns.started_at, columns.ended_at, columns.outcome, columns.code)
        .where(
            columns.lane_id.in_(lanes),
            columns.started_at <= until,
            sa.or_(columns.ended_at.is_(None), columns.ended_at >= since),
        )
        .order_by(columns.lane_id, columns.id)
    )
    return {
        lane: [
            Try(started_at=row.started_at, ended_at=row.ended_at, outcome=row.outcome, code=row.code)
            for row in attempts
        ]
        for lane, attempts in groupby(rows, key=lambda row: int(row.lane_id))
    }


class _Told(msgspec.Struct, frozen=True):
    code: str | None = None
    actor: str | None = None


def _refusals(
    connection: sa.Connection, dossiers: Iterable[str]
) -> dict[tuple[str | None, str], list[Refusal]]:
    columns = event.c
    rows = connection.execute(
        sa.select(columns.destination, columns.dossier_code, columns.at, columns.data)
        .where(columns.dossier_code.in_(list(dossiers)), columns.kind == "delivery.rejected")
        .order_by(columns.id)
    )
    found: dict[tuple[str | None, str], list[Refusal]] = {}
    for row in rows:
        told = msgspec.json.decode(row.data, type=_Told)
        refusal = Refusal(at=row.at, code=told.code, actor=told.actor)
        found.setdefault((row.destination, row.dossier_code), []).append(refusal)
    return found
