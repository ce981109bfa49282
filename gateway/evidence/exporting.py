"""Exporting the evidence of one dossier: collected, redacted, printed, signed. And the file of keys to check it with.

Invariant: what is exported verifies under the keys that are written here, before it leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from gateway.domain.errors import GatewayError
from gateway.evidence.bundle import bundle_files
from gateway.evidence.collecting import Explain, Told, collect
from gateway.evidence.page import page
from gateway.evidence.printing import pdf
from gateway.evidence.redacting import Redaction
from gateway.evidence.report import paper_of
from gateway.evidence.words import Names
from gateway.proof.lienthong_verify import REPORT_FILES, Report, read_trust, verify_bundle
from gateway.settings_evidence import EvidenceSettings
from gateway.signing.containers import Sealed, certificates_of, sealed
from gateway.signing.keyring import Authority
from gateway.signing.keys import SigningKey
from gateway.signing.pem import pem_of
from gateway.storage.checkpoints import log_keys
from gateway.storage.database import Database


class EvidenceUnsound(GatewayError):
    """The evidence does not verify, so it was not written; run `lienthong log verify`, and look at the log of the gateway."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Whose evidence, as of when, and what is to be taken out of it."""

    dossier: str
    as_of: datetime
    redaction: Redaction = Redaction()


class Exporter(msgspec.Struct, frozen=True, kw_only=True):
    """``key`` signs; ``explain`` and ``names`` are what the parts that know of deadlines and reports have to say."""

    database: Database
    key: SigningKey
    explain: Explain
    names: Names

    def export(self, asked: Asked, now: datetime) -> Sealed:
        """The evidence that was asked for, signed at ``now``, not stamped. NotFoundError, ConflictError, LogBroken,
        StorageUnavailable, CannotSign."""
        question = partial(collect, dossier=asked.dossier, as_of=asked.as_of, explain=self.explain)
        collected = self.database.ask(question)
        certificates = certificates_of(self.key)
        files = bundle_files(collected, asked.redaction, self.database.contents, certificates, self._printed)
        return sealed(files, self.key, now)

    def _printed(self, told: Told) -> dict[str, bytes]:
        paper = paper_of(told, self.names)
        html, print_ = REPORT_FILES
        return {html: page(paper), print_: pdf(paper)}


def checked(container: bytes, keys: bytes) -> Report:
    """What a stranger finds who checks ``container`` with the file ``keys``. EvidenceUnsound when it does not hold."""
    report = verify_bundle(container, read_trust(keys))
    if not report.holds:
        raise EvidenceUnsound("; ".join(str(finding) for finding in report.findings if finding.fault)[:1000])
    return report


def keys_file(
    database: Database,
    settings: EvidenceSettings,
    signers: Iterable[SigningKey],
    authorities: Sequence[Authority],
) -> bytes:
    """What an auditor pins, as ``lienthong_verify`` reads it: every key that the log has had, the witnesses, the roots of the
    authority, and the certificates that sign evidence."""
    told: dict[str, Any] = {
        "logs": [row.key for row in database.ask(log_keys)],
        "witnesses": settings.witnesses,
        "witnesses_needed": settings.witnesses_needed,
        "authorities": pem_of(root for authority in authorities for root in authority.roots),
        "evidence": pem_of(key.certificate for key in signers),
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"
