"""From the meaning of an answer to what the hub is told (construction §4, §4.3).

Invariant: only a verdict that says so is an acceptance; a question that got no answer is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from adapters.construction.course import CLOSED, FILED, NOTICE, Turn, closing, learnt
from gateway.codec import Unreadable
from gateway.domain.outcome import Accepted, Actor, Deferred, InDoubt, Outcome, Rejected
from gateway.domain.status import Status
from gateway.port import CannotRead
from mappings.construction.answers import Understood
from mappings.construction.reading import Seen, notice_number, own_number, states
from mappings.construction.responses import Verdict
from mappings.construction.submission import Submission, content

_TAKEN_ON = frozenset({Status.PROCESSING, Status.PAYMENT_REQUESTED})


def failed(said: Understood) -> Outcome:
    """The outcome where a call did not do what it is for; an expired credential is somebody else's."""
    code, reason = said.code, said.reason
    match said.verdict:
        case Verdict.REFUSED | Verdict.NOT_YET | Verdict.PRESENT | Verdict.ABSENT | Verdict.STALE_CURSOR:
            return Rejected(code=code, reason=reason)
        case Verdict.MISCONFIGURED:
            return Rejected(code=code, reason=reason, actor=Actor.OPERATOR)
        case Verdict.LATER:
            return Deferred(code=code, reason=reason, retry_after=said.retry_after)
        case Verdict.EXPIRED | Verdict.UNKNOWN | Verdict.DONE:
            return InDoubt(code=code, reason=reason)
        case _:
            assert_never(said.verdict)


def submitted(
    said: Understood, turn: Turn, told: Submission, memory: Mapping[str, str], *, adopt: bool
) -> Outcome:
    """The answer to what an application has come to."""
    match turn:
        case Turn.FILE:
            return filed(said, told, adopt=adopt)
        case Turn.ANSWER:
            return answered(said, told, memory)
        case Turn.ASK:
            return asked(said, told, memory)
        case _:
            assert_never(turn)


def filed(said: Understood, told: Submission, *, adopt: bool) -> Outcome:
    """The answer to an application or a request."""
    if said.verdict is Verdict.DONE:
        return Accepted(receipt=_number(said), learned=learnt(told))
    if said.verdict is Verdict.PRESENT and said.certain and adopt:
        return Accepted(receipt=said.reason, learned=learnt(told))
    return failed(said)


def answered(said: Understood, told: Submission, memory: Mapping[str, str]) -> Outcome:
    """The answer to a supplement."""
    if said.verdict is Verdict.DONE:
        return Accepted(receipt=memory.get(NOTICE, ""), learned={**learnt(told), **closing(memory)})
    return failed(said)


def asked(said: Understood, told: Submission, memory: Mapping[str, str]) -> Outcome:
    """The answer to whether there is a notice, before its answer may leave."""
    if said.verdict is Verdict.DONE and said.content is not None:
        number = notice_number(said.content)
        if number and number != memory.get(CLOSED):
            reason = f"the ministry's notice {number} is to be answered"
            return Deferred(code="notice_open", reason=reason, retry_after=0.0, learned={NOTICE: number})
    elif said.verdict is not Verdict.NOT_YET or not said.certain:
        return failed(said)
    if memory.get(FILED) == content(told):
        # a round between the office and the applicant, of which the ministry needs to know nothing
        return Accepted(receipt="nothing is asked of the applicant", learned=learnt(told))
    return Rejected(
        code="changed_unasked",
        reason="the ministry has the dossier and has asked for nothing; it takes changes only in answer to its "
        "notice: restore what was filed, or withdraw the dossier and file it anew",
    )


def withdrawn(said: Understood) -> Outcome:
    """The answer to a withdrawal; what the ministry does not have needs none."""
    if said.verdict is Verdict.DONE or (said.verdict is Verdict.ABSENT and said.certain):
        return Accepted(receipt=said.reason)
    return failed(said)


def settled(
    said: Understood, number: str, turn: Turn, told: Submission, memory: Mapping[str, str]
) -> Outcome:
    """What a question says about an application, or about the answer to a notice, whose own answer was lost."""
    if turn is Turn.ASK:
        return _asked_again(said)
    if said.verdict is Verdict.ABSENT and said.certain:
        return Deferred(code="absent", reason="the ministry does not have the dossier")
    seen = _seen(said, number)
    if not isinstance(seen, Seen):
        return seen
    if turn is Turn.FILE:
        return Accepted(receipt=seen.partner_code, learned=learnt(told))
    return _answer_taken(seen.report.status, told, memory)


def _answer_taken(status: Status | None, told: Submission, memory: Mapping[str, str]) -> Outcome:
    """Whether the ministry has the answer to its notice, by the state of the dossier."""
    if status is Status.SUPPLEMENT_REQUESTED:
        return Deferred(code="absent", reason="the ministry still waits for the supplement")
    if status in _TAKEN_ON:
        return Accepted(receipt=memory.get(NOTICE, ""), learned={**learnt(told), **closing(memory)})
    # §2: without an answer in time the ministry decides too, so a decision tells nothing of it
    return InDoubt(
        code="decided", reason=f"the dossier is {status} at the ministry; ask it about the supplement"
    )


def settled_withdrawal(said: Understood, number: str) -> Outcome:
    """What a question says about a withdrawal whose answer was lost."""
    if said.verdict is Verdict.ABSENT and said.certain:
        return Accepted(receipt=said.reason)
    seen = _seen(said, number)
    if not isinstance(seen, Seen):
        return seen
    if seen.report.status is Status.WITHDRAWN:
        return Accepted(receipt=seen.report.title)
    return Deferred(code="absent", reason=f"the dossier is {seen.report.status} at the ministry")


def settled_request(said: Understood, told: Submission) -> Outcome:
    """What a question says about a request for planning information whose answer was lost."""
    match said.verdict:
        case Verdict.DONE | Verdict.NOT_YET if said.certain:
            return Accepted(receipt=said.reason, learned=learnt(told))
        case Verdict.ABSENT if said.certain:
            return Deferred(code="absent", reason="the ministry does not have the request")
        case _:
            return _unanswered(said)


def unread(said: Understood, renew: tuple[str, ...] = ()) -> CannotRead:
    """Why a question told nothing."""
    return CannotRead(code=said.code, reason=said.reason, renew=renew)


def _asked_again(said: Understood) -> Outcome:
    """The lost answer was one to a question, which changes nothing: it may be asked again."""
    if said.verdict in {Verdict.DONE, Verdict.ABSENT, Verdict.NOT_YET} and said.certain:
        return Deferred(code="asked_again", reason="a question to the ministry got no answer")
    return _unanswered(said)


def _seen(said: Understood, number: str) -> Seen | InDoubt:
    if said.verdict is not Verdict.DONE or said.content is None:
        return _unanswered(said)
    try:
        found = next((each for each in states(said.content) if each.dossier == number), None)
    except Unreadable as fault:
        return InDoubt(code=fault.code, reason=fault.reason, ask_again=True)
    if found is None:
        return InDoubt(code="other_dossier", reason="the answer is about another dossier", ask_again=True)
    return found


def _unanswered(said: Understood) -> InDoubt:
    return InDoubt(code=said.code, reason=said.reason, ask_again=True)


def _number(said: Understood) -> str:
    """MaHoSoBXD: the ministry's own number."""
    return "" if said.content is None else own_number(said.content)
