"""Obligations on land in the tables: notices with their versions, and what was paid for them (payment_platform §9).

Invariants: the same message again changes nothing and tells nothing; a notice that comes with another amount is a
further version and is told with the former one; what was paid is never unpaid; what fits no dossier of ours is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.domain.land_tax import LandEvidence, LandNotice, uncovered
from gateway.storage.rows import EventRow, MessageRow, insert_events, insert_messages
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

NOTICE = "land.notice"
EVIDENCE = "land.evidence"
CONFLICT = "land.conflict"


class LandMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What one message says. ``entries``: makes its log entries, given the dossiers that nobody here knows."""

    destination: str
    now: int
    message: int
    entries: Callable[[Sequence[str]], Sequence[MessageRow]]
    notices: tuple[LandNotice, ...] = ()
    evidence: LandEvidence | None = None


class LandStored(msgspec.Struct, frozen=True, kw_only=True):
    """``fresh``: how many rows were new. ``unknown``: dossiers that nobody here knows, in the order of the message."""

    fresh: int
    unknown: tuple[str, ...]


_KNOWN = Statement("SELECT code FROM dossier WHERE code IN_ARRAY(:dossiers)")
_NOTICES = Statement("""
    SELECT dossier_code, tax_code, number, version, issued_on, item, amount FROM land_notice
    WHERE dossier_code IN_ARRAY(:dossiers) ORDER BY version
""")
_INSERT_NOTICE = insert(
    "land_notice",
    (
        *(
            "id",
            "destination",
            "dossier_code",
            "tax_code",
            "number",
            "version",
            "issued_on",
            "item",
            "amount",
        ),
        *("known_dossier", "message_id", "at"),
    ),
)
_PAID = Statement("""
    SELECT dossier_code, tax_code, number, SUM(amount) FROM land_evidence
    WHERE paid = 1 AND dossier_code IN_ARRAY(:dossiers) GROUP BY dossier_code, tax_code, number
""")
_EVIDENCE_OF = Statement("""
    SELECT tax_code, number, paid_at, amount, paid FROM land_evidence WHERE dossier_code = :dossier
""")
_FIND_EVIDENCE = Statement("""
    SELECT paid FROM land_evidence WHERE dossier_code = :dossier_code AND tax_code = :tax_code AND number = :number
        AND paid_at = :paid_at AND amount = :amount FOR_UPDATE
""")
_INSERT_EVIDENCE = insert(
    "land_evidence",
    (
        *("id", "destination", "dossier_code", "tax_code", "number", "paid_at", "amount", "paid", "url"),
        *("message_id", "at"),
    ),
)
_PAY_EVIDENCE = Statement("""
    UPDATE land_evidence SET paid = 1, url = :url, message_id = :message_id, at = :at
    WHERE dossier_code = :dossier_code AND tax_code = :tax_code AND number = :number AND paid_at = :paid_at
        AND amount = :amount AND paid = 0
""")


def store_land(transaction: Transaction, items: Sequence[LandMessage]) -> list[LandStored]:
    """Store each message and tell what is new in it."""
    return [_store(transaction, item) for item in items]


def _store(transaction: Transaction, item: LandMessage) -> LandStored:
    said = [each.dossier for each in item.notices]
    if item.evidence is not None:
        said.append(item.evidence.dossier)
    dossiers = list(dict.fromkeys(said))
    known = {row[0] for row in transaction.all(_KNOWN, {"dossiers": transaction.array(dossiers)})}
    fresh = _store_notices(transaction, item, known)
    if item.evidence is not None:
        fresh += _store_evidence(transaction, item, item.evidence, known=item.evidence.dossier in known)
    unknown = tuple(code for code in dossiers if code not in known)
    insert_messages(transaction, item.entries(unknown))
    return LandStored(fresh=fresh, unknown=unknown)


def _store_notices(transaction: Transaction, item: LandMessage, known: set[str]) -> int:
    latest = _latest(transaction, (each.dossier for each in item.notices))
    paid = _paid(transaction, (each.dossier for each in item.notices))
    rows: list[dict[str, Any]] = []
    events: list[EventRow] = []
    for notice in item.notices:
        key = (notice.dossier, notice.tax_code, notice.number)
        former = latest.get(key)
        version = 1 if former is None else former[0] + 1
        if former is not None and former[1] == notice:
            continue
        latest[key] = (version, notice)
        rows.append(_notice_row(transaction, item, notice, version=version, known=notice.dossier in known))
        covered = paid.get(key, 0) >= notice.amount  # the evidence may have come first (§9.3)
        told = {**_told(notice), "version": version, "known": notice.dossier in known, "covered": covered}
        if former is not None:
            told["former"] = _told(former[1])
        events.append(_event(transaction, item, NOTICE, notice.dossier, told))
    transaction.many(_INSERT_NOTICE, rows)
    insert_events(transaction, events)
    return len(rows)


def _paid(transaction: Transaction, dossiers: Iterable[str]) -> dict[tuple[str, str, str], int]:
    """What was paid for every notice of these dossiers, whether the notice has come or not."""
    asked = {"dossiers": transaction.array(dict.fromkeys(dossiers))}
    return {(row[0], row[1], row[2]): int(row[3]) for row in transaction.all(_PAID, asked)}


def _latest(
    transaction: Transaction, dossiers: Iterable[str]
) -> dict[tuple[str, str, str], tuple[int, LandNotice]]:
    """The newest version of every notice of these dossiers."""
    asked = transaction.array(dict.fromkeys(dossiers))
    found: dict[tuple[str, str, str], tuple[int, LandNotice]] = {}
    for row in transaction.all(_NOTICES, {"dossiers": asked}):
        notice = _notice(row)
        found[notice.dossier, notice.tax_code, notice.number] = (int(row[3]), notice)
    return found


def _notice(row: Row) -> LandNotice:
    dossier, tax_code, number, _, issued_on, item, amount = row
    return LandNotice(
        dossier=dossier,
        tax_code=tax_code,
        number=number,
        issued_on=date.fromisoformat(issued_on),
        item=item,
        amount=int(amount),
    )


def _notice_row(
    transaction: Transaction, item: LandMessage, notice: LandNotice, *, version: int, known: bool
) -> dict[str, Any]:
    return {
        "id": transaction.identifiers.next(),
        "destination": item.destination,
        "dossier_code": notice.dossier,
        "tax_code": notice.tax_code,
        "number": notice.number,
        "version": version,
        "issued_on": notice.issued_on.isoformat(),
        "item": notice.item,
        "amount": notice.amount,
        "known_dossier": int(known),
        "message_id": item.message,
        "at": item.now,
    }


def _store_evidence(
    transaction: Transaction, item: LandMessage, evidence: LandEvidence, *, known: bool
) -> int:
    row: dict[str, Any] = {
        "id": transaction.identifiers.next(),
        "destination": item.destination,
        "dossier_code": evidence.dossier,
        "tax_code": evidence.tax_code,
        "number": evidence.number,
        "paid_at": evidence.paid_at,
        "amount": evidence.amount,
        "paid": int(evidence.paid),
        "url": evidence.url,
        "message_id": item.message,
        "at": item.now,
    }
    found = transaction.one(_FIND_EVIDENCE, row)
    kind = EVIDENCE
    if found is None:
        transaction.run(_INSERT_EVIDENCE, row)
    elif int(found[0]) == int(evidence.paid):
        return 0
    elif evidence.paid:
        transaction.run(_PAY_EVIDENCE, row)
    else:
        kind = CONFLICT  # what was paid stays paid; somebody must look
    data = {**_told(evidence), "known": known, "uncovered": _uncovered(transaction, evidence.dossier)}
    insert_events(transaction, [_event(transaction, item, kind, evidence.dossier, data)])
    return int(kind == EVIDENCE)


def _uncovered(transaction: Transaction, dossier: str) -> dict[str, int]:
    """What is still to be paid of the dossier, by notice (§9.3)."""
    notices = [notice for _, notice in _latest(transaction, [dossier]).values()]
    paid = [
        LandEvidence(
            dossier=dossier,
            tax_code=tax_code,
            number=number,
            paid_at=paid_at,
            amount=int(amount),
            paid=bool(done),
            content="",
            url="",
            payer="",
            payer_identity="",
            payer_address="",
        )
        for tax_code, number, paid_at, amount, done in transaction.all(_EVIDENCE_OF, {"dossier": dossier})
    ]
    return uncovered(notices, paid)


def _told(said: LandNotice | LandEvidence) -> dict[str, Any]:
    """What the one-door system is told; who paid stays in the message log."""
    told: dict[str, Any] = {"tax_code": said.tax_code, "number": said.number, "amount": said.amount}
    if isinstance(said, LandNotice):
        return {**told, "item": said.item, "issued_on": said.issued_on.isoformat()}
    return {**told, "paid_at": said.paid_at, "paid": said.paid}


def _event(
    transaction: Transaction, item: LandMessage, kind: str, dossier: str, data: Mapping[str, Any]
) -> EventRow:
    return EventRow(
        id=transaction.identifiers.next(),
        at=item.now,
        kind=kind,
        data=msgspec.json.encode({"dossier": dossier, **data}).decode(),
        dossier_code=dossier,
        destination=item.destination,
    )
