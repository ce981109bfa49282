"""A partner that keeps a journal of every single thing it receives, and the adapter that talks to it.

The journal has more than a real partner tells: each item with its place in the order of arrival, whether it was
processed, and whether the answer was given. Faults hit one request in twenty, by seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import struct
from collections import defaultdict
from collections.abc import Sequence
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, Self

import msgspec

from gateway.codec import canonical
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.outcome import InDoubt, Outcome
from gateway.port import Capacity, Context, Planned, WireRequest, WireResponse
from tests.delivery.partner import StubAdapter, verdicts_in

DESTINATION = "journal"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
FAULTS = (
    "reset_before",
    "reset_after",
    "silence_before",
    "silence_after",
    "busy",
    "pause",
    "cut_answer",
    "html",
    "slow",
)


class JournalAdapter(StubAdapter):
    """Tells the partner the dossier, then its steps in order of time."""

    def __init__(self, url: str) -> None:
        super().__init__(url=url, capacity=Capacity(concurrency=8, connect_timeout=2.0, read_timeout=1.0))

    def plan(self, dossier: Dossier) -> Sequence[Planned]:
        steps = sorted(dossier.steps, key=lambda step: step.at)
        shown = msgspec.structs.replace(dossier, steps=[])
        return [
            Planned(operation="dossier", key=str(dossier.version), payload=canonical.encode(shown)),
            *(Planned(operation="step", key=step.id, payload=canonical.encode(step)) for step in steps),
        ]

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        return self._request("send", deliveries, [{"key": item.key} for item in deliveries], context)

    def encode_query(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        return self._request("ask", deliveries, [{"key": item.key} for item in deliveries], context)

    def interpret_query(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        """An answer that cannot be read is no answer: the partner is asked again."""
        if response.status != 200:
            return [InDoubt(code=str(response.status), reason="not answered", ask_again=True)] * len(
                deliveries
            )
        return [
            msgspec.structs.replace(outcome, ask_again=True) if isinstance(outcome, InDoubt) else outcome
            for outcome in verdicts_in(deliveries, response)
        ]


class Arrival(msgspec.Struct, frozen=True):
    """One item that arrived. ``first``: it had not been processed before."""

    dossier: str
    operation: str
    key: str
    processed: bool
    first: bool
    at: float


class JournalPartner:
    """The server. Runs in the test's own process, so that it survives everything."""

    def __init__(self, seed: int, *, faults: float = 0.05, latency: float = 0.03) -> None:
        self._chance = random.Random(seed)
        self._faults = faults
        self._latency = latency
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.journal: list[Arrival] = []
        self.has: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self.injected: dict[str, int] = defaultdict(int)
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def calm(self) -> None:
        """No faults from now on."""
        self._faults = 0.0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while await self._answer(reader, writer):
                continue
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            return  # asyncio complains about a cancelled handler
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; False ends the connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = msgspec.json.decode(await reader.readexactly(int(length[1]) if length else 0))
        fault = self._chance.choice(FAULTS) if self._chance.random() < self._faults else ""
        self.injected[fault or "none"] += 1
        await asyncio.sleep(self._latency * (8 if fault == "slow" else self._chance.uniform(0.3, 1.7)))
        if fault in {"reset_before", "silence_before", "busy", "pause"}:
            self._note(body, processed=False)
            return await self._refuse(fault, writer)
        answer = self._ask(body) if head.startswith(b"POST /ask") else self._take(body)
        return await self._reply(fault, answer, writer)

    async def _refuse(self, fault: str, writer: asyncio.StreamWriter) -> bool:
        match fault:
            case "reset_before":
                reset(writer)
                return False
            case "silence_before":
                await asyncio.sleep(1.5)
                return False
            case "busy":
                writer.write(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
            case _:
                writer.write(b"HTTP/1.1 429 Wait\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        return True

    async def _reply(self, fault: str, answer: list[str], writer: asyncio.StreamWriter) -> bool:
        body = b"<html>" if fault == "html" else msgspec.json.encode({"verdicts": answer})
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
        match fault:
            case "reset_after":
                reset(writer)
                return False
            case "silence_after":
                await asyncio.sleep(1.5)
                return False
            case "cut_answer":
                writer.write(head + body[:3])
                return False
            case _:
                writer.write(head + body)
        await writer.drain()
        return True

    def _take(self, body: dict[str, Any]) -> list[str]:
        self._note(body, processed=True)
        return ["accepted"] * len(body["items"])

    def _ask(self, body: dict[str, Any]) -> list[str]:
        has = self.has[body["dossier"]]
        return ["accepted" if (body["operation"], item["key"]) in has else "absent" for item in body["items"]]

    def _note(self, body: dict[str, Any], *, processed: bool) -> None:
        for item in body["items"]:
            what = (body["operation"], item["key"])
            arrival = Arrival(
                dossier=body["dossier"],
                operation=what[0],
                key=what[1],
                processed=processed,
                first=processed and what not in self.has[body["dossier"]],
                at=asyncio.get_running_loop().time(),
            )
            if processed:
                self.has[body["dossier"]].add(what)
                self.journal.append(arrival)


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST."""
    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
