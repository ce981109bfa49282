"""The console over a real database, with a door that knows one word a role."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx

from gateway.api.app import application
from gateway.api.service import Api
from gateway.console.app import addresses
from gateway.console.door import PLAIN_COOKIE
from gateway.console.page import Viewer
from gateway.storage.clients import Principal
from gateway.storage.scopes import ROLES, Role

WORD = "word-of-"
CSRF = "csrf-of-the-session"


class StandInDoor:
    """Lets in whoever shows ``word-of-<role>[.<name>]``."""

    async def viewer(self, word: str, *, peer: str, agent: str, live: bool = False) -> Viewer | None:
        role, _, name = word.removeprefix(WORD).partition(".")
        if not word.startswith(WORD):
            return None
        account = name or f"{role}.mau"
        return Viewer(
            account=account,
            name=f"Người thử {account}",
            principal=Principal(client=f"console/{account}", secret_hash="", scopes=ROLES[Role(role)]),
            csrf=CSRF,
            session="1",
        )


class ConsoleClient:
    """A browser without a screen: ``get`` and ``post`` as a person with ``role``; forms carry the session's word."""

    def __init__(self, api: Api, role: str = "operator", name: str = "", language: str = "vi") -> None:
        app = application(api, addresses(api, StandInDoor()))
        word = f"{WORD}{role}" + (f".{name}" if name else "")
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, client=("127.0.0.1", 40000)),
            base_url="http://console.example",
            cookies={PLAIN_COOKIE: word, "lienthong-language": language},
        )

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def post(self, path: str, **fields: str | list[str]) -> httpx.Response:
        """Send a form; a list gives its name several times."""
        return await self.http.post(path, data={"csrf": CSRF, **fields})


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def text_of(response: httpx.Response) -> str:
    """What a reader reads, with single spaces."""
    reader = _Text()
    reader.feed(response.text)
    return re.sub(r"\s+", " ", " ".join(reader.parts)).strip()
