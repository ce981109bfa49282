"""Cached reference data of partners, entry by entry, with the age of each fetch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from gateway.storage.schema import catalogue, catalogue_fetch, dossier
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class Fetch(msgspec.Struct, frozen=True, kw_only=True):
    """One fetch. ``entries`` None: it failed. ``whole``: the answer replaces everything of that catalogue."""

    destination: str
    name: str
    parameters: str
    at: int
    entries: Mapping[str, Any] | None
    failure: str | None
    whole: bool


_CLEAR = Statement("DELETE FROM catalogue WHERE destination = :destination AND name = :name")
_SAVE = insert(
    "catalogue",
    ("destination", "name", "key", "entry", "fetched_at"),
    suffix="ON CONFLICT (destination, name, key) DO UPDATE SET entry = excluded.entry, "
    "fetched_at = excluded.fetched_at",
)
_FETCHED = insert(
    "catalogue_fetch",
    ("destination", "name", "parameters", "fetched_at", "entries"),
    suffix="ON CONFLICT (destination, name, parameters) DO UPDATE SET fetched_at = excluded.fetched_at, "
    "entries = excluded.entries, failed_at = NULL, failure = NULL",
)
_FAILED = insert(
    "catalogue_fetch",
    ("destination", "name", "parameters", "failed_at", "failure"),
    suffix="ON CONFLICT (destination, name, parameters) DO UPDATE SET failed_at = excluded.failed_at, "
    "failure = excluded.failure",
)


def parameters_key(parameters: Mapping[str, str]) -> str:
    """The one text for a set of parameters."""
    return msgspec.json.encode(parameters, order="sorted").decode()


def save_fetch(transaction: Transaction, fetch: Fetch) -> None:
    """Keep a fetch; a failed one leaves the entries as they are."""
    key = {"destination": fetch.destination, "name": fetch.name, "parameters": fetch.parameters}
    if fetch.entries is None:
        transaction.run(_FAILED, {**key, "failed_at": fetch.at, "failure": (fetch.failure or "")[:500]})
        return
    if fetch.whole:
        transaction.run(_CLEAR, {"destination": fetch.destination, "name": fetch.name})
    transaction.many(
        _SAVE,
        [
            {
                "destination": fetch.destination,
                "name": fetch.name,
                "key": entry_key,
                "entry": msgspec.json.encode(entry).decode(),
                "fetched_at": fetch.at,
            }
            for entry_key, entry in fetch.entries.items()
        ],
    )
    transaction.run(_FETCHED, {**key, "fetched_at": fetch.at, "entries": len(fetch.entries)})


def catalogues(connection: sa.Connection, destination: str) -> dict[str, dict[str, Any]]:
    """Everything cached of ``destination``: catalogue name to key to entry. Never fetched means missing."""
    fetched = sa.select(catalogue_fetch.c.name).where(
        catalogue_fetch.c.destination == destination, catalogue_fetch.c.fetched_at.is_not(None)
    )
    found: dict[str, dict[str, Any]] = {row.name: {} for row in connection.execute(fetched)}
    rows = connection.execute(
        sa.select(catalogue.c.name, catalogue.c.key, catalogue.c.entry).where(
            catalogue.c.destination == destination
        )
    )
    for name, key, entry in rows:
        found.setdefault(name, {})[key] = msgspec.json.decode(entry)
    return found


def newest_fetch(connection: sa.Connection, destination: str) -> int | None:
    """When something of ``destination`` was last fetched, by any process."""
    newest = sa.select(sa.func.max(catalogue_fetch.c.fetched_at))
    found: int | None = connection.execute(
        newest.where(catalogue_fetch.c.destination == destination)
    ).scalar_one()
    return found


def due(
    connection: sa.Connection, destination: str, limits: tuple[int, int]
) -> tuple[set[tuple[str, str]], Sequence[str]]:
    """What decides on refreshes: (name, parameters) that need none, and the procedure codes in use.

    ``limits``: fetched after the first instant, or failed after the second, needs none.
    """
    return _fresh(connection, destination, *limits), procedure_codes(connection)


def _fresh(
    connection: sa.Connection, destination: str, fetched_after: int, failed_after: int
) -> set[tuple[str, str]]:
    table = catalogue_fetch
    rows = connection.execute(
        sa.select(table.c.name, table.c.parameters).where(
            table.c.destination == destination,
            sa.or_(table.c.fetched_at > fetched_after, table.c.failed_at > failed_after),
        )
    )
    return {(row.name, row.parameters) for row in rows}


def procedure_codes(connection: sa.Connection) -> Sequence[str]:
    """National codes of the procedures that dossiers here use."""
    return [
        str(code) for code in connection.execute(sa.select(dossier.c.procedure_code).distinct()).scalars()
    ]
