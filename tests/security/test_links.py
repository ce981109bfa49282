"""Nobody is shown a way that is closed: every link, every self-refreshing part and every button of every page, by role.

The house is the one that the browser's tests seed, so that every page has something to show; nothing here needs a browser.
"""

import re
from urllib.parse import parse_qsl

import httpx
import pytest

from gateway.console.door import PLAIN_COOKIE
from gateway.console.table import ACTIONS, PAGES
from gateway.storage.scopes import ROLES
from tests.browser.house import PEOPLE, open_house
from tests.browser.seeding import seed
from tests.console_door_world import PASSWORD
from tests.security.test_crawl import row_of
from tests.security_world import Seen, word_of

NUMBERS = re.compile(r"\d+")
MOST = 300
OF_THE_DOOR = {"/console/language", "/console/sign-out", "/console/new-password"}
ACCOUNTS = {role: name for name, (_, role) in reversed(PEOPLE.items())}


class Offered(Seen):
    """``targets``: where the buttons of forms that change something send them."""

    def __init__(self, text, address):
        self.targets = set()
        self._here, self._form = address.partition("?")[0], None
        super().__init__(text)

    def handle_starttag(self, tag, attrs):
        super().handle_starttag(tag, attrs)
        given = dict(attrs)
        if tag == "form":
            self._form = given.get("action") or self._here
            if given.get("method") != "post":
                self._form = None
        elif tag == "button" and self._form is not None:
            self.targets.add(given.get("formaction") or self._form)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with open_house(tmp_path_factory.mktemp("house")) as house:
        house.seeded = seed(house)
        yield house


@pytest.fixture(scope="module")
def crawled(house):
    """What each role has seen: by address, where it was shown, the status, and what was on it."""
    return {role: crawl(house, role) for role in ACCOUNTS}


def sign_in(browser, role):
    word = word_of(browser, "/console/sign-in")
    entry = {"csrf": word, "name": ACCOUNTS[role], "password": PASSWORD, "next": "/console"}
    browser.post("/console/sign-in", data=entry)
    assert PLAIN_COOKIE in browser.cookies


def crawl(house, role):
    """Every page of the table that the role may open, and all that is reached from there, once but for its numbers."""
    begin = [page for page in PAGES if page.scope is None or page.scope in ROLES[role]]
    waiting = [(page.path, house.seeded.address(page)) for page in begin]
    known, found = {kind_of(address) for _, address in waiting}, {}
    with httpx.Client(base_url=house.address, timeout=30) as browser:
        sign_in(browser, role)
        while waiting:
            source, address = waiting.pop(0)
            answer = browser.get(address)
            text = answer.text if answer.headers["content-type"].startswith("text/html") else ""
            found[address] = (source, answer.status_code, Offered(text, address))
            for link in sorted(ways(found[address][2], address)):
                if kind_of(link) not in known:
                    known.add(kind_of(link))
                    waiting.append((address, link))
            assert len(found) < MOST
    return found


def kind_of(address):
    """What is alike of addresses that lead to the same thing of something else."""
    path, _, query = address.partition("?")
    return NUMBERS.sub("#", path), tuple(sorted(name for name, _ in parse_qsl(query)))


def ways(seen, address):
    """Where one gets from a page by looking."""
    looks = {action or address.partition("?")[0] for method, action, _ in seen.forms if method == "get"}
    links = {each.partition("#")[0] for each in seen.links | looks}
    return {each for each in links if each.startswith("/console") and "/assets/" not in each}


@pytest.mark.parametrize("role", ACCOUNTS, ids=str)
def test_no_link_that_is_shown_is_closed_to_whoever_sees_it(crawled, role):
    closed = [
        f"{address} on {source}" for address, (source, status, _) in crawled[role].items() if status == 403
    ]
    assert closed == [], "\n".join(closed)
    assert len(crawled[role]) > 30


@pytest.mark.parametrize("role", ACCOUNTS, ids=str)
def test_no_button_that_is_shown_is_closed_to_whoever_sees_it(crawled, role):
    closed, count = [], 0
    for address, (_, _, seen) in crawled[role].items():
        for target in seen.targets - OF_THE_DOOR:
            row = row_of(target, ACTIONS)
            assert row is not None, (address, target)
            count += 1
            if row.scope is not None and row.scope not in ROLES[role]:
                closed.append(f"{target} on {address}")
    assert closed == [], "\n".join(closed)
    assert count


def test_crawls_see_every_page(crawled):
    seen = {row_of(address.partition("?")[0], PAGES) for found in crawled.values() for address in found}
    assert {page.path for page in PAGES} - {page.path for page in seen if page is not None} == set()
