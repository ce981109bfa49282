"""Every action of the API with what has to stand before it, each in a world of its own. For tests of what it leaves behind.

The tables at the end are total: a route that changes something has its act, or a reason why it leaves no history.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.api.app import application, build_api
from gateway.bootstrap import Gateway
from gateway.domain.delivery import DeliveryState
from gateway.domain.errors import ApprovalRequired
from gateway.settings import ApprovalSettings
from gateway.storage import upkeep
from gateway.storage.account_grants import give_roles
from gateway.storage.account_orders import AddAccount, SetRoles, manage_account
from gateway.storage.accounts import NewAccount
from gateway.storage.clients import NewClient, Scope, create_client
from gateway.storage.schema import operator_action
from gateway.storage.scopes import Role
from gateway.storage.sessions import Opening, open_session
from gateway.storage.sql import Statement
from gateway.storage.tables import metadata
from tests.api_world import open_world
from tests.drift_world import dossier, drift_world
from tests.payment_books_world import NAME, open_books
from tests.payment_gateway import DOSSIER, payment_gateway
from tests.storage.province import Province

S = DeliveryState
NAMED = {"X-Operator": "Tran.Thi.Mau"}
ACTOR = "desk/tran.thi.mau"
WHY = {"reason": "the board has repaired its street list"}
DONE = {
    "status": "returned",
    "summary": "not for the board",
    "finished_at": "2026-09-29T10:00:00+07:00",
    "returned_at": "2026-09-29T11:00:00+07:00",
}
NAMES = (
    ("approval", "requested_by"),
    ("approval", "decided_by"),
    ("delivery_edit", "actor"),
    ("job_run", "actor"),
    ("payment_decision", "requested_by"),
    ("payment_decision", "decided_by"),
    ("payment_request", "created_by"),
    ("refund", "requested_by"),
    ("refund", "approved_by"),
    ("refund", "declined_by"),
    ("retry_run", "actor"),
    ("settlement_file", "by"),
)
"""Columns that say who did something, beside the history itself."""


class Scene:
    """A gateway with its API. ``call``: as the client alone; ``act``: in the name of a person."""

    def __init__(self, gateway: Gateway, world: Any, folder: Path) -> None:
        self.gateway, self.world, self.folder = gateway, world, folder
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(application(build_api(gateway))), base_url="http://gateway.example"
        )
        self._key = ""
        self.before: set[tuple[str, str, str]] = set()  # the history as it was when somebody acted

    async def open(self) -> None:
        new = NewClient(id="desk", name="desk", scopes=frozenset(Scope))
        now = self.gateway.hub.clock()
        self._key = (await self.gateway.database.write(lambda tx: create_client(tx, new, now))).secret

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """What is answered, as JSON; it has to succeed."""
        answer = await self._send(method, path, {}, body, options)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def act(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        self.before = await self.history()
        return await self._send(method, path, NAMED, body, options)

    async def _send(
        self, method: str, path: str, named: dict[str, str], body: Any, options: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._key}", **named}
        if body is not None:
            options["json"] = body
        return await self._http.request(method, path, headers=headers, **options)

    async def history(self) -> set[tuple[str, str, str]]:
        """Everything that says who did something: kind, row, actor."""
        found = await self.gateway.database.read(_history)
        for each in (await self.call("GET", "/v1/messages?channel=access&limit=100"))["items"]:
            path = f"/v1/messages/{each['id']}?personal=true&reason=who+was+it"
            note = json.loads((await self.call("GET", path))["body_text"])
            found.add(("access", str(each["id"]), note["actor"]))
        return found

    async def close(self) -> None:
        await self._http.aclose()

    # What acts begin with

    async def delivery(self, state: DeliveryState, code: str = "H99-1") -> int:
        await self.world.put(code)
        province = Province(self.gateway.database)
        claimed = await province.claim("board", lanes=100)
        [lane] = [each for each in claimed if each.dossier == code]
        start = await province.send(lane)
        await province.settle(lane, start, state)
        return start.deliveries[0]

    async def waiting(self) -> str:
        """A skip that waits for a second person."""
        path = f"/v1/deliveries/{await self.delivery(S.PARKED)}/skip"
        return str((await self._send("POST", path, {"X-Operator": "an"}, WHY, {})).json()["approval"])

    async def grant(self) -> str:
        """Roles that wait for a second person."""
        await self.account()
        now, roles = self.gateway.hub.clock(), frozenset({Role.OPERATOR})
        order = SetRoles(actor="console/an", reason="phân công", now=now, account="mau", roles=roles)
        with pytest.raises(ApprovalRequired) as waits:
            await self.gateway.database.write(lambda tx: give_roles(tx, order, frozenset()))
        return waits.value.approval

    async def account(self, **changes: Any) -> str:
        new = NewAccount(
            name="mau",
            display_name="Mẫu",
            roles=frozenset({Role.AUDITOR}),
            password_hash="$argon2id$none",
            must_change=True,
        )
        order = AddAccount(actor="cli:an", reason="", now=self.gateway.hub.clock(), new=new)
        await self.gateway.database.write(lambda tx: manage_account(tx, order))
        if changes:
            table = metadata.tables["account"]
            statement = table.update().values(**changes)
            engine = sa.create_engine(self.gateway.settings.database.url)
            with engine.begin() as connection:
                connection.execute(statement)
            engine.dispose()
        return "/v1/accounts/mau"

    async def retry_run(self) -> str:
        await self.delivery(S.REJECTED)
        cause = {"destination": "board", "state": "rejected", "operation": "card", "code": "tested"}
        order = {"causes": [cause], "dry_run": False, "per_minute": 60, **WHY}
        return str((await self.call("POST", "/v1/retry-runs", order))["items"][0]["plan"]["run"])

    async def webhook(self) -> str:
        made = await self.call("POST", "/v1/webhooks", {"url": "https://motcua.h99.example/hook"})
        return f"/v1/webhooks/{made['endpoint']['id']}"

    async def client(self) -> str:
        await self.call("POST", "/v1/clients", {"id": "one-door", "scopes": ["dossiers:read"]})
        return "/v1/clients/one-door"

    async def payment(self, *, paid: bool) -> str:
        made = await self.call("POST", f"/v1/dossiers/{DOSSIER}/payments", {})
        await self.world.work()
        reference = made["attempts"][0]["reference"]
        if paid:
            await self.world.press(reference)
            await self.call("POST", f"/v1/payments/{made['id']}/ask")
        else:
            await self.world.press(reference, "fail")
            await self.world.hear(reference, MaLoi="99", MaGiaoDich="")
        return f"/v1/payments/{made['id']}"

    async def refund(self) -> str:
        order = {"amount": 50_000, "document": "UNC-1", **WHY, "operator": "an"}
        made = await self.call("POST", f"{await self.payment(paid=True)}/refunds", order)
        return f"/v1/refunds/{made['refund']}"

    async def proposal(self) -> dict[str, Any]:
        """What could be proposed about money that does not fit."""
        made = await self.call("POST", f"/v1/dossiers/{DOSSIER}/payments", {})
        await self.world.work()
        reference, attempt = made["attempts"][0]["reference"], made["attempts"][0]["id"]
        await self.world.press(reference)
        await self.world.hear(reference, SoTien=1_000)
        return {"attempt": attempt, "kind": "accept", "document": "Sao kê 28/09", **WHY}

    async def decision(self) -> str:
        order = {**await self.proposal(), "operator": "an"}
        made = await self.call("POST", "/v1/payment-decisions", order)
        return f"/v1/payment-decisions/{made['decision']}"

    async def drift(self) -> int:
        [found] = (await self.call("GET", "/v1/drift"))["items"]
        return int(found["id"])

    def file(self) -> bytes:
        self.world.foreign_payment("PGFOREIGN0001", 77_000)
        self.world.lose()
        return self.world.settlement_file(self.folder).read_bytes()


def _history(connection: sa.Connection) -> set[tuple[str, str, str]]:
    found = {
        ("action", str(row.id), str(row.actor)) for row in connection.execute(sa.select(operator_action))
    }
    for table, column in NAMES:
        rows = connection.execute(metadata.tables[table].select()).mappings()
        found |= {(f"{table}.{column}", str(row["id"]), row[column]) for row in rows if row[column]}
    return found


Act = Callable[[Scene], Awaitable[httpx.Response]]


def post(path: str, body: Any = None) -> Act:
    """An act that needs nothing before it."""

    async def act(scene: Scene) -> httpx.Response:
        return await scene.act("POST", path, WHY if body is None else body)

    return act


def on_delivery(state: DeliveryState, verb: str, **body: Any) -> Act:
    async def act(scene: Scene) -> httpx.Response:
        return await scene.act(
            "POST", f"/v1/deliveries/{await scene.delivery(state)}/{verb}", {**WHY, **body}
        )

    return act


def after(setup: Callable[[Scene], Awaitable[str]], verb: str, prefix: str = "", **body: Any) -> Act:
    """An act on what ``setup`` has made."""

    async def act(scene: Scene) -> httpx.Response:
        return await scene.act("POST", f"{prefix}{await setup(scene)}/{verb}", {**WHY, **body})

    return act


def on_payment(verb: str, *, paid: bool, **body: Any) -> Act:
    async def act(scene: Scene) -> httpx.Response:
        return await scene.act("POST", f"{await scene.payment(paid=paid)}/{verb}", {**WHY, **body})

    return act


async def put_on_hold(scene: Scene) -> str:
    await scene.world.put()
    return "/v1/lanes/board/H99-1"


async def held(scene: Scene) -> str:
    await scene.call("POST", f"{await put_on_hold(scene)}/hold", WHY)
    return "/v1/lanes/board/H99-1"


async def paused_run(scene: Scene) -> str:
    run = await scene.retry_run()
    await scene.call("POST", f"/v1/retry-runs/{run}/pause", WHY)
    return run


async def paused(scene: Scene) -> str:
    await scene.call("POST", "/v1/destinations/board/pause", WHY)
    return "/v1/destinations/board"


async def erase(scene: Scene) -> httpx.Response:
    await scene.world.put(**DONE)
    while (await scene.gateway.database.write(upkeep.seal)).messages:
        continue
    await scene.gateway.database.write(_read_by_everybody)
    return await scene.act("POST", "/v1/dossiers/H99-1/erasure", WHY)


def _read_by_everybody(tx: Any) -> None:
    tx.run(Statement("DELETE FROM event"), {})


async def edit(scene: Scene) -> httpx.Response:
    path = f"/v1/deliveries/{await scene.delivery(S.REJECTED)}/edit"
    wish = {"changes": [{"pointer": "/summary", "value": "Khác"}], **WHY}
    shown = (await scene.call("POST", path, wish))["shown"]
    return await scene.act("POST", path, {**wish, "shown": shown, "dry_run": False})


async def retry_run(scene: Scene) -> httpx.Response:
    delivery = str(await scene.delivery(S.REJECTED))
    return await scene.act("POST", "/v1/retry-runs", {"deliveries": [delivery], "dry_run": False, **WHY})


async def retry_many(scene: Scene) -> httpx.Response:
    await scene.delivery(S.REJECTED)
    order = {"destination": "board", "state": "rejected", "dry_run": False, **WHY}
    return await scene.act("POST", "/v1/deliveries:retry", order)


async def schedule(scene: Scene) -> httpx.Response:
    return await scene.act("PUT", "/v1/jobs/tidy/schedule", {"cron": "*/5 * * * *", **WHY})


async def queued_run(scene: Scene) -> str:
    return f"/v1/runs/{(await scene.call('POST', '/v1/jobs/tidy/runs', {}))['id']}"


async def delete_webhook(scene: Scene) -> httpx.Response:
    return await scene.act("DELETE", await scene.webhook())


async def evidence(scene: Scene) -> httpx.Response:
    await scene.world.put()
    await scene.gateway.evidence.checkpointer.make()
    return await scene.act("POST", "/v1/evidence/exports", {"dossier": "H99-1", **WHY})


async def locked_account(scene: Scene) -> str:
    return await scene.account(failures=9, locked_until=2**52)


async def disabled_account(scene: Scene) -> str:
    return await scene.account(disabled_at=1)


async def one_session(scene: Scene) -> httpx.Response:
    path, now = await scene.account(), scene.gateway.hub.clock()
    opening = Opening(account="mau", now=now, lifetime=timedelta(hours=1), peer="127.0.0.1", agent="")
    await scene.gateway.database.write(lambda tx: open_session(tx, opening))
    [session] = (await scene.call("GET", f"{path}/sessions"))["items"]
    return await scene.act("POST", f"{path}/sessions/{session['id']}/revoke", WHY)


async def repair(scene: Scene) -> httpx.Response:
    order = {"ids": [str(await scene.drift())], "dry_run": False, **WHY}
    return await scene.act("POST", "/v1/drift/apply", order)


async def tolerate(scene: Scene) -> httpx.Response:
    return await scene.act("POST", f"/v1/drift/{await scene.drift()}/tolerate", WHY)


async def propose(scene: Scene) -> httpx.Response:
    return await scene.act("POST", "/v1/payment-decisions", await scene.proposal())


async def hand_in(scene: Scene) -> httpx.Response:
    query = {"date": "2026-09-28", "destination": NAME, "name": "a.csv"}
    content = scene.file()
    return await scene.act("POST", "/v1/payment-reconciliations/files", params=query, content=content)


async def open_item(scene: Scene) -> str:
    query = {"date": "2026-09-28", "destination": NAME, "name": "a.csv"}
    await scene.call("POST", "/v1/payment-reconciliations/files", params=query, content=scene.file())
    await scene.world.reconcile()
    path = "/v1/payment-reconciliations/items"
    [item] = (await scene.call("GET", f"{path}?state=open&kind=orphan"))["items"]
    return f"{path}/{item['id']}"


BOARD: dict[str, Act] = {
    "approve": after(Scene.waiting, "approve", "/v1/approvals/"),
    "decline": after(Scene.waiting, "decline", "/v1/approvals/"),
    "approve_grant": after(Scene.grant, "approve", "/v1/grants/"),
    "decline_grant": after(Scene.grant, "decline", "/v1/grants/"),
    "erase_dossier": erase,
    "retry_deliveries": retry_many,
    "retry_delivery": on_delivery(S.REJECTED, "retry"),
    "skip_delivery": on_delivery(S.PARKED, "skip"),
    "resolve_delivery": on_delivery(S.IN_DOUBT, "resolve", verdict="delivered"),
    "ask_partner": on_delivery(S.IN_DOUBT, "ask"),
    "edit_delivery": edit,
    "hold_lane": after(put_on_hold, "hold"),
    "release_lane": after(held, "release"),
    "start_retry_run": retry_run,
    "pause_retry_run": after(Scene.retry_run, "pause", "/v1/retry-runs/"),
    "resume_retry_run": after(paused_run, "resume", "/v1/retry-runs/"),
    "stop_retry_run": after(Scene.retry_run, "stop", "/v1/retry-runs/"),
    "pause_destination": post("/v1/destinations/board/pause"),
    "resume_destination": after(paused, "resume"),
    "test_destination": post("/v1/destinations/board/test"),
    "start_run": post("/v1/jobs/tidy/runs", {}),
    "set_schedule": schedule,
    "stop_run": after(queued_run, "stop"),
    "verify_log": post("/v1/log/verifications", {"scope": "new"}),
    "export_evidence": evidence,
    "create_webhook": post("/v1/webhooks", {"url": "https://motcua.h99.example/hook"}),
    "delete_webhook": delete_webhook,
    "enable_webhook": after(Scene.webhook, "enable"),
    "rotate_webhook": after(Scene.webhook, "rotate"),
    "test_webhook": after(Scene.webhook, "test"),
    "create_client": post("/v1/clients", {"id": "one-door", "scopes": ["dossiers:read"]}),
    "rotate_client": after(Scene.client, "rotate"),
    "disable_client": after(Scene.client, "disable"),
    "create_account": post("/v1/accounts", {"name": "mau", "roles": ["auditor"]}),
    "set_account_roles": after(Scene.account, "roles", roles=["submitter"]),
    "set_account_password": after(Scene.account, "password"),
    "unlock_account": after(locked_account, "unlock"),
    "disable_account": after(Scene.account, "disable"),
    "enable_account": after(disabled_account, "enable"),
    "revoke_account_sessions": after(Scene.account, "revoke"),
    "revoke_account_session": one_session,
}
MONEY: dict[str, Act] = {
    "create_payment": post(f"/v1/dossiers/{DOSSIER}/payments", {}),
    "cancel_payment": on_payment("cancel", paid=False),
    "fetch_receipt": on_payment("receipt/fetch", paid=True),
    "request_refund": on_payment("refunds", paid=True, amount=50_000, document="UNC-1"),
    "approve_refund": after(Scene.refund, "approve"),
    "decline_refund": after(Scene.refund, "decline"),
    "propose_decision": propose,
    "approve_decision": after(Scene.decision, "approve"),
    "decline_decision": after(Scene.decision, "decline"),
}
BOOKS: dict[str, Act] = {
    "start_payment_reconciliation": post("/v1/payment-reconciliations", {"date": "2026-09-28"}),
    "hand_in_settlement_file": hand_in,
    "resolve_payment_item": after(open_item, "resolve"),
}
DRIFT: dict[str, Act] = {"apply_repairs": repair, "tolerate_drift": tolerate}
NO_HISTORY = {
    "put_dossier": "what the one-door system sends is an entry of the message log, of its client",
    "import_dossiers": "the same, many at once",
    "refresh_catalogue": "fetches what a schedule fetches anyway; the question is in the message log",
    "preview_payment": "writes nothing",
    "ask_payment": "asks what the sweep asks anyway; the question is in the message log",
    "verify_evidence": "judges a file that is sent along, and keeps nothing",
    "add_cosignature": "a witness signs with its own key; nobody's word is needed",
}
BY_WHO_ASKED = {"approve": "desk/an", "approve_grant": "console/an"}
"""What was approved is done at once, in the name of whoever asked for it."""
NEEDS_TWO = {
    "approve": ["delivery.skip"],
    "decline": ["delivery.skip"],
    "approve_grant": ["account.grant"],
    "decline_grant": ["account.grant"],
}


@asynccontextmanager
async def scene_of(name: str, url: str, folder: Path) -> AsyncIterator[Scene]:
    if name in BOARD:
        approvals = ApprovalSettings(required=NEEDS_TWO.get(name, []))
        opened: Any = open_world(url, keys=folder / "keys", approvals=approvals)
    elif name in MONEY:
        opened = payment_gateway(url)
    else:
        opened = open_books(url) if name in BOOKS else drift_world(url)
    async with opened as world:
        if name in DRIFT:
            await world.accept(dossier(7))
            await world.deliver()
            await world.look()
            world.tamper(7, drop_steps=[{"TrangThai": "9"}])
            await world.look(scope="all")
        if name in MONEY:
            await world.accept()
        scene = Scene(world.gateway, world, folder)
        await scene.open()
        yield scene
        await scene.close()


ACTS = {**BOARD, **MONEY, **BOOKS, **DRIFT}
