"""Providing missing reference data: a partner that is away is not asked again by every lane, nor at others' cost."""

import asyncio

from gateway.delivery.catalogues import CatalogueKeeper, Refreshed


class Partners:
    """Refreshes by script: seconds until the answer, and the failure."""

    def __init__(self, keeper):
        self.calls = []
        self.release = asyncio.Event()
        keeper.refresh = self.refresh

    async def refresh(self, name, catalogue, parameters=None):
        self.calls.append((name, dict(parameters or {})))
        if name == "slow":
            await self.release.wait()
        failure = None if name == "well" else "not_sent: no connection"
        return Refreshed(
            destination=name, catalogue=catalogue, entries=None if failure else 1, failure=failure
        )


class _Destination:
    provide = None


def keeper():
    return CatalogueKeeper(None, {name: _Destination() for name in ("slow", "well", "dead")})


ONE = [("procedures", {"procedure": "1"})]
TWO = [("procedures", {"procedure": "2"})]


async def test_failure_answers_everybody_who_misses_the_same_entry(monkeypatch):
    monkeypatch.setattr("gateway.delivery.catalogues.FAILED_SECONDS", 0.2, raising=False)
    kept = keeper()
    partners = Partners(kept)

    answers = await asyncio.gather(*(kept.provide("dead", ONE) for _ in range(50)))

    assert set(answers) == {"not_sent: no connection"}
    assert len(partners.calls) == 1
    assert await kept.provide("dead", TWO) is not None
    assert len(partners.calls) == 2
    await asyncio.sleep(0.25)
    await kept.provide("dead", ONE)
    assert len(partners.calls) == 3


async def test_slow_partner_costs_the_others_nothing():
    kept = keeper()
    partners = Partners(kept)
    waiting = asyncio.create_task(kept.provide("slow", ONE))
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(1):
            assert await kept.provide("well", ONE) is None
            assert await kept.provide("well", ONE) is None
    finally:
        partners.release.set()
        await waiting
    assert [name for name, _ in partners.calls] == ["slow", "well"]
