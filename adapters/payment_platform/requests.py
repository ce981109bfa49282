"""The three requests of version 1.0.6 as bytes: INIT, QUERY, GET_BILL (payment_platform §3, §5).

Invariant: the check code is computed over the very values that stand in the body, with the partner's current secret;
an order whose sums differ is never a request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from adapters.payment_platform.settings import Partner, Settings
from gateway.domain.errors import CannotEncode
from gateway.domain.payment_order import PaymentOrder
from gateway.domain.violation import Violation, shown
from gateway.mapping import Encoder, Scope, Variant
from gateway.port import WireRequest
from mappings.payment_platform import checksum, init

QUERY = "QUERY"
GET_BILL = "GET_BILL"
_ENCODER = msgspec.json.Encoder()
_URLS = {QUERY: "query_url", GET_BILL: "bill_url"}
_TIMEOUTS = {QUERY: "query_timeout_s", GET_BILL: "bill_timeout_s"}


class Requests:
    """Compiled tables and the profile of each partner; nothing that changes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._init: Encoder = init.INIT.compile(Variant())
        self._ask: Encoder = init.ASK.compile(Variant())
        self._profiles = {code: _profile(each, settings) for code, each in settings.partners.items()}

    def init(self, order: PaymentOrder) -> WireRequest:
        """The INIT of ``order``; CannotEncode with everything that is wrong with it."""
        partner = self.partner(order.partner)
        message = self.message(order)
        return self._request(partner, partner.init_url, message, self._settings.init_timeout_s)

    def message(self, order: PaymentOrder) -> dict[str, Any]:
        """The document of an INIT with its check code; CannotEncode with everything that is wrong with it."""
        partner = self.partner(order.partner)
        scope = init.OrderScope(order, self._profiles[order.partner])
        message = self._init.encode(order, scope)
        problems = [*scope.problems, *([] if scope.problems else init.unbalanced(order, message))]
        if problems:
            raise CannotEncode(_told(f"payment {shown(order.reference)}", problems), problems)
        message[checksum.FIELD] = checksum.mac("INIT", message, partner.secret.reveal())
        return message

    def ask(self, kind: str, parameters: Mapping[str, str]) -> WireRequest:
        """A QUERY or GET_BILL about ``partner``, ``reference`` and ``asked_at``, which is the INIT's own."""
        question = init.Question(
            kind=kind,
            partner=parameters.get("partner", ""),
            reference=parameters.get("reference", ""),
            asked_at=parameters.get("asked_at", ""),
        )
        partner = self.partner(question.partner)
        scope = _QuestionScope(self._profiles[question.partner])
        message = self._ask.encode(question, scope)
        if scope.problems:
            raise CannotEncode(_told(f"{kind} {shown(question.reference)}", scope.problems), scope.problems)
        message[checksum.FIELD] = checksum.mac(kind, message, partner.secret.reveal())
        timeout: float = getattr(self._settings, _TIMEOUTS[kind])
        return self._request(partner, getattr(partner, _URLS[kind]), message, timeout)

    def partner(self, code: str) -> Partner:
        """The keys and addresses of MaDoiTac ``code``; CannotEncode when there are none."""
        found = self._settings.partners.get(code)
        if found is None:
            raise CannotEncode(
                f"payment_platform: no partner {shown(code)} is configured; there are "
                f"{', '.join(self._settings.partners)}"
            )
        return found

    def _request(self, partner: Partner, url: str, message: Mapping[str, Any], timeout: float) -> WireRequest:
        headers = [("accept", "application/json"), ("content-type", "application/json; charset=utf-8")]
        if partner.bearer is not None:
            headers.append(("authorization", f"Bearer {partner.bearer.reveal()}"))
        return WireRequest(
            method="POST", url=url, headers=tuple(headers), body=_ENCODER.encode(message), timeout=timeout
        )


class _QuestionScope(Scope):
    """A question under a partner's profile."""

    __slots__ = ("profile",)

    def __init__(self, profile: init.Profile) -> None:
        super().__init__()
        self.profile = profile


def _profile(partner: Partner, settings: Settings) -> init.Profile:
    return init.Profile(
        version=partner.version,
        payment_type=partner.payment_type,
        channel=partner.channel,
        device=partner.device,
        language=partner.language,
        bank=partner.bank,
        ip=partner.ip,
        service_type=partner.service_type,
        service_as_number=partner.service_as_number,
        service_suffix=partner.service_suffix,
        fee=partner.fees.fee,
        charge=partner.fees.charge,
        fee_codes=partner.fees.codes,
        fee_code=partner.fees.code,
        fee_rows=partner.fees.rows,
        purpose=settings.purpose,
        ascii_purpose=settings.ascii_purpose,
        identity_placeholder=partner.identity_placeholder,
        address_placeholder=partner.address_placeholder,
        account=partner.account,
        accounts=partner.accounts,
        agency=partner.agency,
        deciding_agency=partner.deciding_agency,
    )


def _told(what: str, problems: Sequence[Violation]) -> str:
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return (
        f"encoding {what}: {first.pointer or '/'}: expected {first.expected}; got {first.got}; "
        f"{first.advice}{more}"
    )
