"""What one version of a record says about time: the inputs of every judgement, kept as they were said.

No name, address or identity number of an applicant is in it. Invariant: nothing is computed or corrected here; what
the rules make of an account is written beside it, never over it (domain_rules, rule 12).
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from gateway.domain.dossier import Channel, Dossier, Reappointment
from gateway.domain.status import Status


class StepAccount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One processing step: when, into which state, by whom, in which room.

    ``unsaid``: nobody has said so; it follows from a payment (``gateway.deadlines.paid``). Never stored.
    """

    at: datetime
    status: Status
    unit: str | None = None
    officer: str | None = None
    due_at: datetime | None = None
    unsaid: bool = False


class SupplementAccount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One round of supplements: asked, perhaps answered, with the promises before and after (R14)."""

    id: int
    requested_at: datetime
    received_at: datetime | None = None
    old_due_at: datetime | None = None
    new_due_at: datetime | None = None


class ReappointmentAccount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One changed promise with its paper (R14, R15)."""

    old_due_at: datetime
    new_due_at: datetime
    issued_at: datetime
    document_number: str | None = None
    signer: str | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version of a dossier as far as time is concerned; aware instants."""

    code: str
    version: int
    status: Status
    channel: Channel
    agency_code: str
    procedure_code: str
    field_code: str | None = None
    submitted_at: datetime | None = None
    received_at: datetime | None = None
    due_at: datetime | None = None
    finished_at: datetime | None = None
    returned_at: datetime | None = None
    refused_at: datetime | None = None
    steps: tuple[StepAccount, ...] = ()
    supplements: tuple[SupplementAccount, ...] = ()
    reappointments: tuple[ReappointmentAccount, ...] = ()


def account_of(dossier: Dossier) -> Account:
    """What a translated ``dossier`` says about time; ValueError when its states were not translated."""
    return Account(
        code=dossier.code,
        version=dossier.version,
        status=Status(dossier.status),
        channel=dossier.channel,
        agency_code=dossier.agency.code,
        procedure_code=dossier.procedure.national_code or dossier.procedure.code,
        field_code=dossier.procedure.field_code,
        submitted_at=dossier.submitted_at,
        received_at=dossier.received_at,
        due_at=dossier.due_at,
        finished_at=dossier.finished_at,
        returned_at=dossier.returned_at,
        refused_at=dossier.refused_at,
        steps=tuple(
            StepAccount(
                at=step.at, status=Status(step.status), unit=step.unit, officer=step.actor, due_at=step.due_at
            )
            for step in dossier.steps
        ),
        supplements=tuple(
            SupplementAccount(
                id=item.id,
                requested_at=item.requested_at,
                received_at=item.received_at,
                old_due_at=item.old_due_at,
                new_due_at=item.new_due_at,
            )
            for item in dossier.supplements
        ),
        reappointments=tuple(_reappointment(item) for item in dossier.reappointments),
    )


def _reappointment(item: Reappointment) -> ReappointmentAccount:
    return ReappointmentAccount(
        old_due_at=item.old_due_at,
        new_due_at=item.new_due_at,
        issued_at=item.issued_at,
        document_number=item.document_number,
        signer=item.signer,
    )
