"""Differences over the API: listed with their explanation, mended only on the word, bodies only for who may read them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from gateway.api.app import application, build_api
from gateway.cli.mending import lines_of, looked_at
from gateway.cli.options import Changing
from gateway.messagelog.masking import MASK
from gateway.statussync.repair import RepairRequest
from gateway.storage.clients import NewClient, Scope, create_client
from tests.drift_world import PORTAL, World, code_of, dossier, drift_world

WHY = {"reason": "the portal lost a step"}
CODE = code_of(7)


class Door:
    """The API of a world, for one client a set of scopes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(application(build_api(world.gateway))),
            base_url="http://gateway.example",
        )
        self._keys: dict[frozenset[Scope], str] = {}

    async def call(self, method: str, path: str, *scopes: Scope, **options: Any) -> httpx.Response:
        wanted = frozenset(scopes or Scope)
        if wanted not in self._keys:
            new = NewClient(id=f"client-{len(self._keys)}", name="x", scopes=wanted)
            issued = await self.world.gateway.database.write(
                lambda tx: create_client(tx, new, self.world.gateway.hub.clock())
            )
            self._keys[wanted] = issued.secret
        headers = {"authorization": f"Bearer {self._keys[wanted]}", **options.pop("headers", {})}
        return await self._http.request(method, path, headers=headers, **options)

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def door(sqlite_url):
    """A portal that has lost the end of one dossier and moved the due time of another."""
    async with drift_world(sqlite_url) as world:
        await world.accept(dossier(7), dossier(8))
        await world.deliver()
        await world.look()
        world.tamper(7, drop_steps=[{"TrangThai": "9"}])
        world.tamper(8, fields={"NgayHenTra": None})
        await world.look(scope="all")
        opened = Door(world)
        yield opened
        await opened.close()


async def listed(door: Door, **query: Any) -> list[dict[str, Any]]:
    answer = await door.call("GET", "/v1/drift", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_differences_are_listed_with_their_explanation(door):
    items = await listed(door)
    assert {each["kind"] for each in items} == {"END_MISSING", "DUE_DIFFERS"}
    assert all("Cổng Dịch vụ công quốc gia" in each["explanation"] for each in items)
    assert all(each["repair"]["deliveries"] for each in items)


async def test_list_is_narrowed_and_paged(door):
    assert [each["dossier"] for each in await listed(door, kind="END_MISSING")] == [CODE]
    assert [each["kind"] for each in await listed(door, dossier=code_of(8))] == ["DUE_DIFFERS"]
    assert await listed(door, destination="elsewhere") == []
    assert await listed(door, state="gone") == []
    first = (await door.call("GET", "/v1/drift", params={"limit": 1})).json()
    rest = (await door.call("GET", "/v1/drift", params={"limit": 1, "cursor": first["next"]})).json()
    assert {first["items"][0]["id"], rest["items"][0]["id"]} == {each["id"] for each in await listed(door)}


async def test_one_difference_is_read_by_its_identifier(door):
    (known,) = await listed(door, kind="DUE_DIFFERS")
    assert (await door.call("GET", f"/v1/drift/{known['id']}")).json() == known
    assert (await door.call("GET", "/v1/drift/4711")).status_code == 404


async def test_without_the_word_nothing_is_planned(door):
    answer = await door.call("POST", "/v1/drift/apply", json={"dossier": CODE, **WHY})
    (told,) = answer.json()["dossiers"]
    assert (answer.json()["dry_run"], told["outcome"]) == (True, "would_order")
    assert "CapNhatTienDoHoSoMC" in told["requests"][0]["body"]
    assert {each["state"] for each in await listed(door)} == {"open"}


async def test_bodies_are_for_who_may_read_dossiers(door):
    order = {"dossier": CODE, **WHY}
    answer = await door.call("POST", "/v1/drift/apply", Scope.DELIVERIES_OPERATE, json=order)
    (told,) = answer.json()["dossiers"]
    assert (told["outcome"], told["requests"]) == ("would_order", [])


READS = (Scope.DELIVERIES_OPERATE, Scope.DOSSIERS_READ)
PERSON = "Nguyễn Văn Thử"


async def test_people_in_what_would_be_sent_are_masked_unless_they_are_asked_for_with_the_right_to_see_them(
    door,
):
    order = {"dossier": code_of(8), **WHY}
    source = await door.call("POST", "/v1/drift/apply", json=order)
    masked = await door.call("POST", "/v1/drift/apply", *READS, json=order)
    unfit = await door.call("POST", "/v1/drift/apply", *READS, json={**order, "personal": True})

    assert (masked.status_code, unfit.status_code) == (200, 403)
    [before], [after] = (one(answer)["requests"] for answer in (source, masked))
    assert PERSON in before["body"]
    assert PERSON not in after["body"]
    assert MASK in after["body"]
    assert code_of(8) in after["body"]
    assert after["body_size"] == len(after["body"].encode())
    assert await logged(door) == []

    readers = (*READS, Scope.PERSONAL_READ)
    unasked = await door.call("POST", "/v1/drift/apply", *readers, json=order)
    asked = await door.call(
        "POST",
        "/v1/drift/apply",
        *readers,
        json={**order, "personal": True},
        headers={"X-Operator": "le.thi.kiem"},
    )

    assert PERSON not in unasked.text
    assert PERSON in one(asked)["requests"][0]["body"]
    [note] = await logged(door)
    assert (note["actor"].rpartition("/")[2], note["reason"]) == ("le.thi.kiem", WHY["reason"])
    assert note["detail"] == {"destination": PORTAL, "dossier": code_of(8)}


async def test_command_line_masks_people_unless_it_is_asked_for_them_and_then_logs_who_looks(door):
    request = RepairRequest(actor="cli:mai", reason=WHY["reason"], dossier=code_of(8))
    done = await door.world.gateway.repairs.carry_out(request)
    by = Changing(reason=WHY["reason"], actor="mai")

    masked = "\n".join(lines_of(await looked_at(door.world.gateway, done, by, personal=False)))

    assert PERSON not in masked
    assert MASK in masked
    assert await logged(door) == []
    shown = "\n".join(lines_of(await looked_at(door.world.gateway, done, by, personal=True)))
    assert PERSON in shown
    [note] = await logged(door)
    assert note["actor"] == "cli:mai"


def one(answer: httpx.Response) -> dict[str, Any]:
    (told,) = answer.json()["dossiers"]
    return dict(told)


async def logged(door: Door) -> list[dict[str, Any]]:
    """Who has looked at people, and why."""
    items = (await door.call("GET", "/v1/messages", params={"channel": "access"})).json()["items"]
    assert {each["operation"] for each in items} <= {"read_repair"}
    query = {"reason": "who was it", "personal": "true"}
    entries = [await door.call("GET", f"/v1/messages/{each['id']}", params=query) for each in items]
    return [json.loads(entry.json()["body_text"]) for entry in entries]


async def test_order_is_carried_out_in_the_clients_name(door):
    (known,) = await listed(door, kind="END_MISSING")
    order = {"ids": [known["id"]], "dry_run": False, **WHY}
    answer = await door.call("POST", "/v1/drift/apply", json=order)
    (done,) = answer.json()["dossiers"]
    assert (done["outcome"], done["deliveries"][0]["key"]) == ("ordered", "repair:1:s4")
    (row,) = await listed(door, kind="END_MISSING")
    assert (row["state"], row["applied_by"], row["applied_reason"]) == (
        "repairing",
        "client-0",
        WHY["reason"],
    )
    await door.world.deliver()
    await door.world.look()
    assert [each["kind"] for each in await listed(door)] == ["DUE_DIFFERS"]
    story = (await door.call("GET", f"/v1/dossiers/{CODE}/timeline")).json()["items"]
    assert [each["action"] for each in story if each["kind"] == "action"] == ["repair"]


async def test_many_are_mended_at_once(door):
    order = {"destination": PORTAL, "dry_run": False, **WHY}
    answer = await door.call("POST", "/v1/drift/apply", json=order)
    assert sorted(each["outcome"] for each in answer.json()["dossiers"]) == ["ordered", "ordered"]
    await door.world.deliver()
    assert await door.world.in_step()


async def test_difference_is_tolerated(door):
    (known,) = await listed(door, kind="DUE_DIFFERS")
    path = f"/v1/drift/{known['id']}/tolerate"
    assert (await door.call("POST", path, json=WHY)).json()["drift"] == known["id"]
    assert [each["state"] for each in await listed(door, kind="DUE_DIFFERS")] == ["tolerated"]
    assert (await door.call("POST", path, json=WHY)).status_code == 409


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({}, 422),
        (WHY, 422),
        ({"dossier": CODE}, 422),
        ({"kind": "ODD", **WHY}, 422),
        ({"ids": ["x"], **WHY}, 422),
        ({"ids": ["4711"], **WHY}, 404),
        ({"dossier": CODE, "limit": 0, **WHY}, 422),
    ],
)
async def test_what_cannot_be_meant_is_refused(door, order, status):
    assert (await door.call("POST", "/v1/drift/apply", json=order)).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/drift", Scope.DELIVERIES_READ),
        ("GET", "/v1/drift/1", Scope.DELIVERIES_READ),
        ("POST", "/v1/drift/apply", Scope.DELIVERIES_OPERATE),
        ("POST", "/v1/drift/1/tolerate", Scope.DELIVERIES_OPERATE),
    ],
)
async def test_every_address_wants_its_scope(door, method, path, scope):
    others = frozenset(Scope) - {scope}
    assert (await door.call(method, path, *others, json=WHY)).status_code == 403
    assert (await door.call(method, path, scope, json=WHY)).status_code != 403


async def test_differences_are_counted_with_who_must_act(door):
    summary = (await door.call("GET", "/v1/drift/summary")).json()
    assert {(each["kind"], each["state"], each["count"]) for each in summary["items"]} == {
        ("END_MISSING", "open", 1),
        ("DUE_DIFFERS", "open", 1),
    }
    items = await listed(door)
    assert {(each["blame"], each["actor"]) for each in items} == {("partner", "operator")}


async def test_repairs_go_on_behind_a_difference(door):
    first = await door.call("POST", "/v1/drift/apply", json={"destination": PORTAL, "limit": 1, **WHY})
    told = first.json()
    assert (told["looked"], told["more"]) == (1, True)
    rest = await door.call(
        "POST", "/v1/drift/apply", json={"destination": PORTAL, "limit": 1, "after": told["next"], **WHY}
    )
    assert (rest.json()["looked"], rest.json()["more"], rest.json()["next"]) == (1, False, None)
    assert rest.json()["dossiers"][0]["dossier"] != told["dossiers"][0]["dossier"]
