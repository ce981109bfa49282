"""Questions about dossiers that a partner is asked about: which are due, which are near their promise. Cold reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
import sqlalchemy as sa

from gateway.domain.status import Status
from gateway.storage.feed import Span, newest_position, read_events
from gateway.storage.progress import NAME, Said, newest_of
from gateway.storage.schema import dossier, lane
from gateway.storage.schema_progress import progress, progress_feed, progress_report
from gateway.storage.schema_status import follower
from gateway.storage.urgency import SHIFT

NO_PROMISE = 2**61
"""Promises at or after it are none."""


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A dossier to be asked about. ``memory``: the lane's, with what was learnt since; ``promise_at``: the partner's
    promise, else the dossier's due time, else None."""

    lane: int
    destination: str
    dossier: str
    since: int
    next_at: int
    pause: int
    failures: int
    promise_at: int | None
    memory: Mapping[str, str]


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """What was delivered after position ``before``, up to ``upto``; ``newest``: the feed's end."""

    before: int
    upto: int
    newest: int
    lanes: list[tuple[str, str]]


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """A dossier whose promise is near, and of which nobody has been warned."""

    lane: int
    dossier: str
    promise_at: int
    since: int
    asked_at: int | None
    failure: str | None


class FeedPlace(msgspec.Struct, frozen=True, kw_only=True):
    """How far a partner's feed has been read."""

    cursor: str
    next_at: int
    failures: int


_OWN = sa.case((lane.c.promise_at < 0, lane.c.promise_at + SHIFT), else_=lane.c.promise_at)
_PROMISE = sa.func.coalesce(progress.c.promised_at, _OWN)


def delivered(connection: sa.Connection, destinations: Collection[str], limit: int) -> Stretch:
    """What was delivered to ``destinations`` since the last enrolment."""
    found = connection.execute(sa.select(follower.c.position).where(follower.c.name == NAME)).scalar()
    before, newest = int(found or 0), newest_position(connection)
    if newest <= before:
        return Stretch(before=before, upto=before, newest=newest, lanes=[])
    span = Span(after=before, newest=newest, limit=limit, kinds=("delivery.delivered",))
    events, upto = read_events(connection, span)
    lanes = [
        (event.destination, event.dossier_code)
        for event in events
        if event.destination in destinations and event.dossier_code
    ]
    return Stretch(
        before=before, upto=upto, newest=newest, lanes=[(name or "", code or "") for name, code in lanes]
    )


def due(
    connection: sa.Connection, destination: str, now: int, limit: int, after: tuple[int, int] | None = None
) -> list[Pending]:
    """What is to be asked about at ``now``, longest due first, after (``next_at``, lane)."""
    question = (
        sa.select(progress, lane.c.memory, lane.c.partner_code, _PROMISE.label("promise"))
        .join(lane, lane.c.id == progress.c.lane_id)
        .where(
            progress.c.destination == destination,
            progress.c.next_at.is_not(None),
            progress.c.next_at <= now,
        )
        .order_by(progress.c.next_at, progress.c.lane_id)
        .limit(limit)
    )
    if after is not None:
        question = question.where(
            sa.tuple_(progress.c.next_at, progress.c.lane_id) > sa.tuple_(*map(sa.literal, after))
        )
    return [_pending(row) for row in connection.execute(question)]


def count_due(connection: sa.Connection, destination: str, now: int) -> int:
    """How many are to be asked about at ``now``."""
    question = sa.select(sa.func.count()).where(
        progress.c.destination == destination,
        progress.c.next_at.is_not(None),
        progress.c.next_at <= now,
    )
    return int(connection.execute(question).scalar_one())


def count_open(connection: sa.Connection, destination: str) -> int:
    """How many are asked about at all."""
    question = sa.select(sa.func.count()).where(
        progress.c.destination == destination, progress.c.next_at.is_not(None)
    )
    return int(connection.execute(question).scalar_one())


def near(connection: sa.Connection, destination: str, until: int, limit: int) -> list[Near]:
    """What is still asked about, has a promise up to ``until``, and nobody was warned of that promise."""
    question = (
        sa.select(progress, _PROMISE.label("promise"))
        .join(lane, lane.c.id == progress.c.lane_id)
        .where(
            progress.c.destination == destination,
            progress.c.next_at.is_not(None),
            until >= _PROMISE,
            sa.or_(progress.c.alarmed_for.is_(None), progress.c.alarmed_for != _PROMISE),
        )
        .order_by(_PROMISE, progress.c.lane_id)
        .limit(limit)
    )
    return [
        Near(
            lane=row.lane_id,
            dossier=row.dossier_code,
            promise_at=row.promise,
            since=row.since,
            asked_at=row.asked_at,
            failure=row.failure,
        )
        for row in connection.execute(question)
    ]


def lanes_named(
    connection: sa.Connection, destination: str, names: Collection[str]
) -> dict[str, tuple[int, str]]:
    """By the number that the partner uses: the lane and our own number."""
    question = sa.select(lane.c.id, lane.c.dossier_code, lane.c.partner_code).where(
        lane.c.destination == destination,
        sa.or_(lane.c.partner_code.in_(names), lane.c.dossier_code.in_(names)),
    )
    found: dict[str, tuple[int, str]] = {}
    for row in connection.execute(question):
        found[row.partner_code or row.dossier_code] = (row.id, row.dossier_code)
    return found


def record_of(connection: sa.Connection, code: str) -> bytes | None:
    """The dossier's record as it is stored."""
    found = connection.execute(sa.select(dossier.c.record).where(dossier.c.code == code)).scalar()
    return None if found is None else bytes(found)


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """A report that has had no effect yet. ``report`` is as it was written down."""

    key: str
    digest: bytes
    said: Said
    report: bytes


def newest_said(connection: sa.Connection, destination: str, code: str) -> Said | None:
    """The newest word of ``destination`` about a dossier that was taken."""
    columns = progress_report.c
    question = sa.select(columns.happened_at, columns.status).where(
        columns.destination == destination,
        columns.dossier_code == code,
        columns.handling == "accepted",
        columns.happened_at.is_not(None),
        columns.status.is_not(None),
    )
    return newest_of(tuple(row) for row in connection.execute(question))


def parked(connection: sa.Connection, destination: str, code: str) -> list[Parked]:
    """Reports that may yet have their effect, in the order of their own time."""
    columns = progress_report.c
    question = sa.select(
        columns.key, columns.digest, columns.happened_at, columns.status, columns.parked
    ).where(columns.destination == destination, columns.dossier_code == code, columns.parked.is_not(None))
    found = [
        Parked(
            key=row.key,
            digest=bytes(row.digest),
            said=Said(at=row.happened_at, status=row.status),
            report=bytes(row.parked),
        )
        for row in connection.execute(question)
    ]
    return sorted(found, key=lambda each: (each.said.at, Status(each.said.status).national, each.key))


def feed_place(connection: sa.Connection, destination: str) -> FeedPlace:
    """How far the feed of ``destination`` has been read."""
    columns = progress_feed.c
    row = connection.execute(
        sa.select(columns.cursor, columns.next_at, columns.failures).where(columns.destination == destination)
    ).one_or_none()
    if row is None:
        return FeedPlace(cursor="", next_at=0, failures=0)
    return FeedPlace(cursor=row.cursor, next_at=row.next_at, failures=row.failures)


def _pending(row: sa.Row[tuple[object, ...]]) -> Pending:
    memory = msgspec.json.decode(row.memory, type=dict[str, str])
    learned = msgspec.json.decode(row.learned, type=dict[str, str])
    codes = {"partner_code": row.partner_code} if row.partner_code else {}
    merged = {**memory, **learned, **codes}
    return Pending(
        lane=row.lane_id,
        destination=row.destination,
        dossier=row.dossier_code,
        since=row.since,
        next_at=row.next_at,
        pause=row.pause,
        failures=row.failures,
        promise_at=row.promise if row.promise < NO_PROMISE else None,
        memory={name: value for name, value in merged.items() if value != ""},
    )
