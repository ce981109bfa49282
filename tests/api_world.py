"""A gateway with one small adapter, its API, clients with keys, and records to send. For tests of the API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from gateway.api.app import application, build_api
from gateway.api.service import Api
from gateway.bootstrap import Gateway, open_gateway
from gateway.codec import canonical
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.errors import CannotEncode
from gateway.domain.outcome import Accepted, InDoubt, Outcome
from gateway.domain.violation import Violation
from gateway.port import (
    CallbackRequest,
    CannotRead,
    Capacity,
    Context,
    Denied,
    Grant,
    Manifest,
    Operation,
    OperationKind,
    Planned,
    Read,
    Reading,
    ReadOperation,
    Refusal,
    Report,
    WireRequest,
    WireResponse,
)
from gateway.settings import ApiSettings, ApprovalSettings, DatabaseSettings, DestinationSettings, Settings
from gateway.settings_evidence import EvidenceSettings
from gateway.storage.clients import NewClient, Scope, create_client
from gateway.storage.tables import metadata

BOARD = "board"
URL = "https://board.example"


class Session:
    """A login layer, so that a preview has a credential to hide."""

    name = "session"

    def request(self, credentials: Any) -> WireRequest:
        return WireRequest(method="POST", url=f"{URL}/login", body=b"password=open-sesame")

    def read(self, response: WireResponse) -> Grant | Denied:
        return Grant(value="session-of-the-board", lifetime=3600)


class Board:
    """Pure, like every adapter. A summary that says so makes it refuse, fail, or stay silent."""

    manifest = Manifest(
        name="board",
        title="Ward board",
        title_vi="Bảng phường",
        contract="-",
        operations=(
            Operation(name="card", kind=OperationKind.SNAPSHOT, title="Card", source="-", queryable=True),
            Operation(name="line", kind=OperationKind.EVENT, title="Line", source="-", batch=3),
        ),
        reads=(
            ReadOperation(name="streets", title="Streets", source="-", catalogue=True),
            ReadOperation(name="forms", title="Forms", source="-", parameters=("procedure",), catalogue=True),
            ReadOperation(name="lookup", title="Lookup", source="-", parameters=("code",)),
        ),
        secret_fields=("session",),
        capacity=Capacity(concurrency=4, connect_timeout=1.0, read_timeout=1.0),
    )
    credentials = (Session(),)

    def wants(self, dossier: Dossier) -> bool:
        return dossier.summary != "not for the board"

    def check(self, dossier: Dossier, catalogues: Any) -> Sequence[Violation]:
        if dossier.summary != "refused by the board":
            return ()
        found = Violation(
            pointer="/summary", code="board", got=dossier.summary, expected="kind words", advice="rewrite it"
        )
        return [found]

    def plan(self, dossier: Dossier) -> Sequence[Planned]:
        card = Planned(operation="card", key=f"v{dossier.version}", payload=canonical.encode(dossier))
        lines = [
            Planned(operation="line", key=step.id, payload=canonical.encode({"step": step}))
            for step in dossier.steps
        ]
        return [card, *lines]

    def partner_codes(self, dossier: Dossier) -> Sequence[str]:
        return [f"B-{dossier.code}"]

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        items = [json.loads(item.payload) for item in deliveries]
        if items[0].get("summary") == "cannot be encoded":
            raise CannotEncode("the board cannot take this summary; shorten it")
        if items[0].get("summary") == "breaks the adapter":
            raise KeyError("a defect, with a secret in it")
        body = {
            "number": context.memory.get("partner_code"),
            "session": context.credentials["session"],
            "items": items,
        }
        return WireRequest(
            method="POST",
            url=f"{URL}/{deliveries[0].operation}?session={context.credentials['session']}",
            headers=(("content-type", "application/json"), ("authorization", "Basic hidden")),
            body=json.dumps(body, ensure_ascii=False).encode(),
        )

    def interpret(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        good = response.status == 200
        return [Accepted() if good else InDoubt(code="odd", reason=str(response.status)) for _ in deliveries]

    def encode_query(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        return WireRequest(method="GET", url=f"{URL}/{deliveries[0].key}")

    def interpret_query(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        return [Accepted() for _ in deliveries]

    def encode_read(self, name: str, parameters: Any, context: Context) -> WireRequest:
        return WireRequest(method="GET", url=f"{URL}/{name}")

    def interpret_read(self, name: str, parameters: Any, response: WireResponse) -> Reading:
        if response.status != 200:
            return CannotRead(code="closed", reason="the board is closed")
        return Read(entries={"1": {"name": "Example Street"}})

    def read_callback(self, request: CallbackRequest, context: Context) -> Report | Refusal:
        if request.body != b"knock":
            return Refusal(code="who", reason="not a knock", answer=WireResponse(status=403, body=b"who?"))
        answer = WireResponse(
            status=200, headers=(("x-board", "yes"),), body=f"come in {request.path}".encode()
        )
        return Report(
            key="knock", kind="board.knocked", dossier_code="H99-1", data=b"{}", first=answer, again=answer
        )


class Partner(httpx.AsyncBaseTransport):
    """Answers every request with ``status``."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        return httpx.Response(self.status, json={})


def record(code: str = "H99-1", version: int = 1, **fields: Any) -> dict[str, Any]:
    """A record as a one-door system sends it."""
    return {
        "code": code,
        "version": version,
        "procedure": {"code": "1.004203"},
        "agency": {"code": "H99.14", "name": "UBND phường Ví Dụ"},
        "channel": "counter",
        "applicant": {"kind": "citizen", "name": "Nguyễn Văn Thí Dụ"},
        "summary": "Trích lục khai sinh",
        "status": "received",
        "received_at": "2026-09-28T08:05:00+07:00",
        "due_at": "2026-09-30T17:00:00+07:00",
        "steps": [{"id": "s1", "at": "2026-09-28T08:05:00+07:00", "status": "received"}],
        **fields,
    }


class World:
    """An open gateway with its API. ``keys`` by client; ``call`` speaks for one of them."""

    def __init__(self, gateway: Gateway, partner: Partner) -> None:
        self.gateway = gateway
        self.partner = partner
        self.api: Api = build_api(gateway)
        self.app = application(self.api)
        self.keys: dict[str, str] = {}
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://gateway.example",
        )

    async def add_client(self, client: str, *scopes: Scope, rate: int | None = None) -> str:
        new = NewClient(id=client, name=client, scopes=frozenset(scopes or Scope), rate=rate)
        issued = await self.gateway.database.write(
            lambda tx: create_client(tx, new, self.gateway.hub.clock())
        )
        self.keys[client] = issued.secret
        return issued.secret

    async def call(
        self, method: str, path: str, *, client: str | None = "all", headers: Any = None, **options: Any
    ) -> httpx.Response:
        sent = dict(headers or {})
        if client is not None:
            sent.setdefault("authorization", f"Bearer {self.keys[client]}")
        return await self._http.request(method, path, headers=sent, **options)

    async def put(self, code: str = "H99-1", version: int = 1, **fields: Any) -> httpx.Response:
        answer = await self.call("PUT", f"/v1/dossiers/{code}", json=record(code, version, **fields))
        assert answer.status_code in {200, 202}, answer.text
        return answer

    async def count(self, table: str) -> int:
        question = metadata.tables[table].select()
        rows = await self.gateway.database.read(lambda connection: connection.execute(question).all())
        return len(rows)

    async def close(self) -> None:
        await self._http.aclose()
        await self.gateway.close()


def settings(
    url: str, approvals: ApprovalSettings | None = None, keys: Path | None = None, **api: Any
) -> Settings:
    return Settings(
        evidence=EvidenceSettings(keys=None if keys is None else str(keys)),
        database=DatabaseSettings(url=url),
        api=ApiSettings(port=0, **api),
        approvals=approvals or ApprovalSettings(required=[]),
        destination={BOARD: DestinationSettings()},
    )


@asynccontextmanager
async def open_world(url: str, **api: Any) -> AsyncIterator[World]:
    """A world on a migrated database, with one client that may do everything."""
    partner = Partner()
    gateway = await open_gateway(settings(url, **api), transports={BOARD: partner}, extra={BOARD: Board()})
    world = World(gateway, partner)
    try:
        await world.add_client("all")
        yield world
    finally:
        await world.close()


def violations(answer: httpx.Response) -> dict[str, str]:
    """Pointer to code of every violation in a problem."""
    return {item["pointer"]: item["code"] for item in answer.json()["violations"]}


def lines(*records: Any) -> bytes:
    return b"\n".join(item if isinstance(item, bytes) else msgspec.json.encode(item) for item in records)
