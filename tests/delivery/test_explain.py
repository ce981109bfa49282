"""Explaining a deadline, and the list of dossiers that may be shown late."""

from datetime import timedelta
from functools import partial

import msgspec
import pytest

from gateway.deadlines.account import ReappointmentAccount, StepAccount, SupplementAccount
from gateway.deadlines.classes import Flag, Verdict
from gateway.deadlines.portal_rule import PortalVerdict
from gateway.deadlines.reception import ReceptionVerdict
from gateway.deadlines.standing import Cause
from gateway.domain.dossier import Channel
from gateway.domain.errors import NotFoundError
from gateway.domain.status import Status
from gateway.settings import DeadlineSettings
from gateway.statussync import sentences
from gateway.statussync.at_risk import Question, at_risk
from gateway.statussync.explain import Asked, explain
from gateway.statussync.judgement import ASSESSMENT_FAILED
from gateway.statussync.risk import Reason
from gateway.statussync.rules import load_rules
from gateway.statussync.thresholds import Threshold
from tests.delivery.standing_world import START, Province, codes, finished, moment, said
from tests.delivery.test_assessor import spoil
from tests.storage.builders import PORTAL, S, event, snapshot

CODE = "H99-a"
POLICIES = """procedure,valid_from,valid_to,supplement,payment,duration,unit,notice_working_days,source
1.000001,,,{supplement},PAUSE_WORKING,5,working_days,3,own table
"""


@pytest.fixture
def province(database):
    return Province(database)


def with_policy(database, tmp_path, supplement="RESET"):
    path = tmp_path / "policies.csv"
    path.write_text(POLICIES.format(supplement=supplement), encoding="utf-8")
    return Province(database, rules=load_rules(DeadlineSettings(policies=str(path))))


def explained(province, code=CODE, destinations=(PORTAL,)):
    asked = Asked(code=code, now=province.desk.now(), destinations=destinations)
    return province.database.ask(partial(explain, asked=asked, rules=province.desk.rules))


def listed(province, **options):
    question = Question(
        now=province.desk.now(), destinations=options.pop("destinations", {PORTAL}), **options
    )
    return province.database.ask(partial(at_risk, question=question, rules=province.desk.rules))


# explaining


async def test_dossier_that_nobody_knows_is_not_explained(province):
    with pytest.raises(NotFoundError, match="H99-none"):
        explained(province, "H99-none")


async def test_version_that_is_still_to_be_judged_is_shown_as_said(province):
    await province.say(said(CODE))

    found = explained(province)

    assert (found.classes, found.dues, found.judged_by_rules) == (None, None, None)
    [claim] = found.claims
    assert (claim.version, claim.judged, claim.due_at) == (1, False, moment("03-05 09:00"))


async def test_class_is_that_of_now_with_its_sentence(province):
    await province.hear(said(CODE))
    province.at("03-06 10:00")

    found = explained(province)

    assert found.classes is not None
    assert (found.classes.by_date, found.classes.by_instant) == (Verdict.OVERDUE, Verdict.OVERDUE)
    assert found.classes.sentence == "Đang giải quyết, đã quá hạn."
    assert found.lateness is not None
    assert (found.lateness.working_days, found.lateness.working_minutes) == (1, 540)


async def test_disputed_dossier_shows_both_answers_and_why_they_differ(province):
    """G04: finished on the day, after the hour."""
    province.at("03-05 16:30")
    await province.hear(finished(CODE, 1, moment("03-05 16:30")))

    found = explained(province)

    assert found.classes is not None
    assert (found.classes.by_date, found.classes.by_instant) == (Verdict.ON_TIME, Verdict.LATE)
    assert [flag.name for flag in found.flags] == ["DATE_INSTANT_DIFFER"]
    assert "số chính thức tính theo ngày" in found.flags[0].sentence


async def test_what_the_portal_counts_stands_beside_our_class(province):
    """G03 of national_portal §11.7: finished on the day, after the hour; by date in time, by the portal's rule late."""
    province.at("03-05 16:30")
    await province.hear(finished(CODE, 1, moment("03-05 16:30")))

    found = explained(province)

    assert (found.classes.by_date, found.indicator.verdict) == (Verdict.ON_TIME, PortalVerdict.LATE)
    assert found.indicator.sentence == "Cổng Dịch vụ công quốc gia tính là quá hạn."


async def test_deadlines_of_rooms_are_shown_beside_the_dossier(province):
    """R28: the room was late, the dossier is not."""
    room = StepAccount(
        at=moment("03-02 14:00"),
        status=Status.PROCESSING,
        unit="Phòng 3",
        officer="A",
        due_at=moment("03-03 14:00"),
    )
    next_room = StepAccount(at=moment("03-04 10:00"), status=Status.PROCESSING, unit="Thuế")
    told = said(CODE)
    await province.hear(msgspec.structs.replace(told, steps=(*told.steps, room, next_room)))
    province.at("03-04 11:00")

    found = explained(province)

    [shown] = found.rooms
    assert (shown.unit, shown.until, shown.by_date, shown.lateness.working_days) == (
        "Phòng 3",
        moment("03-04 10:00"),
        Verdict.LATE,
        1,
    )
    assert found.classes.by_date is Verdict.IN_TIME


async def test_three_columns_are_kept_apart(province):
    """F04: the promise that holds, the one that is declared, and what the portal was told of."""
    await province.hear(said(CODE), snapshot("1"))
    await province.world.send(await province.world.claim_one(), acknowledged=("processing", 1))
    province.at("03-06 10:00")
    await province.hear(said(CODE, 2, due_at=moment("03-09 09:00")), snapshot("2"))
    await province.world.send(await province.world.claim_one(), acknowledged=("processing", 2))

    found = explained(province)

    assert found.dues is not None
    assert (found.dues.original, found.dues.holds, found.dues.declared) == (
        moment("03-05 09:00"),
        moment("03-05 09:00"),
        moment("03-09 09:00"),
    )
    assert found.classes is not None
    assert found.classes.by_date is Verdict.OVERDUE
    [outlook] = found.destinations
    assert (outlook.shows_due_at, outlook.shows_by_date) == (moment("03-09 09:00"), Verdict.IN_TIME)
    assert outlook.differs
    changes = [(each.cause, each.applied) for each in found.changes]
    assert changes == [(Cause.FIRST, True), (Cause.NONE, False)]
    assert [each.kind for each in found.anomalies] == ["SILENT_DUE_CHANGE"]


async def test_portal_that_does_not_know_the_end_shows_the_dossier_late(province):
    await province.hear(said(CODE), snapshot("1"))
    await province.world.send(await province.world.claim_one(), acknowledged=("processing", 1))
    province.at("03-04 16:00")
    await province.hear(finished(CODE, 2, moment("03-04 16:00")), snapshot("2"), event("end"))
    province.at("03-06 10:00")

    [outlook] = explained(province).destinations

    assert (outlook.shows_by_date, outlook.differs) == (Verdict.OVERDUE, True)
    assert (outlook.acknowledged_status, outlook.acknowledged_version) == (Status.PROCESSING, 1)
    assert outlook.risk is Reason.END_NOT_ACKNOWLEDGED
    assert outlook.sentence.startswith("Bên nhận đang hiển thị: Đang giải quyết, đã quá hạn.")


async def test_portal_that_has_acknowledged_nothing_shows_nothing_that_we_know(province):
    await province.hear(said(CODE), snapshot("1"))

    [outlook] = explained(province).destinations

    assert (outlook.shows_by_date, outlook.differs, outlook.complete) == (None, False, False)
    assert explained(province, destinations=()).destinations == []


async def test_lawful_change_is_shown_with_its_paper(province):
    await province.hear(said(CODE))
    province.at("03-03 10:05")
    paper = ReappointmentAccount(
        old_due_at=moment("03-05 09:00"),
        new_due_at=moment("03-10 09:00"),
        issued_at=moment("03-03 10:00"),
        document_number="12/PXL",
        signer="Trần Thị Ví Dụ",
    )
    await province.hear(said(CODE, 2, due_at=moment("03-10 09:00"), reappointments=(paper,)))

    change = explained(province).changes[-1]

    assert (change.applied, change.document_number, change.signer) == (True, "12/PXL", "Trần Thị Ví Dụ")
    assert change.sentence == "Xin lỗi và hẹn lại ngày trả kết quả."


@pytest.mark.parametrize(
    ("supplement", "due_at"),
    [("RESET", "03-17 14:00"), ("PAUSE_WORKING", "03-13 11:00")],
    ids=["E01", "E02"],
)
async def test_check_follows_the_policy_of_the_procedure(database, tmp_path, supplement, due_at):
    province = with_policy(database, tmp_path, supplement)
    await province.hear(said(CODE, due_at=moment("03-09 09:00")))
    province.at("03-10 14:00")
    answered = SupplementAccount(
        id=1,
        requested_at=moment("03-04 10:00"),
        received_at=moment("03-10 14:00"),
        old_due_at=moment("03-09 09:00"),
        new_due_at=moment("03-17 14:00"),
    )
    await province.hear(said(CODE, 2, due_at=moment("03-17 14:00"), supplements=(answered,)))

    found = explained(province)

    assert (found.check.basis, found.check.duration, found.check.source) == ("duration", 5.0, "own table")
    assert found.check.due_at == moment(due_at)
    [pause] = found.pauses
    assert (pause.since, pause.until, pause.status) == (
        moment("03-04 10:00"),
        moment("03-10 14:00"),
        Status.SUPPLEMENT_REQUESTED,
    )


async def test_check_without_a_duration_counts_from_the_first_promise(province):
    await province.hear(said(CODE))

    check = explained(province).check

    assert (check.basis, check.due_at) == ("first_promise", moment("03-05 09:00"))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"status": Status.REGISTERED, "received_at": None, "submitted_at": START}, "chưa được tiếp nhận"),
        ({"due_at": None}, "chưa khai báo thời hạn"),
    ],
    ids=["not received", "no promise"],
)
async def test_check_says_why_there_is_none(province, fields, told):
    await province.hear(said(CODE, **fields))

    check = explained(province).check

    assert (check.basis, check.due_at) == ("none", None)
    assert told in check.note


async def test_check_beyond_the_calendar_says_so(database, tmp_path):
    province = with_policy(database, tmp_path)
    await province.hear(said(CODE, received_at=START + timedelta(days=3650), due_at=None))

    assert "Lịch làm việc chưa đủ ngày" in explained(province).check.note


@pytest.mark.parametrize(
    ("accepted", "by_date", "by_instant"),
    [
        ("03-03 09:59", "OK", "OK"),
        ("03-03 10:01", "OK", "LATE_RECEPTION"),
        ("03-04 07:05", "LATE_RECEPTION", "LATE_RECEPTION"),
    ],
    ids=["R01", "R02", "R03"],
)
async def test_reception_clock_of_an_online_filing_is_explained(province, accepted, by_date, by_instant):
    province.at("03-05 08:00")
    await province.hear(
        said(CODE, channel=Channel.ONLINE, submitted_at=moment("03-02 10:00"), received_at=moment(accepted))
    )

    found = explained(province).reception

    assert found is not None
    assert (found.limit_at, found.answered_at) == (moment("03-03 10:00"), moment(accepted))
    assert (found.by_date, found.by_instant) == (by_date, by_instant)


async def test_filing_at_the_counter_has_no_reception_clock(province):
    await province.hear(said(CODE, submitted_at=START))

    assert explained(province).reception is None


async def test_what_was_told_is_shown(province):
    await province.hear(said(CODE))
    province.at("03-05 08:00")
    await province.sweep()

    crossed = explained(province).crossed

    assert {each.threshold for each in crossed} == {"near_due", "due_today"}
    assert all(each.due_at == moment("03-05 09:00") for each in crossed)


async def test_version_that_cannot_be_read_does_not_hide_the_others(province):
    await province.hear(said(CODE))
    await province.say(said(CODE, 2))
    await spoil(province, CODE, 2)
    await province.assess()

    found = explained(province)

    assert [claim.readable for claim in found.claims] == [True, False]
    assert [each.kind for each in found.anomalies] == [ASSESSMENT_FAILED]
    assert found.anomalies[0].sentence.startswith("Không tính được")


# sentences


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (sentences.OF_CLASS, Verdict),
        (sentences.OF_FLAG, Flag),
        (sentences.OF_CAUSE, Cause),
        (sentences.OF_RECEPTION, ReceptionVerdict),
        (sentences.OF_INDICATOR, PortalVerdict),
        (sentences.OF_RISK, Reason),
        (sentences.OF_THRESHOLD, Threshold),
    ],
)
def test_every_name_has_one_sentence(table, names):
    assert set(table) == set(names)
    assert all(text[0].isupper() and text.endswith(".") and text.count("\n") == 0 for text in table.values())
    assert len(set(table.values())) == len(table)


# the list


async def end_in_time(province, code, *, due_at="03-05 09:00", at="03-04 16:00"):
    """Told to the portal at work; finished in time since, and the portal does not answer."""
    due = moment(due_at)
    await province.hear(said(code, due_at=due), snapshot("1"))
    for lane in await province.world.claim():
        if lane.dossier == code:
            await province.world.send(lane, acknowledged=("processing", 1))
        else:
            await province.world.release(lane)
    before, province.now = province.now, moment(at)
    await province.hear(finished(code, 2, moment(at), due_at=due), snapshot("2"), event("end"))
    province.now = before


async def test_list_shows_who_is_at_risk_nearest_promise_first(province):
    await end_in_time(province, "H99-b", due_at="03-05 10:00")
    await end_in_time(province, "H99-a", due_at="03-05 11:00")
    await end_in_time(province, "H99-far", due_at="03-20 09:00")
    await province.hear(said("H99-working"), snapshot("1"))
    province.at("03-04 16:10")

    found = [entry for _, entry in listed(province)]

    assert [entry.dossier for entry in found] == ["H99-b", "H99-a"]
    assert [entry.dossier for _, entry in listed(province, upcoming=True)] == ["H99-b", "H99-a", "H99-far"]
    assert (found[0].by_date, found[0].acute, found[0].over) == (Verdict.EARLY, True, False)
    assert found[0].sentences == ["Hồ sơ đã xong nhưng bên nhận chưa xác nhận, có thể bị hiển thị quá hạn."]
    assert listed(province, destinations={"elsewhere"}) == []


async def test_list_is_true_when_it_is_read(province):
    await end_in_time(province, CODE)
    province.at("03-05 09:30")
    [(_, entry)] = listed(province)
    assert entry.over

    for acknowledged in (("finished", 2), None):
        await province.world.send(await province.world.claim_one(), acknowledged=acknowledged)

    assert listed(province) == []  # no sweep was needed


async def test_list_shows_dossiers_whose_lane_is_stopped_near_their_promise(province):
    await province.hear(said(CODE), snapshot("1"))
    await province.world.send(await province.world.claim_one(), S.REJECTED)
    assert listed(province) == []

    province.at("03-04 10:00")

    [(_, entry)] = listed(province)
    assert entry.risks[0].reason is Reason.LANE_STOPPED


async def test_pages_hang_together(province):
    for code in codes(7):
        await end_in_time(province, code)
    province.at("03-04 16:10")

    seen, after = [], None
    while page := listed(province, after=after, limit=3):
        after = page[-1][0]
        seen += [entry.dossier for _, entry in page]

    assert seen == list(codes(7))
