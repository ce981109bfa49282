"""``lienthong demo`` as ``make demo`` runs it: a portal process with faults, real HTTP, the whole province."""

from __future__ import annotations

import re
import time

import pytest

from gateway.cli.demo.ministry import MINISTRIES
from tests.e2e.cli import lienthong, running, until

# Alone on two cores it takes about twenty seconds; tests run side by side on whatever there is.
pytestmark = pytest.mark.timeout(400)


def test_a_province_reaches_the_portal_whatever_breaks(tmp_path):
    folder = tmp_path / "kept"
    real = {"LIENTHONG_DATABASE__URL": f"sqlite:///{tmp_path / 'real.db'}"}  # must stay untouched
    ran = lienthong("demo", "--json", "--seed", 20261122, "--keep", folder, patience=300, **real)
    told = ran.json
    assert ran.code == 0, ran.out
    assert not (tmp_path / "real.db").exists()
    assert told["holds"]
    verdict = {
        name: told["comparison"][name] for name in ("missing", "out_of_order", "duplicated", "different")
    }
    assert set(verdict.values()) == {0}
    assert told["comparison"]["compared"] + told["comparison"]["absent"] >= 520
    assert told["comparison"]["steps"] >= 4000
    assert told["left"] == told["imported"]["refused"] == 0
    assert told["imported"]["updated"] > 300
    assert sum(told["injected"].values()) > 20
    assert sum(told["figures"]["troubles"].values()) > 20
    assert told["figures"]["step_doubts"]["found"] > 0
    assert told["figures"]["dossier_doubts"]["open"] == told["figures"]["step_doubts"]["open"] == 0
    assert {"EARLY", "ON_TIME", "LATE", "OVERDUE"} <= set(told["classes"])
    money = told["payments"]
    wrong = ("difference", "settled_twice", "unpaid_shown_paid", "paid_shown_unpaid")
    assert {name: money[name] for name in wrong} == dict.fromkeys(wrong, 0)
    assert money["holds"]
    assert money["asked"] == 60
    assert money["paid"] >= 50
    assert money["amount_ours"] == money["amount_theirs"] > 0
    assert money["by_callback"] + money["by_question"] + money["by_people"] == money["paid"]
    assert min(money["by_callback"], money["by_question"], money["repeated"], money["refused"]) > 0
    assert money["receipts"] > 40
    assert [each["name"] for each in told["ministries"]] == sorted(MINISTRIES)
    for each in told["ministries"]:
        assert each["holds"], each
        assert each["asked"] == each["results"] == each["result_files"] == each["portal"] > 0
        assert each["supplemented"] > 0
        assert each["sent_files"] == each["attached"] >= each["asked"] + each["supplemented"]
        assert {each[name] for name in ("lost", "twice", "out_of_order")} == {0}
    config = folder / "lienthong.toml"
    assert lienthong("log", "verify", "-c", config).code == 0
    assert lienthong("status", "--json", "-c", config).json["destinations"][0]["backlog"] == {}


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    ran = lienthong("demo", "--keep", tmp_path)
    assert ran.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_it_ends_quickly_when_it_is_interrupted(tmp_path):
    folder = tmp_path / "kept"
    with running("demo", "--keep", folder, "--lang", "en", expect=None) as process:
        until(
            lambda: (
                (folder / "gateway.log").exists()
                and b"worker_started" in (folder / "gateway.log").read_bytes()
            )
        )
        asked = time.monotonic()
    assert time.monotonic() - asked < 30
    assert process.returncode != 0


def test_afterwards_it_serves(tmp_path):
    """What ``make serve`` does: the demo's data stays, with an API key and commands to try."""
    import httpx

    folder = tmp_path / "kept"
    arguments = ("demo", "--serve", "--faults", "calm", "--lang", "en", "--keep", folder)
    with running(*arguments, LIENTHONG_API__PORT="0") as process:
        shown = []
        for line in process.stdout:
            shown.append(line.decode())
            if "lienthong status" in shown[-1]:
                break
        text = "".join(shown)
        key, url = re.search(r"lt_\S+", text)[0], re.search(r"running: (\S+)", text)[1]
        answer = httpx.get(f"{url}/v1/status", headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == 200
        assert re.search(r"missing 0 +out of order 0 +duplicated 0 +different 0", text)
        assert "EQUAL TO THE ĐỒNG" in text
        assert "COMPLETE: no request is lost" in text
        payments = httpx.get(f"{url}/v1/payments?limit=1", headers={"authorization": f"Bearer {key}"})
        assert payments.json()["items"][0]["state"] in {"paid", "open"}
        assert httpx.get(f"{url}/v1/status").status_code == 401
        account, password = re.search(r"account (\S+)  password (\S+)", text).groups()
        with httpx.Client(base_url=url, follow_redirects=True) as browser:
            csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get("/console").text)[1]
            sent = {"csrf": csrf, "name": account, "password": password, "next": "/console"}
            page = browser.post("/console/sign-in", data=sent)
        assert (page.status_code, page.url.path) == (200, "/console")
        assert "Người xem thử" in page.text
