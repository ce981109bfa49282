"""From what a one-door system tells to form 06a: the mini data set heard as versions, judged, stored, counted."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from gateway.deadlines.account import Account, StepAccount, SupplementAccount
from gateway.deadlines.instants import MINUTE, from_micros, to_micros
from gateway.domain.dossier import Channel
from gateway.domain.status import Status
from gateway.reports.form_06a import compute_06a
from gateway.reports.periods import Wanted, period_of
from gateway.reports.terms import Asked
from gateway.settings import DeadlineSettings
from gateway.statussync.judgement import Bench, judge_versions
from gateway.statussync.rules import load_rules
from gateway.storage.queries_standings import Known, VersionRow
from gateway.storage.standings import StandingRow
from tests.standings_world import MINI, MINI_ROW, NOW, at, store

RULES = load_rules(DeadlineSettings())
STATUS = {status.national: status for status in Status}
Told = tuple[int, Account]


def told(entry: tuple[int, str, str, str | None, str | None, int]) -> list[Told]:
    """When what was told of a dossier, one version after the other, ten minutes behind the events."""
    number, channel, _, _, _, status = entry
    received, due, end = (None if text is None else at(text) for text in entry[2:5])
    assert received is not None
    base: dict[str, Any] = {
        "code": f"H99.14-26-{number:04d}",
        "channel": Channel(channel),
        "agency_code": "H99.14",
        "procedure_code": "1.004203",
        "field_code": "LV01",
        "due_at": None if due is None else from_micros(due),
    }
    filed = {**base, "due_at": None, "submitted_at": from_micros(received)}
    if status == 1:
        return [(received, Account(version=1, status=Status.REGISTERED, **filed))]
    if status == 3:
        refused = received + 120 * MINUTE
        return [
            (received, Account(version=1, status=Status.REGISTERED, **filed)),
            (refused, Account(version=2, status=Status.REFUSED, refused_at=from_micros(refused), **filed)),
        ]
    base["received_at"] = from_micros(received)
    first = (received, Account(version=1, status=Status.RECEIVED, **base))
    if status == 5:
        asked = at("03-05 10:00")
        rounds = (SupplementAccount(id=1, requested_at=from_micros(asked)),)
        waits = Account(version=2, status=Status.SUPPLEMENT_REQUESTED, supplements=rounds, **base)
        return [first, (asked, waits)]
    if end is None:
        return [first]
    over = Status.WITHDRAWN if status == 7 else Status.FINISHED
    versions = [first, (end, Account(version=2, status=over, finished_at=from_micros(end), **base))]
    if status == 10:
        handed = end + 24 * 60 * MINUTE
        returned = {"finished_at": from_micros(end), "returned_at": from_micros(handed)}
        versions.append((handed, Account(version=3, status=Status.RETURNED, **returned, **base)))
    return versions


def judged(versions: list[Told], ids: Any) -> list[StandingRow]:
    rows = [
        VersionRow(
            id=next(ids),
            dossier_code=account.code,
            version=account.version,
            at=heard + 10 * MINUTE,
            message_id=None,
            account=msgspec.json.encode(account),
            assessed=False,
        )
        for heard, account in versions
    ]
    bench = Bench(rules=RULES, now=to_micros(NOW), identifier=lambda: next(ids))
    return list(judge_versions(bench, rows[0].dossier_code, rows, Known()).standings)


@pytest.mark.parametrize("heard", ["as it came", "at once"])
async def test_mini_data_set_as_it_was_told_gives_the_row_of_the_domain_rules(database, heard):
    """Heard version by version, or as one last version of each dossier, as from a system connected in April."""
    ids = itertools.count(1)
    rows: list[StandingRow] = []
    for entry in MINI:
        versions = told(entry)
        rows += judged(versions if heard == "as it came" else versions[-1:], ids)
    await store(database, rows)
    asked = Asked(period=period_of(Wanted(name="2026-03"), now=NOW))
    found = database.ask(lambda connection: compute_06a(connection, asked, RULES, NOW))
    assert msgspec.structs.asdict(found.total.by_date) == MINI_ROW
    assert msgspec.structs.asdict(found.total.by_instant) == {**MINI_ROW, "c9": 2, "c10": 3}
    assert (found.total.beside.refused, found.total.beside.data_errors) == (1, 0)
    assert found.sound, found.checks


async def test_end_before_midnight_with_its_step_after_it_is_counted_where_it_ended(database):
    received, ended, step = at("03-20 09:00"), at("03-31 16:30"), at("04-01 08:00")
    base: dict[str, Any] = {
        "code": "H99-evening",
        "channel": Channel.ONLINE,
        "agency_code": "H99.14",
        "procedure_code": "1.004203",
        "received_at": from_micros(received),
        "due_at": from_micros(at("04-03 09:00")),
    }
    steps = (
        StepAccount(at=from_micros(received), status=Status.RECEIVED),
        StepAccount(at=from_micros(step), status=Status.FINISHED),
    )
    last = Account(version=2, status=Status.FINISHED, finished_at=from_micros(ended), steps=steps, **base)
    versions = [(received, Account(version=1, status=Status.RECEIVED, steps=steps[:1], **base)), (step, last)]
    await store(database, judged(versions, itertools.count(1)))
    for name, resolved in (("2026-03", 1), ("2026-04", 0)):
        asked = Asked(period=period_of(Wanted(name=name), now=NOW))
        found = database.ask(lambda connection: compute_06a(connection, asked, RULES, NOW))  # noqa: B023
        assert (found.total.by_date.c7, found.total.by_date.c11) == (resolved, 0)
        assert found.sound, found.checks
