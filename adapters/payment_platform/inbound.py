"""Inbound calls besides CONFIRM: the look-up of a debt, notices and evidence about land (payment_platform §8, §9).

Invariant: pure; the shared key of the land doors is compared in constant time before anything else is read.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from adapters.payment_platform.settings import LandTax, Settings
from gateway.codec import Json, Unreadable, json
from gateway.port import CallbackRequest, LandTaxReport, PaymentLookup, Refusal, WireResponse
from mappings.payment_platform import land, lookup
from mappings.payment_platform.checksum import same

LONGEST_LAND_MESSAGE = 8 * 1024 * 1024
_LONGEST_ANSWER = 2000
_JSON = (("content-type", "application/json; charset=utf-8"),)
_ENCODER = msgspec.json.Encoder()
Networks: TypeAlias = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def admits(networks: Networks, peer: str) -> bool:
    """Whether a call from ``peer`` is taken: any is where no network is named, none from an unknown address else."""
    if not networks:
        return True
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)


def document(body: Mapping[str, Json], status: int = 200) -> WireResponse:
    """An answer."""
    return WireResponse(status=status, headers=_JSON, body=_ENCODER.encode(body))


def read_lookup(request: CallbackRequest, settings: Settings) -> PaymentLookup | Refusal:
    """Which dossier is asked about; §8.1 answers HTTP 200 whatever happens."""
    failed = document(lookup.without_debt(lookup.FAILED, form=settings.lookup_form))
    if request.method.upper() != "POST":
        return Refusal(code="method", reason="not a POST", answer=failed)
    try:
        body = json.read(request.body, limit=settings.max_callback_bytes)
    except Unreadable as fault:
        return Refusal(code=fault.code, reason="the body cannot be read", answer=failed)
    asked = lookup.asked_dossier(body)
    if not asked:
        return Refusal(code="no_dossier", reason="no dossier is named", answer=failed)
    nothing = document(lookup.without_debt(lookup.NOTHING, form=settings.lookup_form))
    return PaymentLookup(dossier=asked, nothing=nothing, failed=failed, masked=lookup.PERSONAL)


def lookup_of_a_stranger(settings: Settings) -> Refusal:
    """The refusal of a look-up from a network that is not the platform's."""
    answer = document(lookup.without_debt(lookup.FAILED, form=settings.lookup_form))
    return Refusal(code="foreign_network", reason="not from callback_networks", answer=answer)


def payable(message: Mapping[str, Any], now14: str, settings: Settings) -> WireResponse:
    """The answer to a look-up where ``message`` is the INIT that would be sent."""
    return document(lookup.payable(message, now14, form=settings.lookup_form))


def read_land(request: CallbackRequest, settings: LandTax, service: str) -> LandTaxReport | Refusal:
    """Notices or evidence. A message of another service at the same door is refused, not guessed (§9.1)."""
    if request.method.upper() != "POST":
        return _refused(settings, "method", "not a POST", 405)
    try:
        body = json.read(request.body, limit=LONGEST_LAND_MESSAGE)
        envelope = land.lowered(body) if isinstance(body, dict) else {}
        if not _admitted(envelope, settings):
            return _refused(settings, "security_key", "the shared key is wrong", settings.bad_key_http)
        return _land_report(envelope, request.body, settings, service)
    except Unreadable as fault:
        return _refused(settings, fault.code, "the body cannot be read", 400)
    except land.NotTaken as fault:
        return _refused(settings, fault.code, fault.reason, 200)


def _admitted(envelope: Mapping[str, Json], settings: LandTax) -> bool:
    if settings.security_key is None:
        return True
    good = False
    for key in (settings.security_key, settings.previous_security_key):
        if key is not None:
            good |= same(key.reveal(), envelope.get(land.KEY))
    return good


def _land_report(envelope: Mapping[str, Json], body: bytes, settings: LandTax, service: str) -> LandTaxReport:
    asked = envelope.get("service") or service
    data, digest, updating = (
        envelope.get("data"),
        hashlib.sha256(body).digest(),
        land.truth(envelope.get(land.UPDATING)),
    )
    unavailable = document(land.reply(settings.answer, good=False, text="Hệ thống tạm gián đoạn"), 503)
    plain = LandTaxReport(unavailable=unavailable, digest=digest, updating=updating)
    match asked:
        case land.NOTICES:
            taken, refused = land.notices(data, settings.max_rows)
            return replace(plain, notices=taken, refused=refused)
        case land.EVIDENCE:
            return replace(plain, evidence=land.evidence(data))
        case _:
            raise land.NotTaken("unknown_service", "service not found")


def answer_land(report: LandTaxReport, unknown: Sequence[str], settings: LandTax) -> WireResponse:
    """The answer once everything is stored: rows that were refused and dossiers that nobody knows are named (§9.2)."""
    told = [f"{row.row}: {row.reason}" for row in report.refused]
    told += [f"{code}: hồ sơ không tồn tại, đã lưu để đối chiếu" for code in unknown]
    good = bool(report.notices or report.evidence)
    text = "; ".join(told) or "Thành công"
    return document(land.reply(settings.answer, good=good, text=text[:_LONGEST_ANSWER]))


def _refused(settings: LandTax, code: str, reason: str, status: int) -> Refusal:
    answer = document(land.reply(settings.answer, good=False, text=reason), status)
    return Refusal(code=code, reason=reason, answer=answer)
