"""``X-Operator`` names the person behind a client: at every address with a scope, and in the history of every action."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.routing import Router

import gateway.api
from gateway.api.app import addresses
from gateway.api.inputs import PATH_PARTS
from gateway.api.perimeter import Perimeter
from gateway.api.problem import Refused
from gateway.api.route import Answer, Call, Route
from gateway.api.table import ROUTES
from gateway.console.pages.actions import VERBS
from tests.acting_world import ACTOR, ACTS, BY_WHO_ASKED, NAMED, NO_HISTORY, scene_of
from tests.api_world import World, open_world, violations

OPEN = [row for row in ROUTES if row.scope is not None]
CHANGING = {row.name for row in OPEN if row.method != "GET"}


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        await opened.add_client("desk")
        yield opened


def test_every_route_that_changes_something_has_its_act_or_says_why_it_leaves_no_history():
    assert set(ACTS) | set(NO_HISTORY) == CHANGING
    assert not set(ACTS) & set(NO_HISTORY)


@pytest.mark.parametrize("name", ACTS)
async def test_history_of_an_action_names_the_person_behind_the_client(name, sqlite_url, tmp_path):
    async with scene_of(name, sqlite_url, tmp_path) as scene:
        answer = await ACTS[name](scene)

        assert answer.status_code < 300, answer.text
        left = await scene.history() - scene.before
        assert left, "it left no history"
        assert {actor for _, _, actor in left} - {BY_WHO_ASKED.get(name)} == {ACTOR}, left
        page = (await scene.call("GET", "/v1/actions?limit=100"))["items"]
        assert {each["action"] for each in page} <= set(VERBS)  # the console's page of the history knows it


async def test_every_address_with_a_scope_takes_the_person_into_its_actor(world):
    for row in OPEN:
        given = await given_to(world, row, NAMED)
        assert given.actor == ACTOR, row.name
        assert (await given_to(world, row, {})).actor == "desk", row.name


async def given_to(world: World, row: Route, headers: dict[str, str]) -> Call:
    """What the handler of ``row`` gets."""
    kept: list[Call] = []

    async def keep(_api: Any, call: Call) -> Answer:
        kept.append(call)
        return Answer(value={})

    bare = dataclasses.replace(row, handler=keep, query=None)
    app = Perimeter(Router(addresses(world.api, [bare])), world.gateway.hub.tracing)
    sent = {"authorization": f"Bearer {world.keys['desk']}", **headers}
    content = b""
    if row.body is not None:
        sent["content-type"] = row.body.media_types[0]
        content = b"x" if row.body.kind is None else msgspec.json.encode(without_operator(row.body.example))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gateway.example"
    ) as http:
        answer = await http.request(row.method, address(row), headers=sent, content=content)
    assert answer.status_code == 200, (row.name, answer.text)
    return kept[0]


def without_operator(example: Any) -> Any:
    plain = msgspec.to_builtins(example)
    return {name: value for name, value in plain.items() if name != "operator"}


def address(row: Route) -> str:
    return row.path.format(**{name: part.example for name, part in PATH_PARTS.items()})


def test_no_module_of_the_api_makes_an_actor_of_its_own():
    """An actor is ``call.actor`` and nothing else, so that there is one place to get it wrong."""
    said, derived = set(), set()
    for path in Path(gateway.api.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "actor":
                said.add(ast.unparse(node.value))
            if isinstance(node, ast.Attribute) and node.attr == "operator" and path.name != "route.py":
                derived.add(f"{path.name}: {ast.unparse(node)}")

    # besides: a filter of the history, its rows, the example of a step, and a person's own sessions, given by its page
    assert said == {"call.actor", "query.actor", "each.actor", "'Trần Thị Mẫu'", "actor"}
    assert derived == {"endpoint.py: read_headers(PersonHeaders, pairs).operator", "once.py: call.operator"}


@pytest.mark.parametrize("name", ["a b", "", "-an", "ần", "x" * 64, "an\tbinh"])
async def test_what_is_no_name_is_refused_wherever_it_is_sent(world, name):
    answer = await world.call("GET", "/v1/jobs", headers={"X-Operator": name.encode()})

    assert (answer.status_code, violations(answer)) == (422, {"/header/X-Operator": "invalid"})


async def test_header_and_body_name_one_person(world):
    row = next(row for row in OPEN if row.name == "approve_refund")
    body = {"reason": "the paper is in order", "operator": "LE.VAN.THU"}
    given = await given_to(world, row, {})
    told = msgspec.convert(body, type(given.body))

    assert dataclasses.replace(given, body=told).actor == "desk/le.van.thu"
    assert dataclasses.replace(given, body=told, operator="Le.Van.Thu").actor == "desk/le.van.thu"
    with pytest.raises(Refused, match="names two people"):
        assert dataclasses.replace(given, body=told, operator="an").actor
