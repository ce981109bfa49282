"""Erasing a dossier's content under the Personal Data Protection Law: its key is destroyed, its proof stays.

What only this dossier's key encrypts goes with the key, in archives and backups, too. Calls that were about several
dossiers are kept for the others without any personal value. Invariant: the operator log says who did it, who approved and
why, in the transaction that does it; nothing is destroyed before what others need of it is written.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

import msgspec
import structlog

from gateway.domain.errors import ApprovalRequired, ConflictError
from gateway.messagelog.content import Content, Missing, Redacted, Unreadable, head_of, pack_redacted, read
from gateway.storage import erasure as rows
from gateway.storage.approvals import Wanted, approved
from gateway.storage.database import Database, Transaction
from gateway.storage.erased_fields import BLANKS, files_in
from gateway.storage.erasure import Erasing, Obstacle, Rewritten, SharedCall
from gateway.storage.instants import to_micros
from gateway.storage.operator_log import lane_target, write_action
from gateway.storage.orders import Instruction
from gateway.storage.oversight import Action, Dangerous
from gateway.storage.queries_erasure import Holding, documents_of, holdings

log = structlog.get_logger(__name__)
LOG = "log"
"""What stands for the message log where an operator's target names a destination."""


class Erase(Instruction, frozen=True, kw_only=True):
    """Erase the content of ``dossier``."""

    dossier: str


class SharedLoss(msgspec.Struct, frozen=True, kw_only=True):
    """A call that others share. ``fields``: names of the values that go; empty and ``whole``: all of it goes."""

    entry: str
    others: list[str]
    fields: list[str]
    whole: bool = False


class ErasurePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would go. ``holds``: rows by table; ``obstacles``: why it cannot be now; ``shared``: calls of which other
    dossiers lose something; ``files``: SHA-256 of files that nobody else's record names."""

    dossier: str
    version: int
    obstacles: list[Obstacle]
    holds: list[Holding]
    shared: list[SharedLoss]
    files: list[str]


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What went: rows by table, and the record of it in the operator log."""

    dossier: str
    action: str
    rows: dict[str, int]
    shared: list[SharedLoss]
    approved_by: str | None = None


class _Prepared(msgspec.Struct, frozen=True):
    plan: ErasurePlan
    erasing: Erasing


async def plan(database: Database, dossier: str, now: datetime) -> ErasurePlan:
    """What erasing ``dossier`` would take. NotFoundError, StorageUnavailable."""
    return (await _prepared(database, dossier, now)).plan


async def erase(database: Database, order: Erase) -> Erased:
    """Erase, once a second person has approved.

    ApprovalRequired: somebody else must approve it first. ConflictError: the dossier is open, something of it is on its
    way, or a shared call cannot be read. NotFoundError, StorageUnavailable.
    """
    prepared = await _prepared(database, order.dossier, order.now)
    found = await database.write(partial(_carry_out, order=order, prepared=prepared))
    if isinstance(found, ApprovalRequired):
        raise found
    log.warning("dossier_was_erased", dossier=order.dossier, action=found.action)
    return found


def _carry_out(transaction: Transaction, order: Erase, prepared: _Prepared) -> Erased | ApprovalRequired:
    rows.require_over(transaction, order.dossier, prepared.plan.version)
    target = lane_target(LOG, order.dossier)
    permit = approved(
        transaction,
        Wanted(
            actor=order.actor,
            reason=order.reason,
            now=order.now,
            action=Dangerous.ERASE,
            target=target,
            parameters={
                "dossier": order.dossier,
                "version": prepared.plan.version,
                "shared": [each.entry for each in prepared.plan.shared],
            },
        ),
    )
    if isinstance(permit, ApprovalRequired):
        return permit
    gone = rows.erase(transaction, prepared.erasing)
    detail = {
        "rows": gone,
        "shared": [{"entry": each.entry, "others": each.others} for each in prepared.plan.shared],
        "archived_calls": len(prepared.erasing.archived),
        **permit.detail,
    }
    action = write_action(
        transaction,
        Action(
            actor=order.actor, verb="erase", target=target, reason=order.reason, now=order.now, detail=detail
        ),
    )
    return Erased(
        dossier=order.dossier,
        action=action,
        rows=gone,
        shared=prepared.plan.shared,
        approved_by=permit.approved_by,
    )


async def _prepared(database: Database, code: str, now: datetime) -> _Prepared:
    version = await database.read(partial(rows.version_of, code=code))
    calls = await database.read(partial(rows.shared_calls, code=code))
    archived = await database.read(partial(rows.archived_calls, code=code))
    rewritten: list[Rewritten] = []
    losses: list[SharedLoss] = []
    for call in calls:
        kept, loss = _without_people(database, call)
        rewritten += kept
        losses += loss
    for each in archived:
        losses.append(
            SharedLoss(entry=f"archived, key {each.key}", others=list(each.others), fields=[], whole=True)
        )
    files = await _own_files(database, code)
    erasing = Erasing(
        code=code,
        version=version,
        now=to_micros(now),
        calls=frozenset(call.owner for call in calls),
        rewritten=tuple(rewritten),
        blanked=tuple(sorted({entry for call in calls for entry in call.entries})),
        archived=tuple(each.key for each in archived),
        files=tuple(bytes.fromhex(each) for each in files),
    )
    tables = [blank.table for blank in BLANKS]
    found = ErasurePlan(
        dossier=code,
        version=version,
        obstacles=await database.read(partial(rows.obstacles, code=code)),
        holds=await database.read(partial(holdings, code=code, tables=tables)),
        shared=losses,
        files=files,
    )
    return _Prepared(found, erasing)


def _without_people(database: Database, call: SharedCall) -> tuple[list[Rewritten], list[SharedLoss]]:
    """What stays of a shared call, and what the others lose."""
    if not call.others:
        return [], []
    others = list(call.others)
    content = read(call.stored, call.size, database.contents)
    match content:
        case Redacted():  # of another dossier's erasure
            return [Rewritten(owner=call.owner, packed=pack_redacted(content))], []
        case Unreadable(why=Missing.ERASED | Missing.ABSENT):
            return [], []
        case Unreadable():
            raise ConflictError(
                f"log entry {call.owner}, which {', '.join(others)} share, cannot be read ({content.detail}), so nothing "
                "of it can be kept for them; nothing was erased"
            )
        case Content():
            method, url, headers = call.head
            head = head_of(method, url, headers)
            if call.form == 1:  # commits to the whole body alone
                return [], [SharedLoss(entry=str(call.owner), others=others, fields=[], whole=True)]
            if not content.gives(call.form, call.digest, head):
                raise ConflictError(
                    f"log entry {call.owner} is not what was logged; run lienthong log verify; nothing was erased"
                )
            left = content.redacted(head)
            loss = SharedLoss(entry=str(call.owner), others=others, fields=left.removed)
            return [Rewritten(owner=call.owner, packed=pack_redacted(left))], [loss]


async def _own_files(database: Database, code: str) -> list[str]:
    """Files that records and payloads of this dossier name, and nobody else's record."""
    named: set[str] = set()
    for document in await database.read(partial(documents_of, code=code)):
        named |= files_in(document)
    digests = sorted(named)
    if not digests:
        return []
    elsewhere = await database.read(partial(rows.shas_used_elsewhere, code=code, digests=digests))
    return [each for each in digests if each not in elsewhere]
