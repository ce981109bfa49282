"""What a partner's report means for a dossier that we may already have. Pure.

Invariants: a report never moves a dossier backwards (domain_rules §4.3) and never replaces the record of another
source; where a partner says when things happened, its reports count in that order, whichever comes first; what is not
taken over is told all the same, so that nothing a partner says is lost.
"""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias, assert_never

import msgspec

from gateway.codec import canonical
from gateway.domain.dossier import Dossier, Portal
from gateway.domain.status import Status, Verdict, judge_move
from gateway.port import Report
from gateway.storage.callbacks import Standing
from gateway.storage.progress import Course, Said

IGNORED = "report.ignored"
FLAGGED = "report.flagged"
STORED = "dossier.stored"
ENDS = frozenset({Status.REFUSED, Status.WITHDRAWN, Status.FINISHED, Status.RETURNED})
"""States that a partner does not take back (a stopped dossier may go on)."""
_Judged: TypeAlias = Verdict | Literal["backwards", "late"]


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """An event to be: its kind and its JSON document."""

    kind: str
    data: bytes


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a report. ``dossier``: to be stored, complete with version and source.

    ``expected_version``: the version it replaces, 0 for none. ``status``: what the partner itself has now. ``may_follow``:
    ignored as things stand, but it can have its effect once something earlier has come. ``late``: overtaken by the
    partner's own newer word; what it has issued is issued all the same.
    """

    handling: Literal["accepted", "ignored"]
    notices: tuple[Notice, ...]
    dossier: Dossier | None = None
    expected_version: int = 0
    status: Status | None = None
    may_follow: bool = False
    late: bool = False


def rule(destination: str, report: Report, standing: Standing | None, course: Course | None = None) -> Ruling:
    """Decide about ``report`` of ``destination``, given how its dossier stands with us (None: it does not), and where
    the report belongs (None: the partner does not say when things happened)."""
    reported = _reported(report)
    told = Notice(kind=report.kind, data=report.data)
    notices: tuple[Notice, ...]
    match _verdict(reported, standing, course):
        case "impossible" | "backwards" | "late" as reason:
            remark = _remark(IGNORED, report, reported, standing, reason)
            late, may_follow = reason == "late", course is not None and reason != "late"
            return Ruling(handling="ignored", notices=(remark,), may_follow=may_follow, late=late)
        case "flagged":
            notices = (told, _remark(FLAGGED, report, reported, standing, "flagged"))
        case "allowed" | "same":
            notices = (told,)
        case other:
            assert_never(other)
    dossier = _to_store(destination, report, standing)
    if dossier is None:
        return Ruling(handling="accepted", notices=notices, status=reported)
    return Ruling(
        handling="accepted",
        notices=(_stored(dossier), *notices),
        dossier=dossier,
        expected_version=0 if standing is None else standing.version,
        status=reported,
    )


def _reported(report: Report) -> Status | None:
    if report.status is not None:
        return report.status
    return None if report.dossier is None else Status(report.dossier.status)


def _verdict(reported: Status | None, standing: Standing | None, course: Course | None) -> _Judged:
    """``_judged``, and "late" for what the partner's own newer word has overtaken."""
    if reported is None or standing is None:
        return "allowed"
    current = Status(standing.status)
    if (
        course is not None
        and course.newest is not None
        and _is_late(reported, current, course, course.newest)
    ):
        return "late"
    return _judged(current, reported)


def _is_late(reported: Status, current: Status, course: Course, newest: Said) -> bool:
    """Whether ``reported`` says nothing that the dossier is still to become.

    At one instant the state with the higher number is the later one: a course that takes no time runs forward. The
    newest word again, under another name, may add to the dossier's state and bring none back that it has left. An end
    is the one thing that is not late when work was told after it: work that follows an end is no news (``_judged``), so
    an end counts in whichever order the two come.
    """
    last = Status(newest.status)
    mine, theirs = (course.at, reported.national), (newest.at, last.national)
    if mine > theirs:
        return False
    if mine == theirs:
        return reported is not current
    return reported not in ENDS or _judged(reported, last) not in {"impossible", "backwards"}


def _judged(before: Status, after: Status) -> _Judged:
    """The verdict of domain_rules §4.3, and "backwards" for a flagged move to an earlier state."""
    verdict = judge_move(before, after)
    return "backwards" if verdict == "flagged" and after.national < before.national else verdict


def _to_store(destination: str, report: Report, standing: Standing | None) -> Dossier | None:
    """The dossier with the version that it gets here; None when there is nothing to store.

    Once the one-door system has sent a version of its own, the record is its own: a resent dossier is told, not
    stored. Until then the partner may send a corrected one; a first filing that comes after its correction is late.
    """
    if report.dossier is None:
        return None
    if standing is not None and (standing.source != destination or not report.corrects):
        return None
    mine = msgspec.structs.replace(report.dossier, source=destination, origin=Portal.NATIONAL)
    if standing is None:
        return msgspec.structs.replace(mine, version=1)
    same = msgspec.structs.replace(mine, version=standing.version)
    if hashlib.sha256(canonical.encode(same)).digest() == standing.digest:
        return None
    return msgspec.structs.replace(mine, version=standing.version + 1)


def _stored(dossier: Dossier) -> Notice:
    data = {"version": dossier.version, "source": dossier.source, "status": dossier.status}
    return Notice(kind=STORED, data=msgspec.json.encode(data))


def _remark(
    kind: str, report: Report, reported: Status | None, standing: Standing | None, reason: str
) -> Notice:
    data = {
        "kind": report.kind,
        "reason": reason,
        "reported_status": reported,
        "status": None if standing is None else standing.status,
        "version": None if standing is None else standing.version,
        "report": msgspec.Raw(report.data),
    }
    return Notice(kind=kind, data=msgspec.json.encode(data))
