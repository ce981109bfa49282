"""Dates and sums that cannot be true, found before anything leaves (domain_rules R26; national_portal §13.2).

Pure. Every finding carries the field's pointer; the record is refused with all of them, never "corrected".
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import TYPE_CHECKING

from gateway.domain.status import Status
from gateway.domain.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.domain.dossier import Dossier

_VIETNAM = timezone(timedelta(hours=7))
# (field, must not be before this field, advice)
_ORDER = (
    ("due_at", "received_at", "the appointment cannot lie before the reception; check both dates"),
    ("finished_at", "received_at", "work cannot end before the dossier was received; check both dates"),
    ("returned_at", "received_at", "a result cannot be handed over before the dossier was received"),
)
_NOT_FUTURE = ("submitted_at", "received_at", "finished_at", "returned_at", "refused_at")
_NEEDS: dict[Status, tuple[str, ...]] = {
    Status.RECEIVED: ("received_at",),
    Status.PROCESSING: ("received_at",),
    Status.FINISHED: ("received_at", "finished_at"),
    Status.RETURNED: ("received_at", "finished_at"),
}


def implausible(
    dossier: Dossier, *, now: datetime, skew: timedelta = timedelta(minutes=5)
) -> list[Violation]:
    """Every impossible date of a *translated* dossier; empty when there is none.

    ``skew`` is how far the source's clock may run ahead of ours before "in the future" is said.
    """
    return [
        *_out_of_order(dossier),
        *_in_future(dossier, now + skew),
        *_missing_for_status(dossier),
        *_repeated(dossier),
    ]


def _out_of_order(dossier: Dossier) -> Iterator[Violation]:
    for field, reference, advice in _ORDER:
        value, floor = getattr(dossier, field), getattr(dossier, reference)
        if value is None or floor is None or value >= floor:
            continue
        if field != "due_at" or not _is_day_of(value, floor):
            yield Violation(
                pointer=f"/{field}",
                code="date_order",
                got=value.isoformat(),
                expected=f"{reference} ({floor.isoformat()}) or later",
                advice=advice,
            )
    for index, supplement in enumerate(dossier.supplements):
        if supplement.received_at is not None and supplement.received_at < supplement.requested_at:
            yield Violation(
                pointer=f"/supplements/{index}/received_at",
                code="date_order",
                got=supplement.received_at.isoformat(),
                expected=f"requested_at ({supplement.requested_at.isoformat()}) or later",
                advice="a supplement cannot arrive before it was asked for",
            )


def _is_day_of(due: datetime, received: datetime) -> bool:
    """domain_rules R25: a promise at 00:00:00 in Vietnam means that day, to its end."""
    local = due.astimezone(_VIETNAM)
    return local.time() == time.min and local.date() == received.astimezone(_VIETNAM).date()


def _in_future(dossier: Dossier, limit: datetime) -> Iterator[Violation]:
    instants = [(f"/{field}", getattr(dossier, field)) for field in _NOT_FUTURE]
    instants += [(f"/steps/{index}/at", step.at) for index, step in enumerate(dossier.steps)]
    for pointer, value in instants:
        if value is not None and value > limit:
            yield Violation(
                pointer=pointer,
                code="date_in_future",
                got=value.isoformat(),
                expected=f"not after {limit.isoformat(timespec='seconds')}",
                advice="check the date and the clock of the source system",
            )


def _missing_for_status(dossier: Dossier) -> Iterator[Violation]:
    for field in _NEEDS.get(Status(dossier.status), ()):
        if getattr(dossier, field) is None:
            yield Violation(
                pointer=f"/{field}",
                code="missing_for_status",
                got="null",
                expected=f"an instant, because status is {dossier.status}",
                advice=f"send {field}, or the status the dossier really has",
            )


def _repeated(dossier: Dossier) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, step in enumerate(dossier.steps):
        if step.id in seen:
            yield Violation(
                pointer=f"/steps/{index}/id",
                code="repeated_id",
                got=step.id,
                expected="an id used once in the dossier",
                advice="give every step its own stable id",
            )
        seen.add(step.id)
