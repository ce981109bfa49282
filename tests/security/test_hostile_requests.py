"""Requests that no browser of an honest person sends: none is a fault, none gets in, none is passed on as a header."""

import json
import socket
import threading

import pytest

from tests.security.test_crawl import faults_of, posts_of
from tests.security_world import PASSWORD, SECRETS, word_of

FORM = "application/x-www-form-urlencoded"
CRLF = "abc\r\nset-cookie: evil=1\r\n\r\n<script>alert(9)</script>"
JOBS = "/console/jobs/tidy"


@pytest.mark.parametrize(
    "onward",
    [
        *(
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/console.evil.example",
        ),
        *(
            "/console@evil.example",
            "/console/../../evil",
            "javascript:alert(1)",
            "/console\r\nx: y",
            " /console/x",
        ),
        *(
            "https:evil.example",
            "/%0d%0aset-cookie:a=b",
            "/console/\t/evil.example",
            "http://localhost@evil.example",
        ),
    ],
)
def test_no_way_leads_to_another_site(served, onward):
    signed, stranger = served.as_("operator"), served.browser()
    answers = [
        signed.get("/console/sign-in", params={"next": onward}),
        stranger.get("/console/sign-in", params={"next": onward}),
        stranger.post("/console/language", data={"next": onward, "language": "vi"}),
        stranger.get("/console/oidc/start", params={"next": onward}),
    ]
    for answer in answers:
        where = answer.headers.get("location", "/console")
        assert where.partition("?")[0] == "/console", (answer.url.path, where)
        assert answer.status_code < 500
        assert "evil" not in dict(answer.cookies)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("many fields", b"&".join(b"a%d=1" % n for n in range(10_000)), FORM),
        ("one field many times", b"&".join([b"reason=abc"] * 10_000), FORM),
        ("large", b"reason=" + b"a" * 1_000_000, FORM),
        ("not UTF-8", b"reason=%ff%fe%c0%80&csrf=\xff\xfe", FORM),
        ("UTF-16", "csrf=x&reason=abc".encode("utf-16"), FORM + "; charset=utf-16"),
        ("UTF-7", b"reason=+ADw-script+AD4-", FORM + "; charset=utf-7"),
        ("surrogates", b"reason=%ed%a0%80abc", FORM),
        ("NUL", b"reason=abc%00def", FORM),
        ("no boundary", b"--x\r\n\r\n", "multipart/form-data"),
        ("endless boundary", b"--" + b"x" * 5000, "multipart/form-data; boundary=" + "x" * 5000),
        (
            "parts without end",
            b'--x\r\ncontent-disposition: form-data; name="csrf"\r\n',
            "multipart/form-data; boundary=x",
        ),
        (
            "many parts",
            b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n' * 5000 + b"--x--",
            "multipart/form-data; boundary=x",
        ),
        (
            "path as file",
            b'--x\r\ncontent-disposition: form-data; name="file"; filename="../../etc/passwd"\r\n\r\nq\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        ("semicolons", b"csrf=x;reason=abc", FORM),
        ("nothing", b"", FORM),
        ("percent", b"%=%&%zz=%", FORM),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_odd_forms_are_refused_and_are_no_fault(served, name, content, kind):
    browser = served.as_("operator")
    word = word_of(browser)
    before = served.rows("operator_action", "approval")
    for path in (
        JOBS,
        "/console/drift",
        "/console/evidence",
        "/console/payments/reconciliation/files",
        "/console/me/revoke",
    ):
        for body in (content, f"csrf={word}&".encode() + content if kind.startswith(FORM) else content):
            if path == "/console/me/revoke" and body != content:
                continue
            answer = browser.post(path, content=body, headers={"content-type": kind})
            assert 400 <= answer.status_code < 500 or answer.status_code == 303, (
                name,
                path,
                answer.status_code,
            )
            assert faults_of(answer, SECRETS) == []
    for path in ("/console/sign-in", "/console/new-password", "/console/language", "/console/sign-out"):
        stranger = served.browser()
        answer = stranger.post(path, content=content, headers={"content-type": kind})
        assert answer.status_code < 500, (name, path)
        stranger.close()
    after = served.rows("operator_action", "approval")
    assert name in {"surrogates", "UTF-7", "one field many times"} or after == before


def test_line_breaks_in_every_field_make_no_header_and_no_fault(served):
    browser = served.enter("xuong.dong", "operator")
    for address, fields in posts_of(served, "operator"):
        if address.startswith("/console/me"):
            continue
        given = {name: value or CRLF for name, value in fields if name != "csrf"}
        answer = browser.post(address, data={**given, "csrf": word_of(browser)})
        # whoever reads contents for a reason may ask for persons
        found = [each for each in faults_of(answer, SECRETS) if not each.startswith("person ")]
        assert found == [], address
        assert "evil" not in answer.cookies, address
        assert "<script>alert(9)" not in answer.text, address
    assert "\nset-cookie" not in served.told().replace("\\n", "")


def test_line_breaks_make_no_line_of_the_log(served):
    forged = '{"event": "forged"}'
    browser = served.browser()
    served.sign_in(browser, f"an\n{forged}", password=f"x\n{forged}")
    browser.get(f"/console/dossiers/x%0a{forged}", headers={"user-agent": f"x {forged}"})
    browser.get("/console", headers={"x-correlation-id": forged, "x-forwarded-for": forged})
    for line in served.told().splitlines():
        assert json.loads(line)["event"] != "forged"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_do_nothing(served, method):
    for path in ("/console", JOBS, "/console/sign-in", "/console/accounts"):
        answer = served.as_("administrator").request(method, path)
        assert answer.status_code in {403, 404, 405, 501}, (path, answer.status_code)
        assert "access-control-allow-origin" not in answer.headers


def test_head_gives_what_get_gives_without_its_body(served):
    browser = served.as_("operator")
    for path in (
        "/console",
        "/console/dossiers",
        "/console/sign-in",
        "/console/accounts",
        "/console/nowhere",
    ):
        head, get = browser.head(path), browser.get(path)
        assert head.status_code == get.status_code
        assert head.content == b""


@pytest.mark.parametrize(
    "path",
    [
        *("/console/../v1/clients", "/console/%2e%2e/v1/clients", "/console/dossiers/..%2f..%2fetc%2fpasswd"),
        *("/console/assets/..%2f..%2fpyproject.toml", "/console/assets/%2e%2e/page.py", "/console//accounts"),
        *(
            "/console/accounts/",
            "/CONSOLE/accounts",
            "/console/accounts;x=1",
            "/console/accounts%00",
            "/console/%00",
        ),
        *(
            "/console/reports/..%5c..%5cx/file",
            "/console/dossiers/%ff%fe",
            "/console/log/-1",
            "/console/log/1e9",
        ),
        *(
            "/console/log/9999999999999999999999999",
            "/console/payments/%F0%9F%92%A9",
            "/console/." + "a" * 4000,
        ),
    ],
)
def test_tricks_with_paths_lead_nowhere(served, path):
    host, _, port = served.address.removeprefix("http://").partition(":")
    cookies = "; ".join(f"{name}={value}" for name, value in served.as_("operator").cookies.items())
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(
            f"GET {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookies}\r\nconnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    status = int(answer.split(b" ", 2)[1])
    assert status in {303, 400, 403, 404, 422}, status
    assert b"root:" not in answer
    assert b"Traceback" not in answer


def test_a_session_that_somebody_else_has_chosen_is_not_taken(served):
    served.add("co.dinh", "operator")
    browser = served.browser()
    fixed = "A" * 43
    browser.cookies.set("lienthong", fixed, domain="127.0.0.1")
    answer = served.sign_in(browser, "co.dinh", password="sai mat khau roi 9")
    assert answer.status_code == 401
    entered = served.enter("co.dinh.hai", "operator")
    old = dict(entered.cookies)["lienthong"]
    assert old != fixed
    again = served.sign_in(entered, "co.dinh.hai")
    assert again.status_code == 303
    thief = served.browser()
    thief.cookies.set("lienthong", old, domain="127.0.0.1")
    assert thief.get("/console/me").status_code == 303, "a new sign-in ends the session so far"


def test_of_two_cookies_of_a_name_one_counts_and_no_page_mixes_them(served):
    own, other = (dict(served.as_(role).cookies)["lienthong"] for role in ("operator", "administrator"))
    browser = served.browser()
    for first, second in ((own, other), (other, own), ("x", own)):
        answer = browser.get("/console/me", headers={"cookie": f"lienthong={first}; lienthong={second}"})
        shown = [role for role in ("operator", "administrator") if f"mau.{role}" in answer.text]
        assert shown == [{own: "operator", other: "administrator"}[first]] if first != "x" else shown == []


@pytest.mark.parametrize("what", ["revoke", "disable", "roles", "password"])
def test_whoever_loses_a_right_in_the_middle_of_a_form_does_nothing_with_it(served, what):
    name = f"giua.chung.{what}"
    browser, second = served.enter(name, "operator"), served.browser()
    assert served.sign_in(second, name).status_code == 303
    words = [word_of(browser), word_of(second)]
    assert words[0] != words[1]
    body = {"reason": "không còn làm nữa"} | ({"roles": ["auditor"]} if what == "roles" else {})
    done = served.api.post(f"/v1/accounts/{name}/{what}", json=body)
    assert done.status_code == 200, done.text
    before = served.rows("approval", "operator_action", "job_run")
    for each, word in zip((browser, second), words, strict=True):
        answer = each.post(f"{JOBS}", data={"csrf": word, "reason": "thử một lần"})
        assert answer.status_code == (403 if what == "roles" else 303), answer.text
        if what != "roles":
            assert answer.headers["location"].startswith("/console/sign-in")
    actor = f"console/{name}"
    after = served.rows("approval", "operator_action", "job_run")
    assert [row for row in after["operator_action"] if actor in map(str, row)] == [
        row for row in before["operator_action"] if actor in map(str, row)
    ]


def test_nothing_is_kept_by_a_browser_that_has_signed_out(served):
    browser = served.enter("ra.ve", "auditor")
    page = browser.get("/console/dossiers")
    assert page.headers["cache-control"] == "no-store"
    kept = dict(browser.cookies)
    out = browser.post("/console/sign-out", data={"csrf": word_of(browser)})
    assert out.headers["clear-site-data"] == '"cache"'
    thief = served.browser()
    for name, value in kept.items():
        thief.cookies.set(name, value, domain="127.0.0.1")
    assert thief.get("/console/dossiers").status_code == 303


def test_guessing_at_many_accounts_from_one_place_is_slowed_down(served):
    browser = served.browser()
    statuses = [served.sign_in(browser, f"nguoi.{n}", password=PASSWORD).status_code for n in range(14)]
    assert statuses[:5] == [401] * 5
    assert 429 in statuses
    elsewhere = served.browser()
    assert served.sign_in(elsewhere, "nguoi.1").status_code == 401


def test_slow_and_many_readers_do_not_stop_the_console(served):
    host, _, port = served.address.removeprefix("http://").partition(":")
    lines = [socket.create_connection((host, int(port)), timeout=10) for _ in range(100)]
    try:
        head = "POST /console/sign-in HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n"
        for line in lines:
            line.sendall((head + f"content-type: {FORM}\r\n\r\nname=").encode())
        polls = [
            threading.Thread(target=served.api.get, args=("/v1/events",), kwargs={"params": {"wait": 1}})
            for _ in range(5)
        ]
        for poll in polls:
            poll.start()
        answer = served.as_("operator").get("/console", timeout=5)
        for poll in polls:
            poll.join()
        assert answer.status_code == 200
    finally:
        for line in lines:
            line.close()
