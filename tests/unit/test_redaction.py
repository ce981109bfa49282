"""Canaries: secrets in every dress that we could think of, looked for in what would be stored."""

import base64
import json
import timeit
from urllib.parse import quote, quote_plus, urlencode
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messagelog.entry import About, Scope, request_entry
from gateway.messagelog.redaction import REDACTED, redact_body, redact_headers, redact_url
from gateway.port import WireRequest
from tests.log_reading import clear_body

FIELDS = ("session", "password", "access_token", "MatKhau", "otp")
SECRET = "cAnArY/9f8e+7d6c=1234ab"
PLAIN = "canary9f8e7d6c1234ab"


def b64(data):
    return base64.b64encode(data.encode()).decode()


def nested(document, levels):
    for _ in range(levels):
        document = json.dumps({"message": document, "error_code": 0})
    return document


def at(template, secret=SECRET):
    return template.replace("@@", secret)


PHP_SECRET = SECRET.replace("/", "\\/")
LOGIN = json.dumps({"username": "h99", "password": SECRET, "n": 1})

# name -> a body in which the secret is the value of a secret field
BY_FIELD = {
    "json": LOGIN,
    "json with white space": f'{{"password"  :\n\t "{SECRET}"}}',
    "json deep inside": json.dumps({"a": [{"b": {"session": SECRET}}]}),
    "json in another case": json.dumps({"PassWord": SECRET}),
    "json with a quote in the value": json.dumps({"password": f'x"y{SECRET}'}),
    "json with backslashes in the value": json.dumps({"password": f"\\\\{SECRET}\\"}),
    "json ending in a backslash": json.dumps({"password": f"{SECRET}\\", "next": "kept"}),
    "json object as value": json.dumps({"session": {"id": SECRET, "ttl": 5}, "next": "kept"}),
    "json array as value": json.dumps({"session": ["a", {"b": SECRET}], "next": "kept"}),
    "json cut off in the value": f'{{"a":1,"password":"{SECRET}',
    "json cut off in an array": f'{{"a":1,"password":["{SECRET}',
    "json text, once": nested(LOGIN, 1),
    "json text, twice": nested(LOGIN, 2),
    "json text, three times": nested(LOGIN, 3),
    "json text, twice, with quotes inside": nested(json.dumps({"password": f'a"b\\"c{SECRET}"d\\'}), 2),
    "json text, pretty": nested(json.dumps({"a": 1, "password": SECRET}, indent=2), 1),
    "json name escaped": at('{"p\\u0061ssw\\u006frd":"@@"}'),
    "json quotes escaped by .NET": at("{\\u0022password\\u0022:\\u0022@@\\u0022}"),
    "json in single quotes": f"{{'password': '{SECRET}'}}",
    "json without quotes": f"{{password: '{SECRET}'}}",
    "json name and value apart": json.dumps([{"key": "password", "value": SECRET}]),
    "php dump": f"array('password' => '{SECRET}')",
    "form": urlencode({"user": "h99", "password": SECRET, "x": "1"}),
    "form, first": urlencode({"password": SECRET, "x": "1"}),
    "form, nothing encoded": f"user=h99&password={SECRET}",
    "form, name encoded": f"user=h99&p%61ssword={quote(SECRET)}",
    "form with json": urlencode({"params": LOGIN}),
    "form with json text": urlencode({"params": nested(LOGIN, 1)}),
    "form with json, encoded twice": urlencode({"params": quote(LOGIN)}),
    "form in a form": urlencode({"next": f"https://portal.invalid/x?password={quote(SECRET)}&y=1"}),
    "address in json": json.dumps({"next": f"https://portal.invalid/x?y=1&password={SECRET}"}),
    "address in json, escaped by .NET": at('{"next":"https://portal.invalid/x?y=1\\u0026password=@@"}'),
    "address in json, escaped by php": at(
        '{"next":"https:\\/\\/portal.invalid\\/x?password=@@"}', PHP_SECRET
    ),
    "xml": f"<login><password>{escape(SECRET)}</password></login>",
    "xml with namespaces": f'<s:a xmlns:s="u"><s:MatKhau xsi:type="xs:string">{SECRET}</s:MatKhau></s:a>',
    "xml over lines": f"<a>\n <password\n  type='x'>\n  {SECRET}\n </password>\n</a>",
    "xml cdata": f"<a><password><![CDATA[x<b>{SECRET}</b>]]></password></a>",
    "xml comment first": f"<a><password><!-- here -->{SECRET}</password></a>",
    "xml children": f"<a><password><value>{SECRET}</value></password></a>",
    "xml inside itself": f"<a><password><password>x</password>{SECRET}</password></a>",
    "xml cut off": f"<a><password>{SECRET}",
    "xml attribute": f"<login user='h99' password={quoteattr(SECRET)}/>",
    "xml attribute, single quotes": f"<login password = '{SECRET}' user='h99'/>",
    "xml attribute with namespace": f'<login a:password="{SECRET}"/>',
    "xml attribute with a sign": f'<login note="a > b" password="{SECRET}">x</login>',
    "xml parameter": f'<param name="password">{SECRET}</param>',
    "xml parameter with value": f'<param name="password" value="{SECRET}"/>',
    "xml in xml": f"<data>{escape(f'<ns:password>{SECRET}</ns:password>')}</data>",
    "xml in xml, numbered": f"<data>&#60;password&#62;{SECRET}&#60;/password&#62;</data>",
    "xml in json": json.dumps({"data": f"<password>{SECRET}</password>"}),
    "xml attribute in json": json.dumps({"data": f'<login password="{SECRET}"/>'}),
    "xml in json, escaped by .NET": at('{"data":"\\u003cpassword\\u003e@@\\u003c/password\\u003e"}'),
    "xml in json, escaped by php": at('{"data":"<password>@@<\\/password>"}', PHP_SECRET),
    "json in xml": f"<data>{escape(LOGIN, {chr(34): '&quot;'})}</data>",
    "multipart": f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--b--',
    "multipart with a type": '--b\nContent-Disposition: form-data; name="password"\nContent-Type: text/plain'
    f"\n\n{SECRET}\nsecond line\n--b--",
    "lines": f"user: h99\npassword: {SECRET}\nhost: x",
    "lines in json": json.dumps({"error": f"bad header\npassword: {SECRET}\nhost: x"}),
    "text": f"login failed, password={SECRET} user=h99",
}


@pytest.mark.parametrize("name", BY_FIELD)
def test_value_of_a_secret_field_is_not_stored(name):
    body = BY_FIELD[name].encode()

    stored = redact_body(body, fields=FIELDS)

    assert REDACTED.encode() in stored
    assert "canary" not in stored.decode().lower()
    assert "7d6c" not in stored.decode().lower()


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_value_of_a_secret_field_is_not_stored_in_wide_letters(coding):
    body = f'<?xml version="1.0"?><a><password>{SECRET}</password><b>giữ</b></a>'.encode(coding)

    stored = redact_body(body, fields=FIELDS).decode(coding)

    assert stored == f'<?xml version="1.0"?><a><password>{REDACTED}</password><b>giữ</b></a>'


def telling_pieces(dress, secret):
    """Pieces of the dressed secret that another secret in the same dress does not have."""
    text, other = dress(secret), dress("x" * len(secret))
    return {text[at : at + 10] for at in range(len(text) - 9)} - {
        other[at : at + 10] for at in range(len(other) - 9)
    }


USUAL_DRESSES = (
    str,
    lambda text: text.translate({letter: letter - 32 for letter in range(97, 123)}),
    lambda text: json.dumps({"note": text}),
    lambda text: json.dumps({"note": text}).replace("/", "\\/"),
    lambda text: json.dumps({"note": text}).replace("+", "\\u002B"),
    lambda text: nested(json.dumps({"note": text}), 2),
    quote,
    quote_plus,
    lambda text: quote(text, safe=""),
    lambda text: quote(quote(text, safe=""), safe=""),
    lambda text: f"<a>{escape(text)}</a>",
    b64,
    lambda text: b64(f"u:{text}"),
    lambda text: b64(f"us:{text}\n"),
    lambda text: b64(f"use:{text} and more"),
    lambda text: base64.urlsafe_b64encode(f"x{text}x".encode()).decode(),
    lambda text: base64.encodebytes(("x" * 40 + text + "y" * 80).encode()).decode(),
    lambda text: json.dumps(base64.encodebytes(("x" * 40 + text + "y" * 80).encode()).decode()),
    lambda text: text.encode().hex(),
    lambda text: text.encode().hex().upper(),
    lambda text: f"Bearer {text}\nHost: x",
)
# credentials are ASCII in every contract, so their free mixtures are undone for ASCII only
ODD_DRESSES = (
    lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    lambda text: text[:3] + "".join(f"\\u{ord(letter):04X}" for letter in text[3:6]) + text[6:],
    lambda text: "".join(f"\\x{ord(letter):02x}" for letter in text),
    lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    lambda text: "".join(f"&#x{ord(letter):X};" for letter in text),
    lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    lambda text: quote("".join(f"\\u{ord(letter):04x}" for letter in text)),
)
DRESSED = [(dress, secret) for dress in USUAL_DRESSES for secret in (SECRET, PLAIN, "mật-khẩu/đặc+biệt")]
DRESSED += [(dress, secret) for dress in ODD_DRESSES for secret in (SECRET, PLAIN)]


@pytest.mark.parametrize(("dress", "secret"), DRESSED)
def test_live_credential_is_not_stored_in_any_form(dress, secret):
    kept = "giữ nguyên phần này"
    body = f"{kept} | {dress(secret)} | {kept}".encode()

    stored = redact_body(body, fields=(), secrets=(secret,)).decode()

    assert REDACTED in stored
    assert stored.startswith(f"{kept} | ")
    assert stored.endswith(f" | {kept}")
    assert not [piece for piece in telling_pieces(dress, secret) if piece in stored]


def test_only_the_value_changes():
    body = '{"a": "giữ",\r\n "session" : "s3cr3t-session", "b":[1, 2.50, "\\u1ed9"], "c":"session"}'.encode()

    stored = redact_body(body, fields=FIELDS)

    assert stored == body.replace(b"s3cr3t-session", REDACTED.encode())


def test_redacted_json_is_still_json():
    document = {"session": {"id": 5}, "otp": 123456, "access_token": ["x"], "password": "x", "n": 1}

    stored = json.loads(redact_body(json.dumps(document).encode(), fields=FIELDS))

    assert stored == dict.fromkeys(("session", "otp", "access_token", "password"), REDACTED) | {"n": 1}


def test_redacted_json_text_is_still_json_text():
    body = nested(json.dumps({"otp": 123456, "session": {"id": 5}, "n": 1}), 2).encode()

    stored = json.loads(json.loads(json.loads(redact_body(body, fields=FIELDS))["message"])["message"])

    assert stored == {"otp": REDACTED, "session": REDACTED, "n": 1}


@pytest.mark.parametrize(
    "body",
    [
        '{"session": null, "password": "", "otp": false}',
        "<a><session/><password></password></a>",
        '{"message": "Phiên làm việc (session) đã hết hạn"}',
        '{"sessions": "x1", "xsession": "x2", "session_id": "x3"}',
        "<passwordHint>ask your mother</passwordHint>",
        "user=h99&passwords=x&mypassword=y",
        "",
        "{",
        '"session"',
        "session",
        "%zz%",
        "\\",
    ],
)
def test_what_is_no_secret_stays_to_the_byte(body):
    assert redact_body(body.encode(), fields=FIELDS, secrets=(SECRET,)) == body.encode()


def test_neighbours_of_a_secret_stay():
    body = b"user=h99&password=x1y2z3&keep=1;<Password>p</Password><kept/>"

    stored = redact_body(body, fields=FIELDS)

    assert stored == b"user=h99&password=[redacted]&keep=1;<Password>[redacted]</Password><kept/>"


def test_redacting_twice_changes_nothing_more():
    once = redact_body(BY_FIELD["json text, twice"].encode(), fields=FIELDS)

    assert redact_body(once, fields=FIELDS) == once


@given(st.binary(max_size=300), st.sampled_from(sorted(BY_FIELD)))
def test_garbage_around_a_record_is_survived(garbage, name):
    body = garbage + b"\n" + BY_FIELD[name].encode() + garbage

    redact_body(body, fields=FIELDS, secrets=(SECRET,))


@given(
    st.recursive(
        st.text(max_size=12) | st.integers() | st.none() | st.booleans(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=8) | st.just("note"), inner, max_size=3)
        ),
        max_leaves=12,
    ),
    st.integers(0, 3),
    st.booleans(),
)
def test_every_json_document_keeps_everything_but_its_secrets(document, levels, ascii_only):
    def planted(value):
        if isinstance(value, dict):
            return {key: planted(item) for key, item in value.items()} | {"password": f'a"\\{PLAIN}\n'}
        return [planted(item) for item in value] if isinstance(value, list) else value

    def expected(value):
        if isinstance(value, dict):
            return {key: expected(item) for key, item in value.items()} | {"password": REDACTED}
        return [expected(item) for item in value] if isinstance(value, list) else value

    text = json.dumps({"root": planted(document), "password": PLAIN}, ensure_ascii=ascii_only)
    for _ in range(levels):
        text = json.dumps(text, ensure_ascii=ascii_only)

    stored = redact_body(text.encode("utf-8", "surrogatepass"), fields=("password",))

    found = stored.decode("utf-8", "surrogatepass")
    for _ in range(levels + 1):
        found = json.loads(found)
    assert found == {"root": expected(document), "password": REDACTED}


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://portal.invalid/x?session=abc123&y=1", "https://portal.invalid/x?session=[redacted]&y=1"),
        ("https://portal.invalid/x?y=1&PASSWORD=a%2Fb", "https://portal.invalid/x?y=1&PASSWORD=[redacted]"),
        ("https://h99:s3cret@portal.invalid/x", "https://h99:[redacted]@portal.invalid/x"),
        ("https://t0ken@portal.invalid/x", "https://[redacted]@portal.invalid/x"),
        ("https://portal.invalid/t/canary9f8e7d6c1234ab/x", "https://portal.invalid/t/[redacted]/x"),
        ("https://portal.invalid/x?a=b@c", "https://portal.invalid/x?a=b@c"),
        ("/nhan?p=\udcff", "/nhan?p=\\udcff"),
    ],
)
def test_address_is_stored_without_secrets(url, stored):
    assert redact_url(url, fields=FIELDS, secrets=(PLAIN,)) == stored


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "AUTHORIZATION",
        "proxy-authorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "X_API_KEY",
        "Session",
        "Access-Token",
        "access_token",
        "matkhau",
        "X-Portal-Key",
    ],
)
def test_header_is_stored_without_its_secret(name):
    stored = redact_headers([(name, "top-secret"), ("x-kept", "1")], names=("x-portal-key",), fields=FIELDS)

    assert stored == [[name, REDACTED], ["x-kept", "1"]]


@pytest.mark.parametrize(
    "value",
    [
        "https://portal.invalid/login?session=top-secret",
        "session=top-secret; path=/",
        f"Bearer {PLAIN}",
        f"Basic {b64('h99:' + PLAIN)}",
        f'{{"password":"{PLAIN}"}}',
    ],
)
def test_secret_inside_a_header_is_not_stored(value):
    [[_, stored]] = redact_headers([("x-debug", value)], names=(), fields=FIELDS, secrets=(PLAIN,))

    assert REDACTED in stored
    assert "top-secret" not in stored
    assert PLAIN not in stored


def test_header_with_half_a_letter_can_be_stored():
    [[key, value]] = redact_headers([("x-\udcff", "\udcfe")], names=(), secrets=(PLAIN,))

    assert (key, value) == ("x-\\udcff", "\\udcfe")


def test_log_entry_has_no_secret_in_any_part(now):
    scope = Scope(channel="p", secret_fields=FIELDS, secret_headers=("x-portal-key",))
    request = WireRequest(
        method="POST",
        url=f"https://u:{quote(SECRET, safe='')}@portal.invalid/x?session={SECRET}",
        headers=(("X-Portal-Key", SECRET), ("Referer", f"https://portal.invalid/?access_token={SECRET}")),
        body=LOGIN.encode(),
    )

    entry = request_entry(scope, About(id=1, at=now, operation="x"), request)

    everything = repr(entry).lower() + clear_body(entry.body, entry.body_size).decode().lower()
    assert "canary" not in everything
    assert "7d6c" not in everything


@pytest.fixture
def now():
    from datetime import UTC, datetime

    return datetime(2026, 9, 28, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "unit",
    [
        b'"session":"',
        b"<session>",
        b"<session ",
        b'<session "',
        b"session=",
        b'\\"session\\":',
        b"session ",
        b"%73",
        b'name="session"\n',
        b"%22session",
        b"&quot;session",
        b"\\u0073",
        b'"session":{',
        b'"session":["',
        b"&#115;",
        b"\\" * 50 + b'"session"',
        b"\n ",
        b"cana\n",
        b'"name":"session",',
    ],
)
def test_hostile_body_costs_linear_time(unit):
    body = (unit * (1_000_000 // len(unit)))[:1_000_000]

    seconds = timeit.timeit(lambda: redact_body(body, fields=FIELDS, secrets=(SECRET,)), number=1)

    assert seconds < 3.0  # a square of it would take minutes


def test_body_without_secrets_costs_little():
    """The bound is an order of magnitude above what it takes, so that a busy machine does not break it."""
    record = {
        "code": "H99.14-260928-0007",
        "applicant": {"name": "Nguyễn Văn Thử"},
        "summary": "Đề nghị cấp lại",
    }
    body = json.dumps([record] * 30, ensure_ascii=False).encode()[:4096]

    seconds = min(
        timeit.repeat(lambda: redact_body(body, fields=FIELDS, secrets=(SECRET,)), number=100, repeat=5)
    )

    assert seconds / 100 < 200e-6
