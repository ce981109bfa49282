"""Rules R1 to R12: what the ministry refuses beyond the schema (construction §4.1).

Each rule is a generator over a declaration; ``refusals`` is what would be refused, ``doubts`` what is only worth a look
(R11 and the form of certificates: applicants mis-declare, and a refusal would lose the file). Invariant: a finding
points into the local record and quotes no number of a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal

from msgspec import Struct

from gateway.domain.declarations import ConstructionDeclaration, PlanningDeclaration
from gateway.domain.declarations.construction import (
    Attachment,
    Designer,
    DesignerKind,
    PaperKind,
    PartyKind,
    PermitKind,
    PermitRequest,
    PermitScope,
    Submitter,
    Work,
    WorkGrade,
    WorkGroup,
)
from gateway.domain.violation import Violation

MEDIA_TYPES = frozenset({"application/pdf", "image/jpeg", "image/png", "application/zip", "application/dwg"})
MOST_PER_FILE = 20 * 1024 * 1024
MOST_TOGETHER = 100 * 1024 * 1024
_TOP = "/declaration"
_BUILDING = frozenset({PermitKind.NEW, PermitKind.REPAIR, PermitKind.RELOCATION, PermitKind.FIXED_TERM})
_LOCAL_GRADES = frozenset({WorkGrade.III, WorkGrade.IV})
_PERSONAL_NUMBER = re.compile(r"[0-9]{12}|[A-Z][0-9A-Z]{5,19}")
_CERTIFICATE = re.compile(r"[A-Z]{3}[- ]?[0-9]{8}")
_HOUSE_FIELDS = ("ground_area", "level", "floor_area", "height", "storeys")
WORK_FIELDS: dict[WorkGroup, tuple[str, ...]] = {  # R5, R6
    WorkGroup.NON_LINEAR: (*_HOUSE_FIELDS, "kind"),
    WorkGroup.LINEAR: ("kind", "length", "level"),
    WorkGroup.RELIGIOUS: (*_HOUSE_FIELDS, "kind"),
    WorkGroup.MONUMENT: ("kind", "ground_area", "level", "height"),
    WorkGroup.HOUSE: _HOUSE_FIELDS,
}
REQUEST_FIELDS: dict[PermitKind, tuple[tuple[str, str], ...]] = {  # R3, R4
    PermitKind.NEW: (("works", "R3"), ("months", "R3")),
    PermitKind.REPAIR: (("works", "R3"), ("months", "R3"), ("repair", "R3")),
    PermitKind.RELOCATION: (("works", "R3"), ("months", "R3"), ("destination", "R3")),
    PermitKind.FIXED_TERM: (("works", "R3"), ("months", "R3")),
    PermitKind.ADJUSTMENT: (("permit", "R4"), ("adjustment", "R4")),
    PermitKind.EXTENSION: (("permit", "R4"), ("extension", "R4")),
    PermitKind.REISSUE: (("permit", "R4"), ("reason", "R4")),
}
_DRAWINGS = (PaperKind.HOUSE_DRAWINGS, PaperKind.PROJECT_DRAWINGS)
_ISSUED = ((PaperKind.ISSUED_PERMIT,),)
PAPERS: dict[PermitKind, tuple[tuple[PaperKind, ...], ...]] = {  # R9; one of each tuple must be there
    PermitKind.NEW: ((PaperKind.APPLICATION,), (PaperKind.LAND,), _DRAWINGS),
    PermitKind.REPAIR: (
        (PaperKind.APPLICATION,),
        (PaperKind.LAND,),
        (PaperKind.PRESENT_DRAWINGS,),
        (PaperKind.PRESENT_PHOTOS,),
    ),
    PermitKind.RELOCATION: (
        (PaperKind.APPLICATION,),
        (PaperKind.LAND,),
        (PaperKind.PRESENT_SURVEY,),
        (PaperKind.RELOCATION_PLAN,),
    ),
    PermitKind.FIXED_TERM: ((PaperKind.APPLICATION,), (PaperKind.LAND,), _DRAWINGS),
    PermitKind.ADJUSTMENT: ((PaperKind.CHANGE_APPLICATION,), _DRAWINGS, *_ISSUED),
    PermitKind.EXTENSION: ((PaperKind.CHANGE_APPLICATION,), *_ISSUED),
    PermitKind.REISSUE: ((PaperKind.CHANGE_APPLICATION,), *_ISSUED),
}


class Limits(Struct, frozen=True, kw_only=True):
    """What the partner takes (R10), in bytes."""

    per_file: int = MOST_PER_FILE
    together: int = MOST_TOGETHER


STATED = Limits()


def refusals(
    declaration: ConstructionDeclaration | PlanningDeclaration, *, commune: bool, limits: Limits = STATED
) -> list[Violation]:
    """What the partner would refuse. ``commune``: a commune's committee decides, which may not about every grade."""
    if isinstance(declaration, PlanningDeclaration):
        found = [
            *_party(declaration.applicant, "/applicant"),
            *_authorised(declaration.applicant, declaration.attachments),
        ]
        return [*found, *_files(declaration.attachments, limits)]
    return [
        *(violation for rule in _RULES for violation in rule(declaration)),
        *(_grades(declaration) if commune else ()),
        *_files(declaration.attachments, limits),
    ]


def doubts(declaration: ConstructionDeclaration) -> list[Violation]:
    """What is worth a look and is sent all the same."""
    return [*_areas(declaration), *_certificates(declaration)]


def _missing(pointer: str, rule: str, expected: str, advice: str = "fill the field") -> Violation:
    return Violation(pointer=_TOP + pointer, code=rule, got="nothing", expected=expected, advice=advice)


def _investor(declaration: ConstructionDeclaration) -> Iterator[Violation]:
    """R1, and the form of a person's number (R12)."""
    investor = declaration.investor
    person = investor.kind is PartyKind.PERSON
    for name in ("number",) if person else ("enterprise_number", "representative"):
        if not getattr(investor, name):
            kind = "a person" if person else "an organisation"
            yield _missing(f"/investor/{name}", "R1", f"an investor that is {kind} has it")
    for name in ("number", "representative_number"):
        yield from _number(getattr(investor, name), f"/investor/{name}")


def _submitter(declaration: ConstructionDeclaration) -> Iterator[Violation]:
    yield from _party(declaration.submitter, "/submitter")
    yield from _authorised(declaration.submitter, declaration.attachments)


def _party(party: Submitter, pointer: str) -> Iterator[Violation]:
    """R2, and the form of a person's number (R12)."""
    if party.kind is PartyKind.ORGANISATION:
        for name in ("organisation", "enterprise_number"):
            if not getattr(party, name):
                yield _missing(f"{pointer}/{name}", "R2", "a submitter that is an organisation has it")
    yield from _number(party.number, f"{pointer}/number")


def _number(number: str | None, pointer: str) -> Iterator[Violation]:
    if number and not _PERSONAL_NUMBER.fullmatch(number):
        yield Violation(
            pointer=_TOP + pointer,
            code="R12",
            got=f"{len(number)} characters",
            expected="12 digits, or the number of a passport",
            advice="copy the number from the identity paper",
        )


def _authorised(party: Submitter, attachments: list[Attachment]) -> Iterator[Violation]:
    """R2: who is authorised shows the paper."""
    if party.authorised and not any(each.kind is PaperKind.AUTHORISATION for each in attachments):
        yield _missing("/attachments", "R2", "the paper of authorisation", "attach it")


def _request(declaration: ConstructionDeclaration) -> Iterator[Violation]:
    """R3 and R4."""
    for name, rule in REQUEST_FIELDS[declaration.kind]:
        if not getattr(declaration.request, name):
            yield _missing(f"/request/{name}", rule, f"mandatory for a request of kind {declaration.kind}")


def _works(declaration: ConstructionDeclaration) -> Iterator[Violation]:
    """R5 and R6; what changes a permit is not asked for the numbers again (construction §3.3)."""
    if declaration.kind not in _BUILDING:
        return
    for number, work in enumerate(declaration.request.works):
        rule = "R5" if work.group is WorkGroup.HOUSE else "R6"
        for name in WORK_FIELDS[work.group]:
            if getattr(work, name) is None:
                yield _missing(f"/request/works/{number}/{name}", rule, f"mandatory for group {work.group}")
        if work.group is WorkGroup.LINEAR and len(work.sections) == 1:
            yield Violation(
                pointer=f"{_TOP}/request/works/{number}/sections",
                code="R6",
                got="one section",
                expected="none inside one administrative unit, else one for each",
                advice="add the others, or leave it out",
            )


def _grades(declaration: ConstructionDeclaration) -> Iterator[Violation]:
    """R5: a commune decides about grades III and IV."""
    for number, work in enumerate(declaration.request.works):
        if work.group is WorkGroup.HOUSE and work.grade not in _LOCAL_GRADES:
            yield Violation(
                pointer=f"{_TOP}/request/works/{number}/grade",
                code="R5",
                got=str(work.grade),
                expected="III or IV, where a commune decides",
                advice="correct the grade, or send the dossier to the province's agency",
            )


def _scope(declaration: ConstructionDeclaration) -> Iterator[Violation]:
    """R7."""
    request: PermitRequest = declaration.request
    if request.scope is PermitScope.STAGE:
        for number, work in enumerate(request.works):
            if work.stage is None:
                yield _missing(f"/request/works/{number}/stage", "R7", "the stage of the work")
    if request.scope is PermitScope.PROJECT and request.project is None:
        yield _missing("/request/project", "R7", "the project and its decision")


def _design(declaration: ConstructionDeclaration) -> Iterator[Violation]:
    """R8: somebody qualified has designed it, but for the smallest houses."""
    if declaration.kind not in _BUILDING:
        return
    small = bool(declaration.request.works) and all(map(_owner_may_design, declaration.request.works))
    if declaration.designer is None:
        yield _missing("/designer", "R8", "who has made the design")
    elif declaration.designer.kind is DesignerKind.OWNER and not small:
        yield Violation(
            pointer=f"{_TOP}/designer/kind",
            code="R8",
            got="owner",
            expected="an organisation or a person with a certificate",
            advice="name the designer; only a house below 3 storeys, 250 m² and 12 m, without basement, is free",
        )


def _owner_may_design(work: Work) -> bool:
    return (
        work.group is WorkGroup.HOUSE
        and (work.storeys or 0) < 3
        and not work.basements
        and Decimal(work.floor_area or 0) < 250
        and Decimal(work.height or 0) < 12
    )


def _papers(declaration: ConstructionDeclaration) -> Iterator[Violation]:
    """R9."""
    present = {each.kind for each in declaration.attachments}
    wanted = list(PAPERS[declaration.kind])
    if any(work.group is WorkGroup.HOUSE for work in declaration.request.works):
        wanted.append((PaperKind.COMMITMENT,))
    for kinds in wanted:
        if present.isdisjoint(kinds):
            yield _missing("/attachments", "R9", " or ".join(kinds), "attach the paper")


def _files(attachments: list[Attachment], limits: Limits) -> Iterator[Violation]:
    """R10, as far as it can be known without the bytes."""
    for number, each in enumerate(attachments):
        pointer = f"/attachments/{number}/file"
        if each.file.sha256 is None:
            yield _missing(f"{pointer}/sha256", "R10", "the SHA-256 of the bytes")
        if each.file.media_type not in MEDIA_TYPES:
            yield Violation(
                pointer=f"{_TOP}{pointer}/media_type",
                code="R10",
                got=(each.file.media_type or "nothing")[:80],
                expected=", ".join(sorted(MEDIA_TYPES)),
                advice="convert the file, or name its media type",
            )
        if (each.file.size or 0) > limits.per_file:
            yield _too_large(f"{pointer}/size", each.file.size or 0, limits.per_file)
    together = sum(each.file.size or 0 for each in attachments)
    if together > limits.together:
        yield _too_large("/attachments", together, limits.together)


def _too_large(pointer: str, size: int, most: int) -> Violation:
    return Violation(
        pointer=_TOP + pointer,
        code="R10",
        got=f"{size} bytes",
        expected=f"at most {most} bytes",
        advice="scan with a lower resolution, or leave out what is not asked for",
    )


def _areas(declaration: ConstructionDeclaration) -> Iterator[Violation]:
    """R11."""
    for number, work in enumerate(declaration.request.works):
        if work.floor_area and work.ground_area and Decimal(work.floor_area) < Decimal(work.ground_area):
            yield Violation(
                pointer=f"{_TOP}/request/works/{number}/floor_area",
                code="R11",
                got=f"{work.floor_area} m²",
                expected=f"at least the ground floor's {work.ground_area} m²",
                advice="ask the applicant",
            )


def _certificates(declaration: ConstructionDeclaration) -> Iterator[Violation]:
    """R12: the form that certificates normally have."""
    for place, designer in (("/designer", declaration.designer), ("/reviewer", declaration.reviewer)):
        for pointer, number in _certificates_of(designer, place):
            if number and not _CERTIFICATE.fullmatch(number):
                yield Violation(
                    pointer=_TOP + pointer,
                    code="R12",
                    got=f"{len(number)} characters of another form",
                    expected="three letters and eight digits",
                    advice="compare with the certificate",
                )


def _certificates_of(designer: Designer | None, place: str) -> Iterator[tuple[str, str | None]]:
    if designer is None:
        return
    yield f"{place}/certificate", designer.certificate
    if designer.lead is not None:
        yield f"{place}/lead/certificate", designer.lead.certificate
    for number, member in enumerate(designer.members):
        yield f"{place}/members/{number}/certificate", member.certificate


_Rule = Callable[[ConstructionDeclaration], Iterator[Violation]]
_RULES: tuple[_Rule, ...] = (_investor, _submitter, _request, _works, _scope, _design, _papers)
