"""The message log in the console: searched, an entry read for a reason, proven, and the whole of it verified."""

import asyncio
import re

import pytest

from gateway.console.words import catalogue
from gateway.messagelog.content import Missing
from gateway.messagelog.faults import Kind
from gateway.storage.sql import Statement
from tests.api_world import BOARD, open_world
from tests.console_world import ConsoleClient, text_of

CANARY, NUMBER = "Nguyễn Thị Canary", "099300000007"
PERSON = {"kind": "citizen", "name": CANARY, "identities": [{"kind": "personal_id", "number": NUMBER}]}
NASTY = "<script>alert(1)</script>\" ' \u202e"


@pytest.fixture
async def world(database_url, tmp_path):
    async with open_world(database_url, keys=tmp_path / "keys") as opened:
        await opened.put(applicant=PERSON, note=NASTY)
        await opened.put("H99-2")
        await opened.gateway.evidence.checkpointer.make()
        yield opened


@pytest.fixture
async def entry(world):
    found = (await world.call("GET", "/v1/messages?dossier=H99-1")).json()["items"]
    return found[-1]["id"]


def console(world, role="auditor", language="vi"):
    return ConsoleClient(world.api, role, language=language)


async def logged(world):
    found = await world.call("GET", "/v1/messages?channel=access")
    return [each["operation"] for each in found.json()["items"]]


async def verify(world, **fields):
    """Order a verification as a page does, and let this process carry it out."""
    ordered = await console(world).post("/console/log/state", **fields)
    assert ordered.status_code == 303, text_of(ordered)
    [run] = (await world.call("GET", "/v1/jobs/log-verification/runs?limit=1")).json()["items"]
    async with asyncio.timeout(60):
        while run["state"] not in {"done", "failed", "stopped"}:
            await asyncio.sleep(0.1)
            run = (await world.call("GET", f"/v1/log/verifications/{run['id']}")).json()
    return run["summary"]


@pytest.fixture
async def working(world):
    """The same, with its worker at work."""
    task = asyncio.create_task(world.gateway.worker.run())
    yield world
    world.gateway.worker.stop()
    await task


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_search_finds_entries_and_shows_no_person(world, language):
    auditor = console(world, language=language)
    everything = await auditor.get("/console/log")
    one = await auditor.get(
        "/console/log?dossier=H99-2&channel=api&operation=dossier&direction=in&outcome=&from=&to="
    )

    assert everything.status_code == 200, text_of(everything)
    assert {"H99-1", "H99-2"} <= set(re.findall(r"dossiers/(H99-\d)", everything.text))
    assert set(re.findall(r"dossiers/(H99-\d)", one.text)) == {"H99-2"}
    assert CANARY not in everything.text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("channel=nobody", 0),
        ("operation=dossier", 2),
        ("operation=nothing", 0),
        ("outcome=rejected", 0),
        ("from=2100-01-01", 0),
        ("to=2100-01-01", 2),
        ("exchange=9999999999999999999", 0),
        ("attempt=1", 0),
    ],
)
async def test_each_filter_is_applied(world, query, count):
    answer = await console(world).get(f"/console/log?{query}")

    assert answer.status_code == 200, text_of(answer)
    assert len(re.findall(r'<td><a href="/console/log/\d+"', answer.text)) == count


@pytest.mark.parametrize(
    "query", ["from=yesterday", "direction=sideways", "exchange=x", "surprise=1", "cursor=x"]
)
async def test_filter_that_is_wrong_is_told(world, query):
    assert (await console(world).get(f"/console/log?{query}")).status_code == 422


async def test_hostile_filter_is_escaped(world):
    answer = await console(world).http.get("/console/log", params={"operation": NASTY, "dossier": ""})

    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


async def test_entry_is_shown_without_its_body_and_proven(world, entry):
    answer = await console(world).get(f"/console/log/{entry}")

    told = text_of(answer)
    assert answer.status_code == 200, told
    assert "có bằng chứng" in told
    assert "Là mục thứ 1 trong điểm kiểm tra" in told
    assert CANARY not in answer.text
    assert await logged(world) == []


async def test_entry_that_no_checkpoint_covers_says_so(world):
    await world.put("H99-3")
    [found] = (await world.call("GET", "/v1/messages?dossier=H99-3")).json()["items"]
    answer = await console(world).get(f"/console/log/{found['id']}")

    assert "Chưa có điểm kiểm tra nào bao gồm mục này" in text_of(answer)


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_body_is_shown_decoded_beside_raw_for_a_reason_that_is_logged(world, entry, language):
    auditor = console(world, language=language)
    assert (await auditor.post(f"/console/log/{entry}", reason="")).status_code == 422
    masked = await auditor.post(f"/console/log/{entry}", reason="đơn số 12")

    assert masked.status_code == 200, text_of(masked)
    assert "•••" in masked.text
    assert CANARY not in masked.text
    whole = await auditor.post(f"/console/log/{entry}", reason="đơn số 12", personal="true")
    assert text_of(whole).count(CANARY) == 2
    assert "<script>alert" not in whole.text
    assert await logged(world) == ["read_body", "read_body"]


async def test_unknown_entry_is_not_found(world):
    assert (await console(world).get("/console/log/12")).status_code == 404
    assert (await console(world).get("/console/log/x")).status_code == 404


@pytest.mark.parametrize("path", ["/console/log", "/console/log/1"])
async def test_administrator_reads_no_messages(world, path):
    assert (await console(world, "administrator").get(path)).status_code == 403


async def test_neighbours_of_an_exchange_are_listed(world):
    await world.call("POST", f"/v1/lanes/{BOARD}/H99-1/hold", json={"reason": NASTY})
    [action] = (await world.call("GET", "/v1/messages?channel=operator")).json()["items"]
    found = await world.call("GET", f"/v1/messages?exchange={action['id']}")

    assert [each["id"] for each in found.json()["items"]] == [action["id"]]
    shown = await console(world).post(f"/console/log/{action['id']}", reason="xem thao tác")
    assert "<script>alert" not in shown.text


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_state_is_shown_before_anything_was_verified(world, language):
    answer = await console(world, language=language).get("/console/log/state")

    assert answer.status_code == 200, text_of(answer)
    assert 'hx-get="/console/log/state"' in answer.text


async def test_auditor_verifies_the_whole_log_and_later_only_what_is_new(working):
    world = working
    first = await verify(world)
    answer = await console(world).get("/console/log/state")
    assert (first["verified"], first["begun"], first["faults"]) == (True, 0, [])
    assert "ĐÚNG: không thấy gì sai" in text_of(answer)

    await world.put("H99-3")
    second = await verify(world)
    assert (second["verified"], second["begun"]) == (True, first["proven"])
    assert second["last"] > first["last"]
    whole = await verify(world, scope="all")
    assert (whole["verified"], whole["begun"]) == (True, 0)


async def test_verification_names_what_is_wrong_and_what_to_do(working, entry):
    world = working
    edit = Statement("UPDATE message SET operation = :nasty WHERE id = :id")
    await world.gateway.database.write(lambda tx: tx.run(edit, {"id": int(entry), "nasty": NASTY}))
    found = await verify(world, scope="all")

    assert (found["answer"], found["faults"][0]["kind"]) == ("no", "header")
    answer = await console(world).get("/console/log/state")
    told = text_of(answer)
    assert "KHÔNG ĐÚNG" in told
    assert "Đầu mục bị sửa" in told
    assert "<script>alert" not in answer.text


async def test_run_of_another_job_is_no_verification(world):
    run = (await world.call("POST", "/v1/jobs/tidy/runs", json={})).json()

    assert (await world.call("GET", f"/v1/log/verifications/{run['id']}")).status_code == 404


def test_every_fault_and_every_missing_body_has_its_words():
    known = catalogue()

    assert not [kind for kind in Kind for word in ("fault", "todo") if f"log.{word}_{kind}" not in known]
    assert not [why for why in Missing if f"log.missing_{why}" not in known]
