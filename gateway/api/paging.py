"""Cursors: where a list goes on, as one opaque word that a client hands back unchanged.

Invariant: a cursor of one list is refused by another, and by the same list in another order.
"""

from __future__ import annotations

import base64
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from gateway.api.problem import invalid
from gateway.domain.violation import Violation, shown

_T = TypeVar("_T")
Cursor = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=400,
        pattern=r"^[A-Za-z0-9_-]+$(?!\n)",
        description="`next` of the page before; leave it out for the first page.",
    ),
]
Limit = Annotated[int, Meta(ge=1, le=500, description="At most so many items.")]


def cursor_of(kind: str, key: tuple[Any, ...]) -> str:
    """The cursor behind ``key`` in the list ``kind``."""
    return base64.urlsafe_b64encode(msgspec.json.encode([kind, *key])).decode().rstrip("=")


def key_of(kind: str, cursor: str | None, key_type: type[_T]) -> _T | None:
    """The key in ``cursor``; None for the first page. Refused (422) when it is of another list."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=list[Any])
        if found[:1] == [kind]:
            return msgspec.convert(tuple(found[1:]), key_type)
    except (ValueError, msgspec.MsgspecError):
        found = []
    raise invalid(
        "the cursor does not belong to this list",
        Violation(
            pointer="/query/cursor",
            code="cursor",
            got=shown(cursor),
            expected="`next` of the page before, in the same order",
            advice="begin again without a cursor",
        ),
    )


def next_cursor(kind: str, page: list[Any], limit: int, key: tuple[Any, ...] | None) -> str | None:
    """The cursor behind a full page; None when there is nothing more to come."""
    return None if len(page) < limit or key is None else cursor_of(kind, key)
