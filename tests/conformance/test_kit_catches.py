"""Every rule of the kit reports the adapter that breaks it, and finds nothing wrong with the reference adapter."""

from datetime import date, timedelta

import msgspec
import pytest

from gateway.conformance import CHECKS, Waiver, examine, findings_of, judge, load
from gateway.conformance.finding import STALE
from gateway.conformance.readers import Kind, readers
from tests.conformance.conftest import BROKEN, broken_module, broken_subject, reference_source

TODAY = date(2026, 11, 1)
BY_CODE = {check.code: check for check in CHECKS}
WHOLE = BY_CODE["manifest"]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_reference_adapter_passes(check, reference):
    assert list(findings_of(reference, check)) == []


@pytest.mark.parametrize("code", ["record-rule", "hostile-answers", "renewal-rule", "query-rule"])
def test_reference_adapter_of_a_partner_that_shows_records_passes(code):
    source = msgspec.structs.replace(reference_source(), package="tests.conformance.remembering")
    assert list(findings_of(load(source), BY_CODE[code])) == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_reference_adapter_of_a_partner_that_is_asked_passes(check):
    source = msgspec.structs.replace(reference_source(), package="tests.conformance.asked")
    assert list(findings_of(load(source), check)) == []


def test_every_change_of_a_partner_that_is_asked_is_read():
    source = msgspec.structs.replace(reference_source(), package="tests.conformance.asked")
    kinds = {each.kind for each in readers(load(source))}
    assert {Kind.PROGRESS, Kind.FEED, Kind.ACKNOWLEDGEMENT} <= kinds


@pytest.mark.parametrize("name", BROKEN)
def test_broken_adapter_is_caught(name):
    subject = broken_subject(name)
    found = "\n".join(map(str, findings_of(subject, BY_CODE[subject.module.BREAKS])))
    missing = [words for words in subject.module.SAYS if words not in found]
    assert not missing, found or "nothing was found"


def test_every_check_has_a_broken_adapter():
    assert {broken_module(name).BREAKS for name in BROKEN} == set(BY_CODE)


def test_every_broken_adapter_says_what_is_wrong_with_it():
    assert all(broken_module(name).__doc__ and broken_module(name).SAYS for name in BROKEN)


def test_every_check_explains_itself():
    assert all(check.meaning.strip() and check.cure.strip() for check in CHECKS)
    assert len(BY_CODE) == len(CHECKS)


def _waiving(subject, *waivers):
    specification = msgspec.structs.replace(subject.specification, waiver=waivers)
    return msgspec.structs.replace(subject, specification=specification)


def _waiver(**changes):
    plain = Waiver(
        check="manifest",
        subject="*",
        reason="agreed with the ward until its next release",
        until=TODAY + timedelta(days=30),
    )
    return msgspec.structs.replace(plain, **changes)


def test_waiver_covers_a_finding_until_its_date():
    subject = _waiving(broken_subject("untitled"), _waiver())
    assert judge(subject, [WHOLE], TODAY) == []
    assert judge(subject, [WHOLE], TODAY + timedelta(days=30)) == []


def test_expired_waiver_covers_nothing_and_is_reported():
    subject = _waiving(broken_subject("untitled"), _waiver())
    found = judge(subject, [WHOLE], TODAY + timedelta(days=31))
    assert {finding.check for finding in found} == {"manifest", STALE}
    assert "expired" in str(found[-1])


def test_waiver_without_a_finding_is_stale(reference):
    (finding,) = judge(_waiving(reference, _waiver()), [WHOLE], TODAY)
    assert finding.check == STALE
    assert "remove the waiver" in finding.what


def test_waiver_names_what_it_covers():
    subject = _waiving(broken_subject("untitled"), _waiver(subject="card"))
    left = judge(subject, [WHOLE], TODAY)
    assert [finding.where for finding in left] == ["manifest"]


def test_waiver_of_an_unknown_check_is_reported(reference):
    (finding,) = judge(_waiving(reference, _waiver(check="no-such-check")), [WHOLE], TODAY)
    assert finding.what == "there is no such check"


def test_waiver_without_a_reason_is_refused():
    with pytest.raises(msgspec.ValidationError, match="reason"):
        msgspec.convert(
            {"check": "manifest", "subject": "*", "reason": "", "until": "2026-12-01"}, type=Waiver
        )


def test_waiver_of_a_check_that_is_not_run_is_left_alone(reference):
    assert judge(_waiving(reference, _waiver(check="round-trip")), [WHOLE], TODAY) == []


def test_folder_that_cannot_be_imported_is_a_finding():
    source = msgspec.structs.replace(reference_source(), package="adapters.not_there", like="not_there")
    (finding,) = examine(source)
    assert finding.check == "loading"
    assert "not_there" in finding.what


def test_adapter_that_breaks_the_kits_own_calls_is_a_finding(reference):
    module = msgspec.structs.replace(reference, module=None)
    (finding,) = findings_of(module, WHOLE)
    assert "could not be run" in finding.what
