"""The payment platform in version 1.0.6: encode orders, interpret answers, read what it sends (contract
``payment_platform``).

This module joins the parts: ``requests`` puts orders on the wire, ``answers`` reads what comes back, ``confirm`` and
``inbound`` what comes in. Invariant: pure; the same arguments give the same bytes, and no answer makes it raise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from ipaddress import ip_network

from adapters.payment_platform import inbound
from adapters.payment_platform.answers import Answers, Asked
from adapters.payment_platform.confirm import read_confirm, refusal
from adapters.payment_platform.manifest import BILL, PAYMENT, declare
from adapters.payment_platform.requests import GET_BILL, QUERY, Requests
from adapters.payment_platform.settings import Settings, require_usable
from gateway.codec import trusted
from gateway.codec.payload import stored
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.errors import CannotEncode
from gateway.domain.outcome import InDoubt, Outcome
from gateway.domain.payment_order import PaymentOrder
from gateway.domain.violation import Violation
from gateway.mapping.formats import date14
from gateway.port import (
    AttemptName,
    Callback,
    CallbackRequest,
    CannotRead,
    Context,
    CredentialLayer,
    LandTaxReport,
    Manifest,
    PaymentTerms,
    Planned,
    Reading,
    WireRequest,
    WireResponse,
)
from gateway.port.adapter import Catalogues
from mappings.payment_platform import land
from mappings.payment_platform.addresses import is_inside, permitted, rewritten
from mappings.payment_platform.naming import name_attempt
from mappings.payment_platform.responses import ABSENT_CODES

_Judge = Callable[[Asked], Outcome]
_READS = {PAYMENT: QUERY, BILL: GET_BILL}


class PaymentPlatformAdapter:
    """One destination. Holds compiled tables and settings, nothing that changes."""

    def __init__(self, settings: Settings) -> None:
        require_usable(settings)
        self._settings = settings
        self._manifest = declare(settings)
        self._requests = Requests(settings)
        self._answers = Answers(settings)
        self._orders = trusted.decoder(PaymentOrder)
        self._networks: inbound.Networks = tuple(map(ip_network, settings.callback_networks))

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    @property
    def credentials(self) -> Sequence[CredentialLayer]:
        return ()  # §3: a static bearer at most

    def wants(self, dossier: Dossier) -> bool:
        del dossier  # payments are asked for by people and systems, never by a version of a dossier
        return False

    def check(self, dossier: Dossier, catalogues: Catalogues) -> Sequence[Violation]:
        del dossier, catalogues
        return ()

    def plan(self, dossier: Dossier) -> Sequence[Planned]:
        del dossier
        return ()

    def partner_codes(self, dossier: Dossier) -> Sequence[str]:
        return (dossier.code,)

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        del context  # an order carries its own time (§13, pitfall 4)
        delivery = deliveries[0]
        if delivery.retried_at is not None and delivery.attempts:
            raise CannotEncode(  # §11.4: not even on a person's word
                f"sending {delivery.operation} {delivery.key} of dossier {delivery.dossier} again: it has left once, "
                "and the platform may have it; ask for a new attempt, which has a reference of its own"
            )
        return self._requests.init(stored(delivery, self._orders.decode))

    def interpret(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        del context
        return [
            self._outcome(each, lambda asked: self._answers.of_init(asked, response)) for each in deliveries
        ]

    def encode_query(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        del context
        order = stored(deliveries[0], self._orders.decode)
        return self._requests.ask(
            QUERY, {"partner": order.partner, "reference": order.reference, "asked_at": order.asked_at}
        )

    def interpret_query(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        def judge(asked: Asked) -> Outcome:
            return self._answers.of_doubt(asked, response, context.memory_of(deliveries[0]), context.now)

        return [self._outcome(each, judge) for each in deliveries]

    def encode_read(self, name: str, parameters: Mapping[str, str], context: Context) -> WireRequest:
        del context
        if name not in _READS:
            raise CannotEncode(f"reading {name}: the platform answers {', '.join(_READS)}")
        return self._requests.ask(_READS[name], parameters)

    def interpret_read(self, name: str, parameters: Mapping[str, str], response: WireResponse) -> Reading:
        asked = Asked(
            partner=parameters.get("partner", ""),
            reference=parameters.get("reference", ""),
            asked_at=parameters.get("asked_at", ""),
        )
        match name:
            case "payment":
                return self._answers.of_payment(asked, response)
            case "bill":
                return self._answers.of_bill(asked, response)
            case _:
                return CannotRead(code="unknown_read", reason=f"there is no read {name}")

    def read_callback(self, request: CallbackRequest, context: Context) -> Callback:
        del context
        settings, path = self._settings, request.path.strip("/")
        if path == settings.callback_path.strip("/"):
            if not inbound.admits(self._networks, request.peer):
                return refusal("foreign_network", "not from callback_networks", 403)
            return read_confirm(request, settings)
        if settings.lookup_path and path == settings.lookup_path.strip("/"):
            if not inbound.admits(self._networks, request.peer):
                return inbound.lookup_of_a_stranger(settings)
            return inbound.read_lookup(request, settings)
        if settings.land is not None:
            for door, service in (
                (settings.land.notice_path, land.NOTICES),
                (settings.land.evidence_path, land.EVIDENCE),
            ):
                if path == door.strip("/"):
                    return inbound.read_land(request, settings.land, service)
        return refusal("unknown_path", "there is no such service", 404)

    @property
    def payment_terms(self) -> PaymentTerms:
        settings = self._settings
        return PaymentTerms(
            partner=settings.partner_code(),
            schedule=settings.query_schedule_s,
            every=settings.query_every_s,
            until=settings.query_until_s,
            absent_after=settings.absent_after_s,
            session=settings.session_s,
            absent_codes=ABSENT_CODES,
            receipt_hosts=settings.receipt_hosts,
            plain_http_hosts=settings.plain_http_hosts,
            url_rewrites=settings.url_rewrites,
        )

    def name_attempt(self, now: datetime, chance: int) -> AttemptName:
        """MaThamChieu and ThoiGianGD of a new attempt (§5.1, fields 4 and 13)."""
        return name_attempt(now, chance)

    def answer_lookup(self, order: PaymentOrder, now: datetime) -> WireResponse:
        """What must be paid for a dossier (§8); CannotEncode where the order could not be sent either."""
        return inbound.payable(self._requests.message(order), date14(now), self._settings)

    def answer_land(self, report: LandTaxReport, unknown: Sequence[str]) -> WireResponse:
        """The answer to notices or evidence that are stored (§9)."""
        if self._settings.land is None:
            return refusal("unknown_path", "there is no such service", 404).answer
        return inbound.answer_land(report, unknown, self._settings.land)

    @property
    def receipt_limit(self) -> int:
        return self._settings.max_bill_bytes

    def receipt_address(self, written: str) -> str | None:
        url = rewritten(written, self._settings.url_rewrites)
        return url if self.permits_receipt(url) else None

    def permits_receipt(self, url: str) -> bool:
        return permitted(url, self._settings.receipt_hosts, self._settings.plain_http_hosts)

    def is_inside(self, host: str) -> bool:
        return is_inside(host, self._settings.receipt_hosts, self._settings.plain_http_hosts)

    def _outcome(self, delivery: Delivery, judge: _Judge) -> Outcome:
        try:
            order = stored(delivery, self._orders.decode)
        except CannotEncode as fault:  # it left once, so nobody knows what became of it
            return InDoubt(code="unreadable_payload", reason=str(fault)[:500])
        return judge(Asked(partner=order.partner, reference=order.reference, asked_at=order.asked_at))


def build(settings: Settings) -> PaymentPlatformAdapter:
    """The adapter for these settings; ConfigurationError when they cannot work."""
    return PaymentPlatformAdapter(settings)
