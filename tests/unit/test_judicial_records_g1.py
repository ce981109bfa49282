"""The older judicial record interface: what leaves, what is asked, what comes back, against the stand-in."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from adapters.judicial_records_g1 import Settings, build, simulate
from adapters.judicial_records_g1.settings import Polling
from gateway.domain.declarations import JudicialRecordDeclaration
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier, Fee, FeeKind
from gateway.domain.errors import CannotEncode, ConfigurationError
from gateway.domain.outcome import Accepted, Deferred, InDoubt
from gateway.domain.status import Status
from gateway.port import CannotRead, Read
from gateway.port.progress import FeedPage, Progress, feeder, follower
from gateway.settings import decode
from mappings.judicial_records_g1 import TABLES, code_tables
from tests.stand_in_lane import StandInLane

NOW = datetime(2026, 10, 3, 2, 5, tzinfo=UTC)
SETTINGS = Settings(base_url="https://lgsp.h99.example/apiLyLichTuPhap", unit_id="41", region_id=9999)
ALONE, BY_AN_AGENT = (
    msgspec.json.decode(line, type=Dossier)
    for line in Path("adapters/judicial_records_g1/spec/samples.jsonl").read_bytes().splitlines()
)


def declared(dossier: Dossier) -> JudicialRecordDeclaration:
    assert isinstance(dossier.declaration, JudicialRecordDeclaration)
    return dossier.declaration


def with_person(dossier: Dossier, **changed: Any) -> Dossier:
    whole = declared(dossier)
    return replace(dossier, declaration=replace(whole, person=replace(whole.person, **changed)))


class Lane(StandInLane):
    """A dossier at the stand-in, under its receipt number."""

    def __init__(self, settings: Settings = SETTINGS, dossier: Dossier = ALONE) -> None:
        super().__init__(build(settings), simulate(settings), dossier, NOW)
        self.memory = {"partner_code": self.adapter.partner_codes(dossier)[0]}

    def delivery(self) -> Delivery:
        (found,) = self.deliveries()
        return found

    def look(self) -> Any:
        delivery = self.delivery()
        response = self.call(self.adapter.encode_query([delivery], self.context))
        return self.adapter.interpret_query([delivery], response, self.context)[0]

    def sent(self) -> dict[str, Any]:
        return dict(json.loads(self.adapter.encode([self.delivery()], self.context).body))


# What leaves


def test_an_application_is_what_the_example_of_the_contract_is() -> None:
    message = Lane().sent()
    form = message["declarationWSForm"]
    assert (message["idMinistryJustice"], message["idReceivedDec"], message["idMoneyReceipt"]) == (
        *("41", "2611230001", "0"),
    )
    assert {
        name: form[name] for name in ("genderId", "nationalityId", "ethnicId", "idTypeId", "formType")
    } == {
        "genderId": "1",
        "nationalityId": 3106,
        "ethnicId": "55305",
        "idTypeId": "3",
        "formType": "1",
    }
    assert (form["declareTypeId"], form["objectRequestId"], form["regionRequestId"]) == (3846, 72, 9999)
    assert (form["requestQty"], form["requestQtyAdd"], form["reRegionId"]) == (1, "1", "-1")
    assert message["mandatorWSForm"] == {
        "fullName": "NGUYỄN VĂN MẪU",
        "mandatorRelation": "",
        "mandatorDate": "",
    }
    assert [(row["fromDateStr"], row["toDateStr"]) for row in message["residenceWSForm"]] == [
        ("2004", "2012")
    ]


@pytest.mark.parametrize("spelling", ["guide", "client"])
def test_both_spellings_are_taken_by_a_centre_that_knows_every_element(spelling: Any) -> None:
    lane = Lane(replace(SETTINGS, spelling=spelling))
    assert isinstance(lane.submit(), Accepted)
    names = set(lane.partner.record()["applications"]["2611230001"]["told"])
    assert names <= TABLES["nhanHoSoDangKy"].names()
    assert ("declarationForm" in names, "idMinistryJustice" in names) == (
        spelling == "client",
        spelling == "guide",
    )


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"nationality": "LA"}, "/declaration/person/nationality"),
        ({"ethnicity": "54"}, "/declaration/person/ethnicity"),
        ({"phone": ""}, "/declaration/person/phone"),
        ({"phone": "không có"}, "/declaration/person/phone"),
    ],
)
def test_what_the_centre_has_no_number_for_is_refused_by_its_place(
    changed: dict[str, str], pointer: str
) -> None:
    found = build(SETTINGS).check(with_person(ALONE, **changed), {})
    assert [each.pointer for each in found] == [pointer]


def test_a_province_adds_the_numbers_that_it_has_learnt(tmp_path: Path) -> None:
    (tmp_path / "QuocTich.csv").write_text(
        "code,wire,label\nVN,3106,Việt Nam\nLA,3107,Lào\n", encoding="utf-8"
    )
    lane = Lane(replace(SETTINGS, tables_dir=str(tmp_path)), with_person(ALONE, nationality="LA"))
    form = lane.sent()["declarationWSForm"]
    assert (form["nationalityId"], form["objectRequestId"]) == (3107, 71)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("Khac.csv", "code,wire\na,1\n", "no such table"),
        ("QuocTich.csv", "code,wire\nVN,ba\n", "no whole number"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        code_tables(tmp_path)


def test_an_application_by_somebody_else_is_refused_until_the_centre_was_asked() -> None:
    assert [each.code for each in build(SETTINGS).check(BY_AN_AGENT, {})] == ["not_carried"]
    with pytest.raises(CannotEncode, match="in which form"):
        Lane(dossier=BY_AN_AGENT).sent()
    message = Lane(replace(SETTINGS, authorised="mandator_form"), BY_AN_AGENT).sent()
    assert message["declarationWSForm"]["fullName"] == "TRẦN THỊ MẪU"
    assert message["declarationWSForm"]["declareTypeId"] == 3845
    assert message["mandatorWSForm"]["fullName"] == "TRẦN VĂN ANH"


def test_a_wrong_fee_is_found_where_fees_are_compared() -> None:
    paid = [Fee(id="1", name="Phí", kind=FeeKind.FEE, amount=100_000)]
    adapter = build(replace(SETTINGS, check_fee=True))
    assert adapter.check(ALONE, {}) == []
    assert [each.code for each in adapter.check(replace(ALONE, fees=paid), {})] == ["wrong_fee"]


@pytest.mark.parametrize(
    ("since", "before", "wanted"),
    [
        (None, date(2026, 9, 24), False),
        (None, date(2026, 9, 25), True),
        (date(2026, 9, 24), None, True),
        (date(2026, 9, 25), None, False),
    ],
)
def test_only_dossiers_of_its_days_go_this_way(since: date | None, before: date | None, wanted: bool) -> None:
    adapter = build(replace(SETTINGS, received_since=since, received_before=before))
    assert adapter.wants(ALONE) is wanted
    assert bool(adapter.plan(ALONE)) is wanted


def test_a_second_dossier_with_the_same_day_and_counter_has_another_number() -> None:
    assert build(SETTINGS).partner_codes(ALONE) == ["2611230001", "H99.14-261123-0001"]
    assert build(replace(SETTINGS, receipt_number="code")).partner_codes(ALONE) == ["H99.14-261123-0001"]


# Once


def test_what_the_centre_has_taken_is_asked_about_and_never_filed_again() -> None:
    lane = Lane()
    assert isinstance(lane.submit(), Accepted)
    lane.dossier = replace(lane.dossier, version=9, summary="khác")
    assert lane.adapter.encode([lane.delivery()], lane.context).url.endswith("/traTrangThaiHs")
    assert isinstance(lane.submit(), Accepted)
    assert len(lane.partner.record()["applications"]) == 1


def test_an_application_that_changed_afterwards_needs_a_person() -> None:
    lane = Lane()
    lane.submit()
    lane.dossier = with_person(lane.dossier, name="NGUYỄN VĂN KHÁC")
    with pytest.raises(CannotEncode, match="knows no correction"):
        lane.adapter.encode([lane.delivery()], lane.context)
    assert isinstance(lane.look(), InDoubt)
    open_door = build(replace(SETTINGS, resubmit=True))
    assert open_door.encode([lane.delivery()], lane.context).url.endswith("/nhanHoSoDangKy")


@pytest.mark.parametrize("fault", ["truncated", "soap_fault", "server_error", "undocumented"])
def test_a_lost_answer_is_settled_by_asking(fault: str) -> None:
    lane = Lane()
    assert isinstance(lane.submit(fault), InDoubt)
    if fault == "truncated":  # it came, and only the answer was lost
        assert isinstance(lane.look(), Accepted)
        return
    absent = lane.look()
    assert isinstance(absent, Deferred)
    assert absent.retry_after == SETTINGS.absent_after_s
    assert isinstance(lane.submit(), Accepted)


def test_what_the_centre_has_lost_is_filed_again_after_a_while() -> None:
    lane = Lane()
    lane.submit()
    lane.partner = simulate(SETTINGS)
    assert isinstance(lane.submit(), Deferred)
    assert isinstance(lane.submit(), Accepted)
    assert len(lane.partner.record()["applications"]) == 1


# What comes back


def test_a_certificate_that_is_ready_finishes_the_dossier_and_ends_the_questions() -> None:
    lane = Lane()
    lane.submit()
    assert lane.ask() == lane.ask(minutes=30) == Progress()
    told = lane.ask(hours=1)
    (report,) = told.reports
    assert (report.status, report.kind, told.done) == (Status.FINISHED, "judicial_record.issued", True)
    assert json.loads(report.data) == {"approved_on": "2026-10-03", "issued_on": "2026-10-03"}
    assert lane.ask("lower_keys").reports[0].key == report.key


@pytest.mark.parametrize("fault", ["truncated", "soap_fault", "server_error", "undocumented"])
def test_an_answer_that_cannot_be_read_is_asked_for_again(fault: str) -> None:
    lane = Lane()
    lane.submit()
    assert isinstance(lane.ask(fault, hours=2), CannotRead)
    assert lane.ask().reports[0].status is Status.FINISHED


def test_the_schedule_warns_before_the_promise() -> None:
    followed = follower(build(replace(SETTINGS, polling=Polling(first_s=60.0, alarm_before_s=7200.0))))
    assert followed is not None
    assert followed.progress_schedule is not None
    assert (followed.progress_schedule.first, followed.progress_schedule.alarm_before) == (60.0, 7200.0)


def test_the_list_of_changes_is_read_only_where_it_was_switched_on() -> None:
    assert feeder(build(SETTINGS)) is None
    assert feeder(build(replace(SETTINGS, feed_s=300.0))) is not None


def test_changes_are_told_marked_as_fetched_and_then_not_listed_again() -> None:
    lane = Lane(replace(SETTINGS, feed_s=300.0))
    lane.submit()
    lane.now += timedelta(hours=2)

    def page() -> FeedPage:
        read = lane.adapter.interpret_feed(
            "", lane.call(lane.adapter.encode_feed("", lane.context)), lane.context
        )
        assert isinstance(read, FeedPage)
        return read

    first = page()
    assert first == page()  # nothing is lost before it was acknowledged
    (change,) = first.changes
    assert (change.dossier, change.reports[0].status, change.ask) == ("2611230001", Status.FINISHED, False)
    marked = lane.adapter.encode_acknowledgement(first, lane.context)
    assert marked is not None
    assert lane.adapter.interpret_acknowledgement(first, lane.call(marked), lane.context) is None
    assert page().changes == ()
    assert lane.adapter.encode_acknowledgement(page(), lane.context) is None


def test_a_mark_that_the_centre_does_not_take_is_told() -> None:
    lane = Lane(replace(SETTINGS, feed_s=300.0))
    page = FeedPage(changes=(), cursor="MA-khong-co")
    request = lane.adapter.encode_acknowledgement(page, lane.context)
    assert request is not None
    told = lane.adapter.interpret_acknowledgement(page, lane.call(request), lane.context)
    assert isinstance(told, CannotRead)
    assert told.code == "undocumented:201"


def test_numbers_of_the_centre_can_be_looked_up() -> None:
    lane = Lane()
    request = lane.adapter.encode_read("list", {"kind": "5"}, lane.context)
    read = lane.adapter.interpret_read("list", {"kind": "5"}, lane.call(request))
    assert read == Read(entries={"41": {"name": "Sở Tư pháp tỉnh Mẫu"}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "lgsp"},
        {"base_url": "https://lgsp.h99.example/"},
        {"polling": Polling(first_s=100.0, longest_s=10.0)},
        {"mandatory_fields": ("khongCo",)},
        {"received_since": date(2026, 7, 1), "received_before": date(2026, 7, 1)},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="judicial_records"):
        build(replace(SETTINGS, **wrong))


def test_the_configuration_in_the_readme_works() -> None:
    shown = Path("adapters/judicial_records_g1/README.md").read_text(encoding="utf-8")
    document = tomllib.loads(shown.partition("```toml\n")[2].partition("```")[0])
    chosen = decode(
        document["destination"]["judicial_records_g1"]["settings"], Settings, {"NGSP_SECRET": "mo-phong"}
    )
    assert [layer.name for layer in build(chosen).credentials] == ["access"]
    assert "mo-phong" not in repr(chosen)


def test_every_personal_element_is_one_of_the_contracts() -> None:
    names = frozenset[str]().union(*(table.names() for table in TABLES.values()))
    assert set(build(SETTINGS).manifest.personal_fields) <= names
