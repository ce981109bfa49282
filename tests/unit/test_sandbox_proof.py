"""Who judges signatures in the sandbox: what is signed as the configuration says passes, what is not is refused and named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.bootstrap import build_keyring
from gateway.port import Manifest, Operation, OperationKind, ReadOperation
from gateway.port.signing import UNSIGNED, Answers, Profile, SigningPolicy
from gateway.sandbox import Authority
from gateway.sandbox.proof import KeyedProof, proof_for
from gateway.settings import Settings
from gateway.signing import wsse, xades
from gateway.signing.expectation import Expectation
from gateway.signing.findings import Refused, Verified
from gateway.signing.keyring import Keyring
from tests.unit.test_cli_enclosing import SOAP

NOW = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)
ANSWERS = Answers(profile=Profile.WSSE_X509, trusted="ministry")
WSSE = SigningPolicy(profile=Profile.WSSE_X509, key="h99", answers=ANSWERS)
XADES = SigningPolicy(profile=Profile.XADES, key="h99", element="{urn:thu}HoSo", where_present=True)


def keyring(folder: Path, *names: str) -> Keyring:
    authority, keys = Authority(NOW), {}
    for name in names:
        holder = authority.signer(name)
        (folder / f"{name}.crt").write_bytes(holder.certificate)
        (folder / f"{name}.key").write_bytes(holder.key)
        source = {
            "kind": "pem",
            "certificate": str(folder / f"{name}.crt"),
            "key": str(folder / f"{name}.key"),
        }
        keys[name] = [source]
    trusted = {name: [str(folder / f"{name}.crt")] for name in names}
    return build_keyring(Settings(signing={"keys": keys, "trusted": trusted}))


def manifest(policy: SigningPolicy, asking: SigningPolicy = UNSIGNED) -> Manifest:
    return Manifest(
        name="ministry",
        title="Ministry",
        title_vi="Bộ",
        contract="none",
        operations=(
            Operation(
                name="submit",
                calls=("Nop",),
                kind=OperationKind.SNAPSHOT,
                title="Submit",
                source="none",
                signing=policy,
            ),
        ),
        reads=(ReadOperation(name="progress", title="State", source="none", signing=asking),),
    )


def proof(policy: SigningPolicy, ring: Keyring, asking: SigningPolicy = UNSIGNED) -> KeyedProof:
    made = proof_for(manifest(policy, asking), ring)
    assert made is not None
    return made


def test_a_signed_call_is_believed_and_its_signer_named(tmp_path) -> None:
    ring = keyring(tmp_path, "h99")
    signed = wsse.sign(SOAP, ring.key("h99", NOW), now=NOW)
    judged = proof(WSSE, ring).judge(signed, operation="Nop", now=NOW)
    assert (judged.refusal, judged.signer) == ("", "CN=h99")


@pytest.mark.parametrize("case", ["unsigned", "changed", "other_key", "old", "no_xml"])
def test_a_call_that_is_not_signed_as_agreed_is_refused_with_its_reason(tmp_path, case) -> None:
    ring = keyring(tmp_path, "h99", "stranger")
    key = ring.key("stranger" if case == "other_key" else "h99", NOW)
    at = NOW - timedelta(hours=1) if case == "old" else NOW
    body = {
        "unsigned": SOAP,
        "changed": wsse.sign(SOAP, key, now=at).replace(b">1<", b">2<"),
        "no_xml": b"\x00",
    }.get(case) or wsse.sign(SOAP, key, now=at)
    judged = proof(WSSE, ring).judge(body, operation="Nop", now=NOW)
    assert judged.signer == ""
    assert judged.refusal


def test_only_the_element_that_has_a_place_for_it_is_signed(tmp_path) -> None:
    ring = keyring(tmp_path, "h99")
    judging = proof(XADES, ring)
    signed = xades.sign(SOAP, ring.key("h99", NOW), element=XADES.element, now=NOW)
    assert judging.judge(signed, operation="Nop", now=NOW).signer == "CN=h99"
    assert judging.judge(SOAP, operation="Nop", now=NOW).refusal
    without = SOAP.replace(b"HoSo", b"Khac")
    assert judging.judge(without, operation="Nop", now=NOW).refusal == ""
    assert judging.judge(SOAP, operation="Hoi", now=NOW).refusal == ""  # questions have a policy of their own


def test_answers_are_signed_with_the_partners_key_where_the_sandbox_has_it(tmp_path) -> None:
    ring = keyring(tmp_path, "h99", "ministry")
    expected = Expectation(trusted=ring.trusted("ministry"), now=NOW)
    made = proof(WSSE, ring).seal(SOAP, operation="Nop", now=NOW)
    assert isinstance(wsse.verify(made, expected), Verified)
    without = proof(WSSE, keyring(tmp_path, "h99")).seal(SOAP, operation="Nop", now=NOW)
    assert isinstance(wsse.verify(without, expected), Refused)
    plain = SigningPolicy(profile=Profile.WSSE_X509, key="h99")
    assert proof(plain, ring).seal(SOAP, operation="Nop", now=NOW) is SOAP


def test_nobody_judges_where_nothing_is_signed() -> None:
    assert proof_for(manifest(UNSIGNED), Keyring()) is None
