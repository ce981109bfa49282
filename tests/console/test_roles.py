"""Role by page and action: who may see and do what, as it was decided, asked of the running console.

The two tables are the decision; a page or an action without a row fails. S submitter, O operator, A auditor,
M administrator.
"""

import re

import pytest

from gateway.console.door import PLAIN_COOKIE
from gateway.console.surface import HEADERS, SIGN_IN
from gateway.console.table import ACTIONS, PAGES
from gateway.storage.scopes import Role
from tests.api_world import BOARD, open_world
from tests.console_world import CSRF, ConsoleClient

LETTERS = {"S": Role.SUBMITTER, "O": Role.OPERATOR, "A": Role.AUDITOR, "M": Role.ADMINISTRATOR}
PAGES_OF: dict[str, str] = {
    "/console": "SOAM",
    "/console/destinations": "SOAM",
    "/console/destinations/{destination}": "SOAM",
    "/console/failures": "SOAM",
    "/console/failures/deliveries": "SOAM",
    "/console/failures/runs": "SOAM",
    "/console/failures/runs/{run}": "SOAM",
    "/console/doubts": "SOAM",
    "/console/deliveries/{delivery}": "SOAM",
    "/console/deliveries/{delivery}/skip": "O",
    "/console/deliveries/{delivery}/resolve": "O",
    "/console/deliveries/{delivery}/edit": "SOAM",
    "/console/lanes": "SOAM",
    "/console/lanes/{destination}/{dossier}": "SOAM",
    "/console/dossiers": "SOA",
    "/console/dossiers/{code}": "SOA",
    "/console/dossiers/{code}/erasure": "O",
    "/console/evidence": "OA",
    "/console/evidence/keys": "OAM",
    "/console/evidence/files/{export}": "OA",
    "/console/log": "OA",
    "/console/log/state": "OAM",
    "/console/log/{message}": "OA",
    "/console/payments": "SOA",
    "/console/payments/reconciliation": "SOA",
    "/console/payments/reconciliation/items/{item}": "SOA",
    "/console/payments/reconciliation/runs/{run}": "SOAM",
    "/console/payments/orphans": "SOA",
    "/console/payments/orphans/{orphan}": "SOA",
    "/console/payments/{payment}": "SOA",
    "/console/approvals": "OAM",
    "/console/approvals/{approval}": "OAM",
    "/console/actions": "OAM",
    "/console/actions/file": "OAM",
    "/console/jobs": "SOAM",
    "/console/jobs/{job}": "SOAM",
    "/console/jobs/{job}/schedule": "O",
    "/console/runs/{run}": "SOAM",
    "/console/accounts": "AM",
    "/console/accounts/{account}": "AM",
    "/console/clients": "AM",
    "/console/webhooks": "OAM",
    "/console/me": "SOAM",
    "/console/reports": "SOA",
    "/console/reports/06a": "SOA",
    "/console/reports/766": "SOA",
    "/console/reports/06a/dossiers": "SOA",
    "/console/reports/{what}/file": "SOA",
    "/console/reports/{kind}": "SOA",
    "/console/drift": "SOAM",
    "/console/drift/{drift}": "SOAM",
    "/console/at-risk": "SOA",
    "/console/lag": "SOAM",
}
ACTIONS_OF: dict[str, str] = {
    "/console/destinations/{destination}/pause": "O",
    "/console/destinations/{destination}/resume": "O",
    "/console/destinations/{destination}/test": "O",
    "/console/destinations/{destination}/refresh": "O",
    "/console/failures/retry": "O",
    "/console/failures/begin": "O",
    "/console/failures/runs/{run}": "O",
    "/console/deliveries/{delivery}/retry": "O",
    "/console/deliveries/{delivery}/ask": "O",
    "/console/deliveries/{delivery}/skip": "O",
    "/console/deliveries/{delivery}/resolve": "O",
    "/console/deliveries/{delivery}/contents": "OA",
    "/console/deliveries/{delivery}/edit": "O",
    "/console/lanes/{destination}/{dossier}": "O",
    "/console/dossiers/{code}": "SOA",
    "/console/dossiers/{code}/ask": "O",
    "/console/dossiers/{code}/erasure": "O",
    "/console/dossiers/{code}/evidence": "OA",
    "/console/evidence": "OA",
    "/console/log/state": "OAM",
    "/console/log/{message}": "OA",
    "/console/payments/reconciliation/items/{item}/resolve": "SO",
    "/console/payments/reconciliation/start": "SO",
    "/console/payments/reconciliation/files": "SO",
    "/console/payments/orphans/{orphan}/adopt": "SO",
    "/console/payments/orphans/{orphan}/given-back": "SO",
    "/console/payments/{payment}/ask": "SO",
    "/console/payments/{payment}/receipt": "SOA",
    "/console/payments/{payment}/receipt/fetch": "SO",
    "/console/payments/{payment}/cancel": "SO",
    "/console/payments/{payment}/refund": "SO",
    "/console/payments/{payment}/decide": "SO",
    "/console/approvals/{approval}/approve": "O",
    "/console/approvals/{approval}/decline": "O",
    "/console/grants/{approval}/approve": "M",
    "/console/grants/{approval}/decline": "M",
    "/console/jobs/{job}": "O",
    "/console/jobs/{job}/schedule": "O",
    "/console/runs/{run}": "O",
    "/console/accounts": "M",
    "/console/accounts/{account}/roles": "M",
    "/console/accounts/{account}/password": "M",
    "/console/accounts/{account}/unlock": "M",
    "/console/accounts/{account}/disable": "M",
    "/console/accounts/{account}/enable": "M",
    "/console/accounts/{account}/revoke": "M",
    "/console/accounts/{account}/sessions/{session}/revoke": "M",
    "/console/clients/{client}/disable": "M",
    "/console/webhooks/{webhook}/test": "M",
    "/console/webhooks/{webhook}/enable": "M",
    "/console/me/revoke": "SOAM",
    "/console/drift": "O",
    "/console/drift/{drift}": "O",
}

MADE_UP = {
    "destination": BOARD,
    "dossier": "H99-1",
    "code": "H99-1",
    "export": "0" * 32,
    "account": "nobody",
    "job": "catalogues",
    "what": "06a",
    "kind": "05",
}
# what answers well or names what is not there; never a refusal for lack of a right, never a fault
FINE = {200, 303, 404, 409, 422, 428}


def address(path):
    """``path`` with values that nothing has, so that nothing much happens."""
    return re.sub(r"\{(\w+)\}", lambda part: MADE_UP.get(part[1], "999999999999999999"), path)


@pytest.fixture
async def api(sqlite_url):
    async with open_world(sqlite_url) as world:
        await world.put()
        yield world.api


def test_every_page_and_every_action_has_a_row():
    assert {page.path for page in PAGES} == PAGES_OF.keys()
    assert {action.path for action in ACTIONS} == ACTIONS_OF.keys()


def test_no_address_stands_twice():
    assert len({page.path for page in PAGES}) == len(PAGES)
    assert len({action.path for action in ACTIONS}) == len(ACTIONS)


@pytest.mark.parametrize("letter", LETTERS)
async def test_role_sees_its_pages_and_no_others(api, letter):
    browser = ConsoleClient(api, LETTERS[letter])
    wrong = []
    for path, who in PAGES_OF.items():
        answer = await browser.get(address(path))
        allowed = letter in who
        if (answer.status_code in FINE) != allowed or (answer.status_code == 403) == allowed:
            wrong.append((path, answer.status_code, who))
        assert all(answer.headers[name] == value for name, value in HEADERS), path
    assert wrong == []


@pytest.mark.parametrize("letter", LETTERS)
async def test_role_does_what_is_its_work_and_nothing_else(api, letter):
    browser = ConsoleClient(api, LETTERS[letter])
    wrong = []
    for path, who in ACTIONS_OF.items():
        answer = await browser.post(address(path))
        allowed = letter in who
        if (answer.status_code in FINE) != allowed or (answer.status_code == 403) == allowed:
            wrong.append((path, answer.status_code, who))
    assert wrong == []


@pytest.mark.parametrize("letter", LETTERS)
async def test_nothing_is_done_without_the_word_of_the_session(api, letter):
    browser = ConsoleClient(api, LETTERS[letter])
    for path in ACTIONS_OF:
        for sent, headers in (
            ({}, {}),
            ({"csrf": "wrong"}, {}),
            ({"csrf": CSRF}, {"sec-fetch-site": "cross-site"}),
        ):
            answer = await browser.http.post(address(path), data=sent, headers=headers)
            assert answer.status_code == 403, (path, sent)


async def test_nobody_is_led_to_the_sign_in_page_from_everywhere(api):
    browser = ConsoleClient(api)
    browser.http.cookies.delete(PLAIN_COOKIE)
    for path in PAGES_OF:
        answer = await browser.get(address(path))
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, SIGN_IN), path
    for path in ACTIONS_OF:
        answer = await browser.post(address(path))
        assert (answer.status_code, answer.headers["location"]) == (303, SIGN_IN), path


async def test_menu_lists_what_a_role_may_see_and_nothing_else(api):
    listed = [page for page in PAGES if page.group is not None]
    for letter, role in LETTERS.items():
        text = (await ConsoleClient(api, role).get("/console/me")).text
        for page in listed:
            shown = f'<li><a href="{page.path}"' in text
            assert shown == (letter in PAGES_OF[page.path]), (role, page.path)
