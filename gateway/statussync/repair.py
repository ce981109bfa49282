"""Repairing drift: the partner is asked anew, and what differs now is planned again, in the lane, in the right order.

The partner's record decides, at the moment of the order: what it has by now is not sent a second time. Invariants: a
status never moves backwards without the explicit word for it; what sending again cannot mend is left to a person; a dry
run writes nothing.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from gateway.domain.delivery import Delivery
from gateway.domain.errors import ApprovalRequired, CannotEncode, ConflictError, NotFoundError
from gateway.statussync.compare import Difference
from gateway.statussync.drift_asking import Inquiry, RecordAnswer
from gateway.statussync.drift_look import (
    Seen,
    Silence,
    Silent,
    findings,
    look,
    look_for_untold,
    snapshot_operations,
)
from gateway.statussync.repair_preview import EncodedCall, preview
from gateway.storage.database import Database
from gateway.storage.drift import DriftFilter, DriftState, DriftView, drift_by_id, drifts, record_findings
from gateway.storage.drift_lanes import LaneFile, lane_files, records
from gateway.storage.drift_openings import Opening, open_lanes
from gateway.storage.drift_repairs import (
    Enqueued,
    LaneMoved,
    Ordered,
    RepairOrder,
    Tolerance,
    order_repairs,
    tolerate,
)
from gateway.storage.instants import to_micros
from gateway.storage.intake import LanePlan
from gateway.wire.asking import Unasked

TRIES = 3
AT_ONCE = 4
Outcome: TypeAlias = Literal["ordered", "would_order", "nothing_to_do", "held_back", "not_possible"]


class RepairRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which differences to mend, and by whose word. Without ``ids``: all open ones that fit the other columns.

    ``allow_backwards``: the partner's status may move backwards. ``after``: only those behind this one, so that many are
    mended in portions.
    """

    actor: str
    reason: str
    ids: tuple[int, ...] = ()
    destination: str | None = None
    dossier: str | None = None
    kind: str | None = None
    field: str | None = None
    after: int | None = None
    allow_backwards: bool = False
    dry_run: bool = True
    limit: int = 100


class HeldBack(msgspec.Struct, frozen=True, kw_only=True):
    """A difference that is not mended, and why."""

    drift: str
    kind: str
    field: str
    why: Literal["needs_a_person", "backwards", "gone", "unjudged", "repairing"]


class DossierRepair(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one dossier at one destination.

    ``ordered``: deliveries were planned; ``would_order``: they would be; ``nothing_to_do``: the partner has it all by
    now; ``held_back``: see ``held_back``; ``not_possible``: see ``reason``. ``requests``: of a dry run, what would be
    sent. ``approval``: what waits for a second person.
    """

    destination: str
    dossier: str
    outcome: Outcome
    drifts: list[str] = []
    deliveries: list[Enqueued] = []
    held_back: list[HeldBack] = []
    requests: list[EncodedCall] = []
    reason: str | None = None
    action: str | None = None
    approval: str | None = None


class RepairDone(msgspec.Struct, frozen=True, kw_only=True):
    """What a request did, or would do. ``more``: the limit cut it off; ``next``: after which difference to go on.

    ``looked``: how many differences it was about.
    """

    dry_run: bool
    dossiers: list[DossierRepair]
    more: bool
    next: str | None = None
    looked: int = 0


class Tolerated(msgspec.Struct, frozen=True, kw_only=True):
    """A difference is left as it is. ``action``: its record."""

    drift: str
    action: str


class _Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent again, and which differences that mends."""

    deliveries: tuple[int, ...]
    drifts: tuple[int, ...]
    held_back: list[HeldBack]
    backwards: bool


class RepairDesk:
    """Takes requests. ``inquiry`` gives the questions to a destination; ``wake`` says that there is something to send."""

    def __init__(
        self,
        database: Database,
        inquiry: Callable[[str], Inquiry | None],
        clock: Callable[[], datetime],
        wake: Callable[[str], None],
    ) -> None:
        self._database = database
        self._inquiry = inquiry
        self._clock = clock
        self._wake = wake

    async def carry_out(self, request: RepairRequest) -> RepairDone:
        """Mend what is asked for. NotFoundError: there is no such difference."""
        chosen, more = await self._chosen(request)
        by_dossier: dict[tuple[str, str], list[DriftView]] = {}
        for row in chosen:
            by_dossier.setdefault((row.destination, row.dossier), []).append(row)
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(rows: Sequence[DriftView]) -> DossierRepair:
            async with slots:
                return await self._dossier(request, rows)

        done = await asyncio.gather(*map(one, by_dossier.values()))
        for name in {each.destination for each in done if each.outcome == "ordered"}:
            self._wake(name)
        return RepairDone(
            dry_run=request.dry_run,
            dossiers=list(done),
            more=more,
            next=chosen[-1].id if more and chosen else None,
            looked=len(chosen),
        )

    async def tolerate(self, order: Tolerance) -> Tolerated:
        """Leave a difference as it is. NotFoundError, ConflictError."""
        action: str = await self._database.apply(tolerate, order)
        return Tolerated(drift=str(order.drift), action=action)

    async def _chosen(self, request: RepairRequest) -> tuple[list[DriftView], bool]:
        wanted = DriftFilter(
            ids=request.ids,
            destination=request.destination,
            dossier=request.dossier,
            kind=request.kind,
            field=request.field,
            state=None if request.ids else DriftState.OPEN,
        )
        asked = functools.partial(drifts, wanted=wanted, after=request.after, limit=request.limit + 1)
        rows = await self._database.read(asked)
        missing = {str(each) for each in request.ids} - {row.id for row in rows}
        if missing and len(rows) <= request.limit:
            raise NotFoundError(f"there is no difference {', '.join(sorted(missing)[:5])}")
        return rows[: request.limit], len(rows) > request.limit

    async def _dossier(self, request: RepairRequest, rows: Sequence[DriftView]) -> DossierRepair:
        """One dossier; the partner is asked again when the lane moves meanwhile."""
        name, dossier = rows[0].destination, rows[0].dossier
        refusal = ""
        for _ in range(TRIES):
            try:
                return await self._once(request, rows)
            except LaneMoved as moved:
                refusal = str(moved)
            except ApprovalRequired as waits:
                return DossierRepair(
                    destination=name,
                    dossier=dossier,
                    outcome="not_possible",
                    reason=str(waits),
                    approval=waits.approval,
                )
            except (ConflictError, NotFoundError) as fault:
                refusal = str(fault)
                break
            except CannotEncode as fault:
                inquiry = self._inquiry(name)
                refusal = str(fault) if inquiry is None else inquiry.destination.shown(str(fault))
                break
        return DossierRepair(destination=name, dossier=dossier, outcome="not_possible", reason=refusal)

    async def _once(self, request: RepairRequest, rows: Sequence[DriftView]) -> DossierRepair:
        name, dossier = rows[0].destination, rows[0].dossier
        inquiry = self._inquiry(name)
        if inquiry is None:
            raise ConflictError(f"{name} shows no records, so nobody can tell what it has")
        seen = await self._look(inquiry, dossier)
        if seen.untold is not None:
            return await self._tell(request, inquiry, seen, rows)
        if seen.file is None or seen.expected is None:
            raise ConflictError(f"{name}: dossier {dossier} was never told, so there is nothing to repeat")
        if not request.dry_run:
            now = to_micros(self._clock())
            item = findings(seen, destination=name, run=int(rows[0].run), now=now)
            await self._database.apply(record_findings, item)
        standing = await self._again(rows)
        choice = _choose(seen, standing, allow_backwards=request.allow_backwards)
        if not choice.deliveries:
            outcome: Outcome = "held_back" if _stuck(choice.held_back) else "nothing_to_do"
            return DossierRepair(
                destination=name, dossier=dossier, outcome=outcome, held_back=choice.held_back
            )
        if request.dry_run:
            return _would_order(inquiry, seen.file, choice, seen.answer.learned)
        return await self._order(request, seen.file, choice, seen.answer.learned)

    async def _look(self, inquiry: Inquiry, dossier: str) -> Seen:
        question = functools.partial(
            lane_files,
            destination=inquiry.name,
            codes=[dossier],
            snapshots=snapshot_operations(inquiry),
        )
        file = (await self._database.read(question)).get(dossier)
        ask = functools.partial(_ask_twice, inquiry)
        if file is not None:
            found = await look(inquiry, file, ask)
        else:
            known = await self._database.read(functools.partial(records, codes=[dossier]))
            if dossier not in known:
                raise ConflictError(
                    f"dossier {dossier} has no lane to {inquiry.name}: it is known there and not here, so a person "
                    "must find out where it came from"
                )
            found = await look_for_untold(inquiry, known[dossier], ask)
        match found:
            case Seen():
                return found
            case Silent(why=Silence.UNREAD, reason=reason):
                raise ConflictError(
                    f"{inquiry.name} cannot be asked about dossier {dossier} now ({reason}); what it has decides what "
                    "is sent, so try again when it answers"
                )
            case Silent(why=why, reason=reason):
                raise ConflictError(f"dossier {dossier} at {inquiry.name}: {why}; {reason}")

    async def _tell(
        self, request: RepairRequest, inquiry: Inquiry, seen: Seen, rows: Sequence[DriftView]
    ) -> DossierRepair:
        """Tell for the first time what the partner is to know and was never planned."""
        if not request.dry_run:
            item = findings(
                seen, destination=inquiry.name, run=int(rows[0].run), now=to_micros(self._clock())
            )
            await self._database.apply(record_findings, item)
        choice = _choose(seen, await self._again(rows), allow_backwards=request.allow_backwards)
        if not choice.drifts or seen.untold is None:
            outcome: Outcome = "held_back" if _stuck(choice.held_back) else "nothing_to_do"
            return DossierRepair(
                destination=inquiry.name, dossier=seen.dossier, outcome=outcome, held_back=choice.held_back
            )
        if request.dry_run:
            return _would_tell(inquiry, seen.dossier, seen.untold.plan, choice)
        order = Opening(
            actor=request.actor,
            reason=request.reason,
            now=self._clock(),
            destination=inquiry.name,
            dossier=seen.dossier,
            version=seen.untold.version,
            plan=seen.untold.plan,
            drifts=choice.drifts,
        )
        done: Ordered = await self._database.apply(open_lanes, order)
        return _ordered(order, done, choice)

    async def _again(self, rows: Sequence[DriftView]) -> list[DriftView]:
        """The rows as they stand now."""
        found = [
            await self._database.read(functools.partial(drift_by_id, identifier=int(row.id))) for row in rows
        ]
        return [row for row in found if row is not None]

    async def _order(
        self, request: RepairRequest, file: LaneFile, choice: _Choice, learned: Mapping[str, str]
    ) -> DossierRepair:
        order = RepairOrder(
            actor=request.actor,
            reason=request.reason,
            now=self._clock(),
            destination=file.destination,
            dossier=file.dossier,
            stamp=file.stamp,
            deliveries=choice.deliveries,
            drifts=choice.drifts,
            learned=dict(learned),
            backwards=choice.backwards,
        )
        done: Ordered = await self._database.apply(order_repairs, order)
        return _ordered(order, done, choice)


def _ordered(order: RepairOrder | Opening, done: Ordered, choice: _Choice) -> DossierRepair:
    return DossierRepair(
        destination=order.destination,
        dossier=order.dossier,
        outcome="ordered",
        drifts=done.drifts,
        deliveries=done.deliveries,
        held_back=choice.held_back,
        action=done.action,
    )


async def _ask_twice(inquiry: Inquiry, dossier: str, memory: Mapping[str, str]) -> RecordAnswer:
    answer = await inquiry.ask(dossier, memory)
    if isinstance(answer, Unasked) and answer.answered:
        return await inquiry.ask(dossier, memory)
    return answer


def _choose(seen: Seen, rows: Sequence[DriftView], *, allow_backwards: bool) -> _Choice:
    """Which of the differences ``rows`` can be mended now, by which deliveries, in the partner's order."""
    now = {(str(each.kind), each.field): each for each in seen.comparison.differences}
    chosen: set[int] = set()
    mended: list[int] = []
    held_back: list[HeldBack] = []
    backwards = False
    for row in rows:
        difference = now.get((row.kind, row.field))
        why = _objection(seen, row, difference, allow_backwards=allow_backwards)
        if why is not None:
            held_back.append(HeldBack(drift=row.id, kind=row.kind, field=row.field, why=why))
        elif difference is not None and difference.repair is not None:
            chosen |= set(difference.repair.deliveries)
            mended.append(int(row.id))
            backwards = backwards or difference.repair.backwards
    order = () if seen.expected is None else seen.expected.order
    return _Choice(
        deliveries=tuple(each for each in order if each in chosen),
        drifts=tuple(mended),
        held_back=held_back,
        backwards=backwards,
    )


def _objection(
    seen: Seen, row: DriftView, difference: Difference | None, *, allow_backwards: bool
) -> Literal["needs_a_person", "backwards", "gone", "unjudged", "repairing"] | None:
    if row.state is DriftState.REPAIRING:
        return "repairing"
    if difference is None:
        kinds = {str(kind) for kind in seen.comparison.unjudged}
        unjudged = row.kind in kinds or row.field in seen.comparison.unjudged_fields
        return "unjudged" if unjudged else "gone"
    if difference.repair is None:
        return "needs_a_person"
    return "backwards" if difference.repair.backwards and not allow_backwards else None


def _stuck(held_back: Sequence[HeldBack]) -> bool:
    return any(each.why in {"needs_a_person", "backwards", "unjudged"} for each in held_back)


def _would_order(
    inquiry: Inquiry, file: LaneFile, choice: _Choice, learned: Mapping[str, str]
) -> DossierRepair:
    told = {each.id: each for each in file.delivered}
    again = [told[each] for each in choice.deliveries]
    return DossierRepair(
        destination=file.destination,
        dossier=file.dossier,
        outcome="would_order",
        drifts=[str(each) for each in choice.drifts],
        deliveries=[
            Enqueued(delivery="", operation=each.operation, key=each.key, again=str(each.id))
            for each in again
        ],
        held_back=choice.held_back,
        requests=preview(inquiry, again, {**file.memory, **learned}),
    )


def _would_tell(inquiry: Inquiry, dossier: str, plan: LanePlan, choice: _Choice) -> DossierRepair:
    deliveries = [
        Delivery(
            id=place,
            lane=0,
            destination=plan.destination,
            dossier=dossier,
            operation=each.operation,
            key=each.key,
            position=place,
            payload=each.payload,
        )
        for place, each in enumerate(plan.deliveries, start=1)
    ]
    return DossierRepair(
        destination=plan.destination,
        dossier=dossier,
        outcome="would_order",
        drifts=[str(each) for each in choice.drifts],
        deliveries=[
            Enqueued(delivery="", operation=each.operation, key=each.key, again="") for each in deliveries
        ],
        held_back=choice.held_back,
        requests=preview(inquiry, deliveries, {"partner_code": next(iter(plan.partner_codes), dossier)}),
    )
