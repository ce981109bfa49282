"""Mutual TLS of a destination: which authorities are trusted for it, and the certificate that we show.

Invariants: a pinned authority replaces the system's, it is not added to them; certificates and names are always
verified, TLS 1.2 is the least; the private key is never written to a disk by us, and no fault quotes a certificate or a
key.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from cryptography import x509

from gateway.domain.errors import ConfigurationError
from gateway.settings import TlsSettings


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate of ours or of an authority that we trust. ``role``: what it is here."""

    role: Literal["client", "authority"]
    subject: str
    until: datetime


def tls_context(settings: TlsSettings, destination: str) -> ssl.SSLContext | None:
    """The TLS of ``destination``; None where nothing is configured. ConfigurationError names the section."""
    if settings == TlsSettings():
        return None
    place = f"destination.{destination}.tls"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if settings.ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as fault:
        raise ConfigurationError(
            f"{place}.ca_file: {settings.ca_file}: {_words(fault)}; expected certificates in PEM"
        ) from fault
    _show_certificate(context, settings, place)
    return context


def certificates_of(settings: TlsSettings, destination: str) -> Sequence[Certificate]:
    """What ``destination`` shows and trusts, as configured; ConfigurationError when it cannot be read."""
    place = f"destination.{destination}.tls"
    found: list[Certificate] = []
    if settings.certificate is not None:
        pem = settings.certificate.reveal().encode()
        found += [_described("client", each) for each in _read(pem, f"{place}.certificate")[:1]]
    if settings.ca_file is not None:
        try:
            pem = Path(settings.ca_file).read_bytes()
        except OSError as fault:
            raise ConfigurationError(f"{place}.ca_file: {settings.ca_file}: {_words(fault)}") from fault
        found += [_described("authority", each) for each in _read(pem, f"{place}.ca_file")]
    return found


def _show_certificate(context: ssl.SSLContext, settings: TlsSettings, place: str) -> None:
    if settings.certificate is None or settings.key is None:
        return
    pem = settings.certificate.reveal() + "\n" + settings.key.reveal() + "\n"
    password = "" if settings.key_password is None else settings.key_password.reveal()
    try:
        with in_memory(pem.encode()) as path:
            # a password that is not there is asked for at the terminal, where nobody sits
            context.load_cert_chain(path, password=password)
    except (OSError, ssl.SSLError, ValueError) as fault:
        raise ConfigurationError(
            f"{place}: the certificate and its key cannot be used: {_words(fault)}; expected both in PEM, the key that "
            "belongs to the certificate, and key_password where the key has one"
        ) from None


@contextlib.contextmanager
def in_memory(content: bytes) -> Iterator[str]:
    """A path at which OpenSSL reads ``content``: a file that no disk has."""
    descriptor = os.memfd_create("lienthong-tls", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _read(pem: bytes, place: str) -> list[x509.Certificate]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old authorities have serial numbers that are frowned upon
            return x509.load_pem_x509_certificates(pem)
    except ValueError as fault:
        raise ConfigurationError(f"{place}: it holds no certificate in PEM") from fault


def _described(role: Literal["client", "authority"], certificate: x509.Certificate) -> Certificate:
    return Certificate(
        role=role, subject=certificate.subject.rfc4514_string()[:200], until=certificate.not_valid_after_utc
    )


def _words(fault: Exception) -> str:
    """OpenSSL's reason, or the operating system's."""
    if isinstance(fault, ssl.SSLError):
        return fault.reason or "TLS"
    return (fault.strerror if isinstance(fault, OSError) else None) or type(fault).__name__
