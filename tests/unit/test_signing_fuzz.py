"""Whatever is done to a signed message, verification answers; what it believes is what was signed."""

import base64
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.port import Secret, WireRequest
from gateway.port.signing import PasswordKind
from gateway.signing import http_signature, jws, username, wsse, xades
from gateway.signing.findings import Refused, Verified
from gateway.signing.keyring import Account
from gateway.signing.replay import ReplayWindow
from tests.unit.signing_world import DOSSIER, NOW, der64, expecting, message, signing_key

KEY = signing_key()
ROUNDS = 400
MOST_GROWTH_MB = 120
ROOT = Path(__file__).resolve().parents[2]
PIECES = (
    b"<",
    b">",
    b'"',
    b"</",
    b"<!--",
    b"-->",
    b"<?",
    b"&#0;",
    b"&x;",
    b"#",
    b"Id",
    b"=",
    b"\x00",
    b"\xff",
    b"xmlns=''",
)


def damaged(written, chance):
    """Some bytes changed, left out, doubled or moved."""
    made = bytearray(written)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(made)) if made else 0
        match chance.randrange(5):
            case 0:
                made[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del made[place : place + chance.randint(1, 60)]
            case 2:
                made[place:place] = chance.choice(PIECES)
            case 3:
                made[place:place] = made[place : place + chance.randint(1, 200)]
            case _:
                piece = made[place : place + 40]
                del made[place : place + 40]
                other = chance.randrange(len(made) + 1)
                made[other:other] = piece
    return bytes(made)


def outcome(found, genuine):
    assert isinstance(found, Verified | Refused)
    if isinstance(found, Verified):
        assert found.content == genuine
    else:
        assert found.code
        assert found.reason
    return isinstance(found, Verified)


@pytest.mark.parametrize("seed", range(3))
def test_damaged_soap_is_answered(seed):
    chance = random.Random(seed)
    signed = wsse.sign(message(), KEY, now=NOW)
    genuine = wsse.verify(signed, expecting(KEY)).content

    believed = [outcome(wsse.verify(damaged(signed, chance), expecting(KEY)), genuine) for _ in range(ROUNDS)]

    assert not all(believed)


@pytest.mark.parametrize("seed", range(3))
def test_damaged_xades_is_answered(seed):
    chance = random.Random(seed)
    signed = xades.sign(message(), KEY, element=DOSSIER, now=NOW)
    genuine = xades.verify(signed, expecting(KEY), element=DOSSIER).content

    believed = [
        outcome(xades.verify(damaged(signed, chance), expecting(KEY), element=DOSSIER), genuine)
        for _ in range(ROUNDS)
    ]

    assert not all(believed)


def test_damaged_jws_is_answered():
    chance = random.Random(1)
    signed = jws.sign(message(), KEY, now=NOW).encode()

    for _ in range(ROUNDS):
        found = damaged(signed, chance).decode("latin-1")
        outcome(jws.verify(found, message(), expecting(KEY)), message())


def test_damaged_http_signature_is_answered():
    chance = random.Random(1)
    request = WireRequest(method="POST", url="https://partner.example/x?y=1", body=message())
    added = http_signature.sign(http_signature.of_request(request), KEY, ("@method",), now=NOW)

    for _ in range(ROUNDS):
        headers = tuple(
            (name, damaged(value.encode(), chance).decode("latin-1") if chance.random() < 0.6 else value)
            for name, value in added
        )
        found = http_signature.of_request(msgspec.structs.replace(request, headers=headers))
        if outcome(http_signature.verify(found, ("@method",), expecting(KEY)), message()):
            http_signature.covered_headers(found)


def test_damaged_username_token_is_answered():
    chance = random.Random(1)
    account = Account(username="u", password=Secret("p"))
    signed = username.sign(message(), account, kind=PasswordKind.DIGEST, nonce=bytes(16), now=NOW)

    for _ in range(ROUNDS):
        found = damaged(signed, chance)
        # the token covers nothing of the message, which is why TLS has to
        outcome(username.verify(found, account, window=ReplayWindow(300), now=NOW), found)


def test_a_damaged_certificate_is_answered_byte_by_byte():
    genuine = der64(KEY.certificate)
    written = base64.b64decode(genuine)
    signed = wsse.sign(message(), KEY, now=NOW)
    codes = set()
    for place in range(len(written)):
        changed = bytearray(written)
        changed[place] ^= 0x15
        found = wsse.verify(signed.replace(genuine.encode(), base64.b64encode(changed)), expecting(KEY))
        assert isinstance(found, Refused)
        codes.add(found.code)

    assert codes <= {"untrusted_certificate", "certificate_unreadable"}
    assert len(codes) == 2


def test_hostile_answers_are_refused_in_bounded_memory():
    """The signature is looked at before the envelope is, so the envelope's own bounds do not help here."""
    program = """
import re
from tests.unit.signing_world import DOSSIER, expecting, signing_key
from tests.unit.soap_answers import HOSTILE, wrapped
from gateway.signing import wsse, xades
expected = expecting(signing_key())
ids = wrapped("".join(f'<a Id="{number}"/>' for number in range(900_000)))
def peak():  # getrusage would also tell what the parent had
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
before = peak()
for body in (ids, *(body for body, _, _ in HOSTILE.values())):
    for found in (wsse.verify(body, expected), xades.verify(body, expected, element=DOSSIER)):
        assert found.code, found
print((peak() - before) // 1024)
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT, timeout=120
    )
    assert int(answer.stdout) < MOST_GROWTH_MB, answer.stdout
