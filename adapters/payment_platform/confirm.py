"""CONFIRM, the notification of a payment's result: verify, read, and have every answer ready (payment_platform §5.5).

Invariant: pure, no record is looked at before the check code held, and whoever cannot make one learns nothing: not
which partners exist, not which payments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from adapters.payment_platform.settings import Settings
from gateway.codec import Json, Unreadable, canonical, json
from gateway.port import CallbackRequest, PaymentReport, Refusal, WireResponse
from mappings.payment_platform import checksum
from mappings.payment_platform.confirm import (
    ALARMED,
    ANSWERED,
    OTHER_ERROR,
    RECEIVED,
    REFUSED,
    TAKEN,
    UNAVAILABLE,
    Malformed,
    Notified,
    acknowledgement,
    notified,
    require_wellformed,
    without_card,
)
from mappings.payment_platform.reading import named

KIND = "CONFIRM"
_JSON = (("content-type", "application/json; charset=utf-8"),)
_ENCODER = msgspec.json.Encoder()
# Of a partner that does not exist, so that asking about one takes as long as asking about another.
_NOBODY = ("0" * 64,)


def read_confirm(request: CallbackRequest, settings: Settings) -> PaymentReport | Refusal:
    """The report that a notification is, or why it is refused and with which answer."""
    if request.method.upper() != "POST":
        return refusal("method", "not a POST", 405)
    if len(request.body) > settings.max_callback_bytes:
        return refusal("too_large", f"{len(request.body)} bytes", 413)
    try:
        fields = _fields(request.body, settings)
    except Unreadable as fault:
        return refusal(fault.code, "the body cannot be read", 400)
    except Malformed as fault:
        return refusal("malformed", fault.reason, 400)
    said = notified(fields)
    if not _proved(fields, said, settings):
        return refusal("bad_mac", "the check code does not hold", settings.bad_mac_http)
    return _report(fields, said, request.body, settings)


def _fields(body: bytes, settings: Settings) -> dict[str, Json]:
    """The fields of a notification without card data; Unreadable or Malformed when it is none."""
    document = json.read(body)
    if not isinstance(document, dict):
        raise Malformed("the body is no JSON object")
    fields = without_card(named(document))
    require_wellformed(fields, settings.foreign_kinds)
    return fields


def answer(report: PaymentReport, effect: str, alarm: str = "") -> WireResponse:
    """The answer to ``report`` that had this effect and raised this alarm (§5.5 answer table)."""
    return report.answer(effect, alarm)


def refusal(code: str, reason: str, status: int) -> Refusal:
    """A call that is refused; the answer has one shape whatever the reason (§13, pitfall 18)."""
    body = _ENCODER.encode(acknowledgement(None, REFUSED, OTHER_ERROR))
    return Refusal(code=code, reason=reason, answer=WireResponse(status=status, headers=_JSON, body=body))


def _proved(fields: Mapping[str, Json], said: Notified, settings: Settings) -> bool:
    partner = settings.partners.get(said.partner)
    secrets = _NOBODY if partner is None else partner.secrets()
    good = checksum.verify(KIND, fields, secrets, any_case=settings.uppercase_mac)
    return good and partner is not None


def _report(fields: Mapping[str, Json], said: Notified, body: bytes, settings: Settings) -> PaymentReport:
    return PaymentReport(
        claim="paid" if said.code in settings.success_codes else "failed",
        partner=said.partner,
        reference=said.reference,
        amount=said.amount,
        currency=said.currency,
        transaction=said.transaction,
        bank=said.bank,
        claimed_at=said.claimed_at,
        code=said.code,
        text=said.text,
        dossier=said.dossier,
        receipt_url=said.receipt_url,
        digest=hashlib.sha256(body).digest(),
        data=canonical.encode(fields),
        answers=_answers(said, settings),
    )


def _answers(said: Notified, settings: Settings) -> dict[str, WireResponse]:
    failed = said.code if settings.ack_for_failed == "echo" else "00"
    made = {
        TAKEN: _made(said, settings, (200, TAKEN, "00")),
        RECEIVED: _made(said, settings, (200, RECEIVED, failed)),
        REFUSED: _made(said, settings, (200, REFUSED, OTHER_ERROR)),
        UNAVAILABLE: _made(said, settings, (503, UNAVAILABLE, OTHER_ERROR)),
    }
    return {situation: made[result] for situation, result in (*ANSWERED.items(), *ALARMED.items())}


def _made(said: Notified, settings: Settings, row: tuple[int, str, str]) -> WireResponse:
    status, result, code = row
    document = acknowledgement(said, result, code)
    if settings.ack_mac == "assumed":
        secret = settings.partners[said.partner].secret.reveal()
        document[checksum.FIELD] = checksum.code(checksum.ANSWER_ORDERS["short"], document, secret)
    return WireResponse(status=status, headers=_JSON, body=_ENCODER.encode(document))
