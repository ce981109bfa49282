"""Judicial records: what leaves, what is asked, what comes back, against the stand-in on a scripted clock."""

from __future__ import annotations

import base64
import hashlib
import json
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from adapters.judicial_records import Settings, build, simulate
from adapters.judicial_records.settings import Centre, Polling, Successor, Vneid
from gateway.domain.declarations import JudicialRecordDeclaration
from gateway.domain.dossier import Document, Dossier, Fee, FeeKind, FileReference, Result, Step, Supplement
from gateway.domain.errors import FILE, CannotEncode, ConfigurationError
from gateway.domain.outcome import Accepted, InDoubt
from gateway.domain.status import Status
from gateway.port import CannotRead, Secret
from gateway.port.progress import Follows, Progress, follower
from gateway.progress.merging import Addition, Kept, merged, reference_of
from gateway.settings import decode
from mappings.judicial_records import TABLES, code_tables
from mappings.judicial_records.fees import fee
from tests.stand_in_lane import StandInLane

NOW = datetime(2026, 10, 3, 2, 5, tzinfo=UTC)
SETTINGS = Settings(
    province_code="99",
    province_name="Tỉnh Mẫu",
    centre=Centre(base_url="https://lgsp.h99.example", auth_key=Secret("khoa-mo-phong")),
    vneid=Vneid(base_url="https://vneid.h99.example"),
)
SAMPLES = [
    msgspec.json.decode(line, type=Dossier)
    for line in Path("adapters/judicial_records/spec/samples.jsonl").read_bytes().splitlines()
]
PDF = b"%PDF-1.4 mau"
FILED = FileReference(url="https://kho.h99.example/1", sha256=hashlib.sha256(PDF).hexdigest(), size=len(PDF))


def declared(dossier: Dossier) -> JudicialRecordDeclaration:
    assert isinstance(dossier.declaration, JudicialRecordDeclaration)
    return dossier.declaration


class Lane(StandInLane):
    """A dossier at the stand-in, of a person with this paper."""

    def __init__(self, paper: str = "000000000001", settings: Settings = SETTINGS) -> None:
        declaration = declared(SAMPLES[0])
        person = replace(declaration.person, paper=replace(declaration.person.paper, number=paper))
        dossier = replace(SAMPLES[0], declaration=replace(declaration, person=person))
        super().__init__(build(settings), simulate(settings), dossier, NOW)


def sent(lane: Lane, operation: str = "submit") -> dict[str, Any]:
    body = lane.adapter.encode(lane.deliveries(operation)[:1], lane.context).body
    return dict(json.loads(body))


# What leaves


def test_every_scalar_of_an_application_is_text() -> None:
    def scalars(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [each for item in value.values() for each in scalars(item)]
        return [each for item in value for each in scalars(item)] if isinstance(value, list) else [value]

    assert all(isinstance(each, str) for each in scalars(sent(Lane())))


def test_every_element_of_the_contract_leaves_with_every_application() -> None:
    message = sent(Lane())
    assert set(message) == TABLES["nhanHoSoDangKyLLTP"].names()
    assert set(message["toKhai"]) == TABLES["toKhai"].names()


@pytest.mark.parametrize(("country", "written"), [("VN", "1"), ("LA", "2")])
def test_the_inverted_element_says_where_a_person_was_born(country: str, written: str) -> None:
    lane = Lane()
    declaration = declared(lane.dossier)
    born = replace(declaration.person.birthplace, country=country)
    person = replace(declaration.person, birthplace=born)
    lane.dossier = replace(lane.dossier, declaration=replace(declaration, person=person))
    assert sent(lane)["toKhai"]["nycNoiSinhNuocNgoai"] == written


def test_a_file_is_asked_for_and_then_travels_as_base64() -> None:
    lane = Lane()
    lane.dossier = replace(lane.dossier, documents=[Document(id="d1", name="Căn cước", file=FILED)])
    with pytest.raises(CannotEncode) as fault:
        lane.adapter.encode(lane.deliveries("submit"), lane.context)
    ((name, asked),) = fault.value.missing
    assert (name, asked["sha256"], asked["size"]) == (FILE, FILED.sha256, str(len(PDF)))
    lane.files = {asked["sha256"]: PDF}
    (file,) = sent(lane)["toKhai"]["fileHoSo"]
    assert base64.b64decode(file["noiDungFile"]) == PDF
    assert lane.submit() == Accepted(receipt="Gửi thông tin thành công", learned={"round": "1"})
    assert base64.b64encode(PDF).decode() not in json.dumps(lane.partner.record())


def test_a_file_beyond_the_limit_is_refused_when_it_is_declared_and_when_it_comes() -> None:
    lane = Lane(settings=replace(SETTINGS, max_file_bytes=1024))
    large = Document(id="d1", name="Căn cước", file=replace(FILED, size=2000))
    assert [each.code for each in lane.adapter.check(replace(lane.dossier, documents=[large]), {})] == [
        "too_large"
    ]
    lane.dossier = replace(lane.dossier, documents=[replace(large, file=replace(FILED, size=None))])
    lane.files = {FILED.sha256 or "": b"x" * 2000}
    with pytest.raises(CannotEncode, match="at most 1024 bytes"):
        lane.adapter.encode(lane.deliveries("submit"), lane.context)


def test_certificate_number_two_is_not_for_others() -> None:
    whole = SAMPLES[1]
    second = replace(whole, declaration=msgspec.structs.replace(declared(whole), certificate="number_2"))
    assert build(SETTINGS).check(whole, {}) == []
    decoded = msgspec.json.decode(msgspec.json.encode(second), type=Dossier)
    assert [each.pointer for each in build(SETTINGS).check(decoded, {})] == ["/declaration/authorised"]


@pytest.mark.parametrize(("copies", "due"), [(1, 200_000), (2, 200_000), (3, 205_000), (5, 215_000)])
def test_the_fee_comes_from_the_table_and_extra_copies_from_the_third_on(copies: int, due: int) -> None:
    assert fee(replace(declared(SAMPLES[0]), copies=copies), date(2026, 11, 1), code_tables()) == due


def test_a_wrong_fee_is_found_where_fees_are_compared() -> None:
    adapter = build(replace(SETTINGS, check_fee=True))
    paid = [Fee(id="1", name="Phí", kind=FeeKind.FEE, amount=100_000)]
    assert adapter.check(SAMPLES[0], {}) == []
    assert [each.code for each in adapter.check(replace(SAMPLES[0], fees=paid), {})] == ["wrong_fee"]


def test_without_a_promise_the_term_of_the_day_is_written() -> None:
    lane = Lane()
    for received, due in (("2026-06-29T02:00:00Z", "09/07/2026"), ("2026-07-01T02:00:00Z", "06/07/2026")):
        lane.dossier = replace(lane.dossier, due_at=None, received_at=datetime.fromisoformat(received))
        assert sent(lane)["toKhai"]["ngayHenTra"] == due


def test_an_application_is_told_again_only_when_the_centre_would_read_something_new() -> None:
    adapter, dossier = build(SETTINGS), SAMPLES[0]
    asked = Supplement(id=1, requested_at=NOW, requested_by="Cán bộ", reason="Bổ sung")
    answered = replace(asked, received_at=NOW)

    def mark(version: Dossier) -> bytes:
        return next(each.fingerprint for each in adapter.plan(version) if each.operation == "submit")

    assert mark(replace(dossier, version=9, summary="khác", supplements=[asked])) == mark(dossier)
    assert mark(replace(dossier, supplements=[answered])) != mark(dossier)


# What comes back


def test_the_adapter_follows_its_centre_and_only_that() -> None:
    assert isinstance(build(SETTINGS), Follows)
    assert follower(build(replace(SETTINGS, centre=None))) is None


def test_a_certificate_comes_back_once_with_its_bytes_apart_from_its_data() -> None:
    lane = Lane()
    lane.submit()
    assert lane.ask() == Progress()
    told = lane.ask(hours=2)
    (report,) = told.reports
    (file,) = report.files
    assert (report.status, told.done, file.purpose) == (Status.FINISHED, True, "result")
    assert file.content.startswith(b"%PDF-")
    assert b"phieuLLTP" not in report.data
    assert base64.b64encode(file.content)[:40] not in report.data
    assert lane.ask(hours=1).reports[0].key == report.key


def test_the_stand_ins_record_names_files_that_came_and_went_by_their_digest() -> None:
    lane = Lane()
    lane.dossier = replace(lane.dossier, documents=[Document(id="d1", name="Căn cước", file=FILED)])
    lane.files = {FILED.sha256 or "": PDF}
    lane.submit()
    before = lane.partner.record()["applications"][lane.dossier.code]
    (file,) = lane.ask(hours=2).reports[0].files
    after = lane.partner.record()["applications"][lane.dossier.code]
    assert (before["files"], before["issued"]) == ([FILED.sha256], [])
    assert after["issued"] == [hashlib.sha256(file.content).hexdigest()]


def test_nothing_of_a_conviction_is_told_outside_the_certificate() -> None:
    lane = Lane(paper="000000000007")
    lane.submit()
    told = lane.ask(hours=2)
    assert told.reports[0].status is Status.FINISHED
    said = repr(replace(told.reports[0], files=())) + repr(told.learned)
    assert not any(word in said for word in ("Tội danh", "án tích", "Tòa án", "HSST"))


def test_a_refusal_ends_the_questions() -> None:
    lane = Lane(paper="000000000008")
    lane.submit()
    told = lane.ask(hours=2)
    assert (told.reports[0].status, told.done) == (Status.REFUSED, True)
    assert told.reports[0].note == "Hồ sơ không đủ điều kiện tiếp nhận"


def test_a_supplement_is_one_report_a_round_and_is_brought_by_a_new_application() -> None:
    lane = Lane(paper="000000000009")
    lane.submit()
    first, again = lane.ask(hours=2), lane.ask(hours=1)
    assert first.reports[0].supplement is not None
    assert first.reports[0].key == again.reports[0].key
    assert lane.submit() == Accepted(receipt="Gửi thông tin thành công", learned={"round": "2"})
    assert lane.ask(hours=2).reports[0].status is Status.FINISHED


def test_a_revocation_is_a_second_result() -> None:
    lane = Lane(settings=replace(SETTINGS, watch_revocation=True))
    lane.submit()
    assert lane.ask(hours=2).done is False
    lane.partner.administer("revoke", json.dumps({"code": lane.dossier.code}).encode())
    issued, revoked = lane.ask(hours=1).reports
    assert issued.kind == "judicial_record.issued"
    assert revoked.kind == "judicial_record.revoked"
    assert revoked.files[0].component_code == SETTINGS.revocation_component


@pytest.mark.parametrize("fault", ["truncated", "soap_fault", "server_error", "large_result"])
def test_an_answer_that_cannot_be_read_is_asked_for_again(fault: str) -> None:
    lane = Lane(settings=replace(SETTINGS, max_file_bytes=1024 * 1024))
    lane.submit()
    assert isinstance(lane.ask(fault, hours=2), CannotRead)
    assert lane.ask().reports[0].status is Status.FINISHED


@pytest.mark.parametrize("fault", ["upper_keys", "odd_date", "line_breaks"])
def test_untidy_answers_are_read_all_the_same(fault: str) -> None:
    lane = Lane()
    lane.submit()
    assert lane.ask(fault, hours=2).reports[0].files[0].content.startswith(b"%PDF-")


def test_a_state_of_completion_without_a_certificate_is_no_result() -> None:
    lane = Lane()
    lane.submit()
    assert lane.ask("empty_result", hours=2) == Progress()


def test_what_is_there_from_an_earlier_round_does_not_pass_for_the_new_one() -> None:
    lane = Lane()
    lane.submit()
    (delivery,) = lane.deliveries("submit")
    response = lane.call(lane.adapter.encode_query([delivery], lane.context))
    (outcome,) = lane.adapter.interpret_query([delivery], response, lane.context)
    assert isinstance(outcome, InDoubt)
    lane.memory.clear()
    assert isinstance(lane.adapter.interpret_query([delivery], response, lane.context)[0], Accepted)


# Back in the dossier, as the hub merges it


def take(lane: Lane, told: Progress) -> None:
    """What the hub does with reports: bytes by their digest, the rest into the dossier."""
    for report in told.reports:
        files = [
            Kept(file=each, reference=reference_of(each.content, each.media_type, "https://hub.h99.example"))
            for each in report.files
        ]
        lane.files |= {each.reference.sha256 or "": each.file.content for each in files}
        addition = Addition(
            destination="judicial_records", report=report, status=report.status, files=files, now=lane.now
        )
        lane.dossier = merged(lane.dossier, addition) or lane.dossier
    lane.memory.update(told.learned)


def test_a_certificate_goes_from_the_centre_through_the_dossier_to_vneid() -> None:
    lane = Lane()
    lane.submit()
    take(lane, lane.ask(hours=2))
    (result,) = lane.dossier.results
    told = lane.deliveries("tell")[-1]
    body = json.loads(lane.adapter.encode([told], lane.context).body)
    assert result.file is not None
    assert base64.b64decode(body["ketQuaXuLy"]["phieuLLTP"]) == lane.files[result.file.sha256 or ""]
    assert body["ketQuaXuLy"]["soPhieuLLTP"] == result.code
    assert body["ketQuaXuLy"]["nguoiKy"] == "PHẠM VĂN KÝ"
    assert body["ketQuaXuLy"]["ngayCapPhieu"] == "03/10/2026"
    assert isinstance(lane.deliver(told), Accepted)


def test_a_supplement_in_the_dossier_brings_the_centre_nothing_until_it_is_answered() -> None:
    lane = Lane(paper="000000000009")
    lane.submit()
    before = next(each.fingerprint for each in lane.adapter.plan(lane.dossier))
    take(lane, lane.ask(hours=2))
    assert lane.dossier.status == "supplement_requested"
    assert next(each.fingerprint for each in lane.adapter.plan(lane.dossier)) == before
    answered = [replace(each, received_at=lane.now) for each in lane.dossier.supplements]
    lane.dossier = replace(lane.dossier, supplements=answered)
    assert next(each.fingerprint for each in lane.adapter.plan(lane.dossier)) != before


def test_a_revocation_goes_through_the_dossier_to_vneid() -> None:
    lane = Lane(settings=replace(SETTINGS, watch_revocation=True))
    lane.submit()
    take(lane, lane.ask(hours=2))
    lane.partner.administer("revoke", json.dumps({"code": lane.dossier.code}).encode())
    take(lane, lane.ask(hours=1))
    assert [isinstance(lane.deliver(each), Accepted) for each in lane.deliveries("tell")] == [True] * 4
    kept = lane.partner.record()["told"][lane.dossier.code]
    assert [each["type"] for each in kept] == ["ketqua", "ketqua", "ketqua", "thuhoi"]


def test_each_end_of_the_work_tells_its_own_certificate() -> None:
    lane = Lane()
    finished(lane, Result(id="r2", name="Phiếu mới", code="0002", file=replace(FILED, sha256="b" * 64)))
    again = Step(id="reported:judicial_records:2", at=NOW, status="finished")
    lane.dossier = replace(lane.dossier, steps=[*lane.dossier.steps, again])
    numbers = [json.loads(each.payload).get("number") for each in lane.deliveries("tell")]
    assert numbers == [None, None, "0001/2026-LLTP", "0002"]


# VNeID


def finished(lane: Lane, *more: Result) -> None:
    step = Step(id="reported:judicial_records:1", at=NOW, status="finished")
    result = Result(id="r1", name="Phiếu", code="0001/2026-LLTP", file=FILED)
    lane.dossier = replace(
        lane.dossier, status="finished", steps=[*lane.dossier.steps, step], results=[result, *more]
    )
    lane.files = {FILED.sha256 or "": PDF}


def test_vneid_is_told_every_state_and_the_certificate() -> None:
    lane = Lane()
    finished(lane)
    told = lane.deliveries("tell")
    assert all(isinstance(lane.deliver(each), Accepted) for each in told)
    kept = lane.partner.record()["told"][lane.dossier.code]
    assert [each["state"] for each in kept] == ["2", "4", "9"]
    assert set(kept[-1]["files"]) == {"phieuLLTP"}


def test_vneid_is_told_of_a_revocation_with_the_decision() -> None:
    lane = Lane()
    decision = replace(FILED, url="https://kho.h99.example/2")
    finished(lane, Result(id="r2", name="Quyết định", component_code="quyet-dinh-thu-hoi", file=decision))
    delivery = lane.deliveries("tell")[-1]
    body = json.loads(lane.adapter.encode([delivery], lane.context).body)
    assert body["type"] == "thuhoi"
    assert base64.b64decode(body["ketQuaXuLy"]["quyetDinhThuHoi"]) == PDF
    assert isinstance(lane.deliver(delivery), Accepted)
    assert isinstance(
        lane.deliver(delivery), Accepted
    )  # a second time: it is there already, which is as good


def test_a_result_without_its_file_is_not_announced() -> None:
    lane = Lane()
    finished(lane)
    lane.dossier = replace(lane.dossier, results=[])
    assert [each.key for each in lane.deliveries("tell")] == ["b1-2", "b1-3"]


def test_dossiers_of_the_counter_are_no_business_of_vneid() -> None:
    assert {each.operation for each in build(SETTINGS).plan(SAMPLES[1])} == {"submit"}
    assert build(replace(SETTINGS, centre=None)).wants(SAMPLES[1]) is False


def test_a_dossier_without_a_declaration_is_nobodys() -> None:
    plain = replace(SAMPLES[0], declaration=None)
    assert build(SETTINGS).wants(plain) is False
    assert list(build(SETTINGS).plan(plain)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"centre": None, "vneid": None},
        {"centre": Centre(base_url="lgsp", auth_key=Secret("x"))},
        {"centre": Centre(base_url="https://lgsp.h99.example/", auth_key=Secret("x"))},
        {"centre": Centre(base_url="https://lgsp.h99.example", auth_key=Secret(" "))},
        {"polling": Polling(first_s=100.0, longest_s=10.0)},
        {"mandatory_fields": ("khongCo",)},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="judicial_records"):
        build(replace(SETTINGS, **wrong))


def test_the_configuration_in_the_readme_works() -> None:
    shown = Path("adapters/judicial_records/README.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in shown.split("```toml\n")[1:]]
    document = tomllib.loads("".join(blocks))
    names = ("LLTP_AUTH_KEY", "LLTP_CODE_GET", "NGSP_SECRET", "CONG_AN_KEY")
    secrets = {name: f"{name}-mo-phong" for name in names}
    chosen = decode(document["destination"]["judicial_records"]["settings"], Settings, secrets)
    assert [layer.name for layer in build(chosen).credentials] == ["access"]
    assert [each.since for each in chosen.successors] == [date(2026, 7, 1)]
    assert "mo-phong" not in repr(chosen)


# Issuers that change


POLICE = Centre(base_url="https://cong-an.h99.example", auth_key=Secret("khoa-moi"))


def changed(*, takes_over: bool) -> Settings:
    """From 2026-09-25 on the police issue; the dossier of the samples was received the day before."""
    later = Successor(
        since=date(2026, 9, 25), issuer="Công an tỉnh Mẫu", centre=POLICE, takes_over=takes_over
    )
    return replace(SETTINGS, issuer="Sở Tư pháp tỉnh Mẫu", successors=(later,))


def received(lane: Lane, day: str) -> Lane:
    lane.dossier = replace(lane.dossier, received_at=datetime.fromisoformat(f"{day}T02:00:00Z"))
    return lane


@pytest.mark.parametrize(
    ("day", "host", "key"),
    [
        ("2026-09-24", "lgsp.h99.example", "khoa-mo-phong"),
        ("2026-09-25", "cong-an.h99.example", "khoa-moi"),
    ],
)
def test_an_application_goes_to_who_issues_on_the_day_of_its_reception(day: str, host: str, key: str) -> None:
    lane = received(Lane(settings=changed(takes_over=False)), day)
    (delivery,) = lane.deliveries("submit")
    for request in (
        lane.adapter.encode([delivery], lane.context),
        lane.adapter.encode_query([delivery], lane.context),
    ):
        assert request.url.split("/")[2] == host
        assert json.loads(request.body)["authKey"] == key


def test_who_has_taken_a_dossier_is_asked_and_brought_what_was_missing() -> None:
    lane = received(Lane(settings=changed(takes_over=False)), "2026-09-24")
    lane.submit()
    assert lane.memory["taken_by"] == "first"
    lane.now += timedelta(days=300)
    moved = received(lane, "2026-10-30")  # a corrected day of reception moves no dossier that somebody has
    for request in (
        moved.adapter.encode_progress(lane.dossier.code, moved.context),
        moved.adapter.encode(moved.deliveries("submit"), moved.context),
    ):
        assert request.url.startswith("https://lgsp.h99.example/")


def test_who_takes_over_is_asked_about_older_dossiers_from_its_day_on() -> None:
    lane = received(Lane(settings=changed(takes_over=True)), "2026-09-24")
    lane.now = datetime(2026, 9, 24, 3, tzinfo=UTC)
    lane.submit()
    for later, host in ((0, "lgsp.h99.example"), (1, "cong-an.h99.example")):
        lane.now += timedelta(days=later)
        asked = lane.adapter.encode_progress(lane.dossier.code, lane.context)
        assert asked.url.split("/")[2] == host


def test_a_report_names_the_issuer_whose_it_is() -> None:
    lane = received(Lane(settings=changed(takes_over=False)), "2026-09-24")
    lane.submit()
    assert lane.ask(hours=2).reports[0].unit == "Sở Tư pháp tỉnh Mẫu"
    lane.memory["taken_by"] = "2026-09-25"
    lane.partner = simulate(replace(changed(takes_over=False), centre=POLICE))
    received(lane, "2026-09-26")
    lane.memory.pop("round")
    lane.submit()
    assert lane.ask(hours=2).reports[0].unit == "Công an tỉnh Mẫu"


@pytest.mark.parametrize(
    ("since", "before", "planned"),
    [(None, None, True), (date(2026, 9, 25), None, False), (None, date(2026, 9, 24), False)],
)
def test_applications_of_other_days_are_another_interfaces(
    since: date | None, before: date | None, planned: bool
) -> None:
    adapter = build(replace(SETTINGS, received_since=since, received_before=before))
    assert ("submit" in {each.operation for each in adapter.plan(SAMPLES[0])}) is planned
    assert "tell" in {each.operation for each in adapter.plan(SAMPLES[0])}
    assert adapter.wants(SAMPLES[1]) is planned


@pytest.mark.parametrize(
    "wrong",
    [
        {"centre": None},
        {"successors": (*changed(takes_over=False).successors, *changed(takes_over=True).successors)},
        {
            "successors": (
                Successor(since=date(2026, 9, 25), issuer="x", centre=replace(POLICE, auth_key=Secret(" "))),
            )
        },
        {"received_since": date(2026, 7, 1), "received_before": date(2026, 7, 1)},
    ],
)
def test_issuers_that_contradict_each_other_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="judicial_records"):
        build(replace(changed(takes_over=False), **wrong))


@pytest.mark.parametrize(
    ("born", "received_on", "refused"),
    [
        ("2010-09-25", "2026-09-24", True),
        ("2010-09-24", "2026-09-24", False),
        ("2010-10", "2026-09-24", True),
        ("2010", "2026-09-24", False),  # perhaps on the first of January
        ("2011", "2026-09-24", True),
        ("2011", "2026-06-30", False),  # before the law in force today
    ],
)
def test_whoever_is_surely_too_young_is_refused(born: str, received_on: str, refused: bool) -> None:
    lane = received(Lane(), received_on)
    declaration = declared(lane.dossier)
    person = replace(declaration.person, born_on=born)
    dossier = replace(lane.dossier, declaration=replace(declaration, person=person))
    found = [(each.pointer, each.code) for each in lane.adapter.check(dossier, {})]
    assert found == ([("/declaration/person/born_on", "too_young")] if refused else [])


def test_the_stand_in_knows_each_issuer_by_its_own_key() -> None:
    settings = changed(takes_over=True)
    (later,) = settings.successors
    apart = replace(later, centre=replace(POLICE, base_url="https://cong-an.h99.example/lltp"))
    lane = received(Lane(settings=replace(settings, successors=(apart,))), "2026-09-24")
    lane.now = datetime(2026, 9, 24, 3, tzinfo=UTC)
    lane.submit()
    asked = lane.ask(days=10)
    assert asked.reports[0].unit == "Công an tỉnh Mẫu"
    lane.adapter = build(
        replace(settings, successors=(replace(apart, centre=replace(apart.centre, auth_key=Secret("sai"))),))
    )
    assert lane.ask().code == "configuration:100"


def test_personal_elements_are_spelt_as_they_leave_or_come() -> None:
    leaving = frozenset[str]().union(*(table.names() for table in TABLES.values()))
    coming = Path("mappings/judicial_records/filing.py").read_text(encoding="utf-8")
    for name in build(SETTINGS).manifest.personal_fields:
        known = name in leaving or f'"{name}"' in coming or f'"{{prefix}}{name[3:]}"' in coming
        assert known or name == "nuqNoiDKKS", name
