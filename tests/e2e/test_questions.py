"""Questions to partners, whoever asks: signed and verified by the operation's policy, logged once, silent about credentials.

Drift, payments, progress, feeds and catalogues ask; the table has a row for each. The keys are real, and so are the
databases and the adapters; the partner's end signs what the stand-in behind it answers.
"""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa
import structlog

from gateway.delivery.catalogues import CatalogueKeeper
from gateway.delivery.destination import Destination
from gateway.delivery.keyed_seal import KeyedSeal
from gateway.domain.errors import CannotEncode, PartnerUnavailable
from gateway.port import CannotRead, Denied, Read, ReadOperation, WireRequest, WireResponse
from gateway.port.signing import Answers, Profile, SigningPolicy
from gateway.signing import jws
from gateway.signing.expectation import Expectation
from gateway.signing.findings import Verified
from gateway.signing.keyring import Keyring
from gateway.signing.keys import SigningKey, local_key
from gateway.storage.database import Database
from gateway.telemetry import configure_logging
from gateway.wire.asking import UNSIGNED
from gateway.wire.authentication import Authenticator
from gateway.wire.client import HttpClient
from tests import drift_world, progress_world
from tests.payments.office import Office
from tests.unit.signing_world import certificate, private

HEADER = "x-jws-signature"
POLICY = SigningPolicy(
    profile=Profile.JWS_DETACHED,
    key="ours",
    answers=Answers(profile=Profile.JWS_DETACHED, trusted="theirs"),
)


def key_of(number: int) -> SigningKey:
    own = private("p256", number)
    always = {"begins": datetime(2020, 1, 1, tzinfo=UTC), "ends": datetime(2080, 1, 1, tzinfo=UTC)}
    return local_key("ours", own, certificate(own, **always))


OURS, THEIRS = key_of(60), key_of(61)


@dataclass
class Signing(httpx.AsyncBaseTransport):
    """The partner's end. ``key`` None: it does not sign. ``status``: of every answer, when given."""

    inner: httpx.AsyncBaseTransport
    clock: Callable[[], datetime]
    key: SigningKey | None = THEIRS
    status: int | None = None
    signed: list[bool] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        expected = Expectation(trusted=(OURS.certificate,), now=self.clock())
        verified = jws.verify(request.headers.get(HEADER), content, expected)
        if request.url.path != "/token":
            self.signed.append(isinstance(verified, Verified))
        answer = await self.inner.handle_async_request(request)
        body = await answer.aread()
        headers = {} if self.key is None else {HEADER: jws.sign(body, self.key, now=self.clock())}
        return httpx.Response(self.status or answer.status_code, headers=headers, content=body)


@dataclass
class Case:
    """One caller. ``ask`` asks once and tells whether the answer was believed; ``why``: the reason that is stored or
    returned when there was none; ``methods``: of the adapter, that write the question and read the answer."""

    destination: Destination
    database: Database
    operation: str
    ask: Callable[[], Awaitable[bool]]
    why: Callable[[], str]
    partner: Signing
    methods: tuple[str, str]

    def log(self) -> list[tuple[str, int | None, bool]]:
        """(kind, what it answers, whether it is signed) of every entry about the operation."""
        statement = sa.text(
            "SELECT id, kind, request_id, headers FROM message WHERE operation = :o ORDER BY id"
        )
        found = self.database.ask(lambda c: list(c.execute(statement, {"o": self.operation})))
        return [(row.kind, row.request_id, HEADER in str(row.headers)) for row in found]


def seal(destination: Destination, inner: httpx.AsyncBaseTransport, *operations: str) -> Signing:
    """Let ``operations`` be signed both ways from now on."""
    keyring = Keyring(keys={"ours": (OURS,)}, trusted={"theirs": [THEIRS.certificate]})
    destination.sealer = KeyedSeal(destination, keyring, dict.fromkeys(operations, POLICY))
    partner = Signing(inner, destination.hub.clock)
    destination.client = HttpClient(destination.capacity, transport=partner)
    return partner


class Wire(httpx.AsyncBaseTransport):
    """Real HTTP."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            headers = {
                name: request.headers[name] for name in ("content-type", HEADER) if name in request.headers
            }
            return await client.request(
                request.method, request.url, headers=headers, content=await request.aread()
            )


Opening = Callable[[str, Path, Path], Any]


@asynccontextmanager
async def progress(url: str, folder: Path, migrated: Path) -> AsyncIterator[Case]:
    """A dossier is asked about."""
    database = Database(f"sqlite:///{shutil.copy(migrated, folder / 'progress.db')}")
    world, code = progress_world.World(database), "H99.14-260928-0001"
    await world.filed(code)
    destination = world.destinations[progress_world.MINISTRY]
    partner = seal(destination, world.office, "progress")

    async def ask() -> bool:
        world.office.answers[code].clear()
        world.says(code, {"key": f"k{len(partner.signed)}", "status": "processing"})
        await world.due(code)
        await world.round()
        return bool(world.events("ministry.progress"))

    why = lambda: str(world.rows("SELECT failure FROM progress")[0][0])  # noqa: E731
    yield Case(
        destination, database, "progress", ask, why, partner, ("encode_progress", "interpret_progress")
    )
    database.close()


@asynccontextmanager
async def feed(url: str, folder: Path, migrated: Path) -> AsyncIterator[Case]:
    """A list of changes is read."""
    database = Database(f"sqlite:///{shutil.copy(migrated, folder / 'feed.db')}")
    world, code = progress_world.World(database), "H99.14-260928-0001"
    await world.filed(code)
    destination = world.destinations[progress_world.MINISTRY]
    partner = seal(destination, world.office, "progress")

    async def ask() -> bool:
        world.office.pages.clear()
        reports = [{"key": "k1", "status": "processing"}]
        world.office.pages.append({"changes": [{"dossier": code, "reports": reports}], "cursor": "c1"})
        await world.feed(destination=progress_world.MINISTRY)
        return bool(world.events("ministry.progress"))

    why = lambda: str(world.rows("SELECT failure FROM progress_feed")[0][0])  # noqa: E731
    yield Case(destination, database, "progress.feed", ask, why, partner, ("encode_feed", "interpret_feed"))
    database.close()


@asynccontextmanager
async def payment(url: str, folder: Path, migrated: Path) -> AsyncIterator[Case]:
    """The platform is asked about an attempt to pay."""
    office = Office(folder, migrated)
    code, said = "H99.14-240115-0007", [""]
    await office.accept(code)
    reference = str((await office.ask(code)).reference)
    await office.work()
    office.press(reference, "pay")
    partner = seal(office.destination, httpx.MockTransport(office._carry), "payment")

    async def ask() -> bool:
        told = await office.inquire(reference)
        said[0] = f"{told.code}: {told.reason}"
        return told.effect == "settled"

    yield Case(
        office.destination,
        office.database,
        "payment",
        ask,
        lambda: said[0],
        partner,
        ("encode_read", "interpret_read"),
    )
    office.close()


@asynccontextmanager
async def drift(url: str, folder: Path, migrated: Path) -> AsyncIterator[Case]:
    """The portal is asked for its record."""
    async with drift_world.drift_world(url) as world:
        await world.accept(drift_world.dossier())
        await world.deliver()
        world.tamper(fields={"TrangThaiHoSo": "4"})
        destination = world.gateway.destinations[drift_world.PORTAL]
        partner = seal(destination, Wire(), "record")
        said = [""]

        async def ask() -> bool:
            try:
                said[0] = str(await world.look(patience="0"))
            except PartnerUnavailable as fault:
                said[0] = str(fault)
            return bool(await world.rows())

        yield Case(
            destination,
            world.gateway.database,
            "record",
            ask,
            lambda: said[0],
            partner,
            ("encode_record", "interpret_record"),
        )


class Reads(progress_world.Ministry):
    """A ministry with a catalogue."""

    def encode_read(self, name: str, parameters: Any, context: Any) -> WireRequest:
        return self._request("ask", context, {"dossier": name})

    def interpret_read(self, name: str, parameters: Any, response: WireResponse) -> Read | CannotRead:
        found = self._read(response)
        return found if isinstance(found, CannotRead) else Read(entries=found)


@asynccontextmanager
async def catalogue(url: str, folder: Path, migrated: Path) -> AsyncIterator[Case]:
    """Reference data is fetched."""
    database = Database(f"sqlite:///{shutil.copy(migrated, folder / 'catalogue.db')}")
    world = progress_world.World(database)
    destination, said = world.destinations[progress_world.MINISTRY], [""]
    adapter = Reads()
    read = ReadOperation(name="streets", title="Streets", source="-", catalogue=True)
    adapter.manifest = msgspec.structs.replace(adapter.manifest, reads=(read,))
    destination.adapter = adapter
    partner = seal(destination, world.office, "streets")
    keeper = CatalogueKeeper(world.hub, {progress_world.MINISTRY: destination})

    async def ask() -> bool:
        world.office.answers["streets"].clear()
        world.office.answers["streets"].append({"s1": {"name": "Phố Thử"}})
        done = await keeper.refresh(progress_world.MINISTRY, "streets")
        said[0] = str(done.failure)
        return done.entries == 1

    yield Case(
        destination, database, "streets", ask, lambda: said[0], partner, ("encode_read", "interpret_read")
    )
    database.close()


CASES: dict[str, Opening] = {
    "progress": progress,
    "feed": feed,
    "payment": payment,
    "drift": drift,
    "catalogue": catalogue,
}


@pytest.fixture(params=CASES)
async def case(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, migrated_sqlite_file: Path
) -> AsyncIterator[Case]:
    async with CASES[request.param](database_url, tmp_path, migrated_sqlite_file) as opened:
        yield opened


async def test_a_question_leaves_signed_and_a_signed_answer_is_believed(case: Case) -> None:
    assert await case.ask()
    assert case.partner.signed
    assert all(case.partner.signed)


async def test_an_exchange_is_logged_once(case: Case) -> None:
    await case.ask()
    entries = case.log()
    assert [kind for kind, _, _ in entries] == ["request", "response"]
    assert [signed for _, _, signed in entries] == [True, True]


async def test_an_answer_that_the_partner_has_not_signed_is_not_believed(case: Case) -> None:
    case.partner.key = None
    assert not await case.ask()
    assert "signature_refused" in case.why()
    case.partner.key = THEIRS
    assert await case.ask()


async def test_an_answer_that_a_stranger_has_signed_is_not_believed(case: Case) -> None:
    case.partner.key = OURS
    assert not await case.ask()
    assert "signature_refused" in case.why()


async def test_nothing_is_believed_of_an_answer_that_may_come_unsigned(case: Case) -> None:
    case.partner.key, case.partner.status = None, 403
    assert not await case.ask()
    assert UNSIGNED in case.why()
    case.partner.key, case.partner.status = THEIRS, None
    assert await case.ask()


SECRET = "canary-3b7e91c2f4d0"


class Closed:
    """A door that repeats what it was told."""

    name = "door"

    def request(self, credentials: Any) -> WireRequest:
        return WireRequest(method="POST", url=f"{progress_world.URL}/token")

    def read(self, response: WireResponse) -> Denied:
        return Denied(code="closed", reason=f"nobody here is called {SECRET}")


def _raise(fault: Exception) -> Any:
    raise fault


Misfortune = Callable[[Case, pytest.MonkeyPatch], None]


def denied(case: Case, patch: pytest.MonkeyPatch) -> None:
    destination = case.destination
    destination.authenticator = Authenticator((Closed(),), destination._exchange_credential)
    case.partner.inner = httpx.MockTransport(lambda request: httpx.Response(200))


def cannot_be_written(case: Case, patch: pytest.MonkeyPatch) -> None:
    fault = CannotEncode(f"'{SECRET}' has too many characters")
    patch.setattr(case.destination.adapter, case.methods[0], lambda *given: _raise(fault))


def breaks_while_writing(case: Case, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(case.destination.adapter, case.methods[0], lambda *given: _raise(ValueError(SECRET)))


def breaks_while_reading(case: Case, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(case.destination.adapter, case.methods[1], lambda *given: _raise(ValueError(SECRET)))


def is_refused(case: Case, patch: pytest.MonkeyPatch) -> None:
    refusal = CannotRead(code="refused", reason=f"{SECRET} is not welcome")
    patch.setattr(case.destination.adapter, case.methods[1], lambda *given: refusal)


def is_something_else(case: Case, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(case.destination.adapter, case.methods[1], lambda *given: SECRET)


MISFORTUNES: dict[Misfortune, str] = {
    denied: "closed",
    cannot_be_written: "cannot_ask",
    breaks_while_writing: "adapter_defect",
    breaks_while_reading: "adapter_defect",
    is_refused: "refused",
    is_something_else: "adapter_defect",
}


@pytest.mark.parametrize("misfortune", MISFORTUNES, ids=lambda each: each.__name__)
async def test_no_credential_is_told_whatever_goes_wrong(
    case: Case, misfortune: Misfortune, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.destination.configured_secrets = (SECRET,)
    misfortune(case, monkeypatch)
    program_log = io.StringIO()
    with contextlib.redirect_stderr(program_log):
        configure_logging("debug", "json")
        try:
            believed = await case.ask()
        finally:
            structlog.reset_defaults()
    assert not believed
    assert MISFORTUNES[misfortune] in case.why()
    assert SECRET not in case.why()
    assert SECRET not in program_log.getvalue()
    assert SECRET not in everything_in(case.database)


def everything_in(database: Database) -> str:
    """Every value of every row."""
    return database.ask(_everything)


def _everything(connection: sa.Connection) -> str:
    tables = sa.inspect(connection).get_table_names()
    rows = [row for name in tables for row in connection.execute(sa.text(f"SELECT * FROM {name}"))]  # noqa: S608
    assert rows
    return "\n".join(map(str, rows))
