"""UsernameToken: right once and while it is young, and never again."""

import base64
import hashlib
from datetime import timedelta

import pytest
from lxml import etree

from gateway.port import Secret
from gateway.port.signing import PasswordKind
from gateway.signing import username
from gateway.signing.findings import CannotSign
from gateway.signing.keyring import Account
from gateway.signing.replay import ReplayWindow
from tests.unit.signing_world import NOW, SOAP11, SOAP12, bad, edited, good, message, one

ACCOUNT = Account(username="motcua-h99", password=Secret("mật khẩu thử"))
NONCE = bytes(range(16))
WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"


def signed(kind=PasswordKind.DIGEST, *, nonce=NONCE, soap=SOAP11, now=NOW):
    return username.sign(message(soap), ACCOUNT, kind=kind, nonce=nonce, now=now)


def verify(document, *, window=None, now=NOW, account=ACCOUNT):
    return username.verify(document, account, window=window or ReplayWindow(300), now=now)


@pytest.mark.parametrize("kind", list(PasswordKind))
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_what_is_signed_here_verifies_here(kind, soap):
    found = good(verify(signed(kind, soap=soap)))

    assert found.signer == "motcua-h99"
    assert found.signed_at == NOW


def test_the_digest_is_the_profiles():
    """UsernameToken Profile 1.1 §3.1: Base64 of SHA-1 of nonce, created and password."""
    token = one(etree.fromstring(signed()), f"{WSSE}UsernameToken")
    words = {etree.QName(each).localname: each.text for each in token}
    made = hashlib.sha1(
        base64.b64decode(words["Nonce"]) + words["Created"].encode() + "mật khẩu thử".encode(),
        usedforsecurity=False,
    )

    assert words["Password"] == base64.b64encode(made.digest()).decode()


def test_zeep_makes_the_same_digest():
    from zeep.wsse.username import UsernameToken

    token = UsernameToken(
        "motcua-h99",
        "mật khẩu thử",
        use_digest=True,
        nonce=NONCE.decode("latin-1"),
        created=NOW.replace(microsecond=0),
    )
    theirs = etree.fromstring(message())
    token.apply(theirs, {})

    good(verify(etree.tostring(theirs)))


def test_a_token_is_good_once():
    window, document = ReplayWindow(300), signed()
    good(verify(document, window=window))

    bad(verify(document, window=window), "replayed")
    good(verify(signed(nonce=b"another nonce of 16+"), window=window))


def test_a_refused_token_does_not_use_up_the_nonce():
    window, document = ReplayWindow(300), signed()
    stranger = Account(username="motcua-h99", password=Secret("sai"))
    bad(verify(document, window=window, account=stranger), "wrong_password")

    good(verify(document, window=window))


def change(name, text):
    def edit(root):
        one(root, name).text = text

    return edit


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (change(f"{WSSE}Username", "admin"), "unknown_user"),
        (change(f"{WSSE}Password", "sai"), "wrong_password"),
        (change(f"{WSSE}Nonce", "AAAA"), "wrong_password"),
        (change(f"{WSSE}Nonce", "%"), "not_base64"),
        (change(f"{WSU}Created", "2026-11-26T02:01:00Z"), "wrong_password"),
        (change(f"{WSU}Created", "yesterday"), "wrong_password"),
        (lambda root: one(root, f"{WSSE}UsernameToken").remove(one(root, f"{WSSE}Nonce")), "nonce_missing"),
        (lambda root: one(root, f"{WSSE}UsernameToken").remove(one(root, f"{WSU}Created")), "time_missing"),
        (lambda root: one(root, f"{WSSE}Security").remove(one(root, f"{WSSE}UsernameToken")), "unsigned"),
        (lambda root: one(root, f"{WSSE}Password").set("Type", "urn:plain"), "malformed"),
    ],
)
def test_forged_token_is_refused_for_its_own_reason(edit, code):
    bad(verify(edited(signed(), edit)), code)


@pytest.mark.parametrize(("seconds", "code"), [(301, "expired"), (-61, "created_in_future")])
def test_a_token_out_of_its_time_is_refused(seconds, code):
    bad(verify(signed(), now=NOW + timedelta(seconds=seconds)), code)


def test_a_password_is_not_shown():
    refused = bad(
        verify(signed(PasswordKind.TEXT), account=Account(username="x", password=Secret("y"))), "unknown_user"
    )

    assert "mật khẩu" not in f"{refused!r}{ACCOUNT!r}"
    assert "mật khẩu".encode() not in signed()


def test_a_short_nonce_does_not_sign():
    with pytest.raises(CannotSign, match="16 random bytes"):
        signed(nonce=b"short")


def test_a_full_window_refuses_what_it_can_no_longer_tell():
    window = ReplayWindow(300, most=3)
    for number in range(5):
        assert window.refusal(bytes([number]), NOW + timedelta(seconds=number), NOW) is None

    assert window.refusal(b"\0", NOW, NOW)[0] == "expired"
    assert window.refusal(b"\4", NOW + timedelta(seconds=4), NOW)[0] == "replayed"
    assert window.refusal(b"\5", NOW + timedelta(seconds=5), NOW) is None


def test_a_window_forgets_what_is_too_old_anyway():
    window = ReplayWindow(300, most=1000)
    for number in range(5):
        window.refusal(bytes([number]), NOW, NOW)
    later = NOW + timedelta(seconds=301)

    assert window.refusal(b"new", later, later) is None
    assert len(window._seen) == 1
    assert window.refusal(b"\0", NOW, later)[0] == "expired"
