"""Payments over HTTP: asking for money, lists, one payment with everything that became of it, its receipt, orphans.

Invariants: money is a JSON integer of đồng, never a float, a text or more than fifteen digits; who pays is shown only to
clients that may read dossiers; nothing here settles.
"""

from __future__ import annotations

import functools
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from gateway.api.deliveries import Reason
from gateway.api.inputs import HIGHEST_IDENTIFIER, Word
from gateway.api.once import once
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.preview import EncodedRequest, encoded
from gateway.api.privacy import (
    PersonalQuery,
    Sight,
    masked_payer,
    note_reader,
    require_reader,
    sees_people,
    writes,
)
from gateway.api.problem import invalid
from gateway.api.route import Answer, Call, Operator
from gateway.api.service import Api
from gateway.domain.dossier import NO_NUL, Code, DossierCode, FeeKind, Instant
from gateway.domain.errors import NotFoundError
from gateway.domain.payment import MOST_VND, Amount, AttemptState, RequestState
from gateway.domain.payment_order import OrderItem, OrderPayer, PaymentOrder
from gateway.domain.violation import Violation
from gateway.payments.cashier import FEES, PaymentWish
from gateway.payments.questions import Questioned
from gateway.payments.views import OrphanView, PaymentGlance, PaymentView
from gateway.storage import queries_payment, queries_payments
from gateway.storage.clients import Principal, Scope
from gateway.storage.queries_payments import OrphanFilter, PaymentFilter

PDF = "application/pdf"
_LIST, _ORPHANS = "payments", "payment-orphans"
MOST_ITEMS = 50
_Place = Annotated[int, Meta(ge=0, le=HIGHEST_IDENTIFIER)]

Line: TypeAlias = Annotated[str, Meta(min_length=1, max_length=250, pattern=NO_NUL)]
Purpose: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,49}$(?!\n)",
        description="What is paid for; the same purpose of a dossier is asked for once.",
        examples=["fees"],
    ),
]
ItemMoney: TypeAlias = Annotated[int, Meta(ge=0, le=MOST_VND, description="Đồng, integer.")]


class PaymentItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fee (phí) or charge (lệ phí) to pay. ``code``: that of the portal's catalogue."""

    kind: FeeKind
    name: Line
    amount: ItemMoney
    code: Code | None = None


class Payer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who pays, where it is not the applicant. ``identity``: a number as text, with its leading zeros."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)]
    identity: Annotated[str, Meta(min_length=1, max_length=25, pattern=r"^[0-9A-Za-z-]+$(?!\n)")] | None = (
        None
    )
    address: Annotated[str, Meta(min_length=1, max_length=1000, pattern=NO_NUL)] | None = None
    province: Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)] | None = None


class PaymentWishBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to ask money for. ``items`` left out: every fee of the dossier that is not paid yet. ``payer`` left out: the
    applicant. ``destination`` left out: the one payment platform that there is."""

    purpose: Purpose = FEES
    items: Annotated[list[PaymentItem], Meta(min_length=1, max_length=MOST_ITEMS)] | None = None
    payer: Payer | None = None
    destination: Word | None = None
    operator: Operator | None = None


class PaymentOrderPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would leave. ``result``: whether a new attempt would begin, or there is one. ``order`` and ``request`` are
    null for a client that may not read dossiers."""

    destination: str
    result: Literal["begun", "going_on", "paid"]
    amount: int
    order: PaymentOrder | None
    request: EncodedRequest | None


class PaymentQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which payments. ``attempt``: one of the attempts stands so; ``reference``: MaThamChieu, ``transaction``:
    MaGiaoDich of an attempt. ``from`` (inclusive), ``to`` (exclusive): when it was asked for."""

    dossier: DossierCode | None = None
    destination: Word | None = None
    state: RequestState | None = None
    attempt: AttemptState | None = None
    reference: Word | None = None
    transaction: Word | None = None
    amount: Amount | None = None
    start: Instant | None = msgspec.field(name="from", default=None)
    end: Instant | None = msgspec.field(name="to", default=None)
    cursor: Cursor | None = None
    limit: Limit = 50


class PaymentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some payments, newest first. ``next`` null: these were the last."""

    items: list[PaymentGlance]
    next: str | None


class OrphanQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which orphans; without ``state`` all of them."""

    destination: Word | None = None
    state: Literal["open", "matched", "refunded"] | None = None
    reference: Word | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class OrphanPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some orphans, newest first. ``next`` null: these were the last."""

    items: list[OrphanView]
    next: str | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform said about the newest attempt, and the payment afterwards."""

    answer: Questioned
    payment: PaymentView


class PaymentOrderBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something done to a payment: why, and by whom at the client."""

    reason: Reason
    operator: Operator | None = None


async def create_payment(api: Api, call: Call) -> Answer:
    """Ask for money for a dossier, or go on with what was asked for."""

    async def work() -> Answer:
        made = await api.gateway.payments.cashier.create(_wish(call))
        view = await payment_view(api, call, int(made.payment))
        return Answer(
            value=view,
            status=201 if made.result == "begun" else 200,
            headers=(("location", f"/v1/payments/{made.payment}"),),
        )

    return await once(api, call, work)


async def preview_payment(api: Api, call: Call) -> Answer:
    """What would be sent, byte for byte; nothing is written."""
    found = await api.gateway.payments.cashier.preview(_wish(call))
    open_book = _reads_dossiers(call.principal)
    destination, shut = api.gateway.destinations[found.destination], not writes(call.principal)
    request = encoded(destination, found.request, masked=shut) if open_book else None
    order = found.order
    if shut:
        order = msgspec.structs.replace(order, payer=masked_payer(order.payer))
    return Answer(
        value=PaymentOrderPreview(
            destination=found.destination,
            result=found.result,
            amount=found.order.amount,
            order=order if open_book else None,
            request=request,
        )
    )


def _wish(call: Call) -> PaymentWish:
    body = call.body_as(PaymentWishBody)
    payer = body.payer
    items = body.items
    _require_payable(items)
    return PaymentWish(
        dossier=str(call.path["code"]),
        actor=call.actor,
        purpose=body.purpose,
        destination=body.destination,
        items=None
        if items is None
        else tuple(
            OrderItem(kind=each.kind, name=each.name, amount=each.amount, code=each.code) for each in items
        ),
        payer=None
        if payer is None
        else OrderPayer(
            name=payer.name, identity=payer.identity, address=payer.address, province=payer.province
        ),
    )


def _require_payable(items: list[PaymentItem] | None) -> None:
    """Refuse a sum that nobody can pay; each amount is judged by its type."""
    if items is None:
        return
    total = sum(each.amount for each in items)
    if not 0 < total <= MOST_VND:
        raise invalid(
            "the items cannot be paid together",
            Violation(
                pointer="/items",
                code="sum",
                got=str(total),
                expected=f"1 to {MOST_VND} đồng in all",
                advice="leave out what costs nothing, or ask for less at once",
            ),
        )


async def payment_view(
    api: Api, call: Call, identifier: int, asked: PersonalQuery | None = None
) -> PaymentView:
    """One payment as this client may see it, its payer as ``asked`` says; NotFoundError when there is none."""
    question = functools.partial(queries_payment.payment, identifier=identifier)
    found = await api.gateway.database.read(question)
    if found is None:
        raise NotFoundError(f"there is no payment {identifier}")
    if not _reads_dossiers(call.principal):
        return msgspec.structs.replace(found, payer=None)
    sight = Sight(verb="read_payer", dossier=found.dossier, detail={"payment": found.id})
    asked = asked or PersonalQuery()
    if await sees_people(api, call, sight, personal=asked.personal, reason=asked.reason):
        return found
    return msgspec.structs.replace(found, payer=masked_payer(found.payer))


def _reads_dossiers(principal: Principal | None) -> bool:
    return principal is not None and Scope.DOSSIERS_READ in principal.scopes


async def list_payments(api: Api, call: Call) -> Answer:
    """Some payments, newest first."""
    query = call.query_as(PaymentQuery)
    wanted = PaymentFilter(
        destination=query.destination,
        dossier=query.dossier,
        state=query.state,
        attempt=query.attempt,
        reference=query.reference,
        transaction=query.transaction,
        amount=query.amount,
        created_from=query.start,
        created_before=query.end,
    )
    before = key_of(_LIST, query.cursor, tuple[_Place, _Place])
    question = functools.partial(queries_payments.payments, wanted=wanted, before=before, limit=query.limit)
    items = await api.gateway.database.read(question)
    last = queries_payments.payment_key(items[-1]) if items else None
    return Answer(value=PaymentPage(items=items, next=next_cursor(_LIST, items, query.limit, last)))


async def get_payment(api: Api, call: Call) -> Answer:
    """One payment with everything that became of it."""
    asked = call.query_as(PersonalQuery)
    return Answer(value=await payment_view(api, call, int(call.path["payment"]), asked))


async def get_receipt(api: Api, call: Call) -> Answer:
    """The receipt's own bytes."""
    identifier = int(call.path["payment"])
    require_reader(call)
    question = functools.partial(queries_payment.kept_receipt, identifier=identifier)
    found = await api.gateway.database.read(question)
    if found is None:
        await payment_view(api, call, identifier)
        raise NotFoundError(
            f"payment {identifier} has no receipt here (yet); its field receipts says how far that is"
        )
    told = {"payment": str(identifier), "sha256": found.sha256}
    await note_reader(api, call, Sight(verb="read_receipt", dossier=found.dossier, detail=told))
    return Answer(
        content=found.body,
        media_type=PDF,
        headers=(
            ("etag", f'"{found.sha256}"'),
            # a partner made this file: a browser saves it and runs nothing of it here
            ("content-disposition", f'attachment; filename="receipt-{found.attempt}.pdf"'),
        ),
    )


async def ask_payment(api: Api, call: Call) -> Answer:
    """Ask the platform about the newest attempt now."""
    view = await payment_view(api, call, int(call.path["payment"]))
    if not view.attempts:
        raise NotFoundError(f"payment {view.id} has no attempt that could be asked about")
    answer = await api.gateway.payments.questions.ask(int(view.attempts[-1].id))
    return Answer(value=Asked(answer=answer, payment=await payment_view(api, call, int(view.id))))


async def get_orphan(api: Api, call: Call) -> Answer:
    """One orphan."""
    identifier = int(call.path["orphan"])
    question = functools.partial(queries_payments.orphan_by_id, identifier=identifier)
    found = await api.gateway.database.read(question)
    if found is None:
        raise NotFoundError(f"there is no orphan {identifier}")
    return Answer(value=found)


async def get_troubles(api: Api, _call: Call) -> Answer:
    """What a person must look at."""
    question = functools.partial(queries_payments.payment_troubles, now=api.now)
    return Answer(value=await api.gateway.database.read(question))


async def list_orphans(api: Api, call: Call) -> Answer:
    """Some orphans, newest first."""
    query = call.query_as(OrphanQuery)
    key = key_of(_ORPHANS, query.cursor, tuple[_Place])
    wanted = OrphanFilter(destination=query.destination, state=query.state, reference=query.reference)
    before = None if key is None else key[0]
    question = functools.partial(queries_payments.orphans, wanted=wanted, before=before, limit=query.limit)
    items = await api.gateway.database.read(question)
    last = (int(items[-1].id),) if items else None
    return Answer(value=OrphanPage(items=items, next=next_cursor(_ORPHANS, items, query.limit, last)))
