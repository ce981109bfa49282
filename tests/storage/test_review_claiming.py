"""A claim takes no more than was asked, whatever plan PostgreSQL chooses for it."""

from sqlalchemy.engine import make_url

from gateway.storage.database import Database
from tests.storage.builders import World, event

SWITCHES = ("hashjoin", "mergejoin", "hashagg", "sort", "material", "memoize")


async def test_claim_takes_what_was_asked_even_in_a_nested_loop(postgresql_url):
    """The planner may put a sub-select with LIMIT inside a loop, where each round locks other rows than before."""
    worst = make_url(postgresql_url).update_query_dict(
        {"options": " ".join(f"-cenable_{switch}=off" for switch in SWITCHES)}
    )
    database = Database(worst.render_as_string(hide_password=False))
    world = World(database)
    try:
        for number in range(30):
            await world.accept(f"H99-{number:02}", event("1"))
        assert len(await world.claim(3)) == 3
    finally:
        database.close()
