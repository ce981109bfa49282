"""What an erasure looks at before it begins: how much is held of a dossier, and its documents.

Invariant: reading changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from gateway.storage.schema import delivery, dossier, event, lane, metadata
from gateway.storage.schema_payment import payment_attempt, receipt
from gateway.storage.schema_status import drift_agreement


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of a table are about the dossier."""

    table: str
    rows: int


def documents_of(connection: sa.Connection, code: str) -> list[bytes]:
    """The record and the payloads of dossier ``code``."""
    records = sa.select(dossier.c.record).where(dossier.c.code == code)
    payloads = sa.select(delivery.c.payload).where(delivery.c.lane_id.in_(_lanes(code)))
    found = [*connection.execute(records).scalars(), *connection.execute(payloads).scalars()]
    return [bytes(each) for each in found]


def holdings(connection: sa.Connection, code: str, tables: Sequence[str]) -> list[Holding]:
    """How many rows each of ``tables``, and of those that are always looked at, has of dossier ``code``."""
    attempts = sa.select(payment_attempt.c.id).where(payment_attempt.c.dossier_code == code)
    special = {
        "dossier": dossier.c.code == code,
        "drift_agreement": drift_agreement.c.lane_id.in_(_lanes(code)),
        "receipt": receipt.c.attempt_id.in_(attempts),
    }
    always = ("message", "dossier", event.name, lane.name, "payment_request", "land_notice")
    found = []
    for name in (*always, *tables):
        table = metadata.tables[name]
        if name in special:
            where = special[name]
        elif "dossier_code" in table.c:
            where = table.c.dossier_code == code
        else:
            continue
        count = connection.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar_one()
        if count:
            # a name of the schema is a kind of text of its own, which JSON does not take
            found.append(Holding(table=f"{name}", rows=int(count)))
    return found


def _lanes(code: str) -> sa.Select[tuple[int]]:
    return sa.select(lane.c.id).where(lane.c.dossier_code == code)
