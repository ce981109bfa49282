"""Whether the portal's own record says what the province's newest versions say: the judge of the demo.

Invariant: independent of what wrote to the portal. It looks at the records that came in and at the record that the
portal keeps, through a small table of its own; a delivery's state in our database is no evidence here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from gateway.domain.dossier import Dossier, Step
from gateway.domain.status import Status
from mappings.national_portal.stored_record import Kept, KeptDossier

REMEMBERED = 20
SURPLUS = "a dossier that nobody sent"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not the same on both sides. ``kind`` is the column it is counted in."""

    kind: str
    dossier: str
    what: str
    expected: str
    got: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison. ``compared``: dossiers that the portal should have, ``in_step``: those without a difference;
    ``absent``: dossiers that it must not have yet. ``differences``: the first of them, told one by one."""

    compared: int
    in_step: int
    absent: int
    steps: int
    missing: int
    out_of_order: int
    duplicated: int
    different: int
    differences: list[Difference]

    @property
    def holds(self) -> bool:
        """Whether both sides are in step."""
        return not (self.missing or self.out_of_order or self.duplicated or self.different)


class _Row(NamedTuple):
    """One compared thing: its name, its value in the province's record, its value in the portal's."""

    name: str
    ours: Callable[[Dossier], Any]
    theirs: Callable[[KeptDossier], Any]


def _second(instant: datetime | None) -> datetime | None:
    # the wire carries whole seconds
    return None if instant is None else instant.astimezone(UTC).replace(microsecond=0)


def _name(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _short(code: str) -> str:
    """The national part of a procedure code: 1.003560 of 1.003560.000.00.00.H99 (national_portal §3)."""
    return ".".join(code.split(".")[:2])


_ROWS = (
    _Row("status", lambda ours: Status(ours.status).national, lambda kept: kept.status),
    _Row("received_at", lambda ours: _second(ours.received_at), lambda kept: kept.received_at),
    _Row("due_at", lambda ours: _second(ours.due_at), lambda kept: kept.due_at),
    _Row("finished_at", lambda ours: _second(ours.finished_at), lambda kept: kept.finished_at),
    _Row("returned_at", lambda ours: _second(ours.returned_at), lambda kept: kept.returned_at),
    _Row("applicant", lambda ours: _name(ours.applicant.name), lambda kept: kept.applicant),
    _Row(
        "procedure",
        lambda ours: _short(ours.procedure.national_code or ours.procedure.code),
        lambda kept: _short(kept.procedure),
    ),
    _Row("supplements", lambda ours: len(ours.supplements), lambda kept: kept.supplements),
    _Row("results", lambda ours: len(ours.results), lambda kept: kept.results),
)

# §6 of the portal's contract: the end step that a dossier must have in a state, and the instant it happened at
_END_STEPS: Mapping[Status, tuple[tuple[Status, str], ...]] = {
    Status.REFUSED: ((Status.REFUSED, "refused_at"),),
    Status.WITHDRAWN: ((Status.WITHDRAWN, "finished_at"),),
    Status.STOPPED: ((Status.STOPPED, "finished_at"),),
    Status.FINISHED: ((Status.FINISHED, "finished_at"),),
    Status.RETURNED: ((Status.FINISHED, "finished_at"), (Status.RETURNED, "returned_at")),
}
_Moment = tuple[datetime | None, int]


def compare(
    dossiers: Iterable[Dossier],
    kept: Kept,
    *,
    wanted: Callable[[Dossier], bool],
    partner_code: Callable[[str], str],
) -> Verdict:
    """Judge every dossier's newest version against the portal's record.

    ``wanted``: whether the portal is to have it at all. ``partner_code``: its number there, by our own.
    """
    found: list[Difference] = []
    compared = absent = steps = 0
    expected_codes: set[str] = set()
    for dossier in dossiers:
        code = partner_code(dossier.code)
        if not wanted(dossier):
            absent += 1
            continue
        compared += 1
        expected_codes.add(code)
        there = kept.dossiers.get(code)
        if there is not None:
            steps += len(there.steps)
        found += _judge(dossier, there)
    found += [
        Difference(kind="different", dossier=code, what="dossier", expected="nothing", got=SURPLUS)
        for code in sorted(set(kept.dossiers) - expected_codes)
    ]
    return _verdict(found, kept, compared=compared, absent=absent, steps=steps)


def _verdict(found: list[Difference], kept: Kept, *, compared: int, absent: int, steps: int) -> Verdict:
    def count(kind: str) -> int:
        return sum(each.kind == kind for each in found)

    touched = {each.dossier for each in found if each.got != SURPLUS}
    return Verdict(
        compared=compared,
        in_step=compared - len(touched),
        absent=absent,
        steps=steps,
        missing=count("missing"),
        out_of_order=max(count("out_of_order"), kept.out_of_order) + kept.regressions,
        duplicated=max(count("duplicated"), kept.duplicates),
        different=count("different"),
        differences=found[:REMEMBERED],
    )


def _judge(ours: Dossier, kept: KeptDossier | None) -> Iterator[Difference]:
    if kept is None or not kept.known:
        yield _difference("missing", ours, "dossier", "a dossier", "nothing")
        return
    for row in _ROWS:
        expected, got = row.ours(ours), row.theirs(kept)
        if expected != got:
            yield _difference("different", ours, row.name, expected, got)
    yield from _judge_steps(ours, kept)


def _judge_steps(ours: Dossier, kept: KeptDossier) -> Iterator[Difference]:
    """Each step once, in order of time; beyond them only what the contract demands and the record implies."""
    expected = [_moment(step) for step in sorted(ours.steps, key=lambda step: step.at)]
    demanded = _demanded(ours)
    arrived: list[_Moment] = [(step.at, step.status) for step in kept.steps]
    own = list(arrived)
    for moment in arrived:
        if moment in demanded and moment not in expected:
            own.remove(moment)
            demanded.remove(moment)
    if own == expected:
        return
    for moment in _left_over(expected, own):
        yield _difference("missing", ours, "step", moment, None)
    for moment in _left_over(own, expected):
        kind = "duplicated" if moment in expected else "different"
        yield _difference(kind, ours, "step", None, moment)
    if sorted(own, key=str) == sorted(expected, key=str):
        yield _difference("out_of_order", ours, "steps", "order of time", "another order")


def _left_over(first: list[_Moment], second: list[_Moment]) -> list[_Moment]:
    rest = list(first)
    for moment in second:
        if moment in rest:
            rest.remove(moment)
    return rest


def _moment(step: Step) -> _Moment:
    return _second(step.at), Status(step.status).national


def _demanded(ours: Dossier) -> list[_Moment]:
    ends = [
        (getattr(ours, field), status)
        for status, field in ((Status.RECEIVED, "received_at"), *_END_STEPS.get(Status(ours.status), ()))
    ]
    return [(_second(at), status.national) for at, status in ends if at is not None]


def _difference(kind: str, ours: Dossier, what: str, expected: object, got: object) -> Difference:
    return Difference(kind=kind, dossier=ours.code, what=what, expected=str(expected), got=str(got))
