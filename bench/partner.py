"""The stub partner: answers every POST after a fixed latency and judges what it received.

Its own process, so that it never shares an interpreter with what is measured. GET returns its record.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

_HEAD = re.compile(rb'\{"dossier":(\d+),"index":(\d+)')
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Record:
    """What was received: messages, repetitions, and messages that came before their predecessor."""

    def __init__(self) -> None:
        self.received = 0
        self.repeated = 0
        self.out_of_order = 0
        self._last: dict[int, int] = {}

    def take(self, body: bytes) -> None:
        found = _HEAD.match(body)
        if found is None:
            return
        dossier, index = int(found[1]), int(found[2])
        last = self._last.get(dossier, -1)
        self.received += 1
        if index <= last:
            self.repeated += 1
        elif index != last + 1:
            self.out_of_order += 1
        self._last[dossier] = max(last, index)


class Connection(asyncio.Protocol):
    """HTTP/1.1 keep-alive, one request at a time per connection."""

    def __init__(self, record: Record, latency: float) -> None:
        self._record = record
        self._latency = latency
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            found = re.search(rb"content-length: *(\d+)", head)
            length = int(found[1]) if found else 0
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"get"):
            text = json.dumps(
                {key: value for key, value in vars(self._record).items() if key[0] != "_"}
            ).encode()
            self._write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text))
            return
        self._record.take(body)
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._write, _OK)
        else:
            self._write(_OK)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


async def serve(latency: float) -> None:
    record = Record()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(record, latency), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def running(latency: float) -> Iterator[str]:
    """A partner in its own process; yields its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.partner", str(latency)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
    finally:
        process.terminate()
        process.wait()


def record_of(url: str) -> dict[str, int]:
    """What the partner at ``url`` has received so far."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return dict(json.load(answer))


if __name__ == "__main__":
    uvloop.run(serve(float(sys.argv[1])))
