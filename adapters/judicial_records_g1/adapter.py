"""The older judicial record interface: deliveries to bytes, bytes to outcomes and reports (judicial_records §5).

This module joins the parts: tables from ``mappings.judicial_records_g1``, meanings from ``outcomes``. Invariant: pure;
the same arguments give the same bytes, and no answer makes it raise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from adapters.judicial_records_g1 import outcomes, plan
from adapters.judicial_records_g1.manifest import KIND, LIST, declare
from adapters.judicial_records_g1.settings import Settings, require_usable
from gateway.access import json_call, layers, turned_away, worn_out
from gateway.codec import canonical
from gateway.codec.payload import stored
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.errors import CannotEncode
from gateway.domain.outcome import Outcome
from gateway.domain.violation import Violation
from gateway.mapping import Row, Variant, local_date
from gateway.port import (
    Callback,
    CallbackRequest,
    CannotRead,
    Context,
    CredentialLayer,
    Manifest,
    Planned,
    Read,
    Reading,
    Refusal,
    WireRequest,
    WireResponse,
)
from gateway.port.adapter import Catalogues
from gateway.port.progress import FeedPage, FeedReading, ProgressReading, Schedule
from mappings.judicial_records_g1 import RESPONSES, TABLES, answers, code_tables, rules
from mappings.judicial_records_g1.responses import (
    CATALOGUE,
    MARK,
    POLL,
    SUBMIT,
    WORD_LISTS,
    Verdict,
)
from mappings.judicial_records_g1.responses import LIST as CHANGES
from mappings.judicial_records_g1.scope import Options, RegistrationScope
from mappings.judicial_records_g1.submit import SUBMIT as SUBMISSION
from mappings.judicial_records_g1.submit import Registration

_REGISTRATIONS = canonical.decoder(Registration)
_ONE_DOOR = "2"  # §5, infoType: through the one-door system
_STATES = "2"  # §5, infoType of danhDauHsThanhCong: changed states were fetched


class RegistrationAdapter:
    """One destination. Holds compiled tables and settings, nothing that changes."""

    def __init__(self, settings: Settings) -> None:
        require_usable(settings)
        self._settings = settings
        self._manifest = declare(settings)
        self._layers = tuple(layers(settings.access))
        self._codes = code_tables(Path(settings.tables_dir) if settings.tables_dir else None)
        rules.require_known(settings.mandatory_fields, TABLES)
        self._options = Options(unit_id=settings.unit_id, region_id=settings.region_id)
        self._submission = SUBMISSION.compile(
            Variant(
                codes=self._codes,
                names=frozenset({settings.spelling}),
                mandatory=frozenset(settings.mandatory_fields),
            )
        )
        self._meaning = RESPONSES.bind({name: getattr(settings, name) for name in WORD_LISTS})
        paths = settings.paths
        self._addresses = {
            call: settings.base_url + path
            for call, path in (
                (SUBMIT, paths.submit),
                (POLL, paths.poll),
                (CHANGES, paths.changes),
                (MARK, paths.mark),
                (CATALOGUE, paths.catalogue),
            )
        }

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    @property
    def credentials(self) -> Sequence[CredentialLayer]:
        return self._layers

    def wants(self, dossier: Dossier) -> bool:
        return plan.registration(dossier) is not None and (
            dossier.received_at is None or plan.in_time(dossier, self._settings)
        )

    def plan(self, dossier: Dossier) -> Sequence[Planned]:
        return plan.plan(dossier, self._settings)

    def partner_codes(self, dossier: Dossier) -> Sequence[str]:
        return plan.receipt_numbers(dossier.code, self._settings)

    def check(self, dossier: Dossier, catalogues: Catalogues) -> Sequence[Violation]:
        """What the tables cannot encode, what the law forbids, and what the contract does not say how to carry."""
        del catalogues  # numbers of the centre are code tables
        asked = plan.registration(dossier)
        if asked is None or asked.received_at is None or not plan.in_time(dossier, self._settings):
            return []
        number = plan.receipt_numbers(dossier.code, self._settings)[0]
        scope = self._scope(number, local_date(asked.received_at))
        self._submission.encode(asked, scope)
        paid = dossier.fees if self._settings.check_fee else ()
        return [*scope.problems, *rules.refused(asked, paid, self._codes), *self._not_carried(asked)]

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        delivery = deliveries[0]
        asked = stored(delivery, _REGISTRATIONS.decode)
        about = f"encoding submit {delivery.key} of dossier {delivery.dossier}"
        taken = context.memory.get(outcomes.REGISTERED, "")
        if taken == plan.fingerprint(asked):
            # §5 says nothing of a second time, so what the centre has taken is asked about, never filed again.
            return self.encode_query(deliveries, context)
        if taken and not self._settings.resubmit:
            raise CannotEncode(
                f"{about}: the centre has an earlier application, and this interface knows no correction; settle it "
                "with the centre, then skip this delivery"
            )
        scope = self._scope(context.number_of(delivery.dossier), local_date(context.now))
        message = self._submission.encode(asked, scope)
        if problems := [*scope.problems, *self._not_carried(asked)]:
            first = problems[0]
            told = f"{first.pointer}: expected {first.expected}; {first.advice}"
            raise CannotEncode(f"{about}: {told}", problems)
        request = self._call(SUBMIT, message, context)
        if len(request.body) > self._settings.max_call_bytes:
            raise CannotEncode(
                f"{about}: {len(request.body)} bytes, at most {self._settings.max_call_bytes} are taken; "
                "shorten what the applicant declares"
            )
        return request

    def interpret(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        outside = turned_away(self._settings.access, response, context)
        if outside is not None:
            return [outside] * len(deliveries)
        if context.memory_of(deliveries[0]).get(outcomes.REGISTERED, "") == _digest(deliveries[0]):
            return self.interpret_query(deliveries, response, context)
        row, answer = self._read(response, SUBMIT)
        return [outcomes.outcome(row, answer, _digest(each)) for each in deliveries]

    def encode_query(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        return self.encode_progress(deliveries[0].dossier, context)

    def interpret_query(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        row, answer = self._read(response, POLL)
        renew = worn_out(self._settings.access, response)
        found = [
            outcomes.settled(row, answer, _digest(each), context.memory_of(each), self._settings)
            for each in deliveries
        ]
        return [msgspec.structs.replace(each, renew=renew) for each in found] if renew else found

    def encode_read(self, name: str, parameters: Mapping[str, str], context: Context) -> WireRequest:
        if name != LIST or KIND not in parameters:
            raise CannotEncode(
                f"judicial_records_g1 has no read {name!r} without {KIND!r}; there is only {LIST!r}"
            )
        return self._call(CATALOGUE, {"infoType": parameters[KIND]}, context)

    def interpret_read(self, name: str, parameters: Mapping[str, str], response: WireResponse) -> Reading:
        del parameters
        row, answer = self._read(response, CATALOGUE)
        usable = response.status == 200 and answer.rows is not None
        if name != LIST or not usable or (answer.answer.code and row.verdict != Verdict.DONE):
            code, reason = outcomes.named(row, answer)
            return CannotRead(code=code, reason=reason, renew=worn_out(self._settings.access, response))
        rows = ((answers.identifier(each, "id"), answers.text(each, "name")) for each in answer.rows or ())
        return Read(entries={number: {"name": shown} for number, shown in rows if number})

    @property
    def progress_schedule(self) -> Schedule | None:
        return self._settings.polling.schedule()

    def encode_progress(self, dossier: str, context: Context) -> WireRequest:
        # identifyNo is for those who do not come through the one-door system (§5).
        question = {"idReceivedDec": context.number_of(dossier), "infoType": _ONE_DOOR, "identifyNo": ""}
        return self._call(POLL, question, context)

    def interpret_progress(self, dossier: str, response: WireResponse, context: Context) -> ProgressReading:
        del dossier, context
        row, answer = self._read(response, POLL)
        found = outcomes.progress(row, answer, self._codes["TrangThai"], self._settings)
        renew = worn_out(self._settings.access, response)
        return msgspec.structs.replace(found, renew=renew) if isinstance(found, CannotRead) else found

    @property
    def feed_interval(self) -> float | None:
        return self._settings.feed_s or None

    def encode_feed(self, cursor: str, context: Context) -> WireRequest:
        del cursor  # the list has none: what was marked as fetched is not in it any more
        return self._call(CHANGES, {"infoType": _ONE_DOOR}, context)

    def interpret_feed(self, cursor: str, response: WireResponse, context: Context) -> FeedReading:
        del cursor, context
        row, answer = self._read(response, CHANGES)
        if row.verdict != Verdict.DONE or answer.rows is None:
            code, reason = outcomes.named(row, answer)
            return CannotRead(code=code, reason=reason, renew=worn_out(self._settings.access, response))
        found, ids = outcomes.changes(answer, self._codes["TrangThai"], self._settings)
        return FeedPage(changes=found, cursor=ids)

    def encode_acknowledgement(self, page: FeedPage, context: Context) -> WireRequest | None:
        if not page.cursor:
            return None
        return self._call(MARK, {"declarationId": page.cursor, "infoType": _STATES}, context)

    def interpret_acknowledgement(
        self, page: FeedPage, response: WireResponse, context: Context
    ) -> CannotRead | None:
        del page, context
        row, answer = self._read(response, MARK)
        if row.verdict == Verdict.DONE:
            return None
        code, reason = outcomes.named(row, answer)
        return CannotRead(code=code, reason=reason, renew=worn_out(self._settings.access, response))

    def read_callback(self, request: CallbackRequest, context: Context) -> Callback:
        del request, context
        return Refusal(
            code="not_offered", reason="this partner makes no calls", answer=WireResponse(status=404)
        )

    def _not_carried(self, asked: Registration) -> list[Violation]:
        return list(rules.not_carried(asked)) if self._settings.authorised == "refused" else []

    def _scope(self, number: str, on: date) -> RegistrationScope:
        return RegistrationScope(number, self._options, self._codes, on)

    def _call(self, call: str, message: Mapping[str, Any], context: Context) -> WireRequest:
        return json_call(self._settings.access, self._addresses[call], message, context)

    def _read(self, response: WireResponse, call: str) -> tuple[Row, answers.Told]:
        answer = answers.read(response, call, self._settings.max_answer_bytes)
        return self._meaning.classify(answer.answer), answer


def build(settings: Settings) -> RegistrationAdapter:
    """The adapter for these settings; ConfigurationError when they cannot work."""
    return RegistrationAdapter(settings)


def _digest(delivery: Delivery) -> str:
    """Of what a delivery tells; empty when its payload cannot be read, as no digest is."""
    try:
        return plan.fingerprint(stored(delivery, _REGISTRATIONS.decode))
    except CannotEncode:
        return ""
