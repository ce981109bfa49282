"""Signing and verifying a message of 6 KB: ours against zeep's plug-in, signxml, joserfc and http-message-signatures.

All contenders do the same work in the same process, in turn, on the same bytes: parse the message, sign or verify,
write it. What is measured is the processor's time of one message; both ends of a ratio come from the same run.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey, RSAKey
from lxml import etree
from signxml import CanonicalizationMethod
from signxml.xades import XAdESSigner, XAdESVerifier
from zeep.wsse import signature as zeep_signature

from bench.running import Row, ratio_row, row
from gateway.port import WireRequest
from gateway.signing import http_signature, jws, wsse, xades
from gateway.signing.expectation import Expectation
from gateway.signing.findings import Refused, Verified
from gateway.signing.keys import SigningKey, local_key

MESSAGES, QUICK = 300, 60
LEAST = 1.5  # against a plain zeep client, by the order
ELEMENT = "{urn:bench:permit}Dossier"
KINDS = {"RSA-2048": "rsa", "P-256": "ec"}
COMPONENTS = ("@method", "@target-uri", "content-type")
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
Work = Callable[[], Any]


class World:
    """One key with its certificate, and a message as each profile wants it."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.now = datetime.now(UTC)
        self.private = (
            rsa.generate_private_key(65537, 2048)
            if kind == "rsa"
            else ec.generate_private_key(ec.SECP256R1())
        )
        self.certificate = _certificate(self.private, self.now)
        self.key: SigningKey = local_key("bench", self.private, self.certificate)
        self.expected = Expectation(trusted=(self.certificate,), now=self.now, lifetime=3600.0)
        self.pem = self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.certificate_pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        self.key_file, self.certificate_file = folder / f"{kind}.key", folder / f"{kind}.pem"
        self.key_file.write_bytes(self.pem)
        self.certificate_file.write_bytes(self.certificate_pem)
        self.envelope = _envelope()
        self.stamped_envelope = _envelope(_timestamp(self.now))
        self.json = b'{"dossier":"H99.14-261126-0007","rows":[' + b'"' + b"x" * 5_900 + b'"]}'
        self.request = WireRequest(
            method="POST",
            url="https://partner.example/api/v1/dossiers",
            headers=(("content-type", "application/json"),),
            body=self.json,
        )


def signing(runs: int, quick: bool) -> list[Row]:
    """Time of one message for each profile and kind of key, and how many times ours is faster."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="lienthong-bench-") as folder:
        for title, kind in KINDS.items():
            world = World(kind, Path(folder))
            for profile, (ours, peer, theirs) in _contenders(world, kind).items():
                found += _compare(
                    f"{profile}, {title}", (ours, peer, theirs), runs, QUICK if quick else MESSAGES
                )
    return found


def _compare(what: str, contenders: tuple[Work, str, Work], runs: int, messages: int) -> list[Row]:
    ours, peer, theirs = contenders
    mine: list[float] = []
    others: list[float] = []
    ours(), theirs()
    for _ in range(runs):
        mine.append(_microseconds(ours, messages))
        others.append(_microseconds(theirs, messages))
    ratios = [other / own for own, other in zip(mine, others, strict=True)]
    judged = peer.startswith(("zeep", "signxml"))
    compared = f"{what}: {peer} / ours"
    return [
        row(f"{what}: CPU of one", "us", mine),
        row(f"{what}: CPU of one, {peer}", "us", others),
        ratio_row(compared, ratios, LEAST) if judged else row(compared, "x", ratios),
    ]


def _microseconds(work: Work, messages: int) -> float:
    before = time.process_time()
    for _ in range(messages):
        work()
    return (time.process_time() - before) / messages * 1e6


def _contenders(world: World, kind: str) -> dict[str, tuple[Work, str, Work]]:
    return {**_wsse(world, kind), **_xades(world, kind), **_jws(world, kind), **_http(world, kind)}


def _wsse(world: World, kind: str) -> dict[str, tuple[Work, str, Work]]:
    method = xmlsec.Transform.RSA_SHA256 if kind == "rsa" else xmlsec.Transform.ECDSA_SHA256
    signed = wsse.sign(world.envelope, world.key, now=world.now)
    verifying = zeep_signature._make_verify_key(world.certificate_pem)  # noqa: SLF001 - its verifier has no other door

    plugin = zeep_signature.BinarySignature(
        str(world.key_file),
        str(world.certificate_file),
        signature_method=method,
        digest_method=xmlsec.Transform.SHA256,
    )

    def zeep_sign() -> bytes:
        envelope, _ = plugin.apply(etree.fromstring(world.stamped_envelope), {})
        return bytes(etree.tostring(envelope))

    def zeep_verify() -> None:
        zeep_signature._verify_envelope_with_key(etree.fromstring(signed), verifying)  # noqa: SLF001

    return {
        "WS-Security sign": (
            lambda: wsse.sign(world.envelope, world.key, now=world.now),
            "zeep BinarySignature",
            zeep_sign,
        ),
        "WS-Security verify": (
            lambda: _good(wsse.verify(signed, world.expected)),
            "xmlsec by zeep, which judges less",
            zeep_verify,
        ),
    }


def _xades(world: World, kind: str) -> dict[str, tuple[Work, str, Work]]:
    signed = xades.sign(world.envelope, world.key, element=ELEMENT, now=world.now)
    algorithm = "rsa-sha256" if kind == "rsa" else "ecdsa-sha256"
    certificate = world.certificate_pem.decode()

    def signxml_sign() -> bytes:
        (dossier,) = etree.fromstring(world.envelope).iter(ELEMENT)
        # its default form: with the exclusive one its XAdES signatures do not verify
        signer = XAdESSigner(
            signature_algorithm=algorithm, c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_1
        )
        made = signer.sign(dossier, key=world.private, cert=certificate, reference_uri="#dossier-1")
        return bytes(etree.tostring(made))

    def signxml_verify() -> None:
        XAdESVerifier().verify(etree.fromstring(signed), x509_cert=world.certificate, expect_references=2)

    return {
        "XAdES-B sign": (
            lambda: xades.sign(world.envelope, world.key, element=ELEMENT, now=world.now),
            "signxml",
            signxml_sign,
        ),
        "XAdES-B verify": (
            lambda: _good(xades.verify(signed, world.expected, element=ELEMENT)),
            "signxml",
            signxml_verify,
        ),
    }


def _jws(world: World, kind: str) -> dict[str, tuple[Work, str, Work]]:
    theirs = (RSAKey if kind == "rsa" else ECKey).import_key(world.pem)
    name = "RS256" if kind == "rsa" else "ES256"
    header = {"alg": name, "b64": False, "crit": ["b64"]}
    registry = joserfc_jws.JWSRegistry(algorithms=[name], strict_check_header=False)
    signed = jws.sign(world.json, world.key, now=world.now)
    return {
        "detached JWS sign": (
            lambda: jws.sign(world.json, world.key, now=world.now),
            "joserfc",
            lambda: joserfc_jws.serialize_compact(header, world.json, theirs, registry=registry),
        ),
        "detached JWS verify": (
            lambda: _good(jws.verify(signed, world.json, world.expected)),
            "joserfc",
            lambda: joserfc_jws.deserialize_compact(signed, theirs, payload=world.json, registry=registry),
        ),
    }


def _http(world: World, kind: str) -> dict[str, tuple[Work, str, Work]]:
    class Resolver(HTTPSignatureKeyResolver):
        def resolve_private_key(self, key_id: str) -> Any:
            return world.private

        def resolve_public_key(self, key_id: str) -> Any:
            return world.private.public_key()

    algorithm = algorithms.RSA_V1_5_SHA256 if kind == "rsa" else algorithms.ECDSA_P256_SHA256
    signer = HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=Resolver())
    verifier = HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=Resolver())
    message = http_signature.of_request(world.request)
    added = http_signature.sign(message, world.key, COMPONENTS, now=world.now, lifetime=3600.0)
    signed = http_signature.of_request(
        WireRequest(
            method=world.request.method,
            url=world.request.url,
            headers=(*world.request.headers, *added),
            body=world.json,
        )
    )

    def theirs(headers: Any) -> requests.PreparedRequest:
        asked = requests.Request(
            world.request.method, world.request.url, data=world.json, headers=dict(headers)
        )
        return asked.prepare()

    def their_sign() -> None:
        made = theirs(world.request.headers)
        digest = base64.b64encode(hashlib.sha256(world.json).digest()).decode()
        made.headers["content-digest"] = f"sha-256=:{digest}:"
        covered = (*COMPONENTS, "content-digest")
        signer.sign(made, key_id="bench", covered_component_ids=covered, use_existing_digest=True)

    def their_verify() -> None:
        verifier.verify(theirs(signed.headers), max_age=timedelta(hours=2))

    return {
        "HTTP signature sign": (
            lambda: http_signature.sign(message, world.key, COMPONENTS, now=world.now),
            "http-message-signatures",
            their_sign,
        ),
        "HTTP signature verify": (
            lambda: _good(http_signature.verify(signed, COMPONENTS, world.expected)),
            "http-message-signatures",
            their_verify,
        ),
    }


def _good(found: Verified | Refused) -> None:
    if isinstance(found, Refused):
        raise TypeError(f"{found.code}: {found.reason}")


def _envelope(header: str = "") -> bytes:
    rows = "".join(
        f"<p:Row><p:Name>Hạng mục {number}</p:Name><p:Area>125.5</p:Area></p:Row>" for number in range(90)
    )
    return (
        f'<soap:Envelope xmlns:soap="{_SOAP}" xmlns:p="urn:bench:permit">{header}<soap:Body><p:Submit>'
        f'<p:Dossier Id="dossier-1">{rows}</p:Dossier></p:Submit></soap:Body></soap:Envelope>'
    ).encode()


def _timestamp(now: datetime) -> str:
    created, expires = (f"{now + timedelta(seconds=each):%Y-%m-%dT%H:%M:%SZ}" for each in (0, 300))
    return (
        f'<soap:Header><w:Security xmlns:w="{_WSSE}" xmlns:u="{_WSU}"><u:Timestamp><u:Created>{created}</u:Created>'
        f"<u:Expires>{expires}</u:Expires></u:Timestamp></w:Security></soap:Header>"
    )


def _certificate(key: Any, now: datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
