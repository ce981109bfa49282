"""What money is asked for, as options of the command line.

Invariant: an amount is digits of đồng and nothing else; separators, fractions and signs are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from gateway.domain.payment_order import OrderItem, OrderPayer

_AMOUNT = re.compile(r"[1-9][0-9]{0,14}")
_PURPOSE = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}")


class Asked(NamedTuple):
    """For what, how much, from whom, through whom."""

    purpose: Annotated[
        str, typer.Option(metavar="WORD", help="What is paid for; asked for once for a dossier.")
    ] = "fees"
    item: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND:AMOUNT:NAME",
            help="A fee or charge, in đồng; repeat it. Without it: the dossier's unpaid fees.",
            show_default=False,
        ),
    ] = None
    payer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who pays, else the applicant.", show_default=False)
    ] = None
    payer_identity: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="With --payer.", show_default=False)
    ] = None
    payer_address: Annotated[
        str | None, typer.Option(metavar="TEXT", help="With --payer.", show_default=False)
    ] = None
    destination: Annotated[
        str | None, typer.Option(help="Through which platform, where there are several.", show_default=False)
    ] = None

    def items(self) -> tuple[OrderItem, ...] | None:
        """The items; BadParameter for what is none."""
        if not self.item:
            return None
        return tuple(_item(each) for each in self.item)

    def who(self) -> OrderPayer | None:
        """The payer; None: the applicant."""
        from gateway.domain.payment_order import OrderPayer

        if self.payer is None:
            if self.payer_identity or self.payer_address:
                raise typer.BadParameter("--payer-identity and --payer-address go with --payer")
            return None
        return OrderPayer(name=self.payer, identity=self.payer_identity, address=self.payer_address)

    def require_sense(self) -> None:
        """BadParameter for what cannot be asked for, before anything is opened."""
        if _PURPOSE.fullmatch(self.purpose) is None:
            raise typer.BadParameter(
                f"--purpose: got {self.purpose!r}, expected lower-case letters, digits, '.', '_' or '-'"
            )
        self.items()
        self.who()


def _item(given: str) -> OrderItem:
    from gateway.domain.dossier import FeeKind
    from gateway.domain.payment_order import OrderItem

    kind, _, rest = given.partition(":")
    amount, _, name = rest.partition(":")
    if kind not in list(FeeKind) or not name.strip():
        raise typer.BadParameter(
            f"--item: got {given!r}, expected fee:AMOUNT:NAME or charge:AMOUNT:NAME, like 'fee:200000:Phí thẩm định'"
        )
    if _AMOUNT.fullmatch(amount) is None:
        raise typer.BadParameter(
            f"--item: got {amount!r} as amount, expected đồng as digits, 1 to 999999999999999, without separators"
        )
    return OrderItem(kind=FeeKind(kind), name=name.strip(), amount=int(amount))
