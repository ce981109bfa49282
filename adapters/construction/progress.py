"""What the ministry is asked about a dossier, one question after the other, and what its answers tell (construction §4).

A state calls for the notice or the decision, and those for an acknowledgement. Invariant: a state that waits for
something is told together with it, so that nobody sees a supplement without its reason or an end without its result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from adapters.construction.course import ABOUT, CLOSED, ENDED, NEXT, NOTICE, QUESTION, SINCE, UNTOLD
from gateway.codec import Unreadable
from gateway.codec.xml import Element
from gateway.domain.status import Status
from gateway.port import CannotRead, Context
from gateway.port.progress import FeedChange, FeedPage, Progress, ProgressReading, ProgressReport
from mappings.construction import lookups, operations, reading
from mappings.construction.answers import Understood
from mappings.construction.reading import Seen
from mappings.construction.responses import Verdict


class Asking(StrEnum):
    """The next question; what a lane remembers of it."""

    STATE = "state"
    NOTICE = "notice"
    NOTICE_TAKEN = "notice_taken"
    DECISION = "decision"
    DECISION_TAKEN = "decision_taken"
    INFORMATION = "information"
    INFORMATION_TAKEN = "information_taken"


class Question(Struct, frozen=True, kw_only=True):
    """An operation of the contract; ``information``: what an acknowledgement is of."""

    operation: str
    information: str = ""


QUESTIONS: dict[Asking, Question] = {
    Asking.STATE: Question(operation=operations.STATES),
    Asking.NOTICE: Question(operation=operations.NOTICE),
    Asking.NOTICE_TAKEN: Question(operation=operations.ACKNOWLEDGE, information=operations.NOTICE_TAKEN),
    Asking.DECISION: Question(operation=operations.DECISION),
    Asking.DECISION_TAKEN: Question(operation=operations.ACKNOWLEDGE, information=operations.DECISION_TAKEN),
    Asking.INFORMATION: Question(operation=operations.PLANNING),
    Asking.INFORMATION_TAKEN: Question(
        operation=operations.ACKNOWLEDGE, information=operations.PLANNING_TAKEN
    ),
}
STATES_TAKEN = Question(operation=operations.ACKNOWLEDGE, information=operations.STATES_TAKEN)
_END_OF_WORK = timedelta(hours=17)
_OVER = frozenset({Status.REFUSED, Status.STOPPED, Status.WITHDRAWN})
_DECIDED = frozenset({Status.FINISHED, Status.RETURNED})
# The province has told the ministry of these itself.
_NO_NEWS = frozenset({Status.REGISTERED, Status.RECEIVED})
# What an acknowledgement that comes a second time, or too late, is answered with: there is nothing left to do.
SETTLED = frozenset({Verdict.DONE, Verdict.REFUSED, Verdict.PRESENT, Verdict.ABSENT, Verdict.NOT_YET})


def asking(memory: Mapping[str, str]) -> Asking:
    """What is asked about a dossier now."""
    remembered = memory.get(NEXT, "")
    # a name that another version of this program has written means nothing here
    return Asking(remembered) if remembered in set(Asking) else Asking.STATE


def told(question: Asking, said: Understood, number: str, context: Context) -> Progress | CannotRead | None:
    """What the answer to ``question`` about ``number`` tells; None when it is none. Unreadable when its contents are not
    what they should be."""
    match question:
        case Asking.STATE:
            return _state(said, number, context.memory)
        case Asking.NOTICE:
            return _notice(said, context)
        case Asking.DECISION:
            return _result(said, reading.result, Asking.DECISION_TAKEN, context)
        case Asking.INFORMATION:
            return _result(said, reading.planning, Asking.INFORMATION_TAKEN, context)
        case Asking.NOTICE_TAKEN:
            return Progress(learned={NEXT: ""}) if said.verdict in SETTLED else None
        case Asking.DECISION_TAKEN | Asking.INFORMATION_TAKEN:
            return Progress(done=True, learned={NEXT: ""}) if said.verdict in SETTLED else None
        case _:
            assert_never(question)


def readable(question: Asking, said: Understood, number: str, context: Context) -> ProgressReading | None:
    """The same, with contents that cannot be read told as such."""
    try:
        return told(question, said, number, context)
    except Unreadable as fault:
        return CannotRead(code=fault.code, reason=fault.reason)


def feed(content: Element, cursor: str) -> FeedPage:
    """A page of changes; what waits for something else is asked for. Unreadable as in ``told``."""
    page = lookups.feed(content, cursor)
    return replace(page, changes=tuple(_change(each) for each in page.changes))


def _change(change: FeedChange) -> FeedChange:
    statuses = {each.status for each in change.reports}
    asks = bool(statuses & (_OVER | _DECIDED | {Status.SUPPLEMENT_REQUESTED}))
    news = tuple(each for each in change.reports if _is_news(each))
    return replace(change, reports=news, ask=asks)


def _is_news(report: ProgressReport) -> bool:
    return report.status not in (_NO_NEWS | _DECIDED | {Status.SUPPLEMENT_REQUESTED})


def _state(said: Understood, number: str, memory: Mapping[str, str]) -> Progress | CannotRead | None:
    if said.verdict is Verdict.ABSENT and said.certain and memory.get(ABOUT) == QUESTION:
        # §4: it is not said that the states of requests are told like those of applications
        return Progress(again=True, learned={NEXT: Asking.INFORMATION})
    if said.verdict is not Verdict.DONE or said.content is None:
        return None
    seen = next((each for each in reading.states(said.content) if each.dossier == number), None)
    if seen is None:
        return CannotRead(code="not_shown", reason="the ministry does not show the dossier")
    return _course(seen, memory)


def _course(seen: Seen, memory: Mapping[str, str]) -> Progress:
    report, planning = seen.report, memory.get(ABOUT) == QUESTION
    status = report.status
    if status is Status.SUPPLEMENT_REQUESTED:
        # the notice could not be had when it was asked for, so the state alone has to do
        alone = (report,) if memory.get(UNTOLD) else ()
        if memory.get(NOTICE):
            return Progress(reports=alone, learned={NEXT: ""})
        return Progress(reports=alone, again=True, learned={NEXT: Asking.NOTICE, SINCE: _written(report.at)})
    if status in _DECIDED:
        following = Asking.INFORMATION if planning else Asking.DECISION
        return Progress(again=True, learned={NEXT: following, ENDED: _written(report.at)})
    if status in _OVER:
        return Progress(reports=(report,), done=True, learned={NEXT: ""})
    return Progress(reports=(report,) if _is_news(report) else (), learned={NEXT: ""})


def _notice(said: Understood, context: Context) -> Progress | None:
    memory = context.memory
    if said.verdict is Verdict.NOT_YET:
        return Progress(learned={NEXT: "", UNTOLD: "1"})
    if said.verdict is not Verdict.DONE or said.content is None:
        return None
    report = reading.notice(said.content)
    if report is None:
        return Progress(learned={NEXT: "", UNTOLD: "1"})
    number = reading.notice_number(said.content)
    if number == memory.get(CLOSED):  # it was answered, which its state does not show yet
        return Progress(learned={NEXT: ""})
    # the notice may be dated before the state that shows it, and states are put in order by their own instants
    asked = replace(report, status=Status.SUPPLEMENT_REQUESTED, at=_remembered(context, SINCE) or report.at)
    return Progress(
        reports=(asked,),
        again=True,
        learned={NEXT: Asking.NOTICE_TAKEN, NOTICE: number, UNTOLD: ""},
    )


def _result(
    said: Understood, read: Callable[[Element], ProgressReport | None], taken: Asking, context: Context
) -> Progress | None:
    if said.verdict is Verdict.NOT_YET:
        return Progress(learned={NEXT: ""})
    if said.verdict is not Verdict.DONE or said.content is None:
        return None
    report = read(said.content)
    if report is None:  # an end without a decision is none yet
        return Progress(learned={NEXT: ""})
    decided = replace(report, status=Status.FINISHED, at=_decided_at(report, context))
    return Progress(reports=(decided,), again=True, learned={NEXT: taken})


def _decided_at(report: ProgressReport, context: Context) -> datetime | None:
    """The instant that the state told; the document itself has a day only, and its end of work is taken then."""
    told = _remembered(context, ENDED)
    if told is not None or report.at is None:
        return told
    return min(report.at + _END_OF_WORK, context.now)


def _written(at: datetime | None) -> str:
    return "" if at is None else at.isoformat()


def _remembered(context: Context, name: str) -> datetime | None:
    """An instant in the lane's memory; None without one, or when another program has written it."""
    try:
        at = datetime.fromisoformat(context.memory.get(name, ""))
    except ValueError:
        return None
    return None if at.tzinfo is None else at
