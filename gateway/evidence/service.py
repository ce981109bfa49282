"""Everything that produces evidence in one process, put together.

Invariant: where the folder of keys is missing nothing is promised: no checkpoint is made, and no traffic stops.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from gateway.domain.errors import ConfigurationError
from gateway.evidence.anchoring import Anchor, authority_of
from gateway.evidence.checkpointer import Checkpointer, Source
from gateway.evidence.traffic import Traffic
from gateway.messagelog.log_keys import LogKeys
from gateway.proof.lienthong_verify import COSIGNATURE, Fault, Key, read_key
from gateway.settings_evidence import EvidenceSettings
from gateway.storage.database import Database


class Evidencing(msgspec.Struct, frozen=True, kw_only=True):
    """``traffic``: whether it may go on. ``keys`` and ``checkpointer`` None: this process only reads, or has no folder of
    keys. ``witnesses``: whose cosignatures are taken."""

    traffic: Traffic
    keys: LogKeys | None
    checkpointer: Checkpointer | None
    witnesses: tuple[Key, ...]

    async def close(self) -> None:
        """Close what is open."""
        if self.checkpointer is not None:
            await self.checkpointer.close()


async def open_evidence(
    database: Database,
    settings: EvidenceSettings,
    folder: Path | None,
    *,
    clock: Callable[[], datetime],
    owner: Callable[[], int],
) -> Evidencing:
    """Evidence of the log in ``database``, with its keys in ``folder``. Raises StorageUnavailable; ConfigurationError, and
    closes the database then."""
    source = None
    try:
        witnesses = known_witnesses(settings)
        authority = None if settings.timestamps is None else authority_of(settings.timestamps)
        if folder is not None and database.writes:
            keys = LogKeys(database, folder, clock, origin=settings.origin)
            await keys.open()
            source = Source(database=database, keys=keys, clock=clock)
    except ConfigurationError:
        database.close()
        raise
    anchor = None if authority is None else Anchor(database, clock, authority)
    return Evidencing(
        traffic=Traffic(database, settings, clock, wanted=folder is not None),
        keys=None if source is None else source.keys,
        checkpointer=None if source is None else Checkpointer(source, settings, owner=owner, anchor=anchor),
        witnesses=witnesses,
    )


def known_witnesses(settings: EvidenceSettings) -> tuple[Key, ...]:
    """The keys of witnesses. Raises ConfigurationError."""
    return tuple(map(_witness, settings.witnesses))


def _witness(text: str) -> Key:
    try:
        key = read_key(text)
    except Fault as fault:
        raise ConfigurationError(f"evidence.witnesses: {fault}") from fault
    if key.kind != COSIGNATURE:
        raise ConfigurationError(f"evidence.witnesses: {key.name} is the key of a log, not of a witness")
    return key
