"""The keys that sign the log's checkpoints: Ed25519, ``log-<n>.key`` in the folder of keys, one after the other.

The public halves are in the database, with the log's name (its origin, which never changes) and, from the second on, the
note by which the key before handed over. Invariant: a key is made only where the database knows none, or by a rotation
that the key before has signed; a key that the database knows and the folder lacks is named, never replaced.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain.errors import ApprovalRequired, ConfigurationError, ConflictError, GatewayError
from gateway.messagelog.keys import make_key_file, read_key_file
from gateway.proof.lienthong_verify import Fault
from gateway.proof.note import Signer, signed
from gateway.storage.approvals import Wanted, approved
from gateway.storage.checkpoints import LogKeyRow, add_key, log_keys
from gateway.storage.database import Database, Transaction
from gateway.storage.instants import to_micros
from gateway.storage.operator_log import write_action
from gateway.storage.orders import Instruction
from gateway.storage.oversight import Action, Dangerous

log = structlog.get_logger(__name__)
_TARGET = "log:key"
_DEFAULT_ORIGIN = "lienthong/{}"
_HANDOVER = "{origin}\nlog key {number}\n{key}\nfrom {size} entries\ntime {at}\n"


class LogKeys:
    """The log's keys in ``folder``, as the database knows them. ``origin`` None: the one that is given at the start."""

    def __init__(
        self, database: Database, folder: Path, clock: Callable[[], datetime], *, origin: str | None = None
    ) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock
        self._origin = origin
        self._signers: dict[int, Signer] = {}

    async def open(self) -> Signer:
        """The newest key; a first one where the database knows none. Raises ConfigurationError, StorageUnavailable."""
        known = await self._database.read(log_keys)
        if not known:
            await self._begin()
            known = await self._database.read(log_keys)
        if self._origin not in {None, known[0].origin}:
            raise ConfigurationError(
                f"evidence.origin: got {self._origin}, but this log is named {known[0].origin}; a log keeps its name, "
                "since everybody who has pinned it knows it by that"
            )
        return self._signer(known[-1])

    async def newest(self) -> tuple[int, Signer]:
        """The newest key and its number, also one that another process has added. Raises as ``open`` does."""
        known = await self._database.read(log_keys)
        if not known:
            return 1, await self.open()
        return known[-1].number, self._signer(known[-1])

    async def rotate(self, size: int, order: Instruction) -> LogKeyRow:
        """A new key, which the one before hands over to; checkpoints of more than ``size`` entries are signed by it.
        Raises ApprovalRequired (a second person first), ConflictError when another process rotates, ConfigurationError,
        StorageUnavailable."""
        number, before = await self.newest()
        name = before.key.name
        after = Signer.of_log(name, _private(make_key_file(self._path(number + 1))))
        told = {"origin": name, "number": number + 1, "key": after.key.text, "size": size}
        text = _HANDOVER.format(**told, at=order.now.isoformat().replace("+00:00", "Z"))
        row = LogKeyRow(
            number=number + 1,
            origin=name,
            key=after.key.text,
            made_at=to_micros(order.now),
            handover=signed(text, before, after).decode(),
        )
        done = await self._database.write(partial(_handed_over, row=row, order=order))
        if isinstance(done, GatewayError):
            raise done
        log.warning("log_key_was_replaced", number=row.number, key=row.key)
        return row

    async def _begin(self) -> None:
        private = _private(make_key_file(self._path(1)))
        public = private.public_key().public_bytes_raw()
        origin = self._origin or _DEFAULT_ORIGIN.format(hashlib.sha256(public).hexdigest()[:8])
        key = _named(origin, private).key.text
        row = LogKeyRow(number=1, origin=origin, key=key, made_at=to_micros(self._clock()))
        if await self._database.write(partial(add_key, row=row)):
            log.info("log_key_was_made", origin=origin, key=key)

    def _signer(self, row: LogKeyRow) -> Signer:
        signer = self._signers.get(row.number)
        if signer is None:
            path = self._path(row.number)
            if not os.path.lexists(path):
                raise ConfigurationError(
                    f"evidence.keys: {self._folder} lacks {path.name}, with which this database's log is signed; copy the "
                    "folder of keys from the machine that has it, or from its backup"
                )
            signer = _named(row.origin, _private(read_key_file(path)))
            if signer.key.text != row.key:
                raise ConfigurationError(
                    f"evidence.keys: {path} is another key than this database's log is signed with ({row.key}); it may "
                    "belong to another database"
                )
            self._signers[row.number] = signer
        return signer

    def _path(self, number: int) -> Path:
        return self._folder / f"log-{number}.key"


def _handed_over(transaction: Transaction, row: LogKeyRow, order: Instruction) -> GatewayError | None:
    """Write the new key down, with who wanted it and why; what stands in its way."""
    wanted = Wanted(
        actor=order.actor,
        reason=order.reason,
        now=order.now,
        action=Dangerous.ROTATE_KEYS,
        target=_TARGET,
        parameters={"key": row.key},
    )
    permit = approved(transaction, wanted)
    if isinstance(permit, ApprovalRequired):
        return permit
    if not add_key(transaction, row):
        return ConflictError("another process has given the log a new key just now; see: lienthong log key")
    action = Action(
        actor=order.actor,
        verb="rotate",
        target=_TARGET,
        reason=order.reason,
        now=order.now,
        detail={"number": row.number, "key": row.key, **permit.detail},
    )
    write_action(transaction, action)
    return None


def _named(origin: str, private: Ed25519PrivateKey) -> Signer:
    try:
        return Signer.of_log(origin, private)
    except Fault as fault:
        raise ConfigurationError(
            f"evidence.origin: got {origin!r}, expected a name without spaces and plus signs, like log.h99.example/lienthong"
        ) from fault


def _private(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def witness_signer(name: str, path: Path) -> Signer:
    """The key of a witness in ``path``, made when it is not there. Raises ConfigurationError."""
    private = _private(read_key_file(path) if path.exists() else make_key_file(path))
    try:
        return Signer.of_witness(name, private)
    except Fault as fault:
        raise ConfigurationError(
            f"--name: got {name!r}, expected one without spaces and plus signs, like witness.h99.example"
        ) from fault
