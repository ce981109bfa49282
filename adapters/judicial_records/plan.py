"""Which deliveries a version of a dossier calls for (judicial_records §4.3, §4.5, §4.6).

Invariant: an application is told again only when something that the centre reads has changed; a state is told once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from adapters.judicial_records.manifest import SUBMIT, TELL
from adapters.judicial_records.settings import Settings
from gateway.codec import canonical
from gateway.domain.declarations import JudicialRecordDeclaration
from gateway.domain.declarations.judicial_record import FiledThrough
from gateway.domain.dossier import Dossier, FileReference, Result, Step
from gateway.domain.status import Status
from gateway.port import Planned
from mappings.judicial_records.rules import received_within
from mappings.judicial_records.submit import Application, Round
from mappings.judicial_records.telling import Telling

# §4.5: the states that VNeID is told.
_TOLD = frozenset(
    {
        *(Status.RECEIVED, Status.REFUSED, Status.PROCESSING, Status.SUPPLEMENT_REQUESTED),
        *(Status.FINISHED, Status.RETURNED),
    }
)
_WITH_RESULT = frozenset({Status.FINISHED, Status.RETURNED})
_WITH_REASON = frozenset({Status.REFUSED, Status.SUPPLEMENT_REQUESTED})


def application(dossier: Dossier) -> Application | None:
    """What the centre is told of ``dossier``; None when it asks for no certificate."""
    if not isinstance(dossier.declaration, JudicialRecordDeclaration):
        return None
    return Application(
        code=dossier.code,
        declaration=dossier.declaration,
        received_at=dossier.received_at,
        due_at=dossier.due_at,
        documents=dossier.documents,
        supplements=[
            Round(answered=each.received_at is not None, documents=each.documents)
            for each in dossier.supplements
        ],
    )


def wanted(dossier: Dossier, settings: Settings) -> bool:
    """Whether this destination is told about ``dossier``."""
    declared = dossier.declaration
    if not isinstance(declared, JudicialRecordDeclaration):
        return False
    goes = settings.centre is not None and (dossier.received_at is None or in_time(dossier, settings))
    return goes or (settings.vneid is not None and declared.filed_through is FiledThrough.VNEID)


def in_time(dossier: Dossier, settings: Settings) -> bool:
    """Whether it was received, and on a day on which its application goes to this centre."""
    return received_within(dossier, settings.received_since, settings.received_before)


def plan(dossier: Dossier, settings: Settings) -> Sequence[Planned]:
    """The application once it was received, and every state for VNeID."""
    asked = application(dossier)
    if asked is None:
        return []
    planned = []
    # A dossier that the one-door system refused itself never reaches the centre.
    if settings.centre is not None and in_time(dossier, settings) and dossier.status != Status.REFUSED:
        planned.append(
            Planned(
                operation=SUBMIT,
                key=f"v{dossier.version}",
                payload=canonical.encode(asked),
                fingerprint=_fingerprint(asked),
            )
        )
    if settings.vneid is not None and asked.declaration.filed_through is FiledThrough.VNEID:
        planned += _tellings(dossier, settings)
    return planned


def _fingerprint(asked: Application) -> bytes:
    """Of what the centre reads: a supplement that was only asked for, or a new promise, is no news to it."""
    answered = [each for each in asked.supplements if each.answered]
    return bytes.fromhex(canonical.digest(replace(asked, due_at=None, supplements=answered)))


def _tellings(dossier: Dossier, settings: Settings) -> Iterator[Planned]:
    issued = [each for each in dossier.results if each.file and not _revokes(each, settings)]
    finished = 0
    for step in dossier.steps:
        finished += step.status == Status.FINISHED
        if step.status in _TOLD and (issued or step.status not in _WITH_RESULT):
            # Each end of the work has brought a certificate; the steps after it hand out that one.
            certificate = issued[min(max(finished, 1), len(issued)) - 1] if issued else None
            told = _telling(dossier, step, certificate)
            yield Planned(operation=TELL, key=step.id, payload=canonical.encode(told), happened_at=step.at)
    for result in dossier.results:
        if issued and result.file and _revokes(result, settings):
            told = _revocation(dossier, issued[-1], result.file)
            yield Planned(operation=TELL, key=f"revoke:{result.id}", payload=canonical.encode(told))


def _revokes(result: Result, settings: Settings) -> bool:
    return result.component_code == settings.revocation_component


def _telling(dossier: Dossier, step: Step, issued: Result | None) -> Telling:
    certificate = issued if step.status in _WITH_RESULT else None
    return Telling(
        code=dossier.code,
        status=step.status,
        reason=(step.note or step.title or "") if step.status in _WITH_REASON else "",
        due_at=dossier.due_at,
        number=(certificate.code or "") if certificate else "",
        certificate=certificate.file if certificate else None,
    )


def _revocation(dossier: Dossier, replaced: Result, decision: FileReference) -> Telling:
    return Telling(
        code=dossier.code,
        status=Status.RETURNED if dossier.status == Status.RETURNED else Status.FINISHED,
        number=replaced.code or "",
        certificate=replaced.file,
        decision=decision,
    )
