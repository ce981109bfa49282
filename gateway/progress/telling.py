"""What a report does: decide by the ruling that callbacks have, then one transaction while the decision holds.

Invariants: one effect per (destination, dossier, key), however often and by whatever way the report is read; reports of
one partner count in the order of their own time, whichever is read first; a version, its events, its files and the plans
of every destination are committed together; a report that cannot be stored is told as a failure and never as an effect.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, Protocol

import msgspec
import structlog
from msgspec.structs import replace

from gateway.domain.dossier import Dossier
from gateway.domain.errors import ConflictError, GatewayError, StorageUnavailable
from gateway.domain.status import Status
from gateway.port import Report, WireResponse
from gateway.port.progress import ProgressReport
from gateway.progress.merging import Addition, Kept, merged, reference_of, storable
from gateway.progress.parking import completed, digests, unparked
from gateway.progress.parking import parked as write_down
from gateway.storage.callbacks import Overtaken, Standing, read_standing
from gateway.storage.database import Database
from gateway.storage.files import KeptFile, read_files
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.intake import Acceptance
from gateway.storage.progress import Course, Effect, Said, Told, tell
from gateway.storage.queries_progress import Parked, newest_said, parked, record_of
from gateway.storage.rows import EventRow
from gateway.telemetry import PROGRESS_REPORTS

log = structlog.get_logger(__name__)
DECISIONS = 8
STORED = "dossier.stored"
_LONGEST_KEY = 200
_CLOCKS_DIFFER = timedelta(days=1)
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

    @property
    def may_follow(self) -> bool:
        """Whether it is ignored for now only: something earlier may be still to come."""

    @property
    def late(self) -> bool:
        """Whether it is ignored because the partner's newer word was taken before."""


Rule = Callable[[str, Report, Standing | None, Course | None], Ruling]


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
        effect = await self._told(destination, dossier, report)
        await self._follow_up(destination, dossier)
        return effect

    async def _follow_up(self, destination: str, dossier: str) -> None:
        """Give those their effect that could not follow from the dossier's state until now.

        Judged again with every word about the dossier, so a process that is killed before it has done so loses nothing.
        """
        waiting = await self._database.read(partial(parked, destination=destination, code=dossier))
        for each in waiting:
            report = unparked(each.report, from_micros(each.said.at))
            wanted = digests(report)
            contents = await self._database.read(partial(read_files, digests=wanted)) if wanted else {}
            if len(contents) < len(set(wanted)):  # erased meanwhile, and with them what they were to show
                continue
            await self._told(destination, dossier, completed(report, contents), waiting=each)

    async def _told(
        self, destination: str, dossier: str, report: ProgressReport, waiting: Parked | None = None
    ) -> Effect:
        files = tuple(self._kept(each.content, each.media_type) for each in report.files)
        kept = [
            Kept(file=each, reference=reference_of(each.content, each.media_type, self._address))
            for each in report.files
        ]
        told = _report(dossier, report, kept)
        conflict: ConflictError | None = None
        for _ in range(DECISIONS):
            decided = await self._decided(destination, report, told, kept)
            if waiting is not None:
                if decided.handling == "ignored":
                    return "repeated"
                decided = replace(decided, key=waiting.key, again=True)
            try:
                effect = await self._database.apply(tell, replace(decided, files=files))
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
        code, now = told.dossier_code, self._clock()
        standing = await self._database.read(partial(read_standing, code=code))
        newest = await self._database.read(partial(newest_said, destination=destination, code=code))
        at = _instant(report, newest, now)
        ruling = self._rule(destination, told, standing, Course(at=at, newest=newest))
        said = None if report.status is None else Said(at=at, status=report.status)
        decided = Told(
            destination=destination,
            dossier_code=code,
            key=told.key,
            digest=_digest(report),
            now=to_micros(now),
            assumed=standing,
            newest=newest,
            handling=ruling.handling,
            said=said,
            parked=write_down(report) if ruling.may_follow and said is not None else None,
            partner_status=ruling.status,
        )
        notices = [(each.kind, each.data) for each in ruling.notices]
        version = None
        if standing is not None and (ruling.handling == "accepted" or (ruling.late and kept)):
            # of what is late, a result is a result all the same
            told_of = replace(report, supplement=None) if ruling.late else report
            addition = Addition(
                destination=destination, report=told_of, status=ruling.status, files=kept, now=now
            )
            version = await self._version(code, standing, addition)
        if version is not None and standing is not None:
            stored = {"version": version.version, "source": version.source, "status": version.status}
            notices.insert(0, (STORED, msgspec.json.encode(stored)))
            acceptance = self._intake.acceptance(version, expected_version=standing.version)
            decided = replace(decided, acceptance=acceptance)
        events = tuple(self._event(destination, told, kind, data) for kind, data in notices)
        return replace(decided, events=events)

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


def _instant(report: ProgressReport, newest: Said | None, now: datetime) -> int:
    """When ``report`` happened, for the order of its partner's reports.

    One without an instant comes after everything that was said before it. An instant that no clock can show yet is taken
    as the end of the next day, so that one slip of a partner does not make all that it says from then on late.
    """
    if report.at is None:
        return to_micros(now) if newest is None else max(to_micros(now), newest.at + 1)
    return to_micros(min(report.at, now + _CLOCKS_DIFFER))


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
