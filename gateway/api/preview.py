"""What would be sent: the stored dossier as an adapter encodes it now. Nothing is sent, nothing is written.

Credentials are placeholders, and what a manifest calls secret is redacted. Invariant: a preview has no effect on
anything, neither here nor at the partner.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.deliveries import Reason
from gateway.api.dossiers import stored
from gateway.api.inputs import Word
from gateway.api.privacy import Personal, Sight, masked_request, sees_people
from gateway.api.problem import Refused
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.delivery.destination import Destination
from gateway.domain.delivery import OPEN, Delivery, DeliveryState
from gateway.domain.dossier import Dossier
from gateway.domain.errors import CannotEncode, NotFoundError
from gateway.domain.violation import Violation
from gateway.messagelog.redaction import REDACTED, redact_body, redact_headers, redact_url
from gateway.port import Context, Planned, WireRequest
from gateway.storage import queries
from gateway.storage.queries import LaneMemory, Standing


class PreviewQuery(msgspec.Struct, frozen=True, kw_only=True):
    """For which destination. ``all``: also what was delivered or skipped already. ``personal``, ``reason``: as of the
    dossier itself."""

    destination: Word
    all: bool = False
    limit: Annotated[int, Meta(ge=1, le=200, description="At most so many requests.")] = 20
    personal: Personal = False
    reason: Reason | None = None


class EncodedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it would leave. The body stands as text where it is UTF-8, else in Base64."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body_size: int
    body_text: str | None = None
    body_base64: str | None = None


class PreviewItem(msgspec.Struct, frozen=True, kw_only=True):
    """One call: the deliveries in it, and the request or why there is none. ``states``: null for what no lane has
    yet."""

    operation: str
    keys: list[str]
    states: list[DeliveryState | None]
    request: EncodedRequest | None = None
    refusal: str | None = None
    violations: list[Violation] = []


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What would be sent. ``wanted`` false: this destination is not told of the dossier at all."""

    code: str
    version: int
    destination: str
    wanted: bool
    items: list[PreviewItem]
    cut: bool


async def get_preview(api: Api, call: Call) -> Answer:
    """Encode what one destination would get of one dossier."""
    code, query = str(call.path["code"]), call.query_as(PreviewQuery)
    destination = api.gateway.destinations.get(query.destination)
    if destination is None:
        raise NotFoundError(f"there is no destination {query.destination}")
    found = await stored(api, code)
    read = api.gateway.database.read
    standings = await read(functools.partial(queries.standings, code=code))
    memory = await read(functools.partial(queries.lane_memory, destination=destination.name, code=code))
    dossier = msgspec.json.decode(found.record, type=Dossier)
    try:
        wanted = destination.adapter.wants(dossier)
        planned = list(destination.adapter.plan(dossier)) if wanted else []
    except CannotEncode as fault:
        raise Refused("invalid", str(fault), violations=fault.violations) from fault
    known = {(item.operation, item.key): item for item in standings if item.destination == destination.name}
    calls = _calls(destination, planned, known, everything=query.all)
    sight = Sight(
        verb="read_preview",
        dossier=code,
        detail={"destination": destination.name, "dossier": code, "version": found.version},
    )
    shown = await sees_people(api, call, sight, personal=query.personal, reason=query.reason)
    desk = _Desk(destination, dossier, memory, masked=not shown)
    return Answer(
        value=Preview(
            code=code,
            version=found.version,
            destination=destination.name,
            wanted=wanted,
            items=[desk.item(batch, known) for batch in calls[: query.limit]],
            cut=len(calls) > query.limit,
        )
    )


def _calls(
    destination: Destination,
    planned: Sequence[Planned],
    known: Mapping[tuple[str, str], Standing],
    *,
    everything: bool,
) -> list[list[Planned]]:
    """Deliveries that would travel together, in order."""
    calls: list[list[Planned]] = []
    for item in planned:
        standing = known.get((item.operation, item.key))
        if standing is not None and standing.state not in OPEN and not everything:
            continue
        most = destination.adapter.manifest.operation(item.operation).batch
        if calls and calls[-1][0].operation == item.operation and len(calls[-1]) < most:
            calls[-1].append(item)
        else:
            calls.append([item])
    return calls


class _Desk:
    """Encodes for one dossier at one destination."""

    def __init__(
        self, destination: Destination, dossier: Dossier, memory: LaneMemory | None, *, masked: bool
    ) -> None:
        self._destination = destination
        self._masked = masked
        self._dossier = dossier
        self._lane = 0 if memory is None else memory.lane
        codes = destination.adapter.partner_codes(dossier)
        learnt = {"partner_code": codes[0]} if memory is None and codes else {}
        self._context = Context(
            now=destination.hub.clock(),
            credentials={layer.name: REDACTED for layer in destination.adapter.credentials},
            memory=learnt if memory is None else memory.memory,
            catalogues=destination.catalogues,
        )

    def item(self, batch: Sequence[Planned], known: Mapping[tuple[str, str], Standing]) -> PreviewItem:
        """One call, encoded or refused."""
        standings = [known.get((item.operation, item.key)) for item in batch]
        head = PreviewItem(
            operation=batch[0].operation,
            keys=[item.key for item in batch],
            states=[None if standing is None else standing.state for standing in standings],
        )
        deliveries = [self._delivery(item, place) for place, item in enumerate(batch, start=1)]
        try:
            request = self._destination.adapter.encode(deliveries, self._context)
        except CannotEncode as fault:
            return msgspec.structs.replace(head, refusal=str(fault), violations=list(fault.violations))
        return msgspec.structs.replace(head, request=encoded(self._destination, request, masked=self._masked))

    def _delivery(self, item: Planned, position: int) -> Delivery:
        return Delivery(
            id=position,
            lane=self._lane,
            destination=self._destination.name,
            dossier=self._dossier.code,
            operation=item.operation,
            key=item.key,
            position=position,
            payload=item.payload,
        )


def encoded(destination: Destination, request: WireRequest, *, masked: bool = False) -> EncodedRequest:
    """``request`` as it may be shown: what is secret reads ``[redacted]``; ``masked``: what is personal reads ``•••``."""
    scope, secrets = destination.scope, destination.secrets()
    body = redact_body(request.body, fields=scope.secret_fields, secrets=secrets)
    headers = redact_headers(request.headers, names=scope.secret_headers, secrets=secrets)
    url = redact_url(request.url, fields=scope.secret_fields, secrets=secrets)
    if masked:
        url, body = masked_request(scope.personal_fields, url, body)
    text, packed = text_or_base64(body)
    return EncodedRequest(
        method=request.method,
        url=url,
        headers=[(name, value) for name, value in headers],
        body_size=len(body),
        body_text=text,
        body_base64=packed,
    )


def text_or_base64(body: bytes) -> tuple[str | None, str | None]:
    """``body`` as text where it is UTF-8 without U+0000, else in Base64."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None, base64.b64encode(body).decode()
    return (text, None) if "\x00" not in text else (None, base64.b64encode(body).decode())
