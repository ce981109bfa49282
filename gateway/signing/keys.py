"""One key with its certificate, from wherever it is kept.

Invariants: a private key never appears in ``repr``, messages or logs; a key that does not belong to its certificate, or
is weak, is refused when it is loaded and not when it is needed.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from gateway.domain.errors import ConfigurationError
from gateway.port import Secret
from gateway.signing.algorithms import Algorithm, PrivateKey, PublicKey, sign, usual, weakness
from gateway.signing.findings import Claim, Examination

KNOWN = 256  # certificates whose subject and fingerprint are kept: with every message they are told again
Signer: TypeAlias = Callable[[Algorithm, bytes], bytes]


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate, those above it, and a way to sign with its key. ``waits``: the key stays in a token, and signing
    waits for it."""

    name: str
    certificate: x509.Certificate
    signer: Signer
    chain: tuple[x509.Certificate, ...] = ()
    waits: bool = False

    def __repr__(self) -> str:
        return f"SigningKey({self.name!r}, {described(self.certificate)})"

    @property
    def public(self) -> PublicKey:
        """The public half; its kind was judged when the key was loaded."""
        public = self.certificate.public_key()
        if not isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
            raise ConfigurationError(f"key {self.name}: {weakness(public)}")
        return public

    def algorithm(self, vocabulary: str) -> Algorithm:
        """What this key signs with in ``vocabulary``: jose, xml or http. KeyError when nothing there fits."""
        return usual(self.public, vocabulary=vocabulary)

    def sign(self, algorithm: Algorithm, data: bytes) -> bytes:
        """The signature of ``data``. Raises CannotSign when a token does not answer."""
        return self.signer(algorithm, data)

    def good_at(self, now: datetime) -> bool:
        """Whether ``now`` lies within the certificate's validity."""
        return good_at(self.certificate, now)


def good_at(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether ``now`` lies within the validity of ``certificate``."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def described(certificate: x509.Certificate) -> str:
    """Subject and the beginning of the fingerprint, for people."""
    return f"{subject_of(certificate)} (SHA-256 {fingerprint(certificate)[:16]}…)"


@functools.lru_cache(maxsize=KNOWN)
def subject_of(certificate: x509.Certificate) -> str:
    """The subject as RFC 4514 writes it, or the serial number of a certificate without one."""
    return certificate.subject.rfc4514_string() or f"serial {certificate.serial_number}"


@functools.lru_cache(maxsize=KNOWN)
def fingerprint(certificate: x509.Certificate) -> str:
    """Lower-case hexadecimal SHA-256 of the certificate."""
    return hashlib.sha256(der(certificate)).hexdigest()


def der(certificate: x509.Certificate) -> bytes:
    """The certificate's bytes."""
    return certificate.public_bytes(serialization.Encoding.DER)


def local_key(
    name: str,
    private: object,
    certificate: x509.Certificate,
    chain: tuple[x509.Certificate, ...] = (),
) -> SigningKey:
    """The key ``name`` out of a private key in memory. ConfigurationError when the parts do not fit."""
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise ConfigurationError(f"key {name}: RSA, ECDSA and Ed25519 keys sign, got another kind")
    mine: PrivateKey = private
    if mine.public_key() != certificate.public_key():
        raise ConfigurationError(
            f"key {name}: the private key does not belong to {described(certificate)}; pair the files that were issued"
            " together"
        )
    require_strong(name, certificate)

    def signer(algorithm: Algorithm, data: bytes) -> bytes:
        return sign(mine, algorithm, data)

    return SigningKey(name=name, certificate=certificate, chain=chain, signer=signer)


def require_strong(name: str, certificate: x509.Certificate) -> None:
    """ConfigurationError when the certificate's key is weak, or may not sign by its key usage."""
    if weak := weakness(certificate.public_key()):
        raise ConfigurationError(f"key {name}: {weak}; have a stronger one issued")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not (usage.digital_signature or usage.content_commitment):
        raise ConfigurationError(f"key {name}: {described(certificate)} is not issued for signatures")


def from_pem(name: str, certificate: Path, key: Path, passphrase: Secret | None) -> SigningKey:
    """The key ``name`` out of two PEM files (or twice the same); the first certificate is the key's own."""
    own, *chain = certificates_in(certificate)
    opened = None if passphrase is None else passphrase.reveal().encode()
    try:
        private = serialization.load_pem_private_key(_bytes_of(key), opened)
    except (ValueError, TypeError, UnsupportedAlgorithm) as fault:
        raise ConfigurationError(
            f"key {name}: {key} cannot be opened ({_word(fault)}); check that it is PEM, and its passphrase"
        ) from None
    return local_key(name, private, own, tuple(chain))


def from_pkcs12(name: str, file: Path, passphrase: Secret | None) -> SigningKey:
    """The key ``name`` out of a PKCS#12 file, with the certificates that it brings."""
    opened = None if passphrase is None else passphrase.reveal().encode()
    try:
        private, certificate, chain = pkcs12.load_key_and_certificates(_bytes_of(file), opened)
    except (ValueError, UnsupportedAlgorithm) as fault:
        raise ConfigurationError(
            f"key {name}: {file} cannot be opened ({_word(fault)}); check that it is PKCS#12, and its passphrase"
        ) from None
    if certificate is None:
        raise ConfigurationError(f"key {name}: {file} holds no certificate")
    return local_key(name, private, certificate, tuple(chain))


def certificates_in(file: Path) -> list[x509.Certificate]:
    """Every certificate in a PEM or DER file, in its order. ConfigurationError when there is none."""
    written = _bytes_of(file)
    try:
        if b"-----BEGIN CERTIFICATE-----" in written:
            return x509.load_pem_x509_certificates(written)
        return [x509.load_der_x509_certificate(written)]
    except (ValueError, x509.InvalidVersion) as fault:
        raise ConfigurationError(f"{file}: no certificate can be read in it ({_word(fault)})") from None


def readable(written: bytes) -> x509.Certificate | None:
    """The certificate in ``written``, every part of which that is looked at can be read; None when it is none."""
    try:
        certificate = x509.load_der_x509_certificate(written)
        # parsed when they are asked for: what a stranger sends must fail here and nowhere else
        certificate.public_key()
        subject_of(certificate)
        good_at(certificate, datetime.min.replace(tzinfo=UTC))
    except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm, TypeError):
        return None
    return certificate


def judge_certificate(
    exam: Examination, certificate: x509.Certificate, trusted: tuple[x509.Certificate, ...], now: datetime
) -> None:
    """Claims about the certificate: it is one of those pinned, and good at ``now``."""
    exam.note(
        "certificate",
        certificate in trusted,
        "untrusted_certificate",
        f"{described(certificate)} is {'one' if certificate in trusted else 'none'} of the {len(trusted)} pinned",
    )
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    code = "certificate_not_yet_valid" if now < begins else "certificate_expired"
    exam.note("certificate time", begins <= now <= ends, code, f"{begins:%Y-%m-%d} to {ends:%Y-%m-%d}")


def told(claims: tuple[Claim, ...]) -> str:
    """All claims, one a line."""
    return "\n".join(map(str, claims))


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as fault:
        raise ConfigurationError(f"{file} cannot be read: {fault.strerror}") from None


def _word(fault: Exception) -> str:
    # the library's own words may quote what it read
    return type(fault).__name__
