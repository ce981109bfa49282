"""How much of the log enough witnesses have seen, where somebody asks for that.

A witness comes when it comes, and what it has seen of a checkpoint it has seen of all before it; so what is looked for is
the newest checkpoint that enough of them have cosigned. Invariant: a cosignature counts only when it verifies, is of a
pinned witness, and stands under a checkpoint that a key of the log has signed; a key counts once, whatever its names.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from gateway.messagelog.faults import Fault, Kind, fault
from gateway.proof import lienthong_verify as proof
from gateway.proof.lienthong_verify import Checkpoint, Key, Trust
from gateway.storage.checkpoints import CheckpointRow, Cosignature
from gateway.storage.database import Database
from gateway.storage.log_stream import bounds, checkpoint_rows, cosignature_rows

PATIENCE_SECONDS = 3600.0
AT_ONCE = 200


class Witnessed(msgspec.Struct, frozen=True, kw_only=True):
    """What enough witnesses have seen: so many ``entries`` of ``last``. ``fault``: why that is too little."""

    entries: int
    last: int
    fault: Fault | None


def witnessed(database: Database, keys: Sequence[Key], trust: Trust, patience: float) -> Witnessed:
    """Up to where ``trust.witnesses_needed`` of its witnesses have seen the log of ``keys``. It is too little when the newest
    checkpoint is by more than ``patience`` seconds newer than what they have seen, or they have seen nothing."""
    upto = database.ask(bounds).newest
    newest: CheckpointRow | None = None
    most = 0  # by how many the best of those was seen that not enough have seen
    while upto > 0:
        first = max(1, upto - AT_ONCE + 1)
        given = database.ask(partial(cosignature_rows, first=first, last=upto))
        rows = database.ask(partial(checkpoint_rows, after=first - 1, upto=upto, most=AT_ONCE))
        for row in reversed(rows):
            newest = newest or row
            seen = _seen(row, [each for each in given if each.checkpoint == row.number], keys, trust)
            if seen >= trust.witnesses_needed:
                return _judged(newest, row, trust, patience)
            most = max(most, seen)
        upto = first - 1
    last = 0 if newest is None else newest.size
    told = f"{most} of {trust.witnesses_needed} witnesses have seen it; {len(trust.witnesses)} are pinned"
    return Witnessed(entries=0, last=last, fault=fault(Kind.WITNESSES, 1, told, upto=max(1, last)))


def _judged(newest: CheckpointRow, seen: CheckpointRow, trust: Trust, patience: float) -> Witnessed:
    behind = (newest.at - seen.at) / 1_000_000
    wrong = None
    if behind > patience:
        told = (
            f"the newest checkpoint that {trust.witnesses_needed} witnesses have seen, no. {seen.number}, is {behind:,.0f} s "
            f"older than the newest, at most {patience:,.0f} s are allowed"
        )
        wrong = fault(Kind.WITNESSES, min(seen.size + 1, newest.size), told, upto=newest.size)
    return Witnessed(entries=seen.size, last=newest.size, fault=wrong)


def _seen(row: CheckpointRow, given: Sequence[Cosignature], keys: Sequence[Key], trust: Trust) -> int:
    """How many of the pinned witnesses have seen the checkpoint in ``row``."""
    try:
        checkpoint = (
            proof.verify_checkpoint(row.note.encode("utf-8", "surrogateescape"), keys) if given else None
        )
    except proof.Fault:
        return 0  # the verification of the checkpoints says why
    if checkpoint is None:
        return 0
    return len({key.public for each in given for key in _signers(checkpoint, each, trust)})


def _signers(checkpoint: Checkpoint, given: Cosignature, trust: Trust) -> Sequence[Key]:
    written = f"{checkpoint.text}\n{given.line}".encode("utf-8", "surrogateescape")
    try:
        return [each.key for each in proof.verify_witnesses(written, trust.witnesses, 0)]
    except proof.Fault:
        return ()
