"""``lienthong payments`` for decisions about money: cancel, refund, propose, approve, decline.

Invariant: every one has its reason and its actor; who approves is not who asked, by the same rule as over the API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gateway.cli.options import Changing, examples, spread

if TYPE_CHECKING:
    from gateway.storage.payment_orders import CancelDone, DecisionDone, RefundDone

PaymentId = Annotated[int, typer.Argument(metavar="ID", min=1, help="A payment's id, as the list shows it.")]
MaybeAttemptId = Annotated[
    int | None,
    typer.Argument(
        metavar="[ATTEMPT]",
        min=1,
        help="An attempt's id, as `payments show` shows it; none with refund_orphan.",
        show_default=False,
    ),
]
WaitingId = Annotated[
    int, typer.Argument(metavar="ID", min=1, help="A refund's or decision's id: lienthong payments waiting.")
]
Paper = Annotated[
    str,
    typer.Option("--document", metavar="TEXT", help="The paper that shows it: number and date."),
]
Attempt = Annotated[
    int | None,
    typer.Option(
        "--attempt", min=1, help="Through which it came, else the one that settled.", show_default=False
    ),
]
KINDS = ("settle", "accept", "reject", "adopt", "excess", "give_up", "refund_orphan")
WHY = "--reason '…'"


def money(given: str) -> int:
    """Đồng as digits; BadParameter for separators, fractions, signs and more than fifteen digits."""
    if not (given.isascii() and given.isdigit() and 0 < len(given) <= 15):
        raise typer.BadParameter(
            f"got {given!r}, expected đồng as digits, at most fifteen, without separators"
        )
    return int(given)


Money = Annotated[
    int, typer.Option("--amount", metavar="DONG", parser=money, help="Đồng, digits only.", show_default=False)
]
MaybeMoney = Annotated[
    int | None,
    typer.Option(
        "--amount",
        metavar="DONG",
        parser=money,
        help="What came in, digits only; else what was asked for.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Put the commands of this module into the group."""
    for name, command, shown in (
        ("cancel", cancel, f"lienthong payments cancel 250228600404447232 {WHY}"),
        (
            "fetch-receipt",
            fetch_receipt,
            f"lienthong payments fetch-receipt 250228600404447232 {WHY}",
        ),
        (
            "refund",
            refund,
            f"lienthong payments refund 250228600404447232 --amount 50000 --document 'UNC-147 ngày 28/09/2026' {WHY}",
        ),
        (
            "propose",
            propose,
            f"lienthong payments propose accept 250228600404447240 --document 'Sao kê 28/09/2026, dòng 14' {WHY}",
        ),
        ("approve", approve, f"lienthong payments approve 250228600404447250 --as binh {WHY}"),
        ("decline", decline, f"lienthong payments decline 250228600404447250 --as binh {WHY}"),
    ):
        app.command(name, epilog=examples(shown))(command)


@spread
def cancel(payment: PaymentId, *, by: Changing) -> None:
    """Ask for this money no more; what is open is asked about first."""
    from gateway.cli.opening import run
    from gateway.cli.paying.orders import cancel_payment

    _print(by, run(cancel_payment(by, payment)))


@spread
def fetch_receipt(payment: PaymentId, *, by: Changing) -> None:
    """Have a receipt that was given up fetched again."""
    from gateway.cli.opening import run
    from gateway.cli.paying import orders
    from gateway.cli.paying.words import RECEIPT
    from gateway.cli.screen import print_json

    done = run(orders.fetch_receipt(by, payment))
    if by.as_json:
        print_json(done)
    else:
        print(f"receipt of attempt {done.attempt}: {done.state} ({RECEIPT[done.state]})")


@spread
def refund(
    payment: PaymentId, *, amount: Money, document: Paper, attempt: Attempt = None, by: Changing
) -> None:
    """Record that money is to be given back; a second person approves it."""
    from gateway.cli.opening import run
    from gateway.cli.paying.orders import request_refund

    given = {"payment": payment, "amount": amount, "document": document, "attempt": attempt}
    _print(by, run(request_refund(by, given)))


@spread
def propose(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"{', '.join(KINDS)}.")],
    attempt: MaybeAttemptId = None,
    *,
    document: Paper,
    amount: MaybeMoney = None,
    transaction: Annotated[
        str, typer.Option(metavar="NUMBER", help="The bank's or the platform's number of the payment.")
    ] = "",
    orphan: Annotated[
        int | None,
        typer.Option(min=1, help="With adopt and refund_orphan: the orphan's id.", show_default=False),
    ] = None,
    by: Changing,
) -> None:
    """Propose what is to be done about an attempt or an orphan; a second person approves it."""
    from gateway.cli.opening import run
    from gateway.cli.paying.orders import propose_decision

    if kind not in KINDS:
        raise typer.BadParameter(f"got {kind}, expected one of {', '.join(KINDS)}")
    given = {
        "kind": kind,
        "attempt": attempt,
        "document": document,
        "amount": amount,
        "transaction": transaction,
        "orphan": orphan,
    }
    _print(by, run(propose_decision(by, given)))


@spread
def approve(waiting: WaitingId, *, by: Changing) -> None:
    """Approve a refund or decision that somebody else asked for."""
    _answer(by, waiting, "approved")


@spread
def decline(waiting: WaitingId, *, by: Changing) -> None:
    """Decline a refund or decision that somebody else asked for."""
    _answer(by, waiting, "declined")


def _answer(by: Changing, waiting: int, verdict: Literal["approved", "declined"]) -> None:
    from gateway.cli.opening import run
    from gateway.cli.paying.orders import answer

    _print(by, run(answer(by, waiting, verdict)))


def _print(by: Changing, done: CancelDone | DecisionDone | RefundDone) -> None:
    from gateway.cli.screen import print_json

    if by.as_json:
        print_json(done)
    else:
        print(_line(done))


def _line(done: Any) -> str:
    """What a person reads about an order."""
    from gateway.cli.paying.words import DECISION, REQUEST, STAND, dong
    from gateway.storage.payment_orders import CancelDone, DecisionDone

    before = "" if done.action else " (it was so before)"
    if isinstance(done, CancelDone):
        return f"payment {done.payment} is cancelled ({REQUEST['cancelled']}){before}"
    if isinstance(done, DecisionDone):
        effect = f"; effect: {done.effect}" if done.effect else ""
        about = f"attempt {done.attempt}" if done.attempt else f"orphan {done.orphan}"
        return (
            f"decision {done.decision} on {about}, {DECISION[done.kind]}: {STAND[done.state]}{effect}{before}"
        )
    return (
        f"refund {done.refund} of {dong(done.amount)}: {STAND[done.state]}{before}; payment {done.payment} is "
        f"{done.payment_state} ({REQUEST[done.payment_state]}), given back so far {dong(done.refunded)}"
    )
