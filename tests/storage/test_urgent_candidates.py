"""Which dossiers the list of those at risk looks at: all that a partner may not know of, and no others."""

from itertools import product

import sqlalchemy as sa

from gateway.domain.status import Status
from gateway.statussync.risk import ignorance
from gateway.statussync.thresholds import Verdict
from gateway.storage import migrate
from gateway.storage.queries_standings import standings_of
from gateway.storage.schema import lane
from gateway.storage.schema_status import STILL, standing
from gateway.storage.urgency import SHIFT, candidates, lanes_of

ACKNOWLEDGED = (None, *(status.value for status in Status))


def test_idle_lanes_are_looked_at_where_their_partner_may_not_know(database_url):
    migrate.upgrade(database_url)
    plan = {
        f"H99-{verdict.value}-{acknowledged}": (verdict, acknowledged)
        for verdict, acknowledged in product(Verdict, ACKNOWLEDGED)
    }
    engine = sa.create_engine(sa.make_url(database_url).set(drivername=_driver(database_url)))
    with engine.begin() as connection:
        for number, (code, (verdict, acknowledged)) in enumerate(plan.items(), start=1):
            connection.execute(standing.insert(), _standing(number, code, verdict))
            connection.execute(lane.insert(), _lane(number, code, acknowledged))
    with engine.connect() as connection:
        rows = {row.dossier_code: row for row in standings_of(connection, list(plan))}
        lanes = lanes_of(connection, list(plan))
        unaware = {code for code in plan if ignorance(rows[code], lanes[code][0]) is not None}
        found = [code for _, code in candidates(connection, horizon=0)]
    engine.dispose()

    assert set(found) == unaware
    assert len(found) == len(set(found))
    assert 20 < len(found) < len(plan) / 2


def _standing(number, code, verdict):
    return {
        "id": number,
        "dossier_code": code,
        "version": 1,
        "effective_from": 1,
        "effective_to": STILL,
        "recorded_at": 1,
        "status": 4,
        "channel": "counter",
        "agency_code": "H99.14",
        "procedure_code": "1.004203",
        "due_at": 1_000 + number,
        "due_original_at": 1_000 + number,
        "by_date": verdict.value,
        "by_instant": verdict.value,
        "original_by_date": verdict.value,
        "original_by_instant": verdict.value,
        "rule_version": "-",
        "calendar_version": "-",
    }


def _lane(number, code, acknowledged):
    return {
        "id": number,
        "destination": "national_portal",
        "dossier_code": code,
        "state": "idle",
        "promise_at": 1_000 + number - SHIFT,
        "acknowledged_status": acknowledged,
        "acknowledged_version": None if acknowledged is None else 1,
    }


def _driver(url):
    return "sqlite" if url.startswith("sqlite") else "postgresql+psycopg"
