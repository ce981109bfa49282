"""Rules R1 to R12 of the ministry: each refuses what it names, at the field that is wrong, and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.domain.declarations import construction as c
from mappings.construction.rules import PAPERS, REQUEST_FIELDS, STATED, WORK_FIELDS, Limits, doubts, refusals
from tests.unit.construction_world import (
    COMPANY,
    HOUSE,
    HOUSE_PAPERS,
    OWNER,
    PERMIT,
    PERSON,
    SITE,
    declared,
    paper,
    papers,
    planning,
)

replace = msgspec.structs.replace
P = c.PaperKind


def _told(declaration: Any, *, commune: bool = True, limits: Limits = STATED) -> set[tuple[str, str]]:
    return {
        (violation.code, violation.pointer.removeprefix("/declaration"))
        for violation in refusals(declaration, commune=commune, limits=limits)
    }


def _asked(**changes: Any) -> c.PermitRequest:
    return replace(declared().request, **changes)


def _changed(kind: c.PermitKind, *more: P, **request: Any) -> Any:
    return declared(
        kind=kind,
        request=c.PermitRequest(permit=PERMIT, **request),
        designer=None,
        attachments=papers(P.CHANGE_APPLICATION, P.ISSUED_PERMIT, *more),
    )


COMPLETE = {
    "new": declared(),
    "repair": declared(
        kind=c.PermitKind.REPAIR,
        request=_asked(repair="Gia cố móng"),
        attachments=papers(P.APPLICATION, P.LAND, P.PRESENT_DRAWINGS, P.PRESENT_PHOTOS, P.COMMITMENT),
    ),
    "relocation": declared(
        kind=c.PermitKind.RELOCATION,
        request=_asked(destination=SITE),
        attachments=papers(P.APPLICATION, P.LAND, P.PRESENT_SURVEY, P.RELOCATION_PLAN, P.COMMITMENT),
    ),
    "fixed term": declared(kind=c.PermitKind.FIXED_TERM),
    "adjustment": _changed(c.PermitKind.ADJUSTMENT, P.HOUSE_DRAWINGS, adjustment="Thêm tầng"),
    "extension": _changed(c.PermitKind.EXTENSION, extension=1),
    "reissue": _changed(c.PermitKind.REISSUE, reason="Rách"),
    "planning": planning(),
    "passport": declared(investor=replace(OWNER, number="C1234567")),
    "owner's design": declared(
        designer=c.Designer(kind=c.DesignerKind.OWNER, name="NGUYỄN VĂN MẪU"),
        request=_asked(works=[replace(HOUSE, storeys=2, floor_area="249.99", height="11.999")]),
    ),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_a_complete_declaration_is_not_refused(name: str) -> None:
    assert _told(COMPLETE[name]) == set()


def test_there_is_a_complete_declaration_of_every_kind() -> None:
    kinds = {each.kind for each in COMPLETE.values() if not isinstance(each, type(planning()))}
    assert kinds == set(c.PermitKind) == set(REQUEST_FIELDS) == set(PAPERS)
    assert set(WORK_FIELDS) == set(c.WorkGroup)


FIRM = replace(OWNER, kind=c.PartyKind.ORGANISATION, number=None)
WRONG: dict[str, tuple[Any, set[tuple[str, str]]]] = {
    "R1 person": (declared(investor=replace(OWNER, number=None)), {("R1", "/investor/number")}),
    "R1 organisation": (
        declared(investor=FIRM),
        {("R1", "/investor/enterprise_number"), ("R1", "/investor/representative")},
    ),
    "R2 organisation": (
        declared(submitter=replace(PERSON, kind=c.PartyKind.ORGANISATION)),
        {("R2", "/submitter/organisation"), ("R2", "/submitter/enterprise_number")},
    ),
    "R2 authorised": (declared(submitter=replace(PERSON, authorised=True)), {("R2", "/attachments")}),
    "R2 planning": (
        planning(applicant=replace(PERSON, authorised=True, number="123456")),
        {("R2", "/attachments"), ("R12", "/applicant/number")},
    ),
    "R3 new": (declared(request=_asked(months=None)), {("R3", "/request/months")}),
    "R3 repair": (
        replace(COMPLETE["repair"], request=_asked()),
        {("R3", "/request/repair")},
    ),
    "R3 relocation": (replace(COMPLETE["relocation"], request=_asked()), {("R3", "/request/destination")}),
    "R4 adjustment": (
        replace(COMPLETE["adjustment"], request=c.PermitRequest()),
        {("R4", "/request/permit"), ("R4", "/request/adjustment")},
    ),
    "R4 extension": (
        replace(COMPLETE["extension"], request=c.PermitRequest(permit=PERMIT)),
        {("R4", "/request/extension")},
    ),
    "R4 reissue": (
        replace(COMPLETE["reissue"], request=c.PermitRequest(permit=PERMIT)),
        {("R4", "/request/reason")},
    ),
    "R5 numbers": (
        declared(request=_asked(works=[replace(HOUSE, height=None, level=None)])),
        {("R5", "/request/works/0/height"), ("R5", "/request/works/0/level")},
    ),
    "R5 grade": (
        declared(request=_asked(works=[HOUSE, replace(HOUSE, number=2, grade=c.WorkGrade.II)])),
        {("R5", "/request/works/1/grade")},
    ),
    "R6 religious": (
        declared(request=_asked(works=[replace(HOUSE, group=c.WorkGroup.RELIGIOUS, kind=None)])),
        {("R6", "/request/works/0/kind")},
    ),
    "R6 linear": (
        declared(
            request=_asked(
                works=[
                    replace(
                        HOUSE,
                        group=c.WorkGroup.LINEAR,
                        sections=[c.LineSection(address=SITE.address, length="1")],
                    )
                ]
            )
        ),
        {("R6", "/request/works/0/length"), ("R6", "/request/works/0/sections")},
    ),
    "R7 stage": (
        declared(request=_asked(scope=c.PermitScope.STAGE)),
        {("R7", "/request/works/0/stage")},
    ),
    "R7 project": (declared(request=_asked(scope=c.PermitScope.PROJECT)), {("R7", "/request/project")}),
    "R8 nobody": (declared(designer=None), {("R8", "/designer")}),
    "R8 owner": (
        declared(designer=c.Designer(kind=c.DesignerKind.OWNER, name="MẪU")),
        {("R8", "/designer/kind")},
    ),
    "R10 type": (
        declared(attachments=[*papers(*HOUSE_PAPERS[:3]), paper(P.COMMITMENT, media_type="text/html")]),
        {("R10", "/attachments/3/file/media_type")},
    ),
    "R10 size": (
        declared(attachments=[*papers(*HOUSE_PAPERS[:3]), paper(P.COMMITMENT, size=20 * 1024 * 1024 + 1)]),
        {("R10", "/attachments/3/file/size")},
    ),
    "R10 together": (
        declared(attachments=[*papers(*HOUSE_PAPERS), *(paper(P.OTHER, size=20_000_000) for _ in range(6))]),
        {("R10", "/attachments")},
    ),
    "R10 digest": (
        declared(attachments=[*papers(*HOUSE_PAPERS[:3]), paper(P.COMMITMENT, sha256=None)]),
        {("R10", "/attachments/3/file/sha256")},
    ),
    "R12 number": (declared(investor=replace(OWNER, number="123456789")), {("R12", "/investor/number")}),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_rule_refuses_what_it_names_and_no_more(name: str) -> None:
    declaration, expected = WRONG[name]
    assert _told(declaration) == expected


@pytest.mark.parametrize("kind", PAPERS)
def test_every_paper_that_a_kind_needs_is_missed(kind: c.PermitKind) -> None:
    complete = next(each for each in COMPLETE.values() if getattr(each, "kind", None) is kind)
    wanted = set(PAPERS[kind])
    for alternatives in wanted:
        rest = [each for each in complete.attachments if each.kind not in alternatives]
        missing = refusals(replace(complete, attachments=rest), commune=True)
        assert [(each.code, each.expected) for each in missing] == [("R9", " or ".join(alternatives))]


def test_the_commitment_is_asked_for_houses_only() -> None:
    shop = replace(HOUSE, group=c.WorkGroup.NON_LINEAR)
    without = papers(*HOUSE_PAPERS[:3])
    assert _told(declared(attachments=without)) == {("R9", "/attachments")}
    assert _told(declared(attachments=without, request=_asked(works=[shop]))) == set()


@pytest.mark.parametrize(
    "change", [{"storeys": 3}, {"basements": 1}, {"floor_area": "250"}, {"height": "12"}]
)
def test_an_owner_designs_only_the_smallest_house(change: dict[str, Any]) -> None:
    small = COMPLETE["owner's design"]
    works = [replace(small.request.works[0], **change)]
    assert _told(replace(small, request=replace(small.request, works=works))) == {("R8", "/designer/kind")}


def test_a_province_decides_about_every_grade() -> None:
    assert _told(WRONG["R5 grade"][0], commune=False) == set()


def test_limits_are_those_of_the_settings() -> None:
    assert ("R10", "/attachments") in _told(declared(), limits=Limits(together=43))
    assert _told(declared(), limits=Limits(together=44, per_file=11)) == set()


def test_small_areas_and_odd_certificates_are_doubts_and_no_refusals() -> None:
    odd = declared(
        designer=replace(
            COMPANY, certificate="12345", members=[c.Professional(name="MẪU", certificate="ABC 1")]
        ),
        request=_asked(works=[replace(HOUSE, floor_area="79.99")]),
    )
    assert _told(odd) == set()
    assert {(each.code, each.pointer.removeprefix("/declaration")) for each in doubts(odd)} == {
        ("R11", "/request/works/0/floor_area"),
        ("R12", "/designer/certificate"),
        ("R12", "/designer/members/0/certificate"),
    }
    assert doubts(declared()) == []


def test_no_finding_quotes_the_number_of_a_person() -> None:
    for violation in refusals(WRONG["R12 number"][0], commune=True):
        assert "123456789" not in violation.got + violation.expected + violation.advice
