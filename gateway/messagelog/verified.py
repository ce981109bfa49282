"""How far a log was verified, kept by whoever verified it: the place to go on from.

It has the newest checkpoint that held and the right edge of the tree below it. Invariant: it is worth as much as whoever
keeps it; what does not fit together, or not with the log, is no place to go on from.
"""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec

from gateway.domain.errors import ConfigurationError
from gateway.messagelog.chain import Root
from gateway.proof.lienthong_verify import Checkpoint, read_checkpoint, read_note
from gateway.proof.merkle import Edge, Tile


class KeptTile(msgspec.Struct, frozen=True, kw_only=True):
    """A tile of the right edge; ``hashes`` in Base64."""

    level: int
    index: int
    hashes: str


class State(msgspec.Struct, frozen=True, kw_only=True):
    """``number``, ``note``: the newest checkpoint that held. ``keys``: the log's keys by then, which are pinned from now on.
    ``latest``: the latest instant in the entries before it, in microseconds."""

    number: int
    note: str
    keys: list[str]
    latest: int
    tiles: list[KeptTile]

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint in ``note``."""
        return read_checkpoint(read_note(self.note.encode()).text)

    def edge(self) -> Edge:
        """The right edge of the tree. LookupError, ValueError: it is not what the checkpoint says."""
        kept = {(each.level, each.index): base64.b64decode(each.hashes) for each in self.tiles}
        checkpoint = self.checkpoint
        edge = Edge.resume(checkpoint.size, lambda level, index, _: kept.get((level, index)))
        if edge.root() != checkpoint.root:
            raise ValueError(
                f"its tree gives {edge.root().hex()}, its checkpoint has {checkpoint.root.hex()}"
            )
        return edge

    def leaves(self) -> dict[int, bytes]:
        """The leaf hashes of the right edge, by their index."""
        return {
            each.index * 256 + place: hashes[32 * place : 32 * place + 32]
            for each in self.tiles
            if each.level == 0
            for hashes in [base64.b64decode(each.hashes)]
            for place in range(len(hashes) // 32)
        }


def state_of(root: Root, tails: list[Tile], *, keys: list[str], latest: int) -> State:
    """What to remember of a verification that ended well at ``root``."""
    tiles = [
        KeptTile(level=each.level, index=each.index, hashes=base64.b64encode(each.hashes).decode())
        for each in tails
    ]
    return State(number=root.number, note=root.note, keys=keys, latest=latest, tiles=tiles)


def read_state(path: Path) -> State | None:
    """The state in ``path``; None when there is none yet. ConfigurationError for a file that is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as fault:
        raise ConfigurationError(
            f"--state {path}: it cannot be read as the state of a verification: {fault}; name another file"
        ) from fault


def write_state(path: Path, state: State) -> None:
    """Keep ``state``, whole or not at all. ConfigurationError."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=1) + b"\n")
        fresh.replace(path)
    except OSError as fault:
        raise ConfigurationError(f"--state {path}: it cannot be written: {fault}") from fault
