"""Signing a container of evidence: ASiC-E with XAdES-B, or XAdES-T where an authority stamps the signature.

Every file but those that the container's form fixes (``mimetype``, META-INF) is signed. Invariant: what is written is what
``lienthong_verify`` reads; it has the form, this module has the key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec

from gateway.proof import lienthong_verify as verifier
from gateway.signing.findings import CannotSign
from gateway.signing.keys import SigningKey, der
from gateway.signing.pem import pem_of


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """Files that are signed. ``stamped_over``: the bytes that an authority has to see for XAdES-T."""

    files: Mapping[str, bytes]
    seal: verifier.Seal

    @property
    def stamped_over(self) -> bytes:
        """What a time stamp has to be about."""
        return verifier.signature_value(self.seal).encode()

    def container(self, token: bytes = b"") -> bytes:
        """The container, with the ``token`` of an authority where there is one."""
        seal = verifier.Seal(
            self.seal.algorithm, self.seal.files, self.seal.at, self.seal.certificates, self.seal.value, token
        )
        written = dict(self.files)
        names = (*self.files, verifier.MANIFEST, verifier.SIGNATURES)
        written[verifier.MANIFEST] = verifier.manifest(names)
        written[verifier.SIGNATURES] = verifier.write_seal(seal)
        return verifier.write_container(written)


def sealed(files: Mapping[str, bytes], key: SigningKey, now: datetime) -> Sealed:
    """``files``, ``mimetype`` first, signed with ``key``. CannotSign for a key that verifiers do not accept."""
    try:
        algorithm = key.algorithm("xml").xml
    except KeyError:
        algorithm = ""
    if algorithm not in verifier.XML_ALGORITHMS:
        raise CannotSign(
            "key_unsuitable",
            f"key {key.name}: evidence is signed with RSA or with ECDSA on P-256, P-384, P-521",
        )
    seal = verifier.Seal(
        algorithm=algorithm,
        files={
            name: hashlib.sha256(content).digest() for name, content in files.items() if name != "mimetype"
        },
        at=now.replace(microsecond=0),
        certificates=tuple(map(der, (key.certificate, *key.chain))),
    )
    value = key.sign(key.algorithm("xml"), verifier.signed_info(seal))
    return Sealed(
        files=files, seal=verifier.Seal(seal.algorithm, seal.files, seal.at, seal.certificates, value)
    )


def certificates_of(key: SigningKey) -> bytes:
    """The certificates of ``key``, PEM, its own first."""
    return pem_of((key.certificate, *key.chain)).encode()
