"""A gateway with its whole console, door included, a clock that tests move, and browsers that keep cookies."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import argon2
import httpx
import msgspec
import sqlalchemy as sa

from gateway.accounts.passwords import Passwords
from gateway.api.app import application, build_api
from gateway.bootstrap import Gateway, open_gateway
from gateway.console.app import faces
from gateway.settings_console import ConsoleSettings
from gateway.storage.account_orders import AddAccount, manage_account
from gateway.storage.accounts import NewAccount
from gateway.storage.schema import operator_action
from gateway.storage.scopes import Role
from gateway.storage.tables import metadata
from tests.api_world import BOARD, Board, Partner, settings

PASSWORD = "mot cau dai de nho"
QUICK = argon2.Parameters(
    type=argon2.Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=64, parallelism=1
)
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Clock:
    """Now, as tests have it; ``seconds`` for what only goes forward."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


class DoorWorld:
    """An open gateway with its console. ``app`` is what a process serves; ``twin`` what another one would."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self.gateway = gateway
        self.clock = clock
        self.hashing = Passwords(QUICK)
        self.app = self.process()

    def process(self) -> Any:
        """What another process on the same database serves: it remembers nothing of this one."""
        self.api = build_api(self.gateway)
        self.api.access._monotonic = self.clock.seconds
        return application(self.api, faces(self.api, self.hashing))

    async def add(self, name: str, *roles: Role, must_change: bool = False, password: str = PASSWORD) -> None:
        new = NewAccount(
            name=name,
            display_name=f"Người thử {name}",
            roles=frozenset(roles or {Role.OPERATOR}),
            password_hash=self.hashing.hash_now(password),
            must_change=must_change,
        )
        order = AddAccount(actor="test", reason="", now=self.clock(), new=new)
        await self.gateway.database.write(lambda tx: manage_account(tx, order))

    async def rows(self, table: str) -> list[Any]:
        question = metadata.tables[table].select()
        return list(await self.gateway.database.read(lambda connection: connection.execute(question).all()))

    async def history(self) -> list[tuple[str, str]]:
        """What is written down: verb and target, in order."""
        columns = operator_action.c
        question = sa.select(columns.action, columns.target).order_by(columns.id)
        return [
            tuple(row)
            for row in await self.gateway.database.read(lambda connection: connection.execute(question).all())
        ]

    def browser(self, app: Any = None, **options: Any) -> Browser:
        return Browser(app or self.app, **options)


class Browser:
    """Keeps cookies, follows nothing by itself."""

    def __init__(
        self, app: Any, *, peer: str = "127.0.0.1", base: str = "http://localhost", headers: Any = None
    ) -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, client=(peer, 40000)),
            base_url=base,
            headers={"user-agent": "Trial browser", **(headers or {})},
        )

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.http.get(path, **options)

    async def word_of(self, path: str) -> str:
        """The word that the page's own form carries; that of its head may have another."""
        found = _CSRF.findall((await self.get(path)).text)
        assert found, path
        return str(found[-1])

    async def sign_in(
        self, name: str, password: str = PASSWORD, onward: str = "/console/me"
    ) -> httpx.Response:
        word = await self.word_of("/console/sign-in")
        sent = {"csrf": word, "name": name, "password": password, "next": onward}
        return await self.http.post("/console/sign-in", data=sent)

    async def post(self, path: str, **fields: Any) -> httpx.Response:
        """A form of the session: its word is that of the page of one's own account."""
        return await self.http.post(path, data={"csrf": await self.word_of("/console/me"), **fields})


@asynccontextmanager
async def open_door(url: str, **console: Any) -> AsyncIterator[DoorWorld]:
    """A world on a migrated database with these settings of the console."""
    clock = Clock()
    chosen = msgspec.structs.replace(settings(url), console=ConsoleSettings(**console))
    gateway = await open_gateway(chosen, transports={BOARD: Partner()}, extra={BOARD: Board()}, clock=clock)
    try:
        yield DoorWorld(gateway, clock)
    finally:
        await gateway.close()
