"""Reading everything in bounded memory, on readers that have no transaction."""

import pytest

from gateway.storage import tallies
from tests.storage.builders import event


@pytest.mark.parametrize("count", [0, 2, 3, 7])
async def test_records_are_read_page_by_page_without_losing_one(world, monkeypatch, count):
    monkeypatch.setattr(tallies, "STREAMED_AT_ONCE", 3)
    for number in range(count):
        await world.accept(f"H99-{number}", event("1"), text=str(number))

    records = await world.database.read(lambda connection: list(tallies.dossier_records(connection)))

    assert len(records) == count
    assert [record for record in records if not record.startswith(b'{"code":"H99-')] == []
    assert len(set(records)) == count
