"""Files that an encoding asks for: fetched from listed hosts only, kept by their digest, lent once more."""

import asyncio
import base64
import contextlib
import hashlib

import msgspec
import pytest
import sqlalchemy as sa

from gateway.delivery.files import FileKeeper
from gateway.domain.errors import CannotEncode
from gateway.domain.outcome import Deferred, Rejected
from gateway.port import WireRequest
from gateway.settings import FileSettings
from gateway.storage.files import KeptFile, keep_files, read_file
from tests.delivery.conftest import Engine, planned
from tests.delivery.partner import StubAdapter

BODY = b"%PDF-1.7 ban sao giay to"
SHA = hashlib.sha256(BODY).hexdigest()


class Store:
    """The province's file store, on this machine."""

    def __init__(self):
        self.files = {"/a.pdf": (200, BODY)}
        self.asked = []
        self.port = 0

    async def serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        self.asked.append(path)
        status, body = self.files.get(path, (404, b"none"))
        lines = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\ncontent-type: application/pdf\r\n\r\n"
        with contextlib.suppress(ConnectionError):
            writer.write(lines.encode() + body)
            await writer.drain()
        writer.close()

    def about(self, path="/a.pdf", sha256=SHA, **more):
        return {"sha256": sha256, "url": f"http://127.0.0.1:{self.port}{path}", **more}


@pytest.fixture
async def store():
    opened = Store()
    running = await asyncio.start_server(opened.serve, "127.0.0.1", 0)
    opened.port = running.sockets[0].getsockname()[1]
    async with running:
        yield opened


@pytest.fixture
def keeper(database, clock, store):
    return FileKeeper(database, clock, allowing(store))


def allowing(store, **more):
    return FileSettings(plain_http_hosts=[f"127.0.0.1:{store.port}"], **more)


def kept(database):
    rows = database.ask(
        lambda connection: connection.execute(
            sa.text("SELECT sha256, size, media_type, origin FROM file")
        ).all()
    )
    return [(bytes(row[0]).hex(), *row[1:]) for row in rows]


async def test_file_is_fetched_once_and_lent_again(keeper, store, database):
    first = await keeper.lend("ministry", "H99-1", [store.about(size=str(len(BODY)))])
    second = await keeper.lend("other", "H99-2", [store.about()])

    assert first == second == {SHA: BODY}
    assert store.asked == ["/a.pdf"]
    assert kept(database) == [(SHA, len(BODY), "application/pdf", "fetched")]


async def test_fetching_is_in_the_message_log(keeper, store, database):
    await keeper.lend("ministry", "H99-1", [store.about()])

    entries = database.ask(
        lambda connection: connection.execute(
            sa.text("SELECT channel, operation, dossier_code, kind FROM message ORDER BY id")
        ).all()
    )
    assert [tuple(each) for each in entries] == [
        ("ministry", "file", "H99-1", "request"),
        ("ministry", "file", "H99-1", "response"),
    ]


async def test_digest_in_capitals_is_the_same_digest(keeper, store):
    assert await keeper.lend("ministry", "H99-1", [store.about(sha256=SHA.upper())]) == {SHA: BODY}


async def test_another_file_at_the_address_is_refused_and_not_kept(keeper, store, database):
    found = await keeper.lend("ministry", "H99-1", [store.about(sha256="0" * 64)])

    assert isinstance(found, Rejected)
    assert found.code == "file_digest_differs"
    assert kept(database) == []


async def test_another_size_is_refused(keeper, store, database):
    found = await keeper.lend("ministry", "H99-1", [store.about(size="7")])

    assert isinstance(found, Rejected)
    assert found.code == "file_size_differs"
    assert kept(database) == []


@pytest.mark.parametrize("more", [{"size": "500"}, {}])
async def test_what_the_partner_does_not_take_is_refused_whether_its_size_is_known_or_not(
    keeper, store, more
):
    store.files["/big.pdf"] = (200, b"x" * 500)
    digest = hashlib.sha256(b"x" * 500).hexdigest()

    found = await keeper.lend("ministry", "H99-1", [store.about("/big.pdf", digest, most="499", **more)])

    assert isinstance(found, Rejected)
    assert found.code == "file_too_large"
    assert store.asked == ([] if more else ["/big.pdf"])


async def test_kept_file_that_this_partner_does_not_take_is_refused(keeper, store):
    await keeper.lend("ministry", "H99-1", [store.about()])

    found = await keeper.lend("ministry", "H99-1", [store.about(most="5")])

    assert isinstance(found, Rejected)
    assert found.code == "file_too_large"


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/a.pdf",
        "https://elsewhere.example/a.pdf",
        "file:///etc/passwd",
        "http://user@127.0.0.1/a.pdf",
    ],
)
async def test_nothing_is_fetched_from_a_host_that_is_not_listed(keeper, store, database, url):
    found = await keeper.lend("ministry", "H99-1", [{"sha256": SHA, "url": url}])

    assert isinstance(found, Deferred)
    assert found.code == "file_unavailable"
    assert "foreign_host" in found.reason
    assert store.asked == []


async def test_listed_host_that_leads_inside_is_not_connected_to_unless_it_is_inside(database, clock, store):
    # localhost leads to this machine; a name that is merely listed is taken for one outside
    listed = FileKeeper(database, clock, FileSettings(hosts=[f"localhost:{store.port}"]))
    inside = FileKeeper(
        database,
        clock,
        FileSettings(hosts=[f"localhost:{store.port}"], inside=["localhost"]),
    )
    about = {"sha256": SHA, "url": f"https://localhost:{store.port}/a.pdf"}

    refused = await listed.lend("ministry", "H99-1", [about])
    tried = await inside.lend("ministry", "H99-1", [about])

    assert isinstance(refused, Deferred)
    assert "private address" in refused.reason
    assert isinstance(tried, Deferred)  # the store speaks no TLS; but it was connected to
    assert "private address" not in tried.reason


async def test_store_that_is_away_makes_the_delivery_wait_and_is_asked_again(keeper, store, database):
    store.files["/a.pdf"] = (503, b"")
    waiting = await keeper.lend("ministry", "H99-1", [store.about()])
    store.files["/a.pdf"] = (200, BODY)
    found = await keeper.lend("ministry", "H99-1", [store.about()])

    assert isinstance(waiting, Deferred)
    assert waiting.retry_after is None
    assert "503" in waiting.reason
    assert found == {SHA: BODY}


@pytest.mark.parametrize("about", [{}, {"sha256": "abc", "url": "http://x.example/"}, {"sha256": SHA}])
async def test_file_without_a_digest_or_an_address_is_for_the_province_to_correct(keeper, about):
    found = await keeper.lend("ministry", "H99-1", [about])

    assert isinstance(found, Rejected)
    assert found.code == "cannot_encode"


async def test_the_same_file_brought_twice_at_once_is_kept_once(database, clock):
    files = [KeptFile(content=BODY, media_type="application/pdf", origin="reported", at=1) for _ in range(5)]

    await asyncio.gather(*(database.apply(keep_files, each) for each in files))
    found = await database.read(lambda connection: read_file(connection, bytes.fromhex(SHA)))

    assert found is not None
    assert found.body == BODY
    assert len(kept(database)) == 1


class Attaching(StubAdapter):
    """Needs one file, and after that another one."""

    def __init__(self, about):
        super().__init__()
        self.about = about

    def encode(self, deliveries, context):
        for about in self.about:
            if about["sha256"] not in context.files:
                raise CannotEncode("a file is needed", missing=[("file", about)])
        request = super().encode(deliveries, context)
        document = msgspec.json.decode(request.body)
        document["files"] = [base64.b64encode(each).decode() for each in context.files.values()]
        return msgspec.structs.replace(request, body=msgspec.json.encode(document))


async def test_delivery_is_encoded_again_with_every_file_that_it_needs(database, partner, clock, store):
    second = b"%PDF-1.7 hai"
    store.files["/b.pdf"] = (200, second)
    about = [store.about(), store.about("/b.pdf", hashlib.sha256(second).hexdigest())]
    engine = Engine(database, partner, clock, adapter=Attaching(about))
    engine.destination.lend = FileKeeper(database, clock, allowing(store)).lend
    await engine.accept("H99-1", planned("step", "1"))
    await engine.work()

    assert engine.states("H99-1") == ["delivered"]
    assert [base64.b64decode(each) for each in partner.bodies[0]["files"]] == [BODY, second]
    await engine.close()


async def test_delivery_waits_for_a_file_without_spending_an_attempt_and_goes_on(
    database, partner, clock, store
):
    store.files["/a.pdf"] = (500, b"")
    engine = Engine(database, partner, clock, adapter=Attaching([store.about()]))
    engine.destination.lend = FileKeeper(database, clock, allowing(store)).lend
    await engine.accept("H99-1", planned("step", "1"))
    await engine.work()
    waiting = engine.delivery("H99-1", "1")
    store.files["/a.pdf"] = (200, BODY)
    await engine.settle_everything()

    assert (waiting["state"], waiting["code"], waiting["attempts"]) == ("waiting", "file_unavailable", 0)
    assert engine.states("H99-1") == ["delivered"]
    await engine.close()


async def test_delivery_with_a_file_that_is_another_one_is_rejected(database, partner, clock, store):
    engine = Engine(database, partner, clock, adapter=Attaching([store.about(sha256="0" * 64)]))
    engine.destination.lend = FileKeeper(database, clock, allowing(store)).lend
    await engine.accept("H99-1", planned("step", "1"))
    await engine.work()

    found = engine.delivery("H99-1", "1")
    assert (found["state"], found["code"], found["actor"]) == ("rejected", "file_digest_differs", "province")
    await engine.close()


async def test_adapter_that_asks_for_the_same_file_for_ever_is_stopped(database, partner, clock, store):
    class Insatiable(StubAdapter):
        def encode(self, deliveries, context) -> WireRequest:
            raise CannotEncode("more", missing=[("file", store.about())])

    engine = Engine(database, partner, clock, adapter=Insatiable())
    engine.destination.lend = FileKeeper(database, clock, allowing(store)).lend
    await engine.accept("H99-1", planned("step", "1"))
    await engine.work()

    assert engine.delivery("H99-1", "1")["code"] == "cannot_encode"
    assert store.asked == ["/a.pdf"]
    await engine.close()


async def test_where_nobody_keeps_files_the_delivery_waits(database, partner, clock, store):
    engine = Engine(database, partner, clock, adapter=Attaching([store.about()]))
    await engine.accept("H99-1", planned("step", "1"))
    await engine.work()

    assert engine.delivery("H99-1", "1")["code"] == "file_unavailable"
    await engine.close()
