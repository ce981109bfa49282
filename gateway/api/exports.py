"""Evidence of one dossier over HTTP: exporting it, fetching the file, checking a file.

Invariant: contents are exported for a reason that is logged before a byte leaves, and with personal data only to who may
read it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.access import require_scope
from gateway.api.deliveries import Reason
from gateway.api.problem import Refused, invalid
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.dossier import DossierCode
from gateway.domain.errors import ConfigurationError
from gateway.domain.violation import Violation, shown
from gateway.evidence.desk import Order
from gateway.evidence.redacting import Redaction
from gateway.proof.lienthong_verify import MIME_TYPE
from gateway.storage.clients import Scope

KEYS_TYPE = "application/json"
MOST_BUNDLE_BYTES = 64 * 1024 * 1024
Field = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,100}$(?!\n)", examples=["personal", "full_name"])]


class ExportOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose evidence and why. ``redact``: names of fields whose values go; or ``personal`` (all that hold personal data),
    ``attachments``, ``body``. Without ``personal`` or ``body`` it holds personal data, which needs scope personal:read."""

    dossier: DossierCode
    reason: Reason
    redact: Annotated[list[Field], Meta(max_length=100)] = []


async def export_evidence(api: Api, call: Call) -> Answer:
    """Make the evidence of one dossier, check it, keep it for whoever asked."""
    order = call.body_as(ExportOrder)
    redaction = _redaction(order.redact)
    if call.principal is not None:
        require_scope(call.principal, Scope.DOSSIERS_READ)
        require_scope(call.principal, Scope.LOG_READ)
        if not (redaction.personal or redaction.body):
            require_scope(call.principal, Scope.PERSONAL_READ)
    try:
        made = await api.exports.export(
            Order(dossier=order.dossier, actor=call.actor, reason=order.reason, redaction=redaction)
        )
    except ConfigurationError as fault:
        raise Refused("unavailable", str(fault)) from fault
    location = (("location", f"/v1/evidence/exports/{made.id}"),)
    return Answer(value=made, status=201, headers=location)


async def fetch_export(api: Api, call: Call) -> Answer:
    """The file, to the one who has exported it."""
    name, content = await api.exports.fetch(str(call.path["export"]), call.actor)
    disposition = ("content-disposition", f'attachment; filename="{name}"')
    return Answer(content=content, media_type=MIME_TYPE, headers=(disposition,))


async def verify_evidence(api: Api, call: Call) -> Answer:
    """Check a bundle under the keys of this gateway."""
    try:
        return Answer(value=await api.exports.verify(call.body_as(bytes)))
    except ConfigurationError as fault:
        raise Refused("unavailable", str(fault)) from fault


async def get_evidence_keys(api: Api, _call: Call) -> Answer:
    """What an auditor pins, as the stand-alone verifier reads it."""
    try:
        content = await api.exports.keys()
    except ConfigurationError as fault:
        raise Refused("unavailable", str(fault)) from fault
    disposition = ("content-disposition", 'attachment; filename="pinned.json"')
    return Answer(content=content, media_type=KEYS_TYPE, headers=(disposition,))


def _redaction(names: list[str]) -> Redaction:
    try:
        return Redaction.of(names)
    except ConfigurationError as fault:
        wrong = Violation(
            pointer="/redact",
            code="field",
            got=shown(", ".join(names)),
            expected="names of fields, personal, attachments or body",
            advice="name fields as they stand in the messages",
        )
        raise invalid(str(fault), wrong) from fault
