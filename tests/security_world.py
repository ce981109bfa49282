"""A gateway as a process on a loopback socket, whose every door was fed with hostile text, and people who sign in to it.

Invariant: what stands in ``SECRETS`` and ``PERSONS`` went in where such a thing goes in, so that its coming out is a leak.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx

from gateway.domain.outcome import Accepted, InDoubt, Rejected
from tests.api_world import Board, record
from tests.storage.payment_rows import T0, Book

HOSTILE = "=1+1\"'><script>alert(1)</script><b data-canary onclick=alert(1)>\u202e</b>{{7*7}}"
FIRST = "cau dau tien chi dung mot lan"
PASSWORD = "mot cau dai kho doan 12"
ROLES = ("submitter", "operator", "auditor", "administrator")
SECRETS = {
    "password": PASSWORD,
    "webhook_key": base64.b64encode(b"canary-webhook-key-0123456789abc").decode(),
    "partner_session": "session-of-the-board",
    "partner_password": "open-sesame",
    "database": "canary-database",
}
PERSONS = {"identity": "099000000019", "phone": "0900000019", "mail": "chim.yen@example.invalid"}
CSRF = re.compile(r'name="csrf" value="([^"]+)"')

PROGRAM = """
    import sys
    import msgspec
    from gateway.api.server import run, serve
    from gateway.bootstrap import open_gateway
    from gateway.console.app import faces
    from gateway.port import Secret
    from gateway.accounts.passwords import passwords
    from gateway.settings import ApprovalSettings, WebhookSettings
    from gateway.storage.account_orders import AddAccount, manage_account
    from gateway.storage.accounts import NewAccount
    from gateway.storage.scopes import Role
    from gateway.telemetry import configure_logging
    from tests.api_world import BOARD, World, settings
    from tests.security_world import FIRST, HOSTILE, HostileBoard, HostilePartner, SECRETS

    async def main():
        configure_logging("info", "json")
        chosen = msgspec.structs.replace(
            settings(sys.argv[1], ApprovalSettings()),
            webhooks=WebhookSettings(keys=[Secret(SECRETS["webhook_key"])]),
        )
        partner = HostilePartner()
        gateway = await open_gateway(chosen, transports={BOARD: partner}, extra={BOARD: HostileBoard()})
        world = World(gateway, partner)
        administrator = NewAccount(
            name="mau.administrator",
            display_name=HOSTILE,
            roles=frozenset({Role.ADMINISTRATOR}),
            password_hash=passwords().hash_now(FIRST),
            must_change=True,
        )
        order = AddAccount(actor="cli:mau", reason="", now=gateway.hub.clock(), new=administrator)
        await gateway.database.write(lambda tx: manage_account(tx, order))
        print(await world.add_client("all"), flush=True)
        await serve(gateway, started=lambda address: print(address, flush=True), faces=faces)
        await world.close()

    run(main())
"""


OWN_TURNS = {
    "delivery": {"attempts", "doubts", "due_at"},
    "webhook": {"failures", "failing_since", "next_at", "lease_owner", "last_failure"},
}
"""Columns by table that the gateway writes while it asks and tries again, whoever looks."""


class HostilePartner(httpx.AsyncBaseTransport):
    """Answers with whatever could break a page."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(await _read(request))
        headers = {"content-type": "text/html", "x-odd": "<script>alert(2)</script>", "set-cookie": "a=b"}
        return httpx.Response(200, headers=headers, content=HOSTILE.encode())


async def _read(request: httpx.Request) -> httpx.Request:
    await request.aread()
    return request


class HostileBoard(Board):
    """Does with a dossier what its number says, and gives the partner's words on."""

    def interpret(self, deliveries: Any, response: Any, context: Any) -> Any:
        said = response.body.decode()
        return [_outcome(json.loads(delivery.payload).get("code", ""), said) for delivery in deliveries]

    def interpret_query(self, deliveries: Any, response: Any, context: Any) -> Any:
        return [InDoubt(code="odd", reason=response.body.decode(), ask_again=True) for _ in deliveries]


def _outcome(code: str, said: str) -> Accepted | Rejected | InDoubt:
    if "bad" in code:
        return Rejected(code="<b data-canary>", reason=said, learned={"partner_code": said})
    if "doubt" in code:
        return InDoubt(code="odd", reason=said)
    return Accepted(receipt=said, learned={"partner_code": said})


class Served:
    """The running process. ``api`` speaks with a key that may everything; ``browser`` is nobody yet."""

    def __init__(self, folder: Path, popen: subprocess.Popen[str]) -> None:
        assert popen.stdout is not None
        self.folder = folder
        self.file = folder / "canary-database.db"
        self.key = popen.stdout.readline().strip()
        self.address = popen.stdout.readline().strip()
        assert self.address.startswith("http://"), self.told()
        self.api = httpx.Client(
            base_url=self.address, headers={"authorization": f"Bearer {self.key}"}, timeout=30
        )
        self._people: dict[str, httpx.Client] = {}
        self.crawled: dict[str, list[tuple[str, httpx.Response]]] = {}
        self._browsers: list[httpx.Client] = []
        self._places = 10

    def told(self) -> str:
        """What the process has logged."""
        return (self.folder / "told.txt").read_text(encoding="utf-8")

    def browser(self) -> httpx.Client:
        """A browser without cookies, from a place of its own: attempts are counted by place."""
        self._places += 1
        transport = httpx.HTTPTransport(local_address=f"127.0.0.{self._places}")
        self._browsers.append(httpx.Client(base_url=self.address, transport=transport, timeout=30))
        return self._browsers[-1]

    def add(self, name: str, *roles: str) -> str:
        """An account; its first password."""
        sent = {"name": name, "roles": list(roles), "display_name": f"Ông {HOSTILE}"}
        made = self.api.post("/v1/accounts", json=sent)
        assert made.status_code == 201, made.text
        return str(made.json()["password"])

    def enter(self, name: str, *roles: str) -> httpx.Client:
        """A browser that has signed in to a fresh account with a password of its own."""
        first = FIRST if "administrator" in roles else self.add(name, *roles)
        browser = self.browser()
        sent = {"name": name, "current": first, "wanted": PASSWORD, "again": PASSWORD, "next": ""}
        path = "/console/new-password"
        answer = browser.post(path, data={**sent, "csrf": word_of(browser, path)})
        assert answer.status_code == 303, answer.text
        return browser

    def sign_in(self, browser: httpx.Client, name: str, **fields: str) -> httpx.Response:
        path = "/console/sign-in"
        word = word_of(browser, "/console/new-password")  # shown to whoever is in, too
        sent = {"csrf": word, "name": name, "password": PASSWORD, "next": ""}
        return browser.post(path, data={**sent, **fields})

    def as_(self, role: str) -> httpx.Client:
        """The browser of somebody with this role."""
        if role not in self._people:
            self._people[role] = self.enter(f"mau.{role}", role)
        return self._people[role]

    def rows(self, *tables: str) -> dict[str, list[Any]]:
        """What stands in these tables, beside what the gateway writes there while it asks and tries again."""
        with contextlib.closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as database:
            found = {}
            for table in tables:
                rows = database.execute(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608 - names of this file
                own = OWN_TURNS.get(table, ())
                kept = [at for at, column in enumerate(rows.description) if column[0] not in own]
                found[table] = [tuple(row[at] for at in kept) for row in rows]
            return found

    def close(self) -> None:
        for client in (self.api, *self._browsers):
            client.close()


def word_of(browser: httpx.Client, path: str = "/console/me") -> str:
    """The word that the page's own form carries."""
    return str(CSRF.findall(browser.get(path).text)[-1])


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """A process of its own, killed at the end."""
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), f"sqlite:///{folder}/canary-database.db"]
    with (
        (folder / "told.txt").open("w") as told,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True) as popen,
    ):
        try:
            served = Served(folder, popen)
            try:
                feed(served)
                yield served
            finally:
                served.close()
        finally:
            popen.kill()


def feed(served: Served) -> None:
    """Hostile text through every door."""
    applicant = {"kind": "citizen", "name": f"Lý {HOSTILE}"[:80]} | {
        "phone": PERSONS["phone"],
        "email": PERSONS["mail"],
    }
    fields = {
        "applicant": applicant,
        "summary": HOSTILE,
        "procedure": {"code": "1.004203", "name": HOSTILE},
        "agency": {"code": "H99.14", "name": HOSTILE},
    }
    for code in ("H99-ok", "H99-bad", "H99-doubt", "H99-held"):
        served.api.put(f"/v1/dossiers/{code}", json=record(code, **fields)).raise_for_status()
    reason = {"reason": HOSTILE}
    held = served.api.post("/v1/lanes/board/H99-held/hold", json=reason)
    assert held.status_code in {200, 409}, held.text
    endpoint = {"url": "https://motcua.h99.example/hooks?a=<script>", "description": HOSTILE}
    if served.api.post("/v1/webhooks", json=endpoint).status_code == 422:
        served.api.post("/v1/webhooks", json={"url": "https://motcua.h99.example/h"}).raise_for_status()
    served.api.post("/v1/jobs/tidy/runs", json={}).raise_for_status()
    _wait_for_failures(served)
    [doubt] = _deliveries(served, "in_doubt")[:1]
    waiting = served.api.post(
        f"/v1/deliveries/{doubt}/skip", json=reason, headers={"x-operator": "<script>alert(3)</script>"}
    )
    assert waiting.status_code in {422, 428}, waiting.text
    if waiting.status_code == 422:
        again = served.api.post(f"/v1/deliveries/{doubt}/skip", json=reason)
        assert again.status_code == 428, again.text
    [entry, *_] = served.api.get("/v1/messages").json()["items"]
    served.api.get(f"/v1/messages/{entry['id']}", params=reason).raise_for_status()
    _write_rows(served)


def _deliveries(served: Served, state: str) -> list[str]:
    found = served.api.get("/v1/deliveries", params={"state": state})
    found.raise_for_status()
    return [item["id"] for item in found.json()["items"]]


def _wait_for_failures(served: Served) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if _deliveries(served, "rejected") and _deliveries(served, "in_doubt"):
            return
        time.sleep(0.1)
    raise AssertionError(served.told()[-3000:])


def _write_rows(served: Served) -> None:
    """What only partners of other kinds bring."""
    book = Book(f"sqlite:///{served.file}")
    request = book.request(1, destination="board", dossier_code="H99-ok", state="paid")
    attempt = book.attempt(
        101, request, destination="board", state="paid", transaction_no=HOSTILE, bank=HOSTILE
    )
    book.settled(request, attempt)
    orphan = {"partner": HOSTILE, "reference": HOSTILE, "transaction_no": HOSTILE, "currency": HOSTILE}
    origin = {"destination": "board", "source": "callback", "evidence": b"{}", "amount": 9, "at": T0}
    book.put("payment_orphan", {"id": 91, **orphan, **origin})
    item = {"id": 81, "run_id": 1, "day": 20_000, "kind": "orphan", "repair": "adopt_orphan", "state": "open"}
    there = {
        "destination": "board",
        "partner": HOSTILE,
        "reference": HOSTILE,
        "theirs": "{}",
        "difference": -9,
    }
    book.put("reconciliation", {**item, **there, "theirs_amount": 9, "at": T0})
    drift = {"id": 7, "run_id": 1, "destination": "board", "dossier_code": "H99-ok", "kind": "STEPS_MISSING"}
    words = {
        "field": HOSTILE,
        "ours": HOSTILE,
        "theirs": HOSTILE,
        "state": "open",
        "found_at": 1,
        "seen_at": 1,
    }
    repair = json.dumps({"deliveries": [{"delivery": "1", "operation": "step", "key": HOSTILE}]})
    book.put("drift", {**drift, **words, "repair": repair})
    book.close()


class Seen(HTMLParser):
    """What of a page matters here: where it leads, what it sends, and what should not be in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.forms: list[tuple[str, str, list[tuple[str, str]]]] = []
        self.foul: list[str] = []
        self._inside: list[tuple[str, str]] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._judge(tag, given)
        self.links |= {given[name] for name in ("href", "hx-get") if given.get(name, "").startswith("/")}
        if tag == "form":
            self._inside = []
            self.forms.append((given.get("method", "get").lower(), given.get("action", ""), self._inside))
        elif (
            tag in {"input", "textarea", "select", "button"}
            and self._inside is not None
            and given.get("name")
        ):
            self._inside.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = None

    def _judge(self, tag: str, given: dict[str, str]) -> None:
        foul = [name for name in given if name.startswith("on") or name in {"style", "data-canary", "srcdoc"}]
        for name in ("href", "src", "action", "formaction", "hx-get", "hx-post"):
            address = given.get(name, "")
            if address.startswith(("http:", "https:", "//", "javascript:", "data:", "\\")):
                foul.append(f"{name}={address[:60]}")
        if (tag == "script" and not given.get("src", "").startswith("/console/assets/")) or tag in {
            *("style", "iframe", "object", "embed", "base"),
        }:
            foul.append(tag)
        self.foul += [f"<{tag}> {what}" for what in foul]
