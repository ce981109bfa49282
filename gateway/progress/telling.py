"""What a report does: decide by the ruling that callbacks have, then one transaction while the decision holds.

Invariants: one effect per (destination, dossier, key), however often and by whatever way the report is read; a version,
its events, its files and the plans of every destination are committed together; a report that cannot be stored is told
as a failure and never as an effect.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal, Protocol

import msgspec
import structlog

from gateway.domain.dossier import Dossier
from gateway.domain.errors import ConflictError, GatewayError, StorageUnavailable
from gateway.domain.status import Status
from gateway.port import Report, WireResponse
from gateway.port.progress import ProgressReport
from gateway.progress.merging import Addition, Kept, merged, reference_of, storable
from gateway.storage.callbacks import Overtaken, Standing, read_standing
from gateway.storage.database import Database
from gateway.storage.files import KeptFile
from gateway.storage.instants import to_micros
from gateway.storage.intake import Acceptance
from gateway.storage.progress import Effect, Told, tell
from gateway.storage.queries_progress import record_of
from gateway.storage.rows import EventRow
from gateway.telemetry import PROGRESS_REPORTS

log = structlog.get_logger(__name__)
DECISIONS = 8
STORED = "dossier.stored"
_LONGEST_KEY = 200
_KIND = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_DOSSIERS = msgspec.json.Decoder(Dossier)
_NO_ANSWER = WireResponse(status=204)


class Notice(Protocol):
    """An event to be."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def data(self) -> bytes:
        """Its JSON document."""


class Ruling(Protocol):
    """What may become of a report (``gateway.inbound.ruling``)."""

    @property
    def handling(self) -> Literal["accepted", "ignored"]:
        """Whether it has an effect."""

    @property
    def notices(self) -> Sequence[Notice]:
        """What the one-door system is told."""

    @property
    def status(self) -> Status | None:
        """What the partner has now."""


Rule = Callable[[str, Report, Standing | None], Ruling]


class Accepting(Protocol):
    """The one door for dossiers (``gateway.delivery.intake``)."""

    def acceptance(self, dossier: Dossier, *, expected_version: int | None = None) -> Acceptance:
        """Everything that storing a translated dossier means."""


class Defect(Exception):
    """An adapter made something that cannot be: our fault, never the partner's."""


class Teller:
    """Gives reports their effect. ``address``: the gateway's own, under which files can be had."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        *,
        rule: Rule,
        intake: Accepting,
        address: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._rule = rule
        self._intake = intake
        self._address = address

    async def tell(self, destination: str, dossier: str, report: ProgressReport) -> Effect:
        """The effect of ``report``, durable on return. Defect: it cannot be stored; StorageUnavailable: ask again."""
        self._require_sound(report)
        files = [self._kept(each.content, each.media_type) for each in report.files]
        kept = [
            Kept(file=each, reference=reference_of(each.content, each.media_type, self._address))
            for each in report.files
        ]
        told = _report(dossier, report, kept)
        conflict: ConflictError | None = None
        for _ in range(DECISIONS):
            decided = await self._decided(destination, report, told, kept)
            try:
                effect = await self._database.apply(
                    tell, msgspec.structs.replace(decided, files=tuple(files))
                )
            except ConflictError as fault:  # another version came between the two looks of one transaction
                conflict = fault
                continue
            except StorageUnavailable:
                raise
            except GatewayError as fault:
                raise Defect(f"report {report.kind} on {dossier} cannot be stored: {fault}") from fault
            if not isinstance(effect, Overtaken):
                PROGRESS_REPORTS.labels(destination, effect).inc()
                log.info(
                    "progress_was_told",
                    destination=destination,
                    dossier=dossier,
                    kind=report.kind,
                    effect=effect,
                )
                return effect  # type: ignore[no-any-return]  # of tell
        raise StorageUnavailable(f"dossier {dossier} changed {DECISIONS} times under a report") from conflict

    async def _decided(
        self, destination: str, report: ProgressReport, told: Report, kept: Sequence[Kept]
    ) -> Told:
        standing = await self._database.read(partial(read_standing, code=told.dossier_code))
        ruling = self._rule(destination, told, standing)
        now = self._clock()
        decided = Told(
            destination=destination,
            dossier_code=told.dossier_code,
            key=told.key,
            digest=_digest(report),
            now=to_micros(now),
            assumed=standing,
            handling=ruling.handling,
            partner_status=ruling.status,
        )
        notices = [(each.kind, each.data) for each in ruling.notices]
        version = None
        if ruling.handling == "accepted" and standing is not None:
            addition = Addition(
                destination=destination, report=report, status=ruling.status, files=kept, now=now
            )
            version = await self._version(told.dossier_code, standing, addition)
        if version is not None and standing is not None:
            stored = {"version": version.version, "source": version.source, "status": version.status}
            notices.insert(0, (STORED, msgspec.json.encode(stored)))
            acceptance = self._intake.acceptance(version, expected_version=standing.version)
            decided = msgspec.structs.replace(decided, acceptance=acceptance)
        events = tuple(self._event(destination, told, kind, data) for kind, data in notices)
        return msgspec.structs.replace(decided, events=events)

    async def _version(self, code: str, standing: Standing, addition: Addition) -> Dossier | None:
        """The version that the report makes; it is judged again in the transaction, against ``standing``."""
        record = await self._database.read(partial(record_of, code=code))
        if record is None or hashlib.sha256(record).digest() != standing.digest:
            return None  # changed between two reads, which the transaction finds
        try:
            return merged(_DOSSIERS.decode(record), addition)
        except msgspec.ValidationError as fault:
            raise Defect(f"report {addition.report.kind} on {code}: {fault}") from fault

    def _kept(self, content: bytes, media_type: str) -> KeptFile:
        return KeptFile(
            content=content,
            media_type=storable(media_type)[:100],
            origin="reported",
            at=to_micros(self._clock()),
        )

    def _event(self, destination: str, told: Report, kind: str, data: bytes) -> EventRow:
        return EventRow(
            id=self._database.identifiers.next(),
            at=to_micros(self._clock()),
            kind=kind,
            data=data.decode(),
            dossier_code=told.dossier_code,
            destination=destination,
        )

    @staticmethod
    def _require_sound(report: ProgressReport) -> None:
        if not _KIND.fullmatch(report.kind):
            raise Defect(f"event kind {report.kind[:80]!r}: expected lower-case words joined by dots")
        if not report.key:
            raise Defect("a report needs a key")
        for at in (report.at, report.promised_at, report.supplement and report.supplement.requested_at):
            if isinstance(at, datetime) and at.tzinfo is None:
                raise Defect(f"report {report.kind}: an instant without a time zone")


def _report(dossier: str, report: ProgressReport, kept: Sequence[Kept]) -> Report:
    """As the ruling for calls takes it, with the files that came named in its document."""
    return Report(
        key=_key(report.key),
        kind=report.kind,
        dossier_code=dossier,
        data=_document(report, kept),
        first=_NO_ANSWER,
        again=_NO_ANSWER,
        status=report.status,
    )


def _document(report: ProgressReport, kept: Sequence[Kept]) -> bytes:
    try:
        document: Any = msgspec.json.decode(report.data)
    except msgspec.DecodeError as fault:
        raise Defect(f"the data of a {report.kind} is not JSON: {fault}") from fault
    if not isinstance(document, Mapping):
        raise Defect(f"the data of a {report.kind} is no JSON object")
    files = [
        {
            "name": storable(each.file.name),
            "purpose": each.file.purpose,
            **msgspec.to_builtins(each.reference),
        }
        for each in kept
    ]
    return msgspec.json.encode({**document, "files": files} if files else document)


def _digest(report: ProgressReport) -> bytes:
    """Of what was said, to tell a repetition from a reused key; ``at`` may be when it was read."""
    hashed = hashlib.sha256(report.data)
    hashed.update((report.status or "").encode())
    for each in report.files:
        hashed.update(hashlib.sha256(each.content).digest())
    return hashed.digest()


def _key(key: str) -> str:
    """The key as it is stored: a long one, or one that a text column cannot hold, by its digest."""
    written = key.encode("utf-8", "surrogatepass")
    if len(key) <= _LONGEST_KEY and "\0" not in key and key.encode("utf-8", "replace") == written:
        return key
    return "sha256:" + hashlib.sha256(written).hexdigest()
