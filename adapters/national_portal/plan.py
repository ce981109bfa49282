"""What the portal is to be told about a version of a dossier, in which order, under which number.

A dossier of the province goes as one snapshot, then step by step in order of time; a dossier that was filed at the
portal goes as a status report. Invariant: nothing is planned that the record does not say; the steps that §6 demands
are added from the record's own instants, under keys that begin with ``auto:``, and no state is ever rewritten (§14.6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec.structs import replace

from adapters.national_portal.manifest import DOSSIER, STATUS, STEP
from adapters.national_portal.settings import Settings
from gateway.codec import canonical
from gateway.domain.dossier import Dossier, Portal, Step
from gateway.domain.status import Status
from gateway.mapping import VIETNAM
from gateway.port import Planned

CANDIDATES = 20
_ANY = "one-door"  # the source that a record has when it says none
_FIRST, _COUNT = 10_000, 89_999  # §3: 10000 to 99998

# §6: the step that must be there, which state the dossier must be in, which instant it happened at.
# An end step is added for the state that ended the dossier and for no other: a withdrawn dossier was not finished.
_REQUIRED: tuple[tuple[str, Status, frozenset[Status] | None, Callable[[Dossier], datetime | None]], ...] = (
    ("auto:received", Status.RECEIVED, None, lambda dossier: dossier.received_at),
    ("auto:refused", Status.REFUSED, frozenset({Status.REFUSED}), lambda dossier: dossier.refused_at),
    ("auto:withdrawn", Status.WITHDRAWN, frozenset({Status.WITHDRAWN}), lambda dossier: dossier.finished_at),
    ("auto:stopped", Status.STOPPED, frozenset({Status.STOPPED}), lambda dossier: dossier.finished_at),
    (
        "auto:finished",
        Status.FINISHED,
        frozenset({Status.FINISHED, Status.RETURNED}),
        lambda dossier: dossier.finished_at,
    ),
    ("auto:returned", Status.RETURNED, frozenset({Status.RETURNED}), lambda dossier: dossier.returned_at),
)

# The field that says since when a dossier is in a state; §11.6. A state that comes back is told by its newest step.
_SINCE: dict[str, Callable[[Dossier], datetime | None]] = {
    Status.REGISTERED: lambda dossier: dossier.submitted_at,
    Status.RECEIVED: lambda dossier: dossier.received_at,
    Status.REFUSED: lambda dossier: dossier.refused_at,
    Status.SUPPLEMENT_REQUESTED: lambda dossier: max(
        (round_.requested_at for round_ in dossier.supplements), default=None
    ),
    Status.WITHDRAWN: lambda dossier: dossier.finished_at,
    Status.STOPPED: lambda dossier: dossier.finished_at,
    Status.FINISHED: lambda dossier: dossier.finished_at,
    Status.RETURNED: lambda dossier: dossier.returned_at,
}


def wanted(dossier: Dossier, settings: Settings) -> bool:
    """Whether the portal is told about ``dossier`` at all."""
    if portal_born(dossier):
        reports = settings.dialect != "lgsp_document" and dossier.status != Status.REGISTERED
        return reports or (settings.sync_portal_born and dossier.received_at is not None)
    if dossier.received_at is not None:
        return True
    if settings.dialect == "lgsp_document":
        return False  # §9: its schema takes no document without a reception
    # §5.8-5: without a reception a dossier is not counted and its reception time, mandatory, is not there.
    refused = dossier.refused_at is not None or dossier.status == Status.REFUSED
    return settings.send_unreceived == "all" or (settings.send_unreceived == "refused" and refused)


def plan(dossier: Dossier, settings: Settings) -> list[Planned]:
    """Every delivery that this version calls for, in the order in which they must leave; none if not wanted."""
    return [
        planned
        for operation in operations(dossier, settings)
        for planned in _MAKERS[operation](dossier, settings)
    ]


def operations(dossier: Dossier, settings: Settings) -> tuple[str, ...]:
    """The kinds of delivery that this version calls for, in the order in which they must leave."""
    if not wanted(dossier, settings):
        return ()
    if not portal_born(dossier):
        return (DOSSIER, STEP)
    silent = dossier.status == Status.REGISTERED or settings.dialect == "lgsp_document"
    report = () if silent else (STATUS,)
    whole = settings.sync_portal_born and dossier.received_at is not None
    return (DOSSIER, STEP, *report) if whole else report


def portal_born(dossier: Dossier) -> bool:
    """Whether the dossier was filed at the portal (§1.5, row 6)."""
    return dossier.origin is Portal.NATIONAL


def steps_of(dossier: Dossier, *, complete: bool) -> list[tuple[str, Step]]:
    """Keys and steps in order of time; ``complete`` adds what §6 demands and the record's own steps lack."""
    own = [(step.at, 0, index, step.id, step) for index, step in enumerate(dossier.steps)]
    if complete:
        own += [
            # At the same instant the reception comes before the work, the end after it.
            (step.at, -1 if step.status == Status.RECEIVED else 1, index, step.id, step)
            for index, step in enumerate(_missing(dossier))
        ]
    return [(key, step) for _, _, _, key, step in sorted(own, key=lambda row: row[:3])]


def partner_codes(dossier: Dossier, settings: Settings) -> Sequence[str]:
    """Numbers for the dossier at the portal, best first (§3): its own, unless it is foreign to the province."""
    own = dossier.code.partition("-")[0]
    if portal_born(dossier) or settings.province_code in own:
        return (dossier.code,)
    unit = dossier.agency.code if settings.province_code in dossier.agency.code else settings.madonvi
    day = _numbering_day(dossier)
    digest = hashlib.sha256(dossier.code.encode("utf-8", "replace")).digest()
    start = int.from_bytes(digest[:8], "big")
    # Steps of at most 1999 over 89,999 = 7·13·23·43 come round after 91 at the earliest: all candidates differ.
    stride = 1 + 2 * (int.from_bytes(digest[8:12], "big") % 1000)
    numbers = (_FIRST + (start + attempt * stride) % _COUNT for attempt in range(CANDIDATES))
    return tuple(f"{unit}-{day}-{number}" for number in numbers)


def _snapshot(dossier: Dossier) -> Planned:
    # The steps go as deliveries of their own; a long history would only weigh down every version.
    return _versioned(DOSSIER, replace(dossier, steps=[]), since=_since(dossier))


def _versioned(operation: str, shown: Dossier, *, since: datetime | None) -> Planned:
    """The portal sees neither the version nor the source: what changes nothing else is the same report to it."""
    return Planned(
        operation=operation,
        key=str(shown.version),
        payload=canonical.encode(shown),
        fingerprint=canonical.encode(replace(shown, version=1, source=_ANY)),
        happened_at=since,
    )


def _since(dossier: Dossier) -> datetime | None:
    """When the dossier came into the state that it is in, as far as the record says."""
    field = _SINCE.get(dossier.status)
    said = {step.at for step in dossier.steps if step.status == dossier.status}
    if field is not None and (at := field(dossier)) is not None:
        said.add(at)
    return max(said, default=None)


def _steps(dossier: Dossier, settings: Settings) -> list[Planned]:
    return [
        Planned(operation=STEP, key=key, payload=canonical.encode({"step": step}), happened_at=step.at)
        for key, step in steps_of(dossier, complete=settings.complete_steps)
    ]


def _report(dossier: Dossier) -> Planned:
    latest = [step for step in dossier.steps if step.status == dossier.status]
    shown = [max(latest, key=lambda step: step.at)] if latest else []
    return _versioned(STATUS, replace(dossier, steps=shown), since=_since(dossier))


_MAKERS: dict[str, Callable[[Dossier, Settings], list[Planned]]] = {
    DOSSIER: lambda dossier, _settings: [_snapshot(dossier)],
    STEP: _steps,
    STATUS: lambda dossier, _settings: [_report(dossier)],
}


def _missing(dossier: Dossier) -> list[Step]:
    present = {step.status for step in dossier.steps}
    missing = []
    for key, status, states, instant in _REQUIRED:
        at = instant(dossier)
        if at is not None and status not in present and (states is None or dossier.status in states):
            missing.append(Step(id=key, at=at, status=status, unit=dossier.agency.name))
    return missing


def _numbering_day(dossier: Dossier) -> str:
    instants = (dossier.received_at, dossier.refused_at, dossier.submitted_at)
    known = next((instant for instant in instants if instant is not None), None)
    if known is None and dossier.steps:
        known = min(step.at for step in dossier.steps)
    return "700101" if known is None else known.astimezone(VIETNAM).strftime("%y%m%d")
