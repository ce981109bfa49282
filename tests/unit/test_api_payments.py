"""Payments over the API: asked for, found, asked about, given back and decided by two people."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest

from gateway.api.app import application, build_api
from gateway.api.paging import cursor_of
from gateway.domain.payment import MOST_VND
from gateway.storage.clients import NewClient, Scope, create_client
from tests.payment_gateway import AMOUNT, DOSSIER, NAME, PaymentWorld, payment_gateway
from tests.storage.payment_rows import Book

READ, WRITE, APPROVE = Scope.PAYMENTS_READ, Scope.PAYMENTS_WRITE, Scope.PAYMENTS_APPROVE
ASK = f"/v1/dossiers/{DOSSIER}/payments"
ITEM = {"kind": "fee", "name": "Phí sao lục", "amount": 20_000}


class Door:
    """The API of a world; every client is made with its scopes when it first calls."""

    def __init__(self, world: PaymentWorld) -> None:
        self.world = world
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(application(build_api(world.gateway))),
            base_url="http://gateway.example",
        )
        self._keys: dict[str, str] = {}

    async def call(
        self, method: str, path: str, *scopes: Scope, client: str = "ops", **options: Any
    ) -> httpx.Response:
        wanted = frozenset(scopes or Scope)
        name = "-".join([client, *sorted(scopes)]).replace(":", "-")
        if name not in self._keys:
            new = NewClient(id=name, name="x", scopes=wanted)
            issued = await self.world.gateway.database.write(
                lambda tx: create_client(tx, new, self.world.gateway.hub.clock())
            )
            self._keys[name] = issued.secret
        headers = {"authorization": f"Bearer {self._keys[name]}", **options.pop("headers", {})}
        return await self._http.request(method, path, headers=headers, **options)

    async def ask(self, **body: Any) -> httpx.Response:
        return await self.call("POST", ASK, json=body)

    async def paid(self) -> dict[str, Any]:
        """A payment that the payer has made and the platform was asked about."""
        made = (await self.ask()).json()
        await self.world.work()
        await self.world.press(made["attempts"][0]["reference"])
        answer = await self.call("POST", f"/v1/payments/{made['id']}/ask")
        assert answer.json()["answer"]["effect"] == "settled", answer.text
        return answer.json()["payment"]

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def door(sqlite_url):
    async with payment_gateway(sqlite_url) as world:
        await world.accept()
        opened = Door(world)
        yield opened
        await opened.close()


def places(answer: httpx.Response) -> list[str]:
    return [each["pointer"] for each in answer.json()["violations"]]


async def test_money_is_asked_for_once(door):
    made = await door.ask(operator="Chi.An")
    assert made.status_code == 201, made.text
    view = made.json()
    assert made.headers["location"] == f"/v1/payments/{view['id']}"
    assert (view["amount"], view["state"], view["created_by"]) == (AMOUNT, "open", "ops/chi.an")
    assert [each["amount"] for each in view["items"]] == [200_000, 50_000]
    assert [each["state"] for each in view["attempts"]] == ["created"]

    again = await door.ask(operator="binh")
    assert (again.status_code, again.json()["id"]) == (200, view["id"])
    other = await door.ask(items=[ITEM])
    assert other.status_code == 409
    assert "cancel that request first" in other.json()["detail"]
    second = await door.ask(purpose="copies", items=[ITEM])
    assert (second.status_code, second.json()["amount"]) == (201, 20_000)
    assert door.world.states() == ["created", "created"]


@pytest.mark.parametrize(
    "amount", ["250000", 250_000.5, 250_000.0, True, None, -1, MOST_VND + 1, 10**30, [1]]
)
async def test_money_is_an_integer_of_at_most_fifteen_digits(door, amount):
    answer = await door.ask(items=[ITEM, {**ITEM, "amount": amount}])
    assert answer.status_code == 422, answer.text
    assert places(answer) == ["/items/1/amount"]
    assert door.world.states() == []


async def test_sum_of_the_items_is_judged(door):
    for items in ([{**ITEM, "amount": 0}], [{**ITEM, "amount": MOST_VND}] * 2):
        answer = await door.ask(items=items)
        assert (answer.status_code, places(answer)) == (422, ["/items"])
    assert door.world.states() == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"items": []}, "/items"),
        ({"items": [{**ITEM, "name": ""}]}, "/items/0/name"),
        ({"items": [{**ITEM, "name": "a\u0000"}]}, "/items/0/name"),
        ({"items": [{**ITEM, "kind": "tip"}]}, "/items/0/kind"),
        ({"items": [{**ITEM, "currency": "USD"}]}, "/items/0/currency"),
        ({"purpose": "Fees!"}, "/purpose"),
        ({"operator": "a b"}, "/operator"),
        ({"payer": {"name": "Mẫu", "identity": "0 1"}}, "/payer/identity"),
        ({"paid": True}, "/paid"),
    ],
)
async def test_what_cannot_be_asked_for_is_told_with_its_place(door, body, pointer):
    answer = await door.ask(**body)
    assert (answer.status_code, places(answer)) == (422, [pointer])
    assert answer.headers["content-type"] == "application/problem+json"
    assert door.world.states() == []


async def test_unknown_dossiers_and_platforms_are_not_found(door):
    assert (await door.call("POST", "/v1/dossiers/H99-none/payments", json={})).status_code == 404
    assert (await door.ask(destination="elsewhere")).status_code == 404
    for path in ("/v1/payments/4711", "/v1/payments/4711/receipt"):
        assert (await door.call("GET", path)).status_code == 404
    assert (await door.call("POST", "/v1/payments/4711/ask")).status_code == 404


async def test_preview_shows_the_bytes_that_leave_and_writes_nothing(door):
    before = await door.call("POST", f"{ASK}/preview", json={})
    assert before.status_code == 200, before.text
    assert (before.json()["result"], before.json()["amount"]) == ("begun", AMOUNT)
    assert door.world.states() == []

    await door.ask()
    shown = (await door.call("POST", f"{ASK}/preview", json={})).json()
    assert shown["result"] == "going_on"
    await door.world.work()
    found = (await door.call("GET", "/v1/messages", params={"dossier": DOSSIER})).json()
    (sent,) = [each for each in found["items"] if (each["operation"], each["kind"]) == ("init", "request")]
    raw = await door.call(
        "GET",
        f"/v1/messages/{sent['id']}",
        params={"raw": "true", "reason": "the payer asks", "personal": "true"},
    )
    assert shown["request"]["body_text"] == raw.text
    assert json.loads(raw.text)["SoTien"] == str(AMOUNT)


async def test_who_pays_is_for_those_who_may_read_dossiers(door):
    made = (await door.ask()).json()
    assert made["payer"]["name"]
    hidden = await door.call("GET", f"/v1/payments/{made['id']}", READ)
    assert (hidden.status_code, hidden.json()["payer"]) == (200, None)
    preview = (await door.call("POST", f"{ASK}/preview", WRITE, json={})).json()
    assert (preview["order"], preview["request"]) == (None, None)
    assert "Nguy" not in json.dumps(preview)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", ASK, READ),
        ("GET", "/v1/payments", WRITE),
        ("GET", "/v1/payments/1", APPROVE),
        ("POST", "/v1/payments/1/ask", READ),
        ("POST", "/v1/refunds/1/approve", WRITE),
        ("POST", "/v1/payment-decisions/1/approve", WRITE),
        ("POST", "/v1/payments/1/refunds", APPROVE),
        ("GET", "/v1/payment-orphans", Scope.DOSSIERS_READ),
    ],
)
async def test_each_address_asks_for_its_scope(door, method, path, scope):
    answer = await door.call(method, path, scope, json={})
    assert answer.status_code == 403


async def test_repeated_request_with_a_key_gets_the_first_answer(door):
    key = {"idempotency-key": "7d0d5a8e"}
    first = await door.call("POST", ASK, json={"purpose": "copies", "items": [ITEM]}, headers=key)
    await door.world.work()
    again = await door.call("POST", ASK, json={"purpose": "copies", "items": [ITEM]}, headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    other = await door.call("POST", ASK, json={"purpose": "other", "items": [ITEM]}, headers=key)
    assert other.status_code == 409
    assert door.world.states() == ["redirected"]


async def test_payments_are_listed_in_pages_and_found_by_what_is_known(door):
    for number in range(5):
        await door.ask(purpose=f"p{number}", items=[ITEM])
        door.world.clock.move(seconds=1)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await door.call("GET", "/v1/payments", params=query)).json()
        seen += [each["purpose"] for each in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == ["p4", "p3", "p2", "p1", "p0"]
    reference = door.world.rows("SELECT reference FROM payment_attempt ORDER BY id LIMIT 1")[0][0]
    for wanted in ({"reference": reference}, {"to": "2026-09-28T14:30:16+07:00"}):
        found = (await door.call("GET", "/v1/payments", params=wanted)).json()["items"]
        assert [each["purpose"] for each in found] == ["p0"], wanted
    nothing = await door.call("GET", "/v1/payments", params={"state": "paid", "dossier": DOSSIER})
    assert nothing.json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"state": "lost"}, "/query/state"),
        ({"attempt": "open"}, "/query/attempt"),
        ({"from": "yesterday"}, "/query/from"),
        ({"amount": "0"}, "/query/amount"),
        ({"amount": "1.5"}, "/query/amount"),
        ({"sum": "1"}, "/query/sum"),
        ({"cursor": "AAAA"}, "/query/cursor"),
        ({"cursor": cursor_of("payments", (10**30, 1))}, "/query/cursor"),
        ({"cursor": cursor_of("payment-orphans", (1,))}, "/query/cursor"),
    ],
)
async def test_what_is_no_filter_is_told(door, query, pointer):
    answer = await door.call("GET", "/v1/payments", params=query)
    assert (answer.status_code, places(answer)) == (422, [pointer])


async def test_payments_are_found_by_their_amount_and_troubles_are_counted(door):
    view = await door.paid()
    for amount, count in ((view["amount"], 1), (view["amount"] + 1, 0)):
        found = (await door.call("GET", "/v1/payments", params={"amount": amount})).json()
        assert len(found["items"]) == count
    troubles = (await door.call("GET", "/v1/payment-troubles")).json()
    assert troubles["quarantined"] == 0
    assert (await door.call("GET", "/v1/payment-orphans/12345")).status_code == 404


async def test_asking_settles_what_was_paid_and_the_history_shows_it(door):
    view = await door.paid()
    assert (view["state"], view["settlement"]["source"]) == ("paid", "query")
    again = (await door.call("POST", f"/v1/payments/{view['id']}/ask")).json()
    assert again["payment"]["settlement"] == view["settlement"]
    history = (await door.call("GET", f"/v1/dossiers/{DOSSIER}/timeline", params={"limit": 500})).json()
    kinds = [each["kind"] for each in history["items"]]
    assert (kinds.count("payment"), kinds.count("settlement")) == (1, 1)
    assert kinds.index("payment") < kinds.index("settlement")
    told = [each["event"] for each in history["items"] if each["kind"] == "event"]
    assert "payment.settled" in told


async def test_receipt_is_given_as_it_was_kept(door, sqlite_url):
    view = await door.paid()
    address = f"/v1/payments/{view['id']}/receipt"
    missing = await door.call("GET", address)
    assert missing.status_code == 404
    assert "receipts says how far" in missing.json()["detail"]
    again = await door.call("POST", f"{address}/fetch", json={"reason": "đã sửa máy chủ"})
    assert (again.status_code, again.json()["state"]) == (200, "wanted"), again.text

    body = b"%PDF-1.7 receipt\x00\xff"
    digest = hashlib.sha256(body).digest()
    attempt = int(view["attempts"][0]["id"])
    book = Book(sqlite_url)
    book.put("receipt_file", {"sha256": digest, "size": len(body), "body": body, "at": 1})
    with book.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE receipt SET state = 'kept', sha256 = ? WHERE attempt_id = ?", (digest, attempt)
        )
    book.close()
    found = await door.call("GET", address)
    assert (found.status_code, found.content) == (200, body)
    assert found.headers["content-type"] == "application/pdf"
    assert found.headers["etag"] == f'"{digest.hex()}"'
    assert found.headers["content-disposition"].startswith("attachment")

    readers = (READ, Scope.PERSONAL_READ)
    assert (await door.call("GET", address, READ)).status_code == 403
    silent = await door.call("GET", address, *readers)
    assert (silent.status_code, places(silent)) == (422, ["/query/reason"])
    told = {"params": {"reason": "kiểm toán tháng 9"}, "headers": {"X-Operator": "le.thi.kiem"}}
    assert (await door.call("GET", address, *readers, **told)).content == body
    [note] = (await door.call("GET", "/v1/messages", params={"channel": "access"})).json()["items"]
    assert (note["operation"], note["dossier"]) == ("read_receipt", DOSSIER)
    entry = await door.call("GET", f"/v1/messages/{note['id']}", params={"reason": "ai đã đọc"})
    assert json.loads(entry.json()["body_text"])["actor"].endswith("/le.thi.kiem")


async def test_what_is_not_paid_has_no_receipt_to_fetch(door):
    made = (await door.ask()).json()
    answer = await door.call("POST", f"/v1/payments/{made['id']}/receipt/fetch", json={"reason": "thử"})
    assert answer.status_code == 409


async def test_own_refund_cannot_be_approved_by_whoever_could_be_the_same_person(door):
    view = await door.paid()
    order = {"amount": 50_000, "reason": "hồ sơ đã rút", "document": "UNC-147", "operator": "an"}
    asked = await door.call("POST", f"/v1/payments/{view['id']}/refunds", json=order)
    assert asked.status_code == 201, asked.text
    refund = asked.json()["refund"]
    same = await door.call("POST", f"/v1/payments/{view['id']}/refunds", json=order)
    assert (same.status_code, same.json()["refund"]) == (200, refund)
    waiting = (await door.call("GET", "/v1/refunds")).json()["items"]
    assert [(each["id"], each["requested_by"]) for each in waiting] == [(refund, "ops/an")]

    why = {"reason": "chứng từ đủ"}
    for client, operator in (("ops", "an"), ("ops", "AN"), ("ops", None), ("finance", "an")):
        body = why if operator is None else {**why, "operator": operator}
        own = await door.call("POST", f"/v1/refunds/{refund}/approve", json=body, client=client)
        assert own.status_code == 409, (client, operator)
        assert "ops/an" in own.json()["detail"]
    done = await door.call("POST", f"/v1/refunds/{refund}/approve", json={**why, "operator": "binh"})
    assert done.status_code == 200, done.text
    assert done.json()["state"] == "approved"
    after = (await door.call("GET", f"/v1/payments/{view['id']}")).json()
    assert (after["state"], after["refunded"]) == ("partly_refunded", 50_000)
    assert after["refunds"][0]["decided_by"] == "ops/binh"

    much = {**order, "amount": AMOUNT, "document": "UNC-148"}
    assert (await door.call("POST", f"/v1/payments/{view['id']}/refunds", json=much)).status_code == 409


async def test_declined_refund_counts_for_nothing(door):
    view = await door.paid()
    order = {"amount": AMOUNT, "reason": "hồ sơ đã rút", "document": "UNC-1"}
    refund = (await door.call("POST", f"/v1/payments/{view['id']}/refunds", json=order)).json()["refund"]
    no = {"reason": "sai tài khoản"}
    done = await door.call("POST", f"/v1/refunds/{refund}/decline", json=no, client="finance")
    assert done.json()["state"] == "declined", done.text
    after = (await door.call("GET", f"/v1/payments/{view['id']}")).json()
    assert (after["state"], after["refunded"]) == ("paid", 0)


@pytest.mark.parametrize("amount", [0, -5, 1.0, "50000", True, MOST_VND + 1])
async def test_refund_of_what_is_no_money_is_refused_at_its_place(door, amount):
    order = {"amount": amount, "reason": "hồ sơ đã rút", "document": "UNC-1"}
    answer = await door.call("POST", "/v1/payments/4711/refunds", json=order)
    assert (answer.status_code, places(answer)) == (422, ["/amount"])


async def test_money_that_does_not_fit_is_accepted_by_two_people(door):
    made = (await door.ask()).json()
    await door.world.work()
    reference, attempt = made["attempts"][0]["reference"], made["attempts"][0]["id"]
    await door.world.press(reference)
    await door.world.hear(reference, SoTien=1_000)
    quarantined = (await door.call("GET", "/v1/payments", params={"attempt": "quarantined"})).json()
    assert [each["id"] for each in quarantined["items"]] == [made["id"]]

    order = {"attempt": attempt, "kind": "accept", "document": "Sao kê 28/09", "reason": "đủ tiền"}
    asked = await door.call("POST", "/v1/payment-decisions", json={**order, "operator": "an"})
    assert asked.status_code == 201, asked.text
    decision = asked.json()["decision"]
    waiting = (await door.call("GET", "/v1/payment-decisions")).json()["items"]
    assert [each["id"] for each in waiting] == [decision]
    path = f"/v1/payment-decisions/{decision}/approve"
    own = await door.call("POST", path, json={"reason": "tự duyệt", "operator": "an"})
    assert own.status_code == 409
    assert "somebody else must decide" in own.json()["detail"]
    done = await door.call("POST", path, json={"reason": "đã đối chiếu", "operator": "binh"})
    assert (done.status_code, done.json()["effect"]) == (200, "settled"), done.text
    after = (await door.call("GET", f"/v1/payments/{made['id']}")).json()
    assert (after["state"], after["settlement"]["source"]) == ("paid", "operator")
    assert [each["state"] for each in after["decisions"]] == ["approved"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"attempt": "0"}, "/attempt"),
        ({"attempt": None}, "/attempt"),
        ({"attempt": None, "kind": "refund_orphan"}, "/orphan"),
        ({"attempt": "9" * 19}, "/attempt"),
        ({"orphan": "9" * 19, "kind": "adopt"}, "/orphan"),
        ({"kind": "pay"}, "/kind"),
        ({"amount": 1.5}, "/amount"),
        ({"document": " "}, "/document"),
        ({"claimed_at": "28/09/2026"}, "/claimed_at"),
    ],
)
async def test_proposal_that_cannot_be_meant_is_told_with_its_place(door, changes, pointer):
    order = {"attempt": "1", "kind": "settle", "document": "SK-1", "reason": "đủ tiền", **changes}
    answer = await door.call("POST", "/v1/payment-decisions", json=order)
    assert (answer.status_code, places(answer)) == (422, [pointer])


async def test_key_that_was_sent_for_another_person_is_another_request(door):
    def asked(person):
        headers = {"Idempotency-Key": "once", "X-Operator": person}
        return door.call("POST", ASK, json={}, headers=headers)

    first, again, other = await asked("an"), await asked("an"), await asked("binh")

    assert (first.status_code, first.json()["created_by"]) == (201, "ops/an")
    assert again.headers["idempotency-replayed"] == "true"
    assert other.status_code == 409


async def test_cancelling_is_refused_while_somebody_could_pay(door):
    made = (await door.ask()).json()
    await door.world.work()
    answer = await door.call("POST", f"/v1/payments/{made['id']}/cancel", json={"reason": "đã rút"})
    assert answer.status_code == 409
    assert made["attempts"][0]["reference"] in answer.json()["detail"]
    await door.world.press(made["attempts"][0]["reference"], "fail")
    await door.world.hear(made["attempts"][0]["reference"], MaLoi="99", MaGiaoDich="")
    done = await door.call("POST", f"/v1/payments/{made['id']}/cancel", json={"reason": "đã rút"})
    assert done.status_code == 200, done.text
    after = (await door.call("GET", f"/v1/payments/{made['id']}")).json()
    assert after["state"] == "cancelled"


async def test_money_for_nothing_that_was_asked_for_is_listed(door):
    made = (await door.ask()).json()
    await door.world.work()
    reference = made["attempts"][0]["reference"]
    await door.world.press(reference)
    await door.world.hear(reference, MaThamChieu="PGNOBODYKNOWS0000001")
    found = (await door.call("GET", "/v1/payment-orphans", params={"state": "open"})).json()
    (orphan,) = found["items"]
    assert (orphan["reference"], orphan["amount"], orphan["destination"]) == (
        "PGNOBODYKNOWS0000001",
        AMOUNT,
        NAME,
    )
    assert (await door.call("GET", "/v1/payment-orphans", params={"state": "matched"})).json()["items"] == []

    order = {"kind": "refund_orphan", "orphan": orphan["id"], "document": "UNC-9", "reason": "không rõ hồ sơ"}
    asked = await door.call("POST", "/v1/payment-decisions", json={**order, "operator": "an"})
    assert asked.status_code == 201, asked.text
    assert (asked.json()["payment"], asked.json()["orphan"]) == (None, orphan["id"])
    (waiting,) = (await door.call("GET", "/v1/payment-decisions")).json()["items"]
    assert (waiting["amount"], waiting["attempt"]) == (AMOUNT, None)
    path = f"/v1/payment-decisions/{asked.json()['decision']}/approve"
    own = await door.call("POST", path, json={"reason": "tự duyệt", "operator": "AN"})
    assert own.status_code == 409
    done = await door.call("POST", path, json={"reason": "đã đối chiếu", "operator": "binh"})
    assert (done.status_code, done.json()["effect"]) == (200, "refunded"), done.text
    assert (await door.call("GET", "/v1/payment-orphans", params={"state": "open"})).json()["items"] == []
    (back,) = (await door.call("GET", "/v1/payment-orphans", params={"state": "refunded"})).json()["items"]
    assert back["refunded_at"] is not None
