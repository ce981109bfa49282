"""Which schedule holds, and which parameters a run may have."""

from datetime import UTC, datetime

import pytest

from gateway.domain.errors import ConfigurationError, NotFoundError, RecordError
from gateway.domain.job import Job, Parameter
from gateway.jobs.book import JobBook
from gateway.jobs.parameters import LONGEST_VALUE, MOST_PARAMETERS, checked
from gateway.settings import JobSettings, load
from gateway.storage.queries_jobs import JobRow

NOON = datetime(2026, 9, 28, 5, 0, tzinfo=UTC)


async def nothing(context):
    return {}


def job(name="deadline-sweep", **fields):
    return Job(name=name, title="Sweep", title_vi="Rà soát", run=nothing, **{"cron": "* * * * *", **fields})


def book(jobs=None, **configured):
    return JobBook(jobs or [job(), job("drift", cron=None)], configured)


def test_job_runs_as_shipped_until_somebody_says_otherwise():
    plan = book().plan("deadline-sweep")
    assert (plan.cron, plan.time_zone, plan.missed, plan.enabled, plan.source) == (
        *("* * * * *", "Asia/Ho_Chi_Minh", "once", True),
        "shipped",
    )


def test_configuration_goes_over_what_is_shipped_and_an_operator_over_both():
    configured = book(**{"deadline-sweep": JobSettings(cron="0 * * * *", missed="skip")})
    row = JobRow(name="deadline-sweep", cron="30 * * * *", changed_by="cli:mai")

    by_file = configured.plan("deadline-sweep")
    by_operator = configured.plan("deadline-sweep", row)

    assert (by_file.cron, by_file.missed, by_file.source) == ("0 * * * *", "skip", "configuration")
    assert (by_operator.cron, by_operator.missed, by_operator.source) == ("30 * * * *", "skip", "operator")


def test_operator_who_has_taken_everything_back_leaves_the_configured_schedule():
    assert book().plan("drift", JobRow(name="drift", changed_by="cli:mai")).source == "shipped"


def test_job_that_is_switched_off_has_no_starts():
    off = book(**{"deadline-sweep": JobSettings(enabled=False)}).plan("deadline-sweep")
    assert off.timing is None
    assert off.next_after(NOON) is None
    assert not off.resumes


def test_job_on_demand_gets_a_schedule_by_configuration():
    assert book().plan("drift").timing is None
    plan = book(drift=JobSettings(cron="15 2 * * *")).plan("drift")
    assert plan.next_after(NOON) == datetime(2026, 9, 28, 19, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"sweeep": JobSettings()}, r"jobs\.sweeep: there is no such job; there are: deadline-sweep, drift"),
        ({"drift": JobSettings(cron="61 * * * *")}, r"jobs\.drift\.cron: got '61"),
        ({"drift": JobSettings(time_zone="Hanoi")}, r"jobs\.drift\.time_zone: got 'Hanoi'"),
        ({"drift": JobSettings(cron="")}, r"jobs\.drift\.cron: got ''"),
    ],
)
def test_wrong_configuration_stops_the_start_and_names_the_key(section, told):
    with pytest.raises(ConfigurationError, match=told):
        book(**section)


def test_sections_are_read_from_the_file_and_the_environment(tmp_path):
    file = tmp_path / "lienthong.toml"
    file.write_text('[jobs.drift]\ncron = "15 2 * * *"\nmissed = "skip"\n', encoding="utf-8")
    found = load(file, {"LIENTHONG_JOBS__DEADLINE_SWEEP__ENABLED": "false"}).jobs

    configured = JobBook([job(), job("drift", cron=None)], found)

    assert configured.plan("drift").missed == "skip"
    assert configured.plan("deadline-sweep").enabled is False


@pytest.mark.parametrize("text", ['missed = "twice"', "cron = 5", "every = 3", 'enabled = "no"'])
def test_section_of_the_wrong_shape_is_refused(tmp_path, text):
    file = tmp_path / "lienthong.toml"
    file.write_text(f"[jobs.drift]\n{text}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"jobs"):
        load(file, {})


def test_stored_schedule_that_no_release_here_can_read_leaves_the_configured_one():
    row = JobRow(name="drift", cron="not one", time_zone="Mars/Olympus", changed_by="cli:mai")
    configured = book(drift=JobSettings(cron="15 2 * * *"))
    assert configured.plan("drift", row).cron == "15 2 * * *"


@pytest.mark.parametrize(
    ("row", "pointers"),
    [
        (JobRow(name="drift", cron="61 * * * *"), ["/cron"]),
        (JobRow(name="drift", time_zone="Hanoi"), ["/time_zone"]),
        (JobRow(name="drift", cron="x", time_zone="y"), ["/time_zone", "/cron"]),
    ],
)
def test_schedule_that_an_operator_cannot_set_is_refused_with_its_places(row, pointers):
    with pytest.raises(RecordError) as refused:
        book().require_plan("drift", row)
    assert [found.pointer for found in refused.value.violations] == pointers


def test_job_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(NotFoundError, match="there are: deadline-sweep, drift"):
        book().job("drfit")


def test_two_jobs_of_one_name_are_a_defect():
    with pytest.raises(ValueError, match="one name"):
        book([job("drift"), job("drift")])


DRIFT = job(
    "drift",
    parameters=(
        Parameter(name="destination", help="one partner", pattern=r"[a-z_]{1,40}"),
        Parameter(name="limit", help="at most so many", pattern=r"[1-9][0-9]{0,6}", default="1000"),
    ),
    can_dry_run=True,
)


def pointers(parameters, subject=DRIFT, *, dry_run=False):
    with pytest.raises(RecordError) as refused:
        checked(subject, parameters, dry_run=dry_run)
    return {found.pointer: found.code for found in refused.value.violations}


def test_parameters_get_their_defaults():
    assert checked(DRIFT, {"destination": "portal"}, dry_run=True) == {
        "destination": "portal",
        "limit": "1000",
    }
    assert checked(DRIFT, {"limit": "5"}, dry_run=False) == {"limit": "5"}


@pytest.mark.parametrize(
    "value",
    ["", "Portal", "portal\n", "portal\0", "a" * (LONGEST_VALUE + 1), "'; DROP TABLE job_run; --", "pörtal"],
)
def test_value_that_does_not_fit_is_refused_with_its_place(value):
    assert pointers({"destination": value}) == {"/parameters/destination": "value"}


def test_everything_wrong_with_parameters_is_told_at_once():
    found = pointers({"limit": "0", "a/b~c": "x", "destination": "portal"}, dry_run=False)
    assert found == {"/parameters/limit": "value", "/parameters/a~1b~0c": "unknown"}


def test_too_many_parameters_are_not_listed_one_by_one():
    assert pointers({str(number): "x" for number in range(MOST_PARAMETERS + 1)}) == {
        "/parameters": "parameters"
    }


def test_dry_run_of_a_job_that_has_none_is_refused():
    assert pointers({}, job(), dry_run=True) == {"/dry_run": "dry_run"}


def test_job_that_comes_with_an_unreadable_schedule_is_a_defect():
    with pytest.raises(ValueError, match="drift comes with a schedule"):
        book([job("drift", cron="61 * * * *")])
