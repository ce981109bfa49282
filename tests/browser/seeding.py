"""What stands in the house when its pages are looked at: invented dossiers, payments, faults and decisions of every kind.

Invariant: ``addresses`` has an address for every page of the console's table, of something that is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from gateway.console.page import Page
from gateway.console.table import PAGES
from gateway.delivery.backlog import BacklogWatch
from gateway.payments.reconcile import NAME as JOB
from gateway.storage.drift import Findings, Found, RepairPart, RepairPlan, record_findings
from gateway.storage.instants import to_micros
from gateway.storage.oversight import Action
from gateway.storage.webhooks import WebhookRow, add_webhook
from tests.browser.house import PLATFORM, PORTAL, House
from tests.console_door_world import PASSWORD
from tests.payment_books_world import DAY
from tests.payment_gateway import Context

_WORD = re.compile(r'name="csrf" value="([^"]+)"')
CODE = "H99.14-260928-{:04}"
LATE, REFUSED, DOUBTED, HELD = (CODE.format(number) for number in (7, 11, 15, 16))
DOWNLOADS = frozenset(
    {
        "/console/evidence/keys",
        "/console/evidence/files/{export}",
        "/console/actions/file",
        "/console/reports/{what}/file",
    }
)
PEOPLE = {"kind": "citizen", "name": "Nguyễn Văn Thí Dụ"}
NAMES = ("Trích lục khai sinh", "Đăng ký kết hôn", "Xác nhận tình trạng hôn nhân", "Đăng ký tạm trú")
_DAY = 86_400_000_000
MARCH = "?from=2026-09-01&to=2026-09-30"


@dataclass(slots=True)
class Seeded:
    """What was made: identifiers by the name that a path gives them, and for single pages where names mean more."""

    named: dict[str, str]
    of_page: dict[str, str]

    def address(self, page: Page) -> str:
        """Where ``page`` is looked at. KeyError for a page that nobody has thought of."""
        if page.path in self.of_page:
            return self.of_page[page.path]
        return re.sub(r"\{(\w+)\}", lambda part: self.named[part[1]], page.path)

    def addresses(self) -> dict[str, str]:
        """Path of the table to address, of all pages."""
        return {page.path: self.address(page) for page in PAGES}


def seed(house: House) -> Seeded:
    """Fill the house; its worker is at work afterwards."""
    named = _payments(house)
    house.start_worker()
    _dossiers(house)
    named |= _doubts_and_lanes(house)
    named |= _retries(house)
    named |= _oversight(house)
    named["run"] = _job(house)
    named |= {"drift": _drift(house, int(named["run"])), "destination": PORTAL, "dossier": HELD, "code": LATE}
    named |= {"account": "tran.thi.mau", "job": "catalogues", "kind": "overdue"}
    named |= {"export": _export(house), "what": "06a"}
    _trend(house)
    _programs(house)
    return Seeded(named, _single(named))


def _single(named: dict[str, str]) -> dict[str, str]:
    cause = f"destination={PORTAL}&state=rejected&operation=card&code=E101"
    return {
        "/console/failures/deliveries": f"/console/failures/deliveries?{cause}",
        "/console/failures/runs/{run}": f"/console/failures/runs/{named['retry_run']}",
        "/console/deliveries/{delivery}/resolve": f"/console/deliveries/{named['doubt']}/resolve",
        "/console/payments/reconciliation": f"/console/payments/reconciliation?from={DAY}&to={DAY}",
        "/console/payments/reconciliation/runs/{run}": f"/console/payments/reconciliation/runs/{named['payment_run']}",
        "/console/payments/{payment}": f"/console/payments/{named['payment']}",
        "/console/reports/06a": f"/console/reports/06a{MARCH}",
        "/console/reports/766": f"/console/reports/766{MARCH}",
        "/console/reports/06a/dossiers": f"/console/reports/06a/dossiers{MARCH}&column=10",
        "/console/reports/{what}/file": f"/console/reports/06a/file{MARCH}&format=xlsx",
        "/console/reports/{kind}": f"/console/reports/overdue{MARCH}",
    }


def _payments(house: House) -> dict[str, str]:
    """One paid with its receipt; one that only the platform knows as paid; one not paid; money without a dossier."""
    books = house.books

    async def make() -> None:
        paid = await books.ask_for(1)
        books.press(paid, "pay", "bill_pdf")
        await books.hear()
        await house.world.gateway.payments.receipts.run(Context())
        books.foreign_payment("PGFOREIGN0001", 77_000)
        books.lose()
        await books.hand_in(books.settlement_file(house.folder))
        await books.reconcile(apply="yes")
        lost = await books.ask_for(2, 120_000)
        books.press(lost)
        books.lose()
        await books.ask_for(3, 90_000)
        await books.reconcile()

    house.run(make())
    return {
        "payment": str(house.one("SELECT MIN(id) FROM payment_request")),
        "item": str(house.one("SELECT MAX(id) FROM reconciliation WHERE kind = 'paid_there_not_here'")),
        "orphan": str(house.one("SELECT MIN(id) FROM payment_orphan")),
        "payment_run": str(house.one("SELECT MAX(id) FROM job_run WHERE job = :job", job=JOB)),
    }


_UNDECIDED = (
    "FROM delivery WHERE state = 'in_doubt' AND operation = 'line'"  # the partner cannot be asked about it
)


def _dossiers(house: House) -> None:
    """Thirty dossiers of September: most are well, some late, three causes of refusal, one without an answer."""
    refused = {
        CODE.format(11): "E101",
        CODE.format(12): "E101",
        CODE.format(13): "E202",
        CODE.format(14): "E303",
    }
    house.portal.judge = lambda code: "lost" if code == DOUBTED else refused.get(code, "")
    for number in range(1, 31):
        house.put(CODE.format(number), **_course(number))
    house.wait_until(lambda: house.one("SELECT COUNT(*) FROM delivery WHERE state = 'rejected'") == 4)
    house.wait_until(lambda: house.one(f"SELECT COUNT(*) {_UNDECIDED}") == 1)
    house.wait_until(lambda: house.one("SELECT COUNT(*) FROM dossier_version WHERE assessed = 0") == 0)


def _course(number: int) -> dict[str, Any]:
    day = 1 + number % 20
    fields: dict[str, Any] = {
        "applicant": PEOPLE,
        "summary": NAMES[number % 4],
        "agency": {"code": f"H99.{14 + number % 3}", "name": f"UBND phường Ví Dụ {1 + number % 3}"},
        "received_at": f"2026-09-{day:02}T08:05:00+07:00",
        "due_at": f"2026-09-{day + 4:02}T17:00:00+07:00",
        "steps": [{"id": "s1", "at": f"2026-09-{day:02}T08:05:00+07:00", "status": "received"}],
    }
    if number % 5 != 1:
        ended = day + (7 if number % 7 == 0 else 2)
        fields |= {
            "status": "returned",
            "finished_at": f"2026-09-{ended:02}T10:00:00+07:00",
            "returned_at": f"2026-09-{ended:02}T11:00:00+07:00",
        }
    return fields


def _doubts_and_lanes(house: House) -> dict[str, str]:
    doubt = house.one(f"SELECT id {_UNDECIDED}")
    rejected = house.one("SELECT MIN(id) FROM delivery WHERE state = 'rejected'")
    house.call("POST", f"/v1/lanes/{PORTAL}/{HELD}/hold", json={"reason": "Công dân khiếu nại, chờ kết luận"})
    house.put(HELD, version=2, summary="Đăng ký tạm trú, bổ sung giấy tờ")
    return {"doubt": str(doubt), "delivery": str(rejected)}


def _retries(house: House) -> dict[str, str]:
    order = {
        "reason": "Đã bổ sung danh mục thủ tục",
        "causes": [{"destination": PORTAL, "state": "rejected", "code": "E303"}],
        "dry_run": False,
    }
    house.call("POST", "/v1/retry-runs", json=order)
    house.wait_until(lambda: house.one("SELECT COUNT(*) FROM retry_run WHERE ended_at IS NULL") == 0)
    return {"retry_run": str(house.one("SELECT MAX(id) FROM retry_run"))}


def _oversight(house: House) -> dict[str, str]:
    """Something waits for a second person; evidence was made; the message log can be read."""
    skipped = house.one("SELECT MAX(id) FROM delivery WHERE state = 'rejected'")
    house.call("POST", f"/v1/deliveries/{skipped}/skip", json={"reason": "Đã giao bản giấy cho công dân"})
    house.run(house.world.gateway.evidence.checkpointer.make())
    return {
        "approval": str(house.one("SELECT MAX(id) FROM approval")),
        "message": str(house.one("SELECT MIN(id) FROM message WHERE dossier_code = :code", code=LATE)),
    }


def _export(house: House) -> str:
    """Evidence that an operator has asked for: it is kept for whoever did."""
    with httpx.Client(base_url=house.address, follow_redirects=False) as browser:
        word = _WORD.findall(browser.get("/console/sign-in").text)[-1]
        entry = {"csrf": word, "name": "tran.thi.mau", "password": PASSWORD, "next": "/console"}
        browser.post("/console/sign-in", data=entry)
        word = _WORD.findall(browser.get("/console/me").text)[-1]
        asked = {"csrf": word, "reason": "Thanh tra yêu cầu", "redact": ["personal"]}
        made = browser.post(f"/console/dossiers/{LATE}/evidence", data=asked)
        found = re.search(r"/console/evidence/files/(\w+)", made.text + made.headers.get("location", ""))
        assert found, made.text
        return found[1]


def _drift(house: House, run: int) -> str:
    plan = RepairPlan(deliveries=[RepairPart(delivery="", operation="card", key="v1")])
    found = (
        Found(kind="STATUS_DIFFERS", field="/status", ours="returned", theirs="received", repair=plan),
        Found(
            kind="DUE_DIFFERS", field="/due_at", ours="2026-09-12T17:00:00+07:00", theirs=None, repair=None
        ),
    )
    item = Findings(run=run, destination=PORTAL, dossier=LATE, now=to_micros(house.books.now), found=found)
    house.run(house.world.gateway.database.apply(record_findings, item))
    return str(house.one("SELECT MIN(id) FROM drift"))


def _job(house: House) -> str:
    run = house.call("POST", "/v1/jobs/catalogues/runs", json={})
    house.wait_until(lambda: house.call("GET", f"/v1/runs/{run['id']}")["state"] in {"done", "failed"})
    return str(run["id"])


def _programs(house: House) -> None:
    """Who calls the API, one of them no more; where events go, an address that was given up."""
    house.call(
        "POST", "/v1/clients", json={"id": "mot-cua", "name": "Phần mềm một cửa", "roles": ["submitter"]}
    )
    house.call(
        "POST",
        "/v1/clients",
        json={"id": "bao-cao", "scopes": ["metrics:read", "webhooks:manage"], "rate": 5},
    )
    house.call("POST", "/v1/clients/bao-cao/disable", json={"reason": "Hợp đồng đã kết thúc"})
    now = to_micros(house.books.now)
    row = WebhookRow(
        id="wh_5c1f00d2a4b6",
        url="https://motcua.h99.example/hooks/lienthong?token=mat-khau",
        secret="whsec_bm90IGEgc2VjcmV0IG9mIGFueWJvZHk=",
        kinds='["delivery.rejected", "lane.held"]',
        position=0,
        created_at=now - 9 * _DAY,
        failing_since=now - 6 * _DAY,
        last_failure="the endpoint answered HTTP 503",
        disabled_at=now - _DAY,
    )
    action = Action(
        actor="mot-cua", verb="webhook.create", target=row.id, reason="", now=house.books.now, detail={}
    )
    house.run(house.world.gateway.database.write(lambda tx: add_webhook(tx, row, action)))


def _trend(house: House) -> None:
    """Backlogs of the last hours, as somebody would have looked at them."""
    gateway = house.world.gateway
    now = gateway.hub.clock()

    async def look() -> None:
        for step in range(24):
            at = now - timedelta(minutes=10 * (24 - step))
            await BacklogWatch(gateway.database, [PORTAL, PLATFORM], lambda at=at: at).look()

    house.run(look())
