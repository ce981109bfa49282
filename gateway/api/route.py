"""What a row of the table of routes says, and what a handler gets and gives.

Invariant: a row is complete: every status that its address can answer with, every parameter and every type that it
takes or gives stands in it, so the document for readers cannot lag behind the code.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from gateway.api.problem import invalid
from gateway.domain.violation import Violation
from gateway.storage.clients import Principal, Scope

if TYPE_CHECKING:
    from gateway.api.service import Api

_T = TypeVar("_T")
JSON = "application/json"
OPERATOR = "x-operator"  # the name of the header below, as it is looked up


class NoInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes no query parameters (or no headers) of its own."""


Operator: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$(?!\n)",
        description="Who acts at the client, as the client knows this person; the client answers for it.",
        examples=["tran.thi.mau"],
    ),
]


class PersonHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts at the client. Every row with a scope takes it; the endpoint reads it, not the row's ``headers``."""

    operator: Operator | None = msgspec.field(name="X-Operator", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a route takes. ``kind`` None: bytes. ``whole`` False: the handler reads it piece by piece."""

    kind: Any = None
    media_types: tuple[str, ...] = (JSON,)
    example: object = None
    schema: Any = None
    whole: bool = True
    limit: Callable[[Api], int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """One way to answer well. ``kind`` None: bytes of ``media_type``."""

    status: int
    description: str
    kind: Any = None
    media_type: str = JSON
    example: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Call:
    """One request, read and checked. ``body``: bytes, or a value of the row's type. ``peer``: the address that the
    connection comes from, whatever headers say. ``operator``: the person that ``X-Operator`` names."""

    principal: Principal | None
    path: Mapping[str, str | int]
    query: msgspec.Struct
    headers: msgspec.Struct
    body: object
    chunks: AsyncIterator[bytes]
    method: str
    address: str
    header_pairs: tuple[tuple[str, str], ...]
    correlation: str
    scheme: str
    loopback: bool
    peer: str
    operator: str | None = None

    @property
    def client(self) -> str:
        """The caller's id, for histories and logs."""
        return self.principal.client if self.principal is not None else ""

    @property
    def actor(self) -> str:
        """Who acts, for every history: the client, with the person that it names, in the header or where a body has a
        place for it. Refused when these two are not the same person."""
        return _actor_of(self.client, self.operator, getattr(self.body, "operator", None))

    def may(self, scope: Scope) -> bool:
        """Whether the caller has ``scope`` beside what the row demands; a row that demands nobody knows everybody."""
        return self.principal is None or scope in self.principal.scopes

    def query_as(self, kind: type[_T]) -> _T:
        """The query parameters, of the row's type."""
        return _as(self.query, kind)

    def headers_as(self, kind: type[_T]) -> _T:
        """The headers that the row declares, of its type."""
        return _as(self.headers, kind)

    def body_as(self, kind: type[_T]) -> _T:
        """The body, of the row's type."""
        return _as(self.body, kind)


def _actor_of(client: str, header: str | None, body: str | None) -> str:
    """A client with the person that it names; upper and lower case make no second person."""
    named = {each.lower() for each in (header, body) if each is not None}
    if not named:
        return client
    if len(named) > 1:
        raise invalid(
            "it names two people",
            Violation(
                pointer="/operator",
                code="two_people",
                got=str(body),
                expected=f"{header}, as X-Operator says",
                advice="name who acts once",
            ),
        )
    return f"{client}/{named.pop()}"


def _as(value: object, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"the row declares {type(value).__name__}, the handler wants {kind.__name__}")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler gives: a value to be written as JSON, bytes, or pieces as they come."""

    value: object = None
    status: int = 200
    content: bytes | None = None
    pieces: AsyncGenerator[bytes, None] | None = None
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[["Api", Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One address and method. ``scope`` None: open to everybody who reaches the port.

    ``query`` None: the query is none of our business. ``problems`` names kinds of refusal beyond those that follow
    from the other columns.
    """

    method: str
    path: str
    name: str
    tag: str
    scope: Scope | None
    summary: str
    description: str
    handler: Handler
    successes: tuple[Success, ...]
    query: type[msgspec.Struct] | None = NoInput
    headers: type[msgspec.Struct] = NoInput
    body: Body | None = None
    problems: tuple[str, ...] = ()
    documented: bool = True
