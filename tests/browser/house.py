"""A whole gateway with its console on a loopback socket: a portal that refuses when told to, the payment platform's
stand-in, people of every role. For a real browser.

The gateway has an event loop to itself in a thread of its own; what a test does to it goes through ``House.run``. Its
clock begins on 28/09/2026 and goes on as every clock does, so that pages look the same whenever they are looked at.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import sqlalchemy as sa

from adapters.payment_platform import build
from adapters.payment_platform.stand_in import simulate
from gateway.accounts.passwords import Passwords
from gateway.api.server import listening
from gateway.api.service import Api
from gateway.bootstrap import open_gateway
from gateway.console.app import faces
from gateway.domain.delivery import Delivery
from gateway.domain.outcome import Accepted, Actor, InDoubt, Outcome, Rejected
from gateway.port import Context, WireRequest, WireResponse
from gateway.settings import (
    ApiSettings,
    BreakerSettings,
    DatabaseSettings,
    DeliverySettings,
    DestinationSettings,
    RetrySettings,
    Settings,
)
from gateway.settings_evidence import EvidenceSettings
from gateway.storage.account_orders import AddAccount, manage_account
from gateway.storage.accounts import NewAccount
from gateway.storage.scopes import Role
from tests.api_world import Board, World
from tests.console_door_world import PASSWORD, QUICK
from tests.payment_books_world import CALLBACK, Books
from tests.payment_books_world import NAME as PLATFORM
from tests.unit import payment_world

T = TypeVar("T")
PORTAL = "portal"
# account by role, and one operator more: what needs two persons needs two
PEOPLE: dict[str, tuple[str, Role]] = {
    "tran.thi.mau": ("Trần Thị Mẫu", Role.OPERATOR),
    "le.van.thu": ("Lê Văn Thử", Role.OPERATOR),
    "thanh.tra": ("Phạm Thị Thanh Tra", Role.AUDITOR),
    "quan.tri": ("Hoàng Văn Quản Trị", Role.ADMINISTRATOR),
    "mot.cua": ("Vũ Thị Một Cửa", Role.SUBMITTER),
}
ACTORS = {"E101": Actor.PROVINCE, "E202": Actor.OPERATOR, "E303": Actor.PARTNER}
WORDS = {
    "E101": "Mã thủ tục chưa có trong danh mục",
    "E202": "Đơn vị chưa được cấp quyền gửi",
    "E303": "Hệ thống đang đóng kỳ báo cáo",
}


class Portal(Board):
    """A board whose partner says why it refuses."""

    manifest = msgspec.structs.replace(
        Board.manifest, name=PORTAL, title="Sample public service portal", title_vi="Cổng dịch vụ công mẫu"
    )

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        request = super().encode(deliveries, context)
        body = {**json.loads(request.body), "dossier": deliveries[0].dossier}
        return msgspec.structs.replace(request, body=json.dumps(body, ensure_ascii=False).encode())

    def interpret(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        if response.status == 200:
            return [Accepted(receipt="R-1") for _ in deliveries]
        if response.status != 422:
            return [InDoubt(code="odd", reason=f"HTTP {response.status}") for _ in deliveries]
        code = json.loads(response.body)["code"]
        return [Rejected(code=code, reason=WORDS[code], actor=ACTORS[code]) for _ in deliveries]


class PortalPartner(httpx.AsyncBaseTransport):
    """The portal's machine. ``judge``: the code it refuses a dossier with, "lost" for no usable answer, or "" to take it.

    ``taken``: what it has taken of each dossier, in the order in which it came.
    """

    def __init__(self) -> None:
        self.judge: Callable[[str], str] = lambda _dossier: ""
        self.taken: dict[str, list[str]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        if request.method != "POST" or request.url.path == "/login":
            return httpx.Response(200, json={})
        operation = request.url.path.strip("/")
        said = json.loads(body)
        items, dossier = said["items"], said["dossier"]
        verdict = self.judge(dossier)
        if verdict:
            return httpx.Response(502 if verdict == "lost" else 422, json={"code": verdict})
        for item in items:
            named = f"v{item['version']}" if operation == "card" else item["step"]["id"]
            self.taken.setdefault(dossier, []).append(f"{operation} {named}")
        return httpx.Response(200, json={})


class Ticking(list[datetime]):
    """One instant that goes on by itself, and can be moved like a list's only item."""

    def __init__(self, start: datetime) -> None:
        super().__init__([start])
        self._since = time.monotonic()

    def __getitem__(self, place: Any) -> Any:
        return super().__getitem__(place) + timedelta(seconds=time.monotonic() - self._since)

    def __setitem__(self, place: Any, value: Any) -> None:
        super().__setitem__(place, value)
        self._since = time.monotonic()


class House:
    """What runs. ``address``: where a browser finds it; ``world`` speaks to the API, ``books`` to the platform."""

    address: str
    world: World
    books: Books
    portal: PortalPartner

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 100) -> T:
        """What ``work`` gives, done in the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """What the API answers whoever may do everything."""
        answer = self.run(self.world.call(method, path, **options))
        assert answer.status_code < 500, answer.text
        return answer.json()

    def put(self, code: str, **fields: Any) -> None:
        """The one-door system sends a version of a dossier."""
        self.run(self.world.put(code, **fields))

    def one(self, statement: str, **given: Any) -> Any:
        """The first value of what ``statement`` finds."""
        question = sa.text(statement)
        database = self.world.gateway.database
        return self.run(database.read(lambda connection: connection.execute(question, given).scalar()))

    def start_worker(self) -> None:
        """Deliver, follow and judge from now on."""

        async def start() -> None:
            self._worker = asyncio.create_task(self.world.gateway.worker.run())

        self.run(start())

    def wait_until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        """Look every twentieth of a second; nobody tells."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.05)

    async def live(self, ready: threading.Event) -> None:
        """Open everything, say so, and close it when the house ends."""
        clock = Ticking(payment_world.NOW)
        given = payment_world.settings()
        adapter, platform = build(given), simulate(given)
        platform.administer("register", json.dumps({"callback_url": CALLBACK}).encode())
        held: list[Books] = []

        async def carry(request: httpx.Request) -> httpx.Response:
            return await held[0].carry(request)

        self.portal = PortalPartner()
        gateway = await open_gateway(
            self._settings(),
            transports={PORTAL: self.portal, PLATFORM: httpx.MockTransport(carry)},
            extra={PORTAL: Portal(), PLATFORM: adapter},
            clock=lambda: clock[0],
        )
        self.books = Books(gateway, clock, platform, adapter)
        held.append(self.books)
        self.world = World(gateway, self.portal)  # type: ignore[arg-type]
        await self.world.add_client("all")
        await self._people()
        async with listening(gateway, faces=self._faces) as self.address:
            ready.set()
            await self._ending.wait()
        if self._worker is not None:
            gateway.worker.stop()
            await self._worker
        await self.world.close()

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self._ending.set)

    def _settings(self) -> Settings:
        return Settings(
            database=DatabaseSettings(url=f"sqlite:///{self.folder / 'gateway.db'}"),
            api=ApiSettings(port=0),
            evidence=EvidenceSettings(keys=str(self.folder / "keys")),
            destination={PORTAL: DestinationSettings(), PLATFORM: DestinationSettings()},
            delivery=DeliverySettings(
                retry=RetrySettings(jitter=0), breaker=BreakerSettings(failures=1_000_000), poll=0.01
            ),
        )

    @staticmethod
    def _faces(api: Api) -> Any:
        return faces(api, Passwords(QUICK))

    async def _people(self) -> None:
        hashed = Passwords(QUICK).hash_now(PASSWORD)
        for name, (display_name, role) in PEOPLE.items():
            new = NewAccount(
                name=name, display_name=display_name, roles=frozenset({role}), password_hash=hashed
            )
            order = AddAccount(actor="console/quan.tri", reason="", now=self.books.now, new=new)
            await self.world.gateway.database.write(lambda tx, order=order: manage_account(tx, order))


@contextmanager
def open_house(folder: Path) -> Iterator[House]:
    """A house with nothing in it but its people; the worker is not at work yet."""
    house, ready = House(folder), threading.Event()
    fault: list[BaseException] = []

    def live() -> None:
        try:
            house.loop.run_until_complete(house.live(ready))
        except BaseException as found:  # why: it belongs to whoever waits in the other thread
            fault.append(found)
            ready.set()

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    assert ready.wait(60)
    if fault:
        raise fault[0]
    try:
        yield house
    finally:
        house.end()
        thread.join(60)
        house.loop.close()
    if fault:
        raise fault[0]
