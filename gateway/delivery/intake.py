"""Taking a dossier version in: read, translate, check, plan, and store everything in one transaction.

Invariant: a record is either accepted with all deliveries that follow from it, durably, or refused with every
reason; there is nothing in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

import msgspec

from gateway.codec import canonical
from gateway.codec.record import RecordReader
from gateway.deadlines.account import account_of
from gateway.delivery.destination import Destination, Hub
from gateway.delivery.maintenance import VIETNAM
from gateway.domain.declarations import PERSONAL_FIELDS
from gateway.domain.dossier import Dossier
from gateway.domain.errors import RecordError
from gateway.domain.plausibility import implausible
from gateway.domain.violation import Violation, shown
from gateway.messagelog.entry import About, Scope, request_entry
from gateway.port import OperationKind, WireRequest
from gateway.storage.instants import maybe_micros, to_micros
from gateway.storage.intake import (
    Acceptance,
    DossierRow,
    IdempotencyKey,
    LanePlan,
    PlannedDelivery,
    Receipt,
    accept_dossiers,
)
from gateway.storage.journeys import JourneyRow
from gateway.storage.rows import MessageRow
from gateway.telemetry import ACCEPTED, REFUSED
from gateway.telemetry.tracing import Journey, here

_SCOPE = Scope(
    channel="api",
    secret_headers=("authorization", "cookie", "x-api-key"),
    personal_fields=PERSONAL_FIELDS,
)


class Translation(Protocol):
    """Turns a source system's own codes into the gateway's (``mappings.sources``)."""

    def translate(self, dossier: Dossier, on: date) -> Dossier | Sequence[Violation]:
        """The dossier with canonical statuses and national procedure codes, or why not."""


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One record as it came in. ``code``: from the address, when there is one. ``expected_version``: If-Match."""

    body: bytes
    client: str
    code: str | None = None
    idempotency_key: str | None = None
    expected_version: int | None = None
    method: str = "PUT"
    url: str = "/v1/dossiers"
    headers: tuple[tuple[str, str], ...] = ()


class Intake:
    """The one door through which dossiers come in: API, bulk import and portal-born ones alike."""

    def __init__(self, hub: Hub, destinations: Mapping[str, Destination], translation: Translation) -> None:
        self._hub = hub
        self._destinations = destinations
        self._translation = translation
        self._reader = RecordReader(Dossier, what="dossier record")

    async def accept(self, submission: Submission) -> Receipt:
        """Store the version and its deliveries; durable on return.

        RecordError lists everything wrong with the record; ConflictError: an older version, another content under
        the same version, or a reused idempotency key. StorageUnavailable: repeat the request as it is.
        """
        try:
            dossier = self.examine(submission.body, code=submission.code)
        except RecordError as fault:
            REFUSED.labels(fault.violations[0].code if fault.violations else "record").inc()
            raise
        message = self._log_entry(submission, dossier)
        receipt = await self.store(dossier, submission, messages=(message,))
        ACCEPTED.labels(receipt.result).inc()
        return receipt

    def examine(self, body: bytes, *, code: str | None = None) -> Dossier:
        """The translated dossier in ``body``, checked; RecordError lists everything wrong with it."""
        dossier = self._reader.read(body)
        if code is not None and dossier.code != code:
            raise RecordError(
                "the address and the record name different dossiers",
                [
                    Violation(
                        pointer="/code",
                        code="code_mismatch",
                        got=shown(dossier.code),
                        expected=f"{shown(code)}, as in the address",
                        advice="send the record to its own address",
                    )
                ],
            )
        return self._checked(self._translated(dossier))

    async def store(
        self, dossier: Dossier, submission: Submission, *, messages: tuple[MessageRow, ...] = ()
    ) -> Receipt:
        """Store an examined dossier with the deliveries that every destination plans for it."""
        acceptance = self.acceptance(
            dossier,
            messages=messages,
            idempotency=_idempotency(submission),
            expected_version=submission.expected_version,
        )
        receipt: Receipt = await self._hub.database.apply(accept_dossiers, acceptance)
        return receipt

    def acceptance(
        self,
        dossier: Dossier,
        *,
        messages: tuple[MessageRow, ...] = (),
        idempotency: IdempotencyKey | None = None,
        expected_version: int | None = None,
    ) -> Acceptance:
        """Everything that storing a translated ``dossier`` means, for a transaction that stores more than that."""
        record = canonical.encode(dossier)
        return Acceptance(
            dossier=_row(dossier, record),
            lanes=self._plans(dossier),
            now=to_micros(self._hub.clock()),
            messages=messages,
            idempotency=idempotency,
            expected_version=expected_version,
            account=msgspec.json.encode(account_of(dossier)),
            journey=_journey(here()) if self._hub.tracing.on else None,
        )

    def _translated(self, dossier: Dossier) -> Dossier:
        translated = self._translation.translate(dossier, self._hub.clock().astimezone(VIETNAM).date())
        if isinstance(translated, Dossier):
            return translated
        raise RecordError(f"dossier {dossier.code}: codes of {dossier.source} are unknown", list(translated))

    def _checked(self, dossier: Dossier) -> Dossier:
        violations = list(implausible(dossier, now=self._hub.clock()))
        for destination in self._destinations.values():
            if destination.adapter.wants(dossier):
                violations += destination.adapter.check(dossier, destination.catalogues)
        if violations:
            raise RecordError(f"dossier {dossier.code} cannot be accepted", violations)
        return dossier

    def _plans(self, dossier: Dossier) -> tuple[LanePlan, ...]:
        return tuple(
            lane_plan(destination, dossier)
            for destination in self._destinations.values()
            if destination.adapter.wants(dossier)
        )

    def _log_entry(self, submission: Submission, dossier: Dossier) -> MessageRow:
        about = About(
            id=self._hub.database.identifiers.next(),
            at=self._hub.clock(),
            operation="dossier",
            direction="in",
            dossier=dossier.code,
        )
        request = WireRequest(
            method=submission.method, url=submission.url, headers=submission.headers, body=submission.body
        )
        return request_entry(_SCOPE, about, request)


def lane_plan(destination: Destination, dossier: Dossier) -> LanePlan:
    """What ``destination`` is to be told about this version, as rows to be."""
    adapter = destination.adapter
    snapshots = {item.name for item in adapter.manifest.operations if item.kind is OperationKind.SNAPSHOT}
    return LanePlan(
        destination=destination.name,
        partner_codes=tuple(adapter.partner_codes(dossier)),
        deliveries=tuple(
            PlannedDelivery(
                operation=planned.operation,
                key=planned.key,
                payload=planned.payload,
                digest=hashlib.sha256(planned.fingerprint or planned.payload).digest(),
                snapshot=planned.operation in snapshots,
                event_at=maybe_micros(planned.happened_at),
            )
            for planned in adapter.plan(dossier)
        ),
    )


def _row(dossier: Dossier, record: bytes) -> DossierRow:
    return DossierRow(
        code=dossier.code,
        source=dossier.source,
        version=dossier.version,
        status=dossier.status,
        procedure_code=dossier.procedure.national_code or dossier.procedure.code,
        agency_code=dossier.agency.code,
        channel=dossier.channel,
        submitted_at=maybe_micros(dossier.submitted_at),
        received_at=maybe_micros(dossier.received_at),
        due_at=maybe_micros(dossier.due_at),
        finished_at=maybe_micros(dossier.finished_at),
        digest=hashlib.sha256(record).digest(),
        record=record,
    )


def _journey(journey: Journey | None) -> JourneyRow | None:
    """What is kept of where a version came in; nothing of a journey that nobody records."""
    if journey is None or not journey.place.sampled:
        return None
    return JourneyRow(journey.place.traceparent, journey.correlation)


def _idempotency(submission: Submission) -> IdempotencyKey | None:
    if submission.idempotency_key is None:
        return None
    digest = hashlib.sha256(f"{submission.method} {submission.code}\n".encode() + submission.body).digest()
    return IdempotencyKey(client=submission.client, key=submission.idempotency_key, digest=digest)
