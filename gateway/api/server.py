"""Serving the API, and the worker beside it, in one event loop, until the process is told to end.

On SIGTERM or SIGINT: no new connection is taken, whoever waits for events is answered, requests under way are
finished, and the worker finishes its exchanges and gives its lanes back. Invariant: a request that was begun is
answered, unless it takes longer than ``GRACE_SECONDS``.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import Any

import structlog
import uvicorn
from starlette.routing import Route as Address

from gateway.api.app import application, build_api, build_app
from gateway.api.parts import Gateway
from gateway.api.protocol import GuardedProtocol
from gateway.api.service import Api
from gateway.domain.errors import ConfigurationError

__all__ = ["build_app", "listening", "run", "serve", "serve_api"]

log = structlog.get_logger(__name__)
GRACE_SECONDS = 30
KEEP_ALIVE_SECONDS = 75
BACKLOG = 2048
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Server(uvicorn.Server):
    """Uvicorn without its own ideas about signals: the gateway ends as a whole."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to ``serve``."""
        yield


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run ``main`` on the fastest event loop that is installed."""
    config = uvicorn.Config(_unused, loop="auto", log_config=None)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(main)


async def _unused(*_: object) -> None:
    """A configuration wants an application; this one is never served."""


Faces = Callable[[Api], Sequence[Address]]
"""What else answers on the API's port, as the console does."""


async def serve(
    gateway: Gateway,
    *,
    worker: bool = True,
    started: Callable[[str], None] | None = None,
    faces: Faces | None = None,
) -> None:
    """Serve until a signal comes; ``started`` is told the address. The caller closes the gateway.

    ``worker``: deliver in this process as well. Raises ConfigurationError when the address cannot be listened on,
    and whatever ends the worker.
    """
    await serve_api(build_api(gateway), worker=worker, started=started, faces=faces)


async def serve_api(
    api: Api,
    *,
    worker: bool = True,
    started: Callable[[str], None] | None = None,
    faces: Faces | None = None,
) -> None:
    """Like ``serve``, for an API that is built already; setting ``api.stopping`` ends it, too."""
    gateway = api.gateway
    listener = _listen(api.settings.host, api.settings.port)
    api.compute_apart()
    server = _Server(_configuration(api, faces))
    with _told_to_end(api):
        tasks = [asyncio.create_task(server.serve(sockets=[listener]), name="api")]
        if worker:
            tasks.append(asyncio.create_task(gateway.worker.run(), name="worker"))
        ending = asyncio.create_task(api.stopping.wait(), name="ending")
        soon = [asyncio.create_task(each(api), name="soon") for each in api.soon]
        gc.collect()
        gc.freeze()  # what is there now stays; collecting it again and again costs milliseconds at the worst time
        if started is not None:
            started(_address(listener))
        log.info("api_started", address=_address(listener), worker=worker)
        await asyncio.wait([*tasks, ending], return_when=asyncio.FIRST_COMPLETED)
        await _end(api, server, tasks)
        ending.cancel()
        for task in soon:
            task.cancel()
        await api.close()
    log.info("api_stopped")


@contextlib.asynccontextmanager
async def listening(gateway: Gateway, faces: Faces | None = None) -> AsyncIterator[str]:
    """Serve on any free port of this machine while the block runs; signals and the worker stay the caller's."""
    api = build_api(gateway)
    api.compute_apart()
    listener = _listen("127.0.0.1", 0)
    server = _Server(_configuration(api, faces))
    task = asyncio.create_task(server.serve(sockets=[listener]), name="api")
    try:
        yield _address(listener)
    finally:
        api.stopping.set()
        server.should_exit = True
        await task
        await api.close()


async def _end(api: Api, server: uvicorn.Server, tasks: list[asyncio.Task[None]]) -> None:
    """End what runs, each in its own way; raise what one of them ended with."""
    api.stopping.set()
    server.should_exit = True
    api.gateway.worker.stop()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for task, result in zip(tasks, results, strict=True):
        if isinstance(result, BaseException):
            log.error("task_failed", task=task.get_name(), fault=type(result).__name__)
            raise result


def _configuration(api: Api, faces: Faces | None) -> uvicorn.Config:
    return uvicorn.Config(
        application(api, () if faces is None else faces(api)),
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; ConfigurationError names the address and what stands against it."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as fault:
        raise ConfigurationError(
            f"api.host, api.port: cannot listen on {host}:{port}: {fault.strerror or fault}; choose another port, "
            "or stop what uses it"
        ) from fault
    listener.set_inheritable(False)
    listener.listen(BACKLOG)  # whoever is told the address may connect at once
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def _told_to_end(api: Api) -> Iterator[None]:
    """Hear SIGTERM and SIGINT; a second one ends the process at once, as it would without us."""
    loop = asyncio.get_running_loop()

    def heard(number: int) -> None:
        loop.remove_signal_handler(number)
        api.stopping.set()
        log.info("told_to_end", signal=signal.Signals(number).name)

    try:
        for number in _SIGNALS:
            loop.add_signal_handler(number, heard, number)
    except (NotImplementedError, RuntimeError, ValueError):
        log.warning("signals_are_not_heard")  # not the main thread; whoever runs us stops us
    try:
        yield
    finally:
        for number in _SIGNALS:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(number)
