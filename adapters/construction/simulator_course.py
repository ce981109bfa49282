"""How a dossier goes its way at the ministry's stand-in: scripts on a scripted clock (construction §4, §7).

Invariant: everything follows from the script, the times of the calls and the length of a day; one notice at most, and
nothing moves a dossier that has come to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from adapters.construction.simulator_decisions import answer_planning, grant, refuse
from adapters.construction.simulator_elements import said, whole
from adapters.construction.simulator_model import PLANNING, Case, Notice, World, works_of

# Deeds with their time, as a part of the promise.
_APPRAISAL = ((0.07, "receive"), (0.14, "appraise"))
_REST = ((0.43, "consult"), (0.71, "sign"), (0.86, "decide"))
COURSES: Mapping[str, tuple[tuple[float, str], ...]] = {
    "permit": (*_APPRAISAL, (0.29, "visit"), *_REST),
    "supplement": (*_APPRAISAL, (0.29, "ask")),
    "unsatisfied": (*_APPRAISAL, (0.29, "ask")),
    "refusal": (*_APPRAISAL, (0.29, "visit"), (0.71, "sign"), (0.86, "refuse")),
    "late": _APPRAISAL,
    "reception": ((0.07, "reject"),),
    "stop": (*_APPRAISAL, (0.43, "stop")),
    "fee": (*_APPRAISAL, (0.29, "charge")),
    # not begun by a filing
    "supplied": ((0.0, "appraise"), (0.14, "consult"), (0.29, "sign"), (0.43, "decide")),
    "wrongly_supplied": ((0.0, "appraise"),),
    "planning": ((0.07, "receive"), (0.14, "appraise"), (0.86, "inform")),
}
_BY_DIGIT = {"6": "supplement", "7": "unsatisfied", "8": "refusal", "9": "late"}
_ASKED = (("CAM_KET", "Bản cam kết bảo đảm an toàn công trình liền kề"),)
_ASKED_OTHERWISE = (("GPXD_DA_CAP", "Giấy phép xây dựng đã cấp"),)


def script_for(investor: str, world: World, number: str) -> str:
    """What becomes of a dossier: as ordered, else by the last digit of the investor's number (§7)."""
    return world.scripts.get(number) or _BY_DIGIT.get(investor[-1:], "permit")


def begin(world: World, case: Case, at: datetime, course: str = "") -> None:
    """Set the case on a course from ``at`` on; whatever was planned is forgotten."""
    case.turn += 1
    for part, deed in COURSES[course or ("planning" if case.kind == PLANNING else case.script)]:
        world.plan(case, at + world.days(part * case.days), deed)


def advance(world: World, now: datetime) -> None:
    """Everything that has become due, in its order."""
    world.now = now if world.now is None else max(now, world.now)
    while (entry := world.due(now)) is not None:
        case, at, deed = entry
        DEEDS[deed](world, case, at)


def supplied(world: World, case: Case, at: datetime, kinds: set[str]) -> None:
    """The applicant has answered; what was asked for is there or is not (§2, art. 54.2.b)."""
    if case.notice is None:
        raise AssertionError("nothing was asked for")
    case.notice.answered_at = at
    enough = case.script != "unsatisfied" and {kind for kind, _ in case.notice.papers} <= kinds
    begin(world, case, at, "supplied" if enough else "wrongly_supplied")
    if not enough:
        world.plan(case, at + world.days(1), "refuse_supplement")
    advance(world, at)


def finish(world: World, case: Case, at: datetime) -> None:
    """Bring the case to where its course leads, at once: to its decision, or to the notice."""
    deeds = [deed for deed in world.planned(case) if deed != "lapse"]
    for deed in deeds:
        DEEDS[deed](world, case, at)
    if not deeds and case.state in {"2", "4"}:
        DEEDS["inform" if case.kind == PLANNING else "decide"](world, case, at)


def paid(world: World, case: Case, at: datetime) -> None:
    """What was due has been paid."""
    begin(world, case, at, "supplied")


def _process(step: str) -> Callable[[World, Case, datetime], None]:
    return lambda world, case, at: world.move(case, "4", at, step=step)


def _ask(world: World, case: Case, at: datetime) -> None:
    wanted = _ASKED if works_of(case) else _ASKED_OTHERWISE
    titles = ", ".join(title for _, title in wanted)
    case.notice = Notice(
        number=f"BS-{world.next('notice'):04d}",
        at=at,
        until=at + world.days(world.config.supplement_days),
        reason=f"Thiếu hoặc chưa hợp lệ: {titles}",
        papers=wanted,
    )
    world.move(case, "5", at, step="1", reason=case.notice.reason)
    world.plan(case, case.notice.until + world.days(1), "lapse")


def _refuse_because(reason: str) -> Callable[[World, Case, datetime], None]:
    return lambda world, case, at: refuse(world, case, at, reason)


def _decide(world: World, case: Case, at: datetime) -> None:
    grant(world, case, at)


def _reject(world: World, case: Case, at: datetime) -> None:
    world.move(case, "3", at, reason="Hồ sơ không thuộc thẩm quyền")


def _stop(world: World, case: Case, at: datetime) -> None:
    world.move(case, "8", at, reason="Dừng giải quyết theo đề nghị của cơ quan có thẩm quyền")


def _charge(world: World, case: Case, at: datetime) -> None:
    fee = whole(said(case.told, "LePhi", "SoTien")) or 75_000
    world.move(case, "6", at, reason=f"Nộp lệ phí {fee} đồng")


DEEDS: Mapping[str, Callable[[World, Case, datetime], None]] = {
    "receive": lambda world, case, at: world.move(case, "2", at),
    "appraise": _process("1"),
    "visit": _process("2"),
    "consult": _process("3"),
    "sign": _process("4"),
    "ask": _ask,
    "lapse": _refuse_because("Không bổ sung hồ sơ trong thời hạn"),
    "refuse_supplement": _refuse_because("Hồ sơ bổ sung chưa đáp ứng yêu cầu"),
    "refuse": _refuse_because("Không phù hợp quy hoạch được duyệt"),
    "reject": _reject,
    "stop": _stop,
    "charge": _charge,
    "decide": _decide,
    "inform": answer_planning,
    "return": lambda world, case, at: world.move(case, "10", at),
}
