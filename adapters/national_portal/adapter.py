"""The national portal: encode deliveries, interpret answers (contract ``national_portal``; rules of §14).

This module joins the parts: tables from ``mappings.national_portal``, wire forms from ``dialects``, meanings from
``outcomes`` and ``query``. Invariant: pure; the same arguments give the same bytes, and no answer makes it raise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from adapters.national_portal import callback, credentials, outcomes, plan, query, reads, record
from adapters.national_portal.dialects import dialect_of, lookup
from adapters.national_portal.manifest import DOSSIER, STATUS, STEP, declare
from adapters.national_portal.settings import Settings, require_usable
from gateway.codec import trusted
from gateway.codec.payload import stored
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier, Step
from gateway.domain.errors import CannotEncode, ConfigurationError
from gateway.domain.outcome import Outcome
from gateway.domain.violation import Violation
from gateway.mapping import Encoder, Table, Variant, local_date
from gateway.port import (
    Callback,
    CallbackRequest,
    Context,
    CredentialLayer,
    Expected,
    Manifest,
    Planned,
    Reading,
    RecordReading,
    WireRequest,
    WireResponse,
)
from gateway.port.adapter import Catalogues
from mappings.national_portal import RESPONSES, TABLES, catalogue, code_tables, envelope
from mappings.national_portal.dong_bo_ho_so_mc import NOT_CACHED
from mappings.national_portal.dossier_parts import identities
from mappings.national_portal.lgsp_document import DONE_CODES
from mappings.national_portal.record_view import STEP_KEYS, Layout
from mappings.national_portal.responses import WORD_LISTS
from mappings.national_portal.scope import Options, PortalScope


class _StepPayload(msgspec.Struct, frozen=True, kw_only=True):
    step: Step


class PortalAdapter:
    """One destination. Holds compiled tables and settings, nothing that changes."""

    def __init__(self, settings: Settings) -> None:
        require_usable(settings)
        self._settings = settings
        self._manifest = declare(settings)
        self._layers = credentials.layers(settings)
        self._layer_names = tuple(layer.name for layer in self._layers)
        self._dialect = dialect_of(settings)
        self._codes = code_tables(Path(settings.tables_dir) if settings.tables_dir else None)
        self._options = _options(settings)
        self._classifier = RESPONSES.bind(_words(settings))
        self._encoders = _encoders(settings, self._codes)
        self._layout = Layout(frozenset({settings.profile}), self._codes)
        self._step_keys = STEP_KEYS.compile(Variant(codes=self._codes, strings=settings.all_strings))
        self._dossiers = trusted.decoder(Dossier)
        self._steps = trusted.decoder(_StepPayload)

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
        return plan.partner_codes(dossier, self._settings)

    def check(self, dossier: Dossier, catalogues: Catalogues) -> Sequence[Violation]:
        """What the tables cannot encode, and what this portal would refuse besides."""
        code = self.partner_codes(dossier)[0]
        found: list[Violation] = []
        operations = plan.operations(dossier, self._settings)
        for operation in (DOSSIER, STATUS):
            if operation in operations:
                scope = self._scope(code, catalogues, dossier=dossier)
                self._encoders[operation].encode(dossier, scope)
                # What the next refresh of the catalogue will fill is no fault of the record; §9 has no catalogue.
                lasting = scope.problems if not self._manifest.reads else ()
                found += lasting or [problem for problem in scope.problems if problem.code != NOT_CACHED]
        if STEP in operations:
            scope = self._scope(code, catalogues)
            for index, step in enumerate(dossier.steps):
                self._encoders[STEP].encode(step, scope, f"/steps/{index}")
            found += scope.problems
        return [*found, *self._portal_rules(dossier, catalogues)]

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        items = [self._item(delivery, context) for delivery in deliveries]
        match deliveries[0].operation:
            case "dossier":
                updating = context.memory_of(deliveries[0]).get("exists") == "yes"
                return self._dialect.dossiers(items, context.credentials, updating=updating)
            case "step":
                return self._dialect.steps(items, context.credentials)
            case _:
                # §7.5 takes one object: of several snapshots the newest says everything.
                return self._dialect.status(items[-1], context.credentials)

    def interpret(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        kind = deliveries[0].operation
        if kind == DOSSIER:
            updating = context.memory_of(deliveries[0]).get("exists") == "yes"
            kind = outcomes.UPDATE if updating else outcomes.CREATE
        reply = self._read(response, kind, context)
        return outcomes.outcomes(self._meaning(reply, context), deliveries, self._settings, context.memories)

    def encode_query(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        return lookup(self._dialect, _number(deliveries[0], context), context.credentials)

    def interpret_query(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        reply = envelope.read(response, "lookup", context.now)
        return query.settle(
            self._meaning(reply, context),
            reply.result,
            deliveries,
            self._settings,
            lambda delivery: self._item(delivery, context),
        )

    def encode_read(self, name: str, parameters: Mapping[str, str], context: Context) -> WireRequest:
        return reads.encode(name, parameters, context, self._dialect, self._settings)

    def interpret_read(self, name: str, parameters: Mapping[str, str], response: WireResponse) -> Reading:
        del parameters  # the entries of an answer carry their own keys
        return reads.interpret(name, response, self._settings, self._classifier, self._layer_names)

    @property
    def shows_records(self) -> bool:
        return self._settings.dialect != "lgsp_document"  # §9: the twin cannot be asked anything

    def encode_record(self, dossier: str, context: Context) -> WireRequest:
        number = context.number_of(dossier)
        return lookup(self._dialect, number, context.credentials)

    def interpret_record(self, dossier: str, response: WireResponse, context: Context) -> RecordReading:
        reply = envelope.read(response, "lookup", context.now)
        number = context.number_of(dossier)
        meaning = self._meaning(reply, context)
        return record.interpret(meaning, reply.result, number, self._settings, self._layout)

    def expected_record(self, deliveries: Sequence[Delivery], context: Context) -> Expected | None:
        return record.expected(deliveries, self._tellings(context), self._layout)

    def record_rules(self, context: Context) -> bytes:
        on = local_date(context.now)
        return record.rules(self._settings, self._codes, context.catalogues, on)

    def read_callback(self, request: CallbackRequest, context: Context) -> Callback:
        return callback.read(request, context, self._settings, self._codes)

    # Encoding one delivery

    def _item(self, delivery: Delivery, context: Context) -> dict[str, Any]:
        """The official object of one delivery; CannotEncode with everything that is wrong with it."""
        scope = self._scope(_number(delivery, context), context.catalogues, on=local_date(context.now))
        return self._encoded(delivery, self._encoders[delivery.operation], scope)

    def _tellings(self, context: Context) -> record.Build:
        """What a comparison looks at in a delivery: of a step, what makes it that step. Steps share a scope."""
        on = local_date(context.now)
        scopes: dict[str, PortalScope] = {}

        def build(delivery: Delivery) -> dict[str, Any]:
            number = _number(delivery, context)
            if delivery.operation != STEP:
                scope = self._scope(number, context.catalogues, on=on)
                return self._encoded(delivery, self._encoders[delivery.operation], scope)
            known = scopes.get(number)
            if known is None:
                known = scopes[number] = self._scope(number, context.catalogues, on=on)
            return self._encoded(delivery, self._step_keys, known)

        return build

    def _encoded(self, delivery: Delivery, encoder: Encoder, scope: PortalScope) -> dict[str, Any]:
        at = ""
        if delivery.operation == STEP:
            record: Dossier | Step = stored(delivery, self._steps.decode).step
            at = "/step"
        else:
            record = scope.dossier = stored(delivery, self._dossiers.decode)
        item = encoder.encode(record, scope, at)
        if scope.problems:
            raise CannotEncode(_told(delivery, scope.problems), scope.problems, missing=_missing(scope))
        return item

    def _scope(
        self,
        code: str,
        catalogues: Catalogues,
        *,
        on: date | None = None,
        dossier: Dossier | None = None,
    ) -> PortalScope:
        scope = PortalScope(code, codes=self._codes, options=self._options, catalogues=catalogues, on=on)
        scope.dossier = dossier
        return scope

    # Reading one answer

    def _read(self, response: WireResponse, kind: str, context: Context) -> envelope.Reply:
        match self._settings.dialect:
            case "facade_array" if kind == outcomes.STEPS:
                return envelope.text_reply(response, kind, context.now)
            case "lgsp_document":
                return envelope.document_reply(response, kind, context.now)
            case _:
                return envelope.read(response, kind, context.now)

    def _meaning(self, reply: envelope.Reply, context: Context) -> outcomes.Meaning:
        return outcomes.Meaning(
            row=self._classifier.classify(reply.answer),
            answer=reply.answer,
            memory=context.memory,
            secrets=tuple(context.credentials.values()),
            layers=self._layer_names,
        )

    # What this portal would refuse though it can be encoded

    def _portal_rules(self, dossier: Dossier, catalogues: Catalogues) -> list[Violation]:
        settings = self._settings
        found = []
        if settings.check_agencies and not catalogue.knows_agency(catalogues, dossier.agency.code):
            found.append(
                Violation(
                    pointer="/agency/code",
                    code="unknown_agency",
                    got=dossier.agency.code,
                    expected="an agency of the portal's list",
                    advice="check the agency's code, or refresh the catalogue of agencies",
                )
            )
        snapshot = not plan.portal_born(dossier) or settings.sync_portal_born
        if settings.require_identity and settings.profile == "2023" and snapshot:
            found += self._identity_rule(dossier, catalogues)
        if settings.require_result and snapshot:
            found += _result_rule(dossier)
        return found

    def _identity_rule(self, dossier: Dossier, catalogues: Catalogues) -> list[Violation]:
        scope = self._scope(dossier.code, catalogues, dossier=dossier)
        if identities(dossier, scope):
            return []
        return [
            Violation(
                pointer="/applicant/identities",
                code="no_identity",
                got=", ".join(identity.kind for identity in dossier.applicant.identities) or "none",
                expected="an identity number of a kind that the portal knows",
                advice="add the personal identification number; none is ever invented",
            )
        ]


def build(settings: Settings) -> PortalAdapter:
    """The adapter for these settings; ConfigurationError when they cannot work."""
    return PortalAdapter(settings)


def _result_rule(dossier: Dossier) -> list[Violation]:
    coded = any(result.code and result.file for result in dossier.results)
    if coded or dossier.status not in {"finished", "returned"}:
        return []
    return [
        Violation(
            pointer="/results",
            code="no_result",
            got=f"{len(dossier.results)} results",
            expected="a result with its code and a file, because the dossier is finished",
            advice="add the code and the file of the result",
        )
    ]


def _number(delivery: Delivery, context: Context) -> str:
    """The dossier's number at the portal (§3)."""
    return context.memory_of(delivery).get("partner_code") or delivery.dossier


def _told(delivery: Delivery, problems: Sequence[Violation]) -> str:
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return (
        f"encoding {delivery.operation} {delivery.key} of dossier {delivery.dossier}: {first.pointer}: "
        f"expected {first.expected}; got {first.got}; {first.advice}{more}"
    )


def _options(settings: Settings) -> Options:
    return Options(
        unit=settings.madonvi,
        unit_name=settings.agency_name or settings.madonvi,
        default_actor=settings.default_actor,
        default_fee_code=settings.default_fee_code,
        unpaid_fees=settings.unpaid_fees,
        identity_codes=settings.identity_codes,
        reappointment_as=settings.reappointment_as,
        store_base_url=settings.store_base_url,
        download_base_url=settings.download_base_url,
    )


def _words(settings: Settings) -> dict[str, tuple[str, ...]]:
    words = {name: getattr(settings, name) for name in WORD_LISTS}
    if settings.dialect == "lgsp_document":
        words["success_codes"] = DONE_CODES  # §9: the twin's own success
    return words


def _encoders(settings: Settings, codes: Mapping[str, Any]) -> dict[str, Encoder]:
    twin = settings.dialect == "lgsp_document"
    tables: dict[str, Table] = {
        DOSSIER: TABLES["MSyncDocument" if twin else "DongBoHoSoMC"],
        STEP: TABLES["MDocumentTraces" if twin else "CapNhatTienDoHoSoMC"],
        STATUS: TABLES["DongBoTrangThaiHoSo"],
    }
    known = frozenset[str]().union(*(table.names() for table in TABLES.values()))
    if strange := set(settings.mandatory_fields) - known:
        raise ConfigurationError(
            f"national_portal: mandatory_fields has {', '.join(sorted(strange))}; no message has such an element"
        )
    variant = Variant(
        codes=codes,
        names=frozenset({settings.profile, settings.twin_dates}),
        mandatory=frozenset(settings.mandatory_fields),
        strings=settings.all_strings,
    )
    return {operation: table.compile(variant) for operation, table in tables.items()}


def _missing(scope: PortalScope) -> list[tuple[str, dict[str, str]]]:
    """Reference data that would help: the procedure's own entry (§5.8-1), where it was never fetched."""
    if scope.dossier is None or all(problem.code != NOT_CACHED for problem in scope.problems):
        return []
    procedure = scope.dossier.procedure
    return [("procedure", {"procedure": procedure.national_code or procedure.code})]
