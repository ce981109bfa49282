"""What is done about one payment: ask the platform, fetch the receipt, cancel, give money back, propose a decision.

Invariant: what asks for or gives up money is shown once more before it is done; what two people must do is put before the
second one, never done here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.api.payments import Asked
from gateway.console.asking import ask
from gateway.console.links import to_approval
from gateway.console.page import Action, Moved, Response, Shown, Visit
from gateway.console.pages.payments import LIST, plain_amount
from gateway.payments.views import PaymentView
from gateway.storage.clients import Scope
from gateway.storage.payment_orders import AskedAgain, CancelDone, DecisionDone, RefundDone

Text = Annotated[str, Meta(max_length=1000)]
Back = Annotated[str, Meta(pattern=r"^/console/payments/[a-z0-9/]{1,80}$(?!\n)")]


class AskForm(msgspec.Struct, frozen=True, kw_only=True):
    """``back``: the page that asked."""

    back: Back | None = None


class ReasonForm(msgspec.Struct, frozen=True, kw_only=True):
    """Why. ``confirmed``: what will happen was shown."""

    reason: Text
    confirmed: bool = False


class RefundForm(msgspec.Struct, frozen=True, kw_only=True):
    """Money to give back, by ``document``."""

    attempt: Text
    amount: Text
    document: Text
    reason: Text
    confirmed: bool = False


class DecisionForm(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done about an attempt; ``about``: attempt and kind, as the list of the form names them."""

    about: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,18}:[a-z_]{1,20}$(?!\n)")]
    document: Text
    reason: Text
    amount: Text = ""
    transaction: Text = ""
    bank: Text = ""
    confirmed: bool = False


async def ask_now(visit: Visit) -> Response:
    """Ask the platform; its answer is told on the page where one came from."""
    number = int(visit.path["payment"])
    asked = await ask(visit, "ask_payment", Asked, path={"payment": number})
    answer = asked.answer
    said = " ".join(filter(None, (answer.code, answer.reason)))
    return Moved(
        to=visit.form_as(AskForm).back or f"{LIST}/{number}",
        message=f"payments.asked_{answer.effect}",
        values={"reference": answer.reference, "said": f" ({said})" if said else ""},
    )


async def fetch_receipt(visit: Visit) -> Response:
    """Have the receipt fetched again."""
    number, form = int(visit.path["payment"]), visit.form_as(ReasonForm)
    done = await ask(
        visit, "fetch_receipt", AskedAgain, path={"payment": number}, body={"reason": form.reason}
    )
    return Moved(to=f"{LIST}/{number}", message=f"payments.receipt_fetch_{done.state}")


async def cancel(visit: Visit) -> Response:
    """Ask for this money no more."""
    number, form = int(visit.path["payment"]), visit.form_as(ReasonForm)
    if not form.confirmed:
        return await _confirm(visit, "cancel", {"reason": form.reason})
    await ask(visit, "cancel_payment", CancelDone, path={"payment": number}, body={"reason": form.reason})
    return Moved(to=f"{LIST}/{number}", message="payments.cancelled")


async def refund(visit: Visit) -> Response:
    """Put a refund before a second person."""
    number, form = int(visit.path["payment"]), visit.form_as(RefundForm)
    given = {**msgspec.structs.asdict(form), "amount": plain_amount(form.amount)}
    del given["confirmed"]
    if not form.confirmed:
        return await _confirm(visit, "refund", given)
    done = await ask(visit, "request_refund", RefundDone, path={"payment": number}, body=given)
    where = to_approval(visit, done.refund, f"{LIST}/{number}")
    return Moved(to=where, message="payments.refund_waits")


async def decide(visit: Visit) -> Response:
    """Put a decision before a second person."""
    form = visit.form_as(DecisionForm)
    attempt, _, kind = form.about.partition(":")
    body: dict[str, Any] = {
        "attempt": attempt,
        "kind": kind,
        "document": form.document,
        "reason": form.reason,
    }
    body |= {name: getattr(form, name) for name in ("transaction", "bank") if getattr(form, name)}
    body |= {"amount": plain_amount(form.amount)} if form.amount else {}
    if not form.confirmed:
        given = {**msgspec.structs.asdict(form), "amount": plain_amount(form.amount)}
        del given["confirmed"]
        return await _confirm(visit, "decide", given, decision=kind)
    done = await ask(visit, "propose_decision", DecisionDone, body=body)
    where = to_approval(visit, done.decision, f"{LIST}/{visit.path['payment']}")
    return Moved(to=where, message="payments.decision_waits")


async def _confirm(
    visit: Visit,
    what: Literal["cancel", "refund", "decide"],
    given: dict[str, Any],
    *,
    decision: str | None = None,
) -> Response:
    """What will happen, before it does."""
    number = int(visit.path["payment"])
    found = await ask(visit, "get_payment", PaymentView, path={"payment": number})
    attempt = str(given.get("attempt") or str(given.get("about", "")).partition(":")[0])
    return Shown(
        template="payments/confirm.html",
        values={
            "title": f"payments.confirm_{what}",
            "payment": found,
            "attempt": next((each for each in found.attempts if each.id == attempt), None),
            "what": what,
            "decision": decision,
            "given": given,
        },
    )


ACTIONS = (
    Action(
        path=LIST + "/{payment}/ask",
        name="payment",
        scope=Scope.PAYMENTS_WRITE,
        view=ask_now,
        form=AskForm,
    ),
    Action(
        path=LIST + "/{payment}/receipt/fetch",
        name="payment",
        scope=Scope.PAYMENTS_WRITE,
        view=fetch_receipt,
        form=ReasonForm,
    ),
    Action(
        path=LIST + "/{payment}/cancel",
        name="payment",
        scope=Scope.PAYMENTS_WRITE,
        view=cancel,
        form=ReasonForm,
    ),
    Action(
        path=LIST + "/{payment}/refund",
        name="payment",
        scope=Scope.PAYMENTS_WRITE,
        view=refund,
        form=RefundForm,
    ),
    Action(
        path=LIST + "/{payment}/decide",
        name="payment",
        scope=Scope.PAYMENTS_WRITE,
        view=decide,
        form=DecisionForm,
    ),
)
