"""``lienthong payments``: lists, one payment, its receipt, orphans, what waits; asking for money and asking about it.

Invariant: what reads works beside a running gateway; what changes something goes on the database or through the API,
and names who does it.
"""

from __future__ import annotations

import hashlib
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import Actor, AsJson, Config, DryRun, Limit, Reason, Way, examples, group, spread
from gateway.cli.paying import deciding
from gateway.cli.paying.asked import Asked
from gateway.cli.times import in_vietnam

if TYPE_CHECKING:
    from gateway.storage.payment_views import PaymentView

app = group("Money asked for: list, show, create, ask about it; receipts, refunds, decisions of two people.")

PaymentId = Annotated[int, typer.Argument(metavar="ID", min=1, help="A payment's id, as the list shows it.")]
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S"]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--from",
        formats=_FORMATS,
        help="Asked for then or later; without an offset in Viet Nam's time.",
        show_default=False,
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option("--to", formats=_FORMATS, help="Asked for before.", show_default=False),
]
STATES = "open, paid, partly_refunded, refunded, cancelled"
ATTEMPTS = "created, init_unknown, redirected, pending, paid, failed, expired, quarantined or duplicate_paid"


@app.command(
    "list",
    epilog=examples(
        "lienthong payments list --state open",
        "lienthong payments list --attempt quarantined --json",
        "lienthong payments list --transaction PP26092800012345",
    ),
)
def list_(
    *,
    config: Config = None,
    dossier: Annotated[str | None, typer.Option(help="Only this dossier.", show_default=False)] = None,
    state: Annotated[str | None, typer.Option(help=f"Only this state: {STATES}.", show_default=False)] = None,
    attempt: Annotated[
        str | None, typer.Option(help=f"With an attempt that is {ATTEMPTS}.", show_default=False)
    ] = None,
    reference: Annotated[str | None, typer.Option(help="This MaThamChieu.", show_default=False)] = None,
    transaction: Annotated[str | None, typer.Option(help="This MaGiaoDich.", show_default=False)] = None,
    amount: Annotated[
        int | None, typer.Option(min=1, help="This amount of đồng exactly.", show_default=False)
    ] = None,
    destination: Annotated[
        str | None, typer.Option(help="Only this destination.", show_default=False)
    ] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List payments, the newest first."""
    from gateway.cli.opening import ask
    from gateway.cli.paying.screen import glance_table
    from gateway.cli.screen import console, print_json
    from gateway.storage.queries_payments import PaymentFilter, payments

    wanted = PaymentFilter(
        destination=destination,
        dossier=dossier,
        state=_state(state),
        attempt=_attempt(attempt),
        reference=reference,
        transaction=transaction,
        amount=amount,
        created_from=in_vietnam(since),
        created_before=in_vietnam(until),
    )
    found = ask(config, partial(payments, wanted=wanted, before=None, limit=limit))
    if as_json:
        print_json(found)
    else:
        console().print(glance_table(found))


def _state(given: str | None) -> Any:
    from gateway.domain.payment import RequestState

    if given is not None and given not in list(RequestState):
        raise typer.BadParameter(f"--state: got {given}, expected one of {STATES}")
    return None if given is None else RequestState(given)


def _attempt(given: str | None) -> Any:
    from gateway.domain.payment import AttemptState

    if given is not None and given not in list(AttemptState):
        raise typer.BadParameter(f"--attempt: got {given}, expected {ATTEMPTS}")
    return None if given is None else AttemptState(given)


@app.command("show", epilog=examples("lienthong payments show 250228600404447232"))
def show(payment: PaymentId, *, config: Config = None, as_json: AsJson = False) -> None:
    """Show one payment: attempts, settlement, calls, receipts, refunds, decisions."""
    from gateway.cli.opening import ask
    from gateway.cli.paying.screen import print_payment
    from gateway.cli.screen import print_json

    found: PaymentView = ask(config, partial(_found, payment=payment))
    if as_json:
        print_json(found)
    else:
        print_payment(found)


def _found(connection: Any, payment: int) -> PaymentView:
    from gateway.domain.errors import NotFoundError
    from gateway.storage.queries_payment import payment as payment_of

    found = payment_of(connection, payment)
    if found is None:
        raise NotFoundError(f"there is no payment {payment}")
    return found


@app.command(
    "create",
    epilog=examples(
        "lienthong payments create H99.14-260928-0007 --dry-run",
        "lienthong payments create H99.14-260928-0007",
        "lienthong payments create H99.14-260928-0007 --purpose copies --item 'fee:20000:Phí sao lục'",
        "lienthong payments create H99.14-260928-0007 --url http://127.0.0.1:8787 --key-file ops.key",
    ),
)
@spread
def create(
    dossier: Annotated[str, typer.Argument(help="A stored dossier's number.")],
    *,
    asked: Asked,
    dry_run: DryRun = False,
    actor: Actor = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Ask for money for a dossier, once for a purpose; --dry-run shows the exact bytes."""
    from gateway.cli.opening import run
    from gateway.cli.paying.screen import print_payment, print_preview
    from gateway.cli.paying.till import create_payment, preview_payment
    from gateway.cli.screen import print_json

    if dry_run:
        preview = run(preview_payment(way, dossier, asked, actor))
        print_json(preview) if as_json else print_preview(preview)
        return
    view = run(create_payment(way, dossier, asked, actor))
    print_json(view) if as_json else print_payment(view)


@app.command(
    "ask",
    epilog=examples(
        "lienthong payments ask 250228600404447232",
        "lienthong payments ask 250228600404447232 --url http://127.0.0.1:8787 --key-file ops.key",
    ),
)
@spread
def ask_(payment: PaymentId, *, way: Way, as_json: AsJson = False) -> None:
    """Ask the platform now what became of a payment. Exit code 1: it is not paid."""
    from gateway.cli.exits import NO
    from gateway.cli.opening import run
    from gateway.cli.paying.screen import answer_line
    from gateway.cli.paying.till import ask_payment
    from gateway.cli.screen import print_json
    from gateway.domain.payment import AttemptState

    answer = run(ask_payment(way, payment))
    if as_json:
        print_json(answer)
    else:
        print(answer_line(answer))
    if answer.state is not AttemptState.PAID:
        raise typer.Exit(NO)


@app.command(
    "receipt",
    epilog=examples(
        "lienthong payments receipt 250228600404447232 --reason 'the applicant asks for it' --output receipt.pdf",
        "lienthong payments receipt 250228600404447232 --reason 'audit of March' --output - | sha256sum",
    ),
)
@spread
def receipt(
    payment: PaymentId,
    *,
    reason: Reason,
    actor: Actor = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to; '-' prints it.", show_default=False),
    ] = None,
    way: Way,
) -> None:
    """Write the receipt's file (PDF), as it was fetched; who reads it and why is logged. Exit code 1: there is none."""
    from gateway.cli.opening import run
    from gateway.cli.paying.receipt import receipt_of

    found = run(receipt_of(way, payment, reason, actor))
    if output == "-":
        sys.stdout.buffer.write(found)
        sys.stdout.flush()
        return
    path = Path(output or f"receipt-{payment}.pdf")
    path.write_bytes(found)
    print(f"{path}: {len(found):,} bytes, SHA-256 {hashlib.sha256(found).hexdigest()}")


@app.command(
    "orphans",
    epilog=examples("lienthong payments orphans", "lienthong payments orphans --state open --json"),
)
def orphans(
    *,
    config: Config = None,
    state: Annotated[
        str | None, typer.Option(help="open, matched or refunded; else all.", show_default=False)
    ] = None,
    destination: Annotated[
        str | None, typer.Option(help="Only this destination.", show_default=False)
    ] = None,
    reference: Annotated[str | None, typer.Option(help="This MaThamChieu.", show_default=False)] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List money that fits nothing that was asked for. Exit code 1: some is neither matched nor given back."""
    from gateway.cli.exits import NO
    from gateway.cli.opening import ask
    from gateway.cli.paying.screen import orphan_table
    from gateway.cli.screen import console, print_json
    from gateway.storage.queries_payments import OrphanFilter
    from gateway.storage.queries_payments import orphans as orphans_of

    if state not in {None, "open", "matched", "refunded"}:
        raise typer.BadParameter(f"--state: got {state}, expected open, matched or refunded")
    wanted = OrphanFilter(destination=destination, state=state, reference=reference)  # type: ignore[arg-type] # judged
    found = ask(config, partial(orphans_of, wanted=wanted, before=None, limit=limit))
    if as_json:
        print_json(found)
    else:
        console().print(orphan_table(found))
    if any(each.matched_at is None and each.refunded_at is None for each in found):
        raise typer.Exit(NO)


@app.command("waiting", epilog=examples("lienthong payments waiting", "lienthong payments waiting --json"))
def waiting(*, config: Config = None, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List what waits for a person: troubles, and refunds and decisions for a second one. Exit code 1: something does."""
    from gateway.cli.exits import NO
    from gateway.cli.opening import ask
    from gateway.cli.paying.screen import print_waiting
    from gateway.cli.screen import print_json

    found = ask(config, partial(_waiting, limit=limit))
    if as_json:
        print_json(found)
    else:
        print_waiting(**found)
    troubles = found["troubles"]
    if any(getattr(troubles, name) for name in troubles.__struct_fields__ if name != "open"):
        raise typer.Exit(NO)


def _waiting(connection: Any, limit: int) -> dict[str, Any]:
    from datetime import UTC

    from gateway.storage import queries_payments

    return {
        "troubles": queries_payments.payment_troubles(connection, datetime.now(UTC)),
        "refunds": queries_payments.waiting_refunds(connection, limit),
        "decisions": queries_payments.waiting_decisions(connection, limit),
    }


deciding.register(app)
