"""Which deliveries a version of a dossier calls for (construction §4).

Invariant: an application is told again only when something has changed that the ministry can be told in answer to its
notice; what a report of the ministry has made of the dossier is never sent back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec

from adapters.construction.manifest import PLANNING, SUBMIT, WITHDRAW
from adapters.construction.settings import Settings
from adapters.construction.terms import promise
from gateway.codec import canonical
from gateway.codec.payload import stored
from gateway.domain.declarations import ConstructionDeclaration, PlanningDeclaration
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.status import Status
from gateway.port import Planned
from gateway.port.progress import REPORTED_PREFIX
from mappings.construction.submission import Submission, content, submission

# What is over is not filed any more, be it that the gateway sees it for the first time.
_OPEN = frozenset({Status.RECEIVED, Status.PROCESSING, Status.SUPPLEMENT_REQUESTED, Status.PAYMENT_REQUESTED})
_T = TypeVar("_T")


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of a withdrawal. ``at``: when the applicant withdrew, so that a second one is another one."""

    reason: str
    at: datetime


def wanted(dossier: Dossier) -> bool:
    """Whether the ministry is told about ``dossier`` at all."""
    return isinstance(dossier.declaration, ConstructionDeclaration | PlanningDeclaration)


def told(dossier: Dossier, settings: Settings) -> Submission | None:
    """What the ministry is told of ``dossier``."""
    return submission(dossier, promise(dossier, settings))


def plan(dossier: Dossier, settings: Settings) -> Sequence[Planned]:
    """The application or the request once it was received; then a withdrawal."""
    made = told(dossier, settings)
    if made is None or dossier.received_at is None:
        return []
    filed = [_filed(dossier, made)] if dossier.status in _OPEN else []
    return [*filed, *_withdrawals(dossier)]


def payload(delivery: Delivery, kind: type[_T]) -> _T:
    """What was stored with ``delivery``; CannotEncode when it cannot be read."""
    return cast("_T", stored(delivery, lambda payload: _decoded(payload, cast("Any", kind))))


@lru_cache(maxsize=128)
def _decoded(payload: bytes, kind: Any) -> Any:
    """A delivery is read three times in its turn: before its files are there, with them, and with the answer."""
    return msgspec.json.decode(payload, type=kind)


def _filed(dossier: Dossier, made: Submission) -> Planned:
    permit = isinstance(dossier.declaration, ConstructionDeclaration)
    return Planned(
        operation=SUBMIT if permit else PLANNING,
        key=f"v{dossier.version}",
        payload=canonical.encode(made),
        fingerprint=_fingerprint(made),
    )


def _fingerprint(made: Submission) -> bytes:
    """Of what the ministry can be told again; a new promise or a paid fee is no news to it."""
    return bytes.fromhex(canonical.digest([content(made), [each.explanation for each in made.rounds]]))


def _withdrawals(dossier: Dossier) -> Iterator[Planned]:
    for step in dossier.steps:
        if step.status == Status.WITHDRAWN and not step.id.startswith(REPORTED_PREFIX):
            reason = step.note or step.title or "Người nộp rút hồ sơ"
            payload = canonical.encode(Withdrawal(reason=reason, at=step.at))
            yield Planned(operation=WITHDRAW, key=step.id, payload=payload, happened_at=step.at)
