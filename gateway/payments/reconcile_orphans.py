"""What stands under one strange reference: money that no attempt has, that went back, and that nobody has kept yet.

Invariant: what an attempt counts by now is not counted here, and everything else is, whoever told of it first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from gateway.domain.reconciliation import Paid, Theirs
from gateway.payments.reconcile_asking import lines_of_numbers, paid_of, refunded_of
from gateway.storage.reconciliation_orphans import Stranger
from gateway.storage.settlement_files import Line


class Strange(msgspec.Struct, frozen=True, kw_only=True):
    """``theirs``: what is told of the money that is counted here; ``returned``: how much of it two persons gave back,
    by numbers; ``unkept``: what only files know of."""

    theirs: Theirs
    returned: Mapping[str, int]
    unkept: tuple[Paid, ...]


def without_owner(lines: Sequence[Line], owners: AbstractSet[str]) -> list[Line]:
    """Lines that are not of the attempts which have their reference. ``owners``: the partners of those."""
    return [line for line in lines if not owners or (line.partner and line.partner not in owners)]


def strange(lines: Sequence[Line], kept: Sequence[Stranger], owners: AbstractSet[str]) -> Strange:
    """What is to be counted under one reference that is not an attempt's, or only another partner's."""
    lines = without_owner(lines, owners)
    kept = [each for each in kept if each.paid.partner not in owners]
    counted = {each.paid.transaction for each in kept if each.counted}
    numbers = {line.transaction for line in lines if line.claim == "paid"}
    numbers |= {each.paid.transaction for each in kept}
    mine = lines_of_numbers(lines, numbers - counted)
    partner = next(
        (each.paid.partner for each in kept), next((line.partner for line in lines if line.partner), "")
    )
    from_file = tuple(paid_of(line, partner) for line in mine if line.claim == "paid")
    known = {each.paid.transaction for each in kept}
    here = [each for each in kept if not each.counted]
    return Strange(
        theirs=Theirs(
            claim="paid",
            paid=(*from_file, *(each.paid for each in here)),
            refunded=refunded_of(mine),
        ),
        returned={each.paid.transaction: each.returned for each in here if each.returned is not None},
        unkept=tuple(each for each in from_file if each.transaction not in known),
    )
