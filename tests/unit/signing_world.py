"""Keys, certificates and messages to sign, and strangers who judge what we made: xmlsec1 and openssl."""

import base64
import functools
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from lxml import etree

from gateway.signing.expectation import Expectation
from gateway.signing.findings import Refused, Verified
from gateway.signing.keys import SigningKey, local_key

NOW = datetime(2026, 11, 26, 2, 0, 0, 250_000, tzinfo=UTC)
DAY = timedelta(days=1)
DOSSIER = "{urn:example:permit}Dossier"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
WSU_ID = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"


def message(soap=SOAP11, *, header="", value="Nguyễn Văn Thử & con"):
    escaped = value.replace("&", "&amp;")
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{soap}" '
        f'xmlns:p="urn:example:permit">{header}<soap:Body><p:Submit><p:Dossier Id="dossier-1" kind="new">'
        f"<p:Owner>{escaped}</p:Owner>\n  <p:Area>125.50</p:Area></p:Dossier></p:Submit></soap:Body></soap:Envelope>"
    ).encode()


def private(kind, number=0):
    """One private key per kind and number for the whole run: RSA keys take long to make."""
    return _private(kind, number)


CURVES = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1, "secp256k1": ec.SECP256K1}
LENGTHS = {"rsa": 2048, "rsa1024": 1024}


@functools.cache
def _private(kind, number):
    if kind in CURVES:
        return ec.generate_private_key(CURVES[kind]())
    if kind in LENGTHS:
        return rsa.generate_private_key(65537, LENGTHS[kind])
    return {"ed25519": ed25519.Ed25519PrivateKey.generate}[kind]()


def certificate(key, *, begins=NOW - 30 * DAY, ends=NOW + 30 * DAY, name="Sở Xây dựng H99", extensions=()):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest)


@functools.cache
def signing_key(kind="p256", number=0) -> SigningKey:
    key = private(kind, number)
    return local_key(f"{kind}-{number}", key, certificate(key))


def expecting(*keys, now=NOW, **changes):
    trusted = tuple(key.certificate for key in keys)
    return Expectation(trusted=trusted, now=now, **changes)


def timestamp_certificate(
    key,
    name="Cơ quan cấp dấu thời gian thử",
    root=90,
    *,
    use=x509.ExtendedKeyUsageOID.TIME_STAMPING,
    critical=True,
    begins=NOW - 30 * DAY,
    ends=NOW + 30 * DAY,
):
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    stamping = x509.ExtendedKeyUsage([use])
    root_key = private("p256", root)
    above = certificate(
        root_key, name="Gốc thử", extensions=((x509.BasicConstraints(ca=True, path_length=None), True),)
    )
    own = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(above.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(usage, critical=True)
        .add_extension(stamping, critical=critical)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    return above, own


def pem(item):
    if isinstance(item, x509.Certificate):
        return item.public_bytes(serialization.Encoding.PEM)
    return item.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def good(found) -> Verified:
    assert isinstance(found, Verified), found
    return found


def bad(found, code) -> Refused:
    assert isinstance(found, Refused), found
    assert found.code == code, found
    return found


def edited(document, change):
    """``document`` after ``change`` of its tree."""
    root = etree.fromstring(document)
    change(root)
    return etree.tostring(root)


def one(root, name):
    (found,) = root.iter(name)
    return found


def tool(name):
    """The path of a stranger's program; the test says what is missing."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(
            f"{name} is not on this machine (Debian: apt-get install {name}); nobody else judges our bytes"
        )
    return path


def xmlsec1(folder, document, key, *elements):
    """Whether xmlsec1 finds the signature in ``document`` good for the public ``key``."""
    (folder / "document.xml").write_bytes(document)
    (folder / "key.pem").write_bytes(pem(key))
    ids = [word for element in elements for word in ("--id-attr:Id", element)]
    command = [tool("xmlsec1"), "--verify", "--pubkey-pem", str(folder / "key.pem"), *ids]
    done = subprocess.run(
        [*command, str(folder / "document.xml")], capture_output=True, text=True, check=False
    )
    return done.returncode == 0


def python_xmlsec():
    """python-xmlsec, which loads only where its libxml2 is the one of lxml."""
    return pytest.importorskip(
        "xmlsec", reason="python-xmlsec does not load beside this lxml", exc_type=ImportError
    )


def openssl(*words, stdin=b""):
    done = subprocess.run([tool("openssl"), *map(str, words)], input=stdin, capture_output=True, check=False)
    return done.returncode, done.stdout + done.stderr


def der64(certificate_):
    return base64.b64encode(certificate_.public_bytes(serialization.Encoding.DER)).decode()
