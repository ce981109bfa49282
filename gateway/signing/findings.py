"""What a verification found, claim by claim.

    CannotSign    install, renew or name the right key; nothing was sent

Invariant: ``Verified`` carries signed content and nothing else; ``Refused`` names the first claim that does not hold,
and all claims that could be judged, in the order in which they were.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

import msgspec

from gateway.domain.errors import GatewayError


class CannotSign(GatewayError):
    """The message cannot be signed as its policy asks; nothing was sent. Install, renew or name the right key.

    ``passing``: it may be possible later without anybody's doing.
    """

    def __init__(self, code: str, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.passing = passing


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a signature says: ``subject`` (which reference, certificate, time), and what was found."""

    subject: str
    holds: bool
    code: str
    found: str

    def __str__(self) -> str:
        return f"{'ok' if self.holds else 'REFUSED'} {self.subject}: {self.found}"


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """Everything holds. ``content``: the bytes that were digested. ``signer``: subject of the certificate.
    ``signed_at``: when, by the signer's own word; ``stamped_at``: by a time-stamping authority's."""

    content: bytes
    claims: tuple[Claim, ...]
    signer: str
    signed_at: datetime | None = None
    stamped_at: datetime | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Something does not hold; nothing of the message may be used."""

    code: str
    reason: str
    claims: tuple[Claim, ...]


class Stop(Exception):
    """Nothing more can be judged."""


class Examination:
    """Claims as they are judged."""

    def __init__(self) -> None:
        self.claims: list[Claim] = []

    def note(self, subject: str, holds: bool, code: str, found: str) -> bool:  # noqa: FBT001 - a claim is one
        """Judge one claim; others can be judged whether it holds or not."""
        self.claims.append(Claim(subject=subject, holds=holds, code="" if holds else code, found=found))
        return holds

    def insist(self, subject: str, holds: bool, code: str, found: str) -> None:  # noqa: FBT001
        """Judge one claim without which nothing else can be judged."""
        if not self.note(subject, holds, code, found):
            raise Stop

    def stop(self, subject: str, code: str, found: str) -> NoReturn:
        """A claim that does not hold, and the end."""
        self.note(subject, holds=False, code=code, found=found)
        raise Stop

    def refused(self) -> Refused | None:
        """The first claim that does not hold, with all of them; None when all hold."""
        for claim in self.claims:
            if not claim.holds:
                return Refused(
                    code=claim.code, reason=f"{claim.subject}: {claim.found}", claims=tuple(self.claims)
                )
        return None


def conclude(examine: Callable[[Examination], Verified]) -> Verified | Refused:
    """What ``examine`` gives when every claim that it judges holds."""
    exam = Examination()
    try:
        verified = examine(exam)
    except Stop:
        verified = None
    refused = exam.refused()
    if refused is not None:
        return refused
    if verified is None:
        return Refused(code="malformed", reason="not examined to its end", claims=tuple(exam.claims))
    return verified
