"""Source systems' own codes into the gateway's, by tables with validity dates that a province replaces."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.dossier import Dossier, Procedure, Step
from gateway.domain.errors import ConfigurationError
from gateway.domain.status import Status
from gateway.domain.violation import Violation
from mappings.sources import Translation
from mappings.sources.translation import is_national
from tests.unit import portal

ON = date(2024, 1, 25)
SHIPPED = Translation.load()
# domain_rules §4.2
OPENCPS = {
    "receiving": "registered",
    "new": "received",
    "denied": "refused",
    "processing": "processing",
    "waiting": "supplement_requested",
    "paying": "payment_requested",
    "cancelled": "withdrawn",
    "unresolved": "stopped",
    "releasing": "finished",
    "done": "returned",
}


def translated(translation: Translation = SHIPPED, on: date = ON, **changes: Any) -> Dossier:
    found = translation.translate(portal.dossier(**changes), on)
    assert isinstance(found, Dossier), found
    return found


def refused(translation: Translation = SHIPPED, on: date = ON, **changes: Any) -> list[Violation]:
    found = translation.translate(portal.dossier(**changes), on)
    assert isinstance(found, list)
    return found


def tables(folder: Path, statuses: str = "", procedures: str = "") -> Translation:
    if statuses:
        (folder / "statuses.csv").write_text(
            f"source,local_code,status,valid_from,valid_to,condition\n{statuses}\n", "utf-8"
        )
    if procedures:
        (folder / "procedures.csv").write_text(
            f"source,local_code,national_code,name,field_code,field_name,valid_from,valid_to\n{procedures}\n",
            "utf-8",
        )
    return Translation.load(folder)


@pytest.mark.parametrize("status", list(Status))
def test_our_own_names_mean_themselves(status: Status) -> None:
    assert translated(status=status).status == status


@pytest.mark.parametrize("status", list(Status))
def test_every_source_may_use_the_national_numbers(status: Status) -> None:
    assert translated(status=str(status.national), source="anything").status == status


@pytest.mark.parametrize(("local", "status"), OPENCPS.items())
def test_opencps_speaks_its_own_words(local: str, status: str) -> None:
    steps = [Step(id="a", at=portal.at(15, 9), status=local)]
    found = translated(source="opencps", status=local, steps=steps)
    assert (found.status, found.steps[0].status) == (status, status)


@pytest.mark.parametrize("local", ["interoperating", "posting"])
def test_a_state_that_is_none_depends_on_the_end_of_work(local: str) -> None:
    steps = [
        Step(id="a", at=portal.at(16, 9), status=local),
        Step(id="b", at=portal.at(23, 15), status=local),
    ]
    assert translated(source="opencps", status=local).status == "processing"
    found = translated(source="opencps", status=local, finished_at=portal.at(23, 15), steps=steps)
    assert [found.status, *(step.status for step in found.steps)] == ["finished", "processing", "finished"]


def test_words_of_one_source_are_not_those_of_another() -> None:
    (found,) = refused(status="waiting", source="one-door")
    assert (found.pointer, found.code, found.got) == ("/status", "unknown_status", "waiting")


def test_everything_unknown_is_told_with_its_place_and_the_nearest_codes() -> None:
    steps = [
        Step(id="a", at=portal.at(15, 9), status="recieved"),
        Step(id="b", at=portal.at(15, 9), status="9"),
    ]
    found = refused(status="procesing", steps=steps, procedure=Procedure(code="X-7"))
    assert [each.pointer for each in found] == ["/status", "/steps/0/status", "/procedure/code"]
    assert "processing" in found[0].expected
    assert "received" in found[1].expected
    assert all("one-door" in each.advice for each in found)


def test_a_blank_or_foreign_state_is_never_passed_on() -> None:
    for status in ("0", "11", "-", "Processing"):
        assert refused(status=status)[0].pointer == "/status"


def test_a_sources_row_overrides_our_name(tmp_path: Path) -> None:
    own = tables(tmp_path, "site,received,processing,,,\n*,received,returned,,,")
    assert translated(own, source="site", status="received").status == "processing"
    assert translated(own, source="other", status="received").status == "returned"


def test_rows_hold_on_their_days_and_a_step_on_its_own(tmp_path: Path) -> None:
    own = tables(tmp_path, "site,5,processing,,2024-01-16,\nsite,5,stopped,2024-01-17,,")
    steps = [Step(id="a", at=portal.at(16, 23), status="5"), Step(id="b", at=portal.at(17, 0), status="5")]
    found = translated(own, source="site", status="5", steps=steps)
    assert [found.status, *(step.status for step in found.steps)] == ["stopped", "processing", "stopped"]
    assert translated(own, date(2024, 1, 16), source="site", status="5", steps=[]).status == "processing"


def test_a_step_older_than_its_row_is_read_with_todays(tmp_path: Path) -> None:
    own = tables(tmp_path, "site,x,processing,2024-01-20,,")
    steps = [Step(id="a", at=portal.at(15, 9), status="x")]
    assert translated(own, source="site", status="x", steps=steps).steps[0].status == "processing"
    (found,) = refused(own, date(2024, 1, 19), source="site", status="x")
    assert "holds on that day" in found.expected


def test_local_procedures_become_national_ones_with_their_names(tmp_path: Path) -> None:
    own = tables(tmp_path, procedures="site,TN-01,1.009901,Cấp giấy,G99-TN01,Thử nghiệm,,")
    bare = translated(own, source="site", procedure=Procedure(code="TN-01")).procedure
    assert bare == Procedure(
        code="TN-01",
        national_code="1.009901",
        name="Cấp giấy",
        field_code="G99-TN01",
        field_name="Thử nghiệm",
    )
    named = translated(
        own, source="site", procedure=Procedure(code="TN-01", national_code="2.000001", name="Của tôi")
    )
    assert (named.procedure.national_code, named.procedure.name) == ("2.000001", "Của tôi")


@pytest.mark.parametrize("code", ["1.009901", "2.002621.H99", "1.003560.000.00.00.H99"])
def test_a_code_of_national_shape_needs_no_row(code: str) -> None:
    assert is_national(code)
    assert translated(procedure=Procedure(code=code)).procedure.national_code == code


@pytest.mark.parametrize(
    "code", ["TN-01", "1.00990", "1.0099011", "1009901", "a.009901", "1.", "", "1.００９９０１"]
)
def test_other_shapes_do(code: str) -> None:
    assert not is_national(code)


def test_a_province_replaces_one_table_and_keeps_the_other(tmp_path: Path) -> None:
    own = tables(tmp_path, procedures="site,TN-01,1.009901,,,,,")
    assert translated(own, source="opencps", status="waiting").status == "supplement_requested"
    (found,) = refused(own, source="opencps", procedure=Procedure(code="TN-01"))
    assert found.pointer == "/procedure/code"


WRONG: list[tuple[str, str, str]] = [
    ("site,x,Processing,,,", "", "status is 'Processing'"),
    ("site,x,processing,,,later", "", "condition is 'later'"),
    (",x,processing,,,", "", "source and local_code"),
    ("site,,processing,,,", "", "source and local_code"),
    ("site,x,processing,2024-13-01,,", "", "is not a day"),
    ("site,x,processing,2024-02-01,2024-01-01,", "", "before valid_from"),
    ("site,x,processing,,,\nsite,x,stopped,,,", "", "hold on the same day"),
    ("site,x,processing,,", "", "number of cells"),
    ("", "site,TN-01,,,,,,", "national_code is empty"),
]


@pytest.mark.parametrize(("statuses", "procedures", "complaint"), WRONG)
def test_a_wrong_table_stops_the_start_with_its_place(
    tmp_path: Path, statuses: str, procedures: str, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        tables(tmp_path, statuses, procedures)


def test_a_folder_without_tables_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither"):
        Translation.load(tmp_path)
    with pytest.raises(ConfigurationError, match="is not a folder"):
        Translation.load(tmp_path / "missing")
