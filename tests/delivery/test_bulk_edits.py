"""Edits in bulk, found by the sweep on a real database: flag, anomaly, event, explanation."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import pytest

from gateway.deadlines.classes import Flag
from gateway.settings import DeadlineSettings
from gateway.statussync.explain import Asked, explain
from gateway.statussync.periods import flags_in
from gateway.statussync.reassess import Reassessment
from gateway.statussync.rules import load_rules
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.standings import Assessed
from tests.delivery.standing_world import START, Context, Interposed, Province, codes, said

LIMITS = DeadlineSettings(bulk_edit_dossiers=3, bulk_edit_seconds=10.0)
LATER = START + timedelta(days=5)


@pytest.fixture
async def province(database: Database) -> Province:
    return Province(database, rules=load_rules(LIMITS))


async def move(province: Province, chosen: list[str], *, seconds: float = 0.0, version: int = 2) -> None:
    """The promises of ``chosen`` are moved without a paper, one every ``seconds``."""
    for code in chosen:
        await province.hear(said(code, version, due_at=LATER + timedelta(days=version)))
        province.now += timedelta(seconds=seconds)


async def receive(province: Province, count: int) -> list[str]:
    chosen = list(codes(count))
    for code in chosen:
        await province.hear(said(code))
    province.now += timedelta(hours=1)
    return chosen


def flagged(province: Province, chosen: list[str]) -> list[str]:
    return [code for code in chosen if Flag.BULK_EDIT in flags_in(province.standing(code))]


def told(province: Province, code: str) -> list[dict[str, Any]]:
    return [data for kind, data in province.events(code) if kind == "dossier.anomaly"]


async def test_promises_moved_at_once_are_flagged_told_and_explained(province: Province) -> None:
    chosen = await receive(province, 4)
    await move(province, chosen[:3])

    assert (await province.sweep())["edited_in_bulk"] == 3
    assert flagged(province, chosen) == chosen[:3]
    assert province.anomalies(chosen[0]) == ["SILENT_DUE_CHANGE", "BULK_EDIT"]
    assert told(province, chosen[0])[-1] == {"version": 2, "kind": "BULK_EDIT", "field": "due_at"}
    asked = Asked(code=chosen[0], now=to_micros(province.now), destinations=())
    found = province.database.ask(partial(explain, asked=asked, rules=province.desk.rules))
    assert "BULK_EDIT" in [flag.name for flag in found.flags]
    assert "hàng loạt" in next(each.sentence for each in found.anomalies if each.kind == "BULK_EDIT")


async def test_a_second_sweep_tells_nothing_again(province: Province) -> None:
    chosen = await receive(province, 3)
    await move(province, chosen)
    context = Context()
    await province.sweeper.run(context)
    before = province.kinds()

    again = await province.sweeper.run(Context(watermark=context.watermark))
    from_the_start = await province.sweep()

    assert again["edited_in_bulk"] == from_the_start["edited_in_bulk"] == 0
    assert province.kinds() == before


async def test_one_after_the_other_over_a_day_is_no_bulk(province: Province) -> None:
    chosen = await receive(province, 4)
    await move(province, chosen, seconds=3600)

    assert (await province.sweep())["edited_in_bulk"] == 0
    assert flagged(province, chosen) == []


async def test_first_promises_are_no_edits(province: Province) -> None:
    """An initial load hands over many dossiers in a second."""
    chosen = [*codes(5)]
    for code in chosen:
        await province.hear(said(code))

    assert (await province.sweep())["edited_in_bulk"] == 0


async def test_a_bulk_that_grows_after_a_sweep_is_found_whole(province: Province) -> None:
    chosen = await receive(province, 3)
    await move(province, chosen[:2])
    context = Context()
    await province.sweeper.run(context)
    province.now += timedelta(seconds=5)
    await move(province, chosen[2:])

    found = await province.sweeper.run(Context(watermark=context.watermark))

    assert found["edited_in_bulk"] == 3
    assert flagged(province, chosen) == chosen


async def test_pages_and_portions_smaller_than_the_bulk_find_it_whole(
    province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.statussync.bulk_edits.AT_ONCE", 2)
    monkeypatch.setattr("gateway.statussync.bulk_edits.WRITTEN_AT_ONCE", 2)
    chosen = await receive(province, 7)
    await move(province, chosen)

    assert (await province.sweep())["edited_in_bulk"] == 7
    assert flagged(province, chosen) == chosen
    assert [province.anomalies(code).count("BULK_EDIT") for code in chosen] == [1] * 7


async def test_a_dry_run_counts_and_writes_nothing(province: Province) -> None:
    chosen = await receive(province, 3)
    await move(province, chosen)

    assert (await province.sweep(dry_run=True))["edited_in_bulk"] == 3
    assert flagged(province, chosen) == []
    assert "BULK_EDIT" not in province.anomalies(chosen[0])


async def test_the_flag_stays_with_later_versions_and_when_judged_again(province: Province) -> None:
    chosen = await receive(province, 3)
    await move(province, chosen)
    await province.sweep()

    await province.hear(said(chosen[0], 3, due_at=LATER + timedelta(days=2)))
    await Reassessment(province.desk).run(Context(scope="all"))

    assert flagged(province, chosen) == chosen


async def test_a_flag_that_an_assessment_has_overwritten_comes_back(province: Province) -> None:
    """The assessor has read what was known before the sweep marks it, and writes afterwards."""
    chosen = await receive(province, 3)
    await move(province, chosen)
    swept: list[dict[str, Any]] = []

    async def meddle(item: Assessed) -> Assessed:
        if not swept:
            swept.append(await province.sweep())
        return item

    province.assessor._desk = msgspec.structs.replace(
        province.desk,
        database=Interposed(province.database, meddle),  # type: ignore[arg-type]
    )
    await province.hear(said(chosen[0], 3, due_at=LATER + timedelta(days=2)))
    assert swept[0]["edited_in_bulk"] == 3
    assert flagged(province, chosen) == chosen[1:]

    await province.sweep()
    assert flagged(province, chosen) == chosen
