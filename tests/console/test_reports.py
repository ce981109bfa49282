"""Reports on the console: every figure leads to its dossiers, every page says from what it was computed."""

import html
import re

import msgspec
import pytest

from gateway.reports.dossiers import KINDS
from tests.api_world import open_world
from tests.console_world import ConsoleClient, text_of
from tests.standings_world import MINI_ROW, mini, store

MARCH = "from=2026-03-01&to=2026-03-31"
LANGUAGES = [
    ("vi", "Tình hình, kết quả giải quyết thủ tục hành chính"),
    ("en", "Procedures received and resolved"),
]


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        yield opened


@pytest.fixture
async def march(world):
    await store(world.gateway.database, mini(spread=True))
    return world


def links(page, start):
    """Every link of the page that begins so, with what it shows."""
    found = re.findall(r'<a[^>]*href="([^"]*)"[^>]*>([^<]*)</a>', page.text)
    return [(html.unescape(href), text) for href, text in found if href.startswith(start)]


@pytest.mark.parametrize(("language", "title"), LANGUAGES)
async def test_form_without_a_dossier_is_a_form_all_the_same(world, language, title):
    browser = ConsoleClient(world.api, language=language)
    page = await browser.get("/console/reports/06a")
    assert page.status_code == 200
    assert title in text_of(page)
    assert (await browser.get("/console/reports")).status_code == 200
    assert (await browser.get("/console/reports/766")).status_code == 200


async def test_form_shows_the_figures_of_the_domain_rules(march):
    page = await ConsoleClient(march.api).get(f"/console/reports/06a?{MARCH}&by=agency&show=both")
    foot = page.text.partition("<tfoot>")[2].partition("</tfoot>")[0]
    shown = re.findall(r"rule=date[^>]*>([0-9.]+)<", foot)
    assert shown == [str(number) for number in MINI_ROW.values()]
    assert "theo giờ: 3" in text_of(page)
    rules = march.gateway.deadlines.rules
    assert rules.version in page.text
    assert rules.calendar.version in page.text


async def test_every_figure_leads_to_as_many_dossiers(march):
    browser = ConsoleClient(march.api)
    form = await browser.get(f"/console/reports/06a?{MARCH}&by=agency&show=both")
    figures = links(form, "/console/reports/06a/dossiers?")
    assert len(figures) > 40
    for href, text in figures[::3]:
        number = int(re.sub(r"\D", "", text.rpartition(":")[2]))
        page = await browser.get(href)
        assert page.status_code == 200, href
        assert len(links(page, "/console/dossiers/")) == number, href


async def test_pages_of_dossiers_are_printed_with_their_classes(march):
    page = await ConsoleClient(march.api).get(f"/console/reports/06a/dossiers?{MARCH}&column=10")
    told = text_of(page)
    assert "Đã giải quyết quá hạn" in told
    assert "Quá hạn" in told
    assert "ngày làm việc" in told


@pytest.mark.parametrize("kind", KINDS)
async def test_every_list_has_its_page_in_both_languages(march, kind):
    for language in ("vi", "en"):
        browser = ConsoleClient(march.api, language=language)
        page = await browser.get(f"/console/reports/{kind}?{MARCH}")
        assert page.status_code == 200, page.text


@pytest.mark.parametrize("what", ["06a", "766", "dossiers", "overdue"])
@pytest.mark.parametrize("ending", ["xlsx", "csv", "json"])
async def test_every_report_is_saved_as_a_file(march, what, ending):
    more = "&column=3" if what == "dossiers" else ""
    path = f"/console/reports/{what}/file?{MARCH}&format={ending}{more}"
    answer = await ConsoleClient(march.api).get(path)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert f".{ending}" in answer.headers["content-disposition"]
    if ending == "json":
        assert msgspec.json.decode(answer.content)["stamp"]["first"] == "2026-03-01"
    if ending == "json" and what == "dossiers":
        assert len(msgspec.json.decode(answer.content)["items"]) == 12


@pytest.mark.parametrize(
    "query",
    [
        "period=next-month",
        "from=2026-03-01",
        "from=2026-03-31&to=2026-03-01",
        "period=2026-03&as_of=2026-04-15T10:00",
        "by=officer",
        "strict=perhaps",
        "closing=99",
        "as_of=yesterday",
    ],
)
async def test_wrong_wish_is_told_beside_the_form(march, query):
    page = await ConsoleClient(march.api).get(f"/console/reports/06a?{query}")
    assert page.status_code == 422
    assert "Kỳ, ngày chốt hoặc điều kiện chưa đúng" in text_of(page)
    assert "<form" in page.text.partition("<main")[2]


async def test_empty_fields_of_the_form_are_left_out(march):
    empty = "period=2026-03&from=&to=&as_of=&agency=&field=&procedure=&closing=&strict=&by=total&show=date"
    page = await ConsoleClient(march.api).get(f"/console/reports/06a?{empty}")
    assert page.status_code == 200
    late = await ConsoleClient(march.api).get("/console/reports/06a?period=2026-03&as_of=2026-03-20T17:00")
    assert "20/03/2026 17:00:00" in text_of(late)


async def test_hostile_words_are_escaped(march):
    page = await ConsoleClient(march.api).get(
        "/console/reports/06a?period=2026-03&agency=%3Cscript%3Ealert(1)%3C/script%3E%22%E2%80%AE"
    )
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


async def test_report_or_column_that_is_not_there_is_not_found(march):
    browser = ConsoleClient(march.api)
    for path in ("nobody", "06a/dossiers?column=14", "nobody/file?format=csv", "06a/file?format=pdf"):
        assert (await browser.get(f"/console/reports/{path}")).status_code == 404


async def test_administrator_reads_no_dossiers(march):
    browser = ConsoleClient(march.api, "administrator")
    for path in ("", "/06a", "/766", "/overdue", "/06a/dossiers?column=3", "/06a/file?format=csv"):
        assert (await browser.get(f"/console/reports{path}")).status_code == 403
