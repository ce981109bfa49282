"""What a connection that sees one snapshot of the database finds: schema, rows, how far the message log has come."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from gateway.domain.errors import ConfigurationError
from gateway.storage import migrate, upkeep
from gateway.storage.archives import ArchiveRow
from gateway.storage.archives import archives as archived
from gateway.storage.checkpoints import newest_checkpoint
from gateway.storage.log_stream import bounds
from gateway.storage.tables import metadata


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What the snapshot holds. ``entries``: numbered ones; ``newest``: identifier and instant, in microseconds, of the
    newest entry of all; ``note``: of the newest checkpoint."""

    schema: str
    counts: dict[str, int]
    entries: int
    newest: tuple[int, int] | None
    note: str | None
    archives: list[ArchiveRow]


def look(connection: sa.Connection) -> Snapshot:
    """Look at the whole of it. Raises ConfigurationError for a schema that is not this release's."""
    schema = migrate.revision_of(connection)
    if schema != migrate.newest_revision():
        raise ConfigurationError(
            f"the database is at schema {schema or 'none'}, this release is for {migrate.newest_revision()}: take the "
            "backup with the release that runs, before the next one is installed"
        )
    checkpoint = newest_checkpoint(connection)
    return Snapshot(
        schema=schema,
        counts=count_rows(connection),
        entries=bounds(connection).last,
        newest=upkeep.newest_entry(connection),
        note=None if checkpoint is None else checkpoint.note,
        archives=archived(connection),
    )


def count_rows(connection: sa.Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table.name: int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
        for table in metadata.sorted_tables
    }
