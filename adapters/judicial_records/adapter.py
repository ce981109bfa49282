"""Judicial record certificates: deliveries to bytes, bytes to outcomes and reports (contract ``judicial_records``).

This module joins the parts: tables from ``mappings.judicial_records``, meanings from ``outcomes`` and ``progress``.
Invariant: pure; the same arguments give the same bytes, and no answer makes it raise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TypeVar

import msgspec

from adapters.judicial_records import inbound, outcomes, plan
from adapters.judicial_records.issuers import Issuer, Issuers
from adapters.judicial_records.manifest import SUBMIT, TELL, declare
from adapters.judicial_records.progress import progress
from adapters.judicial_records.settings import Settings, require_usable
from gateway.access import json_call, layers, turned_away, worn_out
from gateway.codec import Unreadable, canonical
from gateway.codec.payload import stored
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier, FileReference
from gateway.domain.errors import FILE, CannotEncode
from gateway.domain.outcome import Accepted, Outcome
from gateway.domain.violation import Violation
from gateway.mapping import CodeTable, Row, Variant, local_date
from gateway.port import (
    Callback,
    CallbackRequest,
    CannotRead,
    Context,
    CredentialLayer,
    Manifest,
    Planned,
    Reading,
    WireRequest,
    WireResponse,
)
from gateway.port.adapter import Catalogues
from gateway.port.progress import ProgressReading, Schedule
from mappings.judicial_records import RESPONSES, TABLES, answers, code_tables, messages, outcome, rules
from mappings.judicial_records.fees import require_amounts
from mappings.judicial_records.filing import House
from mappings.judicial_records.responses import OK, POLL, WORD_LISTS, Verdict
from mappings.judicial_records.scope import JudicialScope, Options
from mappings.judicial_records.submit import SUBMIT as SUBMISSION
from mappings.judicial_records.submit import Application
from mappings.judicial_records.telling import TELL as TELLING
from mappings.judicial_records.telling import Telling

_T = TypeVar("_T")
_APPLICATIONS, _TELLINGS = canonical.decoder(Application), canonical.decoder(Telling)


class JudicialAdapter:
    """One destination. Holds compiled tables and settings, nothing that changes."""

    def __init__(self, settings: Settings) -> None:
        require_usable(settings)
        self._settings = settings
        self._manifest = declare(settings)
        self._layers = tuple(layers(settings.access))
        self._codes = code_tables(Path(settings.tables_dir) if settings.tables_dir else None)
        require_amounts(self._codes)
        self._options = Options(
            province_code=settings.province_code,
            province_name=settings.province_name,
            max_file_bytes=settings.max_file_bytes,
            max_files=settings.max_files,
        )
        rules.require_known(settings.mandatory_fields, TABLES)
        variant = Variant(codes=self._codes, mandatory=frozenset(settings.mandatory_fields))
        self._submission = SUBMISSION.compile(variant)
        self._telling = TELLING.compile(variant)
        self._meaning = RESPONSES.bind(
            {"ok": (OK,), **{name: getattr(settings, name) for name in WORD_LISTS}}
        )
        self._house = _house(settings, self._codes)
        self._issuers = Issuers(settings)
        self._schedule = settings.polling.schedule() if settings.centre is not None else None

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    @property
    def credentials(self) -> Sequence[CredentialLayer]:
        return self._layers

    def wants(self, dossier: Dossier) -> bool:
        return plan.wanted(dossier, self._settings)

    def plan(self, dossier: Dossier) -> Sequence[Planned]:
        return plan.plan(dossier, self._settings)

    def partner_codes(self, dossier: Dossier) -> Sequence[str]:
        return [dossier.code]

    def check(self, dossier: Dossier, catalogues: Catalogues) -> Sequence[Violation]:
        """What the tables cannot encode, and what the law and the centre would refuse besides."""
        del catalogues  # this partner has none
        asked = plan.application(dossier)
        if asked is None or self._settings.centre is None or not plan.in_time(dossier, self._settings):
            return []
        scope = self._scope(dossier.code, local_date(asked.received_at) if asked.received_at else None)
        messages.submission(self._submission, asked, scope)
        paid = dossier.fees if self._settings.check_fee else None
        return [*scope.problems, *rules.refused(asked, scope, paid, self._settings.max_call_bytes)]

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        delivery = deliveries[0]
        scope = self._scope(context.number_of(delivery.dossier), local_date(context.now))
        scope.files, scope.memory = context.files, context.memory
        if delivery.operation == SUBMIT:
            application = stored(delivery, _APPLICATIONS.decode)
            centre = _found(self._issuer_of(application, context), SUBMIT).centre
            scope.auth_key = centre.auth_key.reveal()
            url = centre.base_url + centre.submit_path
            message = messages.submission(self._submission, application, scope)
        else:
            vneid = _found(self._settings.vneid, TELL)
            url = vneid.base_url + vneid.tell_path
            message = messages.telling(self._telling, stored(delivery, _TELLINGS.decode), scope)
        self._require_whole(delivery, scope)
        request = json_call(self._settings.access, url, message, context)
        if len(request.body) > self._settings.max_call_bytes:
            raise CannotEncode(
                f"encoding {delivery.operation} {delivery.key} of dossier {delivery.dossier}: {len(request.body)} "
                f"bytes, at most {self._settings.max_call_bytes} are taken; attach smaller files"
            )
        return request

    def interpret(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        outside = turned_away(self._settings.access, response, context)
        if outside is not None:
            return [outside] * len(deliveries)
        operation = deliveries[0].operation
        row, answer = self._read(response, operation)
        found = [outcomes.outcome(row, answer, operation, context.memory_of(each)) for each in deliveries]
        return self._remembering(deliveries, found, context) if operation == SUBMIT else found

    def encode_query(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        application = stored(deliveries[0], _APPLICATIONS.decode)
        return self._question(deliveries[0].dossier, self._issuer_of(application, context), context)

    def interpret_query(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        row, answer = self._read(response, POLL)
        renew = worn_out(self._settings.access, response)
        found = [
            outcomes.settled(row, answer, context.number_of(each.dossier), context.memory_of(each))
            for each in deliveries
        ]
        return [_renewing(each, renew) for each in self._remembering(deliveries, found, context)]

    def encode_read(self, name: str, parameters: Mapping[str, str], context: Context) -> WireRequest:
        raise CannotEncode(f"judicial_records has no read {name!r}")

    def interpret_read(self, name: str, parameters: Mapping[str, str], response: WireResponse) -> Reading:
        del parameters, response
        return CannotRead(code="no_such_read", reason=f"judicial_records has no read {name!r}")

    @property
    def progress_schedule(self) -> Schedule | None:
        return self._schedule

    def encode_progress(self, dossier: str, context: Context) -> WireRequest:
        return self._question(dossier, self._issuers.of_dossier(context.memory, context.now), context)

    def interpret_progress(self, dossier: str, response: WireResponse, context: Context) -> ProgressReading:
        row, answer = self._read(response, POLL)
        if row.verdict != Verdict.DONE or answer.rows is None:
            failed = outcomes.unread(row, answer)
            return msgspec.structs.replace(failed, renew=worn_out(self._settings.access, response))
        shown = outcome.row_of(answer.rows, context.number_of(dossier))
        if shown is None:
            return CannotRead(code="not_shown", reason="the centre does not show the dossier")
        try:
            seen = outcome.read(shown, self._codes["TrangThaiXuLy"], self._settings.max_file_bytes)
        except Unreadable as fault:
            return CannotRead(code=fault.code, reason=fault.reason)
        issuer = self._issuers.of_dossier(context.memory, context.now)
        named = (
            self._settings if issuer is None else msgspec.structs.replace(self._settings, issuer=issuer.name)
        )
        return progress(seen, named, context)

    def read_callback(self, request: CallbackRequest, context: Context) -> Callback:
        return inbound.read(request, context, self._settings.filing, self._house)

    def _issuer_of(self, application: Application, context: Context) -> Issuer | None:
        return self._issuers.of_application(application.received_at, context.memory, context.now)

    def _remembering(
        self, deliveries: Sequence[Delivery], found: Sequence[Outcome], context: Context
    ) -> Sequence[Outcome]:
        """``found``, and who has the application now, where there are several issuers."""
        if not self._settings.successors:
            return found
        kept: list[Outcome] = []
        for delivery, each in zip(deliveries, found, strict=True):
            if isinstance(each, Accepted):
                issuer = self._issuer_of(stored(delivery, _APPLICATIONS.decode), context)
                learned = {**each.learned, **self._issuers.learned(issuer)}
                kept.append(msgspec.structs.replace(each, learned=learned))
            else:
                kept.append(each)
        return kept

    def _scope(self, number: str, on: date | None) -> JudicialScope:
        return JudicialScope(number, self._options, self._codes, on)

    def _question(self, dossier: str, issuer: Issuer | None, context: Context) -> WireRequest:
        centre = _found(issuer, POLL).centre
        scope = self._scope(context.number_of(dossier), local_date(context.now))
        scope.auth_key = centre.auth_key.reveal()
        url = centre.base_url + centre.poll_path
        return json_call(self._settings.access, url, messages.question(scope), context)

    def _read(self, response: WireResponse, call: str) -> tuple[Row, answers.Told]:
        answer = answers.read(response, call, self._settings.max_answer_bytes)
        return self._meaning.classify(answer.answer), answer

    def _require_whole(self, delivery: Delivery, scope: JudicialScope) -> None:
        about = f"encoding {delivery.operation} {delivery.key} of dossier {delivery.dossier}"
        if scope.problems:
            first = scope.problems[0]
            told = f"{first.pointer}: expected {first.expected}; {first.advice}"
            raise CannotEncode(f"{about}: {told}", scope.problems)
        if scope.missing:
            wanted = [(FILE, _asked(file, self._settings.max_file_bytes)) for file in scope.missing]
            raise CannotEncode(f"{about}: {len(wanted)} files are still to be fetched", missing=wanted)


def build(settings: Settings) -> JudicialAdapter:
    """The adapter for these settings; ConfigurationError when they cannot work."""
    return JudicialAdapter(settings)


def _found(partner: _T | None, call: str) -> _T:
    if partner is None:
        raise CannotEncode(f"judicial_records: {call}: its partner is not configured; add its section")
    return partner


def _house(settings: Settings, codes: Mapping[str, CodeTable]) -> House | None:
    filing = settings.filing
    if filing is None:
        return None
    return House(
        agency_code=filing.unit,
        agency_name=filing.unit_name,
        procedure_code=filing.procedure_code,
        procedure_name=filing.procedure_name,
        files_url=filing.files_url,
        max_file_bytes=settings.max_file_bytes,
        max_files=settings.max_files,
        codes=codes,
    )


def _asked(file: FileReference, most: int) -> dict[str, str]:
    size = {} if file.size is None else {"size": str(file.size)}
    return {"sha256": file.sha256 or "", "url": file.url, "most": str(most), **size}


def _renewing(result: Outcome, renew: tuple[str, ...]) -> Outcome:
    return msgspec.structs.replace(result, renew=renew) if renew else result
