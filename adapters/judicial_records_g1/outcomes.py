"""From the meaning of an answer to what the hub is told (judicial_records §5, §6).

Invariant: only STATUS of success is an acceptance, and only a state that is shown proves that the centre has a dossier.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from adapters.judicial_records_g1.settings import Settings
from gateway.codec import canonical
from gateway.domain.outcome import Accepted, Actor, Deferred, InDoubt, Outcome, Rejected
from gateway.domain.status import Status
from gateway.mapping import CodeTable, Row
from gateway.port import CannotRead
from gateway.port.progress import FeedChange, Progress, ProgressReport
from mappings.judicial_records_g1.answers import Standing, Told, identifier, standing, text, told
from mappings.judicial_records_g1.responses import Verdict

REGISTERED = "registered"
"""Name in a lane's memory: the digest of the application that the centre has taken."""
_ID = "declaration_id"


def outcome(row: Row, answer: Told, digest: str) -> Outcome:
    """What an answer says about an application."""
    code, reason = named(row, answer)
    verdict = Verdict(row.verdict)
    match verdict:
        case Verdict.DONE:
            learned = {REGISTERED: digest, _ID: identifier(answer.fields, "id")}
            return Accepted(receipt=told(answer.answer.message), learned=learned)
        case Verdict.OURS:
            return Rejected(code=code, reason=reason, actor=Actor.OPERATOR)
        case Verdict.REFUSED:
            return Rejected(code=code, reason=reason)
        case Verdict.ABSENT | Verdict.UNKNOWN:
            return InDoubt(code=code, reason=reason)
        case _:
            assert_never(verdict)


def settled(row: Row, answer: Told, digest: str, memory: Mapping[str, str], settings: Settings) -> Outcome:
    """What the answer to a question says about an application."""
    code, reason = named(row, answer)
    if row.verdict == Verdict.ABSENT:
        return Deferred(
            code=code, reason=reason, retry_after=settings.absent_after_s, learned={REGISTERED: "", _ID: ""}
        )
    if row.verdict != Verdict.DONE or not text(answer.fields, "dec_status_id"):
        return InDoubt(code=code, reason=reason, ask_again=True)
    if memory.get(REGISTERED, digest) != digest:
        return InDoubt(
            code="present_before",
            reason="the centre has the dossier, but does not show whether it has the latest application",
        )
    return Accepted(learned={REGISTERED: digest})


def progress(row: Row, answer: Told, states: CodeTable, settings: Settings) -> Progress | CannotRead:
    """What the answer to a poll tells: that the certificate is ready, or nothing."""
    shown = standing(answer.fields, states)
    if row.verdict != Verdict.DONE or shown is None:
        code, reason = named(row, answer)
        return CannotRead(code=code, reason=reason)
    reports = _reports(shown, settings)
    return Progress(reports=reports, done=bool(reports))


def changes(answer: Told, states: CodeTable, settings: Settings) -> tuple[tuple[FeedChange, ...], str]:
    """The dossiers in a list of changed states, and the ids by which the list is marked as fetched."""
    found, ids = [], []
    for row in answer.rows or ():
        number, shown = text(row, "receive_no"), standing(row, states)
        if number and shown is not None:
            found.append(FeedChange(dossier=number, reports=_reports(shown, settings), ask=False))
            ids.append(identifier(row, "declaration_id"))
    return tuple(found), ";".join(filter(None, ids))


def _reports(shown: Standing, settings: Settings) -> tuple[ProgressReport, ...]:
    if shown.status is not Status.FINISHED:
        return ()
    days = {"approved_on": shown.approved_on, "issued_on": shown.issued_on}
    return (
        ProgressReport(
            key="issued",
            kind="judicial_record.issued",
            status=Status.FINISHED,
            title="Đã có phiếu lý lịch tư pháp",
            unit=settings.issuer,
            data=canonical.encode({name: day for name, day in days.items() if day}),
        ),
    )


def named(row: Row, answer: Told) -> tuple[str, str]:
    """Code and reason of an answer, as they may be stored and shown."""
    code = told(answer.answer.code)
    return f"{row.name}:{code}" if code else row.name, told(answer.answer.message) or row.why
