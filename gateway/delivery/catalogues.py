"""Reference data of partners, cached with its age and refreshed when it is old.

Invariant: a failed or empty-handed refresh never removes what is cached; the age says how much it can be trusted.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog

from gateway.delivery.destination import Destination, Hub
from gateway.domain.errors import NotFoundError
from gateway.domain.job import Job, Parameter, RunContext, Summary
from gateway.port import CannotRead, Context, Read, ReadOperation, WireResponse
from gateway.storage import reference
from gateway.storage.instants import to_micros
from gateway.wire.asking import Question, Unasked, ask_at_once

log = structlog.get_logger(__name__)
REFRESH_SECONDS = 24 * 3600.0
RETRY_SECONDS = 300.0
FAILED_SECONDS = 20.0  # so long a failure to provide an entry answers everybody else who misses it
PER_ROUND = 50


class Unreached(CannotRead, frozen=True, kw_only=True):
    """No answer came at all: the next question would fare no better."""


async def ask(destination: Destination, name: str, parameters: Mapping[str, str]) -> Read | CannotRead:
    """Ask the partner read operation ``name``, whatever the gate says: an encoding that has passed it may need this."""
    adapter = destination.adapter

    def read(response: WireResponse, _context: Context) -> Read | CannotRead:
        return adapter.interpret_read(name, parameters, response)

    encode = functools.partial(adapter.encode_read, name, parameters)
    question: Question[Read] = Question(operation=name, kind=Read, encode=encode, read=read)
    told = (await ask_at_once(destination, question)).told
    return Unreached(code=told.code, reason=told.reason) if isinstance(told, Unasked) else told


class Refreshed(msgspec.Struct, frozen=True, kw_only=True):
    """One refresh: how many entries there are now, or why there was none."""

    destination: str
    catalogue: str
    entries: int | None
    failure: str | None = None


class CatalogueKeeper:
    """Keeps every destination's ``catalogues`` in memory in step with the tables."""

    def __init__(self, hub: Hub, destinations: Mapping[str, Destination]) -> None:
        self._hub = hub
        self._destinations = destinations
        self._loaded: dict[str, int | None] = {}
        self._provided: dict[tuple[str, str, str], float] = {}
        self._failed: dict[tuple[str, str, str], tuple[float, str]] = {}
        self._away: set[str] = set()
        self._providing = {name: asyncio.Lock() for name in destinations}
        for name, destination in destinations.items():
            destination.provide = functools.partial(self.provide, name)

    async def provide(self, name: str, missing: Sequence[tuple[str, Mapping[str, str]]]) -> str | None:
        """Fetch entries that an encoding misses, each at most once in five minutes; why not, or None."""
        clock = asyncio.get_running_loop().time
        async with self._providing[name]:
            for catalogue, parameters in missing:
                key = (name, catalogue, reference.parameters_key(parameters))
                if clock() - self._provided.get(key, -RETRY_SECONDS) < RETRY_SECONDS:
                    continue
                until, failure = self._failed.pop(key, (0.0, ""))
                if clock() >= until:
                    failure = (await self.refresh(name, catalogue, parameters)).failure or ""
                    until = clock() + FAILED_SECONDS
                if failure:
                    self._failed[key] = (until, failure)
                    return failure
                self._provided[key] = clock()
        return None

    async def load(self) -> None:
        """Read what is cached in the database."""
        for name, destination in self._destinations.items():
            before = destination.catalogues
            newest = await self._hub.database.read(
                functools.partial(reference.newest_fetch, destination=name)
            )
            cached = functools.partial(reference.catalogues, destination=name)
            found = await self._hub.database.read(cached)
            # what was refreshed here meanwhile is newer than what was read
            if destination.catalogues is before:
                destination.catalogues = found
                self._loaded[name] = newest

    async def follow(self) -> None:
        """Take over what another process has refreshed."""
        for name in self._destinations:
            newest = await self._hub.database.read(
                functools.partial(reference.newest_fetch, destination=name)
            )
            if newest != self._loaded.get(name):
                await self.load()
                return

    async def run(self, context: RunContext) -> Summary:
        """Refresh what is older than a day; what failed is tried again after five minutes. The job ``catalogues``.

        A partner that does not answer one question is left alone with the others until the next run.
        """
        wanted = context.parameters.get("destination")
        if wanted is not None and wanted not in self._destinations:
            raise NotFoundError(f"there is no destination {wanted!r}")
        stale = [
            (destination, operation.name, parameters)
            for destination in self._destinations.values()
            if wanted in {None, destination.name} and not destination.gate.shut()
            for operation, parameters in (await self._stale(destination))[:PER_ROUND]
        ]
        if context.dry_run:
            return {"stale": [[each.name, name, parameters] for each, name, parameters in stale]}
        done: list[Refreshed] = []
        silent: set[str] = set()
        for place, (destination, name, parameters) in enumerate(stale):
            await context.report(place, total=len(stale))
            if destination.name in silent:
                continue
            done.append(await self.refresh(destination.name, name, parameters))
            silent |= self._away & {destination.name}
        await context.report(len(stale), total=len(stale))
        failures = [f"{each.destination} {each.catalogue}: {each.failure}" for each in done if each.failure]
        left = {"left_for_later": len(stale) - len(done)} if len(stale) > len(done) else {}
        told = {"refreshed": len(done) - len(failures), "failed": len(failures), "failures": failures[:10]}
        return {**told, **left}

    async def refresh(
        self, name: str, catalogue: str, parameters: Mapping[str, str] | None = None
    ) -> Refreshed:
        """Fetch one catalogue now. NotFoundError when there is no such destination or catalogue."""
        destination = self._destinations.get(name)
        known = (
            {} if destination is None else {item.name: item for item in destination.adapter.manifest.reads}
        )
        if destination is None or catalogue not in known:
            raise NotFoundError(f"there is no catalogue {catalogue!r} at a destination {name!r}")
        given = dict(parameters or {})
        answer = await ask(destination, catalogue, given)
        outcome = reference.Fetch(
            destination=name,
            name=catalogue,
            parameters=reference.parameters_key(given),
            at=to_micros(self._hub.clock()),
            entries=answer.entries if isinstance(answer, Read) else None,
            failure=f"{answer.code}: {answer.reason}" if isinstance(answer, CannotRead) else None,
            whole=not known[catalogue].parameters,
        )
        await self._hub.database.write(lambda tx: reference.save_fetch(tx, outcome))
        self._tell(outcome, reached=not isinstance(answer, Unreached))
        if outcome.entries is None:
            return Refreshed(destination=name, catalogue=catalogue, entries=None, failure=outcome.failure)
        self._replace(destination, outcome)
        return Refreshed(destination=name, catalogue=catalogue, entries=len(outcome.entries))

    def _tell(self, outcome: reference.Fetch, *, reached: bool) -> None:
        """Log a failure; of a partner that does not answer at all once, however much it was to be asked."""
        told = outcome.destination in self._away and not reached
        if reached:
            self._away.discard(outcome.destination)
        else:
            self._away.add(outcome.destination)
        if outcome.failure is not None and not told:
            log.warning(
                "catalogue_was_not_refreshed",
                destination=outcome.destination,
                catalogue=outcome.name,
                reason=outcome.failure,
            )

    @staticmethod
    def _replace(destination: Destination, outcome: reference.Fetch) -> None:
        entries: dict[str, Any] = dict(outcome.entries or {})
        if not outcome.whole:
            entries = {**destination.catalogues.get(outcome.name, {}), **entries}
        destination.catalogues = {**destination.catalogues, outcome.name: entries}

    async def _stale(self, destination: Destination) -> list[tuple[ReadOperation, dict[str, str]]]:
        """What is due for a refresh: whole catalogues, and per-procedure ones for procedures that occur here."""
        now = to_micros(self._hub.clock())
        limits = (now - int(REFRESH_SECONDS * 1e6), now - int(RETRY_SECONDS * 1e6))

        due = functools.partial(reference.due, destination=destination.name, limits=limits)
        fresh, codes = await self._hub.database.read(due)
        wanted = [
            (operation, parameters)
            for operation in destination.adapter.manifest.reads
            if operation.catalogue
            for parameters in _parameter_sets(operation, codes)
        ]
        return [
            (operation, parameters)
            for operation, parameters in wanted
            if (operation.name, reference.parameters_key(parameters)) not in fresh
        ]


def _parameter_sets(operation: ReadOperation, codes: Sequence[str]) -> list[dict[str, str]]:
    if not operation.parameters:
        return [{}]
    if operation.parameters == ("procedure",):
        return [{"procedure": code} for code in codes]
    return []


def catalogue_job(keeper: CatalogueKeeper) -> Job:
    """The job that keeps reference data fresh."""
    return Job(
        name="catalogues",
        title="Refresh the partners' catalogues that are older than a day",
        title_vi="Cập nhật danh mục dùng chung của các hệ thống",
        run=keeper.run,
        cron="* * * * *",
        parameters=(Parameter(name="destination", help="only this destination", pattern=r"[^\s]{1,100}"),),
        can_dry_run=True,
        at_first=True,
    )
