"""What a partner's answer means, as a value. Exceptions are for our own faults only.

The union is closed: match over it and end with ``assert_never``. ``learned`` is what the answer taught us about
the dossier at that partner; the hub stores it on the lane and hands it to the next ``encode`` as ``memory``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec


class Actor(StrEnum):
    """Who must act before a rejected delivery can succeed."""

    PROVINCE = "province"
    OPERATOR = "operator"
    PARTNER = "partner"


class Accepted(msgspec.Struct, frozen=True, kw_only=True, tag="accepted"):
    """The partner has it. ``receipt`` is the partner's own word for it, where it gives one."""

    receipt: str = ""
    learned: dict[str, str] = {}


class Rejected(msgspec.Struct, frozen=True, kw_only=True, tag="rejected"):
    """The partner refuses it as it is; sending the same again would be refused again."""

    code: str
    reason: str
    actor: Actor = Actor.PROVINCE
    learned: dict[str, str] = {}


class Deferred(msgspec.Struct, frozen=True, kw_only=True, tag="deferred"):
    """Surely not done yet; try again.

    ``retry_after`` in seconds: None leaves it to the back-off schedule; 0 is an immediate second try that is not
    the partner's failure (a renewed session, create turned into update) and does not count against the breaker.
    ``renew`` names the credential layers to obtain anew before the next try.
    """

    code: str
    reason: str
    retry_after: float | None = None
    renew: tuple[str, ...] = ()
    learned: dict[str, str] = {}


class InDoubt(msgspec.Struct, frozen=True, kw_only=True, tag="in_doubt"):
    """Sent, effect unknown. Never blindly resent: the partner is asked first (DESIGN, decision 2).

    After a question (``interpret_query``): ``ask_again`` says that the question itself got no usable answer (an
    expired session, a gateway's error page), so the partner is asked again later; without it the partner has
    answered and still nobody can tell. ``renew`` names the credential layers to obtain anew before that.
    """

    code: str
    reason: str
    ask_again: bool = False
    renew: tuple[str, ...] = ()
    learned: dict[str, str] = {}


Outcome: TypeAlias = Accepted | Rejected | Deferred | InDoubt

PASSING_PREFIX = "passing:"
"""Names in a lane's memory that begin with it are about a difficulty: whatever is accepted ends it."""


def remembered(memory: Mapping[str, str], outcomes: Sequence[Outcome]) -> dict[str, str]:
    """A lane's memory after ``outcomes``: what they taught, without what an empty value or an acceptance forgets."""
    merged = dict(memory)
    for outcome in outcomes:
        merged |= outcome.learned
    over = any(isinstance(outcome, Accepted) for outcome in outcomes)
    return {
        name: value
        for name, value in merged.items()
        if value != "" and not (over and name.startswith(PASSING_PREFIX))
    }
