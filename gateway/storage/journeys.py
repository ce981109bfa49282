"""Journeys of dossier versions: kept with the acceptance, read when something is sent or reported.

Invariant: whoever reads gets what was committed together with the version, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.storage.schema_journeys import journey
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_KEEP = insert(
    "journey",
    ("dossier_code", "at", "traceparent", "correlation"),
    suffix="ON CONFLICT (dossier_code, at) DO NOTHING",
)
_DROP = Statement("""
    DELETE FROM journey WHERE (dossier_code, at) IN (
        SELECT dossier_code, at FROM journey WHERE at < :before ORDER BY at LIMIT :limit
    )
""")
AT_ONCE = 1000


class JourneyRow(msgspec.Struct, frozen=True):
    """Where a version came in: W3C ``traceparent``, and the correlation id of the request."""

    traceparent: str
    correlation: str


def keep_journey(transaction: Transaction, dossier: str, at: int, row: JourneyRow) -> None:
    """Keep where the version of ``dossier`` came in that was accepted ``at`` (microseconds)."""
    values = {"traceparent": row.traceparent, "correlation": row.correlation}
    transaction.run(_KEEP, {"dossier_code": dossier, "at": at, **values})


def journeys_of(connection: sa.Connection, dossier: str, moments: Iterable[int]) -> dict[int, JourneyRow]:
    """Where the versions of ``dossier`` came in that were accepted at ``moments``; those without a trace are missing."""
    question = sa.select(journey).where(journey.c.dossier_code == dossier, journey.c.at.in_(list(moments)))
    return {row.at: JourneyRow(row.traceparent, row.correlation) for row in connection.execute(question)}


def latest_journey(connection: sa.Connection, dossier: str) -> JourneyRow | None:
    """Where the newest version of ``dossier`` that has a trace came in."""
    question = sa.select(journey.c.traceparent, journey.c.correlation).where(
        journey.c.dossier_code == dossier
    )
    row = connection.execute(question.order_by(journey.c.at.desc()).limit(1)).one_or_none()
    return None if row is None else JourneyRow(row.traceparent, row.correlation)


def drop_journeys(transaction: Transaction, *, before: int) -> int:
    """Forget some of what came in before ``before`` (microseconds); how many rows that were."""
    return transaction.run(_DROP, {"before": before, "limit": AT_ONCE})
