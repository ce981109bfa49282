"""A one-door office whose dossiers go to one partner, with a clock that moves when told, and the follower of the lag."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import msgspec

from adapters.national_portal.plan import plan
from gateway.codec import canonical
from gateway.deadlines.account import account_of
from gateway.delivery.intake import lane_plan
from gateway.domain.dossier import Agency, Applicant, ApplicantKind, Channel, Dossier, Procedure, Step
from gateway.port import Planned
from gateway.rounds.following import Follower
from gateway.statussync.lag_follower import lag_follower
from gateway.statussync.lag_report import headline, late_dossiers, query_of, report
from gateway.statussync.lag_troubles import Policy
from gateway.statussync.lag_views import DestinationLag, LagReport, LateDossier
from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.storage.instants import maybe_micros, to_micros
from gateway.storage.intake import Acceptance, DossierRow, accept_dossiers
from gateway.storage.lag import LagRow
from gateway.storage.presence import Presence, note_presence
from gateway.storage.sql import Statement
from tests.delivery.conftest import Clock, Engine
from tests.delivery.partner import Partner, StubAdapter
from tests.unit.portal import settings as portal_settings

VIETNAM = timezone(timedelta(hours=7))
PORTAL = "portal"
POLICY = Policy(longest_pause=600.0)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant of September 2026 in Viet Nam."""
    return datetime(2026, 9, day, hour, minute, tzinfo=VIETNAM)


class PlanningAdapter(StubAdapter):
    """Plans like the national portal's adapter; everything else is the stub's."""

    def plan(self, dossier: Dossier) -> Sequence[Planned]:
        return plan(dossier, portal_settings())


class Watch:
    """Everything there is has been sealed before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beyond(self, position: int, seconds: float) -> int:
        await asyncio.sleep(0)
        return position


class Office:
    """``tell`` what the one-door system says, ``work`` what can be sent, ``follow`` what was acknowledged."""

    def __init__(self, database: Database, partner: Partner, clock: Clock) -> None:
        self.clock = clock
        self.partner = partner
        self.engine = Engine(database, partner, clock, adapter=PlanningAdapter())
        self.database = database
        self.follower = self.another_follower(1)
        self._versions: dict[str, int] = {}

    def another_follower(
        self, owner: int, *, here_since: datetime | None = None, counts_from: datetime | None = None
    ) -> Follower[LagRow]:
        policy = Policy(
            longest_pause=POLICY.longest_pause,
            counts_from=maybe_micros(counts_from),
            here_since=lambda: maybe_micros(here_since),
        )
        return lag_follower(
            self.database,
            Watch(self.database),
            clock=self.clock,
            owner=lambda: owner,
            policy=policy,
        )

    async def here(self, *stretches: tuple[datetime, datetime]) -> None:
        """Our worker was there in these stretches of time, and in no other one."""
        await self.database.write(lambda tx: tx.run(Statement("DELETE FROM presence"), {}))
        rows = [
            Presence(worker=1, began_at=to_micros(begin), seen_at=to_micros(end)) for begin, end in stretches
        ]
        await self.database.write(lambda tx: note_presence(tx, rows))

    def go(self, instant: datetime) -> None:
        self.clock.now = instant.astimezone(self.clock.now.tzinfo)

    async def tell(self, code: str, status: str, **fields: Any) -> Dossier:
        """A new version of the dossier comes in."""
        self._versions[code] = self._versions.get(code, 0) + 1
        dossier = record(code, status=status, version=self._versions[code], **fields)
        encoded = canonical.encode(dossier)
        acceptance = Acceptance(
            dossier=DossierRow(
                code=code,
                source="one-door",
                version=dossier.version,
                status=dossier.status,
                procedure_code=dossier.procedure.code,
                agency_code=dossier.agency.code,
                channel=dossier.channel,
                submitted_at=None,
                received_at=maybe_micros(dossier.received_at),
                due_at=maybe_micros(dossier.due_at),
                finished_at=maybe_micros(dossier.finished_at),
                digest=hashlib.sha256(encoded).digest(),
                record=encoded,
            ),
            lanes=(lane_plan(self.engine.destination, dossier),),
            now=to_micros(self.clock()),
            account=msgspec.json.encode(account_of(dossier)),
        )
        await self.database.apply(accept_dossiers, acceptance)
        return dossier

    async def work(self) -> None:
        """Send whatever may leave now."""
        while lanes := await self.engine.claim():
            await self.engine.turn(lanes[0]).run(stopping=asyncio.Event())

    async def follow(self) -> int | None:
        """Everything that was told so far is followed; how many rows that gave."""
        await self.database.write(upkeep.seal)
        return await self.follower.run_once()

    async def lose_partner(self) -> None:
        """Nothing reaches the partner any more, and six attempts have shown it."""
        self.partner.down = True
        for number in range(6):
            await self.tell(f"H99-lost-{number}", "received")
        await self.work()
        assert self.engine.breaker().open_until is not None

    async def regain_partner(self) -> None:
        """The partner is back, a probe has shown it, and what waited for our own back-off leaves."""
        self.partner.down = False
        await self.engine.destination.gate.succeeded()
        await self.work()

    async def headline(self) -> DestinationLag:
        query = query_of([PORTAL], now=self.clock(), policy=POLICY)
        (found,) = await self.database.read(partial(headline, query=query))
        return found

    async def report(self, days: int = 30) -> LagReport:
        query = query_of([PORTAL], now=self.clock(), policy=POLICY, days=days)
        return await self.database.read(partial(report, query=query))

    async def late(self) -> list[LateDossier]:
        query = query_of([PORTAL], now=self.clock(), policy=POLICY)
        return await self.database.read(partial(late_dossiers, query=query))

    def rows(self, *columns: str, code: str | None = None) -> list[tuple[Any, ...]]:
        """Columns of ``sync_lag`` in the order of the acknowledgements, of one dossier or of all."""
        where = "" if code is None else "WHERE dossier_code = :code "
        statement = f"SELECT {', '.join(columns)} FROM sync_lag {where}ORDER BY acknowledged_at, delivery_id"  # noqa: S608
        return self.engine.rows(statement, **({} if code is None else {"code": code}))


def record(code: str, **fields: Any) -> Dossier:
    """A dossier received on the 28th at 8:00, promised for 17:00 of the same day."""
    return Dossier(
        **{
            "code": code,
            "procedure": Procedure(code="1.004203"),
            "agency": Agency(code="H99.14", name="UBND phường Ví Dụ"),
            "channel": Channel.COUNTER,
            "applicant": Applicant(kind=ApplicantKind.CITIZEN, name="Nguyễn Văn Thí Dụ"),
            "summary": "Trích lục khai sinh",
            "received_at": at(28, 8),
            "due_at": at(28, 17),
            **fields,
        }
    )


def step(identifier: str, status: str, instant: datetime) -> Step:
    return Step(id=identifier, at=instant, status=status)
