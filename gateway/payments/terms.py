"""What a payer is asked to pay for, from a stored dossier or from what the caller gives; and faults in its words.

Invariant: nothing is guessed: what a dossier does not say is refused, with a pointer into the record that the caller
can correct.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.domain.dossier import Dossier, Fee, IdentityKind
from gateway.domain.errors import CannotEncode, RecordError
from gateway.domain.payment import MOST_VND
from gateway.domain.payment_order import OrderAgency, OrderItem, OrderPayer, OrderProcedure
from gateway.domain.violation import Violation, shown
from gateway.storage.payment_views import Terms

_IDENTITIES = tuple(IdentityKind)  # the personal number first


class Sketch(msgspec.Struct, frozen=True, kw_only=True):
    """``terms``, and where each part of them comes from: prefix of a pointer into an order, to a pointer into what the
    caller can change."""

    terms: Terms
    origins: tuple[tuple[str, str], ...]

    @property
    def amount(self) -> int:
        """Everything together, in đồng."""
        return sum(item.amount for item in self.terms.items)


def sketch(
    dossier: Dossier,
    items: Sequence[OrderItem] | None,
    payer: OrderPayer | None,
    *,
    before: Terms | None = None,
) -> Sketch:
    """The terms for ``dossier``; ``before``: those of the request that there is, whose payer and papers stay.

    RecordError: nothing is to be paid, or the dossier does not say what a payer must see.
    """
    origins: list[tuple[str, str]] = []
    wanted = list(items) if items is not None else _unpaid(dossier, origins)
    kept = before or _of_dossier(dossier, origins)
    terms = Terms(
        items=wanted,
        payer=payer or kept.payer,
        procedure=kept.procedure,
        agency=kept.agency,
        beneficiary=kept.beneficiary,
    )
    given = () if payer is None else ("/payer",)
    drawn = Sketch(terms=terms, origins=tuple(each for each in origins if not each[0].startswith(given)))
    if found := _faults(drawn, given=items is not None):
        raise RecordError(f"dossier {dossier.code} cannot be paid for", found)
    return drawn


def refusal(drawn: Sketch, dossier: str, fault: CannotEncode) -> RecordError:
    """``fault`` in the caller's words: pointers into the dossier, or into what was given."""
    found = [msgspec.structs.replace(each, pointer=_origin(drawn, each.pointer)) for each in fault.violations]
    return RecordError(f"dossier {dossier} cannot be paid for: {fault}", found)


def _unpaid(dossier: Dossier, origins: list[tuple[str, str]]) -> list[OrderItem]:
    """Every fee that is not paid yet, those of supplements too; nothing for nothing is left out."""
    found = list(_fees(dossier))
    items: list[OrderItem] = []
    for pointer, fee in found:
        if fee.paid_at is None and fee.amount:
            origins.append((f"/items/{len(items)}", pointer))
            items.append(OrderItem(kind=fee.kind, name=fee.name, amount=fee.amount, code=fee.code))
    origins.append(("/items", "/fees"))
    origins.append(("/amount", "/fees"))
    return items


def _fees(dossier: Dossier) -> list[tuple[str, Fee]]:
    own = [(f"/fees/{place}", fee) for place, fee in enumerate(dossier.fees)]
    later = [
        (f"/supplements/{number}/fees/{place}", fee)
        for number, supplement in enumerate(dossier.supplements)
        for place, fee in enumerate(supplement.fees)
    ]
    return own + later


def _of_dossier(dossier: Dossier, origins: list[tuple[str, str]]) -> Terms:
    applicant, procedure = dossier.applicant, dossier.procedure
    ranked = sorted(
        enumerate(applicant.identities), key=lambda each: (_IDENTITIES.index(each[1].kind), each[0])
    )
    place, identity = ranked[0] if ranked else (0, None)
    origins += [
        ("/payer/identity", f"/applicant/identities/{place}/number"),
        ("/payer", "/applicant"),
        ("/procedure/code", "/procedure/national_code"),
    ]
    return Terms(
        items=[],
        payer=OrderPayer(
            name=applicant.name,
            identity=None if identity is None else identity.number,
            address=applicant.address,
        ),
        procedure=OrderProcedure(code=procedure.national_code or procedure.code, name=procedure.name or ""),
        agency=OrderAgency(code=dossier.agency.code, name=dossier.agency.name),
    )


def _faults(drawn: Sketch, *, given: bool) -> list[Violation]:
    found = []
    place = "/items" if given else "/fees"
    if drawn.amount <= 0:
        found.append(
            Violation(
                pointer=place,
                code="nothing_to_pay",
                got=f"{drawn.amount} đồng to be paid",
                expected=f"1 to {MOST_VND} đồng that are not paid yet",
                advice="give items, or send the dossier with its fees first",
            )
        )
    if drawn.amount > MOST_VND:
        found.append(
            Violation(
                pointer=place,
                code="amount",
                got=f"{drawn.amount} đồng",
                expected=f"at most {MOST_VND} đồng",
                advice="ask for it in several payments",
            )
        )
    if not drawn.terms.procedure.name:
        found.append(
            Violation(
                pointer="/procedure/name",
                code="missing",
                got="no name",
                expected="the name of the procedure, which the payer's receipt shows",
                advice="send the dossier with the name of its procedure",
            )
        )
    negative = [(number, item) for number, item in enumerate(drawn.terms.items) if item.amount < 0]
    found += [
        Violation(
            pointer=f"{place}/{number}/amount",
            code="amount",
            got=shown(item.amount),
            expected="whole đồng, nothing below 0",
            advice="a discount is no item: give the amount that is to be paid",
        )
        for number, item in negative
    ]
    return found


def _origin(drawn: Sketch, pointer: str) -> str:
    for prefix, origin in drawn.origins:
        if pointer == prefix or pointer.startswith(f"{prefix}/"):
            return origin + pointer[len(prefix) :]
    return pointer
