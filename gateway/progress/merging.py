"""The next version of a dossier, as a partner's report makes it. Pure.

Invariants: what the record already says is kept, a report only adds to it; the same report on the same version gives the
same version; a report that changes nothing makes none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.codec import canonical
from gateway.domain.dossier import Dossier, FileReference, Result, Step, Supplement
from gateway.domain.status import Status
from gateway.port.progress import REPORTED_PREFIX, ProgressReport, ReportedFile

_LONGEST_NAME = 500
_LONGEST_TEXT = 4000
_LONGEST_ID = 100
_MOST_STEPS = 2000
_MOST_RESULTS = 500
_MOST_SUPPLEMENTS = 200


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A reported file and where it can be had from now on."""

    file: ReportedFile
    reference: FileReference


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """A report on its way into a record. ``status``: what the ruling lets it move the dossier to, None for nothing."""

    destination: str
    report: ProgressReport
    status: Status | None
    files: Sequence[Kept]
    now: datetime


def merged(dossier: Dossier, addition: Addition) -> Dossier | None:
    """``dossier`` with what ``addition`` says, one version on; None when it says nothing that the record lacks.

    msgspec.ValidationError: the report has something that no record can hold.
    """
    changes = {
        **_status(dossier, addition),
        **_steps(dossier, addition),
        **_supplements(dossier, addition),
        **_results(dossier, addition),
    }
    if not changes:
        return None
    changed = msgspec.structs.replace(
        dossier, **changes, version=dossier.version + 1, source=addition.destination
    )
    return msgspec.json.decode(canonical.encode(changed), type=Dossier)


def reference_of(content: bytes, media_type: str, address: str) -> FileReference:
    """Where a file that is kept can be had: ``address`` is the gateway's own."""
    digest = hashlib.sha256(content).hexdigest()
    return FileReference(
        url=f"{address.rstrip('/')}/v1/files/{digest}",
        sha256=digest,
        size=len(content),
        media_type=_clean(media_type, 100) or None,
    )


def storable(text: str) -> str:
    """``text`` without what PostgreSQL (zero characters) or UTF-8 (halves of pairs) cannot take."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode()


def _status(dossier: Dossier, addition: Addition) -> dict[str, object]:
    status, at = addition.status, addition.report.at or addition.now
    if status is None or status == dossier.status:
        return {}
    changes: dict[str, object] = {"status": status.value}
    match status:
        case Status.RECEIVED if dossier.received_at is None:
            changes["received_at"] = at
        case Status.FINISHED if dossier.finished_at is None:
            changes["finished_at"] = at
        case Status.RETURNED if dossier.returned_at is None:
            changes["returned_at"] = at
        case Status.REFUSED if dossier.refused_at is None:
            changes["refused_at"] = at
        case _:
            pass
    return changes


def _steps(dossier: Dossier, addition: Addition) -> dict[str, object]:
    report = addition.report
    if addition.status is None or len(dossier.steps) >= _MOST_STEPS:
        return {}
    name = _name(addition.destination, report.key)
    if any(step.id == name for step in dossier.steps):
        return {}
    if addition.status == dossier.status and not (report.title or report.note):
        return {}
    step = Step(
        id=name,
        at=report.at or addition.now,
        status=addition.status.value,
        actor=_clean(report.actor, _LONGEST_NAME) or None,
        unit=_clean(report.unit, _LONGEST_TEXT) or None,
        # a step's own title is that of the official; what was done is its content
        note=_clean(": ".join(filter(None, (report.title, report.note))), _LONGEST_TEXT) or None,
    )
    return {"steps": [*dossier.steps, step]}


def _supplements(dossier: Dossier, addition: Addition) -> dict[str, object]:
    asked = addition.report.supplement
    if asked is None or len(dossier.supplements) >= _MOST_SUPPLEMENTS:
        return {}
    reason = _clean(asked.reason, _LONGEST_TEXT)
    same = (asked.requested_at, reason)
    if any((each.requested_at, each.reason) == same for each in dossier.supplements):
        return {}
    supplement = Supplement(
        id=max((each.id for each in dossier.supplements), default=0) + 1,
        requested_at=asked.requested_at,
        requested_by=_clean(asked.requested_by, _LONGEST_NAME) or addition.destination,
        reason=reason,
        old_due_at=dossier.due_at,
    )
    return {"supplements": [*dossier.supplements, supplement]}


def _results(dossier: Dossier, addition: Addition) -> dict[str, object]:
    known = {each.file.sha256 for each in dossier.results if each.file is not None}
    fresh: dict[str, Result] = {}
    for kept in addition.files:
        digest = kept.reference.sha256 or ""
        if kept.file.purpose != "result" or digest in known or digest in fresh:
            continue
        fresh[digest] = Result(
            id=_name(addition.destination, digest),
            name=_clean(kept.file.name, _LONGEST_TEXT),
            code=_code(kept.file.code),
            component_code=_code(kept.file.component_code),
            file=kept.reference,
        )
    if not fresh:
        return {}
    return {"results": [*dossier.results, *fresh.values()][:_MOST_RESULTS]}


def _name(destination: str, key: str) -> str:
    """A name that the same report always gets, as long as a record can hold."""
    name = f"{REPORTED_PREFIX}{destination}:{key}"
    if len(name) <= _LONGEST_ID and key.isprintable():
        return name
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{REPORTED_PREFIX}{destination}"[: _LONGEST_ID - 33] + f":{digest}"


def _code(text: str) -> str | None:
    """What a code may have of ``text``: no spaces, nothing that cannot be seen."""
    return "".join(sign for sign in text if sign.isprintable() and not sign.isspace())[:50] or None


def _clean(text: str, longest: int) -> str:
    """What every column and every partner can hold of ``text``."""
    return storable(text).strip()[:longest]
