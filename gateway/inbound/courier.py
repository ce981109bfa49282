"""One event to one endpoint: signed by Standard Webhooks, logged before it leaves, and what the answer means.

Invariant: the bytes that were signed are the bytes that leave, under an id that is the event's for ever; only 2xx
means that the endpoint has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from standardwebhooks import Webhook

from gateway.inbound.addresses import AddressGuard
from gateway.inbound.feed import FeedEvent
from gateway.messagelog.entry import About, Scope, no_answer_entry, request_entry, response_entry
from gateway.port import WireRequest, WireResponse, header
from gateway.storage.rows import MessageRow
from gateway.storage.webhooks import WebhookRow
from gateway.wire.client import Answered, Exchange, HttpClient

# an endpoint's own address may carry a key in its query
_SECRET_FIELDS = ("token", "access_token", "api_key", "apikey", "secret", "password", "signature")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event. ``gone``: the endpoint asks for no more, ever (410).

    ``retry_after``: seconds that the endpoint asks for. ``status`` None: no answer came.
    """

    delivered: bool
    reason: str
    status: int | None = None
    gone: bool = False
    retry_after: float | None = None


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A signed request for one endpoint, about one event."""

    request: WireRequest
    scope: Scope
    kind: str
    dossier: str | None


class Courier:
    """Signs and sends. ``wall`` is the real time in seconds: receivers compare it with their own clock.

    ``secrets``: those that sign for an endpoint, the newest first.
    """

    def __init__(
        self,
        client: HttpClient,
        guard: AddressGuard,
        secrets: Callable[[WebhookRow], Sequence[str]],
        wall: Callable[[], float],
    ) -> None:
        self._client = client
        self._guard = guard
        self._secrets = secrets
        self._wall = wall

    def parcel(self, endpoint: WebhookRow, event: FeedEvent) -> Parcel:
        """The request that tells ``endpoint`` about ``event``, signed for now."""
        body = document(event)
        now = datetime.fromtimestamp(int(self._wall()), UTC)
        # Standard Webhooks: several signatures, separated by spaces, while a secret is replaced
        signature = " ".join(
            Webhook(secret).sign(event.id, now, body.decode()) for secret in self._secrets(endpoint)
        )
        request = WireRequest(
            method="POST",
            url=endpoint.url,
            headers=(
                ("content-type", "application/json"),
                ("user-agent", "lienthong-webhooks/1"),
                ("webhook-id", event.id),
                ("webhook-timestamp", str(int(now.timestamp()))),
                ("webhook-signature", signature),
            ),
            body=body,
        )
        scope = Scope(channel=f"webhook:{endpoint.id}", secret_fields=_SECRET_FIELDS)
        return Parcel(request=request, scope=scope, kind=event.kind, dossier=event.dossier)

    async def send(self, parcel: Parcel) -> Exchange | str:
        """The exchange, or why nothing may be sent to that address."""
        refusal = self._guard.refuse_url(parcel.request.url)
        return refusal if refusal is not None else await self._client.exchange(parcel.request)

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()


def document(event: FeedEvent) -> bytes:
    """The body that tells about ``event``: type, timestamp and data as Standard Webhooks has them, and the cursor."""
    return msgspec.json.encode(
        {
            "type": event.kind,
            "timestamp": event.at,
            "id": event.id,
            "position": event.position,
            "dossier": event.dossier,
            "destination": event.destination,
            "data": event.data,
        }
    )


def judge(result: Exchange | str) -> Verdict:
    """What the end of an exchange means for the event."""
    if isinstance(result, str):
        return Verdict(delivered=False, reason=f"address refused: {result}")
    if not isinstance(result, Answered):
        return Verdict(delivered=False, reason=f"{result.code}: {result.reason}")
    status = result.response.status
    if 200 <= status < 300:
        return Verdict(delivered=True, reason="", status=status)
    return Verdict(
        delivered=False,
        reason=f"the endpoint answered HTTP {status}",
        status=status,
        gone=status == HTTPStatus.GONE,
        retry_after=_retry_after(result.response),
    )


def _retry_after(response: WireResponse) -> float | None:
    asked = (header(response.headers, "retry-after") or "").strip()
    return float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else None


def asked_entry(parcel: Parcel, entry: int, at: datetime) -> MessageRow:
    """The log entry of the request."""
    return request_entry(parcel.scope, _about(parcel, entry, at), parcel.request)


def answered_entry(
    parcel: Parcel, about: tuple[int, int], at: datetime, result: Exchange | str
) -> MessageRow:
    """The log entry of what came back; ``about`` is its own id and that of the request's entry."""
    verdict = judge(result)
    entry, request = about
    described = msgspec.structs.replace(
        _about(parcel, entry, at),
        request_id=request,
        outcome="accepted" if verdict.delivered else "failed",
        code=str(verdict.status or "no_answer"),
    )
    if isinstance(result, Answered):
        return response_entry(parcel.scope, described, result.response)
    return no_answer_entry(parcel.scope, described, verdict.reason)


def _about(parcel: Parcel, entry: int, at: datetime) -> About:
    return About(id=entry, at=at, operation=parcel.kind, dossier=parcel.dossier)
