"""Judging again: other rules and another calendar change checks, never a declared promise; and it can be cut short."""

from datetime import date, timedelta

import msgspec
import pytest

from gateway.deadlines.account import SupplementAccount
from gateway.deadlines.calendar import shipped_calendar
from gateway.deadlines.special_days import Certainty, SpecialDay
from gateway.domain.dossier import Agency, Applicant, ApplicantKind, Channel, Dossier, Procedure
from gateway.domain.errors import ConfigurationError
from gateway.domain.job import RunStopped
from gateway.domain.status import Status
from gateway.settings import DeadlineSettings, OfficeSettings
from gateway.statussync.judgement import ASSESSMENT_FAILED
from gateway.statussync.reassess import Reassessment
from gateway.statussync.rules import load_rules
from gateway.storage.instants import to_micros
from gateway.storage.sql import Statement
from tests.delivery.standing_world import START, Context, Interposed, Province, codes, finished, moment, said
from tests.delivery.test_assessor import spoil

CODE = "H99-a"


@pytest.fixture
def province(database):
    return Province(database)


def with_day_off(*days):
    """The rules of a province that has these days off, too."""
    rules = load_rules(DeadlineSettings())
    off = tuple(
        SpecialDay(on=day, works=False, name="storm", certainty=Certainty.CONFIRMED, source="test")
        for day in days
    )
    calendar = msgspec.structs.replace(
        shipped_calendar(),
        version="with-a-storm",
        days=tuple(sorted((*shipped_calendar().days, *off), key=lambda day: day.on)),
    )
    return msgspec.structs.replace(rules, calendar=calendar)


async def reassess(province, context=None, **parameters):
    given = context or Context(**parameters)
    return dict(await Reassessment(province.desk).run(given))


def changed(database, *days):
    other = Province(database, rules=with_day_off(*days))
    other.now = moment("03-10 08:00")
    return other


async def test_nothing_is_judged_again_when_nothing_has_changed(province):
    for code in codes(5):
        await province.hear(said(code))

    found = await reassess(province)

    assert (found["looked_at"], found["judged_again"], found["judged_from_the_start"]) == (5, 0, 0)


async def test_other_calendar_changes_the_lateness_and_no_promise(province, database):
    province.at("03-06 16:00")
    before = await province.hear(finished(CODE, 1, moment("03-06 16:00")))
    assert (before.by_date, before.late_working_days) == ("LATE", 1)

    other = changed(database, date(2026, 3, 6))
    found = await reassess(other)

    after = other.standing(CODE)
    assert found["judged_again"] == 1
    assert (after.by_date, after.late_calendar_days, after.late_working_days) == ("LATE", 1, 0)
    assert (after.calendar_version, after.rule_version) == ("with-a-storm", other.desk.rules.version)
    for field in ("due_at", "due_original_at", "due_declared_at", "ended_at", "version", "effective_from"):
        assert getattr(after, field) == getattr(before, field)
    assert (await reassess(other))["judged_again"] == 0


async def test_class_is_that_of_now(province, database):
    """A dossier that was in time when it came in, and is overdue by now."""
    await province.hear(said(CODE))

    other = changed(database, date(2026, 3, 20))
    await reassess(other)

    assert (other.standing(CODE).by_date, other.standing(CODE).late_working_days) == ("OVERDUE", 3)


async def test_warning_comes_by_the_new_calendar(province, database):
    """Wednesday is a day off now, so Thursday 09:00 is near from Tuesday 09:00 on."""
    await province.hear(said(CODE))
    other = Province(database, rules=with_day_off(date(2026, 3, 4)))
    await reassess(other)

    other.at("03-03 09:00")
    assert (await other.sweep())["told"] == {"near_due": 1}


async def test_checks_of_supplements_are_made_anew(province, database):
    """E03: a notice on the fourth working day is late; with a day off between, it is not."""
    asked = SupplementAccount(id=1, requested_at=moment("03-06 10:00"))
    await province.hear(said(CODE, due_at=moment("03-20 09:00")))
    province.at("03-06 10:00")
    waiting = said(CODE, 2, Status.SUPPLEMENT_REQUESTED, due_at=moment("03-20 09:00"), supplements=(asked,))
    before = await province.hear(waiting)
    assert "SUPPLEMENT_NOTICE_LATE" in before.flags

    other = changed(database, date(2026, 3, 4))
    found = await reassess(other)

    after = other.standing(CODE)
    assert found["judged_from_the_start"] == 1
    assert "SUPPLEMENT_NOTICE_LATE" not in after.flags
    assert (after.due_at, after.waiting_since) == (before.due_at, before.waiting_since)
    assert other.anomalies(CODE) == ["SUPPLEMENT_NOTICE_LATE"]  # that it was found stays on record
    assert other.kinds().count("dossier.anomaly") == 1


async def test_everything_from_the_first_version_on_gives_the_same_again(province):
    for code in codes(4):
        await province.hear(said(code, 1, Status.RECEIVED))
        await province.hear(said(code, 2, due_at=moment("03-09 09:00")))
    province.at("03-04 10:00")
    for code in codes(4):
        await province.hear(finished(code, 3, moment("03-04 09:30"), due_at=moment("03-09 09:00")))
    before = {code: (province.periods(code), province.standing(code)) for code in codes(4)}
    events, changes = province.kinds(), province.count("due_change")

    assert (await reassess(province, scope="all"))["judged_from_the_start"] == 4

    for code in codes(4):
        periods, standing = before[code]
        assert province.periods(code) == periods
        assert msgspec.structs.replace(province.standing(code), id=standing.id) == standing
    assert (province.kinds(), province.count("due_change")) == (events, changes)


class Stopping(Context):
    """Stops the run after so many reports."""

    async def report(self, done, *, total=None, watermark=None):
        await super().report(done, total=total, watermark=watermark)
        if len(self.reports) == 2:
            raise RunStopped


async def test_interrupted_run_goes_on_from_its_last_dossier(province, database, monkeypatch):
    monkeypatch.setattr("gateway.statussync.reassess.AT_ONCE", 4)
    for code in codes(20):
        await province.say(said(code))
    await province.assess()
    other = changed(database, date(2026, 3, 20))

    context = Stopping()
    with pytest.raises(RunStopped):
        await reassess(other, context)
    assert context.watermark == "H99-007"

    resumed = Context(watermark=context.watermark)
    found = await reassess(other, resumed)

    assert (found["looked_at"], found["judged_again"]) == (12, 12)
    assert resumed.watermark is None
    assert province.count("standing", "calendar_version = 'with-a-storm'") == 20


async def test_dry_run_counts_and_changes_nothing(province, database):
    await province.hear(said(CODE))
    other = changed(database, date(2026, 3, 6))

    found = dict(await Reassessment(other.desk).run(Context(dry_run=True)))

    assert found["judged_again"] == 1
    assert province.standing(CODE).calendar_version != "with-a-storm"


async def test_dossier_that_its_assessor_has_moved_meanwhile_is_left_to_it(province, database):
    asked = SupplementAccount(id=1, requested_at=moment("03-03 10:00"))
    await province.hear(said(CODE))
    await province.hear(said(CODE, 2, supplements=(asked,)))
    newer = [said(CODE, 3, supplements=(asked,), due_at=moment("03-09 09:00"))]

    async def meddle(item):
        while newer:
            await province.say(newer.pop())
            await province.assess()
        return item

    other = Province(Interposed(database, meddle), rules=with_day_off(date(2026, 3, 20)))
    await reassess(other)

    assert province.standing(CODE).version == 3
    assert province.standing(CODE).due_declared_at == to_micros(moment("03-09 09:00"))


async def test_dossiers_of_a_release_that_kept_no_accounts_are_judged(province):
    record = Dossier(
        code=CODE,
        version=4,
        procedure=Procedure(code="1.000001"),
        agency=Agency(code="H99.14", name="Sở Mẫu"),
        channel=Channel.COUNTER,
        applicant=Applicant(kind=ApplicantKind.CITIZEN, name="Nguyễn Văn Mẫu"),
        summary="mẫu",
        status="processing",
        received_at=START,
        due_at=START + timedelta(days=3),
    )
    await province.world.accept(CODE, version=4, due_at=moment("03-05 09:00"))

    def write(transaction):
        statement = Statement("UPDATE dossier SET record = :record WHERE code = :code")
        transaction.run(statement, {"record": msgspec.json.encode(record), "code": CODE})

    await province.database.write(write)

    assert (await reassess(province))["adopted"] == 1
    await province.assess()

    standing = province.standing(CODE)
    assert (standing.version, standing.due_at) == (4, to_micros(moment("03-05 09:00")))
    assert (await reassess(province))["adopted"] == 0


async def test_version_that_could_not_be_judged_is_tried_again(province):
    await province.hear(said(CODE))
    good = province.world.rows("SELECT account FROM dossier_version")[0][0]
    await province.say(said(CODE, 2))
    await spoil(province, CODE, 2)
    await province.assess()
    assert (province.standing(CODE).version, province.anomalies(CODE)) == (1, [ASSESSMENT_FAILED])

    await reassess(province)  # the defect is still there
    assert (province.standing(CODE).version, province.anomalies(CODE)) == (1, [ASSESSMENT_FAILED])
    assert province.kinds() == ["dossier.anomaly"]

    repaired = bytes(good).replace(b'"version":1', b'"version":2')

    def write(transaction):
        statement = Statement("UPDATE dossier_version SET account = :account WHERE version = 2")
        transaction.run(statement, {"account": repaired})

    await province.database.write(write)
    assert (await reassess(province))["tried_again"] == 1
    assert province.standing(CODE).version == 2


# the rules themselves


def test_own_policies_and_options_are_named_in_the_version(tmp_path):
    shipped = load_rules(DeadlineSettings())
    policies = tmp_path / "policies.csv"
    policies.write_text(
        "procedure,valid_from,valid_to,supplement,payment,duration,unit,notice_working_days,source\n"
        "1.000001,,,PAUSE_WORKING,,5,working_days,3,own\n",
        encoding="utf-8-sig",
    )
    own = load_rules(DeadlineSettings(policies=str(policies)))
    near = load_rules(DeadlineSettings(near_due_hours=16))

    assert len({shipped.version, own.version, near.version}) == 3
    assert own.version.startswith(f"{shipped.version}+")
    assert own.policy_of(said(CODE)).duration is not None
    assert shipped.policy_of(said(CODE)).duration is None


def test_office_has_hours_and_days_of_its_own():
    office = OfficeSettings(windows=["07:30-11:30", "13:00-17:00"])
    rules = load_rules(DeadlineSettings(offices={"H99.14": office}))

    assert rules.calendar_of("H99.14") is not rules.calendar
    assert rules.calendar_of("H99.15") is rules.calendar
    other = load_rules(DeadlineSettings(offices={"H99.14": OfficeSettings(windows=["08:00-12:00"])}))
    assert rules.calendar_of("H99.14").version != other.calendar_of("H99.14").version


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"calendar": "nowhere.json"}, r"deadlines\.calendar.*nowhere"),
        ({"policies": "nowhere.csv"}, r"deadlines\.policies.*nowhere"),
        (
            {"offices": {"H99.14": OfficeSettings(windows=["7-11"])}},
            r"offices\.H99\.14\.windows.*expected a time",
        ),
        ({"offices": {"H99.14": OfficeSettings(days="nowhere.json")}}, r"offices\.H99\.14\.days.*nowhere"),
    ],
)
def test_rules_that_cannot_be_read_stop_the_start_by_name(settings, named):
    with pytest.raises(ConfigurationError, match=named):
        load_rules(DeadlineSettings(**settings))


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"procedure\n1"])
@pytest.mark.parametrize("key", ["calendar", "policies"])
def test_file_that_is_no_rule_is_refused_by_name(tmp_path, key, content):
    path = tmp_path / "rules"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=rf"deadlines\.{key}"):
        load_rules(DeadlineSettings(**{key: str(path)}))
