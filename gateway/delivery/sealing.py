"""Where signing meets the engine: what leaves is signed before it is recorded, what came back is verified before it is read.

The engine knows no key and no profile; whoever does fulfils ``Sealer`` (the composition root gives it to a destination).
Invariants: what cannot be signed does not leave; what must be signed and cannot be verified is never interpreted, and
nothing in an answer that may come unsigned counts as accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

import msgspec

from gateway.domain.outcome import Accepted, InDoubt, Outcome
from gateway.port import WireRequest, WireResponse
from gateway.wire.asking import UNSIGNED

CANNOT_SIGN = "cannot_sign"
"""Code of a delivery that is parked because only an operator can make it signable."""
REFUSED = "signature_refused"


class Unsealed(msgspec.Struct, frozen=True, kw_only=True):
    """The request could not be signed. ``passing``: it may be possible later (an authority does not answer); else an
    operator must act (a key is missing, or has expired)."""

    reason: str
    passing: bool = False


class Trusted(msgspec.Struct, frozen=True, kw_only=True):
    """What of an answer may be read. ``agreed`` False: it may come unsigned, so nothing in it counts as accepted."""

    response: WireResponse
    agreed: bool = True


class Distrusted(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of the answer may be read; ``reason`` says which claim failed."""

    reason: str


Opened: TypeAlias = Trusted | Distrusted


class Sealer(Protocol):
    """Signs and verifies by the policy of each operation of one destination."""

    async def sign(self, operation: str, request: WireRequest, now: datetime) -> WireRequest | Unsealed:
        """``request`` as it leaves. Does not raise."""

    def verify(self, operation: str, request: WireRequest, response: WireResponse, now: datetime) -> Opened:
        """What of ``response`` to ``request`` (as it left) may be read. Does not raise, whatever the bytes."""

    async def close(self) -> None:
        """Close what is open."""


class NoSeal:
    """TLS and tokens are all there is."""

    async def sign(self, operation: str, request: WireRequest, now: datetime) -> WireRequest | Unsealed:
        """As it is."""
        del operation, now
        return request

    def verify(self, operation: str, request: WireRequest, response: WireResponse, now: datetime) -> Opened:
        """As it is."""
        del operation, request, now
        return Trusted(response=response)

    async def close(self) -> None:
        """Nothing is open."""


def not_signed(unsealed: Unsealed) -> str:
    """The code of what did not leave."""
    return "not_signed_yet" if unsealed.passing else CANNOT_SIGN


def unagreed(outcomes: Sequence[Outcome], *, asked: bool) -> list[Outcome]:
    """Outcomes of an answer that came unsigned: nobody has signed that it was accepted; where it was ``asked`` about,
    nobody has said anything, and it is asked again, with a new credential where the old one is worn out."""
    doubt = InDoubt(
        code=UNSIGNED, reason="the answer came without the signature that it needs", ask_again=asked
    )
    return [
        msgspec.structs.replace(doubt, renew=getattr(each, "renew", ()))
        if asked or isinstance(each, Accepted)
        else each
        for each in outcomes
    ]


def refused(reason: str, *, asked: bool) -> InDoubt:
    """The outcome of an answer whose signature is not good; a question is asked again."""
    return InDoubt(code=REFUSED, reason=reason, ask_again=asked)
