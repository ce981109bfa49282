"""A new master key for the contents, and encrypting contents that were stored in clear.

A new master key wraps every data key again; contents stay as they are, in archives, too. Invariant: a key that is wrapped
anew opens what it opened before, and is written in the place of exactly what was read; interrupted at any point, both the
old and the new master key are in the folder, and the next run goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import structlog

from gateway.domain.errors import ApprovalRequired, ConfigurationError
from gateway.messagelog.content import Content, Redacted, Unreadable, pack, read
from gateway.messagelog.keys import add_master, newest_master, open_contents, open_vault
from gateway.messagelog.vault import Vault
from gateway.storage.approvals import Wanted, approved
from gateway.storage.contents import masters_in_use
from gateway.storage.database import Database, Transaction
from gateway.storage.log import SealedRow
from gateway.storage.operator_log import write_action
from gateway.storage.orders import Instruction
from gateway.storage.oversight import Action, Dangerous
from gateway.storage.upkeep_contents import (
    clear_entries,
    count_clear,
    count_keys,
    keys_not_under,
    put_encrypted,
    rewrap,
    shared_among,
)

log = structlog.get_logger(__name__)
AT_ONCE = 500
ENCRYPTED_AT_ONCE = 200
TARGET = "log"

Tell = Callable[[int, int], Awaitable[None]]
"""How many are done, of how many."""


class RotationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a rotation would do. ``finishes``: an earlier one was interrupted, and no further master key is made."""

    current: str
    next_number: int
    keys: int
    finishes: bool


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """The master key that wraps every key now, and how many were wrapped anew."""

    master: str
    rewrapped: int
    made: bool


class Encrypted(msgspec.Struct, frozen=True, kw_only=True):
    """Contents that were in clear: those that are encrypted now, and entries that could not be read."""

    encrypted: int
    unreadable: list[str]


def rotation_plan(database: Database, folder: Path) -> RotationPlan:
    """Reads on the calling thread. Raises ConfigurationError, StorageUnavailable."""
    vault = open_vault(folder, database.ask(masters_in_use))
    counted = database.ask(count_keys)
    behind = sum(count for master, count in counted.items() if master != vault.current)
    return RotationPlan(
        current=vault.current,
        next_number=newest_master(folder) + (behind == 0),
        keys=behind or sum(counted.values()),
        finishes=behind > 0,
    )


async def rotate(database: Database, folder: Path, order: Instruction, tell: Tell) -> Rotated:
    """Make the next master key, unless an interrupted rotation is to be finished, and wrap every key with it.

    Raises ApprovalRequired, ConfigurationError, StorageUnavailable.
    """
    plan = rotation_plan(database, folder)
    if not plan.finishes:
        permit = await database.write(partial(_allowed, order=order, number=plan.next_number))
        if isinstance(permit, ApprovalRequired):
            raise permit
        add_master(folder, plan.next_number)
    open_contents(database, folder)
    vault = open_vault(folder, database.ask(masters_in_use))
    done, after = 0, 0
    while found := await database.read(
        partial(keys_not_under, master=vault.current, after=after, limit=AT_ONCE)
    ):
        keys = [(key, _rewrapped(vault, key.wrapped, key.master)) for key in found]
        done += await database.write(partial(rewrap, keys=keys, master=vault.current))
        after = found[-1].id
        await tell(done, plan.keys)
    log.warning("master_key_was_replaced", master=vault.current, keys=done)
    return Rotated(master=vault.current, rewrapped=done, made=not plan.finishes)


def _rewrapped(vault: Vault, wrapped: bytes, master: str) -> bytes:
    try:
        return vault.rewrap(wrapped, master)
    except (KeyError, ValueError) as fault:
        raise ConfigurationError(
            f"evidence.keys: a key under master key {master} does not open: {fault}"
        ) from fault


def _allowed(transaction: Transaction, order: Instruction, number: int) -> ApprovalRequired | None:
    permit = approved(
        transaction,
        Wanted(
            actor=order.actor,
            reason=order.reason,
            now=order.now,
            action=Dangerous.ROTATE_KEYS,
            target=TARGET,
            parameters={"master": number},
        ),
    )
    if isinstance(permit, ApprovalRequired):
        return permit
    detail = {"master": number, **permit.detail}
    write_action(
        transaction,
        Action(
            actor=order.actor,
            verb="rotate_master",
            target=TARGET,
            reason=order.reason,
            now=order.now,
            detail=detail,
        ),
    )
    return None


async def encrypt_clear(database: Database, tell: Tell) -> Encrypted:
    """Encrypt every content that is stored in clear; entries keep their leaves. Interrupted, the next run goes on.

    Raises ConfigurationError without keys, StorageUnavailable.
    """
    if database.contents is None:
        raise ConfigurationError(
            "evidence.keys: name the folder of the keys that are to encrypt the contents"
        )
    total = await database.read(count_clear)
    done, after, unreadable = 0, 0, []
    while found := await database.read(partial(clear_entries, after=after, limit=ENCRYPTED_AT_ONCE)):
        after = found[-1].id
        shared = await database.read(partial(shared_among, entries=[row.id for row in found]))
        packed = [(row, content) for row in found if (content := _packed(row)) is not None]
        unreadable += [str(row.id) for row in found if _packed(row) is None]
        done += await database.write(partial(_encrypt, packed=packed, shared=shared))
        await tell(done, total)
    return Encrypted(encrypted=done, unreadable=unreadable)


def _packed(row: SealedRow) -> bytes | None:
    """The content as it is encrypted; None when it cannot be read, and so is left as evidence of that."""
    content = read(row.stored, row.body_size, None)
    match content:
        case Unreadable():
            return None
        case Redacted():
            return row.stored.body
        case Content():
            return row.stored.body if row.form != 1 else pack(b"", (), content.body)


def _encrypt(transaction: Transaction, packed: Sequence[tuple[SealedRow, bytes]], shared: set[int]) -> int:
    keys = transaction.contents
    if keys is None:
        return 0
    done = 0
    for row, content in packed:
        number, key = keys.key_for(transaction, keys.scope_of(row, shared=row.id in shared), row.at)
        done += put_encrypted(transaction, row, key.encrypt(row.id, content), number)
    return done
