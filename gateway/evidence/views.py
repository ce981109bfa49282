"""Checkpoints and keys as readers get them. Invariant: a note is whole, with every cosignature that it got."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.domain.errors import NotFoundError
from gateway.messagelog.proofs import noted
from gateway.storage import checkpoints as stored
from gateway.storage.checkpoints import CheckpointRow, Connection
from gateway.storage.instants import from_micros, maybe_from_micros


class CheckpointView(msgspec.Struct, frozen=True, kw_only=True):
    """What the log says of itself. ``size``: its entries; ``root`` in Base64; ``at`` by the gateway's clock;
    ``stamped_at``: when the time-stamping authority saw it, null without one or before it has. ``note``: the C2SP
    checkpoint, signed by the log and by ``witnesses``."""

    number: int
    size: int
    root: str
    at: datetime
    stamped_at: datetime | None
    witnesses: list[str]
    note: str


class CheckpointDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One checkpoint. ``timestamp``: the RFC 3161 token of the note's text, DER in Base64."""

    checkpoint: CheckpointView
    timestamp: str | None


class LogKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the log, as it is pinned: ``<name>+<id>+<base64>``. ``handover``: the note of the key before it, signed by
    both."""

    number: int
    key: str
    made_at: datetime
    handover: str | None


def listed(connection: Connection, before: int | None, limit: int) -> list[CheckpointView]:
    """Checkpoints, the newest first."""
    return _views(connection, stored.checkpoints(connection, before=before, limit=limit))


def detail(connection: Connection, size: int | None) -> CheckpointDetail:
    """The newest checkpoint of ``size`` entries, or the newest of all. NotFoundError."""
    row = (
        stored.newest_checkpoint(connection) if size is None else stored.checkpoint_of_size(connection, size)
    )
    if row is None:
        which = "yet" if size is None else f"of {size} entries"
        raise NotFoundError(f"there is no checkpoint {which}")
    token = None if row.token is None else base64.b64encode(row.token).decode()
    return CheckpointDetail(checkpoint=_views(connection, [row])[0], timestamp=token)


def keys(connection: Connection) -> list[LogKeyView]:
    """Every key that the log has had, the first one first."""
    return [
        LogKeyView(number=row.number, key=row.key, made_at=from_micros(row.made_at), handover=row.handover)
        for row in stored.log_keys(connection)
    ]


def _views(connection: Connection, rows: Sequence[CheckpointRow]) -> list[CheckpointView]:
    given = stored.cosignatures(connection, [row.number for row in rows])
    return [
        CheckpointView(
            number=row.number,
            size=row.size,
            root=base64.b64encode(row.root).decode(),
            at=from_micros(row.at),
            stamped_at=maybe_from_micros(row.anchored_at),
            witnesses=[each.witness.partition("+")[0] for each in given.get(row.number, ())],
            note=noted(row, given.get(row.number, ())).decode(),
        )
        for row in rows
    ]
