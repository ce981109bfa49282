"""Pictures of every page in both languages, over the invented province of the tests: ``python -m tests.browser.screenshots``.

They go to ``docs/console/<language>/<page>.png`` with ``docs/console/README.md``, which lists them.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from gateway.console.page import Page
from gateway.console.table import PAGES
from gateway.console.words import say
from gateway.storage.scopes import ROLES
from tests.browser.conftest import NAMES
from tests.browser.house import PEOPLE, House, open_house
from tests.browser.person import DESK, Person
from tests.browser.seeding import DOWNLOADS, Seeded, seed

FOLDER = Path(__file__).parents[2] / "docs" / "console"
HIGHEST, COLOURS = 1400, 16
HEAD = """# The console, page by page

Made by `python -m tests.browser.screenshots` over an invented province; every name and number is made up.

| Trang | Page | Tiếng Việt | English |
|---|---|---|---|
"""


def main() -> None:
    """Take all pictures anew."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        sys.exit("Chromium is not on this machine (Debian: apt-get install chromium)")
    with (
        tempfile.TemporaryDirectory() as folder,
        open_house(Path(folder)) as house,
        sync_playwright() as leading,
    ):
        browser = leading.chromium.launch(executable_path=found, args=["--no-sandbox"])
        seeded = seed(house)
        for language in ("vi", "en"):
            _take(browser, house, seeded, language)
        browser.close()
    rows = [_row(page) for page in PAGES if page.path not in DOWNLOADS]
    (FOLDER / "README.md").write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")


def _take(browser: object, house: House, seeded: Seeded, language: str) -> None:
    target = FOLDER / language
    target.mkdir(parents=True, exist_ok=True)
    people: dict[str, Person] = {}
    for page in PAGES:
        if page.path in DOWNLOADS:
            continue
        account = next(
            name for name, (_, role) in PEOPLE.items() if page.scope is None or page.scope in ROLES[role]
        )
        if account not in people:
            people[account] = Person(browser, house, account, language=language)
        status = people[account].open(seeded.address(page))
        if status != 200:
            sys.exit(f"{page.path} answered {status}")
        if page.path == "/console":  # its slow figures come by themselves
            for part in ('#slow[hx-trigger="every 60s"]', '#now[hx-trigger="every 5s"]'):
                people[account].page.wait_for_selector(part)
        picture = Image.open(io.BytesIO(people[account].page.screenshot(full_page=True)))
        cut = picture.crop((0, 0, DESK, min(picture.height, HIGHEST))).convert("RGB")
        cut.quantize(COLOURS, dither=Image.Dither.NONE).save(target / f"{_name(page)}.png", optimize=True)


def _name(page: Page) -> str:
    """The page's address as a file's name: what is looked up in it counts as ``one``."""
    bare = re.sub(r"\{\w+\}", "one", page.path.removeprefix("/console").strip("/"))
    return bare.replace("/", "-") or "overview"


def _row(page: Page) -> str:
    title_vi, title_en = say("vi", page.title), say("en", page.title)
    name = _name(page)
    return f"| {title_vi} | {title_en} `{page.path}` | [{name}](vi/{name}.png) | [{name}](en/{name}.png) |"


if __name__ == "__main__":
    main()
