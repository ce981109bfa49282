"""A dossier as it stood at an earlier moment: what the one-door system would have sent then.

Invariant: nothing later than the moment is visible, and what is visible is as it is in the final record: steps keep
their ids and order, so a later version only appends.
"""

from __future__ import annotations

from datetime import datetime
from operator import itemgetter

from msgspec.structs import replace

from gateway.domain.dossier import Document, Dossier, Fee, Supplement


def as_of(dossier: Dossier, moment: datetime, version: int) -> Dossier:
    """``dossier`` as it stood at ``moment``, numbered ``version``; ``moment`` is not before its first step."""
    steps = [step for step in dossier.steps if step.at <= moment]
    returned = _until(dossier.returned_at, moment)
    return replace(
        dossier,
        version=version,
        status=steps[-1].status,
        received_at=_until(dossier.received_at, moment),
        due_at=_promise(dossier, moment),
        finished_at=_until(dossier.finished_at, moment),
        returned_at=returned,
        refused_at=_until(dossier.refused_at, moment),
        return_note=dossier.return_note if returned else None,
        steps=steps,
        documents=[_document(dossier, document, moment) for document in dossier.documents],
        fees=[_fee(fee, moment) for fee in dossier.fees],
        supplements=[_supplement(s, moment) for s in dossier.supplements if s.requested_at <= moment],
        reappointments=[r for r in dossier.reappointments if r.issued_at <= moment],
        results=dossier.results if _until(dossier.finished_at, moment) else [],
    )


def _until(instant: datetime | None, moment: datetime) -> datetime | None:
    return instant if instant is not None and instant <= moment else None


def _promise(dossier: Dossier, moment: datetime) -> datetime | None:
    """The promise that held at ``moment``: none before reception, then as supplements and papers moved it."""
    if _until(dossier.received_at, moment) is None:
        return None
    changes = [(s.received_at, s.old_due_at) for s in dossier.supplements if s.received_at]
    changes += [(r.issued_at, r.old_due_at) for r in dossier.reappointments]
    for changed_at, old_due in sorted(changes, key=itemgetter(0)):
        if changed_at > moment:
            return old_due
    return dossier.due_at


def _document(dossier: Dossier, document: Document, moment: datetime) -> Document:
    """A document is removed when the supplement that replaces it arrives."""
    replaced = any(s.received_at and s.received_at <= moment for s in dossier.supplements)
    return document if replaced or not document.deleted else replace(document, deleted=False)


def _fee(fee: Fee, moment: datetime) -> Fee:
    return replace(fee, paid_at=_until(fee.paid_at, moment))


def _supplement(supplement: Supplement, moment: datetime) -> Supplement:
    if supplement.received_at is None or supplement.received_at <= moment:
        return supplement
    return replace(
        supplement,
        received_at=None,
        received_by=None,
        received_note=None,
        new_due_at=None,
        documents=[],
    )
