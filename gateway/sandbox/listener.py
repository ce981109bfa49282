"""A port on the loopback interface that can be shut and opened again.

Invariant: between opening and closing the port number stays ours; while it is shut, connections to it are refused,
because the socket that keeps it is bound but does not listen.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

from gateway.sandbox.http import Answer, Connection

LOOPBACK = "127.0.0.1"


class Listener:
    """Accepts connections for one stand-in. Port 0 takes a free one. ``tls``: of the port, None for plain HTTP."""

    def __init__(self, answer: Answer, port: int = 0, *, tls: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._tls = tls
        self.port = port
        self._server: asyncio.Server | None = None
        self._keeper: socket.socket | None = None
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._reopening: asyncio.Task[None] | None = None
        self.outages = 0

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://{LOOPBACK}:{self.port}"

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        """Listen (again); nothing happens when the port is open."""
        if self._server is not None:
            return
        keeper, self._keeper = self._keeper or self._bound(), None
        self._server = await asyncio.start_server(self._accept, sock=keeper, backlog=1024, ssl=self._tls)

    async def outage(self, seconds: float | None = None) -> None:
        """Refuse connections for ``seconds``, or until ``restore``. Requests in work are still answered."""
        self._forget_reopening()
        if self._server is not None:
            self.outages += 1
            self._server.close()
            self._server = None
            self._keeper = self._bound()
            for connection in list(self._connections):
                connection.finish()
        if seconds is not None:
            self._reopening = asyncio.create_task(self._open_after(seconds))

    async def restore(self) -> None:
        """End an outage."""
        self._forget_reopening()
        await self.open()

    async def close(self) -> None:
        """Give the port up and end every connection."""
        self._forget_reopening()
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None
        tasks = list(self._connections.values())
        for connection in list(self._connections):
            connection.reset()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _bound(self) -> socket.socket:
        keeper = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            keeper.bind((LOOPBACK, self.port))
        except OSError:
            keeper.close()
            raise
        keeper.setblocking(False)
        self.port = keeper.getsockname()[1]
        return keeper

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._connections[connection] = task
        try:
            # Closing cancels this task; streams report a cancelled task as a fault, so it ends quietly.
            with contextlib.suppress(asyncio.CancelledError):
                await connection.serve(self._answer)
        finally:
            del self._connections[connection]

    async def _open_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._reopening = None
        await self.open()

    def _forget_reopening(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening = None
