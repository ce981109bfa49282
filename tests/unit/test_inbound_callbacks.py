"""The way of one call: log, read, store, answer; and what happens when a step cannot be done."""

import hashlib
import json

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from gateway.domain.errors import StorageUnavailable
from gateway.port import BroughtFile, CallbackRequest, WireResponse
from gateway.storage.database import Database
from tests.log_reading import logged_bodies
from tests.unit.inbound_world import World, answer


@pytest.fixture
def world(sqlite_url):
    database = Database(sqlite_url)
    yield World(database)
    database.close()


def bodies(world):
    return logged_bodies(world.database)


def document(given):
    return json.loads(given.body)


class Failing:
    """A database that does not take one operation for a while."""

    def __init__(self, database, operation, failures=1):
        self._database = database
        self._operation = operation
        self._failures = failures

    def __getattr__(self, name):
        return getattr(self._database, name)

    async def apply(self, operation, item):
        if operation.__name__ == self._operation and self._failures:
            self._failures -= 1
            raise StorageUnavailable("away")
        return await self._database.apply(operation, item)


def with_failing(world, operation, failures=1):
    world.callbacks._hub = replace(world.hub, database=Failing(world.database, operation, failures))


async def test_call_is_in_the_log_before_anybody_reads_it(world):
    seen = []

    def reading(request, context):
        seen.extend(world.log())
        return read(request, context)

    read, world.partner.read_callback = world.partner.read_callback, reading
    await world.call(key="k1", code="G22-1")

    assert seen == [("request", None, None, None)]


async def test_both_bodies_are_in_the_log_to_the_byte_without_secrets(world):
    await world.send(b'{"key": "k1",  "code":"G22-1", "session": "top-secret"}')

    assert bodies(world) == [
        b'{"key": "k1",  "code":"G22-1", "session": "[redacted]"}',
        answer("taken").body,
    ]


async def test_log_entries_name_channel_address_and_each_other(world):
    await world.send(b'{"key":"k1","code":"G22-1"}', path="forward/x", query="dst=H99&session=abc")

    assert world.rows("SELECT direction, channel, operation, url, dossier_code FROM message ORDER BY id") == [
        ("in", "portal", "callback", "/forward/x?dst=H99&session=[redacted]", None),
        ("in", "portal", "callback", None, "G22-1"),
    ]
    assert world.rows("SELECT request_id FROM message WHERE kind = 'response'") == world.rows(
        "SELECT id FROM message WHERE kind = 'request'"
    )


async def test_refusal_is_answered_as_the_contract_says_and_has_no_effect(world):
    given = await world.send(b"\xff<html>")

    assert given == answer("unreadable", 400)
    assert world.log() == [("request", None, None, None), ("response", 400, "refused", "no_json")]
    assert world.rows("SELECT 1 FROM callback") == world.rows("SELECT 1 FROM event") == []


@pytest.mark.parametrize(
    "body",
    [
        {"key": "k1", "code": "G22-1", "break": True},
        {"code": "G22-1"},
        {"key": "", "code": "G22-1"},
        {"key": "k1", "code": ""},
        {"key": "k1", "code": "G22\x001"},
        {"key": "k1", "code": "G22-1", "kind": "No Kind"},
        {"key": "k1", "code": "G22-1", "raw": "{broken"},
    ],
)
async def test_defect_of_an_adapter_is_answered_logged_and_harms_nobody_else(world, body):
    given = await world.call(**body)

    assert (given.status, document(given)["title"]) == (500, "Internal Server Error")
    assert dict(given.headers)["content-type"] == "application/problem+json"
    assert world.log() == [("request", None, None, None), ("response", 500, "failed", "adapter_defect")]
    assert world.rows("SELECT 1 FROM callback") == world.rows("SELECT 1 FROM event") == []
    assert await world.call(key="k1", code="G22-1") == answer("taken")


async def test_unknown_destination_is_not_found(world):
    given = await world.callbacks.receive("nobody", CallbackRequest(method="POST", path="x"))

    assert given.status == 404
    assert world.log() == []


async def test_call_that_cannot_be_logged_has_no_effect_and_may_be_repeated(world):
    read = []
    world.partner.read_callback = recording(world.partner.read_callback, read)
    with_failing(world, "_append")

    refused = await world.call(key="k1", code="G22-1")
    taken = await world.call(key="k1", code="G22-1")

    assert (refused.status, dict(refused.headers)["retry-after"]) == (503, "5")
    assert len(read) == 1
    assert taken == answer("taken")


def recording(read, calls):
    def reading(request, context):
        calls.append(request)
        return read(request, context)

    return reading


async def test_report_that_cannot_be_stored_is_not_acknowledged_and_may_be_repeated(world):
    with_failing(world, "receive_reports")

    refused = await world.call(key="k1", code="G22-1")
    taken = await world.call(key="k1", code="G22-1")

    assert refused.status == 503
    assert taken == answer("taken")
    assert len(world.events()) == 1


async def test_refusal_that_cannot_be_logged_is_not_given(world):
    database = Failing(world.database, "_append", failures=0)
    world.callbacks._hub = replace(world.hub, database=database)
    read = world.partner.read_callback

    def losing_the_database(request, context):
        database._failures = 1
        return read(request, context)

    world.partner.read_callback = losing_the_database
    assert (await world.send(b"x")).status == 503

    world.partner.read_callback = read
    assert await world.send(b"x") == answer("unreadable", 400)


async def test_dossier_that_keeps_changing_under_a_report_is_not_answered_for(world):
    """Somebody sends a new version between every look and every decision."""

    class Busy(Failing):
        version = 0

        async def apply(self, operation, item):
            if operation.__name__ == "receive_reports":
                Busy.version += 1
                await world.local_version("G22-1", Busy.version, "processing")
            return await self._database.apply(operation, item)

    world.callbacks._hub = replace(world.hub, database=Busy(world.database, ""))
    refused = await world.call(key="k1", code="G22-1")
    world.callbacks._hub = world.hub

    assert refused.status == 503
    assert world.rows("SELECT 1 FROM callback") == []
    assert await world.call(key="k1", code="G22-1") == answer("taken")


@pytest.mark.parametrize("path", ["a\x00b", "a/../b", "", "\udcff", "x" * 5000])
async def test_odd_addresses_are_logged(world, path):
    given = await world.send(b'{"key":"k1","code":"G22-1"}', path=path)

    assert given == answer("taken")
    assert len(world.log()) == 2


async def test_answers_are_counted_by_result(world):
    def counted(result):
        labels = {"destination": "portal", "result": result}
        return REGISTRY.get_sample_value("lienthong_callbacks_total", labels) or 0.0

    results = ("accepted", "repeated", "refused", "failed")
    before = [counted(result) for result in results]
    await world.call(key="k1", code="G22-1")
    await world.call(key="k1", code="G22-1")
    await world.send(b"x")
    await world.call(key="k1")

    assert [counted(result) - start for result, start in zip(results, before, strict=True)] == [1, 1, 1, 1]


async def test_answer_of_an_adapter_reaches_the_partner_to_the_byte(world):
    odd = WireResponse(status=299, headers=(("x-a", "1"), ("x-a", "2")), body=b"\x00\xff")
    read = world.partner.read_callback
    world.partner.read_callback = lambda request, context: replace(
        read(request, context), first=odd, again=odd
    )

    first = await world.call(key="k1", code="G22-1")
    again = await world.call(key="k1", code="G22-1")

    assert first == again == odd


def reading(world, **changes):
    plain = world.partner.read_callback
    world.partner.read_callback = lambda request, context: replace(plain(request, context), **changes)


async def test_files_of_a_call_are_kept_by_their_digest_before_it_is_answered(world):
    content = b"%PDF-1.4 mau"
    reading(world, files=(BroughtFile(content=content, media_type="application/pdf"),))
    for key in ("k-1", "k-1", "k-2"):
        assert (await world.call(key=key, code="H99.14-261123-0001")).status == 200

    assert world.rows("SELECT sha256, size, media_type, origin FROM file") == [
        (hashlib.sha256(content).digest(), len(content), "application/pdf", "reported")
    ]


async def test_files_that_cannot_be_kept_leave_the_call_unanswered_until_it_is_repeated(world):
    reading(world, files=(BroughtFile(content=b"a", media_type="application/pdf"),))
    with_failing(world, "keep_files")
    assert (await world.call(key="k-1", code="H99.14-261123-0001")).status == 503
    assert (await world.call(key="k-1", code="H99.14-261123-0001")).status == 200


async def test_what_comes_too_late_gets_the_contracts_own_answer_and_again_the_same(world):
    code = "H99.14-261123-0001"
    reading(world, ignored=answer("not awaited"))
    await world.local_version(code, 1, "processing")
    for _ in range(2):
        assert (await world.call(key="k-1", code=code, status="registered")).body == answer(
            "not awaited"
        ).body
    assert (await world.call(key="k-2", code=code, status="supplement_requested")).body == answer(
        "taken"
    ).body
