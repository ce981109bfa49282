"""What a row of the console's tables says, and what a page's function gets and gives.

Invariant: a page or an action without a row does not exist, and a row without a scope is open to everybody who has
signed in, never to anybody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec

from gateway.api.route import NoInput
from gateway.api.service import Api
from gateway.console.multipart import Upload
from gateway.storage.clients import Principal, Scope

_T = TypeVar("_T")
Language = Literal["vi", "en"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who has signed in. ``account``: the name of the account; ``csrf``: the word that every form of this session
    carries."""

    account: str
    name: str
    principal: Principal
    csrf: str
    session: str

    def may(self, scope: Scope | None) -> bool:
        """Whether this person has ``scope``."""
        return scope is None or scope in self.principal.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of a page or an action, read and checked."""

    api: Api
    viewer: Viewer
    language: Language
    path: Mapping[str, str | int]
    query: msgspec.Struct
    form: msgspec.Struct
    correlation: str
    address: str
    upload: Upload | None = None

    @property
    def now(self) -> datetime:
        """Now, aware UTC."""
        return self.api.now

    def query_as(self, kind: type[_T]) -> _T:
        """The query parameters, of the row's type."""
        return _as(self.query, kind)

    def form_as(self, kind: type[_T]) -> _T:
        """The fields of the form, of the row's type."""
        return _as(self.form, kind)


def _as(value: object, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"the row declares {type(value).__name__}, the page wants {kind.__name__}")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A page to render: the template under ``templates/``, and what it is given."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An action is done: where the browser goes next, and what it is told there (a key of the words, with values)."""

    to: str
    message: str = ""
    values: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Bytes to keep as a file."""

    content: bytes
    media_type: str
    filename: str


Response = Shown | Moved | Download
View = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One address that is looked at. ``title``: a key of the words. ``group``: where the menu lists it, None: nowhere.

    ``query`` is read as strictly as the API reads its own: what is unknown or repeated is refused.
    """

    path: str
    name: str
    title: str
    scope: Scope | None
    view: View
    query: type[msgspec.Struct] = NoInput
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One address that changes something. Its form carries the session's word (``csrf``), which ``form`` does not
    declare. An action may answer with a page first, as a dry run does. ``upload``: the field of the form that is a
    file; its form is sent as multipart/form-data."""

    path: str
    name: str
    scope: Scope | None
    view: View
    form: type[msgspec.Struct] = NoInput
    upload: str | None = None
