"""Answers that no contract describes, counted from the log."""

from datetime import UTC, datetime, timedelta

from gateway.storage.instants import to_micros
from gateway.storage.queries_contract import LATEST, off_contract
from gateway.storage.rows import MessageRow, insert_messages

NOW = datetime.now(UTC)  # identifiers, which follow the wall clock, bound a span of time
WEEK = NOW - timedelta(days=7)
CODES = {"portal": {"empty_body", "markup_body"}, "board": {"odd"}}


def answer(
    database, code, *, outcome="in_doubt", channel="portal", ago=timedelta(minutes=1), operation="card"
):
    return MessageRow(
        id=database.identifiers.next(),
        at=to_micros(NOW - ago),
        direction="in",
        kind="response",
        channel=channel,
        operation=operation,
        headers="[]",
        body_digest=b"d" * 32,
        body_size=0,
        leaf=b"l" * 32,
        body=b"",
        outcome=outcome,
        code=code,
    )


async def log(database, *rows):
    await database.write(lambda tx: insert_messages(tx, rows))


def found(database, since=WEEK, codes=CODES):
    return database.ask(lambda connection: off_contract(connection, codes, since))


async def test_answers_are_counted_by_code_with_the_latest_as_an_example(database):
    rows = [
        answer(database, "empty_body", ago=timedelta(hours=3)),
        answer(database, "empty_body", ago=timedelta(hours=2)),
        answer(database, "markup_body", outcome="rejected"),
    ]
    await log(database, *rows)

    drifted = found(database)

    assert drifted.complete
    assert [(each.code, each.count) for each in drifted.kinds] == [("empty_body", 2), ("markup_body", 1)]
    first = drifted.kinds[0]
    assert first.example == str(rows[1].id)
    assert (first.first_at, first.last_at) == (NOW - timedelta(hours=3), NOW - timedelta(hours=2))


async def test_code_counts_only_where_it_is_off_the_contract(database):
    await log(
        database,
        answer(database, "odd"),
        answer(database, "odd", channel="board"),
        answer(database, "empty_body", channel="board"),
        answer(database, "refused"),
        answer(database, "empty_body", outcome="accepted"),
        answer(database, None),
    )

    assert [(each.destination, each.code, each.count) for each in found(database).kinds] == [
        ("board", "odd", 1)
    ]


async def test_older_answers_do_not_count(database):
    await log(database, answer(database, "empty_body", ago=timedelta(hours=5)))

    assert found(database, since=NOW - timedelta(hours=4)).kinds == []


async def test_flood_of_troubles_is_said_to_be_incomplete(database):
    first = answer(database, "empty_body", outcome="rejected")
    flood = [answer(database, "refused", outcome="rejected") for _ in range(LATEST)]
    await log(database, first, *flood)

    drifted = found(database)

    assert (drifted.kinds, drifted.complete) == ([], False)
