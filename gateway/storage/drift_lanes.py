"""What a lane has told its partner, as far as a comparison with the partner's record needs it.

Reads only. Invariant: of snapshots only the newest that counts is read, of events every one; a lane's ``stamp`` differs
whenever something of it was settled or planned meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.domain.delivery import Delivery, DeliveryState
from gateway.storage.feed import WINDOW
from gateway.storage.lanes import memory_in
from gateway.storage.schema import content_key, delivery, dossier, event, lane

_PAYLOADS_AT_ONCE = 2_000
_STATES = {state.value: state for state in DeliveryState}


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What changes when a lane moves: its next place, and how many of its deliveries are settled."""

    next_position: int
    settled: int


_Told = tuple[Any, ...]
"""A delivery but its payload: the columns below after the lane's, in that order. Thousands of them are read at once."""
_COLUMNS = ("lane_id", "id", "operation", "key", "position", "state", "edited_at", "settled_at")


class LaneOutline(msgspec.Struct, frozen=True, kw_only=True):
    """One lane without any payload. ``told``: every delivery that was not superseded, in the lane's order. ``settled_at``
    as in ``LaneFile``."""

    lane: int
    destination: str
    dossier: str
    memory: dict[str, str]
    stamp: Stamp
    settled_at: int
    told: list[_Told]

    @property
    def delivered(self) -> bool:
        """Whether all of it was: nothing waits, and nothing was skipped."""
        return all(each[4] == DeliveryState.DELIVERED for each in self.told)


class LaneFile(msgspec.Struct, frozen=True, kw_only=True):
    """One lane. ``delivered`` and ``skipped``: every event, and the newest snapshot of each operation (a skipped one
    only where it is newer). ``open``: what is not settled. All in the lane's order.

    ``settled_at``: when the last of it was settled, in microseconds; 0 when nothing was.
    """

    lane: int
    destination: str
    dossier: str
    memory: dict[str, str]
    stamp: Stamp
    settled_at: int
    delivered: list[Delivery]
    skipped: list[Delivery]
    open: list[Delivery]


class _Glance(msgspec.Struct):
    id: int
    operation: str
    key: str
    position: int
    state: DeliveryState


def lane_files(
    connection: sa.Connection, destination: str, codes: Sequence[str], snapshots: frozenset[str]
) -> dict[str, LaneFile]:
    """The lanes of ``codes`` at ``destination`` by dossier; ``snapshots`` names the operations that are snapshots."""
    return with_payloads(connection, lane_outlines(connection, destination, codes).values(), snapshots)


def lane_outlines(
    connection: sa.Connection, destination: str, codes: Sequence[str]
) -> dict[str, LaneOutline]:
    """The lanes of ``codes`` at ``destination`` by dossier, without what their deliveries tell."""
    columns = lane.c
    lanes: Sequence[Any] = connection.execute(
        sa.select(
            columns.id, columns.dossier_code, columns.memory, columns.partner_code, columns.next_position
        ).where(columns.destination == destination, columns.dossier_code.in_(codes))
    ).all()
    glances = _glances(connection, [row.id for row in lanes])
    return {row.dossier_code: _outline(destination, row, glances.get(row.id, [])) for row in lanes}


def with_payloads(
    connection: sa.Connection, outlines: Iterable[LaneOutline], snapshots: frozenset[str]
) -> dict[str, LaneFile]:
    """``outlines`` with what a comparison reads of their deliveries, by dossier."""
    chosen = [(each, _chosen(each.told, snapshots)) for each in outlines]
    wanted = [each.id for _, groups in chosen for group in groups for each in group]
    payloads = _payloads(connection, wanted)
    return {outline.dossier: _file(outline, groups, payloads) for outline, groups in chosen}


def stamps(connection: sa.Connection, lanes: Sequence[int]) -> dict[int, Stamp]:
    """The stamps of ``lanes`` as they are now."""
    settled = sa.func.count(delivery.c.settled_at)
    rows = connection.execute(
        sa.select(lane.c.id, lane.c.next_position, settled)
        .select_from(lane)
        .outerjoin(
            delivery,
            sa.and_(delivery.c.lane_id == lane.c.id, delivery.c.state != sa.literal_column("'superseded'")),
        )
        .where(lane.c.id.in_(lanes))
        .group_by(lane.c.id, lane.c.next_position)
    )
    return {row[0]: Stamp(next_position=row[1], settled=row[2]) for row in rows}


def erased_among(connection: sa.Connection, codes: Sequence[str]) -> set[str]:
    """Of ``codes`` the dossiers whose content was erased: there is nothing to be compared any more, and what the partner
    has of them must not come back through a comparison."""
    scopes = [f"dossier:{code}" for code in codes]
    found = connection.execute(
        sa.select(content_key.c.scope).where(
            content_key.c.scope.in_(scopes), content_key.c.destroyed_at.is_not(None)
        )
    )
    return {str(scope).removeprefix("dossier:") for scope in found.scalars()}


def lanes_after(connection: sa.Connection, destination: str, after: str, limit: int) -> list[str]:
    """Dossiers with a lane to ``destination``, by number, after ``after``."""
    question = (
        sa.select(lane.c.dossier_code)
        .where(lane.c.destination == destination, lane.c.dossier_code > after)
        .order_by(lane.c.dossier_code)
        .limit(limit)
    )
    return [str(code) for code in connection.execute(question).scalars()]


def laneless_after(
    connection: sa.Connection, destination: str, after: str, limit: int
) -> tuple[list[str], str | None]:
    """Which of the next ``limit`` dossiers by number after ``after`` have no lane to ``destination``, and the last one
    that was looked at; None: there was none left."""
    codes = connection.execute(
        sa.select(dossier.c.code).where(dossier.c.code > after).order_by(dossier.c.code).limit(limit)
    )
    pages = [str(code) for code in codes.scalars()]
    if not pages:
        return [], None
    told = connection.execute(
        sa.select(lane.c.dossier_code).where(
            lane.c.destination == destination, lane.c.dossier_code > after, lane.c.dossier_code <= pages[-1]
        )
    )
    known = {str(code) for code in told.scalars()}
    return [code for code in pages if code not in known], pages[-1]


def records(connection: sa.Connection, codes: Sequence[str]) -> dict[str, bytes]:
    """The records of ``codes`` as they were taken in; one that we know nothing of is missing."""
    rows = connection.execute(sa.select(dossier.c.code, dossier.c.record).where(dossier.c.code.in_(codes)))
    return {str(row.code): bytes(row.record) for row in rows}


def count_lanes(connection: sa.Connection, destination: str) -> int:
    """How many lanes there are to ``destination``."""
    question = sa.select(sa.func.count()).select_from(lane).where(lane.c.destination == destination)
    return int(connection.execute(question).scalar_one())


def position_before(connection: sa.Connection, instant: int) -> int:
    """The position of the newest event that is not younger than ``instant`` (microseconds); 0 when there is none."""
    question = (
        sa.select(event.c.position)
        .where(event.c.position.is_not(None), event.c.at <= instant)
        .order_by(event.c.position.desc())
        .limit(1)
    )
    return int(connection.execute(question).scalar() or 0)


def told_between(
    connection: sa.Connection, destination: str, after: int, newest: int
) -> tuple[list[str], int]:
    """Dossiers to which ``destination`` acknowledged something in the events after ``after``, in order, each once; and
    the position up to which that is all, at most ``newest``."""
    end = min(newest, after + WINDOW)
    question = (
        sa.select(event.c.dossier_code)
        .where(
            event.c.position.is_not(None),
            event.c.position > after,
            event.c.position <= end,
            event.c.kind == "delivery.delivered",
            event.c.destination == destination,
        )
        .order_by(event.c.position)
    )
    codes = connection.execute(question).scalars()
    return list(dict.fromkeys(str(code) for code in codes if code is not None)), end


def _glances(connection: sa.Connection, lanes: Sequence[int]) -> dict[int, list[_Told]]:
    columns = [delivery.c[name] for name in _COLUMNS]
    rows = connection.execute(
        sa.select(*columns)
        .where(delivery.c.lane_id.in_(lanes), delivery.c.state != sa.literal_column("'superseded'"))
        .order_by(delivery.c.lane_id, delivery.c.position, delivery.c.id)
    )
    found: dict[int, list[_Told]] = {}
    for lane_id, *told in rows:
        found.setdefault(lane_id, []).append(tuple(told))
    return found


_Groups = tuple[list[_Glance], list[_Glance], list[_Glance]]


def _chosen(rows: Iterable[_Told], snapshots: frozenset[str]) -> _Groups:
    """What is worth reading: delivered, skipped, open."""
    delivered: list[_Glance] = []
    skipped: list[_Glance] = []
    waiting: list[_Glance] = []
    newest: dict[str, _Glance] = {}
    for identifier, operation, key, position, state, _, settled_at in rows:
        each = _Glance(identifier, operation, key, position, _STATES[state])
        if settled_at is None:
            waiting.append(each)
        elif each.operation in snapshots:
            newest[each.state + each.operation] = each
        elif each.state is DeliveryState.DELIVERED:
            delivered.append(each)
        else:
            skipped.append(each)
    for operation in snapshots:
        last = newest.get(DeliveryState.DELIVERED + operation)
        passed = newest.get(DeliveryState.SKIPPED + operation)
        if last is not None:
            delivered.append(last)
        if passed is not None and (last is None or passed.position > last.position):
            skipped.append(passed)
    return sorted(delivered, key=_place), sorted(skipped, key=_place), waiting


def _place(each: _Glance) -> tuple[int, int]:
    return each.position, each.id


def _payloads(connection: sa.Connection, wanted: Sequence[int]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for start in range(0, len(wanted), _PAYLOADS_AT_ONCE):
        part = wanted[start : start + _PAYLOADS_AT_ONCE]
        rows = connection.execute(sa.select(delivery.c.id, delivery.c.payload).where(delivery.c.id.in_(part)))
        found.update({row[0]: bytes(row[1]) for row in rows})
    return found


def _outline(destination: str, row: sa.Row[Any], told: list[_Told]) -> LaneOutline:
    settled = [each[-1] for each in told if each[-1] is not None]
    return LaneOutline(
        lane=row.id,
        destination=destination,
        dossier=row.dossier_code,
        memory=memory_in(row.memory, row.partner_code),
        stamp=Stamp(next_position=row.next_position, settled=len(settled)),
        settled_at=max(settled, default=0),
        told=told,
    )


def _file(outline: LaneOutline, groups: _Groups, payloads: dict[int, bytes]) -> LaneFile:
    delivered, skipped, waiting = (
        [
            Delivery(
                id=each.id,
                lane=outline.lane,
                destination=outline.destination,
                dossier=outline.dossier,
                operation=each.operation,
                key=each.key,
                position=each.position,
                payload=payloads[each.id],
                state=each.state,
            )
            for each in group
            if each.id in payloads
        ]
        for group in groups
    )
    return LaneFile(
        lane=outline.lane,
        destination=outline.destination,
        dossier=outline.dossier,
        memory=outline.memory,
        stamp=outline.stamp,
        settled_at=outline.settled_at,
        delivered=delivered,
        skipped=skipped,
        open=waiting,
    )
