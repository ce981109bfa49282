"""Comparing a partner's record with what it must hold: every class of drift, and what would mend it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from gateway.domain.status import Status, judge_move
from gateway.port import Expected, NoRecord, PartnerRecord, RecordStep
from gateway.statussync.compare import (
    NOTHING_UNDERWAY,
    DriftKind,
    Repair,
    Underway,
    compare,
    moves_backwards,
    unknown_here,
)
from gateway.statussync.drift_phrases import SENTENCES, explain

K = DriftKind
DAY = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)
SNAPSHOT, S1, S2, S3 = 10, 11, 12, 13


def at(hours: int) -> datetime:
    return DAY + timedelta(hours=hours)


def step(key: str, hours: int, status: Status) -> RecordStep:
    return RecordStep(key=key, at=at(hours), status=status)


STEPS = (
    step("one", 0, Status.RECEIVED),
    step("two", 5, Status.PROCESSING),
    step("end", 9, Status.FINISHED),
)
RECORD = PartnerRecord(
    status=Status.FINISHED,
    received_at=at(0),
    due_at=at(48),
    finished_at=at(9),
    steps=STEPS,
    fields={"/summary": "Trích lục", "/channel": "2", "/documents/7": "[a]"},
)
EXPECTED = Expected(
    record=RECORD,
    snapshots=(SNAPSHOT,),
    steps={"one": S1, "two": S2, "end": S3},
    order=(SNAPSHOT, S1, S2, S3),
    ends=(Status.FINISHED, Status.RETURNED),
)


def record(**changes) -> PartnerRecord:
    return msgspec.structs.replace(RECORD, **changes)


def expected(**changes) -> Expected:
    return msgspec.structs.replace(EXPECTED, **changes)


def found(there, underway: Underway = NOTHING_UNDERWAY, what: Expected = EXPECTED):
    return compare(what, there, underway).differences


def test_same_record_has_no_difference_and_everything_was_judged():
    comparison = compare(EXPECTED, RECORD, NOTHING_UNDERWAY)
    assert comparison.differences == ()
    assert all(comparison.judged(kind, "") for kind in K)


def test_dossier_that_is_not_there_is_told_again_as_a_whole():
    (missing,) = found(NoRecord())
    assert missing.kind is K.MISSING_THERE
    assert missing.repair == Repair(deliveries=(SNAPSHOT, S1, S2, S3))


def test_dossier_filed_with_the_partner_cannot_be_created_by_us():
    (missing,) = found(NoRecord(), what=expected(whole=False))
    assert (missing.kind, missing.repair) == (K.MISSING_THERE, None)


def test_missing_dossier_says_nothing_about_the_other_classes():
    comparison = compare(EXPECTED, NoRecord(), NOTHING_UNDERWAY)
    assert [kind for kind in K if comparison.judged(kind, "")] == [K.MISSING_THERE]


@pytest.mark.parametrize(
    ("changes", "kind", "field", "ours", "theirs"),
    [
        ({"status": Status.PROCESSING}, K.STATUS_DIFFERS, "/status", "finished", "processing"),
        ({"status": None}, K.STATUS_DIFFERS, "/status", "finished", None),
        ({"due_at": at(24)}, K.DUE_DIFFERS, "/due_at", "2026-09-30T01:00:00Z", "2026-09-29T01:00:00Z"),
        ({"due_at": None}, K.DUE_DIFFERS, "/due_at", "2026-09-30T01:00:00Z", None),
        ({"finished_at": None}, K.END_MISSING, "/finished_at", "2026-09-28T10:00:00Z", None),
        (
            {"finished_at": at(48)},
            K.FIELDS_DIFFER,
            "/finished_at",
            "2026-09-28T10:00:00Z",
            "2026-09-30T01:00:00Z",
        ),
        ({"fields": {**RECORD.fields, "/channel": "1"}}, K.FIELDS_DIFFER, "/channel", "2", "1"),
    ],
)
def test_what_the_snapshot_says_is_mended_by_the_snapshot(changes, kind, field, ours, theirs):
    (difference,) = found(record(**changes))
    assert (difference.kind, difference.field) == (kind, field)
    assert (difference.ours, difference.theirs) == (ours, theirs)
    assert difference.repair == Repair(deliveries=(SNAPSHOT,))


def test_text_that_may_name_a_person_is_not_quoted():
    (difference,) = found(record(fields={**RECORD.fields, "/summary": "Của bà Trần Thị Mẫu"}))
    assert "Mẫu" not in (difference.theirs or "")
    assert difference.ours != difference.theirs
    assert difference.theirs.startswith("C… (19,")


def test_document_that_is_not_there_is_a_field_and_more_documents_are_none():
    fields = {**RECORD.fields, "/documents/9": "[x]"}
    del fields["/documents/7"]
    (difference,) = found(record(fields=fields))
    assert difference.field == "/documents/7"


def test_removed_document_must_be_gone():
    what = expected(record=record(fields={**RECORD.fields, "/documents/7": ""}))
    (difference,) = found(RECORD, what=what)
    assert (difference.kind, difference.field) == (K.FIELDS_DIFFER, "/documents/7")


def test_missing_step_is_sent_again_by_itself():
    (difference,) = found(record(steps=(STEPS[0], STEPS[2])))
    assert (difference.kind, difference.field) == (K.STEPS_MISSING, "two")
    assert difference.repair == Repair(deliveries=(S2,))


def test_missing_end_step_is_a_class_of_its_own():
    (difference,) = found(record(steps=STEPS[:2]))
    assert (difference.kind, difference.field, difference.repair) == (
        K.END_MISSING,
        "end",
        Repair(deliveries=(S3,)),
    )


def test_missing_hand_over_is_no_missing_end_as_long_as_the_end_is_there():
    over = step("over", 20, Status.RETURNED)
    what = expected(record=record(steps=(*STEPS, over)), steps={**EXPECTED.steps, "over": 14})
    (difference,) = found(RECORD, what=what)
    assert (difference.kind, difference.field) == (K.STEPS_MISSING, "over")


def test_hand_over_is_the_end_where_no_other_was_told():
    over = step("over", 20, Status.RETURNED)
    what = expected(record=record(steps=(*STEPS[:2], over)), steps={"one": S1, "two": S2, "over": 14})
    (difference,) = found(record(steps=STEPS[:2]), what=what)
    assert (difference.kind, difference.field) == (K.END_MISSING, "over")


def test_end_that_nobody_has_told_needs_the_source():
    what = expected(record=record(steps=STEPS[:2]), steps={"one": S1, "two": S2})
    (difference,) = found(record(steps=STEPS[:2]), what=what)
    assert (difference.kind, difference.field, difference.repair) == (K.END_MISSING, "/steps", None)


def test_end_that_the_partner_shows_of_its_own_is_an_end():
    what = expected(record=record(steps=STEPS[:2]), steps={"one": S1, "two": S2})
    kinds = {each.kind for each in found(RECORD, what=what)}
    assert kinds == {K.UNKNOWN_HERE}


def test_unknown_step_is_left_to_a_person():
    strange = step("strange", 6, Status.PROCESSING)
    (difference,) = found(record(steps=(*STEPS, strange)))
    assert (difference.kind, difference.field, difference.repair) == (K.UNKNOWN_HERE, "strange", None)
    assert difference.theirs == "processing 2026-09-28T07:00:00Z"


def test_unknown_dossier_is_left_to_a_person():
    comparison = unknown_here(record())
    (difference,) = comparison.differences
    assert (difference.kind, difference.field, difference.repair) == (K.UNKNOWN_HERE, "", None)
    assert unknown_here(NoRecord()).differences == ()


def test_steps_that_stand_neither_by_time_nor_as_told_are_out_of_order():
    (difference,) = found(record(steps=(STEPS[1], STEPS[0], STEPS[2])))
    assert (difference.kind, difference.repair) == (K.STEPS_OUT_OF_ORDER, None)
    assert (difference.ours, difference.theirs) == ("2 4 9", "4 2 9")


def test_step_that_was_told_late_stands_where_it_was_told():
    what = expected(steps={"one": S1, "two": 99, "end": S3})
    assert found(record(steps=(STEPS[0], STEPS[2], STEPS[1])), what=what) == ()


def test_partner_that_shows_no_steps_is_not_said_to_have_them():
    comparison = compare(EXPECTED, record(steps=None), NOTHING_UNDERWAY)
    assert comparison.differences == ()
    assert not comparison.judged(K.STEPS_MISSING, "two")


def test_partner_that_shows_presence_only_is_judged_by_presence_only():
    comparison = compare(EXPECTED, PartnerRecord(detail=False), NOTHING_UNDERWAY)
    assert comparison.differences == ()
    assert [kind for kind in K if comparison.judged(kind, "")] == [K.MISSING_THERE]
    assert found(NoRecord())[0].kind is K.MISSING_THERE


def test_report_alone_is_compared_by_status_alone():
    what = Expected(record=PartnerRecord(status=Status.PROCESSING), snapshots=(5,), order=(5,), whole=False)
    assert found(record(status=Status.PROCESSING), what=what) == ()
    (difference,) = found(record(status=Status.RECEIVED), what=what)
    assert difference.kind is K.STATUS_DIFFERS


# What is on its way


def test_open_snapshot_will_replace_everything_so_nothing_of_it_is_judged():
    underway = Underway(snapshot=True)
    comparison = compare(EXPECTED, record(status=Status.PROCESSING, due_at=None, finished_at=None), underway)
    assert comparison.differences == ()
    assert not comparison.judged(K.STATUS_DIFFERS, "/status")
    assert compare(EXPECTED, NoRecord(), underway).differences == ()
    assert not compare(EXPECTED, NoRecord(), underway).judged(K.MISSING_THERE, "")


def test_steps_are_judged_although_a_snapshot_is_open():
    (difference,) = found(record(steps=(STEPS[0], STEPS[2])), Underway(snapshot=True))
    assert difference.kind is K.STEPS_MISSING


def test_open_step_may_be_there_or_not():
    late = step("late", 12, Status.FINISHED)
    underway = Underway(steps=frozenset({"late"}))
    assert found(record(steps=(*STEPS, late)), underway) == ()
    assert found(RECORD, underway) == ()
    assert not compare(EXPECTED, RECORD, underway).judged(K.STEPS_MISSING, "late")


def test_step_that_is_being_told_again_is_not_missing():
    underway = Underway(steps=frozenset({"two"}))
    comparison = compare(EXPECTED, record(steps=(STEPS[0], STEPS[2])), underway)
    assert comparison.differences == ()
    assert not comparison.judged(K.STEPS_MISSING, "two")


def test_end_on_its_way_is_not_missing():
    what = expected(record=record(steps=STEPS[:2]), steps={"one": S1, "two": S2})
    assert found(record(steps=STEPS[:2]), Underway(steps=frozenset({"end"})), what) == ()


def test_skipped_snapshot_may_be_there_after_all():
    skipped = record(status=Status.RETURNED, fields={**RECORD.fields, "/channel": "3"})
    underway = Underway(instead=(skipped,))
    assert found(skipped, underway) == ()
    assert {each.kind for each in found(record(status=Status.PROCESSING), underway)} == {K.STATUS_DIFFERS}


# Never backwards


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (Status.RETURNED, Status.FINISHED),
        (Status.RETURNED, Status.PROCESSING),
        (Status.FINISHED, Status.PROCESSING),
        (Status.PROCESSING, Status.RECEIVED),
        (Status.RECEIVED, Status.REGISTERED),
        (Status.WITHDRAWN, Status.PROCESSING),
        (Status.WITHDRAWN, Status.FINISHED),
        (Status.REFUSED, Status.RECEIVED),
        (Status.REFUSED, Status.WITHDRAWN),
    ],
)
def test_these_moves_take_something_back(theirs, ours):
    assert moves_backwards(theirs, ours)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (None, Status.RECEIVED),
        (Status.RECEIVED, None),
        (Status.RECEIVED, Status.RECEIVED),
        (Status.RECEIVED, Status.RETURNED),
        (Status.PROCESSING, Status.FINISHED),
        (Status.PROCESSING, Status.RETURNED),
        (Status.SUPPLEMENT_REQUESTED, Status.PROCESSING),
        (Status.SUPPLEMENT_REQUESTED, Status.PAYMENT_REQUESTED),
        (Status.STOPPED, Status.PROCESSING),
        (Status.FINISHED, Status.RETURNED),
        (Status.FINISHED, Status.PAYMENT_REQUESTED),
    ],
)
def test_these_moves_take_nothing_back(theirs, ours):
    assert not moves_backwards(theirs, ours)


def test_no_allowed_move_counts_as_backwards():
    for theirs in Status:
        for ours in Status:
            if judge_move(theirs, ours) == "allowed":
                assert not moves_backwards(theirs, ours), (theirs, ours)


def test_every_repair_by_snapshot_says_that_it_moves_backwards():
    differences = found(record(status=Status.RETURNED, due_at=None))
    assert {each.kind for each in differences} == {K.STATUS_DIFFERS, K.DUE_DIFFERS}
    assert all(each.repair is not None and each.repair.backwards for each in differences)


# Words


def test_every_class_has_a_sentence():
    assert set(SENTENCES) == set(K)
    for kind in K:
        for field in ("", "/finished_at", "/steps", "/summary", "20240115 2 abc"):
            said = explain(kind, field, "finished", None, partner="Cổng Dịch vụ công quốc gia")
            assert said.endswith(".")
            assert said.count(". ") == 0
            assert "{" not in said


def test_sentence_speaks_of_states_and_times_as_officials_do():
    said = explain(K.STATUS_DIFFERS, "/status", "finished", "processing", partner="Cổng")
    assert "“đã xử lý xong”" in said
    assert "“đang xử lý”" in said
    due = explain(K.DUE_DIFFERS, "/due_at", "2026-09-30T01:00:00Z", None, partner="Cổng")
    assert "08:00:00 30/09/2026" in due
    assert "không có" in due
    late = explain(K.END_MISSING, "key", "finished 2026-09-28T10:00:00Z", None, partner="Cổng")
    assert "đã xử lý xong, 17:00:00 28/09/2026" in late
