"""A small adapter and a partner for it: answers are scripted, and the partner keeps its own record.

The wire format is JSON: ``{"dossier", "operation", "items": [{"key", "text"}], "session"}`` to ``/send`` or ``/ask``;
the answer is ``{"verdicts": [...]}``, one verdict per item.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import msgspec

from gateway.domain.delivery import Delivery
from gateway.domain.errors import CannotEncode
from gateway.domain.outcome import Accepted, Actor, Deferred, InDoubt, Outcome, Rejected
from gateway.port import (
    CannotRead,
    Capacity,
    Context,
    CredentialLayer,
    Denied,
    Grant,
    Manifest,
    Operation,
    OperationKind,
    WireRequest,
    WireResponse,
    header,
)

URL = "https://portal.example"
EVENT, SNAPSHOT = OperationKind.EVENT, OperationKind.SNAPSHOT
OPERATIONS = (
    Operation(name="dossier", kind=SNAPSHOT, title="State", source="-", queryable=True),
    Operation(name="step", kind=EVENT, title="Step", source="-", queryable=True),
    Operation(name="page", kind=EVENT, title="Page", source="-", queryable=True, batch=3),
    Operation(name="letter", kind=EVENT, title="Letter", source="-"),
    Operation(name="ping", kind=EVENT, title="Ping", source="-", repeatable=True),
)


class SessionLayer:
    """A login that gives numbered sessions."""

    name = "session"

    def request(self, credentials: Any) -> WireRequest:
        return WireRequest(method="POST", url=f"{URL}/login")

    def read(self, response: WireResponse) -> Grant | Denied:
        if response.status != 200:
            return Denied(code="login", reason=f"HTTP {response.status}")
        return Grant(value=response.body.decode(), lifetime=3600)


class StubAdapter:
    """Pure, like every adapter; ``broken`` names a method that raises, or returns what it must not."""

    def __init__(
        self, *, url: str = URL, layers: Sequence[CredentialLayer] = (), capacity: Capacity | None = None
    ) -> None:
        self.url = url
        self.credentials = tuple(layers)
        self.manifest = Manifest(
            name="stub",
            title="Stub",
            title_vi="Stub",
            contract="-",
            operations=OPERATIONS,
            secret_fields=("session",),
            capacity=capacity or Capacity(concurrency=4, connect_timeout=1.0, read_timeout=1.0),
        )
        self.broken: dict[str, Callable[[], Any]] = {}

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        if "encode" in self.broken:
            return self.broken["encode"]()
        items = [_item(delivery) for delivery in deliveries]
        for item in items:
            if item["text"] == "unencodable":
                raise CannotEncode(f"encoding {deliveries[0].dossier}: shorten the text")
            if item["text"] == "poison":
                raise KeyError("poison")
        return self._request("send", deliveries, items, context)

    def encode_query(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        if "encode_query" in self.broken:
            return self.broken["encode_query"]()
        return self._request("ask", deliveries, [_item(delivery) for delivery in deliveries], context)

    def _request(
        self, path: str, deliveries: Sequence[Delivery], items: list[dict[str, str]], context: Context
    ) -> WireRequest:
        body = {
            "dossier": deliveries[0].dossier,
            "operation": deliveries[0].operation,
            "items": items,
            "session": context.credentials.get("session", ""),
            "memory": dict(context.memory),
        }
        return WireRequest(
            method="POST",
            url=f"{self.url}/{path}",
            headers=(("content-type", "application/json"),),
            body=msgspec.json.encode(body),
        )

    def interpret(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        if "interpret" in self.broken:
            return self.broken["interpret"]()
        return verdicts_in(deliveries, response)

    def interpret_query(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        if "interpret_query" in self.broken:
            return self.broken["interpret_query"]()
        return verdicts_in(deliveries, response)

    def wants(self, dossier: Any) -> bool:
        return True

    def check(self, dossier: Any, catalogues: Any) -> Sequence[Any]:
        return ()

    def plan(self, dossier: Any) -> Sequence[Any]:
        return ()

    def partner_codes(self, dossier: Any) -> Sequence[str]:
        return ()

    def encode_read(self, name: str, parameters: Any, context: Context) -> WireRequest:
        return WireRequest(method="POST", url=f"{self.url}/{name}")

    def interpret_read(self, name: str, parameters: Any, response: WireResponse) -> CannotRead:
        return CannotRead(code="none", reason="no reads here")

    def read_callback(self, request: Any, context: Context) -> Any:
        raise NotImplementedError


def _item(delivery: Delivery) -> dict[str, str]:
    payload = msgspec.json.decode(delivery.payload)
    return {"key": delivery.key, "text": str(payload.get("text", ""))}


VERDICTS: dict[str, Callable[[], Outcome]] = {
    "accepted": lambda: Accepted(receipt="R-1"),
    "learned": lambda: Accepted(learned={"created": "yes"}),
    "rejected": lambda: Rejected(code="R07", reason="a field is wrong", actor=Actor.PROVINCE),
    "deferred": lambda: Deferred(code="D01", reason="busy"),
    "absent": lambda: Deferred(code="absent", reason="not here"),
    "flip": lambda: Deferred(code="flip", reason="exists", retry_after=0, learned={"created": "yes"}),
    "expired": lambda: Deferred(code="session", reason="expired", retry_after=0, renew=("session",)),
    "doubt": lambda: InDoubt(code="unclear", reason="cannot be read"),
    "ask_again": lambda: InDoubt(code="session", reason="expired", ask_again=True, renew=("session",)),
}


def verdicts_in(deliveries: Sequence[Delivery], response: WireResponse) -> Sequence[Outcome]:
    if response.status in {429, 503}:
        pause = header(response.headers, "retry-after")
        outcome = Deferred(
            code=str(response.status), reason="busy", retry_after=None if pause is None else float(pause)
        )
        return [outcome] * len(deliveries)
    try:
        verdicts = msgspec.json.decode(response.body)["verdicts"]
        return [VERDICTS[verdict]() for verdict in verdicts]
    except (msgspec.DecodeError, KeyError, TypeError):
        return [InDoubt(code="unreadable", reason=f"HTTP {response.status}")] * len(deliveries)


Move = Callable[["Partner", dict[str, Any]], httpx.Response]


def verdicts(*names: str) -> httpx.Response:
    return httpx.Response(200, content=msgspec.json.encode({"verdicts": names}))


class Partner:
    """Keeps what it has taken, answers questions from that, and follows the script for sends first.

    ``script[dossier]``: what happens to the next sends of that dossier; afterwards everything is taken.
    """

    def __init__(self) -> None:
        self.taken: dict[str, list[str]] = defaultdict(list)
        self.sends: list[tuple[str, str]] = []
        self.questions: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.logins = 0
        self.calls = 0
        self.script: dict[str, deque[str]] = defaultdict(deque)
        self.asked: dict[str, deque[str]] = defaultdict(deque)
        self.sessions: set[str] = set()
        self.needs_session = False
        self.before: Callable[[str, dict[str, Any]], Any] | None = None
        self.down = False
        self.retry_after = "30"

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    def plan(self, dossier: str, *moves: str) -> None:
        """What the partner does with the next sends of ``dossier``."""
        self.script[dossier].extend(moves)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        self.calls += 1
        if self.down:
            raise httpx.ConnectError("refused")
        if request.url.path == "/login":
            self.logins += 1
            self.sessions = {f"S{self.logins}"}
            return httpx.Response(200, content=f"S{self.logins}")
        body = msgspec.json.decode(request.content)
        self.bodies.append(body)
        what = request.url.path.strip("/")
        if self.before is not None:
            result = self.before(what, body)
            if result is not None:
                await result
        return self._ask(body) if what == "ask" else self._send(body)

    def _ask(self, body: dict[str, Any]) -> httpx.Response:
        dossier = body["dossier"]
        self.questions += [(dossier, item["key"]) for item in body["items"]]
        move = self.asked[dossier].popleft() if self.asked[dossier] else "truth"
        match move:
            case "truth":
                has = self.taken[dossier]
                return verdicts(*("accepted" if item["key"] in has else "absent" for item in body["items"]))
            case "timeout":
                raise httpx.ReadTimeout("late")
            case "refused":
                raise httpx.ConnectError("refused")
            case _:
                return verdicts(*[move] * len(body["items"]))

    def _send(self, body: dict[str, Any]) -> httpx.Response:
        dossier = body["dossier"]
        self.sends += [(dossier, item["key"]) for item in body["items"]]
        if self.needs_session and body["session"] not in self.sessions:
            return verdicts(*["expired"] * len(body["items"]))
        move = self.script[dossier].popleft() if self.script[dossier] else "take"
        return self._move(move, body)

    def _move(self, move: str, body: dict[str, Any]) -> httpx.Response:
        keys = [item["key"] for item in body["items"]]
        if move in {"take", "lose_answer"}:
            self.taken[body["dossier"]] += keys
        if move == "mixed":
            self.taken[body["dossier"]] += keys[:1]
            return verdicts(*["accepted", "rejected", "deferred"][: len(keys)])
        if move == "pause":
            return httpx.Response(429, headers={"retry-after": self.retry_after})
        answer = _ANSWERS.get(move) or verdicts(*["accepted" if move == "take" else move] * len(keys))
        if isinstance(answer, Exception):
            raise answer
        return answer


_ANSWERS: dict[str, Exception | httpx.Response] = {
    "lose_answer": httpx.ReadTimeout("late"),
    "lose_request": httpx.ReadTimeout("late"),
    "reset": httpx.ReadError("reset"),
    "refused": httpx.ConnectError("refused"),
    "busy": httpx.Response(503),
    "html": httpx.Response(200, content=b"<html>error</html>"),
}
