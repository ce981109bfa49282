"""What an erasure looks at before it begins: how much is held of a dossier, and its documents.

Invariant: reading changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from gateway.storage.queries import lane_ids
from gateway.storage.schema import attempt, delivery, dossier, event, lane, metadata
from gateway.storage.schema_payment import payment_attempt, receipt
from gateway.storage.schema_status import drift_agreement

# a lane's deliveries lie in two partial indexes, and in the words of each it is found
_PARTS: tuple[sa.ColumnElement[bool], ...] = (
    delivery.c.state != sa.literal_column("'superseded'"),
    delivery.c.state == sa.literal_column("'superseded'"),
)


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of a table are about the dossier."""

    table: str
    rows: int


def documents_of(connection: sa.Connection, code: str) -> list[bytes]:
    """The record and the payloads of dossier ``code``."""
    records = sa.select(dossier.c.record).where(dossier.c.code == code)
    found = [*connection.execute(records).scalars()]
    for part in _PARTS:
        payloads = sa.select(delivery.c.payload).where(delivery.c.lane_id.in_(lane_ids(code)), part)
        found += connection.execute(payloads).scalars()
    return [bytes(each) for each in found]


def holdings(connection: sa.Connection, code: str, tables: Sequence[str]) -> list[Holding]:
    """How many rows each of ``tables``, and of those that are always looked at, has of dossier ``code``."""
    attempts = sa.select(payment_attempt.c.id).where(payment_attempt.c.dossier_code == code)
    special = {
        "dossier": dossier.c.code == code,
        "drift_agreement": drift_agreement.c.lane_id.in_(lane_ids(code)),
        "receipt": receipt.c.attempt_id.in_(attempts),
        "attempt": attempt.c.lane_id.in_(lane_ids(code)),
    }
    always = ("message", "dossier", event.name, lane.name, "payment_request", "land_notice")
    found = []
    for name in (*always, *tables):
        table = metadata.tables[name]
        if name == delivery.name:
            count = sum(
                _count(connection, table, delivery.c.lane_id.in_(lane_ids(code)), part) for part in _PARTS
            )
        elif name in special:
            count = _count(connection, table, special[name])
        elif "dossier_code" in table.c:
            count = _count(connection, table, table.c.dossier_code == code)
        else:
            continue
        if count:
            # a name of the schema is a kind of text of its own, which JSON does not take
            found.append(Holding(table=f"{name}", rows=count))
    return found


def _count(connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar_one())
