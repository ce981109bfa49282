"""One Chromium a module, and people who have signed in with it.

Invariant: what leads it keeps an event loop running in its thread, so it ends with the module: asynchronous tests of other
modules in the same process could not run beside it.

Where there is no Chromium, every test that wants one is skipped, and says why.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.browser.house import House
from tests.browser.person import Person

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    """A browser without a screen."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed, so no browser can be led"
    )
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("Chromium is not on this machine (Debian: apt-get install chromium); no page to look at")
    with playwright.sync_playwright() as leading:
        browser = leading.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def person(chromium: object, house: House) -> Iterator[object]:
    """Makes people with a browser of their own, signed in to the module's house."""
    made: list[Person] = []

    def enter(account: str = "tran.thi.mau", **options: object) -> Person:
        made.append(Person(chromium, house, account, **options))
        return made[-1]

    yield enter
    for each in made:
        each.leave()
