"""A server that does exactly what a test says, byte by byte, and keeps every byte it received."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator
from typing import Self

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Peer:
    """One connection, from the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self._reader = reader
        self._writer = writer
        self.number = number
        self.received = bytearray()

    async def read(self, count: int) -> bytes:
        data = await self._reader.read(count)
        self.received += data
        return data

    async def read_head(self) -> bytes:
        """Up to the empty line; IncompleteReadError when the client is gone."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        self.received += head
        return head

    async def read_request(self) -> bytes:
        """One complete request."""
        head = await self.read_head()
        length = _LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        self.received += body
        return head + body

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def drip(self, data: bytes, pause: float) -> None:
        for index in range(len(data)):
            await self.write(data[index : index + 1])
            await asyncio.sleep(pause)

    def reset(self) -> None:
        """Send RST instead of FIN."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def until_closed(self) -> None:
        """Read on until the client is gone."""
        while await self.read(65536):
            continue


Behaviour = Callable[[Peer], Awaitable[None]]


class RawServer:
    """Runs ``behaviour`` on every connection; closes the connection when it returns."""

    def __init__(self, behaviour: Behaviour, *, tls: ssl.SSLContext | None = None) -> None:
        self._behaviour = behaviour
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.peers: list[Peer] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/service"

    @property
    def received(self) -> bytes:
        """Everything that arrived, over all connections."""
        return b"".join(bytes(peer.received) for peer in self.peers)

    def stop_listening(self) -> None:
        """Refuse new connections; those that are open go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peer = Peer(reader, writer, len(self.peers))
        self.peers.append(peer)
        try:
            await self._behaviour(peer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            return  # asyncio complains about a cancelled handler
        finally:
            with contextlib.suppress(ConnectionError, ssl.SSLError, OSError):
                writer.close()


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """A port of this machine on which nobody listens, as long as the context lasts."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])
