"""Checks of the certificates that the configuration names: ours and the authorities that we trust.

Invariant: nothing is sent; a certificate that cannot be read is a finding, never a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from gateway.cli.doctor.finding import Finding, fail, ok, warn
from gateway.domain.errors import ConfigurationError
from gateway.settings import Settings
from gateway.wire.tls import Certificate, certificates_of, tls_context

SOON = timedelta(days=21)
_CURES = {
    "client": "ask the partner for a new one, and put it into tls.certificate and tls.key",
    "authority": "ask the partner for the new authority, and add it to tls.ca_file",
}


def check_certificates(settings: Settings) -> Iterator[Finding]:
    """Until when the certificates of every destination that is on are valid, and whether key and certificate fit."""
    for name, section in sorted(settings.destination.items()):
        if not section.enabled:
            continue
        try:
            found = certificates_of(section.tls, name)
            tls_context(section.tls, name)
        except ConfigurationError as fault:
            yield fail(f"certificate {name}", str(fault), "correct the section, or the file that it names")
            continue
        for each in found:
            yield _judged(name, each)


def _judged(name: str, certificate: Certificate) -> Finding:
    subject = f"certificate {name}"
    what = "ours" if certificate.role == "client" else "trusted authority"
    told = f"{what}, {certificate.subject}, valid until {certificate.until:%Y-%m-%d}"
    left = certificate.until - datetime.now(UTC)
    if left <= timedelta():
        return fail(subject, told, _CURES[certificate.role])
    return ok(subject, told) if left > SOON else warn(subject, told, _CURES[certificate.role])
