"""A small time-stamping authority for the sandbox (RFC 3161, RFC 5035), pure: bytes in, bytes out.

It keeps no record of its serial numbers beyond the process, so it is no authority for anything that has to last.
Invariant: it stamps what is asked, at the time that it is given, or says in the answer why it does not.
"""

from __future__ import annotations

import hashlib
import itertools
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.signing import der

POLICY = "1.3.6.1.4.1.32473.1"  # RFC 5612: numbers for examples
_SHA256, _SHA512 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3"
_DIGESTS = {_SHA256: 32, "2.16.840.1.101.3.4.2.2": 48, _SHA512: 64}
_SIGNED_DATA, _TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
_RSA, _ECDSA_SHA256 = "1.2.840.113549.1.1.1", "1.2.840.10045.4.3.2"
_REJECTION = 2
_ROOT, _OWN = "Sandbox root (worth nothing)", "Sandbox time-stamping authority (worth nothing)"
BAD_ALGORITHM, BAD_REQUEST, BAD_FORMAT = 0, 2, 5  # RFC 3161 §2.4.2: bits of PKIFailureInfo


class TimestampAuthority:
    """Stamps with ``key``, whose ``certificate`` is for time stamping and nothing else."""

    def __init__(
        self, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        self._key, self._certificate = key, certificate
        self._serials = itertools.count(1)

    def answer(self, question: bytes, now: datetime) -> bytes:
        """The TimeStampResp to the TimeStampReq ``question``, at ``now``."""
        try:
            imprint, nonce, wants_certificate = _asked(question)
        except _Refusal as refusal:
            return _rejected(refusal.bit, refusal.words)
        except ValueError as fault:
            return _rejected(BAD_FORMAT, str(fault))
        info = der.sequence(
            der.integer(1),
            der.object_id(POLICY),
            imprint,
            der.integer(next(self._serials)),
            der.time(now),
            nonce,
        )
        return der.sequence(
            der.sequence(der.integer(0)), self._token(info, with_certificate=wants_certificate)
        )

    def _token(self, info: bytes, *, with_certificate: bool) -> bytes:
        certificate = self._certificate.public_bytes(Encoding.DER)
        attributes = (
            _attribute(_CONTENT_TYPE, der.object_id(_TST_INFO)),
            _attribute(_MESSAGE_DIGEST, der.octets(hashlib.sha256(info).digest())),
            # RFC 5035 §3: the certificate is named inside what is signed
            _attribute(
                _SIGNING_CERTIFICATE,
                der.sequence(der.sequence(der.sequence(der.octets(hashlib.sha256(certificate).digest())))),
            ),
        )
        signer = der.sequence(
            der.integer(1),
            der.sequence(
                self._certificate.issuer.public_bytes(), der.integer(self._certificate.serial_number)
            ),
            der.algorithm(_SHA256),
            der.tagged(0, b"".join(sorted(attributes))),
            der.algorithm(_RSA)
            if isinstance(self._key, rsa.RSAPrivateKey)
            else der.algorithm(_ECDSA_SHA256, null=False),
            der.octets(self._signature(der.set_of(*attributes))),
        )
        signed = der.sequence(
            der.integer(3),
            der.set_of(der.algorithm(_SHA256)),
            der.sequence(der.object_id(_TST_INFO), der.tagged(0, der.octets(info))),
            der.tagged(0, certificate) if with_certificate else b"",
            der.set_of(signer),
        )
        return der.sequence(der.object_id(_SIGNED_DATA), der.tagged(0, signed))

    def _signature(self, data: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


def new_authority(now: datetime, *, days: int = 3650) -> tuple[TimestampAuthority, bytes]:
    """An authority with fresh keys, good for ``days``, and the PEM of the root that it chains to."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begins, ends = now - timedelta(days=1), now + timedelta(days=days)

    def certificate(subject: str, public: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(_ROOT))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )

    root = certificate(_ROOT, root_key.public_key(), ca=True).sign(root_key, hashes.SHA256())
    stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    own = certificate(_OWN, key.public_key(), ca=False).add_extension(stamping, critical=True)
    authority = TimestampAuthority(key, own.sign(root_key, hashes.SHA256()))
    return authority, root.public_bytes(Encoding.PEM)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class _Refusal(Exception):
    def __init__(self, bit: int, words: str) -> None:
        super().__init__(words)
        self.bit, self.words = bit, words


def _asked(question: bytes) -> tuple[bytes, bytes, bool]:
    """The imprint and the nonce as they were written, and whether the certificate is wanted."""
    tag, content, rest = der.read(question)
    if tag != der.SEQUENCE or rest:
        raise ValueError("no TimeStampReq")
    (_, version, _), (_, imprint, whole), *options = der.members(content)
    if version != b"\x01":
        raise _Refusal(BAD_REQUEST, "version 1 is spoken here")
    (_, algorithm, _), (_, digest, _) = der.members(imprint)
    named = next(whole for _, _, whole in der.members(algorithm))
    length = next((size for oid, size in _DIGESTS.items() if der.object_id(oid) == named), None)
    if length != len(digest):
        raise _Refusal(BAD_ALGORITHM, "SHA-256, SHA-384 and SHA-512 are stamped here")
    nonce = next((written for tag, _, written in options if tag == der.INTEGER), b"")
    return whole, nonce, any(tag == 0x01 and flag != b"\x00" for tag, flag, _ in options)


def _attribute(oid: str, content: bytes) -> bytes:
    return der.sequence(der.object_id(oid), der.set_of(content))


def _rejected(bit: int, words: str) -> bytes:
    failure = der.value(der.BIT_STRING, bytes((7 - bit % 8, 0x80 >> bit)))
    text = der.sequence(der.value(der.UTF8_STRING, words.encode()[:200]))
    return der.sequence(der.sequence(der.integer(_REJECTION), text, failure))
