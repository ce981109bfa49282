"""The key that signs evidence bundles where nobody has issued one: self-signed, made on first use, kept beside the log's.

Whoever verifies pins its certificate, so a self-signed one proves as much as an issued one does. Files are
``evidence-<n>.pem``, key and certificate; the highest number that is valid signs. Invariant: a key is written once, whole,
for its owner alone, and never replaced.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.domain.errors import ConfigurationError
from gateway.durable_files import write_first
from gateway.signing.keys import SigningKey, from_pem

NAME = "evidence"
_DAYS = 3650
_FILE = re.compile(r"evidence-([1-9]\d{0,5})\.pem")


def evidence_keys(folder: Path) -> list[SigningKey]:
    """The keys in ``folder``, the newest first. Raises ConfigurationError."""
    try:
        found = [(int(match[1]), path) for path in folder.iterdir() if (match := _FILE.fullmatch(path.name))]
        exposed = [path for _, path in found if path.stat().st_mode & 0o077]
    except FileNotFoundError:
        return []
    except OSError as fault:
        raise ConfigurationError(f"evidence.keys: {folder} cannot be read: {fault}") from fault
    if exposed:
        raise ConfigurationError(
            f"evidence.keys: {exposed[0]} can be read by others; run: chmod 600 {exposed[0]}"
        )
    return [from_pem(NAME, path, path, None) for _, path in sorted(found, reverse=True)]


def own_evidence_key(folder: Path, now: datetime) -> SigningKey:
    """The newest key in ``folder`` that is valid at ``now``; a new one where there is none. Raises ConfigurationError."""
    keys = evidence_keys(folder)
    for key in keys:
        if key.good_at(now):
            return key
    path = folder / f"evidence-{len(keys) + 1}.pem"
    made = _made(now)
    try:
        write_first(path, made)
    except OSError as fault:
        raise ConfigurationError(f"evidence.keys: cannot make {path}: {fault}") from fault
    return from_pem(NAME, path, path, None)


def _made(now: datetime) -> bytes:
    """A fresh key with its certificate, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lien Thong evidence")])
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"), False
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=True,
                encipher_only=False,
                decipher_only=False,
                **usage,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
