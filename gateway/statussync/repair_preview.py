"""The exact messages of a repair, before it is ordered. Nothing is sent.

Invariant: every credential and secret field reads ``[redacted]``; everything else is what would leave, so whoever shows it
decides about the people in it (``gateway.api.drift``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from gateway.domain.delivery import Delivery
from gateway.messagelog.redaction import REDACTED, redact_body, redact_headers, redact_url
from gateway.port import WireRequest
from gateway.statussync.drift_asking import Inquiry
from gateway.wire.authentication import Credentials


class EncodedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it would leave: ``deliveries`` names what it carries; ``body`` as text."""

    operation: str
    deliveries: list[str]
    method: str
    url: str
    headers: list[list[str]]
    body_size: int
    body: str


def preview(inquiry: Inquiry, deliveries: Sequence[Delivery], memory: Mapping[str, str]) -> list[EncodedCall]:
    """One request per call, with as many deliveries as may travel together. CannotEncode when one cannot be sent."""
    destination = inquiry.destination
    layers = destination.adapter.credentials
    placeholders = Credentials(values={layer.name: REDACTED for layer in layers}, generations={})
    context = destination.context(placeholders, memory)
    return [
        _call(inquiry, batch, destination.adapter.encode(batch, context))
        for batch in _batches(inquiry, deliveries)
    ]


def _batches(inquiry: Inquiry, deliveries: Sequence[Delivery]) -> Iterator[list[Delivery]]:
    manifest = inquiry.destination.adapter.manifest
    for name, run in groupby(deliveries, key=lambda each: each.operation):
        together, most = list(run), manifest.operation(name).batch
        for start in range(0, len(together), most):
            yield together[start : start + most]


def _call(inquiry: Inquiry, batch: Sequence[Delivery], request: WireRequest) -> EncodedCall:
    manifest, secrets = inquiry.destination.adapter.manifest, inquiry.destination.secrets()
    fields = manifest.secret_fields
    body = redact_body(request.body, fields=fields, secrets=secrets)
    return EncodedCall(
        operation=batch[0].operation,
        deliveries=[str(each.id) for each in batch],
        method=request.method,
        url=redact_url(request.url, fields=fields, secrets=secrets),
        headers=redact_headers(
            request.headers, names=manifest.secret_headers, fields=fields, secrets=secrets
        ),
        body_size=len(body),
        body=body.decode("utf-8", "replace"),
    )
