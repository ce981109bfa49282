"""``lienthong reconcile``: a pass, what it found, a dry run, an order, and a pass that finds nothing left."""

from __future__ import annotations

import json
from types import SimpleNamespace

import httpx
import pytest

from tests.e2e.cli import configuration, lienthong, sandbox, served, some_dossiers, until

# one gateway and one portal for all of them, one story after the other
pytestmark = [pytest.mark.xdist_group("cli_reconcile"), pytest.mark.timeout(300)]
LINES = 30
NOW = ("--rate", "0", "--param", "grace=0", "--param", "patience=20")
WHY = ("--reason", "the portal was restored from a backup")


class Story(SimpleNamespace):
    """A configuration and a portal; the gateway runs only while ``serving``."""

    def run(self, *arguments, **more):
        return lienthong(*arguments, "-c", self.config, **more)

    def reconcile(self, *arguments):
        return self.run("reconcile", *arguments)

    def tamper(self, code, **order):
        answer = httpx.post(f"{self.portal}/-/admin/tamper", json={"MaHoSo": code, **order})
        assert answer.status_code == 200, answer.text

    def kept(self):
        return httpx.get(f"{self.portal}/-/record").json()["dossiers"]

    def deliver(self):
        with served(self.config):
            until(lambda: not self.run("status", "--json").json["destinations"][0]["backlog"])

    def open(self):
        return self.reconcile("list", "--json").json


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reconcile")
    config = configuration(folder)
    (folder / "some.jsonl").write_bytes(some_dossiers(LINES))
    with sandbox(config) as announced:
        portal = announced["stands"]["national_portal"]
        configuration(folder, portal=portal)
        assert lienthong("import", folder / "some.jsonl", "-c", config).code == 0
        told = Story(config=config, portal=portal, folder=folder)
        told.deliver()
        yield told


@pytest.fixture
def code(story):
    """A finished dossier of the portal's with its end step, which nobody has tampered with."""
    for number, kept in story.kept().items():
        states = [each["TrangThai"] for each in kept["steps"]]
        if "9" in states and kept["fields"].get("TrangThaiHoSo") in {"9", "10"}:
            return number
    raise AssertionError("the examples hold no finished dossier")


def test_pass_over_everything_finds_both_sides_in_step(story):
    ran = story.reconcile("run", "--all", *NOW, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["summary"]["in_step"] == len(story.kept()) > 0
    assert ran.json["summary"]["found"] == {}
    assert story.reconcile("list").code == 0


def test_drift_is_found_explained_mended_and_gone(story, code):
    before = story.kept()[code]
    story.tamper(code, drop_steps=[{"TrangThai": "9"}], fields={"NgayHenTra": None})

    ran = story.reconcile("run", "--all", *NOW, "--json")
    assert ran.code == 1
    assert ran.json["answer"] == "no"
    assert set(ran.json["summary"]["found"]) == {"END_MISSING", "DUE_DIFFERS"}

    listed = story.reconcile("list", "--json")
    assert listed.code == 1
    assert {each["state"] for each in listed.json} == {"open"}
    assert all(each["explanation"].endswith(".") for each in listed.json)
    assert "Cổng Dịch vụ công quốc gia" in story.reconcile("list").out
    shown = story.reconcile("show", listed.json[0]["id"])
    assert shown.code == 0
    assert "mended by sending again" in shown.out

    dry = story.reconcile("apply", "--dossier", listed.json[0]["dossier"], "--dry-run", *WHY, "--json")
    assert dry.code == 0, dry.err
    (planned,) = dry.json["dossiers"]
    assert planned["outcome"] == "would_order"
    assert [json.loads(call["body"])["service"] for call in planned["requests"]] == [
        "DongBoHoSoMC",
        "CapNhatTienDoHoSoMC",
    ]
    assert {json.loads(call["body"])["session"] for call in planned["requests"]} == {"[redacted]"}
    told = story.reconcile("apply", "--dossier", listed.json[0]["dossier"], "--dry-run", *WHY).out
    assert "would be sent again, in this order" in told
    assert {each["state"] for each in story.open()} == {"open"}

    done = story.reconcile("apply", *(each["id"] for each in listed.json), *WHY, "--as", "an", "--json")
    assert done.code == 0, done.err
    assert done.json["dossiers"][0]["outcome"] == "ordered"
    assert {each["state"] for each in story.open()} == {"repairing"}
    assert {each["applied_by"] for each in story.open()} == {"cli:an"}

    story.deliver()
    ran = story.reconcile("run", *NOW, "--json")
    assert ran.code == 0, ran.err
    assert story.open() == []
    after = story.kept()[code]
    assert after["fields"]["NgayHenTra"] == before["fields"]["NgayHenTra"]
    assert len(after["steps"]) == len(before["steps"])


def test_dry_run_of_a_pass_tells_and_writes_nothing(story, code):
    lost = story.kept()[code]["steps"][-1]
    drop = {name: lost[name] for name in ("ThoiDiemXuLy", "TrangThai")}
    story.tamper(code, drop_steps=[drop])
    ran = story.reconcile("run", "--all", "--dry-run", *NOW, "--json")
    assert ran.code == 1
    assert len(ran.json["summary"]["examples"]) == 1
    assert story.open() == []
    story.tamper(code, add_steps=[lost])
    assert story.reconcile("run", "--all", *NOW).code == 0


def test_running_gateway_is_worked_through_its_api(story, code):
    key_file = story.folder / "ops.key"
    key_file.write_text(story.run("clients", "add", "ops", "--scope", "all").out)
    before = len(story.kept()[code]["steps"])
    with served(story.config) as url:
        api = ("--url", url, "--key-file", key_file)
        locked = story.reconcile("apply", "--dossier", code, *WHY)
        assert locked.code == 2
        assert "--url" in locked.err

        story.tamper(code, drop_steps=[{"TrangThai": "9"}])
        ran = story.reconcile("run", "--all", *NOW, *api, "--json")
        assert ran.code == 1, ran.err
        (found,) = story.open()

        dry = story.reconcile("apply", found["id"], "--dry-run", *WHY, *api, "--json")
        assert dry.json["dossiers"][0]["requests"], dry.err
        assert story.reconcile("apply", found["id"], *WHY, *api).code == 0
        until(lambda: len(story.kept()[code]["steps"]) == before)
        assert story.reconcile("run", *NOW, *api).code == 0
        assert story.open() == []

        story.tamper(code, fields={"GhiChu": "viết tay"})
        assert story.reconcile("run", "--all", *NOW, *api).code == 1
        (found,) = story.open()
        counted = story.reconcile("summary", "--json")
        assert (counted.code, [each["count"] for each in counted.json["items"]]) == (1, [1])
        assert story.reconcile("tolerate", found["id"], "--until", "2999-12-31", *WHY, *api).code == 0
        assert [each["state"] for each in story.open()] == ["tolerated"]
        assert story.reconcile("run", "--all", *NOW, *api).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("apply", *WHY), 2, "choose with"),
        (("apply", "4711", *WHY), 1, "there is no difference 4711"),
        (("apply", "4711"), 2, "--reason"),
        (("show", "4711"), 1, "there is no difference 4711"),
        (("tolerate", "4711", *WHY), 1, "there is no difference 4711"),
        (("tolerate", "4711", "--until", "tomorrow", *WHY), 2, "--until"),
        (("list", "--kind", "ODD"), 2, "MISSING_THERE"),
        (("list", "--state", "odd"), 2, "tolerated"),
        (("run", "--param", "odd=1"), 2, "odd"),
        (("run", "--destination", "nowhere"), 3, "there is no destination"),
    ],
)
def test_what_cannot_be_meant_is_said(story, arguments, code, says):
    ran = story.reconcile(*arguments)
    assert ran.code == code, ran.err
    assert says in ran.err + ran.out
