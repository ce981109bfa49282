"""Terms and competence by the day of reception (construction §2, §4; U2, U3, U4).

Invariant: what the dossier itself promises always counts; a term is used only where it promises nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from fnmatch import fnmatchcase

from adapters.construction.settings import Settings, Term
from gateway.deadlines.calendar import CalendarGap, shipped_calendar
from gateway.deadlines.duration import Duration, DurationUnit, due
from gateway.domain.declarations import ConstructionDeclaration, PlanningDeclaration
from gateway.domain.dossier import Dossier
from gateway.mapping import local_date


def promise(dossier: Dossier, settings: Settings) -> datetime | None:
    """When ``dossier`` is due: its own promise, else by the first term that fits; None when nothing says so."""
    if dossier.due_at is not None or dossier.received_at is None:
        return dossier.due_at
    term = _term(dossier.declaration, local_date(dossier.received_at), settings.terms)
    if term is None:
        return None
    try:
        length = Duration(term.working_days, DurationUnit.WORKING_DAYS)
        return due(dossier.received_at, length, shipped_calendar()).due_at
    except CalendarGap:  # the calendar ends before the term does
        return None


def by_commune(dossier: Dossier, settings: Settings) -> bool:
    """Whether a commune's committee decides about ``dossier``."""
    if dossier.received_at is None:
        return False
    day = local_date(dossier.received_at)
    held = [each for each in settings.competence if each.since <= day]
    if not held:
        return False
    newest = max(held, key=lambda each: each.since)
    return any(fnmatchcase(dossier.agency.code, unit) for unit in newest.units)


def _term(declared: object, day: date, terms: Iterable[Term]) -> Term | None:
    match declared:
        case PlanningDeclaration():
            return next((each for each in terms if each.planning and each.since <= day), None)
        case ConstructionDeclaration():
            fitting = (each for each in terms if each.since <= day and _fits(each, declared))
            return next(fitting, None)
        case _:
            return None


def _fits(term: Term, declared: ConstructionDeclaration) -> bool:
    works = declared.request.works
    return (
        not term.planning
        and (not term.kinds or declared.kind in term.kinds)
        and (not term.groups or (bool(works) and all(each.group in term.groups for each in works)))
        # the highest grade decides for a project (construction §2, competence)
        and (not term.grades or (bool(works) and all(each.grade in term.grades for each in works)))
    )
