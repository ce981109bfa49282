"""SHA-256 of files, however large.

Invariant: a file is what its digest says, or it is refused with both digests named.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from gateway.signing.findings import Examination, Refused, Verified, conclude


def sha256_of(chunks: Iterable[bytes]) -> str:
    """Lower-case hexadecimal SHA-256 of a file that comes in pieces."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def verify_file(content: bytes, sha256: str, *, name: str = "file") -> Verified | Refused:
    """``content`` when it has the digest ``sha256`` (hexadecimal, any case)."""

    def examine(exam: Examination) -> Verified:
        got = hashlib.sha256(content).hexdigest()
        holds = hmac.compare_digest(got.encode(), sha256.strip().lower().encode())
        exam.note(
            name, holds, "digest_mismatch", f"SHA-256 {got}" + ("" if holds else f", expected {sha256[:80]}")
        )
        return Verified(content=content, claims=tuple(exam.claims), signer="")

    return conclude(examine)
