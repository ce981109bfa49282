"""The demo's chapter on money: dossiers are paid for at a platform whose callbacks go wrong, and both books are compared.

Invariant: the end is decided by the platform's own ledger, read after the last callback and the last sweep, and by
nothing that the gateway believes of itself.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec

from gateway.bootstrap import Gateway
from gateway.cli.demo.errand import AT_ONCE, Errand
from gateway.cli.demo.platform import NAME, Platform
from gateway.domain.dossier import FeeKind
from gateway.domain.errors import RecordError
from gateway.domain.payment_order import OrderItem
from gateway.payments.cashier import PaymentWish
from gateway.storage import payment_books
from gateway.storage.payment_orders import Answer, Proposal

DOSSIERS = 60
PATIENCE_SECONDS = 4.0
SWEEP_SECONDS = 10.0
SWEEP_PAUSE_SECONDS = 0.3
LOOK_SECONDS = 0.1
# what happens to the callback of a payment, and to how many of sixty
DAYS: tuple[tuple[str, int], ...] = (
    ("", 22),
    ("no_callback", 12),
    ("late_callback", 8),
    ("duplicate_callback", 6),
    ("fail_then_success", 4),
    ("success_then_fail", 4),
    ("bad_mac", 4),
)
FORGED = 6
WHY = "đối chiếu với sổ của nền tảng thanh toán"


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """What the chapter tells. Money in đồng; ``callbacks``: arrived, by HTTP status of our answer."""

    asked: int
    paid: int
    amount_theirs: int
    amount_ours: int
    by_callback: int
    by_question: int
    by_people: int
    repeated: int
    refused: int
    receipts: int
    settled_twice: int
    unpaid_shown_paid: int
    paid_shown_unpaid: int

    @property
    def difference(self) -> int:
        """What the two ledgers differ by."""
        return self.amount_ours - self.amount_theirs

    @property
    def holds(self) -> bool:
        """Both books say the same, and there was something to say."""
        wrong = (self.difference, self.settled_twice, self.unpaid_shown_paid, self.paid_shown_unpaid)
        return self.paid > 0 and not any(wrong)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"holds": self.holds, "difference": self.difference, **msgspec.structs.asdict(self)}


async def pay_for_dossiers(gateway: Gateway, platform: Platform, *, seed: int) -> Paid:
    """Ask for money for dossiers, have it paid, lose and forge callbacks, sweep, fetch receipts, compare."""
    chance = random.Random(seed)  # noqa: S311 - which callback goes wrong is no secret
    days = [fault for fault, count in DAYS for _ in range(count)]
    chance.shuffle(days)
    for fault in days:
        await platform.stand.administer("faults", {"faults": [fault] if fault else [], "next": 1})
    asked = 0
    for code in await gateway.database.read(payment_books.dossier_codes):
        asked += await _ask(gateway, code, chance.randrange(10, 500) * 5_000)
        if asked == DOSSIERS:
            break
    await _until(gateway, lambda states: not states["created"] and not states["init_unknown"])
    urls = await gateway.database.read(payment_books.pay_addresses)
    for reference in sorted(urls)[:FORGED]:
        await platform.stand.administer("send", {"reference": reference, "mac": "bad", "times": 2})
        other = max(urls)
        replayed = {"MaThamChieu": other}
        await platform.stand.administer(
            "send", {"reference": reference, "mac": "original", "fields": replayed}
        )
    await _side_by_side(platform.press(url) for url in urls.values())
    await _until(gateway, lambda states: not states["redirected"])
    await _sweep(gateway)  # before the late ones come: what was swept must not be settled again
    await platform.quiet(PATIENCE_SECONDS)
    loop = asyncio.get_running_loop()
    limit = loop.time() + SWEEP_SECONDS
    while loop.time() < limit:
        await _sweep(gateway)
        await _decide(gateway, platform)
        if await _in_step(gateway, platform):
            break
        await gateway.worker.wait_for_events(SWEEP_PAUSE_SECONDS)
    return await _compared(gateway, platform, asked)


async def _sweep(gateway: Gateway) -> None:
    await gateway.payments.sweep.run(Errand())
    await gateway.payments.receipts.run(Errand())


async def _decide(gateway: Gateway, platform: Platform) -> None:
    """Two people look at the platform's ledger about money that a callback told wrongly, and accept it."""
    moved = {each["MaThamChieu"]: each["MaGiaoDich"] for each in (await platform.stand.record())["payments"]}
    desk, now = gateway.payments.desk, gateway.hub.clock()
    for attempt, reference in await gateway.database.read(payment_books.quarantined):
        if reference not in moved:
            continue
        proposal = Proposal(
            attempt=attempt,
            kind="accept",
            document="DS-01",
            transaction=moved[reference],
            actor="cli:mai",
            reason=WHY,
            now=now,
        )
        made = await desk.propose(proposal)
        target = int(made.decision)
        await desk.answer(Answer(target=target, verdict="approved", actor="cli:an", reason=WHY, now=now))


async def _ask(gateway: Gateway, code: str, amount: int) -> bool:
    """Ask for money for a dossier; False where it does not say what a payer's receipt must show."""
    item = OrderItem(kind=FeeKind.FEE, name="Phí thẩm định hồ sơ", amount=amount)
    wish = PaymentWish(dossier=code, actor="demo", destination=NAME, items=(item,))
    try:
        await gateway.payments.cashier.create(wish)
    except RecordError:
        return False
    return True


async def _side_by_side(work: Iterable[Awaitable[None]]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(each: Awaitable[None]) -> None:
        async with slots:
            await each

    await asyncio.gather(*map(one, work))


async def _until(gateway: Gateway, holds: Callable[[Counter[str]], bool]) -> None:
    """Wait until the attempts stand so, or for as long as makes sense."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + PATIENCE_SECONDS
    while loop.time() < limit and not holds(await gateway.database.read(payment_books.attempt_states)):
        await gateway.worker.wait_for_events(LOOK_SECONDS)


async def _in_step(gateway: Gateway, platform: Platform) -> bool:
    ours = {each.reference for each in await gateway.database.read(payment_books.settlements)}
    return ours == _theirs(await platform.stand.record()).keys()


async def _compared(gateway: Gateway, platform: Platform, asked: int) -> Paid:
    record = await platform.stand.record()
    theirs, settled = _theirs(record), await gateway.database.read(payment_books.settlements)
    ours = {each.reference: each.amount for each in settled}
    sources = Counter(each.source for each in settled)
    statuses = Counter(
        delivery.get("status") for callback in record["callbacks"] for delivery in callback["deliveries"]
    )
    return Paid(
        asked=asked,
        paid=len(theirs),
        amount_theirs=sum(theirs.values()),
        amount_ours=sum(each.amount for each in settled),
        by_callback=sources["callback"],
        by_question=sources["query"],
        by_people=sources["operator"],
        repeated=await gateway.database.read(payment_books.repeated_callbacks),
        refused=statuses[401],
        receipts=await gateway.database.read(payment_books.kept_receipts),
        settled_twice=len(settled) - len(ours),
        unpaid_shown_paid=sum(theirs.get(reference) != amount for reference, amount in ours.items()),
        paid_shown_unpaid=sum(reference not in ours for reference in theirs),
    )


def _theirs(record: Mapping[str, Any]) -> dict[str, int]:
    return {str(each["MaThamChieu"]): int(each["SoTien"]) for each in record["payments"]}
