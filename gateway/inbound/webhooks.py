"""Webhooks: events pushed to endpoints of the one-door system, signed, in order, retried until they are taken.

Invariants: one sender per endpoint across all processes; a slow or dead endpoint costs the others nothing; a secret
is shown once, when it is made.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import structlog

from gateway.domain.errors import ConfigurationError, NotFoundError, RecordError, StorageUnavailable
from gateway.domain.violation import Violation, shown
from gateway.inbound.addresses import AddressGuard
from gateway.inbound.courier import Courier, answered_entry, asked_entry, judge
from gateway.inbound.endpoint import Hub, Means, Turn
from gateway.inbound.feed import FeedEvent
from gateway.inbound.secrets import EndpointSecrets
from gateway.inbound.watch import Watch
from gateway.port import Capacity
from gateway.settings import WebhookSettings
from gateway.storage import webhooks as rows
from gateway.storage.instants import from_micros, maybe_from_micros, to_micros
from gateway.storage.oversight import Action
from gateway.storage.rows import insert_messages
from gateway.storage.webhooks import Claim, Rotation, Survey, WebhookRow
from gateway.telemetry import WEBHOOKS_BEHIND, WEBHOOKS_DISABLED
from gateway.wire.client import HttpClient

log = structlog.get_logger(__name__)
ROUND_SECONDS = 0.5
CONNECTIONS = 32
LARGEST_ANSWER = 64 * 1024
_KIND = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A registered endpoint as people see it. ``position``: it has everything up to there; ``behind``: what it
    has not got, of all kinds. ``disabled_at``: it was given up and waits for somebody to enable it.
    ``former_secret_until``: until then events are also signed with the secret before the newest."""

    id: str
    url: str
    kinds: list[str]
    position: int
    behind: int
    failures: int
    failing_since: datetime | None
    next_try_at: datetime | None
    last_failure: str | None
    created_at: datetime
    disabled_at: datetime | None
    former_secret_until: datetime | None


class Revealed(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint with the new secret that verifies its signatures, shown this once."""

    endpoint: Endpoint
    secret: str


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint made of a test event."""

    delivered: bool
    status: int | None
    reason: str


class Webhooks:
    """Registration and sending. ``owner``: this process's worker id, which holds the endpoints it sends to."""

    def __init__(
        self,
        hub: Hub,
        watch: Watch,
        settings: WebhookSettings,
        *,
        owner: Callable[[], int],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._hub = hub
        self._watch = watch
        self._guard = AddressGuard(settings.allow, settings.allow_http)
        self._secrets = EndpointSecrets(settings.keys, hub.clock)
        self._courier = Courier(_client(settings, self._guard), self._guard, self._secrets.signing, wall)
        self._means = Means(hub=hub, watch=watch, courier=self._courier, settings=settings)
        self._owner = owner

    async def prepare(self) -> None:
        """Seal every stored secret under the newest key. ConfigurationError: the key of one is not given any more."""
        survey = await self._hub.database.read(rows.survey)
        resealed = self._secrets.resealed(survey.endpoints)
        if resealed:
            await self._hub.database.write(lambda tx: rows.reseal_webhooks(tx, resealed))
            log.info("webhook_secrets_were_sealed_anew", endpoints=len(resealed))

    async def create(
        self, url: str, kinds: Sequence[str] = (), *, actor: str, after: int | None = None
    ) -> Revealed:
        """Register ``url`` for events of ``kinds`` (empty: every kind) from now on, or after position ``after``.

        RecordError: the address or a kind cannot be right.
        """
        self._guard.require(url)
        _require_kinds(kinds)
        newest = await self._watch.newest()
        now = to_micros(self._hub.clock())
        endpoint = f"wh_{secrets.token_hex(12)}"
        fresh = self._secrets.fresh(endpoint)
        row = WebhookRow(
            id=endpoint,
            url=url,
            secret=fresh.stored,
            kinds=msgspec.json.encode(sorted(set(kinds))).decode(),
            position=newest if after is None else min(max(after, 0), newest),
            created_at=now,
        )
        action = self._action(actor, "webhook.create", row.id, "")
        await self._hub.database.write(lambda tx: rows.add_webhook(tx, row, action))
        return Revealed(endpoint=_endpoint(row, newest), secret=fresh.shown)

    async def rotate(self, endpoint: str, *, actor: str, reason: str, overlap: float) -> Revealed:
        """Sign with a new secret from now on, for ``overlap`` seconds with the one so far, too, so that the receiver
        can change over in between. NotFoundError: there is no such endpoint."""
        fresh = self._secrets.fresh(endpoint)
        now = to_micros(self._hub.clock())
        until = now + int(overlap * 1e6) if overlap > 0 else None
        rotation = Rotation(id=endpoint, secret=fresh.stored, until=until)
        action = self._action(actor, "webhook.rotate", endpoint, reason)
        if not await self._hub.database.write(lambda tx: rows.rotate_webhook(tx, action, rotation)):
            raise _unknown(endpoint)
        found = await self._find(endpoint)
        return Revealed(endpoint=_endpoint(found, await self._watch.newest()), secret=fresh.shown)

    async def list(self) -> list[Endpoint]:
        """Every endpoint, oldest first."""
        survey = await self._hub.database.read(rows.survey)
        return [_endpoint(row, survey.newest) for row in survey.endpoints]

    async def delete(self, endpoint: str, *, actor: str, reason: str = "") -> None:
        """Stop sending to an endpoint for ever. NotFoundError: there is none."""
        action = self._action(actor, "webhook.delete", endpoint, reason)
        if not await self._hub.database.write(lambda tx: rows.drop_webhook(tx, action)):
            raise _unknown(endpoint)

    async def enable(
        self, endpoint: str, *, actor: str, reason: str = "", after: int | None = None
    ) -> Endpoint:
        """Send again, at once; from where it stood, or after position ``after`` (which may skip an event that the
        endpoint cannot take). NotFoundError: there is none."""
        newest = await self._watch.newest()
        position = None if after is None else min(max(after, 0), newest)
        action = self._action(actor, "webhook.enable", endpoint, reason)
        if not await self._hub.database.write(lambda tx: rows.enable_webhook(tx, action, position)):
            raise _unknown(endpoint)
        return _endpoint(await self._find(endpoint), newest)

    async def test(self, endpoint: str, *, actor: str) -> Tested:
        """Send one event of kind ``webhook.test``, which is in no feed; the history has who did and what was answered.

        NotFoundError: there is no such endpoint.
        """
        row = await self._find(endpoint)
        now, database = self._hub.clock(), self._hub.database
        event = FeedEvent(
            id=f"evt_test_{secrets.token_hex(8)}",
            position=0,
            at=now,
            kind="webhook.test",
            dossier=None,
            destination=None,
            data={"webhook": row.id},
        )
        parcel = self._courier.parcel(row, event)
        asked, answered = database.identifiers.take(2)
        request = asked_entry(parcel, asked, now)
        await database.write(lambda tx: insert_messages(tx, [request]))
        result = await self._courier.send(parcel)
        response = answered_entry(parcel, (answered, asked), self._hub.clock(), result)
        verdict = judge(result)
        detail = {"delivered": verdict.delivered, "answer": str(verdict.status or "no_answer")}
        action = self._action(actor, "webhook.test", endpoint, "", detail)
        await database.write(lambda tx: rows.note_test(tx, response, action))
        return Tested(delivered=verdict.delivered, status=verdict.status, reason=verdict.reason)

    async def run(self, stopping: asyncio.Event) -> None:
        """Send to every endpoint that is behind until ``stopping``; requests in flight are finished.

        Raises StorageUnavailable; run it again then.
        """
        at_work: dict[str, asyncio.Task[int]] = {}
        try:
            while not stopping.is_set():
                newest = await self._begin(at_work, stopping)
                await self._watch.beyond(newest, ROUND_SECONDS)
        finally:
            if at_work:
                await asyncio.wait(at_work.values())

    async def run_once(self) -> int:
        """Bring every endpoint that is due as far as it goes; the number of events delivered."""
        at_work: dict[str, asyncio.Task[int]] = {}
        await self._begin(at_work, asyncio.Event())
        return sum(await asyncio.gather(*at_work.values()))

    async def close(self) -> None:
        """Close connections."""
        await self._courier.close()

    async def _begin(self, at_work: dict[str, asyncio.Task[int]], stopping: asyncio.Event) -> int:
        """Start a turn for every endpoint that is due and not at work yet; the newest position."""
        survey = await self._hub.database.read(rows.survey)
        _show(survey)
        now = to_micros(self._hub.clock())
        if any(row.former_until is not None and row.former_until <= now for row in survey.endpoints):
            await self._hub.database.write(lambda tx: rows.forget_former_secrets(tx, now))
        for endpoint in [name for name, task in at_work.items() if task.done()]:
            del at_work[endpoint]
        for row in survey.endpoints:
            if row.id not in at_work and survey.is_due(row, self._owner(), now):
                at_work[row.id] = asyncio.create_task(self._serve(row.id, stopping), name=f"webhook-{row.id}")
        return survey.newest

    async def _serve(self, endpoint: str, stopping: asyncio.Event) -> int:
        """One turn of one endpoint; the number of events delivered. Never raises."""
        database, owner = self._hub.database, self._owner()
        claim = Claim(id=endpoint, owner=owner, now=to_micros(self._hub.clock()))
        delivered = 0
        try:
            row = await database.write(lambda tx: rows.claim_webhook(tx, claim))
            if row is None:
                return 0
            turn = Turn(self._means, row, owner)
            try:
                await turn.run(stopping)
            except StorageUnavailable:
                raise
            except Exception as fault:  # why: a defect with one endpoint must not silence the others
                log.exception("webhook_failed", endpoint=endpoint)
                await turn.give_up(f"defect: {type(fault).__name__}")
            delivered = turn.delivered
            await database.write(lambda tx: rows.release_webhook(tx, endpoint, owner))
        except StorageUnavailable as fault:
            log.warning("storage_was_lost", endpoint=endpoint, reason=str(fault)[:200])
        return delivered

    async def _find(self, endpoint: str) -> WebhookRow:
        row = await self._hub.database.read(partial(rows.find_webhook, endpoint=endpoint))
        if row is None:
            raise _unknown(endpoint)
        return row

    def _action(
        self, actor: str, action: str, target: str, reason: str, detail: dict[str, Any] | None = None
    ) -> Action:
        now = self._hub.clock()
        return Action(actor=actor, verb=action, target=target, reason=reason, now=now, detail=detail or {})


def _show(survey: Survey) -> None:
    WEBHOOKS_DISABLED.set(sum(row.disabled_at is not None for row in survey.endpoints))
    WEBHOOKS_BEHIND.clear()
    for row in survey.endpoints:
        WEBHOOKS_BEHIND.labels(row.id).set(max(0, survey.newest - row.position))


def _endpoint(row: WebhookRow, newest: int) -> Endpoint:
    return Endpoint(
        id=row.id,
        url=row.url,
        kinds=msgspec.json.decode(row.kinds, type=list[str]),
        position=row.position,
        behind=max(0, newest - row.position),
        failures=row.failures,
        failing_since=maybe_from_micros(row.failing_since),
        next_try_at=from_micros(row.next_at) if row.next_at else None,
        last_failure=row.last_failure,
        created_at=from_micros(row.created_at),
        disabled_at=maybe_from_micros(row.disabled_at),
        former_secret_until=maybe_from_micros(row.former_until),
    )


def _require_kinds(kinds: Sequence[str]) -> None:
    wrong = [
        Violation(
            pointer=f"/kinds/{place}",
            code="event_kind",
            got=shown(kind),
            expected="lower-case words joined by dots, like delivery.rejected",
            advice="name the kinds as the feed does, or send none to get every kind",
        )
        for place, kind in enumerate(kinds)
        if not _KIND.fullmatch(kind)
    ]
    if wrong:
        raise RecordError("the endpoint cannot be registered", wrong)


def _unknown(endpoint: str) -> NotFoundError:
    return NotFoundError(f"there is no webhook {endpoint[:80]!r}")


def _client(settings: WebhookSettings, guard: AddressGuard) -> HttpClient:
    capacity = Capacity(
        concurrency=CONNECTIONS,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        max_response_bytes=LARGEST_ANSWER,
    )
    return HttpClient(capacity, verify=_trust(settings.ca_file), judge=guard.refuse_address)


def _trust(ca_file: str | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as fault:
        raise ConfigurationError(
            f"webhooks.ca_file: cannot read certificates in {ca_file}: {fault}"
        ) from fault
