"""Certificates of the sandbox: an authority of its own, made when it starts, for stand-ins, their callers and signatures.

Invariant: it is worth nothing beyond this machine and this run: every start makes new keys, certificates are good for
days, those of servers for the loopback interface only.
"""

from __future__ import annotations

import ipaddress
import ssl
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from gateway.wire.tls import in_memory

HOSTS = ("127.0.0.1", "localhost")
DAYS = 30
_ROOT = "Sandbox authority (worth nothing)"
_SIGNATURES = x509.ObjectIdentifier(
    "1.3.6.1.5.5.7.3.4"
)  # RFC 5280 §4.2.1.12: e-mail protection, as signers have it
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Holder(…)"


class Authority:
    """Issues certificates from ``now`` on."""

    def __init__(self, now: datetime, *, days: int = DAYS) -> None:
        self._begins, self._ends = now - timedelta(days=1), now + timedelta(days=days)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = (
            self._issue(_ROOT, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def root(self) -> bytes:
        """What callers pin, in PEM."""
        return self._certificate.public_bytes(Encoding.PEM)

    def server(self, hosts: tuple[str, ...] = HOSTS) -> Holder:
        """For a stand-in under ``hosts``."""
        names = x509.SubjectAlternativeName([_name(each) for each in hosts])
        return self._holder("Sandbox stand-in", _curve(), (ExtendedKeyUsageOID.SERVER_AUTH,), names)

    def client(self, name: str) -> Holder:
        """For a caller (mutual TLS)."""
        return self._holder(name, _curve(), (ExtendedKeyUsageOID.CLIENT_AUTH,))

    def signer(self, name: str) -> Holder:
        """For signatures on messages: RSA, which every partner reads."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._holder(name, key, (_SIGNATURES,))

    def _holder(
        self,
        name: str,
        key: _Key,
        uses: tuple[ObjectIdentifier, ...],
        *more: x509.ExtensionType,
    ) -> Holder:
        builder = (
            self._issue(name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        )
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        certificate = builder.sign(self._key, hashes.SHA256())
        return Holder(certificate=certificate.public_bytes(Encoding.PEM), key=written)

    def _issue(
        self, subject: str, public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    ) -> x509.CertificateBuilder:
        own = x509.SubjectKeyIdentifier.from_public_key(public)
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(_common_name(subject))
            .issuer_name(_common_name(_ROOT))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._begins)
            .not_valid_after(self._ends)
            .add_extension(own, critical=False)
            .add_extension(above, critical=False)
        )


def server_tls(holder: Holder, *, clients: bytes | None = None) -> ssl.SSLContext:
    """TLS of a port. ``clients``: the authority (PEM) whose certificates callers must show; None: nobody has to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with in_memory(holder.certificate + holder.key) as path:
        context.load_cert_chain(path)
    if clients is not None:
        context.load_verify_locations(cadata=clients.decode("ascii"))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _curve() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Of an end (``signs``), or of an authority."""
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs,
        crl_sign=not signs,
        encipher_only=False,
        decipher_only=False,
    )
