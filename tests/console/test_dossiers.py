"""Dossiers in the console: found, told whole, with the answer on top; persons only for a reason; evidence in a few clicks."""

import re

import pytest

from gateway.proof import lienthong_verify as verifier
from tests.api_world import BOARD, open_world
from tests.console_world import ConsoleClient, text_of

CANARY, NUMBER = "Nguyễn Thị Canary", "099300000007"
PERSON = {"kind": "citizen", "name": CANARY, "identities": [{"kind": "personal_id", "number": NUMBER}]}
NASTY = "<script>alert(1)</script>\" ' \u202e đảo"
ONE = "/console/dossiers/H99-1"
LATE = {
    "status": "returned",
    "received_at": "2026-09-01T08:00:00+07:00",
    "due_at": "2026-09-03T17:00:00+07:00",
    "finished_at": "2026-09-08T10:00:00+07:00",
    "returned_at": "2026-09-08T11:00:00+07:00",
}


@pytest.fixture
async def world(database_url, tmp_path):
    async with open_world(database_url, keys=tmp_path / "keys") as opened:
        await opened.put(applicant=PERSON)
        await opened.put("H99-2", applicant=PERSON)
        await opened.put("H98-1", applicant=PERSON)
        await opened.gateway.evidence.checkpointer.make()
        yield opened


async def judge(world):
    """The assessor's round, as the worker makes it."""
    from gateway.statussync.assessor import Assessor

    await Assessor(world.gateway.deadlines, owner=lambda: 0).run_once()


def console(world, role="auditor", language="vi"):
    return ConsoleClient(world.api, role, language=language)


async def logged(world):
    found = await world.call("GET", "/v1/messages?channel=access")
    return [each["operation"] for each in found.json()["items"]]


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_list_shows_dossiers_and_no_person(world, language):
    answer = await console(world, language=language).get("/console/dossiers")

    assert answer.status_code == 200
    assert text_of(answer).count("H99-") == 2
    assert CANARY not in answer.text


async def test_beginning_of_a_number_finds_its_dossiers_and_a_whole_one_opens_it(world):
    some = await console(world).get("/console/dossiers?search=H99")
    whole = await console(world).get("/console/dossiers?search=%20H99-1%20")
    none = await console(world).get("/console/dossiers?search=h99")

    assert "H99-1" in some.text
    assert "H98-1" not in some.text
    assert (whole.status_code, whole.headers["location"]) == (303, ONE)
    assert "Không có gì ở đây" in text_of(none)


async def test_pages_of_a_list_hang_together(world):
    for number in range(3, 60):
        await world.put(f"H99-{number:03}")
    first = await console(world).get("/console/dossiers?search=H99")
    address = re.search(r'href="([^"]+)" rel="next"', first.text)[1].replace("&amp;", "&")
    second = await console(world).get(address)

    seen = re.findall(r'class="code" href="/console/dossiers/([^"]+)"', first.text + second.text)
    assert len(seen) == len(set(seen)) == 59


@pytest.mark.parametrize("search", [NASTY, "%", "_", "H99%", "\\"])
async def test_hostile_search_is_escaped_and_finds_nothing(world, search):
    answer = await console(world).http.get("/console/dossiers", params={"search": search})

    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "H99-1" not in answer.text


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_dossier_is_told_with_its_people_masked(world, language):
    answer = await console(world, language=language).get(ONE)

    assert answer.status_code == 200, text_of(answer)
    assert "UBND phường Ví Dụ" in text_of(answer)
    assert CANARY not in answer.text
    assert NUMBER not in answer.text
    assert "•••" in answer.text
    assert answer.text.count("<h1>") == 1
    assert 'class="told"' not in answer.text
    assert await logged(world) == []


async def test_people_are_shown_for_a_reason_that_is_logged(world):
    short = await console(world).post(ONE)
    shown = await console(world).post(ONE, reason="công dân hỏi")

    assert short.status_code == 422
    assert CANARY in shown.text
    assert NUMBER in shown.text
    assert await logged(world) == ["read_record"]


async def test_answer_stands_on_top_with_what_it_rests_on(world):
    await world.put("H99-9", **LATE)
    await judge(world)
    answer = await console(world).get("/console/dossiers/H99-9")

    told = text_of(answer)
    assert 'class="notice verdict bad"' in answer.text
    assert "Quá hạn" in told
    assert "Quy tắc đã áp dụng" in told
    assert "03/09/2026 17:00" in told


async def test_dossier_that_was_not_judged_says_what_to_do(world):
    assert "Chưa đánh giá được" in text_of(await console(world).get(ONE))


async def test_story_has_versions_deliveries_and_what_people_did(world):
    held = f"/v1/lanes/{BOARD}/H99-1/hold"
    await world.call("POST", held, json={"reason": NASTY})
    answer = await console(world).get(ONE)

    told = text_of(answer)
    for words in ("Hệ thống một cửa gửi phiên bản", "Lập lệnh gửi", "giữ luồng", "đang bị giữ"):
        assert words in told
    assert "<script>alert" not in answer.text


async def test_unknown_dossier_is_not_found_in_vietnamese(world):
    answer = await console(world).get("/console/dossiers/H99-404")

    assert answer.status_code == 404
    assert "Không có trang hoặc mục này" in text_of(answer)


@pytest.mark.parametrize("path", ["/console/dossiers", ONE, "/console/evidence"])
async def test_administrator_has_no_business_with_dossiers(world, path):
    assert (await console(world, "administrator").get(path)).status_code == 403


async def test_auditor_proves_a_dossier_in_five_clicks(world):
    auditor = console(world)
    found = await auditor.get("/console/dossiers?search=H99-1")  # 1: the search field
    page = await auditor.get(found.headers["location"])
    assert 'action="/console/dossiers/H99-1/evidence"' in page.text
    made = await auditor.post(f"{ONE}/evidence", reason="đơn khiếu nại số 12")  # 2: the button
    assert made.status_code == 200, text_of(made)
    assert "ĐÚNG: mọi phép kiểm tra đều đạt" in text_of(made)
    address = re.search(r'href="(/console/evidence/files/[0-9a-f]{32})"', made.text)[1]
    file = await auditor.get(address)  # 3: the file
    keys = await auditor.get("/console/evidence/keys")  # 4: the keys

    assert file.headers["content-type"] == verifier.MIME_TYPE
    assert "H99-1.asice" in file.headers["content-disposition"]
    report = verifier.verify_bundle(file.content, verifier.read_trust(keys.content))
    assert report.holds, report
    assert NUMBER.encode() in file.content
    assert await logged(world) == ["export_evidence"]


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_evidence_page_exports_without_people_and_says_so(world, language):
    auditor = console(world, language=language)
    page = await auditor.get("/console/evidence?dossier=H99-1")
    made = await auditor.post("/console/evidence", dossier="H99-1", reason="kiểm toán", redact=["personal"])
    file = await auditor.get(re.search(r'href="(/console/evidence/files/[0-9a-f]{32})"', made.text)[1])

    assert 'value="H99-1"' in page.text
    assert made.status_code == 200, text_of(made)
    assert CANARY.encode() not in file.content


async def test_file_is_for_whoever_exported_it(world):
    made = await console(world).post(f"{ONE}/evidence", reason="đơn số 12")
    address = re.search(r'href="(/console/evidence/files/[0-9a-f]{32})"', made.text)[1]
    other = ConsoleClient(world.api, "auditor", "nguoi.khac")

    assert (await other.get(address)).status_code == 404
    assert (await other.get("/console/evidence/files/nothing")).status_code == 404


async def test_export_without_a_reason_or_of_nothing_is_refused(world):
    assert (await console(world).post(f"{ONE}/evidence", reason="")).status_code == 422
    assert (
        await console(world).post("/console/evidence", dossier="H99-404", reason="vì thế")
    ).status_code == 404
    assert (await console(world).post("/console/evidence", dossier=NASTY, reason="vì thế")).status_code == 422
    assert await logged(world) == []


async def test_partner_is_asked_by_a_run_that_is_linked(world):
    asked = await console(world, "operator").post(f"{ONE}/ask", destination=BOARD)
    refused = await console(world).post(f"{ONE}/ask", destination=BOARD)

    assert asked.status_code == 303, text_of(asked)
    assert asked.headers["location"].startswith("/console/runs/")
    assert refused.status_code == 403


async def test_erasure_is_shown_first_and_refused_while_something_is_on_its_way(world):
    operator = console(world, "operator")
    plan = await operator.get(f"{ONE}/erasure")
    refused = await operator.post(f"{ONE}/erasure", reason="đơn của công dân")

    assert "lệnh gửi chưa xong" in text_of(plan)
    assert "Xóa vĩnh viễn" not in text_of(plan)
    assert refused.status_code == 409
    assert (await console(world).post(f"{ONE}/erasure", reason="đơn của công dân")).status_code == 403
    assert CANARY in (await console(world).post(ONE, reason="còn đó không")).text
