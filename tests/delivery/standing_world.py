"""Dossiers that come in, are judged and swept, on a real database with a clock that moves when told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import msgspec

from gateway.deadlines.account import Account
from gateway.domain.status import Status
from gateway.settings import DeadlineSettings
from gateway.statussync.assessor import Assessor
from gateway.statussync.desk import Desk
from gateway.statussync.rules import Rules, load_rules
from gateway.statussync.sweep import Sweep
from gateway.storage import queries_standings
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.intake import Acceptance, LanePlan, PlannedDelivery, accept_dossiers
from gateway.storage.standings import Assessed, StandingRow, record_assessments
from tests.storage.builders import PORTAL, World, dossier
from tests.storage.standing_builders import account, heard

# a Monday, 09:00 in Viet Nam, with no holiday in sight
START = datetime.fromisoformat("2026-03-02T09:00:00+07:00")


class Context:
    """What a job is given, and what it has said."""

    def __init__(self, *, dry_run: bool = False, watermark: str | None = None, **parameters: str) -> None:
        self.run = 1
        self.dry_run = dry_run
        self.actor = "schedule"
        self.parameters = parameters
        self.watermark = watermark
        self.reports: list[tuple[int, int | None, str | None]] = []

    async def report(self, done: int, *, total: int | None = None, watermark: str | None = None) -> None:
        self.reports.append((done, total, watermark))
        if watermark is not None:
            self.watermark = watermark or None


class Interposed:
    """A database that does something of its own before it takes an assessment.

    ``meddle`` is given the item, and gives the one that is written.
    """

    def __init__(self, database: Database, meddle: Callable[[Assessed], Awaitable[Assessed]]) -> None:
        self._database = database
        self._meddle = meddle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def apply(self, operation: Any, item: Any) -> Any:
        if operation is record_assessments:
            item = await self._meddle(item)
        return await self._database.apply(operation, item)


class Province:
    """One process beside a one-door system: what it is told, what it makes of it."""

    def __init__(
        self,
        database: Database,
        *,
        rules: Rules | None = None,
        worker: int = 0,
        destinations: Collection[str] = (PORTAL,),
    ) -> None:
        self.world = World(database)
        self.database = database
        self.now = START
        self.desk = Desk(
            database=database,
            clock=lambda: self.now,
            rules=rules or load_rules(DeadlineSettings()),
            destinations=frozenset(destinations),
        )
        self.assessor = Assessor(self.desk, lambda: worker)
        self.sweeper = Sweep(self.desk)

    def at(self, text: str) -> datetime:
        """``03-05 09:00`` in March 2026's Viet Nam; the clock stands there from now on."""
        self.now = moment(text)
        return self.now

    async def say(self, said: Account, *deliveries: PlannedDelivery) -> None:
        """The one-door system hands over a version now."""
        row = msgspec.structs.replace(
            dossier(said.code, said.version, due_at=said.due_at), status=said.status.value
        )
        await self.database.apply(
            accept_dossiers,
            Acceptance(
                dossier=row,
                lanes=(LanePlan(destination=PORTAL, partner_codes=(), deliveries=deliveries),)
                if deliveries
                else (),
                now=to_micros(self.now),
                account=heard(said),
            ),
        )

    async def hear(self, said: Account, *deliveries: PlannedDelivery) -> StandingRow:
        """A version comes in and is judged; where the dossier stands then."""
        await self.say(said, *deliveries)
        await self.assess()
        return self.standing(said.code)

    async def assess(self) -> int:
        """Judge everything that waits."""
        done = 0
        while count := await self.assessor.run_once():
            done += count
        return done

    async def sweep(self, **options: Any) -> dict[str, Any]:
        """One run of the sweep; its summary."""
        return dict(await self.sweeper.run(Context(**options)))

    def standing(self, code: str) -> StandingRow:
        found = self.database.ask(partial(queries_standings.open_standing, code=code))
        assert found is not None, f"{code} was not judged"
        return found

    def periods(self, code: str) -> list[tuple[int, str]]:
        """(status, class by date) of every period, oldest first, after a look at their seams."""
        rows = self.database.ask(partial(queries_standings.periods, code=code))
        assert all(one.effective_to == other.effective_from for one, other in pairwise(rows))
        return [(row.status, row.by_date) for row in rows]

    def events(self, code: str | None = None) -> list[tuple[str, dict[str, Any]]]:
        """(kind, data) of every event, in order."""
        rows = self.world.rows("SELECT kind, data, dossier_code FROM event ORDER BY id")
        return [(row[0], msgspec.json.decode(row[1])) for row in rows if code in {None, row[2]}]

    def kinds(self, code: str | None = None) -> list[str]:
        return [kind for kind, _ in self.events(code)]

    def anomalies(self, code: str) -> list[str]:
        found = self.database.ask(partial(queries_standings.anomalies, code=code))
        return [row.kind for row in found]

    def count(self, table: str, where: str = "1 = 1") -> int:
        return int(self.world.rows(f"SELECT count(*) FROM {table} WHERE {where}")[0][0])  # noqa: S608 - the test's own

    def waiting(self) -> int:
        return self.count("dossier_version", "NOT assessed")


def moment(text: str) -> datetime:
    """``03-05 09:00`` of 2026 in Viet Nam."""
    return datetime.fromisoformat(f"2026-{text.replace(' ', 'T')}:00+07:00")


def said(code: str, version: int = 1, status: Status = Status.PROCESSING, **fields: Any) -> Account:
    """Received on Monday 09:00, due on Thursday 09:00 (domain_rules §3.5, G)."""
    base = {"received_at": START, "due_at": START + timedelta(days=3)}
    return account(code, version, status, **{**base, **fields})


def finished(code: str, version: int, at: datetime, **fields: Any) -> Account:
    return said(code, version, Status.FINISHED, finished_at=at, **fields)


def codes(count: int) -> Sequence[str]:
    return [f"H99-{number:03}" for number in range(count)]
