"""A crawl with every role and with nobody: every link and every form of every page, over a real socket."""

import csv
import io
import re

import pytest

from gateway.console.surface import HEADERS, POLICY
from gateway.console.table import ACTIONS, PAGES
from tests.security_world import HOSTILE, PERSONS, ROLES, SECRETS, Seen, word_of

MOST = 220
NUMBERS = re.compile(r"\d{4,}")
HARMLESS = {"/console/language", "/console/sign-out"}  # the one changes nothing, the other ends the crawl
MADE_UP = {
    "/console/log/7",
    "/console/deliveries/1",
    "/console/runs/1",
    "/console/payments/reconciliation/runs/1",
}
# what a form could change; beside it only clocks and the worker's own rows
CHANGED = (
    *(
        "account",
        "approval",
        "client",
        "webhook",
        "delivery",
        "dossier",
        "drift",
        "refund",
        "payment_request",
    ),
    *("payment_decision", "payment_orphan", "reconciliation", "retry_run", "operator_action"),
)


def crawl(browser, start="/console"):
    """Every page that can be reached by links and by forms that only look, as (address, answer)."""
    known, waiting = {start}, [start]
    while waiting and len(known) < MOST:
        address = waiting.pop(0)
        answer = browser.get(address)
        yield address, answer
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        seen = Seen(answer.text)
        looks = {action or address.partition("?")[0] for method, action, _ in seen.forms if method == "get"}
        for link in sorted(seen.links | looks):
            plain = link.partition("#")[0]
            alike = NUMBERS.sub("#", plain)
            if plain.startswith("/console") and "/assets/" not in plain and alike not in known:
                known.add(alike)
                waiting.append(plain)


def seen_by(served, role):
    """What a role has seen in one crawl."""
    if role not in served.crawled:
        served.crawled[role] = list(crawl(served.as_(role)))
    return served.crawled[role]


def faults_of(answer, secrets):
    """What is wrong with an answer whatever was asked."""
    found = []
    asset = answer.url.path.startswith("/console/assets/")
    if answer.status_code >= 500:
        found.append(f"status {answer.status_code}")
    if not asset:
        found += [
            f"{name}: {answer.headers.get(name)}"
            for name, value in HEADERS
            if answer.headers.get(name) != value
        ]
    if answer.headers.get("content-type", "").startswith("text/html"):
        found += Seen(answer.text).foul
        found += [f"secret {name}" for name, value in secrets.items() if value in answer.text]
        found += [f"person {name}" for name, value in PERSONS.items() if value in answer.text]
        found += ["template" for _ in [1] if "&gt;\u202e&lt;/b&gt;49" in answer.text]
    for line in answer.headers.get_list("set-cookie"):
        if "HttpOnly" not in line or "SameSite=" not in line or "Path=/" not in line:
            found.append(line.partition("=")[0])
    return found


def row_of(path, rows):
    """The row of the console's table for an address; the most literal one."""
    fit = [row for row in rows if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", row.path), path)]
    return min(fit, key=lambda row: row.path.count("{"), default=None)


def secrets_of(served, browser):
    words = {f"cookie {name}": value for name, value in browser.cookies.items() if "language" not in name}
    return {**SECRETS, **words, "key": served.key, "file": str(served.folder)}


def test_policy_allows_nothing_foreign_or_inline():
    parts = dict(part.strip().split(" ", 1) for part in POLICY.split(";"))
    assert not any(word in POLICY for word in ("unsafe", "http", "*"))
    assert parts["default-src"] == "'none'"
    assert parts["frame-ancestors"] == "'none'"
    assert parts["base-uri"] == "'none'"
    assert parts["form-action"] == "'self'"


@pytest.mark.parametrize("role", ROLES)
def test_every_link_leads_somewhere_safe(served, role):
    browser = served.as_(role)
    secrets, wrong, count = secrets_of(served, browser), [], 0
    for address, answer in seen_by(served, role):
        count += 1
        found = faults_of(answer, secrets)
        # 422: a form that looks, without its fields
        if answer.status_code not in {200, 303, 422} and address not in MADE_UP:
            found.append(f"status {answer.status_code}")
        wrong += [(address, each) for each in found]
    assert wrong == [], "\n".join(map(str, wrong))
    assert count > 20


@pytest.mark.parametrize("role", ROLES)
def test_pages_that_others_reach_are_closed_to_whoever_lacks_their_scope(served, role):
    browser, secrets = served.as_(role), secrets_of(served, served.as_(role))
    addresses = {address for other in ("operator", "administrator") for address, _ in seen_by(served, other)}
    closed, wrong = 0, []
    may = {page.name for page in PAGES if allowed(served, role, page.scope)}
    for address in sorted(addresses):
        answer = browser.get(address)
        page = row_of(address.partition("?")[0], PAGES)
        wrong += [(address, each) for each in faults_of(answer, secrets)]
        if page is not None and page.name not in may:
            closed += 1
            if answer.status_code != 403:
                wrong.append((address, answer.status_code))
    assert wrong == []
    assert closed or role in {"operator", "auditor"}


def allowed(served, role, scope):
    from gateway.storage.accounts import scopes_of
    from gateway.storage.scopes import Role

    return scope is None or scope in scopes_of(frozenset({Role(role)}))


def test_nobody_sees_but_the_door(served):
    browser = served.browser()
    addresses = {address for address, _ in seen_by(served, "operator")} | {page.path for page in PAGES}
    for address in sorted(addresses - {"/console/new-password"}):
        answer = browser.get(address)
        assert answer.status_code == 303, address
        assert answer.headers["location"].startswith("/console/sign-in"), address
        assert faults_of(answer, SECRETS) == [], address
    for action in ACTIONS:
        assert browser.post(action.path, data={"csrf": "x"}).status_code == 303


def posts_of(served, role):
    """Every form that changes something, once for each address but for its numbers: (address, fields)."""
    found = {}
    for _, answer in seen_by(served, role):
        if answer.headers.get("content-type", "").startswith("text/html"):
            for method, action, fields in Seen(answer.text).forms:
                if method == "post" and action and action not in HARMLESS:
                    found.setdefault(NUMBERS.sub("#", action), (action, fields))
    return list(found.values())


@pytest.mark.parametrize("role", ROLES)
def test_no_form_does_anything_without_its_word(served, role):
    browser = served.as_(role)
    word = word_of(browser)
    forms = posts_of(served, role)
    assert len(forms) > (15 if role == "operator" else 2)
    other = word_of(served.as_("auditor" if role != "auditor" else "operator"))
    before, wrong = served.rows(*CHANGED), []
    for address, fields in forms:
        given = [(name, value or "abc") for name, value in fields if name != "csrf"]
        plain = "&".join(f"{name}={value}" for name, value in given)
        tries = {
            "none": {"data": dict(given)},
            "empty": {"data": {**dict(given), "csrf": ""}},
            "of another session": {"data": {**dict(given), "csrf": other}},
            "twice": {"data": {**dict(given), "csrf": [word, word]}},
            "in the address": {"data": dict(given), "params": {"csrf": word}},
            "in a header": {"data": dict(given), "headers": {"x-csrf-token": word}},
            "cross-site": {
                "data": {**dict(given), "csrf": word},
                "headers": {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
            },
            "as text": {"content": plain, "headers": {"content-type": "text/plain"}},
            "as JSON": {"json": {**dict(given), "csrf": word}},
            "as parts": {"files": {name: (None, value) for name, value in given}},
        }
        for name, sent in tries.items():
            answer = browser.post(address, **sent)
            if answer.status_code not in {400, 403, 404, 415, 422}:
                wrong.append((address, name, answer.status_code))
    assert wrong == []
    assert served.rows(*CHANGED) == before
    assert browser.get("/console/me").status_code == 200


def test_canaries_have_been_where_it_hurts(served):
    """A crawl that sees no hostile text proves nothing."""
    pages = "".join(answer.text for _, answer in seen_by(served, "operator"))
    assert pages.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 20
    assert HOSTILE not in pages


def test_no_cell_of_a_file_runs_in_a_spreadsheet(served):
    answer = served.as_("auditor").get("/console/actions/file")
    assert answer.headers["content-disposition"].startswith("attachment;")
    cells = [cell for row in csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))) for cell in row]
    assert any("=1+1" in cell for cell in cells)
    assert [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))] == []
