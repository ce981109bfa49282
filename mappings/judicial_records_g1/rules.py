"""What is refused though it can be written: the law, the fee, and what the contract does not say (judicial_records §1, §5).

Invariant: everything that is wrong is found, each with a pointer into the dossier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gateway.domain.dossier import Fee
from gateway.domain.violation import Violation
from gateway.mapping import CodeTable
from mappings.judicial_records.rules import by_law, received_within, require_known, wrong_fee
from mappings.judicial_records_g1.submit import Registration

__all__ = ["not_carried", "received_within", "refused", "require_known"]


def refused(asked: Registration, paid: Sequence[Fee], codes: Mapping[str, CodeTable]) -> Iterator[Violation]:
    """What the law forbids, and a fee that is not the table's. ``paid``: where fees are compared, else empty."""
    yield from by_law(asked.declaration, asked.received_at, codes)
    if paid and asked.received_at is not None:
        yield from wrong_fee(asked.declaration, asked.received_at, paid, codes)


def not_carried(asked: Registration) -> Iterator[Violation]:
    """What the contract has elements for, without saying what stands in which."""
    if asked.declaration.authorised is not None:
        yield Violation(
            pointer="/declaration/authorised",
            code="not_carried",
            got="an authorised person",
            expected="nobody: the contract does not say in which form of the message each of the two stands",
            advice="let the person concerned file; or ask the centre, then set `authorised`",
        )
