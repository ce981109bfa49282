"""Evidence bundles for tests: a dossier with calls in both directions, and a stranger who pinned the keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.evidence.exporting import Asked, Exporter, keys_file
from gateway.evidence.redacting import Redaction
from gateway.evidence.words import Names
from gateway.proof import lienthong_verify as verifier
from gateway.settings_evidence import EvidenceSettings
from gateway.signing.evidence import own_evidence_key
from tests.storage.evidence_world import NOW, EvidenceWorld

CODE, OTHER = "H99.14-260928-0007", "H99.14-260928-0008"
NAME, IDENTITY = "Nguyễn Thị Lựu", "990184000123"
SIGNED_AT = datetime(2026, 10, 2, 1, 2, 3, tzinfo=UTC)
NAMES = Names(columns={"8": "Đã giải quyết trước hạn"}, statuses={"returned": "Đã trả kết quả"})
ASKED_BODY = f'{{"dossier": "{CODE}", "full_name": "{NAME}", "identity": {IDENTITY}, "note": "hẹn trả 28/09/2026"}}'.encode()
XML = f'<a:Ho xmlns:a="urn:x"><full_name>{NAME}</full_name><So ma="1">12</So><So ma="2"/></a:Ho>'.encode()


def no_deadlines(_connection):
    return None


class BundleWorld(EvidenceWorld):
    """``folder``: of the keys, the one that signs evidence among them."""

    def __init__(self, database, folder):
        super().__init__(database, folder)
        self.key = own_evidence_key(folder, NOW)

    async def exchange(self, dossier=CODE, *, at=NOW):
        """A call and its answer, and a call from a partner that nobody understood before it was read."""
        call = self.request(
            dossier, ASKED_BODY, at=at, url=f"https://portal.example/x?full_name={IDENTITY}&y=1"
        )
        answer = self.answer(dossier, call, XML, at=at + timedelta(seconds=1))
        unknown = self.request(None, b"full_name=Nobody+There&state=9", at=at + timedelta(seconds=2))
        said = self.answer(dossier, unknown, b'{"ok": 1.50}', at=at + timedelta(seconds=3))
        await self.write(call, answer, unknown, said)

    def exporter(self, explain=no_deadlines):
        return Exporter(database=self.database, key=self.key, explain=explain, names=NAMES)

    def sealed(self, *redact, dossier=CODE, explain=no_deadlines):
        asked = Asked(dossier=dossier, as_of=SIGNED_AT, redaction=Redaction.of(redact))
        return self.exporter(explain).export(asked, SIGNED_AT)

    def bundle(self, *redact, **options):
        return self.sealed(*redact, **options).container()

    def keys(self, *authorities, settings=None):
        return keys_file(self.database, settings or EvidenceSettings(), [self.key], authorities)

    def verified(self, bundle, *authorities):
        return verifier.verify_bundle(bundle, verifier.read_trust(self.keys(*authorities)))


def faults(report):
    return {finding.fault for finding in report.findings if finding.fault}
