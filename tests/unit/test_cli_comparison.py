"""The judge of the demo: it must find every kind of difference, and none where there is none."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from gateway.cli import comparison
from gateway.cli.comparison import SURPLUS, compare
from gateway.domain.dossier import (
    Agency,
    Applicant,
    ApplicantKind,
    Channel,
    Dossier,
    Procedure,
    Result,
    Step,
    Supplement,
)
from gateway.domain.status import Status
from mappings.national_portal import stored_record
from mappings.national_portal.stored_record import Kept, KeptDossier, KeptStep, read_record

RECEIVED = datetime(2026, 3, 2, 2, tzinfo=UTC)
FINISHED = RECEIVED + timedelta(days=2, microseconds=7)


def dossier(**changes) -> Dossier:
    usual = {
        "code": "H99.14-260302-0001",
        "version": 3,
        "procedure": Procedure(code="local", national_code="1.009901.000.00.00.H99"),
        "agency": Agency(code="H99.14", name="Sở Thử nghiệm"),
        "channel": Channel.ONLINE,
        "applicant": Applicant(kind=ApplicantKind.CITIZEN, name="Nguye\u0302\u0303n  Thử"),
        "summary": "Thử",
        "status": Status.RETURNED,
        "received_at": RECEIVED,
        "due_at": RECEIVED + timedelta(days=3),
        "finished_at": FINISHED,
        "returned_at": FINISHED + timedelta(hours=1),
        "steps": [
            Step(id="1", at=RECEIVED, status=Status.RECEIVED),
            Step(id="2", at=RECEIVED + timedelta(hours=1), status=Status.PROCESSING),
            Step(id="3", at=FINISHED, status=Status.FINISHED),
            Step(id="4", at=FINISHED + timedelta(hours=1), status=Status.RETURNED),
        ],
        "supplements": [Supplement(id=1, requested_at=RECEIVED, requested_by="Mẫu", reason="thiếu")],
        "results": [Result(id="r", name="Giấy phép")],
    }
    return Dossier(**{**usual, **changes})


def whole(instant):
    return None if instant is None else instant.replace(microsecond=0)


def kept_of(ours: Dossier, **changes) -> KeptDossier:
    """What a portal has that was told everything, right and in order."""
    usual = {
        "known": True,
        "status": Status(ours.status).national,
        "procedure": "1.009901",
        "applicant": "Nguyễn Thử",
        "received_at": whole(ours.received_at),
        "due_at": whole(ours.due_at),
        "finished_at": whole(ours.finished_at),
        "returned_at": whole(ours.returned_at),
        "supplements": len(ours.supplements),
        "results": len(ours.results),
        "steps": tuple(KeptStep(at=whole(s.at), status=Status(s.status).national) for s in ours.steps),
    }
    return KeptDossier(**{**usual, **changes})


def kept(*pairs: tuple[str, KeptDossier], **changes) -> Kept:
    usual = {"duplicates": 0, "out_of_order": 0, "regressions": 0, "rejected": 0, "writes": 9}
    return Kept(dossiers=dict(pairs), **{**usual, **changes})


def judged(ours: Dossier, record: Kept, *, wanted=lambda _: True):
    return compare([ours], record, wanted=wanted, partner_code=lambda code: code)


def counts(verdict) -> tuple[int, int, int, int]:
    return verdict.missing, verdict.out_of_order, verdict.duplicated, verdict.different


def test_two_sides_that_say_the_same_are_in_step():
    ours = dossier()
    verdict = judged(ours, kept((ours.code, kept_of(ours))))
    assert verdict.holds
    assert (verdict.compared, verdict.in_step, verdict.steps) == (1, 1, 4)


def test_dossier_is_looked_up_under_its_number_at_the_portal():
    ours = dossier(code="BXD-2026-00375")
    record = kept(("H99.14-260302-48213", kept_of(ours)))
    verdict = compare(
        [ours], record, wanted=lambda _: True, partner_code={ours.code: "H99.14-260302-48213"}.__getitem__
    )
    assert verdict.holds


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", 4),
        ("received_at", RECEIVED + timedelta(seconds=1)),
        ("due_at", None),
        ("finished_at", None),
        ("returned_at", RECEIVED),
        ("applicant", "Nguyen Thu"),
        ("procedure", "1.009902"),
        ("supplements", 0),
        ("results", 2),
    ],
)
def test_every_compared_field_is_found_different(field, value):
    ours = dossier()
    verdict = judged(ours, kept((ours.code, kept_of(ours, **{field: value}))))
    assert counts(verdict) == (0, 0, 0, 1)
    assert [each.what for each in verdict.differences] == [field]
    assert (verdict.in_step, verdict.holds) == (0, False)


def test_the_test_above_knows_every_compared_field():
    known = next(
        mark for mark in test_every_compared_field_is_found_different.pytestmark if mark.name == "parametrize"
    )
    assert {row[0] for row in known.args[1]} == {row.name for row in comparison._ROWS}


def test_missing_dossier_is_found():
    ours = dossier()
    assert counts(judged(ours, kept())) == (1, 0, 0, 0)
    assert counts(judged(ours, kept((ours.code, kept_of(ours, known=False))))) == (1, 0, 0, 0)


def test_missing_step_is_found():
    ours = dossier()
    there = kept_of(ours)
    verdict = judged(ours, kept((ours.code, kept_of(ours, steps=there.steps[:1] + there.steps[2:]))))
    assert counts(verdict) == (1, 0, 0, 0)


def test_step_that_was_stored_twice_is_found():
    ours = dossier()
    there = kept_of(ours)
    verdict = judged(ours, kept((ours.code, kept_of(ours, steps=(*there.steps[:2], *there.steps[1:])))))
    assert counts(verdict) == (0, 0, 1, 0)


def test_step_that_nobody_recorded_is_found():
    ours = dossier()
    there = kept_of(ours)
    strange = KeptStep(at=RECEIVED + timedelta(hours=2), status=6)
    verdict = judged(ours, kept((ours.code, kept_of(ours, steps=(*there.steps, strange)))))
    assert counts(verdict) == (0, 0, 0, 1)


def test_steps_in_another_order_are_found():
    ours = dossier()
    first, second, *rest = kept_of(ours).steps
    verdict = judged(ours, kept((ours.code, kept_of(ours, steps=(second, first, *rest)))))
    assert counts(verdict) == (0, 1, 0, 0)


def test_reception_and_end_steps_that_the_contract_demands_are_no_difference():
    ours = dossier(steps=[Step(id="2", at=RECEIVED + timedelta(hours=1), status=Status.PROCESSING)])
    assert judged(ours, kept((ours.code, kept_of(dossier())))).holds


def test_demanded_step_at_another_instant_is_a_difference():
    ours = dossier(steps=[])
    wrong = KeptStep(at=RECEIVED + timedelta(minutes=1), status=2)
    assert counts(judged(ours, kept((ours.code, kept_of(ours, steps=(wrong,)))))) == (0, 0, 0, 1)


def test_dossier_that_must_not_be_there_is_found():
    ours = dossier()
    verdict = judged(ours, kept((ours.code, kept_of(ours))), wanted=lambda _: False)
    assert counts(verdict) == (0, 0, 0, 1)
    assert verdict.differences[0].got == SURPLUS
    assert verdict.absent == 1
    assert judged(ours, kept(), wanted=lambda _: False).holds


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"duplicates": 2}, (0, 0, 2, 0)),
        ({"out_of_order": 3}, (0, 3, 0, 0)),
        ({"regressions": 1}, (0, 1, 0, 0)),
    ],
)
def test_what_the_portal_itself_counted_is_believed(change, found):
    ours = dossier()
    assert counts(judged(ours, kept((ours.code, kept_of(ours)), **change))) == found


def test_portals_record_is_read_in_our_words():
    fields = {
        "MaTTHC": "1.009901",
        "ChuHoSo": "Nguyễn Thử",
        "TrangThaiHoSo": "9",
        "NgayTiepNhan": "20260302090000",
        "NgayHenTra": "",
        "DanhSachHoSoBoSung": [{}],
    }
    steps = [
        {"ThoiDiemXuLy": "20260302100000", "TrangThai": "4", "arrival": 7},
        {"ThoiDiemXuLy": "20260302090000", "TrangThai": "2", "arrival": 5},
    ]
    lists = {"duplicates": [{}], "out_of_order": [], "regressions": [], "rejected": [{}, {}]}
    read = read_record({"dossiers": {"H99": {"fields": fields, "steps": steps}}, "writes": 9, **lists})
    found = read.dossiers["H99"]
    assert (found.status, found.received_at, found.due_at, found.supplements) == (9, RECEIVED, None, 1)
    assert [step.status for step in found.steps] == [2, 4]
    assert (read.duplicates, read.rejected, read.writes) == (1, 2, 9)
    assert (
        not read_record({"dossiers": {"H99": {"fields": {}, "steps": []}}, "writes": 0, **lists})
        .dossiers["H99"]
        .known
    )


def test_the_judge_shares_nothing_with_what_wrote_to_the_portal():
    allowed = {"mappings.national_portal.stored_record"}
    for module in (comparison, stored_record):
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        imported = {
            node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
        }
        ours = {name for name in imported if name.startswith(("mappings", "adapters"))}
        assert ours <= allowed


def test_differences_are_told_up_to_a_limit_and_counted_beyond_it():
    many = [msgspec.structs.replace(dossier(), code=f"H99.14-260302-{number:04}") for number in range(50)]
    verdict = compare(many, kept(), wanted=lambda _: True, partner_code=lambda code: code)
    assert verdict.missing == 50
    assert len(verdict.differences) == comparison.REMEMBERED
