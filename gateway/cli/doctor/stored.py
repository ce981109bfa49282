"""Checks of the database: reachable, at the right schema, its clock, what waits in it.

Invariant: it is only read; a running gateway does not notice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from gateway.cli.doctor.finding import Finding, fail, ok, warn
from gateway.cli.screen import age
from gateway.domain.delivery import STUCK
from gateway.domain.errors import ConfigurationError, StorageUnavailable
from gateway.settings import Settings, database_url
from gateway.storage import migrate, queries_status
from gateway.storage.database import SAFE_SQLITE, sqlite_is_safe
from gateway.storage.queries_payments import PaymentTroubles, payment_troubles
from gateway.storage.reading import ReadingDatabase, database_clock
from gateway.storage.webhooks import unsealed

SKEW = timedelta(seconds=5)
OLD_CATALOGUE = timedelta(days=7)


def check_database(settings: Settings) -> Iterator[Finding]:
    """Everything about the database; the first thing that fails ends the list."""
    try:
        url = database_url(settings.database)
        database = ReadingDatabase(url)
    except ConfigurationError as fault:
        if settings.database.url.startswith("sqlite:"):
            yield warn("database", str(fault), "nothing to do: the first start makes it")
        else:
            yield fail("database", str(fault), "correct database.url")
        return
    try:
        yield from _check_open(settings, url, database)
    except StorageUnavailable as fault:
        yield fail("database", str(fault), "start it, or correct database.url and its password")
    except ConfigurationError as fault:
        yield fail("database", str(fault), "use another database, or the release that belongs to it")
    finally:
        database.close()


def _check_open(settings: Settings, url: str, database: ReadingDatabase) -> Iterator[Finding]:
    current, newest = migrate.current_revision(url), migrate.newest_revision()
    if current != newest:
        migrate.require_known(current)
        told = f"it is at {current or 'no schema'}, this release needs {newest}"
        yield fail("schema", told, "lienthong migrate")
        return
    yield ok("database", f"{database.url.render_as_string()} at schema {newest}")
    if database.dialect == "sqlite":
        yield _sqlite_version()
    yield _clock(database.ask(database_clock), datetime.now(UTC))
    yield from _webhook_secrets(database.ask(unsealed), keyed=bool(settings.webhooks.keys))
    for name in sorted(settings.destination):
        yield from database.ask(partial(_destination, name=name))
    yield from _payments(database.ask(partial(payment_troubles, now=datetime.now(UTC))))


_PAYMENTS = (
    (
        "quarantined",
        "attempts brought money that does not fit",
        "lienthong payments list --attempt quarantined",
    ),
    (
        "paid_twice",
        "payments came twice and were not given back",
        "lienthong payments list --attempt duplicate_paid",
    ),
    ("orphans", "payments fit nothing that was asked for", "lienthong payments orphans --state open"),
    (
        "unasked",
        "attempts should have been asked about ten minutes ago",
        "see that a worker runs, and: lienthong sync history payment-sweep",
    ),
    (
        "receipts",
        "receipts could not be fetched",
        "see the message log, then: lienthong payments fetch-receipt",
    ),
)


def _payments(troubles: PaymentTroubles) -> Iterator[Finding]:
    """Money that somebody must look at; what waits for a second person is no fault."""
    found = [(getattr(troubles, name), what, cure) for name, what, cure in _PAYMENTS]
    for count, what, cure in found:
        if count:
            yield warn("payments", f"{count:,} {what}", cure)
    if troubles.open and not any(count for count, _, _ in found):
        yield ok("payments", f"{troubles.open:,} open, nothing that needs a person")


def _webhook_secrets(clear: int, *, keyed: bool) -> Iterator[Finding]:
    if clear:
        cure = "start the gateway: it seals them" if keyed else "give webhooks.keys a key, then restart"
        yield warn("webhooks", f"the secrets of {clear} endpoints are stored in clear", cure)


def _sqlite_version() -> Finding:
    if sqlite_is_safe():
        return ok("sqlite", sqlite3.sqlite_version)
    safe = ".".join(map(str, SAFE_SQLITE))
    return warn(
        "sqlite",
        f"{sqlite3.sqlite_version}: before {safe} two writers could damage the log file; the gateway is one",
        f"never open the database with another program that writes, or update SQLite to {safe}",
    )


def _clock(theirs: datetime, ours: datetime) -> Finding:
    skew = abs(theirs - ours)
    told = f"the database's clock differs by {skew.total_seconds():.1f} s"
    if skew > SKEW:
        return warn("clock", told, "let both machines keep time with the same NTP server")
    return ok("clock", told)


def _destination(connection: Any, name: str) -> list[Finding]:
    # a list, not a generator: the connection is open only while the question is asked
    return [*_catalogues(connection, name), *_trouble(connection, name)]


def _trouble(connection: Any, name: str) -> Iterator[Finding]:
    row = queries_status.destination_rows(connection, [name])[name]
    if row.paused_by is not None:
        told = f"paused by {row.paused_by}: {row.paused_reason}"
        yield warn(f"{name}: pause", told, f"lienthong destinations resume {name} --reason …")
    if row.open_until is not None:
        yield warn(f"{name}: breaker", f"open: {row.last_failure}", "see whether the partner works")
    backlog = queries_status.backlogs(connection).get(name, queries_status.Backlog())
    stuck = {state: count for state, count in backlog.deliveries.items() if state in STUCK}
    if stuck:
        told = ", ".join(f"{count} {state}" for state, count in stuck.items())
        yield warn(f"{name}: deliveries", told, f"lienthong deliveries list --state {next(iter(stuck))}")


def _catalogues(connection: Any, name: str) -> Iterator[Finding]:
    rows = queries_status.catalogue_ages(connection, name)
    if not rows:
        yield warn(
            f"{name}: catalogues", "none was fetched yet", "start the gateway: it fetches them by itself"
        )
        return
    fetched = [row.fetched_at for row in rows if row.fetched_at is not None]
    failed = [row.name for row in rows if row.failed_at is not None]
    oldest = datetime.now(UTC) - min(fetched, default=datetime.fromtimestamp(0, UTC))
    told = f"{len(rows)} answers, the oldest {age(oldest.total_seconds())} old"
    if oldest > OLD_CATALOGUE:
        yield warn(f"{name}: catalogues", told, "see in the program log why they are not refreshed")
    elif failed:
        yield warn(
            f"{name}: catalogues",
            f"{told}; the last try failed for {', '.join(failed[:3])}",
            "it is tried again",
        )
    else:
        yield ok(f"{name}: catalogues", told)
