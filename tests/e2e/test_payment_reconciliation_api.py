"""Reconciliation over the API: ordered, read, ended, fed with files, each for who may do it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.api.app import application, build_api
from gateway.storage.clients import NewClient, Scope, create_client
from tests.payment_books_world import NAME, Books, open_books

ROOT = "/v1/payment-reconciliations"
THERE = {"date": "2026-09-28", "destination": NAME}


class Door:
    """The API beside the books, for one client a set of scopes."""

    def __init__(self, books: Books) -> None:
        self.books = books
        app = application(build_api(books.gateway))
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.example")
        self._keys: dict[frozenset[Scope], str] = {}

    async def call(self, method: str, path: str, *scopes: Scope, **options: Any) -> httpx.Response:
        wanted = frozenset(scopes or Scope)
        if wanted not in self._keys:
            new = NewClient(id=f"client-{len(self._keys)}", name="x", scopes=wanted)
            issued = await self.books.database.write(
                lambda tx: create_client(tx, new, self.books.gateway.hub.clock())
            )
            self._keys[wanted] = issued.secret
        headers = {"authorization": f"Bearer {self._keys[wanted]}", **options.pop("headers", {})}
        return await self._http.request(method, ROOT + path, headers=headers, **options)

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def door(sqlite_url: str) -> AsyncIterator[Door]:
    async with open_books(sqlite_url) as books:
        opened = Door(books)
        yield opened
        await opened.close()


async def orphan(door: Door, tmp_path: Path) -> httpx.Response:
    door.books.foreign_payment("PGFOREIGN0001", 77_000)
    door.books.lose()
    body = door.books.settlement_file(tmp_path).read_bytes()
    csv = {"content-type": "text/csv"}
    return await door.call("POST", "/files", params={**THERE, "name": "a.csv"}, content=body, headers=csv)


async def test_a_file_is_handed_in_once(door: Door, tmp_path: Path) -> None:
    first = await orphan(door, tmp_path)
    assert first.status_code == 201, first.text
    assert (first.json()["lines"], first.json()["amount"], first.json()["known"]) == (1, 77_000, False)
    body = door.books.settlement_file(tmp_path).read_bytes()
    again = await door.call("POST", "/files", params=THERE, content=body)
    assert (again.status_code, again.json()["known"]) == (200, True)
    bad = b"reference,transaction,amount\nPG1,PP1,7.5\n"
    told = (await door.call("POST", "/files", params=THERE, content=bad)).json()["bad"]
    assert told == [
        {
            "line": 2,
            "column": "amount",
            "got": "7.5",
            "expected": "đồng in digits only, 1 to 999999999999999, without separators or fraction",
        }
    ]
    letter = await door.call("POST", "/files", params=THERE, content=b"hello")
    assert (letter.status_code, letter.headers["content-type"]) == (422, "application/problem+json")
    assert "no row with the headings" in letter.json()["detail"]


async def test_a_run_is_ordered_and_its_statement_read(door: Door, tmp_path: Path) -> None:
    await orphan(door, tmp_path)
    ordered = await door.call("POST", "", json={"date": "2026-09-28", "dry_run": True})
    assert ordered.status_code == 202, ordered.text
    run = ordered.json()
    assert (run["job"], run["dry_run"], run["parameters"]) == (
        "payment-reconciliation",
        True,
        {"apply": "no", "concurrency": "4", "date": "2026-09-28"},
    )
    assert ordered.headers["location"] == f"/v1/runs/{run['id']}"
    twice = await door.call("POST", "", json={"date": "2026-09-28"})
    assert twice.status_code == 409
    stop = door.books.gateway.jobs.stop(int(run["id"]), actor="x", reason="not needed")
    await asyncio.wait_for(stop, 5)
    await door.books.reconcile()
    statement = (await door.call("GET", "/statement", params={"date": "2026-09-28"})).json()
    assert (statement["theirs"], statement["difference"], statement["open"]) == (77_000, -77_000, 1)
    assert statement["sound"]
    unknown = await door.call("GET", "/statement", params={**THERE, "destination": "elsewhere"})
    assert unknown.status_code == 404


async def test_an_item_is_read_and_ended_with_a_reason(door: Door, tmp_path: Path) -> None:
    await orphan(door, tmp_path)
    await door.books.reconcile()
    page = (await door.call("GET", "/items", params={"state": "open", "kind": "orphan"})).json()
    (item,) = page["items"]
    assert (item["reference"], page["next"]) == ("PGFOREIGN0001", None)
    assert "77.000 đồng" in item["explanation"]
    path = f"/items/{item['id']}"
    assert (await door.call("GET", path)).json() == item
    assert (await door.call("POST", f"{path}/resolve", json={"reason": ""})).status_code == 422
    done = await door.call("POST", f"{path}/resolve", json={"reason": "đã tra soát"})
    assert done.status_code == 200, done.text
    assert (await door.call("POST", f"{path}/resolve", json={"reason": "once more"})).status_code == 409
    after = (await door.call("GET", path)).json()
    assert (after["state"], after["ended_by"], after["ended_reason"]) == (
        "resolved",
        "client-0",
        "đã tra soát",
    )
    assert (await door.call("GET", "/items/4")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "", Scope.PAYMENTS_WRITE),
        ("POST", "/files", Scope.PAYMENTS_WRITE),
        ("POST", "/items/1/resolve", Scope.PAYMENTS_WRITE),
        ("GET", "/items", Scope.PAYMENTS_READ),
        ("GET", "/items/1", Scope.PAYMENTS_READ),
        ("GET", "/statement", Scope.PAYMENTS_READ),
    ],
)
async def test_each_address_needs_its_scope(door: Door, method: str, path: str, needed: Scope) -> None:
    others = [scope for scope in Scope if scope is not needed]
    assert (await door.call(method, path, *others)).status_code == 403
    assert (await door.call(method, path, needed)).status_code != 403
