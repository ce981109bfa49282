"""The adapter for the ministry of construction: what leaves, what is in doubt, what comes back, against its stand-in."""

from __future__ import annotations

import time
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from adapters.construction.adapter import build
from adapters.construction.calling import schema
from adapters.construction.manifest import SUBMIT, WITHDRAW
from adapters.construction.progress import QUESTIONS, Asking
from adapters.construction.reads import LOOKUPS
from adapters.construction.settings import Competence, Feed, Polling, Settings, Signing, Term
from adapters.construction.terms import by_commune, promise
from gateway.access import BearerAccess, OAuth2Basic, XRoadAccess, XRoadMember
from gateway.codec.soap import MAX_BYTES, Version
from gateway.domain.declarations import ConstructionDeclaration
from gateway.domain.declarations.construction import PaperKind, WorkGrade
from gateway.domain.errors import FILE, CannotEncode, ConfigurationError
from gateway.domain.outcome import Accepted, Actor, Deferred, InDoubt, Rejected
from gateway.domain.status import Status
from gateway.port import (
    REPORTED_PREFIX,
    CallbackRequest,
    CannotRead,
    Context,
    Refusal,
    Secret,
    WireResponse,
    feeder,
    follower,
)
from gateway.port.progress import Progress
from gateway.port.signing import UNSIGNED, Profile
from gateway.settings import decode
from mappings.construction.calls import REQUESTS
from tests.construction_lane import (
    FILES,
    NEW_PAPER,
    SAMPLES,
    SETTINGS,
    START,
    Lane,
    element,
    operation_of,
    paper_of,
    without_files,
)


def declared(lane: Lane) -> ConstructionDeclaration:
    assert isinstance(lane.dossier.declaration, ConstructionDeclaration)
    return lane.dossier.declaration


# What leaves


def test_files_are_asked_for_by_their_digest_with_the_most_that_the_ministry_takes() -> None:
    fault = without_files(Lane())
    assert {name for name, _ in fault.missing} == {FILE}
    assert {about["sha256"] for _, about in fault.missing} <= set(FILES)
    assert all(about["most"] == str(20 * 1024 * 1024) and about["url"] for _, about in fault.missing)


def test_same_thing_bears_the_same_id_under_any_key_and_another_thing_another() -> None:
    lane = Lane()
    (delivery,) = lane.deliveries()
    other = replace(delivery, payload=lane.deliveries()[0].payload.replace(b"75000", b"76000"))
    first, again, changed = (
        element(lane.adapter.encode([each], lane.context).body, "MaYeuCau")
        for each in (delivery, replace(delivery, key="repair:1:v3"), other)
    )
    assert first == again != changed


@pytest.mark.parametrize(
    ("version", "kind"), [(Version.SOAP_11, "text/xml"), (Version.SOAP_12, "application/soap+xml")]
)
def test_either_version_of_soap_is_spoken(version: Version, kind: str) -> None:
    lane = Lane(settings=replace(SETTINGS, soap_version=version))
    (delivery,) = lane.deliveries()
    headers = dict(lane.adapter.encode([delivery], lane.context).headers)
    assert headers["content-type"].startswith(kind)
    assert ("soapaction" in headers) == (version is Version.SOAP_11)
    assert isinstance(lane.send(), Accepted)


def test_schema_is_compiled_once_and_building_is_quick() -> None:
    build(SETTINGS)
    started = time.process_time()
    for _ in range(20):
        build(SETTINGS)
    assert schema() is schema()
    assert time.process_time() - started < 1.0


def test_what_rules_and_schema_forbid_is_told_at_the_door_with_its_place() -> None:
    lane = Lane()
    declaration = declared(lane)
    wrong = replace(
        lane.dossier,
        code="HS.2026.1",
        declaration=replace(declaration, attachments=declaration.attachments[:1]),
    )
    found = {(each.code, each.pointer) for each in lane.adapter.check(wrong, {})}
    assert ("R9", "/declaration/attachments") in found
    assert ("schema", "/code") in found
    assert lane.adapter.check(lane.dossier, {}) == []


def test_commune_decides_from_the_day_of_the_law_on() -> None:
    held = replace(SETTINGS, competence=(Competence(since=date(2026, 7, 1), units=("H99.*.*",)),))
    dossier = SAMPLES["01"]
    assert by_commune(dossier, held)
    assert not by_commune(replace(dossier, received_at=datetime(2026, 6, 30, 1, tzinfo=UTC)), held)
    assert not by_commune(dossier, SETTINGS)
    lane = Lane(settings=held)
    work = replace(declared(lane).request.works[0], grade=WorkGrade.II)
    request = replace(declared(lane).request, works=[work])
    wrong = replace(lane.dossier, declaration=replace(declared(lane), request=request))
    assert [each.code for each in lane.adapter.check(wrong, {})] == ["R5"]


@pytest.mark.parametrize(
    ("sample", "days"),
    [("02", 7), ("04", 15), ("06", 5), ("09", 10), ("10", 15)],
    ids=["house", "grade II", "extension", "grade IV", "planning"],
)
def test_term_of_the_proposal_counts_where_a_dossier_promises_nothing(sample: str, days: int) -> None:
    due = promise(SAMPLES[sample], SETTINGS)
    assert SAMPLES[sample].due_at is None
    assert due is not None
    alone = replace(
        SETTINGS, terms=(Term(since=date(2026, 1, 1), working_days=days, planning=sample == "10"),)
    )
    assert promise(SAMPLES[sample], alone) == due


def test_dossiers_own_promise_goes_before_any_term() -> None:
    assert promise(SAMPLES["01"], SETTINGS) == SAMPLES["01"].due_at
    assert promise(replace(SAMPLES["02"], received_at=datetime(2099, 1, 1, tzinfo=UTC)), SETTINGS) is None


def test_new_promise_or_paid_fee_is_no_news_and_a_changed_declaration_is() -> None:
    lane = Lane()

    def fingerprint(**changes: Any) -> bytes:
        return lane.adapter.plan(replace(lane.dossier, **changes))[0].fingerprint

    assert fingerprint(version=9, due_at=START + timedelta(days=30), fees=[]) == fingerprint()
    assert fingerprint(declaration=replace(declared(lane), addressed_to="UBND xã Mẫu")) != fingerprint()


def test_what_is_over_is_not_filed_and_what_the_ministry_reported_is_not_sent_back() -> None:
    lane = Lane()
    assert lane.adapter.plan(replace(lane.dossier, status=Status.FINISHED)) == []
    assert lane.adapter.plan(replace(lane.dossier, received_at=None)) == []
    withdrawn = lane.step("withdrawn", note="Không xây nữa")
    assert [each.operation for each in lane.adapter.plan(withdrawn)] == [WITHDRAW]
    reported = replace(withdrawn.steps[-1], id=f"{REPORTED_PREFIX}construction:7")
    assert lane.adapter.plan(replace(withdrawn, steps=[*withdrawn.steps[:-1], reported])) == []


# One notice, one answer


def waiting(lane: Lane) -> Lane:
    """Filed, and asked for more by the ministry, which has been read."""
    assert isinstance(lane.send(), Accepted)
    lane.later(3)
    reports, done = lane.follow()
    assert [each.kind for each in reports] == ["supplement.requested"]
    assert not done
    return lane


def test_supplement_is_told_with_its_reason_and_its_two_working_days_and_acknowledged() -> None:
    lane = Lane("12")
    lane.send()
    lane.later(3)
    (report,), _ = lane.follow()
    assert report.status is Status.SUPPLEMENT_REQUESTED
    assert report.supplement is not None
    assert report.supplement.requested_by == "Bộ Xây dựng"
    assert report.supplement.until is not None
    assert lane.calls[1:] == ["TraCuuTrangThai", "LayYeuCauBoSung", "XacNhanDaNhan"]
    assert lane.memory["notice"] == "BS-0001"


def test_request_happened_when_the_state_says_so_whatever_day_the_notice_bears() -> None:
    """By which the hub puts the ministry's words in order: a notice may be dated before work that came first."""
    lane = Lane("12")
    lane.send()
    lane.later(3)
    told = lane.ask()
    assert isinstance(told, Progress)
    since = datetime.fromisoformat(told.learned["since"])
    later = lane.memory["since"] = (since + timedelta(hours=2)).isoformat()
    notice = lane.ask()
    assert isinstance(notice, Progress)
    (report,) = notice.reports
    assert report.at == datetime.fromisoformat(later)
    assert report.supplement is not None
    assert report.supplement.requested_at == since


@pytest.mark.parametrize("written", ["", "hôm qua", "2026-11-26T08:00:00"])
def test_instant_that_was_not_remembered_is_the_notice_s_own(written: str) -> None:
    lane = Lane("12")
    lane.send()
    lane.later(3)
    lane.ask()
    lane.memory["since"] = written
    notice = lane.ask()
    assert isinstance(notice, Progress)
    (report,) = notice.reports
    assert report.supplement is not None
    assert report.at == report.supplement.requested_at


def test_answer_carries_what_the_ministry_lacks_and_nothing_else() -> None:
    lane = waiting(Lane("12"))
    lane.dossier = lane.answered()
    (delivery,) = lane.deliveries()
    body = lane.adapter.encode([delivery], lane.context).body
    assert element(body, "MaYeuCauBoSung") == ["BS-0001"]
    assert element(body, "GiaiTrinh") == ["Nộp bản cam kết đã ký"]
    assert element(body, "MaGiayTo") == ["CAM_KET"]
    assert b"NoiDungDeNghi" not in body
    assert isinstance(lane.send(), Accepted)
    assert lane.memory["notice"] == ""
    lane.later(4)
    reports, done = lane.follow()
    assert [each.kind for each in reports] == ["permit.issued"]
    assert done


def test_changed_request_goes_with_the_answer() -> None:
    lane = waiting(Lane("12"))
    request = replace(declared(lane).request, months=12)
    lane.dossier = lane.answered(declaration=replace(declared(lane), request=request))
    (delivery,) = lane.deliveries()
    assert element(lane.adapter.encode([delivery], lane.context).body, "ThoiGianHoanThanhThang") == ["12"]


def test_answer_to_a_notice_that_was_never_read_asks_for_it_first_and_leaves_at_once() -> None:
    lane = Lane("12")
    lane.send()
    lane.later(3)
    lane.dossier = lane.answered()
    first = lane.send()
    assert isinstance(first, Deferred)
    assert first.retry_after == 0
    assert isinstance(lane.send(), Accepted)
    assert lane.calls == ["NopHoSo", "LayYeuCauBoSung", "NopBoSung"]


def test_change_before_the_applicant_has_answered_does_not_spend_the_one_answer() -> None:
    lane = waiting(Lane("12"))
    extra = [*declared(lane).attachments, paper_of(PaperKind.COMMITMENT, NEW_PAPER)]
    lane.dossier = replace(lane.dossier, version=9, declaration=replace(declared(lane), attachments=extra))
    (delivery,) = lane.deliveries()
    with pytest.raises(CannotEncode, match="may be given once"):
        lane.adapter.encode([delivery], lane.context)


def test_change_that_nobody_asked_for_is_refused_and_a_round_without_one_is_not() -> None:
    lane = Lane()
    lane.send()
    lane.dossier = lane.answered(supplements=[replace(lane.answered().supplements[0], documents=[])])
    assert isinstance(lane.send(), Accepted)
    lane.dossier = replace(lane.dossier, declaration=replace(declared(lane), addressed_to="UBND xã Mẫu"))
    outcome = lane.send()
    assert isinstance(outcome, Rejected)
    assert outcome.code == "changed_unasked"
    assert set(lane.calls[1:]) == {"LayYeuCauBoSung"}


def test_answered_notice_that_is_still_shown_is_not_taken_for_another() -> None:
    lane = waiting(Lane("12"))
    lane.memory |= {"notice": "", "closed": "BS-0001"}
    reports, done = lane.follow()
    assert (reports, done) == ([], False)
    assert "notice" not in lane.memory


def test_late_answer_is_refused_by_the_ministry() -> None:
    lane = waiting(Lane("12"))
    lane.later(9)
    lane.dossier = lane.answered()
    outcome = lane.send()
    assert isinstance(outcome, Rejected)
    assert outcome.code == "203"


# In doubt


def test_lost_filing_is_found_or_surely_absent() -> None:
    lane = Lane()
    assert isinstance(lane.settle(), Deferred)
    lane.send()
    lane.memory.clear()
    found = lane.settle()
    assert isinstance(found, Accepted)
    assert found.receipt.startswith("BXD-")
    assert found.learned["filed"]


def test_lost_answer_to_the_notice_is_found_awaited_or_past_telling() -> None:
    lane = waiting(Lane("12"))
    lane.dossier = lane.answered()
    assert isinstance(lane.settle(), Deferred)
    before = dict(lane.memory)
    lane.send()
    lane.memory = before
    assert isinstance(lane.settle(), Accepted)
    lane.later(9)
    decided = lane.settle()
    assert isinstance(decided, InDoubt)
    assert not decided.ask_again


def test_withdrawal_is_found_by_its_state_and_refused_after_a_decision() -> None:
    lane = Lane()
    lane.send()
    lane.dossier = lane.step("withdrawn", note="Không xây nữa")
    assert isinstance(lane.settle(WITHDRAW), Deferred)
    assert isinstance(lane.send(WITHDRAW), Accepted)
    assert isinstance(lane.settle(WITHDRAW), Accepted)
    other = Lane()
    other.send()
    other.later(7)
    other.dossier = other.step("withdrawn")
    assert isinstance(other.send(WITHDRAW), Rejected)


def test_planning_request_is_asked_about_and_cannot_be_changed() -> None:
    lane = Lane("10")
    assert isinstance(lane.settle("request_planning"), Deferred)
    assert isinstance(lane.send("request_planning"), Accepted)
    assert isinstance(lane.settle("request_planning"), Accepted)
    lane.dossier = replace(lane.dossier, declaration=replace(lane.dossier.declaration, purpose="Khác"))
    (delivery,) = lane.deliveries("request_planning")
    with pytest.raises(CannotEncode, match="cannot be changed"):
        lane.adapter.encode([delivery], lane.context)


def test_unreadable_payload_is_our_fault_and_an_answer_to_it_stays_in_doubt() -> None:
    lane = Lane()
    (delivery,) = lane.deliveries()
    broken = replace(delivery, payload=b"{")
    with pytest.raises(CannotEncode, match="cannot be read"):
        lane.adapter.encode([broken], lane.context)
    (outcome,) = lane.adapter.interpret([broken], WireResponse(status=200), lane.context)
    assert isinstance(outcome, InDoubt)


def test_dossier_that_another_call_has_filed_is_adopted_or_refused_as_configured() -> None:
    for adopt, expected in ((True, Accepted), (False, Rejected)):
        lane = Lane(settings=replace(SETTINGS, adopt_known=adopt))
        lane.send()
        lane.memory.clear()
        lane.dossier = replace(lane.dossier, fees=[])
        assert isinstance(lane.send(), expected)


def test_refused_token_is_renewed_once() -> None:
    access = OAuth2Basic(token_url="https://lgsp.h99.example/token", key="khoa", secret=Secret("bi-mat"))
    lane = Lane(settings=replace(SETTINGS, access=access))
    outcome = lane.send()
    assert isinstance(outcome, Deferred)
    assert (outcome.renew, outcome.retry_after) == (("access",), 0.0)
    assert isinstance(lane.send(), Deferred)
    told = lane.ask()
    assert isinstance(told, CannotRead)
    assert told.renew == ("access",)


def test_static_token_that_is_refused_waits() -> None:
    lane = Lane(settings=replace(SETTINGS, access=BearerAccess(token=Secret("dung"))))
    lane.adapter = build(replace(SETTINGS, access=BearerAccess(token=Secret("sai"))))
    outcome = lane.send()
    assert isinstance(outcome, Deferred)
    assert outcome.retry_after is None


# What comes back


def test_permit_becomes_a_result_with_the_time_of_the_decision() -> None:
    lane = Lane()
    lane.send()
    lane.later(7)
    (report,), done = lane.follow()
    assert done
    assert (report.kind, report.status) == ("permit.issued", Status.FINISHED)
    assert report.at is not None
    assert START < report.at <= lane.now
    assert [each.purpose for each in report.files] == ["result", "attachment"]
    assert lane.calls[1:] == ["TraCuuTrangThai", "LayKetQua", "XacNhanDaNhan"]


def test_refusal_after_acceptance_is_an_end_with_its_document() -> None:
    lane = Lane("13")
    lane.send()
    lane.later(7)
    (report,), done = lane.follow()
    assert done
    assert (report.kind, report.status) == ("permit.refused", Status.FINISHED)
    assert report.note == "Không phù hợp quy hoạch được duyệt"
    assert [each.purpose for each in report.files] == ["result"]


def test_refusal_at_reception_and_a_stop_end_the_questions() -> None:
    for outcome, status in (("reception", Status.REFUSED), ("stop", Status.STOPPED)):
        lane = Lane()
        body = msgspec.json.encode({"code": lane.dossier.code, "outcome": outcome})
        lane.partner.administer("script", body)
        lane.send()
        lane.later(7)
        (report,), done = lane.follow()
        assert done
        assert report.status is status


def test_first_states_are_no_news_and_work_is() -> None:
    lane = Lane()
    lane.send()
    assert lane.follow() == ([], False)
    lane.later(1)
    (report,), done = lane.follow()
    assert not done
    assert report.status is Status.PROCESSING
    assert report.promised_at is not None


def test_planning_information_comes_with_its_state() -> None:
    lane = Lane("10")
    lane.send("request_planning")
    lane.later(15)
    (report,), done = lane.follow()
    assert done
    assert (report.kind, report.status) == ("planning.answered", Status.FINISHED)
    assert msgspec.json.decode(report.data)["state"] in {"planned", "unplanned"}
    assert lane.calls[1:] == ["TraCuuTrangThai", "LayThongTinQuyHoach", "XacNhanDaNhan"]


def test_withdrawn_request_ends_by_its_state() -> None:
    lane = Lane("10")
    lane.send("request_planning")
    lane.dossier = lane.step("withdrawn", note="Không cần nữa")
    lane.send(WITHDRAW)
    (report,), done = lane.follow()
    assert done
    assert report.status is Status.WITHDRAWN


def test_feed_lists_changes_names_what_is_to_be_asked_and_is_acknowledged() -> None:
    lane = Lane("12")
    lane.send()
    lane.later(3)
    page = lane.feed()
    assert {change.dossier for change in page.changes} == {lane.dossier.code}
    assert [change.ask for change in page.changes][-1]
    assert Status.SUPPLEMENT_REQUESTED not in {r.status for c in page.changes for r in c.reports}
    request = lane.adapter.encode_acknowledgement(page, lane.context)
    assert request is not None
    assert element(request.body, "MaHoSo") == [lane.dossier.code]
    assert lane.adapter.interpret_acknowledgement(page, lane.call(request), lane.context) is None
    assert lane.feed(page.cursor).changes == ()
    assert lane.adapter.encode_acknowledgement(lane.feed(page.cursor), lane.context) is None


def test_forgotten_cursor_is_read_from_the_beginning() -> None:
    lane = Lane()
    lane.send()
    page = lane.feed()
    lane.partner.administer("expire_cursors", b"")
    again = lane.feed(page.cursor)
    assert (again.cursor, again.more, again.changes) == ("", True, ())
    assert lane.feed("").changes


def test_ministry_calls_nobody() -> None:
    refused = build(SETTINGS).read_callback(CallbackRequest(method="POST", path="x"), Context(now=START))
    assert isinstance(refused, Refusal)
    assert refused.answer.status == 404


# Settings, tables


def test_everything_of_the_contract_is_called() -> None:
    asked = {each.operation for each in QUESTIONS.values()} | {each.operation for each in LOOKUPS.values()}
    sent = {"NopHoSo", "NopBoSung", "RutHoSo", "YeuCauThongTinQuyHoach", "LayDanhSachThayDoi"}
    assert asked | sent == set(REQUESTS)
    assert set(QUESTIONS) == set(Asking)
    assert {each.name for each in build(SETTINGS).manifest.reads} == set(LOOKUPS)


def test_questions_can_be_asked_and_the_feed_can_be_left_out() -> None:
    assert follower(build(SETTINGS)) is not None
    assert feeder(build(SETTINGS)) is not None
    assert feeder(build(replace(SETTINGS, feed=None))) is None


def test_example_of_the_specification_is_a_configuration() -> None:
    text = Path("adapters/construction/spec/conformance.toml").read_text(encoding="utf-8")
    settings = decode(tomllib.loads(text)["settings"], Settings)
    assert settings.competence[0].units == ("H99.*.*",)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"url": "lgsp"}, "url"),
        ({"access": BearerAccess(token=Secret("t"), body={"authKey": Secret("k")})}, "access.body"),
        ({"signing": Signing(profile=Profile.JWS_DETACHED, key="k")}, "signing.profile"),
        ({"signing": Signing(profile=Profile.WSSE_X509)}, "needs a key"),
        ({"signing": Signing(profile=Profile.WSSE_X509, key="k", timestamp="tsa")}, "timestamp"),
        ({"polling": Polling(first_s=10, longest_s=5)}, "polling"),
        (
            {
                "access": XRoadAccess(
                    client=XRoadMember(instance="VN", member_class="GOV", member="H99", subsystem="M")
                )
            },
            "provider",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        build(msgspec.structs.replace(SETTINGS, **changes))


@pytest.mark.parametrize("profile", [Profile.WSSE_X509, Profile.WSSE_USERNAME])
def test_whatever_signs_the_envelope_signs_every_message(profile: Profile) -> None:
    manifest = build(replace(SETTINGS, signing=Signing(profile=profile, key="k"))).manifest
    assert {each.signing.profile for each in (*manifest.operations, *manifest.reads)} == {profile}


def test_signature_in_the_dossier_is_the_applications_alone_and_its_element_bears_an_id() -> None:
    settings = replace(SETTINGS, signing=Signing(profile=Profile.XADES, key="k", timestamp="tsa"))
    lane = Lane("12", settings)
    signing = {each.name: each.signing for each in lane.adapter.manifest.operations}
    assert signing[SUBMIT].profile is Profile.XADES
    assert signing[SUBMIT].where_present
    assert signing[WITHDRAW] == UNSIGNED
    (delivery,) = lane.deliveries()
    request = lane.adapter.encode([delivery], lane.context)
    assert b'<HoSo Id="HoSo">' in request.body
    assert operation_of(request) == "NopHoSo"


def test_answers_must_be_signed_where_certificates_are_pinned() -> None:
    settings = replace(SETTINGS, signing=Signing(trusted="bo-xay-dung"))
    policy = build(settings).manifest.operation(SUBMIT).signing
    assert (policy.profile, policy.answers.profile) == (Profile.NONE, Profile.WSSE_X509)


def test_actor_of_a_refused_credential_is_an_operator() -> None:
    lane = Lane(settings=replace(SETTINGS, unit="H99.99.99", feed=Feed(page=10)))
    lane.adapter = build(replace(SETTINGS, unit="H99.98"))
    outcome = lane.send()
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.actor) == ("106", Actor.OPERATOR)


def test_an_answer_larger_than_its_parser_takes_cannot_be_asked_for() -> None:
    given = {"url": SETTINGS.url, "unit": SETTINGS.unit}

    assert decode({**given, "max_answer_bytes": MAX_BYTES}, Settings).max_answer_bytes == MAX_BYTES
    with pytest.raises(ConfigurationError, match="max_answer_bytes"):
        decode({**given, "max_answer_bytes": MAX_BYTES + 1}, Settings)
