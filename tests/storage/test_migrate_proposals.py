"""Migration 0023: corrections that were proposed before it follow what became of their approval."""

import json

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.engine import make_url

from gateway.storage import migrate
from gateway.storage.migrate import _config  # the only way to a release in the middle

SHOWN, EDIT = "a" * 64, "b" * 64
ENDED = {
    1: ("requested", "proposed"),
    2: ("declined", "declined"),
    3: ("expired", "expired"),
    4: ("approved", "proposed"),
    5: (None, "proposed"),
}
"""Delivery to the state of its approval (none: it was asked for with an earlier content), and what the row says then."""


@pytest.fixture
def engine(empty_database_url):
    url = make_url(empty_database_url)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    yield engine
    engine.dispose()


def to_release(engine, revision):
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def put(connection, table, **values):
    known = sa.Table(table, sa.MetaData(), autoload_with=connection)
    connection.execute(known.insert().values(**values))


def proposed_before(connection, number, state):
    if connection.dialect.name == "postgresql":
        connection.execute(
            sa.text("SET session_replication_role = replica")
        )  # no delivery, no lane: only these two rows
    digests = {"before_digest": SHOWN, "after_digest": EDIT}
    contents = {"pointers": "[]", "before": b"{}", "after": b"{}"}
    about = {
        "id": number,
        "delivery_id": number,
        "dossier_code": "H99-1",
        "actor": "x",
        "reason": "why",
        "at": 1,
    }
    put(connection, "delivery_edit", **about, **digests, **contents, state="proposed")
    parameters = {"delivery": str(number), "shown": SHOWN, "edit": EDIT if state else "c" * 64}
    asked = {"action": "delivery.edit", "target": "board/H99-1", "parameters": json.dumps(parameters)}
    people = {"requested_by": "x", "reason": "why", "requested_at": 1, "expires_at": 1_000 + number}
    decided = {"decided_by": "y", "decided_at": 2} if state in {"declined", "approved"} else {}
    put(
        connection,
        "approval",
        id=number,
        digest=str(number) * 64,
        state=state or "requested",
        **asked,
        **people,
        **decided,
    )


def test_proposals_of_earlier_releases_end_as_their_approvals_did(engine, empty_database_url):
    to_release(engine, "0022")
    with engine.begin() as connection:
        for number, (state, _) in ENDED.items():
            proposed_before(connection, number, state)
    migrate.upgrade(empty_database_url)
    question = sa.text("SELECT id, state, expires_at FROM delivery_edit")
    with engine.connect() as connection:
        found = {row.id: (row.state, row.expires_at) for row in connection.execute(question)}
    assert {number: state for number, (state, _) in found.items()} == {n: s for n, (_, s) in ENDED.items()}
    assert found[1][1] == 1_001
    assert found[5][1] is None
