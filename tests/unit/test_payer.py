"""The page that a payer's browser comes back to: our own state, and nothing that the address says (§5.4, §13.21)."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from msgspec.structs import replace

from gateway.api.limits import Buckets
from gateway.api.payer import BURST, NOTICES, UNKNOWN
from gateway.domain.errors import StorageUnavailable
from gateway.domain.payment import OPEN, AttemptState
from tests.api_world import open_world
from tests.payment_door_world import DOSSIER, DoorWorld
from tests.unit.payment_world import REFERENCE

RETURN = "/payments/return/DEMOH99"
PAID, FAILED = NOTICES[AttemptState.PAID].title, NOTICES[AttemptState.FAILED].title
WAITING = NOTICES[AttemptState.CREATED].title


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        yield opened


@pytest.fixture
async def door(world):
    door = DoorWorld(world.gateway.database)
    await door.open()
    return door


async def see(world, query, path=RETURN):
    return await world.call("GET", f"{path}?{query}", client=None, headers={"accept": "text/html,*/*;q=0.8"})


async def put_state(door, state):
    await door.database.write(
        lambda tx: tx._cursor.execute(f"UPDATE payment_attempt SET state = '{state}'")  # noqa: S608
    )


def test_every_state_has_words_and_only_paid_says_paid():
    assert set(NOTICES) == set(AttemptState)
    assert [state for state, notice in NOTICES.items() if notice.title == PAID] == [AttemptState.PAID]
    assert {state for state, notice in NOTICES.items() if notice.again} == OPEN


@pytest.mark.parametrize("state", AttemptState)
async def test_page_shows_our_own_state_whatever_the_address_claims(world, door, state):
    await put_state(door, state)

    pages = [
        await see(world, f"data={REFERENCE}&responseCode={code}&secureCode={'a' * 64}")
        for code in ("00", "99", "")
    ]

    assert {page.status_code for page in pages} == {200}
    assert len({page.text for page in pages}) == 1
    assert f"<h1>{NOTICES[state].title}</h1>" in pages[0].text


async def test_forged_success_changes_nothing_and_shows_nothing_false(world, door):
    before = door.money(), door.log()

    page = await see(world, f"data={REFERENCE}&responseCode=00&secureCode=d14ac0ce&state=paid&status=1")

    assert f"<h1>{WAITING}</h1>" in page.text
    assert PAID not in page.text
    assert (door.money(), door.log()) == before


async def test_page_names_no_person_no_dossier_no_amount_and_not_the_reference(world, door):
    page = (await see(world, f"data={REFERENCE}&responseCode=00")).text
    for secret in (REFERENCE, DOSSIER, "Nguyễn", "250000", "250.000", "099000000001", "DEMOH99"):
        assert secret not in page


@pytest.mark.parametrize(
    "query",
    [
        "",
        "data=",
        "responseCode=00",
        "data=PG2609280000XXXXXXXX&responseCode=00",
        f"data={REFERENCE}&data={REFERENCE}",
        f"data={REFERENCE}%00",
        f"data={REFERENCE}%27%20OR%201=1--",
        "data=%25%25%25%25%25%25%25%25%25",
        "data=<script>alert(1)</script>",
        "data=%3Cscript%3Ealert(1)%3C%2Fscript%3E&responseCode=%22%3E%3Cimg%20src=x%3E",
        "data=" + "A" * 5000,
        "&".join(f"a{number}=1" for number in range(200)),
    ],
)
async def test_what_names_no_payment_of_ours_gets_one_page_without_a_word_of_the_address(world, door, query):
    page = await see(world, query)

    assert page.status_code == 404
    assert f"<h1>{UNKNOWN.title}</h1>" in page.text
    assert "alert(1)" not in page.text
    assert "<img" not in page.text
    assert "<script" not in page.text


@pytest.mark.parametrize("partner", ["OTHER", "%3Cscript%3E", "DEMOH99%20", "x" * 300, "demoh99"])
async def test_reference_under_another_partner_is_unknown(world, door, partner):
    page = await see(world, f"data={REFERENCE}", f"/payments/return/{partner}")
    assert page.status_code == 404
    assert UNKNOWN.title in page.text


async def test_policy_allows_our_style_and_nothing_else(world, door):
    page = await see(world, f"data={REFERENCE}")

    policy = page.headers["content-security-policy"]
    [style] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "style=" not in page.text.replace("<style>", "")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_can_be_sent_to_the_page(world, door, method):
    before = door.money()
    answer = await world.call(method, f"{RETURN}?data={REFERENCE}", client=None)
    assert answer.status_code == 405
    assert door.money() == before


async def test_page_says_so_when_nothing_can_be_read(world, door):
    class Away:
        def __getattr__(self, name):
            return getattr(door.database, name)

        async def read(self, question):
            raise StorageUnavailable("away")

    gateway = world.api.gateway
    world.api.gateway = replace(gateway, database=Away())
    page = await see(world, f"data={REFERENCE}&responseCode=00")
    assert (page.status_code, PAID in page.text) == (503, False)
    assert "đừng thanh toán lại" in page.text

    world.api.gateway = gateway
    assert WAITING in (await see(world, f"data={REFERENCE}")).text


async def test_guessing_references_is_slowed_down(world, door):
    now = [0.0]
    world.api._strangers = Buckets(lambda: now[0])

    codes = [(await see(world, f"data=PG{number:018d}")).status_code for number in range(int(BURST) + 1)]
    assert codes == [404] * int(BURST) + [429]

    now[0] += 1.0
    assert WAITING in (await see(world, f"data={REFERENCE}")).text
