"""A portal that is away over a due time: what it shows late meanwhile, through whom, and that nothing is left after.

A real gateway with its worker, the portal's stand-in over real HTTP, one clock for both that the test moves. The portal's
own indicator (national_portal §11.2) says what it shows; the gateway's report must say the same, and why.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from functools import partial

import pytest

from gateway.reports.form_06a import compute_06a
from gateway.reports.periods import Span, as_of
from gateway.reports.terms import Asked
from tests.on_time_world import PORTAL, Province, at, code_of, running_province

TOLD, AWAY, LATER, LATE, SOURCE, RUNNING, OURS = EVERYONE = range(1, 8)
IN_TIME = {TOLD, AWAY, LATER, SOURCE, OURS}
NUMBERS = {code_of(number): number for number in range(100)}


@pytest.fixture
async def province(database_url: str) -> AsyncIterator[Province]:
    async with running_province(database_url) as opened:
        yield opened


async def causes(province: Province, grain: str = "instant") -> dict[int, str]:
    """What the report says was shown late of ended dossiers: ``late`` (rightly), or through whom."""
    return {
        NUMBERS[item["dossier"]]: item[f"cause_by_{grain}"] or item[f"shown_by_{grain}"]
        for item in await province.late_ones()
        if item[f"shown_by_{grain}"] != "in_time"
    }


async def morning(province: Province) -> None:
    """Everything is received and known to the portal; one dossier ends, another one whose lane is held."""
    for number in EVERYONE:
        await province.receive(number, at(30, 17) if number == LATER else at(28, 17))
    await province.settled()
    province.clock.go(at(28, 14))
    await province.finish(TOLD)
    await province.settled()
    await province.post(f"/v1/lanes/{PORTAL}/{code_of(OURS)}/hold", reason="somebody was too careful")
    province.clock.go(at(28, 14, 30))
    await province.finish(OURS)


async def afternoon(province: Province) -> None:
    """From 15:00 the portal refuses connections; what ends now cannot be told."""
    province.clock.go(at(28, 15))
    await province.lose_portal()
    await province.finish(AWAY)
    await province.noticed_lost()
    province.clock.go(at(28, 15, 45))
    await province.finish(LATER)


async def night(province: Province) -> None:
    """One dossier ends after its promise, another one that had ended in time comes in late."""
    province.clock.go(at(29, 5))
    await province.finish(LATE)
    province.clock.go(at(29, 5, 30))
    await province.finish(SOURCE, at(28, 16))
    province.clock.go(at(29, 5, 45))


async def recovery(province: Province) -> None:
    """The portal is back at 6:00, and at 7:00 the held lane goes on."""
    province.clock.go(at(29, 6))
    await province.regain_portal()
    await province.settled(OURS)
    province.clock.go(at(29, 7))
    await province.post(f"/v1/lanes/{PORTAL}/{code_of(OURS)}/release", reason="there was no cause for it")
    await province.settled()
    await province.followed()


@pytest.mark.timeout(240)
async def test_a_portal_that_is_away_over_a_due_time(province: Province) -> None:
    await morning(province)
    await afternoon(province)

    # before the due time: nobody is shown late, and the alarm has rung
    province.clock.go(at(28, 16, 30))
    await province.assessed()
    await province.run("deadline-sweep")
    risky = {NUMBERS[item["dossier"]] for item in (await province.get("/v1/dossiers/at-risk"))["items"]}
    assert risky == {AWAY, OURS}
    assert await causes(province) == {}
    assert province.shown_late() == set()

    # after it, on the same day: late by instant, as the portal counts; by date nobody is
    province.clock.go(at(28, 18))
    assert await causes(province) == {AWAY: "partner", OURS: "gateway"}
    assert await causes(province, "date") == {}
    assert province.shown_late() == {AWAY, OURS, LATE, SOURCE, RUNNING}

    # on the day after: who would not be shown late if everything were known, and why not
    await night(province)
    late = {AWAY: "partner", OURS: "gateway", SOURCE: "source", LATE: "late"}
    assert await causes(province) == await causes(province, "date") == late
    assert province.shown_late() == {*late, RUNNING}
    found = await province.headline()
    counted = {
        "shown": 5,
        "rightly": 2,
        "gateway": 1,
        "source": 1,
        "partner": 1,
        "before_start": 0,
        "ours": 0.2,
    }
    assert found["now"]["by_date"] == found["late"]["by_date"] == counted

    # the portal knows everything: it shows late what is late, and the causes stay on record
    await recovery(province)
    assert province.shown_late() == {LATE, RUNNING}
    assert await causes(province) == await causes(province, "date") == late
    found = await province.headline()
    assert found["late"]["by_date"] == counted
    nobody = dict.fromkeys(("gateway", "source", "partner", "before_start", "ours"), 0)
    assert found["now"]["by_date"] == {"shown": 1, "rightly": 1, **nobody}
    (absence,) = found["absences"]
    assert absence["destination"] == PORTAL
    assert at(28, 15) <= datetime.fromisoformat(absence["began_at"]) < at(28, 15, 5)
    assert at(29, 6) <= datetime.fromisoformat(absence["ended_at"]) < at(29, 6, 5)

    await nothing_is_left_to_repair(province)
    await the_form_counts_what_is_true(province)
    await the_story_tells_it(province)


async def nothing_is_left_to_repair(province: Province) -> None:
    run = await province.run("drift", scope="all", rate="0", grace="0")
    assert (run["state"], run["answer"]) == ("done", "yes"), run
    assert run["summary"]["looked"] == run["summary"]["in_step"] == len(province.due)
    assert (await province.get("/v1/drift"))["items"] == []


async def the_form_counts_what_is_true(province: Province) -> None:
    """What was wrongly shown late is in time in form 06a (domain_rules R27), by both counting rules."""
    await province.assessed()
    period = as_of(Span(date(2026, 9, 1), date(2026, 9, 30)), province.clock())
    rules = province.gateway.deadlines.rules
    form = await province.gateway.database.read(
        partial(compute_06a, asked=Asked(period=period), terms=rules, now=province.clock())
    )
    assert form.sound
    total = form.total.by_date
    assert (total.c3, total.c7, total.c11) == (len(EVERYONE), len(IN_TIME) + 1, 1)
    assert total.c8 + total.c9 == form.total.by_instant.c8 + form.total.by_instant.c9 == len(IN_TIME)
    assert (total.c10, total.c13) == (1, 1)


async def the_story_tells_it(province: Province) -> None:
    """Each delivery of the dossier says how long it took, and the end what was shown meanwhile."""
    found = await province.get(f"/v1/dossiers/{code_of(AWAY)}/timeline?limit=500")
    told = [item["lag"] for item in found["items"] if item["kind"] == "delivery"]
    assert all(told)
    ends = [lag for lag in told if lag["by_date"] is not None]
    assert len(ends) == 2  # the dossier as a whole, and its step 9
    for lag in ends:
        assert (lag["by_date"], lag["late_cause"]) == ("sync_late", "partner")
        assert datetime.fromisoformat(lag["received_at"]) < at(28, 15, 5)
        assert datetime.fromisoformat(lag["acknowledged_at"]) > at(29, 6)


DOSSIERS = 24
PROMISES = [at(28, 11, 15), at(28, 11, 45), at(28, 14), at(28, 17), at(29, 5, 30), at(29, 9), at(29, 16)]
ABSENCES = [(at(28, 10, 30), at(28, 12, 10)), (at(28, 15), at(29, 7))]
LOOKS = [at(28, 11), at(28, 13), at(28, 16, 30), at(28, 17, 30), at(28, 23), at(29, 6), at(29, 8), at(29, 23)]


async def play(province: Province, chance: random.Random) -> AsyncIterator[datetime]:
    """Two days with two absences of the portal, dossiers that end at any time and are heard of some time later.

    Stops at every look.
    """
    events: list[tuple[datetime, str, int, datetime]] = []
    for number in range(1, DOSSIERS + 1):
        due_at = chance.choice(PROMISES)
        await province.receive(number, due_at)
        if chance.random() < 0.9:
            ended = due_at - timedelta(seconds=chance.randrange(-3600, 2 * 3600))
            delay = chance.choice([5, 60, 600, chance.randrange(1800, 4 * 3600)])
            events.append((ended + timedelta(seconds=delay), "heard", number, ended))
    await province.settled()
    events += [(begin, "away", 0, begin) for begin, _ in ABSENCES]
    events += [(end, "back", 0, end) for _, end in ABSENCES]
    events += [(look, "look", 0, look) for look in LOOKS]
    reachable = True
    for instant, what, number, ended in sorted(events):
        province.clock.go(instant)
        if what == "heard":
            await province.finish(number, ended)
            if not reachable:
                await province.noticed_lost()  # before the clock jumps: else nobody had tried for hours
        elif what == "away":
            await province.lose_portal()
            reachable = False
        elif what == "back":
            await province.regain_portal()
            reachable = True
        if reachable:
            await province.settled()
        if what == "look":
            yield instant


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [1, 2])
async def test_the_report_shows_late_what_the_portal_shows_late(province: Province, seed: int) -> None:
    """And with a gateway that works, nothing is shown late only through it: the headline is zero."""
    looked = 0
    async for _ in play(province, random.Random(seed)):
        looked += 1
        await province.followed()
        listed = await province.late_ones()
        rightly = {NUMBERS[item["dossier"]] for item in listed if item["shown_by_instant"] == "late"}
        unknown = {
            NUMBERS[item["dossier"]]
            for item in listed
            if item["acknowledged_at"] is None and item["shown_by_instant"] != "in_time"
        }
        running = province.rows("SELECT code, due_at FROM dossier WHERE status = 'received'")
        now = province.clock().timestamp() * 1e6
        over = {NUMBERS[code] for code, due_at in running if due_at < now}
        assert province.shown_late() == rightly | unknown | over
        found = await province.headline()
        assert found["now"]["by_instant"]["shown"] == len(unknown | over)
        assert (found["late"]["by_date"]["gateway"], found["late"]["by_instant"]["gateway"]) == (0, 0)
    assert looked == len(LOOKS)

    found = await causes(province)
    assert {"partner", "source", "late"} <= set(found.values()), found  # the play had everything in it
    truly = {number for number, cause in found.items() if cause == "late"}
    assert truly <= province.shown_late()
    assert not {number for number, cause in found.items() if cause != "late"} & province.shown_late()
    await nothing_is_left_to_repair(province)
