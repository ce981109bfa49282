"""Every page of the console in a real browser: nothing complained of, wide enough for a phone, usable by everybody."""

from __future__ import annotations

import pytest

from gateway.console.table import PAGES
from gateway.storage.scopes import ROLES
from tests.browser.house import PEOPLE, open_house
from tests.browser.person import DESK, PHONE
from tests.browser.seeding import DOWNLOADS, seed

pytestmark = [pytest.mark.xdist_group("browser-pages"), pytest.mark.timeout(300)]
SHOWN = [page for page in PAGES if page.path not in DOWNLOADS]
# language, width, theme, and whether axe looks: twice at every page; the other two looks are shared out among them
LOOKS = (("vi", PHONE, "dark", True), ("en", DESK, "light", True))
SHARED = (("vi", DESK, "light", False), ("en", PHONE, "light", False))
CASES = [
    pytest.param(page, look, id=f"{page.path} {look[0]} {look[1]} {look[2]}")
    for place, page in enumerate(SHOWN)
    for look in (*LOOKS, SHARED[place % 2])
]


@pytest.fixture(scope="module")
def house(tmp_path_factory, chromium):
    with open_house(tmp_path_factory.mktemp("house")) as opened:
        opened.seeded = seed(opened)
        yield opened


def account_for(page):
    """Whoever may see it; the first operator wherever operators may."""
    return next(name for name, (_, role) in PEOPLE.items() if page.scope is None or page.scope in ROLES[role])


def test_every_page_of_the_table_has_an_address(house):
    addresses = house.seeded.addresses()
    assert {page.path for page in PAGES} == addresses.keys()
    assert not [address for address in addresses.values() if "{" in address]
    assert set(DOWNLOADS) <= addresses.keys()


@pytest.fixture(scope="module")
def viewers(chromium, house):
    """Signed in once for each account and look."""
    from tests.browser.person import Person

    known = {}

    def viewer(account, language, width, theme):
        key = (account, language, width, theme)
        if key not in known:
            known[key] = Person(chromium, house, account, language=language, width=width, color_scheme=theme)
        known[key].complaints.clear()
        return known[key]

    yield viewer
    for each in known.values():
        each.leave()


@pytest.mark.parametrize(("page", "look"), CASES)
def test_page_is_whole_and_fit_for_everybody(house, viewers, page, look):
    language, width, _, thorough = look
    viewer = viewers(account_for(page), *look[:3])
    assert viewer.open(house.seeded.address(page)) == 200
    shown = viewer.page
    assert shown.evaluate("document.documentElement.lang") == language
    assert shown.locator("h1").count() == 1
    assert shown.locator("h1").inner_text().strip()
    assert shown.title().split("·")[0].strip()
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.className") == "skip"
    assert viewer.complaints == []
    if thorough:
        assert serious(shown) == []


def serious(shown):
    """What axe says keeps people out, or makes it hard for them."""
    from axe_playwright_python.sync_playwright import Axe

    return [
        (each["id"], [node["html"][:200] for node in each["nodes"][:4]])
        for each in Axe().run(shown).response["violations"]
        if each["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("path", sorted(DOWNLOADS))
def test_file_is_given_to_be_kept(house, viewers, path):
    [page] = [each for each in PAGES if each.path == path]
    viewer = viewers(account_for(page), "vi", DESK, "light")
    answer = viewer.context.request.get(house.address + house.seeded.address(page))
    assert answer.status == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert len(answer.body()) > 20


def test_every_link_of_every_page_leads_somewhere(house, viewers):
    viewer = viewers("tran.thi.mau", "vi", DESK, "light")
    pages = [page for page in SHOWN if account_for(page) == "tran.thi.mau"]
    links = set()
    for page in pages:
        viewer.open(house.seeded.address(page))
        links |= set(
            viewer.page.eval_on_selector_all("a[href^='/']", "all => all.map(a => a.getAttribute('href'))")
        )
    broken = []
    for link in sorted(each.partition("#")[0] for each in links):
        answer = viewer.context.request.get(house.address + link, max_redirects=3)
        if answer.status != 200:
            broken.append((answer.status, link))
    assert broken == []
