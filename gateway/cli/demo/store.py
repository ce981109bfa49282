"""The one-door system's store of attachments, on a port of this machine: the demo's dossiers name files in it.

Invariant: what is at an address has the digest that stands in the address.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from gateway.domain.dossier import FileReference
from gateway.sandbox.http import Exchange, Request, json_exchange
from gateway.sandbox.listener import Listener

MEDIA_TYPE = "application/pdf"


class Store:
    """Files by their digest."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._listener = Listener(self._serve)

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self._listener.url).netloc

    def put(self, content: bytes) -> FileReference:
        """Keep a file; how a dossier names it."""
        digest = hashlib.sha256(content).hexdigest()
        self._files[digest] = content
        url = f"{self._listener.url}/{digest}"
        return FileReference(url=url, sha256=digest, size=len(content), media_type=MEDIA_TYPE)

    async def open(self) -> None:
        """Listen."""
        await self._listener.open()

    async def close(self) -> None:
        """Give the port back."""
        await self._listener.close()

    async def _serve(self, request: Request) -> Exchange:
        content = self._files.get(request.path.strip("/"))
        if content is None or request.method != "GET":
            return json_exchange({"error": "no such file"}, 404)
        return Exchange(headers=(("content-type", MEDIA_TYPE),), body=content)


@asynccontextmanager
async def stored() -> AsyncIterator[Store]:
    """A store that is open while the block runs."""
    store = Store()
    await store.open()
    try:
        yield store
    finally:
        await store.close()
