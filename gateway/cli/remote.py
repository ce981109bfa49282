"""Talking to the API of a running gateway, for commands that change something while it runs.

Invariant: a problem document comes back as the same error that working on the database would have raised.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from gateway.domain.errors import (
    ConfigurationError,
    ConflictError,
    GatewayError,
    NotFoundError,
    RecordError,
    StorageUnavailable,
)
from gateway.domain.violation import Violation
from gateway.port import Capacity, WireRequest, WireResponse
from gateway.wire.client import Answered, HttpClient

if TYPE_CHECKING:
    from gateway.cli.options import Way

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
READ_SECONDS = 300.0
_ON_A_PAGE = 500
_ANSWER_BYTES = 256 * 1024 * 1024
_FAULTS: dict[int, type[GatewayError]] = {
    401: ConfigurationError,
    403: ConfigurationError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    428: ConflictError,
    503: StorageUnavailable,
}


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""
    violations: list[Violation] = []


class _Page(Protocol[T_co]):
    """A page of a list of the API."""

    @property
    def items(self) -> Sequence[T_co]:
        """What it has."""

    @property
    def next(self) -> str | None:
        """The cursor of the next page; None when this was the last."""


class Remote:
    """A gateway's API at ``url`` (scheme, host and port), with one API key, for the person ``operator``."""

    def __init__(self, url: str, key: str, operator: str | None = None) -> None:
        self._url = url.rstrip("/")
        named = () if operator is None else (("x-operator", operator),)
        self._who = (("authorization", f"Bearer {key}"), *named)
        self._client = HttpClient(
            Capacity(concurrency=1, read_timeout=READ_SECONDS, max_response_bytes=_ANSWER_BYTES)
        )

    async def post(self, path: str, document: object, kind: type[T]) -> T:
        """Send ``document``; the answer as ``kind``. Raises what the problem document stands for."""
        answer = await self.send(path, msgspec.json.encode(document), "application/json")
        return msgspec.json.decode(answer.body, type=kind)

    async def put(self, path: str, document: object, kind: type[T]) -> T:
        """Put ``document`` at ``path``; the answer as ``kind``."""
        answer = await self.send(path, msgspec.json.encode(document), "application/json", method="PUT")
        return msgspec.json.decode(answer.body, type=kind)

    async def get(self, path: str, kind: type[T]) -> T:
        """What stands at ``path``, as ``kind``."""
        answer = await self._answered(WireRequest(method="GET", url=self._url + path, headers=self._who))
        return msgspec.json.decode(answer.body, type=kind)

    async def gather(
        self, path: str, asked: Mapping[str, object], kind: type[_Page[T]], *, most: int | None = None
    ) -> list[T]:
        """The items of every page of the list at ``path``, at most ``most``; what of ``asked`` is None is left out."""
        given = {name: value for name, value in asked.items() if value is not None}
        found: list[T] = []
        while True:
            given["limit"] = _ON_A_PAGE if most is None else min(_ON_A_PAGE, most - len(found))
            page = await self.get(f"{path}?{urlencode(given)}", kind)
            found += page.items
            if page.next is None or (most is not None and len(found) >= most):
                return found
            given["cursor"] = page.next

    async def fetch(self, path: str) -> bytes:
        """The bytes at ``path``."""
        request = WireRequest(method="GET", url=self._url + path, headers=self._who)
        return (await self._answered(request)).body

    async def send(self, path: str, body: bytes, media_type: str, *, method: str = "POST") -> WireResponse:
        """Send bytes; the answer of a request that succeeded."""
        headers = (*self._who, ("content-type", media_type))
        return await self._answered(
            WireRequest(method=method, url=self._url + path, headers=headers, body=body)
        )

    async def _answered(self, request: WireRequest) -> WireResponse:
        result = await self._client.exchange(request)
        if not isinstance(result, Answered):
            raise StorageUnavailable(
                f"the gateway at {self._url} does not answer: {result.reason}; is it running there?"
            )
        if result.response.status >= 300:
            raise _fault(self._url, result.response)
        return result.response

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()


@asynccontextmanager
async def connected(url: str, key: str, operator: str | None = None) -> AsyncIterator[Remote]:
    """A gateway's API until the block ends. ConfigurationError for an operator whose name no header can carry."""
    if operator is not None and not operator.isascii():
        raise ConfigurationError(
            f"--as: got {operator}; through the API a name is letters without accents, digits, and . _ @ -"
        )
    remote = Remote(url, key, operator)
    try:
        yield remote
    finally:
        await remote.close()


def api_of(way: Way, operator: str | None = None) -> AbstractAsyncContextManager[Remote]:
    """The API that ``way`` leads to, with the key that it names."""
    return connected(str(way.url), read_key(way.key, way.key_file), operator)


async def get_from(way: Way, path: str, kind: type[T]) -> T:
    """What stands at ``path`` of the API that ``way`` leads to."""
    async with api_of(way) as remote:
        return await remote.get(path, kind)


def read_key(key: str | None, key_file: Path | None) -> str:
    """The API key: from the file if one is named. ConfigurationError when there is none."""
    if key_file is None and key:
        return key
    if key_file is None:
        raise ConfigurationError("with --url an API key is needed: --key-file FILE, or LIENTHONG_API_KEY")
    try:
        return key_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigurationError(f"--key-file: cannot read {key_file}: {fault}") from fault


def _fault(url: str, response: WireResponse) -> GatewayError:
    problem = _problem(response)
    told = problem.detail or problem.title or f"HTTP {response.status}"
    kind = _FAULTS.get(response.status)
    if kind is not None:
        return kind(f"{url}: {told}")
    if response.status in {400, 413, 422}:
        return RecordError(told, problem.violations)
    return GatewayError(f"{url} answered HTTP {response.status}: {told}")


def _problem(response: WireResponse) -> _Problem:
    try:
        return msgspec.json.decode(response.body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Problem()
