"""``lienthong deadline explain`` and ``at-risk``, as an official runs them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.status import Status
from gateway.settings import DeadlineSettings
from gateway.statussync.assessor import Assessor
from gateway.statussync.desk import Desk
from gateway.statussync.rules import load_rules
from gateway.storage import migrate
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.intake import Acceptance, LanePlan, accept_dossiers
from tests.e2e.cli import lienthong
from tests.storage.builders import dossier, snapshot
from tests.storage.standing_builders import account, heard

CODE = "H99.14-260928-0007"


@pytest.fixture
def config(tmp_path):
    """A database with one dossier that ended in time, which the portal does not know."""
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    migrate.upgrade(url)
    database = Database(url)
    try:
        asyncio.run(fill(database))
    finally:
        database.close()
    path = tmp_path / "lienthong.toml"
    path.write_text(
        f'[database]\nurl = "{url}"\n\n[destination.national_portal]\nenabled = true\n'
        '[destination.national_portal.settings]\nbase_url = "https://portal.example"\n',
        encoding="utf-8",
    )
    return path


async def fill(database):
    now = datetime.now(UTC)
    due_at = now + timedelta(seconds=90)
    said = account(
        CODE,
        1,
        Status.FINISHED,
        received_at=now - timedelta(days=3),
        due_at=due_at,
        finished_at=now - timedelta(hours=1),
    )
    plan = LanePlan(destination="national_portal", partner_codes=(), deliveries=(snapshot("1"),))
    await database.apply(
        accept_dossiers,
        Acceptance(
            dossier=dossier(CODE, 1, due_at=due_at), lanes=(plan,), now=to_micros(now), account=heard(said)
        ),
    )
    desk = Desk(
        database=database,
        clock=lambda: datetime.now(UTC),
        rules=load_rules(DeadlineSettings()),
        destinations=frozenset({"national_portal"}),
    )
    assert await Assessor(desk, lambda: 0).run_once() == 1


def test_deadline_is_explained_to_a_person_in_vietnamese(config):
    ran = lienthong("deadline", "explain", CODE, "--config", config)

    assert ran.code == 0, ran.err
    assert CODE in ran.out
    assert "Hẹn trả có hiệu lực" in ran.out
    assert "đúng hạn" in ran.out or "trước hạn" in ran.out


def test_deadline_is_explained_to_a_program(config):
    ran = lienthong("deadline", "explain", CODE, "--config", config, "--json")

    assert ran.code == 0, ran.err
    found = ran.json
    assert found["code"] == CODE
    assert found["dues"]["holds"] == found["dues"]["declared"]
    assert found["destinations"][0]["risk"] == "end_not_acknowledged"


def test_unknown_dossier_is_no(config):
    ran = lienthong("deadline", "explain", "H99-nobody", "--config", config)

    assert ran.code == 1
    assert "H99-nobody" in ran.err


def test_dossiers_at_risk_are_listed_and_alarm_by_the_exit_code(config):
    shown = lienthong("deadline", "at-risk", "--config", config)
    told = lienthong("deadline", "at-risk", "--config", config, "--json")

    assert (shown.code, told.code) == (1, 1), shown.err
    assert CODE in shown.out
    assert told.json[0]["risks"][0]["reason"] == "end_not_acknowledged"


def test_destination_that_there_is_not_is_refused_by_name(config):
    ran = lienthong("deadline", "at-risk", "--config", config, "--destination", "nowhere")

    assert ran.code == 2
    assert "nowhere" in ran.err
