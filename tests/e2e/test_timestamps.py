"""A time stamp over a real socket: asked for, made by the sandbox's authority, believed by us and by openssl."""

from datetime import UTC, datetime, timedelta

import httpx
from cryptography import x509

from gateway.cli.sandbox import chosen, stand_in
from gateway.port import Capacity, WireRequest
from gateway.port.signing import Profile, SigningPolicy
from gateway.sandbox import FaultPlan, FaultRule, serve_sandbox
from gateway.sandbox.timestamps import NAME, ROOT_PATH
from gateway.settings import Settings
from gateway.signing import xades
from gateway.signing.keyring import Authority, Keyring
from gateway.signing.keys import local_key
from gateway.signing.seal import TimestampWanted, sign
from gateway.wire.client import Answered, HttpClient
from tests.unit.signing_world import DOSSIER, certificate, expecting, good, message, openssl, private


async def test_a_request_is_stamped_by_the_sandbox(tmp_path):
    now = datetime.now(UTC)
    own = private("p256", 70)
    key = local_key(
        "permits", own, certificate(own, begins=now - timedelta(days=1), ends=now + timedelta(days=1))
    )
    client = HttpClient(Capacity())
    async with serve_sandbox({NAME: stand_in(NAME, Settings())}) as sandbox:
        url = sandbox.url(NAME)
        async with httpx.AsyncClient() as browser:
            root = (await browser.get(url + ROOT_PATH)).content
        authority = Authority(name="stamps", url=url, roots=tuple(x509.load_pem_x509_certificates(root)))
        keyring = Keyring(keys={"permits": [key]}, authorities={"stamps": authority})
        policy = SigningPolicy(profile=Profile.XADES, key="permits", element=DOSSIER, timestamp="stamps")
        wanted = sign(
            WireRequest(method="POST", url="https://partner.example/ws", body=message()),
            policy, keyring, now=now, random=bytes,
        )  # fmt: skip
        assert isinstance(wanted, TimestampWanted)
        answer = await client.exchange(wanted.question)
        await client.close()
        asked = sandbox.record(NAME)["asked"]
        sandbox.reset(NAME)
        forgotten = sandbox.record(NAME)["asked"]
    assert isinstance(answer, Answered)
    made = wanted.finish(answer.response)

    later = datetime.now(UTC) + timedelta(seconds=1)
    expected = expecting(key, now=later, authorities=authority.roots, timestamped=True)
    found = good(xades.verify(made.body, expected, element=DOSSIER))
    assert found.stamped_at is not None
    assert (len(asked), len(forgotten)) == (1, 0)
    for name, content in {
        "reply": answer.response.body,
        "root": root,
        "data": wanted.unstamped.stamped_over,
    }.items():
        (tmp_path / name).write_bytes(content)
    code, said = openssl(
        "ts", "-verify", "-data", tmp_path / "data", "-in", tmp_path / "reply", "-CAfile", tmp_path / "root"
    )
    assert code == 0, said


async def test_the_authority_says_what_it_is_for_and_has_bad_days_like_every_stand_in():
    plan = FaultPlan(seed=1, rules=(FaultRule(fault="http_503", every_nth=1, service="root"),))
    async with (
        serve_sandbox({NAME: stand_in(NAME, Settings())}, plan=plan) as sandbox,
        httpx.AsyncClient() as browser,
    ):
        first = await browser.post(sandbox.url(NAME), content=b"x")
        second = await browser.get(sandbox.url(NAME) + ROOT_PATH)

    assert first.status_code == 400
    assert "timestamp-query" in first.text
    assert second.status_code == 503
    assert sandbox.simulator(NAME).administer("seed", b"") == {
        "error": "a time-stamping authority has no action 'seed'"
    }


def test_it_runs_only_when_it_is_named():
    assert NAME not in chosen([])
    assert chosen([NAME]) == [NAME]
