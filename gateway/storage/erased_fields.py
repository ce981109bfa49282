"""Which columns hold something about a dossier's people, and what stands there when it is erased.

One row a table in ``BLANKS`` where a column goes as a whole; where a document loses some of its texts, ``rewrite_values``
does it. Invariant: what is left still decodes as what it was, and no digest is left that a person's data could be guessed
from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.domain.dossier import Applicant, Dossier
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

ERASED = "(đã xoá)"
NO_DIGEST = bytes(32)
_OF_DOSSIER = "dossier_code = :code"
_OF_ATTEMPTS = "attempt_id IN (SELECT id FROM payment_attempt WHERE dossier_code = :code)"


class Blank(msgspec.Struct, frozen=True):
    """One statement; ``values`` beside ``code`` and ``now``."""

    table: str
    statement: Statement
    values: dict[str, Any] = {}


def _update(table: str, columns: str, where: str = _OF_DOSSIER, **values: Any) -> Blank:
    return Blank(table, Statement(f"UPDATE {table} SET {columns} WHERE {where}"), values)  # noqa: S608 - our own names


BLANKS: tuple[Blank, ...] = (
    _update(
        "delivery", "payload = :nothing, digest = :digest, reason = NULL", nothing=b"{}", digest=NO_DIGEST
    ),
    _update(
        "delivery_edit",
        "before = :nothing, after = :nothing, before_digest = '', after_digest = '', reason = ''",
        nothing=b"{}",
    ),
    _update("attempt", "reason = NULL"),
    _update(
        "drift",
        "ours = NULL, theirs = NULL, repair = NULL, state = 'gone', gone_at = COALESCE(gone_at, :now)",
    ),
    Blank(
        "drift_agreement",
        Statement(
            "DELETE FROM drift_agreement WHERE lane_id IN (SELECT id FROM lane WHERE dossier_code = :code)"
        ),
    ),
    _update("progress", "learned = '{}', failure = NULL, next_at = NULL"),
    _update("progress_report", "digest = :digest", digest=NO_DIGEST),
    _update("payment_attempt", "pay_url = NULL, bank = NULL, reason = NULL"),
    _update("payment_decision", "bank = ''"),
    Blank(
        "receipt_file",
        Statement("""
            DELETE FROM receipt_file WHERE sha256 IN (SELECT sha256 FROM receipt WHERE attempt_id IN (
                SELECT id FROM payment_attempt WHERE dossier_code = :code))
            AND NOT sha256 IN (SELECT sha256 FROM receipt WHERE sha256 IS NOT NULL AND NOT attempt_id IN (
                SELECT id FROM payment_attempt WHERE dossier_code = :code))
        """),
    ),
    _update(
        "receipt",
        "state = 'given_up', url = NULL, sha256 = NULL, size = NULL, body = NULL, failure = 'erased'",
        _OF_ATTEMPTS,
    ),
    _update("land_evidence", "url = ''"),
)
_RECORD = Statement("SELECT record FROM dossier WHERE code = :code")
_NEW_RECORD = Statement("UPDATE dossier SET record = :record, digest = :digest WHERE code = :code")
_LANES = Statement("SELECT id, memory FROM lane WHERE dossier_code = :code")
_MEMORY = Statement("UPDATE lane SET memory = :text WHERE id = :id")
_TERMS = Statement("SELECT id, terms FROM payment_request WHERE dossier_code = :code")
_NEW_TERMS = Statement("UPDATE payment_request SET terms = :text WHERE id = :id")
_EVENTS = Statement("SELECT id, data FROM event WHERE dossier_code = :code")
_NEW_EVENT = Statement("UPDATE event SET data = :text WHERE id = :id")
_TAXPAYERS = Statement("""
    SELECT tax_code FROM land_notice WHERE dossier_code = :code
    UNION SELECT tax_code FROM land_evidence WHERE dossier_code = :code ORDER BY tax_code
""")
_NEW_TAXPAYER = tuple(
    Statement(f"UPDATE {table} SET tax_code = :name WHERE dossier_code = :code AND tax_code = :tax_code")  # noqa: S608
    for table in ("land_notice", "land_evidence")
)
_REMEMBERED = frozenset({"partner_code"})
# texts in an event that name no person; every other text is blanked, numbers and truth values stay
TOLD = frozenset(
    {
        *(
            "dossier",
            "delivery",
            "operation",
            "state",
            "code",
            "version",
            "status",
            "kind",
            "handling",
            "key",
        ),
        *("payment", "attempt", "currency", "source", "effect", "alarm", "run", "rule_version"),
        *("calendar_version", "at", "due_at", "ended_at", "received_at", "submitted_at", "promised_at"),
        *("since", "asked_at", "paid_at", "issued_on", "by_date", "by_instant", "class", "flags", "cause"),
        *(
            "destination",
            "agency",
            "agency_code",
            "procedure_code",
            "old_due_at",
            "new_due_at",
            "happened_at",
        ),
    }
)


def rewrite_values(transaction: Transaction, code: str) -> dict[str, int]:
    """Take persons out of the documents that are kept of dossier ``code``; how many of each table."""
    row = transaction.one(_RECORD, {"code": code})
    if row is not None:
        record = record_without_people(bytes(row[0]))
        digest = hashlib.sha256(record).digest()
        transaction.run(_NEW_RECORD, {"code": code, "record": record, "digest": digest})
    return {
        "dossier": int(row is not None),
        "lane": _rewrite(transaction, code, _LANES, _MEMORY, _memory),
        "payment_request": _rewrite(transaction, code, _TERMS, _NEW_TERMS, _terms),
        "event": _rewrite(transaction, code, _EVENTS, _NEW_EVENT, _event),
        "land_notice": _taxpayers(transaction, code),
    }


def _rewrite(transaction: Transaction, code: str, read: Statement, write: Statement, make: Any) -> int:
    changed = 0
    for number, document in transaction.all(read, {"code": code}):
        before = document if isinstance(document, str) else bytes(document)
        after = make(msgspec.json.decode(before))
        text = msgspec.json.encode(after)
        if text != (before.encode() if isinstance(before, str) else before):
            transaction.run(write, {"id": number, "text": text.decode() if isinstance(before, str) else text})
            changed += 1
    return changed


def _memory(memory: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in memory.items() if name in _REMEMBERED}


def _terms(terms: dict[str, Any]) -> dict[str, Any]:
    return {**terms, "payer": {"name": ERASED}}


def _event(data: Any, name: str = "") -> Any:
    match data:
        case dict():
            return {key: _event(value, key) for key, value in data.items()}
        case list():
            return [_event(value, name) for value in data]
        case str():
            return data if name in TOLD else ""
        case _:
            return data


def _taxpayers(transaction: Transaction, code: str) -> int:
    found = [row[0] for row in transaction.all(_TAXPAYERS, {"code": code})]
    for number, tax_code in enumerate(found, start=1):
        about = {"code": code, "tax_code": tax_code, "name": f"erased-{number}"}
        for statement in _NEW_TAXPAYER:
            transaction.run(statement, about)
    return len(found)


def record_without_people(record: bytes) -> bytes:
    """A dossier's record (canonical JSON) without its applicant, its files and every text that people have written; what
    officials did and when stays."""
    before = msgspec.json.decode(record, type=Dossier)
    after = msgspec.structs.replace(
        before,
        applicant=Applicant(kind=before.applicant.kind, name=ERASED),
        summary=ERASED,
        note=None,
        return_note=None,
        other_information=None,
        receipt_number=None,
        declaration=None,
        documents=[],
        papers=[],
        results=[_named(item) for item in before.results],
        fees=[msgspec.structs.replace(item, name=ERASED) for item in before.fees],
        steps=[msgspec.structs.replace(item, note=None, title=None) for item in before.steps],
        supplements=[
            msgspec.structs.replace(
                item, reason=ERASED, received_by=None, received_note=None, documents=[], fees=[]
            )
            for item in before.supplements
        ],
        reappointments=[msgspec.structs.replace(item, reason=ERASED) for item in before.reappointments],
    )
    return msgspec.json.encode(after, order="sorted")


def _named(item: Any) -> Any:
    return msgspec.structs.replace(item, name=ERASED, file=None)


def files_in(document: bytes) -> set[str]:
    """The SHA-256 (lower-case hex) of the files that a JSON document names."""
    found: set[str] = set()
    try:
        _collect(msgspec.json.decode(document), found)
    except msgspec.DecodeError:
        return set()
    return found


def _collect(value: Any, found: set[str]) -> None:
    match value:
        case Mapping():
            for name, inner in value.items():
                if name == "sha256" and isinstance(inner, str):
                    found.add(inner)
                _collect(inner, found)
        case list():
            for inner in value:
                _collect(inner, found)
        case _:
            return
