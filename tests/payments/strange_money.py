"""Strange money and what two persons do about it, over the tables and the desk of a whole gateway.

Both ledgers are read as the page of both reads them.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gateway.domain.ledger import Ledger
from gateway.domain.reconciliation import Item
from gateway.storage.payment_orders import Answer, DecisionDone, Proposal, RefundOrder
from gateway.storage.reconciliation import ItemFilter
from tests.payment_books_world import DAY, Books

STRANGE = "PGFOREIGN0001"
FEE = 77_000
HEADINGS = "reference,transaction,partner,amount,type\n"


def one(books: Books, statement: str, **given: Any) -> Any:
    question = sa.text(statement)
    return books.database.ask(lambda connection: connection.execute(question, given).scalar())


def attempt_of(books: Books, reference: str) -> int:
    return int(one(books, "SELECT id FROM payment_attempt WHERE reference = :it", it=reference))


def orphan_of(books: Books, transaction: str = "") -> int:
    where = "transaction_no = :it" if transaction else "'' = :it"
    return int(one(books, f"SELECT MIN(id) FROM payment_orphan WHERE {where}", it=transaction))  # noqa: S608


def number_of(books: Books, reference: str) -> str:
    payments = books.platform.record()["payments"]
    return next(str(each["MaGiaoDich"]) for each in payments if each["MaThamChieu"] == reference)


async def propose(books: Books, kind: str, **given: Any) -> DecisionDone:
    given = {"document": "SK-0147", "reason": "ghi sai mã", **given}
    order = Proposal(actor="chi.an", now=books.now, kind=kind, **given)  # type: ignore[arg-type]
    return await books.gateway.payments.desk.propose(order)


async def decide(books: Books, kind: str, **given: Any) -> None:
    """Two persons do it."""
    proposed = await propose(books, kind, **given)
    answer = Answer(
        actor="anh.binh",
        reason="đã xem sao kê",
        now=books.now,
        target=int(proposed.decision),
        verdict="approved",
    )
    await books.gateway.payments.desk.answer(answer)


async def adopt(books: Books, own: str, transaction: str = "") -> None:
    await decide(books, "adopt", attempt=attempt_of(books, own), orphan=orphan_of(books, transaction))


async def give_back(books: Books, reference: str, amount: int) -> None:
    payment = one(books, "SELECT request_id FROM payment_attempt WHERE reference = :it", it=reference)
    order = RefundOrder(
        actor="chi.an",
        reason="nộp nhầm",
        now=books.now,
        payment=int(payment),
        amount=amount,
        document="UNC-12",
    )
    desk = books.gateway.payments.desk
    asked = await desk.request_refund(order)
    answer = Answer(
        actor="anh.binh", reason="đúng", now=books.now, target=int(asked.refund), verdict="approved"
    )
    await desk.answer_refund(answer)


async def both(books: Books, last: date = DAY) -> Ledger:
    return await books.reconciliation.ledger(DAY, max(last, DAY))


async def items(books: Books) -> dict[str, Item]:
    """Every item there is, by reference; one each."""
    found = await books.reconciliation.items(ItemFilter())
    assert len({item.reference for item in found}) == len(found), "a reference has one item"
    return {item.reference: item for item in found}


async def require_even(books: Books, amount: int, last: date = DAY) -> None:
    """Both ledgers have ``amount``, and nothing waits for anybody."""
    found = await both(books, last)
    assert (found.ours, found.theirs, found.difference, found.open) == (amount, amount, 0, 0)
    assert found.sound


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text(HEADINGS + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def paid_line(books: Books, reference: str = STRANGE, kind: str = "PAY") -> str:
    return f"{reference},{number_of(books, reference)},DEMOH99,{FEE},{kind}"


async def heard_of(books: Books, how: str, folder: Path) -> None:
    """How somebody here learnt of the strange money: by a callback, the settlement file of the day, or both."""
    books.foreign_payment(STRANGE, FEE)
    if how == "file":
        books.lose()
    else:
        await books.hear()
    if how != "callback":
        await books.hand_in(books.settlement_file(folder))
