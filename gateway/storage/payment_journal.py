"""The journal of a payment platform's reports: one row per distinct body, its effect, and the answer that was given.

Invariants: a body has its effect once, whoever sends it and however often at once, and a repetition gets the bytes that
were decided together with the effect; only what found no attempt, or one that waited for a person, is judged again
(payment_platform §5.5, §11.5). What was logged, judged and answered is committed together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from gateway.domain.payment import AttemptState, Evidence
from gateway.port.payment import PaymentReport
from gateway.port.wire import WireResponse
from gateway.storage.instants import to_micros
from gateway.storage.payment_lookup import named_attempt
from gateway.storage.payments import Applied, apply_evidence
from gateway.storage.rows import MessageRow, insert_messages
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

ORPHAN = "orphan"
REPEATED = "repeated"
# A captured report can be sent again for ever (§13): from here on only its counter grows.
LOGGED_DELIVERIES = 20
LONGEST_URL = 1000
Entries = Callable[[WireResponse, str, str, str | None], Sequence[MessageRow]]
"""Makes the log entries of a call, given its answer, effect, code and dossier."""


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """A report that was proved to be the platform's. ``message``: id of the log entry that it will stand in."""

    destination: str
    report: PaymentReport
    at: datetime
    message: int
    entries: Entries


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What to answer, now that it is durable. ``effect``: of ``gateway.domain.payment.Decision``."""

    response: WireResponse
    effect: str
    alarm: str = ""
    dossier: str | None = None


_CLAIM = insert(
    "payment_callback",
    ("digest", "destination", "partner", "reference", "effect", "alarm", "status", "answer", "at"),
    suffix="ON CONFLICT (digest) DO NOTHING",
)
_FIND = Statement("""
    SELECT effect, alarm, status, answer, deliveries,
        (SELECT dossier_code FROM payment_attempt AS a
         WHERE a.partner = payment_callback.partner AND a.reference = payment_callback.reference),
        (SELECT state FROM payment_attempt AS a
         WHERE a.partner = payment_callback.partner AND a.reference = payment_callback.reference)
    FROM payment_callback WHERE digest = :digest FOR_UPDATE
""")
_REPEAT = Statement("""
    UPDATE payment_callback SET deliveries = deliveries + 1, again_at = :now WHERE digest = :digest
""")
_DECIDE = Statement("""
    UPDATE payment_callback SET effect = :effect, alarm = :alarm, status = :status, answer = :answer,
        reference = :reference, message_id = :message WHERE digest = :digest
""")
_MATCHED = Statement("""
    UPDATE payment_orphan SET matched_at = :now, attempt_id = :attempt
    WHERE partner = :partner AND reference = :reference AND transaction_no = :transaction AND matched_at IS NULL
        AND refunded_at IS NULL
""")
_RECEIPT_ADDRESS = Statement("""
    UPDATE receipt SET url = :url WHERE attempt_id = :attempt AND url IS NULL AND state = 'wanted'
""")


def take_reports(transaction: Transaction, items: Sequence[Arrived]) -> list[Judged]:
    """Give every report its effect, or the answer that it got before.

    In the order of attempts and bodies, so that two processes with the same reports wait for each other instead of
    blocking each other.
    """
    places = sorted(range(len(items)), key=lambda place: _order(items[place].report))
    entries: list[MessageRow] = []
    results = {place: _take(transaction, items[place], entries) for place in places}
    insert_messages(transaction, entries)
    return [results[place] for place in range(len(items))]


def _order(report: PaymentReport) -> tuple[str, str, bytes]:
    return report.partner, report.reference, report.digest


def _take(transaction: Transaction, item: Arrived, entries: list[MessageRow]) -> Judged:
    # first of all: of two equal bodies in two processes, the second waits here for the first one's answer
    if transaction.run(_CLAIM, _claim(item)):
        judged = _judge(transaction, item, logged=True)
        entries += _entries(item, judged)
        return judged
    name = {"digest": item.report.digest}
    row = transaction.one(_FIND, name)
    if row is None:
        raise RuntimeError("a journalled report was found and then not there")
    transaction.run(_REPEAT, {**name, "now": to_micros(item.at)})
    logged = int(row[4]) < LOGGED_DELIVERIES
    judged = _judge(transaction, item, logged=logged) if _is_undecided(row) else _repeat(item, row)
    if logged:
        entries += _entries(item, judged)
    return judged


def _is_undecided(row: Row) -> bool:
    """Whether the body had no effect only because of how things stood: no attempt, or one that a person had to decide
    about and now has. Answering it with the old refusal for ever would lose the money that it tells of."""
    effect, alarm, *_, state = map(str, row)
    return effect == ORPHAN or (alarm == AttemptState.QUARANTINED and state != AttemptState.QUARANTINED)


def _entries(item: Arrived, judged: Judged) -> Sequence[MessageRow]:
    return item.entries(judged.response, judged.effect, judged.alarm or item.report.code, judged.dossier)


def _claim(item: Arrived) -> dict[str, object]:
    return {
        "digest": item.report.digest,
        "destination": item.destination,
        "partner": item.report.partner,
        "reference": item.report.reference,
        "effect": "",
        "alarm": "",
        "status": 0,
        "answer": b"",
        "at": to_micros(item.at),
    }


def _repeat(item: Arrived, row: Row) -> Judged:
    effect, alarm, status, answer, _, dossier, _ = row
    headers = item.report.answer(effect, alarm).headers
    response = WireResponse(status=int(status), headers=headers, body=bytes(answer))
    return Judged(response=response, effect=REPEATED, alarm=alarm, dossier=dossier)


def _judge(transaction: Transaction, item: Arrived, *, logged: bool) -> Judged:
    evidence = _evidence(transaction, item)
    [applied] = apply_evidence(transaction, [evidence])
    decision = applied.decision
    response = item.report.answer(decision.effect, decision.alarm)
    transaction.run(
        _DECIDE,
        {
            "effect": decision.effect,
            "alarm": decision.alarm,
            "status": response.status,
            "answer": response.body,
            "reference": evidence.reference,
            "message": item.message if logged else None,
            "digest": item.report.digest,
        },
    )
    _follow(transaction, item, evidence, applied)
    return Judged(response=response, effect=decision.effect, alarm=decision.alarm, dossier=applied.dossier)


def _evidence(transaction: Transaction, item: Arrived) -> Evidence:
    """The report as evidence; of a report without a reference, about the attempt that it names otherwise (§8.1)."""
    evidence = item.report.evidence(item.destination, item.at, item.message)
    if evidence.reference:
        return evidence
    found = named_attempt(transaction, item.destination, item.report)
    return msgspec.structs.replace(evidence, reference=found) if found else evidence


def _follow(transaction: Transaction, item: Arrived, evidence: Evidence, applied: Applied) -> None:
    """What goes with the effect: an orphan has found its attempt, and where the receipt may be had (§5.5)."""
    if applied.attempt is None:
        return
    if evidence.claim == "paid" and applied.decision.move in {AttemptState.PAID, AttemptState.DUPLICATE_PAID}:
        matched = {"now": to_micros(item.at), "attempt": applied.attempt, "partner": evidence.partner}
        where = {"reference": item.report.reference, "transaction": evidence.transaction}
        transaction.run(_MATCHED, {**matched, **where})
    url = item.report.receipt_url
    if applied.decision.effect == "settled" and url and len(url) <= LONGEST_URL and "\x00" not in url:
        transaction.run(_RECEIPT_ADDRESS, {"url": url, "attempt": applied.attempt})
