"""A whole gateway hands judicial records over through every access layer, over HTTPS with certificates on both sides.

The sandbox plays the centre and the platform in front of it, as the destination's own settings have them. What is wrong
(authority, certificate, secret) is refused with its own outcome, costs nothing but time, and is gone with a correct
setting; no secret is in the message log, in the program log, or anywhere else in the database.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import socket
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, get_args

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from adapters.judicial_records import simulate
from gateway.access import Access, LgspAccess
from gateway.access.tokens import lgsp_header
from gateway.bootstrap import adapter_settings, open_gateway
from gateway.delivery.intake import Submission
from gateway.domain.dossier import Dossier
from gateway.messagelog.search import MessageFilter, MessageLog
from gateway.port import Secret
from gateway.sandbox import Authority, serve_sandbox, server_tls
from gateway.settings import Settings, decode
from gateway.storage.queries import stored_dossier
from gateway.telemetry import configure_logging
from tests.e2e.cli import lienthong, running
from tests.progress_world import Round
from tests.unit.signing_world import openssl

NAME = "judicial_records"
CANARY, CENTRE_KEY, WRONG = "canary-41c7-bi-mat", "canary-77e1-khoa", "canary-9d02-sai"
SAMPLE = Path("adapters/judicial_records/spec/samples.jsonl").read_bytes().splitlines()[0]
CODE = msgspec.json.decode(SAMPLE)["code"]
SECRET = {"env": "CANARY"}
CLIENT = {"instance": "VN", "member_class": "GOV", "member": "H99", "subsystem": "MOTCUA"}


def kinds(origin: str) -> dict[str, dict[str, Any]]:
    """Every kind of access; the platform in front is the sandbox itself."""
    asked = {"token_url": f"{origin}/token"}
    found = [
        {"kind": "none", "headers": {"SENDER_CODE": "H99"}},
        {"kind": "oauth2_basic", **asked, "key": "mot-cua", "secret": SECRET},
        {"kind": "oauth2_form", **asked, "key": "mot-cua", "secret": SECRET},
        {"kind": "bearer_exchange", **asked, "token": SECRET},
        {
            "kind": "lgspaccesstoken",
            **asked,
            "access_key": SECRET,
            "secret_key": SECRET,
            "app_name": "mot-cua",
            "partner_code": "H99",
        },
        {"kind": "bearer", "token": SECRET, "secret_headers": {"X-Second": SECRET}},
        {"kind": "token_header", "token": SECRET},
        {"kind": "basic", "user": "mot-cua", "password": SECRET},
        {"kind": "basic_sha256", "user": "mot-cua", "password": SECRET},
        {"kind": "xroad", "client": CLIENT, "api_key": SECRET, "user": "mot-cua", "password": SECRET},
    ]
    return {each["kind"]: each for each in found}


KINDS = tuple(kinds(""))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class World:
    """A sandbox with its authority, and gateways that are configured for it, well or badly."""

    folder: Path
    kind: str
    port: int = field(default_factory=free_port)
    authority: Authority = field(default_factory=lambda: Authority(datetime.now(UTC)))

    def settings(
        self, *, secret: str = CANARY, trusted: Authority | None = None, shown: Authority | None = None
    ) -> Settings:
        """``secret``: what we show; ``trusted``: whom we pin; ``shown``: who has issued our certificate."""
        pinned, issuer = trusted or self.authority, shown or self.authority
        caller = issuer.client("H99 gateway")
        (self.folder / "ca.pem").write_bytes(pinned.root)
        (self.folder / "client.pem").write_bytes(caller.certificate)
        origin = f"https://127.0.0.1:{self.port}"
        section = {
            "adapter": NAME,
            "read_timeout": 5.0,
            "tls": {
                "ca_file": str(self.folder / "ca.pem"),
                "certificate": {"file": str(self.folder / "client.pem")},
                "key": {"env": "KEY"},
            },
            "settings": {
                "province_code": "99",
                "province_name": "Tỉnh Mẫu",
                "centre": {"base_url": origin, "auth_key": {"env": "AUTH_KEY"}},
                "access": kinds(origin)[self.kind],
                "polling": {"first_s": 0.05, "longest_s": 0.1},
            },
        }
        document = {
            "database": {"url": f"sqlite:///{self.folder / 'gateway.db'}"},
            "delivery": {
                "retry": {"first": 0.1, "longest": 0.3, "ask_after": 0.05},
                "breaker": {"failures": 50, "first_pause": 0.1, "longest_pause": 0.2},
            },
            "destination": {NAME: section},
        }
        environment = {"CANARY": secret, "AUTH_KEY": CENTRE_KEY, "KEY": caller.key.decode()}
        found = decode(document, Settings, environment)
        # secrets of an adapter's settings are resolved when it is built
        resolved = {"settings": _resolved(section["settings"], environment)}
        own = msgspec.structs.replace(found.destination[NAME], **resolved)
        return msgspec.structs.replace(found, destination={NAME: own})

    @asynccontextmanager
    async def sandbox(self):
        own = adapter_settings(NAME, self.settings().destination[NAME])
        tls = server_tls(self.authority.server(), clients=self.authority.root)
        async with serve_sandbox({NAME: simulate(own)}, tls=tls, ports={NAME: self.port}) as running:
            assert running.url(NAME) == f"https://127.0.0.1:{self.port}"
            yield running

    @asynccontextmanager
    async def reading(self):
        """The database, while nobody works."""
        gateway = await open_gateway(self.settings(), reading=True)
        try:
            yield gateway
        finally:
            await gateway.close()

    @asynccontextmanager
    async def gateway(self, settings: Settings):
        gateway = await open_gateway(settings)
        working = asyncio.create_task(gateway.worker.run())
        try:
            yield gateway
        finally:
            gateway.worker.stop()
            await working
            await gateway.close()


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """As an adapter's settings hold it."""

    access: Access


def _resolved(value: Any, environment: dict[str, str]) -> Any:
    match value:
        case {"env": name}:
            return Secret(environment[name])
        case dict():
            return {key: _resolved(each, environment) for key, each in value.items()}
        case _:
            return value


async def hand_over(gateway) -> None:
    await gateway.intake.accept(Submission(body=SAMPLE, client="one-door", code=CODE))


async def state(gateway) -> str:
    """Of the one delivery."""
    question = sa.text("SELECT state FROM delivery")
    return await gateway.database.read(lambda connection: connection.execute(question).scalar_one())


async def attempts(gateway) -> list[tuple[str, str]]:
    """Outcome and code of every attempt that has ended."""
    question = sa.text("SELECT outcome, code FROM attempt WHERE outcome IS NOT NULL ORDER BY id")
    return await gateway.database.read(
        lambda connection: [tuple(row) for row in connection.execute(question)]
    )


async def until(holds) -> None:
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110 - what is awaited is in the database
            await asyncio.sleep(0.02)


async def is_delivered(gateway) -> bool:
    return await state(gateway) == "delivered"


async def is_finished(gateway) -> bool:
    """The centre was asked once more, and its certificate is in the dossier."""
    await gateway.jobs.book.job("progress-poll").run(Round())
    found = await gateway.database.read(partial(stored_dossier, code=CODE))
    dossier = msgspec.json.decode(found.record, type=Dossier)
    return dossier.status == "finished" and len(dossier.results) == 1


async def logged(gateway) -> bytes:
    """Every header and body of the message log, as they can be read again."""
    log = MessageLog(gateway.database)
    page = await log.search(MessageFilter(), limit=500)
    assert page.next is None
    entries = [await log.fetch(view.id) for view in page.entries]
    assert all(each.intact for each in entries)
    return b"\n".join(msgspec.json.encode((each.view, each.headers)) + (each.body or b"") for each in entries)


def disguises(kind: str) -> list[bytes]:
    """The secret as it stands in calls of this kind, and the tokens that it has bought."""
    plain = [CANARY, CENTRE_KEY, base64.b64encode(f"mot-cua:{CANARY}".encode()).decode()]
    settings = convert(kinds("https://127.0.0.1")[kind], {"CANARY": CANARY})
    if isinstance(settings, LgspAccess):
        plain.append(lgsp_header(settings)[1])
    tokens = [hashlib.sha256(f"stand-in token {count}".encode()).hexdigest()[:40] for count in (1, 2)]
    return [each.encode() for each in (*plain, *tokens)]


def convert(section: dict[str, Any], environment: dict[str, str]) -> Access:
    return decode({"access": section}, Holding, environment).access


def test_every_kind_of_access_is_tried() -> None:
    assert {each.__struct_config__.tag for each in get_args(Access)} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
async def test_records_travel_through_the_layer_and_no_secret_stays_behind(tmp_path, kind, capfd) -> None:
    configure_logging("debug", "console")
    world = World(tmp_path, kind)
    async with world.sandbox() as sandbox, world.gateway(world.settings()) as gateway:
        sandbox.simulator(NAME).administer("clock", b'{"seconds": 0}')
        await hand_over(gateway)
        await until(lambda: is_delivered(gateway))
        await until(lambda: is_finished(gateway))
        told = await logged(gateway)
        taken = sandbox.record(NAME)["applications"]
    configure_logging("warning", "console")

    assert {code: each["rounds"] for code, each in taken.items()} == {CODE: 1}
    assert b"nhanHoSoDangKyLLTP" in told
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("gateway.db*"))
    shown = "".join(capfd.readouterr()).encode()
    assert b"worker_started" in shown
    for secret in disguises(kind):
        assert secret not in told
        assert secret not in stored
        assert secret not in shown


REFUSED = [
    # (what is wrong, the layer, the delivery's state, its attempts, calls that reached the stand-in)
    (
        "secret",
        "oauth2_basic",
        "waiting",
        set(),
        1,
    ),  # one token call: nobody insists until an account is locked
    ("secret", "oauth2_form", "waiting", set(), 1),
    ("secret", "lgspaccesstoken", "waiting", set(), 1),
    ("secret", "bearer", "waiting", {("deferred", "access_refused")}, None),
    ("secret", "basic", "waiting", {("deferred", "access_refused")}, None),
    ("secret", "basic_sha256", "waiting", {("deferred", "access_refused")}, None),
    ("trusted", "bearer", "waiting", {("deferred", "not_sent")}, 0),
    ("trusted", "oauth2_basic", "waiting", set(), 0),
    # TLS 1.3: the partner refuses our certificate after we have begun to write, and we cannot see what it has read
    ("shown", "bearer", "in_doubt", {("in_doubt", "connection_lost")}, 0),
    ("shown", "oauth2_basic", "waiting", set(), 0),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}-{case[1]}")
async def test_what_is_wrong_is_refused_and_delivered_once_when_it_is_right(tmp_path, case) -> None:
    wrong, kind, left, tried, calls = case
    world = World(tmp_path, kind)
    value = WRONG if wrong == "secret" else Authority(datetime.now(UTC))
    async with world.sandbox() as sandbox:
        async with world.gateway(world.settings(**{wrong: value})) as gateway:
            await hand_over(gateway)
            await asyncio.wait_for(_tried(gateway, sandbox, tried), 15)
            told = await logged(gateway)
        assert await _left(world) == left
        assert calls is None or sandbox.record(NAME)["calls"] == calls
        assert sandbox.record(NAME)["applications"] == {}
        assert WRONG.encode() not in told

        async with world.gateway(world.settings()) as gateway:
            await until(lambda: is_delivered(gateway))
        assert sandbox.record(NAME)["applications"][CODE]["rounds"] == 1


async def _tried(gateway, sandbox, tried: set[tuple[str, str]]) -> None:
    """Wait until something was tried; nothing else has come of it than ``tried``."""
    if tried:
        await until(lambda: _any(attempts(gateway)))
        assert set(await attempts(gateway)) == tried
        return
    log = MessageLog(gateway.database)
    await until(lambda: _any(_entries(log)))
    assert await attempts(gateway) == []


async def _any(found) -> bool:
    return bool(await found)


async def _entries(log: MessageLog) -> list[Any]:
    """Answers to token calls, or that there was none."""
    page = await log.search(MessageFilter(), limit=500)
    return [each for each in page.entries if each.kind != "request"]


async def _left(world: World) -> str:
    async with world.reading() as gateway:
        return await state(gateway)


# The command


def test_command_speaks_https_and_writes_what_callers_need(tmp_path) -> None:
    folder = tmp_path / "tls"
    arguments = (NAME, "--port", "0", "--json", "--https", folder, "--client-certificates")
    with running("sandbox", *arguments) as process:
        told = json.loads(process.stdout.readline())
        certificate, key = (str(folder / name) for name in ("client.pem", "client.key"))
        url = f"{told['stands'][NAME]}/-/health"
        trusted = ssl.create_default_context(cafile=told["authority"])
        with pytest.raises(httpx.TransportError):
            httpx.get(url, verify=trusted)
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
        trusted.load_cert_chain(certificate, key)
        answers = [httpx.get(each, verify=trusted) for each in (url, url.replace("127.0.0.1", "localhost"))]
    assert [each.json()["status"] for each in answers] == ["ok", "ok"]
    assert told["control"].startswith("http://")
    assert (folder / "client.key").stat().st_mode & 0o077 == 0


def test_command_asks_for_certificates_over_https_only() -> None:
    ran = lienthong("sandbox", NAME, "--client-certificates")
    assert (ran.code, "--https" in ran.err) == (2, True)


@pytest.mark.parametrize("use", ["server", "client", "signer"])
def test_certificates_are_good_by_openssls_own_rules(tmp_path, use) -> None:
    authority = Authority(datetime.now(UTC))
    holder = authority.server() if use == "server" else getattr(authority, use)("H99 gateway")
    (tmp_path / "ca.pem").write_bytes(authority.root)
    (tmp_path / "own.pem").write_bytes(holder.certificate)
    purpose = {"server": "sslserver", "client": "sslclient", "signer": "smimesign"}[use]
    code, said = openssl(
        "verify", "-x509_strict", "-purpose", purpose, "-CAfile", tmp_path / "ca.pem", tmp_path / "own.pem"
    )
    assert code == 0, said
    assert "PRIVATE" not in repr(holder)
