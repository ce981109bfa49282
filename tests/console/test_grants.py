"""Roles that an administrator lacks: proposed by one, given by the word of another."""

import re

import pytest

from gateway.messagelog.acts import oversight
from gateway.storage.oversight import LIFETIME, Dangerous
from gateway.storage.scopes import Role
from tests.console_door_world import open_door
from tests.console_world import text_of

WHY = "phân công theo quyết định 12/QĐ-VP"


@pytest.fixture
async def world(database_url):
    async with open_door(database_url) as opened:
        opened.gateway.database.oversight = oversight([Dangerous.GRANT], LIFETIME.total_seconds())
        for name in ("quan.tri", "binh"):
            await opened.add(name, Role.ADMINISTRATOR)
        await opened.add("moi", Role.ADMINISTRATOR)
        yield opened


async def browser_of(world, name):
    browser = world.browser()
    assert (await browser.sign_in(name)).status_code == 303
    return browser


async def roles_of(world, name):
    return next(row.roles for row in await world.rows("account") if row.name == name)


async def proposed(world, by, **fields):
    """The page of the approval that giving roles to ``moi`` waits for."""
    answer = await by.post("/console/accounts/moi/roles", reason=WHY, roles=["operator"], **fields)
    assert answer.status_code == 428
    return re.search(r'href="(/console/approvals/\d+)"', answer.text)[1]


async def say(browser, page, verb):
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', (await browser.get(page)).text)[1]
    path = page.replace("/approvals/", "/grants/")
    return await browser.post(f"{path}/{verb}", reason="đúng người", digest=digest)


async def test_operator_is_made_by_two_administrators(world):
    first, second = await browser_of(world, "quan.tri"), await browser_of(world, "binh")
    page = await proposed(world, first)
    assert await roles_of(world, "moi") == "role:administrator"
    shown = text_of(await second.get(page))
    assert "Vai trò sẽ có Vận hành" in shown
    assert "Vai trò hiện có Quản trị" in shown
    assert WHY in shown

    answer = await say(second, page, "approve")

    assert answer.status_code == 303
    assert await roles_of(world, "moi") == "role:operator"
    assert "Đã thực hiện" in text_of(await second.get(page))
    record = [row for row in await world.rows("operator_action") if row.action == "account.roles"]
    assert [row.actor for row in record] == ["console/quan.tri"]
    assert '"approved_by":"console/binh"' in record[0].detail


async def test_new_rights_reach_the_session_that_is_open(world):
    theirs = await browser_of(world, "moi")
    assert (await theirs.get("/console/evidence")).status_code == 403
    page = await proposed(world, await browser_of(world, "quan.tri"))
    await say(await browser_of(world, "binh"), page, "approve")

    assert (await theirs.get("/console/evidence")).status_code == 200


async def test_who_asked_and_who_would_have_the_rights_are_nobodys_second_person(world):
    first, theirs = await browser_of(world, "quan.tri"), await browser_of(world, "moi")
    page = await proposed(world, first)
    number, digest = page.rpartition("/")[2], (await world.rows("approval"))[0].digest
    for browser in (first, theirs):
        shown = await browser.get(page)
        assert "/console/grants/" not in shown.text
        assert "không duyệt được" in text_of(shown)
        for verb in ("approve", "decline"):
            answer = await browser.post(f"/console/grants/{number}/{verb}", reason="thử", digest=digest)
            assert answer.status_code == 409
    assert await roles_of(world, "moi") == "role:administrator"
    assert (await say(await browser_of(world, "binh"), page, "approve")).status_code == 303


async def test_operators_do_not_decide_about_roles_and_administrators_about_nothing_else(world):
    await world.add("van.hanh", Role.OPERATOR)
    operator, first = await browser_of(world, "van.hanh"), await browser_of(world, "quan.tri")
    page = await proposed(world, first)
    number, digest = page.rpartition("/")[2], (await world.rows("approval"))[0].digest
    assert "không được duyệt" in text_of(await operator.get(page))
    for path in (f"{page}/approve", f"/console/grants/{number}/approve"):
        assert (await operator.post(path, reason="thử", digest=digest)).status_code == 403
    assert (await first.post(f"{page}/approve", reason="thử", digest=digest)).status_code == 403


async def test_declined_roles_are_not_given(world):
    page = await proposed(world, await browser_of(world, "quan.tri"))
    assert (await say(await browser_of(world, "binh"), page, "decline")).status_code == 303
    assert await roles_of(world, "moi") == "role:administrator"


async def test_roles_that_changed_meanwhile_are_another_grant(world):
    first = await browser_of(world, "quan.tri")
    page = await proposed(world, first)
    other = await first.post(
        "/console/accounts/moi/roles", reason=WHY, roles=["operator", "administrator", "auditor"]
    )
    wider = re.search(r'href="(/console/approvals/\d+)"', other.text)[1]
    second = await browser_of(world, "binh")
    await say(second, wider, "approve")

    await say(second, page, "approve")

    assert "role:auditor" in await roles_of(world, "moi")
    assert "Đã đồng ý, chưa thực hiện" in text_of(await first.get(page))


async def test_new_operator_has_no_rights_until_the_second_administrator_agrees(world):
    first, second = await browser_of(world, "quan.tri"), await browser_of(world, "binh")
    made = await first.post("/console/accounts", name="van.hanh", roles=["operator"], reason=WHY)
    assert made.status_code == 200
    page = re.search(r'href="(/console/approvals/\d+)"', made.text)[1]
    assert await roles_of(world, "van.hanh") == ""
    assert "chưa có vai trò" in text_of(await first.get("/console/accounts/van.hanh"))

    assert (await say(second, page, "approve")).status_code == 303

    assert await roles_of(world, "van.hanh") == "role:operator"


async def test_one_person_is_enough_where_the_configuration_says_so(world):
    world.gateway.database.oversight = oversight([], LIFETIME.total_seconds())
    first = await browser_of(world, "quan.tri")
    answer = await first.post("/console/accounts/moi/roles", reason=WHY, roles=["operator"])
    assert answer.status_code == 303
    made = await first.post("/console/accounts", name="van.hanh", roles=["operator"], reason=WHY)
    assert made.status_code == 200
    assert [await roles_of(world, name) for name in ("moi", "van.hanh")] == ["role:operator"] * 2


async def test_nobody_proposes_roles_for_itself(world):
    first = await browser_of(world, "quan.tri")
    answer = await first.post("/console/accounts/quan.tri/roles", reason=WHY, roles=["operator"])
    assert answer.status_code == 409
    assert await world.rows("approval") == []


async def test_nobody_makes_its_own_second_person(world):
    """One administrator makes another of the same hands, or takes one over, to approve what it has asked for itself."""
    first = await browser_of(world, "quan.tri")
    page = await proposed(world, first)
    made = await first.post("/console/accounts", name="con.roi", roles=["administrator"], reason=WHY)
    assert made.status_code == 200
    assert await roles_of(world, "con.roi") == ""
    await world.add("khac", Role.SUBMITTER)
    raised = await first.post("/console/accounts/khac/roles", reason=WHY, roles=["administrator"])
    assert raised.status_code in {403, 428}
    assert await roles_of(world, "khac") == "role:submitter"
    taken = await first.post("/console/accounts/binh/password", reason=WHY)
    assert taken.status_code == 403
    assert (await world.browser().sign_in("binh")).status_code == 303
    assert (await say(await browser_of(world, "binh"), page, "approve")).status_code == 303
