"""How the ministry's stand-in comes to check signatures and to sign: by somebody else, who is handed in.

An adapter carries no signing library, and the gateway's own would prove nothing: whoever starts the stand-in (a test, a
sandbox) gives it a ``Proof`` that was written independently. Invariant: without one nothing is checked, and the record
says so of every call that bore a signature.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the signature of a request. ``refusal``: the reason, which the fault names; empty when all is
    well. ``signer``: who it was."""

    refusal: str = ""
    signer: str = ""


class Proof(Protocol):
    """Judges requests and signs answers; pure but for a memory of nonces."""

    def judge(self, body: bytes, *, operation: str, now: datetime) -> Judged:
        """Whether ``body`` is signed as ``operation`` demands; any bytes, never raises."""

    def seal(self, body: bytes, *, operation: str, now: datetime) -> bytes:
        """The answer as it leaves; the same bytes where answers are not signed."""
