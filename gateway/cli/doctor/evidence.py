"""Checks of the proof of the message log: its keys, its authority, and whether checkpoints come in time.

Invariant: nothing is signed, and no key is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from gateway.cli.doctor.finding import Finding, fail, ok, warn
from gateway.cli.screen import age
from gateway.domain.errors import ConfigurationError, StorageUnavailable
from gateway.evidence.anchoring import authority_of
from gateway.evidence.service import known_witnesses
from gateway.evidence.traffic import Evidence, at_once
from gateway.settings import Settings, database_url, keys_folder
from gateway.storage import migrate
from gateway.storage.checkpoints import newest_checkpoint
from gateway.storage.instants import from_micros
from gateway.storage.reading import ReadingDatabase

SUBJECT = "evidence"


def check_evidence(settings: Settings) -> Iterator[Finding]:
    """Everything about evidence; nothing about a database that cannot be read, which has a finding of its own."""
    if keys_folder(settings) is None:
        told = "no folder of keys: contents are in clear, and the message log has no checkpoints"
        yield warn(SUBJECT, told, "name one: evidence.keys")
        return
    try:
        known_witnesses(settings.evidence)
        if settings.evidence.timestamps is not None:
            authority_of(settings.evidence.timestamps)
    except ConfigurationError as fault:
        yield fail(SUBJECT, str(fault), "correct [evidence]; lienthong.example.toml explains every key")
        return
    try:
        yield from _stored(settings)
    except (ConfigurationError, StorageUnavailable):
        return


def _stored(settings: Settings) -> Iterator[Finding]:
    url = database_url(settings.database)
    database = ReadingDatabase(url)
    try:
        if migrate.current_revision(url) != migrate.newest_revision():
            return
        now = datetime.now(UTC)
        newest = database.ask(newest_checkpoint)
        evidence = database.ask(partial(at_once, settings=settings.evidence, now=now))
    finally:
        database.close()
    if newest is None:
        yield warn(SUBJECT, "the log has no checkpoint yet", "start the gateway: its worker makes them")
        return
    made = age((now - from_micros(newest.at)).total_seconds())
    yield _standing(evidence, f"{evidence.proven:,} entries proven; the newest checkpoint is {made} old")


def _standing(evidence: Evidence, told: str) -> Finding:
    if not evidence.delay:
        return ok(SUBJECT, told)
    why = f"none could be produced for {age(evidence.delay)}: {evidence.reason}; {told}"
    if evidence.stopped:
        cure = "remove the cause, and traffic goes on by itself; docs/evidence.md says what it may be"
        return fail(SUBJECT, f"traffic is stopped: {why}", cure)
    return warn(SUBJECT, why, "remove the cause before evidence.grace is over, or traffic stops")
