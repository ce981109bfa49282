"""Certificates as text."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding


def pem_of(certificates: Iterable[x509.Certificate]) -> str:
    """PEM of ``certificates``, one after the other."""
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates)
