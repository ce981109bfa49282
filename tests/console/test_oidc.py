"""Signing in with an identity provider, honest and otherwise."""

import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from gateway.domain.errors import ConfigurationError
from gateway.port import Secret
from gateway.settings import decode
from gateway.settings_console import ConsoleSettings, OidcSettings
from gateway.storage.account_orders import DisableAccount, manage_account
from gateway.storage.scopes import Role
from tests.console_door_world import Clock, open_door
from tests.console_world import text_of
from tests.oidc_provider import CLIENT, SECRET, encoded, identity_provider

BASE = "http://localhost"
START = "/console/oidc/start?next=/console/me"


class Both:
    """A console and its provider."""

    def __init__(self, world, provider):
        self.world = world
        self.provider = provider

    async def away(self, browser):
        """Begin; where the browser is to come back to."""
        answer = await browser.get(START)
        assert answer.status_code == 303, text_of(answer)
        return self.provider.authorize(answer.headers["location"]).removeprefix(BASE)

    async def sign_in(self, browser=None):
        browser = browser or self.world.browser()
        return await browser.get(await self.away(browser))


@pytest.fixture
async def provider():
    async with identity_provider(Clock()) as opened:
        yield opened


@pytest.fixture
async def both(sqlite_url, provider):
    async with opened(sqlite_url, provider) as found:
        yield found


def opened(url, provider, **options):
    return _Opened(url, provider, options)


class _Opened:
    def __init__(self, url, provider, options):
        oidc = OidcSettings(
            issuer=provider.issuer,
            client_id=CLIENT,
            client_secret=Secret(SECRET),
            roles={"van-hanh": [Role.OPERATOR], "thanh-tra": [Role.AUDITOR]},
            **options,
        )
        self.provider = provider
        self.door = open_door(url, address=BASE, oidc=oidc)

    async def __aenter__(self):
        world = await self.door.__aenter__()
        self.provider.clock = world.clock
        return Both(world, self.provider)

    async def __aexit__(self, *fault):
        await self.door.__aexit__(*fault)


async def refused(both, words, status=403):
    answer = await both.sign_in()
    assert (answer.status_code, words in text_of(answer)) == (status, True), text_of(answer)
    assert await both.world.rows("console_session") == []


UNVERIFIED = "Không xác minh được"


async def test_first_sign_in_makes_an_account_with_the_roles_of_the_claim(database_url, provider):
    async with opened(database_url, provider) as both:
        browser = both.world.browser()
        answer = await both.sign_in(browser)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/me")
        [account] = await both.world.rows("account")
        assert (account.name, account.display_name) == ("tran.thi.mau", "Trần Thị Mẫu")
        assert (account.roles, account.password_hash) == ("role:operator", None)
        assert "Trần Thị Mẫu" in text_of(await browser.get("/console/me"))
        both.provider.person["groups"] = ["thanh-tra", "ai-do"]
        assert (await both.sign_in()).status_code == 303
        [account] = await both.world.rows("account")
        assert account.roles == "role:auditor"
        assert await both.world.history() == [
            ("account.create", "account:tran.thi.mau"),
            ("account.sign_in", "account:tran.thi.mau"),
            ("account.roles", "account:tran.thi.mau"),
            ("account.sign_in", "account:tran.thi.mau"),
        ]


async def test_sign_in_page_offers_the_provider(both):
    page = await both.world.browser().get("/console/sign-in?next=/console/me")
    assert "Đăng nhập qua OpenID Connect" in text_of(page)
    assert 'href="/console/oidc/start?next=%2Fconsole%2Fme"' in page.text


async def test_name_of_a_local_account_is_not_taken_over(both):
    await both.world.add("tran.thi.mau", Role.ADMINISTRATOR)
    await both.sign_in()
    accounts = {row.name: row.roles for row in await both.world.rows("account")}
    assert len(accounts) == 2
    assert accounts.pop("tran.thi.mau") == "role:administrator"
    [(name, roles)] = accounts.items()
    assert name.startswith("tran.thi.mau-")
    assert roles == "role:operator"


@pytest.mark.parametrize("groups", [[], ["ai-do"], None, "ai-do", [7, {"van-hanh": 1}], {"van-hanh": True}])
async def test_person_without_a_role_is_refused_and_no_account_is_made(both, groups):
    both.provider.person["groups"] = groups
    await refused(both, "chưa được giao vai trò nào")
    assert await both.world.rows("account") == []


async def test_disabled_account_stays_out(both):
    await both.sign_in()
    order = DisableAccount(actor="t", reason="t", now=both.world.clock(), account="tran.thi.mau")
    await both.world.gateway.database.write(lambda tx: manage_account(tx, order))
    answer = await both.sign_in()
    assert "đã bị vô hiệu" in text_of(answer)
    assert all(row.ended_at for row in await both.world.rows("console_session"))


async def test_roles_may_stand_deep_in_a_claim(sqlite_url, provider):
    provider.person["realm_access"] = {"roles": ["thanh-tra"]}
    async with opened(sqlite_url, provider, claim="realm_access.roles") as both:
        assert (await both.sign_in()).status_code == 303
        [account] = await both.world.rows("account")
        assert account.roles == "role:auditor"


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "mau@evil.example"},
        {"email": "mau@h99.example.evil.example"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
    ],
)
async def test_only_verified_addresses_of_allowed_domains_come_in(sqlite_url, provider, claims):
    async with opened(sqlite_url, provider, domains=["h99.example"]) as both:
        assert (await both.sign_in()).status_code == 303
    provider.person.update(claims)
    async with opened(sqlite_url, provider, domains=["h99.example"]) as both:
        answer = await both.sign_in()
        assert (answer.status_code, "không thuộc đơn vị" in text_of(answer)) == (403, True)


def unsigned(header, claims):
    return f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}."


def keyed_with_the_public_key(provider):
    """The classic: HMAC with what everybody knows."""

    def sign(header, claims):
        secret = provider.keys[0].as_pem(private=False)
        text = f"{encoded({**header, 'alg': 'HS256'})}.{encoded(claims)}"
        mac = hmac.new(secret, text.encode(), hashlib.sha256).digest()
        return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    return sign


def with_another_key(header, claims):
    return jwt.encode(header, claims, RSAKey.generate_key(2048, {"kid": header["kid"]}))


def with_a_key_of_its_own(header, claims):
    own = RSAKey.generate_key(2048, {"kid": "own"})
    return jwt.encode({**header, "kid": "own", "jwk": own.as_dict(private=False)}, claims, own)


def nothing_like_it(_header, _claims):
    return "\u00e9..%%%"


def bent_body(provider):
    def sign(header, claims):
        head, _, mac = jwt.encode(header, claims, provider.keys[0]).split(".")
        return f"{head}.{encoded({**claims, 'groups': ['thanh-tra']})}.{mac}"

    return sign


@pytest.mark.parametrize(
    "forger",
    [
        lambda _provider: unsigned,
        keyed_with_the_public_key,
        lambda _provider: with_another_key,
        lambda _provider: with_a_key_of_its_own,
        lambda _provider: nothing_like_it,
        bent_body,
    ],
    ids=[
        "alg none",
        "HS256 with the public key",
        "another key",
        "key in the header",
        "no token",
        "bent body",
    ],
)
async def test_token_that_does_not_prove_lets_nobody_in(both, forger):
    both.provider.sign = forger(both.provider)
    await refused(both, UNVERIFIED)
    both.provider.sign = None
    assert (await both.sign_in()).status_code == 303


async def test_symmetric_key_among_the_published_ones_is_no_key(both):
    shared = OctKey.generate_key(256, {"kid": "shared"})
    honest = both.provider.keys[0]
    both.provider.keys = [honest, Published(shared)]
    both.provider.sign = lambda header, claims: jwt.encode({"alg": "HS256", "kid": "shared"}, claims, shared)
    await refused(both, UNVERIFIED)


class Published:
    def __init__(self, key):
        self.key, self.kid = key, key.kid

    def as_dict(self, private=False):
        return self.key.as_dict(private=True)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "somebody-else"},
        {"aud": ["somebody-else", "another"]},
        {"aud": [CLIENT, "another"]},
        {"aud": None},
        {"azp": "somebody-else"},
        {"nonce": "of another attempt"},
        {"nonce": None},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": 10**40},
        {"exp": 1_600_000_000},
        {"iat": None},
        {"iat": 1_600_000_000},
        {"nbf": 9_999_999_999},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
    ],
    ids=json.dumps,
)
async def test_token_with_a_wrong_claim_lets_nobody_in(both, claims):
    both.provider.token = claims
    await refused(both, UNVERIFIED)


async def test_several_audiences_need_the_authorised_party(both):
    both.provider.token = {"aud": [CLIENT, "another"], "azp": CLIENT}
    assert (await both.sign_in()).status_code == 303


async def test_rotated_key_is_fetched_and_the_withdrawn_one_no_longer_counts(both):
    assert (await both.sign_in()).status_code == 303
    withdrawn = both.provider.keys[0]
    both.provider.rotate()
    both.world.clock.forward(minutes=5)
    assert (await both.sign_in()).status_code == 303
    both.provider.sign = lambda header, claims: jwt.encode(
        {"alg": "RS256", "kid": "first"}, claims, withdrawn
    )
    answer = await both.sign_in()
    assert UNVERIFIED in text_of(answer)


async def test_unknown_keys_do_not_have_the_keys_fetched_again_and_again(both):
    both.provider.sign = with_a_key_of_its_own
    for _ in range(5):
        await both.sign_in()
    assert both.provider.asked.count("/keys") == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"state": "of-somebody-else"}, "đã hết hạn"),
        ({"state": ""}, "đã hết hạn"),
        ({"iss": "https://evil.example"}, UNVERIFIED),
        ({"iss": ""}, UNVERIFIED),
        ({"code": ""}, "không cho đăng nhập"),
        ({"error": "access_denied"}, "không cho đăng nhập"),
        ({"code": "made-up"}, UNVERIFIED),
    ],
)
async def test_answer_that_is_not_of_this_attempt_lets_nobody_in(both, answer, words):
    both.provider.answer = answer
    await refused(both, words)


async def test_code_works_once_and_only_in_its_browser(both):
    browser, other = both.world.browser(), both.world.browser()
    back = await both.away(browser)
    thief = await other.get(back)
    assert "không bắt đầu từ trình duyệt này" in text_of(thief)
    kept = dict(browser.http.cookies)
    assert (await browser.get(back)).status_code == 303
    again = both.world.browser()
    for name, value in kept.items():
        again.http.cookies.set(name, value)
    assert (await again.get(back)).status_code == 403
    assert len(await both.world.rows("console_session")) == 1


async def test_attempt_that_took_too_long_is_over(both):
    browser = both.world.browser()
    back = await both.away(browser)
    both.world.clock.forward(minutes=11)
    assert "đã hết hạn" in text_of(await browser.get(back))


async def test_verifier_never_leaves_before_the_code_is_redeemed(both):
    browser = both.world.browser()
    location = (await browser.get(START)).headers["location"]
    query = dict(parse_qsl(urlsplit(location).query))
    assert set(query) == {
        *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge"),
        "code_challenge_method",
    }
    assert query["redirect_uri"] == f"{BASE}/console/oidc/return"
    assert len({query["state"], query["nonce"], query["code_challenge"]}) == 3


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "https://evil.example/token"},
        {"jwks_uri": "http://169.254.169.254/latest"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": None},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
async def test_provider_that_names_foreign_addresses_is_not_followed(both, discovery):
    both.provider.discovery = discovery
    answer = await both.world.browser().get(START)
    assert (answer.status_code, UNVERIFIED in text_of(answer)) == (403, True)


async def test_provider_that_is_gone_is_told_and_asked_again(sqlite_url):
    async with identity_provider(Clock()) as provider:
        pass
    async with opened(sqlite_url, provider) as both:
        answer = await both.world.browser().get(START)
        assert (answer.status_code, "Không liên lạc được" in text_of(answer)) == (503, True)
        async with identity_provider(both.world.clock, at=provider.issuer) as back:
            both.provider = back
            assert (await both.sign_in()).status_code == 303


async def test_nothing_of_the_provider_is_logged_in_clear(both, capsys):
    await both.sign_in()
    stored = str([await both.world.rows(name) for name in ("operator_action", "console_session", "message")])
    told = capsys.readouterr().out
    for secret in (SECRET, "a%20secret"):
        assert secret not in stored + told


@pytest.mark.parametrize(
    "section",
    [
        {"issuer": "http://sso.example", "client_id": "x", "roles": {"a": ["auditor"]}},
        {"issuer": "https://sso.example", "client_id": "x", "roles": {}},
        {"issuer": "https://sso.example", "client_id": "x", "roles": {"a": ["emperor"]}},
        {
            "issuer": "https://sso.example",
            "client_id": "x",
            "roles": {"a": ["auditor"]},
            "algorithms": ["none"],
        },
        {
            "issuer": "https://sso.example",
            "client_id": "x",
            "roles": {"a": ["auditor"]},
            "algorithms": ["HS256"],
        },
        {"issuer": "https://sso.example", "client_id": "x", "roles": {"a": ["auditor"]}, "scopes": ["email"]},
    ],
)
def test_settings_that_would_be_unsafe_or_useless_are_refused(section):
    with pytest.raises(ConfigurationError):
        decode({"address": "https://lienthong.example", "oidc": section}, ConsoleSettings)
