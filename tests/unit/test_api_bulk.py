"""Bulk import: lines in, lines out, whatever stands in them."""

import asyncio
import json

import pytest

from gateway.api import bulk
from gateway.api.bulk import Room
from gateway.api.lines import read_lines
from gateway.api.spool import IN_MEMORY_BYTES, Spool, SpoolFull
from gateway.domain.errors import StorageUnavailable
from tests.api_world import lines, open_world, record

NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        yield opened


async def send(world, content, headers=NDJSON):
    answer = await world.call("POST", "/v1/dossiers:import", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_every_line_gets_one_answer_in_its_order(world):
    answers = await send(world, lines(*(record(f"H99-{number}") for number in range(200))))

    assert [item["line"] for item in answers] == list(range(1, 201))
    assert [item["receipt"]["code"] for item in answers] == [f"H99-{number}" for number in range(200)]
    assert {item["status"] for item in answers} == {202}
    assert await world.count("dossier") == 200


async def test_bad_line_costs_its_neighbours_nothing(world):
    answers = await send(
        world,
        lines(
            record("H99-1"),
            b"{not json",
            record("H99-2", channel="pigeon", surprise=1),
            b"\xff\xfe",
            b"[]",
            record("H99-3"),
        ),
    )

    assert [item["status"] for item in answers] == [202, 400, 422, 400, 422, 202]
    assert {item["pointer"] for item in answers[2]["problem"]["violations"]} == {"/channel", "/surprise"}
    assert answers[2]["code"] == "H99-2"
    assert await world.count("dossier") == 2


async def test_versions_of_one_dossier_are_taken_in_the_order_of_their_lines(world):
    answers = await send(
        world, lines(*(record("H99-1", version, summary=f"v{version}") for version in range(1, 101)))
    )

    assert [item["receipt"]["result"] for item in answers] == ["created"] + ["updated"] * 99


async def test_same_import_again_changes_nothing(world):
    content = lines(*(record(f"H99-{number}") for number in range(5)))
    await send(world, content)

    again = await send(world, content)

    assert {(item["status"], item["receipt"]["result"]) for item in again} == {(200, "unchanged")}


async def test_stale_version_is_that_lines_conflict(world):
    answers = await send(world, lines(record(version=2), record(version=1), record(version=3, summary="x")))

    assert [item["status"] for item in answers] == [202, 409, 202]


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        (b"", []),
        (b"\n\n\n", []),
        (b"{}\n\n{}\n", [1, 3]),
        (b"{}\r\n{}\r\n", [1, 2]),
        (b"\xef\xbb\xbf{}", [1]),
        (b"  \t\n{}", [2]),
    ],
)
async def test_blank_lines_count_and_get_no_answer(world, content, numbers):
    assert [item["line"] for item in await send(world, content)] == numbers


async def test_line_that_is_too_long_is_skipped_and_the_rest_taken(sqlite_url):
    async with open_world(sqlite_url, max_line_bytes=5000) as world:
        content = lines(record("H99-1"), b" " * 5001 + b"{}", record("H99-2"), b"x" * 100_000)

        answers = await send(world, content)

    assert [item["status"] for item in answers] == [202, 413, 202, 413]


async def test_import_that_is_too_large_says_where_it_ended(sqlite_url):
    async with open_world(sqlite_url, max_import_bytes=2000) as world:

        async def body():
            for number in range(100):
                yield lines(record(f"H99-{number}")) + b"\n"

        answers = await send(world, body())
        taken = await world.count("dossier")

    assert [item["status"] for item in answers[:-1]] == [202] * taken
    assert answers[-1]["status"] == 413
    assert 0 < taken < 10


async def test_long_lists_of_violations_are_cut_and_counted(world):
    steps = [{"id": f"s{number}", "at": "yesterday", "status": "received"} for number in range(500)]

    [answer] = await send(world, lines(record(steps=steps)))

    assert len(answer["problem"]["violations"]) == bulk.VIOLATIONS_SHOWN
    assert answer["violations_left_out"] == 500 - bulk.VIOLATIONS_SHOWN


async def test_lost_database_is_told_line_by_line_and_the_rest_goes_on(world):
    real, calls = world.gateway.database.apply, []

    async def flaky(operation, item):
        calls.append(item)
        if len(calls) == 2:
            raise StorageUnavailable("gone")
        return await real(operation, item)

    world.gateway.database.apply = flaky
    answers = await send(world, lines(record("H99-1"), record("H99-2"), record("H99-3")))

    assert sorted(item["status"] for item in answers) == [202, 202, 503]
    [lost] = [item for item in answers if item["status"] == 503]
    assert lost["problem"]["type"] == "urn:lienthong:problem:unavailable"
    again = await send(world, lines(record("H99-1"), record("H99-2"), record("H99-3")))
    assert sorted(item["status"] for item in again) == [200, 200, 202]


async def test_defect_with_one_line_is_that_lines_answer(world):
    real = world.gateway.intake.accept

    async def broken(submission):
        if b"H99-2" in submission.body:
            raise KeyError("secret of the inside")
        return await real(submission)

    world.gateway.intake.accept = broken
    answers = await send(world, lines(record("H99-1"), record("H99-2"), record("H99-3")))

    assert [item["status"] for item in answers] == [202, 500, 202]
    assert "secret" not in str(answers)


async def test_no_more_than_agreed_is_under_way_at_once(world):
    under_way, most = 0, 0
    real = world.gateway.intake.accept

    async def counted(submission):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await real(submission)
        finally:
            under_way -= 1

    world.gateway.intake.accept = counted
    await send(world, lines(*(record(f"H99-{number}") for number in range(300))))

    assert 1 < most <= bulk.IN_FLIGHT + 2


async def test_answers_come_while_lines_are_still_being_sent(world):
    """A sender that waits for each answer before it sends the next line is not kept waiting."""
    received = asyncio.Queue()
    sent = asyncio.Queue()
    headers = [(b"authorization", f"Bearer {world.keys['all']}".encode())]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/dossiers:import",
        "raw_path": b"/v1/dossiers:import",
        "query_string": b"",
        "headers": [*headers, (b"content-type", b"application/x-ndjson")],
        "client": ("127.0.0.1", 1),
    }
    running = asyncio.create_task(world.app(scope, received.get, sent.put))
    assert (await sent.get())["status"] == 200

    for number in range(3):
        line = lines(record(f"H99-{number}")) + b"\n"
        received.put_nowait({"type": "http.request", "body": line, "more_body": True})
        answer = json.loads((await asyncio.wait_for(sent.get(), 5))["body"])
        assert (answer["line"], answer["status"]) == (number + 1, 202)

    received.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    await asyncio.wait_for(running, 5)


async def test_sender_that_goes_away_leaves_what_was_begun_durable(world):
    received = asyncio.Queue()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/dossiers:import",
        "raw_path": b"/v1/dossiers:import",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {world.keys['all']}".encode())],
        "client": ("127.0.0.1", 1),
    }

    async def send(message):
        return None

    content = lines(*(record(f"H99-{number}") for number in range(20))) + b"\n" + b'{"code": "H99-20", "ver'
    received.put_nowait({"type": "http.request", "body": content, "more_body": True})
    received.put_nowait({"type": "http.disconnect"})
    await asyncio.wait_for(world.app(scope, received.get, send), 10)

    assert await world.count("dossier") == 20
    assert world.api._kept == set()
    assert (await world.put("H99-99")).status_code == 202


async def collected(pieces, longest=1000):
    async def stream():
        for piece in pieces:
            yield piece

    return [(line.number, line.content) async for line in read_lines(stream(), longest)]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"ab\ncd\nef"],
        [b"a", b"b", b"\n", b"cd\ne", b"f"],
        [b"ab\n", b"cd\n", b"ef\n"],
        [b"", b"ab\ncd", b"", b"\nef", b"\n"],
    ],
)
async def test_lines_do_not_depend_on_how_the_stream_falls(pieces):
    assert await collected(pieces) == [(1, b"ab"), (2, b"cd"), (3, b"ef")]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"x" * 11 + b"\nok"],
        [b"x" * 6, b"x" * 6, b"x" * 6, b"\nok"],
        [b"x" * 10, b"x", b"\n", b"ok"],
    ],
)
async def test_too_long_line_is_reported_once_and_not_kept(pieces):
    assert await collected(pieces, longest=10) == [(1, None), (2, b"ok")]


async def test_last_line_may_be_too_long():
    assert await collected([b"ok\n", b"x" * 99], longest=10) == [(1, b"ok"), (2, None)]


async def test_line_of_exactly_the_limit_is_taken():
    assert await collected([b"x" * 10 + b"\n"], longest=10) == [(1, b"x" * 10)]


async def test_spool_gives_out_what_was_put_in_beyond_memory():
    with Spool(10 * IN_MEMORY_BYTES) as spool:
        parts = [bytes([number % 256]) * 300_000 for number in range(20)]
        for part in parts:
            spool.write(part)
        spool.finish()
        out = b"".join([piece async for piece in spool.pieces()])

    assert out == b"".join(parts)


async def test_spool_that_is_read_in_step_stays_empty():
    with Spool(1000) as spool:
        reading = spool.pieces()
        for number in range(100):
            spool.write(b"%d" % number * 100)
            assert await anext(reading) == b"%d" % number * 100
        spool.finish()
        with pytest.raises(StopAsyncIteration):
            await anext(reading)


async def test_spool_has_a_bound():
    with Spool(10) as spool:
        spool.write(b"x" * 10)
        with pytest.raises(SpoolFull):
            spool.write(b"x")


async def test_room_lets_in_what_fits_and_a_giant_alone():
    room = Room(10)
    await room.enter(6)
    waiting = asyncio.create_task(room.enter(6))
    giant = asyncio.create_task(room.enter(100))
    await asyncio.sleep(0)
    assert not waiting.done()

    room.leave(6)
    await waiting
    assert not giant.done()
    room.leave(6)
    await asyncio.wait_for(giant, 1)
