"""Journeys of dossier versions: kept once, found by their version, forgotten when they are old."""

from gateway.storage.journeys import JourneyRow, drop_journeys, journeys_of, keep_journey, latest_journey

FIRST = JourneyRow("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "one-door-1")
SECOND = JourneyRow("00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01", "one-door-2")


async def keep(database, dossier, at, row):
    await database.write(lambda tx: keep_journey(tx, dossier, at, row))


async def test_journey_is_found_by_its_version(database):
    await keep(database, "H99-1", 10, FIRST)
    await keep(database, "H99-1", 20, SECOND)
    await keep(database, "H99-2", 30, FIRST)

    assert database.ask(lambda c: journeys_of(c, "H99-1", [10, 20, 30])) == {10: FIRST, 20: SECOND}
    assert database.ask(lambda c: journeys_of(c, "H99-1", [])) == {}
    assert database.ask(lambda c: latest_journey(c, "H99-1")) == SECOND
    assert database.ask(lambda c: latest_journey(c, "H99-3")) is None


async def test_first_journey_of_a_version_stays(database):
    await keep(database, "H99-1", 10, FIRST)
    await keep(database, "H99-1", 10, SECOND)

    assert database.ask(lambda c: latest_journey(c, "H99-1")) == FIRST


async def test_old_journeys_are_forgotten(database):
    for at in (10, 20, 30):
        await keep(database, "H99-1", at, FIRST)

    assert await database.write(lambda tx: drop_journeys(tx, before=30)) == 2
    assert await database.write(lambda tx: drop_journeys(tx, before=30)) == 0
    assert list(database.ask(lambda c: journeys_of(c, "H99-1", [10, 20, 30]))) == [30]
