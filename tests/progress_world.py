"""A ministry that is asked and a portal that is told, on a real database with a clock that moves when told.

What the ministry answers is a JSON document that says what the adapter is to make of it, so that a test can say any of
it: ``{"reports": [...], "done": false, "again": false, "learned": {}}``, and for the feed ``{"changes": [...], "cursor":
"", "more": false}``.
"""

from __future__ import annotations

import base64
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import sqlalchemy as sa

from gateway.delivery.destination import Destination, Hub
from gateway.delivery.intake import Intake
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.errors import CannotEncode, GatewayError
from gateway.domain.outcome import Accepted
from gateway.inbound.ruling import rule
from gateway.port import CannotRead, Context, Denied, Grant, WireRequest, WireResponse
from gateway.port.progress import (
    FeedChange,
    FeedPage,
    Progress,
    ProgressReport,
    ReportedFile,
    ReportedSupplement,
    Schedule,
)
from gateway.progress.feed import Feeding
from gateway.progress.partners import Partners
from gateway.progress.poll import Polls
from gateway.progress.telling import Teller
from gateway.settings import DeliverySettings, DestinationSettings
from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.intake import accept_dossiers
from gateway.storage.rows import EventRow, insert_events
from tests.clocks import START, Clock
from tests.unit.inbound_world import _RECORD, Partner, Unchanged

MINISTRY, PORTAL = "ministry", "portal"
URL = "https://ministry.example"
ADDRESS = "https://gateway.h99.example"
SCHEDULE = Schedule(first=600, factor=2, longest=7200, alarm_before=3600, near=900)


class Token:
    """A layer that gives numbered tokens."""

    name = "token"

    def request(self, credentials: Any) -> WireRequest:
        return WireRequest(method="POST", url=f"{URL}/token")

    def read(self, response: WireResponse) -> Grant | Denied:
        return Grant(value=response.body.decode(), lifetime=3600)


class Ministry(Partner):
    """The adapter of a partner that must be asked."""

    credentials = (Token(),)  # type: ignore[assignment]
    progress_schedule: Schedule | None = SCHEDULE
    feed_interval: float | None = 300.0
    acknowledges = True
    broken: Callable[[], Any] | None = None

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        return self._request("send", context, {"dossier": deliveries[0].dossier})

    def interpret(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> list[Accepted]:
        return [Accepted(receipt="R-1") for _ in deliveries]

    def encode_progress(self, dossier: str, context: Context) -> WireRequest:
        if context.memory.get("unsayable"):
            raise CannotEncode("this cannot be asked")
        said = {"dossier": dossier, "memory": dict(context.memory)}
        return self._request("ask", context, said)

    def interpret_progress(self, dossier: str, response: WireResponse, context: Context) -> Any:
        if self.broken is not None:
            return self.broken()
        told = self._read(response)
        if isinstance(told, CannotRead):
            return told
        return Progress(
            reports=tuple(_report(each) for each in told.pop("reports", [])),
            **told,
        )

    def encode_feed(self, cursor: str, context: Context) -> WireRequest:
        return self._request("feed", context, {"cursor": cursor})

    def interpret_feed(self, cursor: str, response: WireResponse, context: Context) -> Any:
        told = self._read(response)
        if isinstance(told, CannotRead):
            return told
        changes = tuple(
            FeedChange(
                dossier=each["dossier"],
                reports=tuple(_report(report) for report in each.get("reports", [])),
                ask=each.get("ask", True),
            )
            for each in told["changes"]
        )
        return FeedPage(changes=changes, cursor=told["cursor"], more=told.get("more", False))

    def encode_acknowledgement(self, page: FeedPage, context: Context) -> WireRequest | None:
        if not self.acknowledges:
            return None
        return self._request("ack", context, {"cursor": page.cursor})

    def interpret_acknowledgement(
        self, page: FeedPage, response: WireResponse, context: Context
    ) -> CannotRead | None:
        return None if response.status == 200 else CannotRead(code="ack", reason=f"HTTP {response.status}")

    @staticmethod
    def _request(path: str, context: Context, said: dict[str, Any]) -> WireRequest:
        token = context.credentials.get("token", "")
        body = msgspec.json.encode({**said, "token": token})
        return WireRequest(method="POST", url=f"{URL}/{path}", body=body)

    @staticmethod
    def _read(response: WireResponse) -> Any:
        if response.status == 401:
            return CannotRead(code="expired", reason="HTTP 401", renew=("token",))
        try:
            return msgspec.json.decode(response.body, type=dict[str, Any])
        except msgspec.DecodeError:
            return CannotRead(code="unreadable", reason=f"HTTP {response.status}")


def _report(said: dict[str, Any]) -> ProgressReport:
    given = dict(said)
    files = tuple(
        ReportedFile(**{**each, "content": base64.b64decode(each["content"])})
        for each in given.pop("files", [])
    )
    data = msgspec.json.encode(given.pop("data", {"said": "so"}))
    asked = given.pop("supplement", None)
    supplement = None if asked is None else msgspec.convert(asked, ReportedSupplement)
    return msgspec.structs.replace(
        msgspec.convert({"kind": "ministry.progress", **given}, ProgressReport),
        files=files,
        supplement=supplement,
        data=data,
    )


class Office(httpx.AsyncBaseTransport):
    """The ministry: scripted answers by dossier (``answers``) or by path (``pages``); silence when ``away``."""

    def __init__(self) -> None:
        self.answers: dict[str, deque[Any]] = defaultdict(deque)
        self.pages: deque[Any] = deque()
        self.asked: list[dict[str, Any]] = []
        self.acknowledged: list[str] = []
        self.tokens = 0
        self.away = False
        self.before: Callable[[], None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("refused")
        if request.url.path == "/token":
            self.tokens += 1
            return self._said(f"token-{self.tokens}")
        body = msgspec.json.decode(request.read(), type=dict[str, Any])
        if self.before is not None:
            self.before()
        match request.url.path:
            case "/ask":
                self.asked.append(body)
                waiting = self.answers[body["dossier"]]
                return self._said(waiting.popleft() if waiting else {})
            case "/send":
                return self._said({})
            case "/feed":
                self.asked.append(body)
                return self._said(
                    self.pages.popleft() if self.pages else {"changes": [], "cursor": body["cursor"]}
                )
            case _:
                self.acknowledged.append(body["cursor"])
                return self._said({})

    @staticmethod
    def _said(answer: Any) -> httpx.Response:
        if isinstance(answer, httpx.Response):
            return answer
        content = answer.encode() if isinstance(answer, str) else msgspec.json.encode(answer)
        return httpx.Response(200, content=content)


class Round:
    """What a job is given."""

    def __init__(self, *, dry_run: bool = False, **parameters: str) -> None:
        self.run = 1
        self.dry_run = dry_run
        self.actor = "test"
        self.parameters = parameters
        self.watermark: str | None = None

    async def report(self, done: int, *, total: int | None = None, watermark: str | None = None) -> None:
        return


class World:
    """One process that asks."""

    def __init__(self, database: Database, office: Office | None = None, clock: Clock | None = None) -> None:
        self.database = database
        self.clock = clock or Clock()
        self.office = office or Office()
        self.hub = Hub(database=database, clock=self.clock, settings=DeliverySettings())
        self.ministry = Ministry()
        self.destinations = {
            MINISTRY: Destination(
                MINISTRY,
                self.ministry,  # type: ignore[arg-type]
                self.hub,
                DestinationSettings(),
                transport=self.office,
            ),
            PORTAL: Destination(PORTAL, Partner(), self.hub, DestinationSettings()),  # type: ignore[arg-type]
        }
        self.intake = Intake(self.hub, self.destinations, Unchanged())
        self.teller = Teller(database, self.clock, rule=rule, intake=self.intake, address=ADDRESS)
        self.polls = self.make_polls()
        self.feeding = Feeding(self.partners())

    def make_polls(self) -> Polls:
        return Polls(self.partners())

    def partners(self) -> Partners:
        return Partners(
            self.database, self.destinations, self.teller, clock=self.clock, may_probe=lambda: True
        )

    async def version(self, code: str, version: int = 1, status: str = "received", **more: Any) -> None:
        """The one-door system sends a version."""
        record = {**_RECORD, "code": code, "version": version, "status": status, **more}
        dossier = msgspec.convert(record, Dossier)
        [result] = await self.database.write(
            lambda tx: accept_dossiers(tx, [self.intake.acceptance(dossier)])
        )
        if isinstance(result, GatewayError):
            raise result

    async def delivered(self, code: str) -> None:
        """The ministry has it."""
        event = EventRow(
            id=self.database.identifiers.next(),
            at=to_micros(self.clock()),
            kind="delivery.delivered",
            data="{}",
            dossier_code=code,
            destination=MINISTRY,
        )
        await self.database.write(lambda tx: insert_events(tx, [event]))
        await self.database.write(upkeep.seal)

    async def filed(self, code: str, **more: Any) -> None:
        """A dossier that the ministry has and that is followed."""
        await self.version(code, **more)
        await self.delivered(code)
        await self.polls.run(Round())

    async def round(self, **parameters: str) -> dict[str, Any]:
        return dict(await self.polls.run(Round(**parameters)))

    async def feed(self, **parameters: str) -> dict[str, Any]:
        return dict(await self.feeding.run(Round(**parameters)))

    async def due(self, code: str) -> None:
        """Move the clock to the next question about ``code``."""
        [(next_at,)] = self.rows("SELECT next_at FROM progress WHERE dossier_code = :code", code=code)
        self.clock.now = START + timedelta(microseconds=next_at - to_micros(START))

    def says(self, code: str, *reports: dict[str, Any], **more: Any) -> None:
        """The ministry's next answer about ``code``."""
        self.office.answers[code].append({"reports": list(reports), **more})

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self.database.ask(
            lambda connection: [tuple(row) for row in connection.execute(sa.text(statement), parameters)]
        )

    def dossier(self, code: str) -> Dossier:
        [(record,)] = self.rows("SELECT record FROM dossier WHERE code = :code", code=code)
        return msgspec.json.decode(bytes(record), type=Dossier)

    def events(self, *kinds: str) -> list[tuple[str, Any]]:
        """(kind, data) of every event but deliveries', in order."""
        found = self.rows("SELECT kind, data FROM event WHERE kind <> 'delivery.delivered' ORDER BY id")
        return [(kind, msgspec.json.decode(data)) for kind, data in found if not kinds or kind in kinds]

    def memory(self, code: str) -> dict[str, str]:
        [(memory,)] = self.rows(
            "SELECT memory FROM lane WHERE dossier_code = :code AND destination = 'ministry'", code=code
        )
        return msgspec.json.decode(memory, type=dict[str, str])

    def row(self, code: str) -> dict[str, Any]:
        """The dossier's place in the schedule; instants in seconds from the beginning."""
        statement = sa.text("SELECT * FROM progress WHERE dossier_code = :code")
        found = self.database.ask(
            lambda connection: dict(connection.execute(statement, {"code": code}).mappings().one())
        )
        base = to_micros(START)
        for name in ("since", "next_at", "asked_at", "reported_at", "promised_at", "alarmed_for"):
            if found[name] is not None:
                found[name] = (found[name] - base) / 1e6
        found["pause"] /= 1e6
        return found
