"""From the meaning of an answer to what the hub is told (judicial_records §4.3-§4.5, §7).

Invariant: only a row that says so is an acceptance; after a question, what cannot be read is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from adapters.judicial_records.manifest import SUBMIT
from gateway.domain.outcome import Accepted, Actor, Deferred, InDoubt, Outcome, Rejected
from gateway.mapping import Row
from gateway.port import CannotRead
from mappings.judicial_records.answers import Told, told
from mappings.judicial_records.outcome import row_of
from mappings.judicial_records.responses import Verdict

ROUND = "round"
"""Name in a lane's memory: how often the centre has taken the application."""


def outcome(row: Row, answer: Told, operation: str, memory: Mapping[str, str]) -> Outcome:
    """What an answer says about one delivery."""
    code, reason = _named(row, answer)
    verdict = Verdict(row.verdict)
    match verdict:
        case Verdict.DONE:
            learned = {ROUND: str(rounds(memory) + 1)} if operation == SUBMIT else {}
            return Accepted(receipt=told(answer.answer.message), learned=learned)
        case Verdict.AGAIN:
            return Deferred(code=code, reason=reason)
        case Verdict.OURS:
            return Rejected(code=code, reason=reason, actor=Actor.OPERATOR)
        case Verdict.REFUSED:
            return Rejected(code=code, reason=reason)
        case Verdict.ABSENT | Verdict.UNKNOWN:
            return InDoubt(code=code, reason=reason)
        case _:
            assert_never(verdict)


def settled(row: Row, answer: Told, number: str, memory: Mapping[str, str]) -> Outcome:
    """What the answer to a question says about an application."""
    if row.verdict != Verdict.DONE or answer.rows is None:
        code, reason = _named(row, answer)
        return InDoubt(code=code, reason=reason, ask_again=True)
    if row_of(answer.rows, number) is not None:
        if rounds(memory):
            reason = "the centre has the dossier, but does not show whether it has the latest application"
            return InDoubt(code="present_before", reason=reason)
        return Accepted(learned={ROUND: "1"})
    if answer.rows:
        return InDoubt(code="other_dossier", reason="the answer is about another dossier", ask_again=True)
    return Deferred(code="absent", reason="the centre does not have the dossier")


def unread(row: Row, answer: Told) -> CannotRead:
    """Why a poll told nothing."""
    code, reason = _named(row, answer)
    return CannotRead(code=code, reason=reason)


def rounds(memory: Mapping[str, str]) -> int:
    """How often the centre has taken the application."""
    known = memory.get(ROUND, "")
    return int(known) if known.isascii() and known.isdecimal() and len(known) < 6 else 0


def _named(row: Row, answer: Told) -> tuple[str, str]:
    code = told(answer.answer.code)
    return f"{row.name}:{code}" if code else row.name, told(answer.answer.message) or row.why
