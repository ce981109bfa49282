"""Fetching a receipt from an address that the platform has written (payment_platform §5.7; §13, pitfall 17).

The guard is ``gateway.wire.fetching``'s; the rules are the adapter's. Invariant: what is not a PDF, or too large, is not
kept.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime

import msgspec

from gateway.port import GivesReceipts
from gateway.storage.database import Database
from gateway.wire import fetching
from gateway.wire.client import Transport
from gateway.wire.fetching import Missed

__all__ = ["OPERATION", "PDF", "Errand", "Fetcher", "Missed", "refused", "refused_address"]

PDF = b"%PDF-"
OPERATION = "receipt"


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a receipt is fetched, by whose rules."""

    destination: str
    dossier: str
    rules: GivesReceipts


class Fetcher:
    """Fetches receipts. ``transport`` and ``verify`` are for tests."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        *,
        transport: Transport | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._fetcher = fetching.Fetcher(database, clock, transport=transport, verify=verify)

    async def fetch(self, errand: Errand, url: str) -> bytes | Missed:
        """The PDF at ``url``, or why there is none. Raises StorageUnavailable when it cannot be logged."""
        found = await self._fetcher.fetch(
            fetching.Errand(
                channel=errand.destination,
                operation=OPERATION,
                dossier=errand.dossier,
                rules=_Rules(errand.rules),
                accept="application/pdf",
                agent="lienthong-receipts/1",
            ),
            url,
        )
        if isinstance(found, Missed):
            return found
        if not found.body.startswith(PDF):
            return Missed(code="not_pdf", reason=f"{len(found.body)} bytes that are no PDF")
        return found.body


class _Rules:
    """An adapter's rules about receipts as rules about fetching."""

    def __init__(self, adapter: GivesReceipts) -> None:
        self._adapter = adapter
        self.limit = adapter.receipt_limit
        self.permits = adapter.permits_receipt
        self.is_inside = adapter.is_inside


def refused(rules: GivesReceipts, url: str) -> str | None:
    """Why nothing is fetched from ``url``, as far as the text alone tells; None when it may be tried."""
    return fetching.refused(_Rules(rules), url)


def refused_address(rules: GivesReceipts, host: str, address: str) -> str | None:
    """Why ``address``, to which ``host`` resolves, is not connected to; None when it may be."""
    return fetching.refused_address(_Rules(rules), host, address)
