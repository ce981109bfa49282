"""Giving an order to a whole gateway: to one opened for it, or through the API of the one that is running.

Invariant: a database that a running gateway has open is never opened a second time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from gateway.cli.opening import opened, require_free
from gateway.cli.remote import api_of

if TYPE_CHECKING:
    from gateway.bootstrap import Gateway
    from gateway.cli.options import Way

T = TypeVar("T")
INSTEAD = "give the order through its API: --url URL --key-file FILE"


async def give(
    way: Way,
    here: Callable[[Gateway], Awaitable[T]],
    path: str,
    body: Mapping[str, Any],
    kind: type[T],
    *,
    operator: str | None = None,
) -> T:
    """What ``here`` does, or the answer of kind ``kind`` to ``body`` posted to ``path``, in the name of ``operator``."""
    if way.url is None:
        require_free(way.settings, instead=INSTEAD)
        async with opened(way.settings) as gateway:
            return await here(gateway)
    async with api_of(way, operator) as remote:
        return await remote.post(path, body, kind)
