"""Calls from partners on real databases: one effect per key, whoever calls and whatever dies."""

import asyncio
import json
import signal
import subprocess
import sys
import textwrap
from collections import Counter

import pytest

from gateway.storage.database import Database
from tests.unit.inbound_world import World, answer


@pytest.fixture
def world(database):
    return World(database)


def effects(world):
    return {
        "events": len(world.rows("SELECT 1 FROM event")),
        "dossiers": len(world.rows("SELECT 1 FROM dossier")),
        "callbacks": len(world.rows("SELECT 1 FROM callback")),
    }


async def test_new_call_stores_dossier_events_answer_and_log_together(world):
    given = await world.call(key="k1", code="G22-1", kind="online_dossier", dossier={}, say="hello")

    assert given == answer("taken hello")
    assert world.rows("SELECT code, source, version, status FROM dossier") == [
        ("G22-1", "portal", 1, "registered")
    ]
    assert world.events() == [
        ("dossier.stored", {"version": 1, "source": "portal", "status": "registered"}),
        ("online_dossier", {"said": "hello"}),
    ]
    assert world.rows("SELECT destination, dossier_code FROM event") == [("portal", "G22-1")] * 2
    assert world.log() == [
        ("request", None, None, None),
        ("response", 200, "accepted", "online_dossier"),
    ]


async def test_portal_born_dossier_is_national(world):
    await world.call(key="k1", code="G22-1", dossier={})

    [(record,)] = world.rows("SELECT record FROM dossier")
    assert json.loads(bytes(record))["origin"] == "national"


async def test_repeated_call_gets_the_same_bytes_and_has_no_second_effect(world):
    await world.call(key="k1", code="G22-1", dossier={}, say="hello")
    before = effects(world)

    answers = [await world.call(key="k1", code="G22-1", dossier={}, say="hello") for _ in range(3)]

    assert answers == [answer("taken before")] * 3
    assert effects(world) == before
    assert world.rows("SELECT repeats FROM callback") == [(3,)]
    assert [row[2] for row in world.log()[3::2]] == ["repeated"] * 3


async def test_repetition_is_answered_with_what_was_decided_the_first_time(world):
    """A newer adapter may word its answers differently; the partner still gets the old bytes."""
    await world.call(key="k1", code="G22-1")
    world.partner.read_callback = rewording(world.partner.read_callback)

    assert await world.call(key="k1", code="G22-1") == answer("taken before")
    assert await world.call(key="k2", code="G22-1") == answer("new words")


def rewording(read):
    from msgspec.structs import replace

    return lambda request, context: replace(
        read(request, context), first=answer("new words"), again=answer("new words too")
    )


async def test_partner_with_one_answer_for_both_gets_it_again(world):
    world.partner.read_callback = one_answer(world.partner.read_callback)

    first, second = await world.call(key="k1", code="G22-1"), await world.call(key="k1", code="G22-1")

    assert first == second == answer("thank you", 202)


def one_answer(read):
    from msgspec.structs import replace

    thanks = answer("thank you", 202)
    return lambda request, context: replace(read(request, context), first=thanks, again=thanks)


async def test_reused_key_with_other_words_is_told_apart(world):
    await world.call(key="k1", code="G22-1", say="one")
    await world.call(key="k1", code="G22-1", say="two")

    assert world.log()[-1] == ("response", 200, "repeated_differently", "message_received")
    assert len(world.events()) == 1


async def test_same_key_of_another_destination_is_another_call(world):
    await world.call(key="k1", code="G22-1")
    other = World(world.database)
    other.callbacks._destinations = {"elsewhere": other.destination}
    from gateway.port import CallbackRequest

    request = CallbackRequest(method="POST", path="x", body=b'{"key":"k1","code":"G22-1"}')
    assert await other.callbacks.receive("elsewhere", request) == answer("taken")
    assert len(world.events()) == 2


async def test_twenty_equal_calls_at_once_have_one_effect(world):
    calls = [world.call(key="k1", code="G22-1", dossier={}, say="x") for _ in range(20)]

    answers = Counter(given.body for given in await asyncio.gather(*calls))

    assert answers == {answer("taken x").body: 1, answer("taken before").body: 19}
    assert effects(world) == {"events": 2, "dossiers": 1, "callbacks": 1}
    assert world.rows("SELECT repeats FROM callback") == [(19,)]


async def test_different_calls_about_one_new_dossier_at_once_store_it_once(world):
    calls = [world.call(key=f"k{n}", code="G22-1", dossier={}, say=str(n)) for n in range(12)]

    answers = {given.body for given in await asyncio.gather(*calls)}

    assert answers == {answer(f"taken {n}").body for n in range(12)}
    assert world.rows("SELECT code, version FROM dossier") == [("G22-1", 1)]
    assert Counter(kind for kind, _ in world.events()) == {"dossier.stored": 1, "message_received": 12}


async def test_corrected_filing_becomes_the_next_version_until_the_one_door_takes_over(world):
    await world.call(key="k1", code="G22-1", dossier={})
    await world.call(key="k2", code="G22-1", dossier={"summary": "Bổ sung giấy tờ"})
    assert world.rows("SELECT version FROM dossier") == [(2,)]

    await world.local_version("G22-1", 3, "supplement_requested")
    await world.call(key="k3", code="G22-1", dossier={"summary": "Bổ sung lần nữa"}, say="again")

    assert world.rows("SELECT version, source FROM dossier") == [(3, "one-door")]
    assert world.events()[-1] == ("message_received", {"said": "again"})


async def test_filing_that_says_nothing_new_makes_no_version(world):
    await world.call(key="k1", code="G22-1", dossier={})
    await world.call(key="k2", code="G22-1", dossier={})

    assert world.rows("SELECT version FROM dossier") == [(1,)]


async def test_late_report_moves_nothing_and_is_told(world):
    await world.local_version("G22-1", 7, "finished")

    given = await world.call(key="k1", code="G22-1", kind="status_changed", status="processing", say="slow")

    assert given == answer("taken slow")
    assert world.rows("SELECT acknowledged_status FROM lane") == [(None,)]
    assert world.events() == [
        (
            "report.ignored",
            {
                "kind": "status_changed",
                "reason": "backwards",
                "reported_status": "processing",
                "status": "finished",
                "version": 7,
                "report": {"said": "slow"},
            },
        )
    ]
    assert world.log()[-1][2:] == ("ignored", "status_changed")


async def test_report_that_moves_forward_is_kept_as_the_partner_s_state(world):
    await world.local_version("G22-1", 7, "processing")

    await world.call(key="k1", code="G22-1", status="supplement_requested")

    assert world.rows("SELECT acknowledged_status FROM lane") == [("supplement_requested",)]
    assert world.rows("SELECT status, version FROM dossier") == [("processing", 7)]


async def test_refused_filing_leaves_nothing_behind(world):
    """The number is taken at the partner by another dossier, so the filing cannot be stored; it may come again."""
    await world.local_version("H99-1", 1, "received")
    await world.database.write(
        lambda tx: tx._cursor.execute("UPDATE lane SET partner_code = 'G22-1' WHERE dossier_code = 'H99-1'")
    )
    before = effects(world)

    given = await world.call(key="k1", code="G22-1", dossier={})

    assert given.status == 500
    assert effects(world) == before
    assert world.log()[-1] == ("response", 500, "failed", "cannot_be_stored")

    await world.database.write(lambda tx: tx._cursor.execute("UPDATE lane SET partner_code = NULL"))
    assert await world.call(key="k1", code="G22-1", dossier={}) == answer("taken")
    assert effects(world)["callbacks"] == 1


async def test_one_refused_filing_does_not_spoil_its_neighbours(world):
    await world.local_version("H99-1", 1, "received")
    await world.database.write(
        lambda tx: tx._cursor.execute("UPDATE lane SET partner_code = 'G22-0' WHERE dossier_code = 'H99-1'")
    )

    calls = [world.call(key=f"k{n}", code=f"G22-{n}", dossier={}) for n in range(10)]

    assert [given.status for given in await asyncio.gather(*calls)] == [500] + [200] * 9
    assert len(world.rows("SELECT 1 FROM dossier")) == 10


@pytest.mark.parametrize("key", ["k" * 5000, "k\x00x", "\ud800k"])
async def test_odd_keys_are_told_apart_all_the_same(world, key):
    world.partner.read_callback = with_key(world.partner.read_callback, key)
    first = await world.call(key="", code="G22-1")
    again = await world.call(key="", code="G22-1")
    world.partner.read_callback = with_key(world.partner.read_callback, key + "!")
    other = await world.call(key="", code="G22-1")

    assert (first, again, other) == (answer("taken"), answer("taken before"), answer("taken"))


def with_key(read, key):
    from msgspec.structs import replace

    return lambda request, context: replace(read(request, context), key=key)


def python(source, *arguments):
    return [sys.executable, "-c", textwrap.dedent(source), *arguments]


MANY_AT_ONCE = """
    import asyncio, sys
    from gateway.storage.database import Database
    from tests.unit.inbound_world import World

    async def main(url):
        world = World(Database(url))
        print("ready", flush=True)
        sys.stdin.readline()
        calls = [world.call(key=f"k{n % 4}", code=f"G22-{n % 4}", dossier={}, say="x") for n in range(80)]
        answers = [given.body.decode() for given in await asyncio.gather(*calls)]
        print("\\n".join(answers), flush=True)
        world.database.close()

    asyncio.run(main(sys.argv[1]))
"""


def test_three_processes_with_twenty_equal_calls_each_have_one_effect(postgresql_url, pytestconfig):
    processes = [
        subprocess.Popen(
            python(MANY_AT_ONCE, postgresql_url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=pytestconfig.rootpath,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].splitlines() for process in processes]

    world = World(Database(postgresql_url))
    answers = Counter(json.loads(line)["message"] for lines in said for line in lines if line[:1] == "{")
    assert answers == {"taken x": 4, "taken before": 236}
    assert effects(world) == {"events": 8, "dossiers": 4, "callbacks": 4}
    assert world.rows("SELECT sum(repeats) FROM callback") == [(236,)]
    world.database.close()


DYING = """
    import asyncio, os, signal, sys
    from gateway.storage.database import Database
    from tests.unit.inbound_world import World

    async def main(url):
        world = World(Database(url))
        await world.call(key="k1", code="G22-1", dossier={}, say="x")
        os.kill(os.getpid(), signal.SIGKILL)  # committed, and nobody was answered

    asyncio.run(main(sys.argv[1]))
"""


async def test_answer_lost_in_a_crash_is_given_to_the_repetition(database_url, pytestconfig):
    process = await asyncio.create_subprocess_exec(
        *python(DYING, database_url), cwd=pytestconfig.rootpath, stdout=subprocess.DEVNULL
    )
    assert await process.wait() == -signal.SIGKILL

    world = World(Database(database_url))
    assert await world.call(key="k1", code="G22-1", dossier={}, say="x") == answer("taken before")
    assert effects(world) == {"events": 2, "dossiers": 1, "callbacks": 1}
    world.database.close()
