"""The proof of the message log over HTTP: checkpoints, proofs, keys, and the cosignatures of witnesses."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.inputs import HIGHEST_IDENTIFIER
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.problem import Refused
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.evidence import views
from gateway.evidence.cosigning import UnknownWitness, take
from gateway.evidence.views import CheckpointView, LogKeyView
from gateway.messagelog.proofs import consistency_proof, entry_proof

_LIST = "checkpoints"
Size = Annotated[int, Meta(ge=0, le=HIGHEST_IDENTIFIER, description="Entries that the log had.")]


class CheckpointQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which checkpoints."""

    cursor: Cursor | None = None
    limit: Limit = 50


class CheckpointPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some checkpoints, newest first. ``next`` null: these were the last."""

    items: list[CheckpointView]
    next: str | None


class ProofQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``size``: prove it in the checkpoint of so many entries; left out, in the first stamped one that covers it, or the
    newest."""

    size: Size | None = None


class ConsistencyQuery(msgspec.Struct, frozen=True, kw_only=True):
    """From which size to which; the second one has to be a checkpoint's."""

    first: Size
    second: Size


class LogKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Every key of the log, the first one first; the last one signs now."""

    items: list[LogKeyView]


class CosignatureOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``line``: one signature line of a C2SP note, with its newline."""

    line: Annotated[str, Meta(min_length=1, max_length=1000)]


async def list_checkpoints(api: Api, call: Call) -> Answer:
    """Some checkpoints, newest first."""
    query = call.query_as(CheckpointQuery)
    key = key_of(_LIST, query.cursor, tuple[int])
    question = partial(views.listed, before=None if key is None else key[0], limit=query.limit)
    items = await api.gateway.database.read(question)
    last = (items[-1].number,) if items else None
    return Answer(value=CheckpointPage(items=items, next=next_cursor(_LIST, items, query.limit, last)))


async def get_checkpoint(api: Api, call: Call) -> Answer:
    """The newest checkpoint of a size."""
    return Answer(value=await api.gateway.database.read(partial(views.detail, size=int(call.path["size"]))))


async def get_proof(api: Api, call: Call) -> Answer:
    """That an entry is in the log."""
    size = call.query_as(ProofQuery).size
    question = partial(entry_proof, entry=int(call.path["entry"]), size=size)
    return Answer(value=await api.gateway.database.read(question))


async def get_consistency(api: Api, call: Call) -> Answer:
    """That the log only grew."""
    query = call.query_as(ConsistencyQuery)
    question = partial(consistency_proof, first=query.first, second=query.second)
    return Answer(value=await api.gateway.database.read(question))


async def list_log_keys(api: Api, _call: Call) -> Answer:
    """The keys that sign and signed the log."""
    return Answer(value=LogKeys(items=await api.gateway.database.read(views.keys)))


async def add_cosignature(api: Api, call: Call) -> Answer:
    """Take what a witness has signed."""
    order, gateway = call.body_as(CosignatureOrder), api.gateway
    try:
        cosigned = await take(
            gateway.database, gateway.evidence.witnesses, int(call.path["size"]), order.line
        )
    except UnknownWitness as fault:
        raise Refused("forbidden", str(fault)) from fault
    return Answer(value=cosigned)
