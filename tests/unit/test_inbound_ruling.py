"""What a report means for a dossier: every pair of states, every owner of the record."""

import hashlib
import json

import msgspec
import pytest

from gateway.codec import canonical
from gateway.domain.dossier import Dossier, Portal
from gateway.domain.status import Status, judge_move
from gateway.inbound.ruling import FLAGGED, IGNORED, STORED, rule
from gateway.port import Report, WireResponse
from gateway.storage.callbacks import Standing
from gateway.storage.progress import Course, Said

ANSWER = WireResponse(status=200)


def dossier(**changes):
    record = {
        "code": "G22-1",
        "version": 1,
        "procedure": {"code": "1.000001"},
        "agency": {"code": "H99.14", "name": "Sở Thử nghiệm"},
        "channel": "online",
        "applicant": {"kind": "citizen", "name": "Nguyễn Văn Thử"},
        "summary": "Đề nghị",
        "status": "registered",
    }
    return msgspec.convert({**record, **changes}, Dossier)


def report(*, filed=None, status=None, corrects=True):
    return Report(
        key="k",
        kind="status_changed",
        dossier_code="G22-1",
        data=b'{"said":1}',
        first=ANSWER,
        again=ANSWER,
        dossier=filed,
        status=status,
        corrects=corrects,
    )


def standing(status=Status.PROCESSING, *, source="one-door", version=7, digest=b"d"):
    return Standing(source=source, version=version, status=status, digest=digest)


def kinds(ruling):
    return [notice.kind for notice in ruling.notices]


@pytest.mark.parametrize("reported", Status)
@pytest.mark.parametrize("current", Status)
def test_reported_state_is_taken_over_only_when_it_leads_on(current, reported):
    ruling = rule("portal", report(status=reported), standing(current))

    verdict = judge_move(current, reported)
    backwards = verdict == "flagged" and reported.national < current.national
    if verdict == "impossible" or backwards:
        assert (ruling.handling, kinds(ruling), ruling.status) == ("ignored", [IGNORED], None)
    elif verdict == "flagged":
        assert (ruling.handling, kinds(ruling)) == ("accepted", ["status_changed", FLAGGED])
        assert ruling.status is reported
    else:
        assert (ruling.handling, kinds(ruling), ruling.status) == ("accepted", ["status_changed"], reported)


@pytest.mark.parametrize("late", [Status.REGISTERED, Status.RECEIVED, Status.PROCESSING])
@pytest.mark.parametrize("done", [Status.FINISHED, Status.RETURNED])
def test_finished_dossier_is_never_reopened_by_a_partner(late, done):
    ruling = rule("portal", report(status=late), standing(done))

    assert ruling.handling == "ignored"


def test_ignored_report_is_told_whole():
    ruling = rule("portal", report(status=Status.RECEIVED), standing(Status.FINISHED))

    assert json.loads(ruling.notices[0].data) == {
        "kind": "status_changed",
        "reason": "impossible",
        "reported_status": "received",
        "status": "finished",
        "version": 7,
        "report": {"said": 1},
    }


@pytest.mark.parametrize("current", [None, standing()])
def test_report_without_a_state_is_passed_on_as_it_is(current):
    ruling = rule("portal", report(), current)

    assert (ruling.handling, kinds(ruling), ruling.status) == ("accepted", ["status_changed"], None)
    assert ruling.notices[0].data == b'{"said":1}'


@pytest.mark.parametrize("reported", Status)
def test_report_about_an_unknown_dossier_is_passed_on(reported):
    assert rule("portal", report(status=reported), None).handling == "accepted"


def test_new_filing_is_stored_as_the_first_version_of_a_national_dossier():
    ruling = rule("portal", report(filed=dossier(version=9, source="whoever")), None)

    assert (ruling.dossier.version, ruling.dossier.source, ruling.expected_version) == (1, "portal", 0)
    assert ruling.dossier.origin is Portal.NATIONAL
    assert kinds(ruling) == [STORED, "status_changed"]


def test_corrected_filing_is_the_next_version_while_the_record_is_the_partner_s():
    ruling = rule("portal", report(filed=dossier()), standing(Status.REGISTERED, source="portal", version=4))

    assert (ruling.dossier.version, ruling.expected_version) == (5, 4)


def test_first_filing_that_comes_after_its_correction_is_told_and_replaces_nothing():
    current = standing(Status.REGISTERED, source="portal", version=1)
    late = rule("portal", report(filed=dossier(summary="bản đầu"), corrects=False), current)

    assert (late.handling, late.dossier, kinds(late)) == ("accepted", None, ["status_changed"])
    assert rule("portal", report(filed=dossier(), corrects=False), None).dossier is not None


@pytest.mark.parametrize(
    ("reported", "seconds", "newest", "handling"),
    [
        (Status.PROCESSING, 10, (20, Status.SUPPLEMENT_REQUESTED), "ignored"),
        (Status.PROCESSING, 20, (20, Status.SUPPLEMENT_REQUESTED), "ignored"),
        (Status.PROCESSING, 21, (20, Status.SUPPLEMENT_REQUESTED), "accepted"),
        (Status.SUPPLEMENT_REQUESTED, 20, (20, Status.SUPPLEMENT_REQUESTED), "accepted"),
        (Status.SUPPLEMENT_REQUESTED, 19, (20, Status.SUPPLEMENT_REQUESTED), "ignored"),
        (Status.FINISHED, 10, (20, Status.PAYMENT_REQUESTED), "ignored"),
        (Status.FINISHED, 10, (20, Status.SUPPLEMENT_REQUESTED), "accepted"),
        (Status.FINISHED, 10, (20, Status.PROCESSING), "accepted"),
        (Status.WITHDRAWN, 10, (20, Status.PROCESSING), "accepted"),
        (Status.STOPPED, 10, (20, Status.PROCESSING), "ignored"),
    ],
)
def test_partner_s_words_count_in_the_order_of_its_own_time(reported, seconds, newest, handling):
    at, status = newest
    course = Course(at=seconds, newest=Said(at=at, status=status))
    ruling = rule("ministry", report(status=reported), standing(status), course)

    assert ruling.handling == handling
    assert ruling.late == (handling == "ignored")


def test_filing_never_replaces_the_one_door_s_record():
    ruling = rule("portal", report(filed=dossier()), standing(Status.SUPPLEMENT_REQUESTED))

    assert (ruling.handling, ruling.dossier, kinds(ruling)) == ("accepted", None, ["status_changed"])


def test_filing_of_another_partner_never_replaces_the_record():
    ruling = rule("police", report(filed=dossier()), standing(Status.REGISTERED, source="portal"))

    assert ruling.dossier is None


def test_filing_with_the_same_content_is_no_new_version():
    stored = dossier(version=4, source="portal", origin="national")
    current = standing(
        Status.REGISTERED,
        source="portal",
        version=4,
        digest=hashlib.sha256(canonical.encode(stored)).digest(),
    )

    assert rule("portal", report(filed=dossier()), current).dossier is None


def test_filing_for_a_dossier_at_work_is_ignored():
    """national_portal §7.7: a resent filing is taken only while a supplement is asked for."""
    assert rule("portal", report(filed=dossier()), standing(Status.PROCESSING)).handling == "ignored"
    assert (
        rule("portal", report(filed=dossier()), standing(Status.SUPPLEMENT_REQUESTED)).handling == "accepted"
    )


def test_state_of_the_report_counts_more_than_that_of_its_dossier():
    ruling = rule("portal", report(filed=dossier(), status=Status.WITHDRAWN), standing(Status.PROCESSING))

    assert (ruling.handling, ruling.status) == ("accepted", Status.WITHDRAWN)
