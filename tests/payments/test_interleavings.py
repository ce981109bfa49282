"""Payments in every order that a bad day can bring, against the platform's own ledger.

Requests and answers are lost, processes die, payers pay, fail, or pay twice, callbacks come late, doubled, reordered,
forged or with wrong figures, people press buttons. After every step nothing is settled twice, nothing unpaid is paid,
nothing paid is unpaid, and nobody can pay at two addresses; after a sweep both ledgers agree to the đồng. The same
machine finds each protection that is taken away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from adapters.payment_platform.answers import Answers
from gateway.domain import payment
from gateway.domain.errors import ConflictError
from gateway.domain.outcome import Deferred
from gateway.domain.payment import OPEN, AttemptState, Decision, RequestState
from gateway.payments.cashier import Cashier
from gateway.port import PaymentReport
from gateway.storage import payments
from gateway.storage.instants import from_micros
from gateway.storage.payment_orders import Answer, Cancel, Proposal, RefundOrder
from gateway.storage.sql import Statement
from mappings.payment_platform import checksum
from tests.payments.conftest import MEMORY
from tests.payments.office import OTHER, OTHER_SECRET, Crashed, Fate, Office
from tests.unit import payment_world as world

# a day that is interrupted in the middle of a step never ends, so nothing but a standstill may be taken for one
pytestmark = pytest.mark.timeout(1_200)
# the default suite plays the same days every time; the long one others
DEFAULT, SEARCHED, SHARES = 150, 5_000, 4
LONG = int(os.environ.get("PAYMENT_EXAMPLES", "10000"))
STEPS = 30
AMOUNTS = {"H99.15-260928-0001": 250_000, "H99.15-260928-0002": 3_500_000_000, "H99.15-260928-0003": 250_000}
CODES = sorted(AMOUNTS)
PAID = {AttemptState.PAID, AttemptState.DUPLICATE_PAID}
PAID_REQUESTS = {RequestState.PAID, RequestState.PARTLY_REFUNDED, RequestState.REFUNDED}
FAULTS = ("fail_then_success", "success_then_fail", "duplicate_callback(3)", "late_callback(600)", "no_callback",
          "query_pending(2)", "query_unknown_status", "second_MaGiaoDich", "extra_fields", "camel_case_keys",
          "amount_changed_valid_mac", "bad_mac", "unknown_reference", "clock_skew(-300)")  # fmt: skip
LIES = ({"SoTien": 7}, {"MaTienTe": "USD"}, {"MaGiaoDich": ""}, {"SoTien": 2**32 + 1})
number = st.integers(0, 1_000)


class Money(msgspec.Struct, frozen=True):
    """One attempt on both sides. ``number``: the transaction's, in our books."""

    state: AttemptState
    request: int
    amount: int
    number: str | None
    settled: str | None


class BadDay(RuleBasedStateMachine):
    """``template``: a migrated database."""

    def __init__(self, template: Path) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(
            prefix="lienthong-", dir=MEMORY if MEMORY.is_dir() else None
        )
        self._runner = asyncio.Runner()
        self.office = Office(Path(self._folder.name), template)
        self.office.before.append(self._nobody_pays_twice)
        self.paid: dict[int, str] = {}
        self.delivered: list[bytes] = []
        self._nothing_heard = False
        for code, amount in AMOUNTS.items():
            self._run(self.office.accept(code, amount))

    def teardown(self) -> None:
        try:
            self.everything_comes_to_light()
        finally:
            self.office.close()
            self._runner.close()
            self._folder.cleanup()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return self._runner.run(work)
        except Crashed:
            self._runner.run(self.office.crash())

    # Our side

    @rule(code=st.sampled_from(CODES))
    def ask(self, code: str) -> None:
        """Somebody wants it paid, for the first time or again."""
        with contextlib.suppress(ConflictError):  # a person must decide about an attempt first
            self._run(self.office.ask(code))

    @rule()
    def work(self) -> None:
        self._run(self.office.work())

    @rule()
    def learn(self) -> None:
        self._run(self.office.learn())

    @rule()
    def crash(self) -> None:
        self._run(self.office.crash())

    @rule(seconds=st.sampled_from((1, 5, 31, 125, 400, 901, 7_200)))
    def wait(self, seconds: int) -> None:
        self.office.move(seconds=seconds)

    @rule(service=st.sampled_from(("INIT", "QUERY")), fate=st.sampled_from(Fate))
    def next_fate(self, service: str, fate: Fate) -> None:
        self.office.fates[service].append(fate)

    @precondition(lambda self: self.references)
    @rule(which=number)
    def question(self, which: int) -> None:
        self._run(self.office.inquire(self._one(which)))

    @rule()
    def sweep(self) -> None:
        self._run(self.office.sweep())

    # People

    def _aside(self) -> list[str]:
        return [name for name, money in self._books().items() if money.state is AttemptState.QUARANTINED]

    @precondition(lambda self: self._aside())
    @rule(which=number)
    def decide_about_what_was_set_aside(self, which: int) -> None:
        """Two people look into the bank's statement: accepted if the money is there, else rejected."""
        aside = self._aside()
        self._decide(aside[which % len(aside)])

    def _decide(self, reference: str) -> None:
        moved = self._payments(reference)
        words = (
            {"kind": "accept", "transaction": moved[0].number} if moved else {"kind": "reject", "amount": 0}
        )
        self._propose(reference, **words)

    def _propose(self, reference: str, **words: Any) -> None:
        """One person proposes, another approves."""
        office, about = self.office, {"reason": "sao kê ngân hàng", "now": self.office.now}
        self._decline_what_waits(reference, words["kind"])
        proposal = Proposal(
            actor="one-door/chi.an",
            attempt=office.attempt(reference)["id"],
            document="SK-2026-09",
            **about,
            **words,
        )
        made = self._run(office.desk.propose(proposal))
        if made.state != "requested":  # the very same was decided before
            return
        answer = {"target": int(made.decision), "verdict": "approved", **about}
        with pytest.raises(ConflictError, match="somebody else"):
            self._run(office.desk.answer(Answer(actor="one-door/chi.an", **answer)))
        try:
            self._run(office.desk.answer(Answer(actor="one-door/anh.binh", **answer)))
        except (
            ConflictError
        ):  # things are not as they thought: a proposal that waits stands in the way of the next
            declined = {**answer, "verdict": "declined"}
            self._run(office.desk.answer(Answer(actor="one-door/anh.binh", **declined)))
            raise

    def _decline_what_waits(self, reference: str, kind: str) -> None:
        """A process that died between two people has left a proposal, which stands in the way of any other."""
        left = self.office.rows(
            "SELECT id FROM payment_decision WHERE attempt_id = :id AND state = 'requested' AND kind <> :kind",
            id=self.office.attempt(reference)["id"],
            kind=kind,
        )
        about = {"reason": "không còn đúng", "now": self.office.now, "verdict": "declined"}
        for (waiting,) in left:
            self._run(self.office.desk.answer(Answer(actor="one-door/anh.binh", target=waiting, **about)))

    @precondition(lambda self: self.office.platform._state.payments)
    @rule(which=number)
    def settle_by_hand(self, which: int) -> None:
        """The bank's statement shows a payment before the platform has told of it."""
        moved = self.office.platform._state.payments[which % len(self.office.platform._state.payments)]
        if not moved.second:
            with contextlib.suppress(ConflictError):  # settled, or set aside, meanwhile
                self._propose(moved.reference, kind="settle", transaction=moved.number)

    @precondition(lambda self: self._orphans())
    @rule(which=number)
    def adopt(self, which: int) -> None:
        """A payment under a reference that nobody knows finds the attempt that it was made for."""
        orphans = self._orphans()
        orphan, moved = orphans[which % len(orphans)]
        with contextlib.suppress(ConflictError):
            self._propose(moved.reference, kind="adopt", orphan=orphan)

    def _orphans(self) -> list[tuple[int, Any]]:
        found = self.office.rows("SELECT id, transaction_no FROM payment_orphan WHERE matched_at IS NULL")
        moved = {each.number: each for each in self.office.platform._state.payments}
        return [(orphan, moved[transaction]) for orphan, transaction in found if transaction in moved]

    @precondition(lambda self: self.references)
    @rule(which=number)
    def cancel(self, which: int) -> None:
        request = self.office.attempt(self._one(which))["request_id"]
        order = Cancel(actor="one-door/chi.an", reason="nộp nhầm", now=self.office.now, payment=request)
        with contextlib.suppress(ConflictError):  # somebody could still pay it, or has
            self._run(self.office.desk.cancel(order))

    @precondition(lambda self: self.references)
    @rule(which=number)
    def give_up(self, which: int) -> None:
        """After three days two people wait no longer."""
        self.office.move(hours=73)
        with contextlib.suppress(
            ConflictError
        ):  # it is over, has not left, or the platform has an answer after all
            self._propose(self._one(which), kind="give_up")

    @precondition(lambda self: self.paid)
    @rule(which=number, part=st.sampled_from((1, 2, 1_000)), approved=st.booleans())
    def give_back(self, which: int, part: int, approved: bool) -> None:
        request = sorted(self.paid)[which % len(self.paid)]
        amount = self.office.rows("SELECT amount FROM payment_request WHERE id = :id", id=request)[0][0]
        about = {"reason": "hồ sơ rút", "now": self.office.now}
        order = RefundOrder(
            actor="one-door/chi.an",
            payment=request,
            amount=max(1, amount // part),
            document=f"UNC-{part}",
            **about,
        )
        with contextlib.suppress(ConflictError):  # more than came in
            made = self._run(self.office.desk.request_refund(order))
            verdict = "approved" if approved else "declined"
            answer = Answer(actor="one-door/anh.binh", target=int(made.refund), verdict=verdict, **about)
            self._run(self.office.desk.answer_refund(answer))

    # The payer

    @precondition(lambda self: self.payable)
    @rule(which=number, button=st.sampled_from(("pay", "pay", "pay", "fail", "leave")), faults=st.lists(st.sampled_from(FAULTS), max_size=2, unique=True))  # fmt: skip
    def press(self, which: int, button: str, faults: list[str]) -> None:
        payable = self.payable
        self.office.press(payable[which % len(payable)], button, *faults)
        self.collect()

    @rule()
    def the_next_payer_is_quick(self) -> None:
        order = {"faults": ["callback_before_init_reply"], "next": 1}
        self.office.platform.administer("faults", json.dumps(order).encode())

    # The post

    def collect(self) -> None:
        self.office.post += self.office.notices()

    @rule()
    def the_platform_repeats(self) -> None:
        self.collect()

    @precondition(lambda self: self.office.post)
    @rule(which=number, copies=st.integers(1, 3), answered=st.booleans())
    def deliver(self, which: int, copies: int, answered: bool) -> None:
        """In any order, once or several times; our answer may be lost."""
        call = self._taken(which)
        for _ in range(copies):
            answer, _effect = self._run(self.office.receive(call.body))
        self.office.platform.answered(call.id, answer.status if answered else 0, answer.body)
        self.delivered.append(call.body)

    @precondition(lambda self: self.office.post)
    @rule(which=number)
    def lose(self, which: int) -> None:
        self.office.platform.answered(self._taken(which).id, 0, b"lost")

    @precondition(lambda self: self.office.post)
    @rule(which=number)
    def die_before_the_commit(self, which: int) -> None:
        """Everything is written, and then the process is gone."""
        call = self._taken(which)
        report = self.office.adapter.read_callback(world.call(call.body), world.context())
        if isinstance(report, PaymentReport):
            evidence = report.evidence("payment_platform", self.office.now)

            def half(transaction: Any) -> None:
                payments.apply_evidence(transaction, [evidence])
                raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                self._run(self.office.database.write(half))
        self.office.platform.answered(call.id, 0, b"lost")
        self.crash()

    @precondition(lambda self: self.delivered)
    @rule(which=number)
    def replay(self, which: int) -> None:
        self._run(self.office.receive(self.delivered[which % len(self.delivered)]))

    @precondition(lambda self: self.delivered and self.references)
    @rule(which=number, other=number)
    def replay_for_another(self, which: int, other: int) -> None:
        """An honest callback with another dossier's reference in it."""
        message = json.loads(self.delivered[which % len(self.delivered)])
        self._forged({**message, "MaThamChieu": self._one(other)})

    @precondition(lambda self: self.references)
    @rule(which=number, code=st.sampled_from(("", "0" * 64, None)))
    def forge(self, which: int, code: str | None) -> None:
        """Somebody without the secret says that it was paid."""
        self._forged({**self._notice(self._one(which)), "MaXacThuc": code})

    def _forged(self, message: dict[str, Any]) -> None:
        before = self._books()
        self._run(self.office.receive(json.dumps(message).encode()))
        if not checksum.verify("CONFIRM", message, (world.SECRET,)):
            assert self._books() == before, "a forged callback has changed something"

    @precondition(lambda self: self.references)
    @rule(which=number, lie=st.sampled_from(LIES))
    def lie(self, which: int, lie: dict[str, Any]) -> None:
        """A callback with a good code and figures that nobody asked for."""
        self._say({**self._notice(self._one(which)), **lie})

    @precondition(lambda self: self.references)
    @rule(which=number)
    def claim_for_another_partner(self, which: int) -> None:
        self._say({**self._notice(self._one(which)), "MaDoiTac": OTHER}, OTHER_SECRET)

    @precondition(lambda self: self.paid and len(self.references) > 1)
    @rule(which=number, other=number)
    def claim_with_anothers_transaction(self, which: int, other: int) -> None:
        """One payment must not settle two dossiers."""
        settled = sorted(self.paid.values())[which % len(self.paid)]
        reference = self._one(other)
        if not any(each.number == settled for each in self._payments(reference)):
            self._say({**self._notice(reference), "MaGiaoDich": settled})

    def _say(self, message: dict[str, Any], secret: str = world.SECRET) -> None:
        code = checksum.mac("CONFIRM", message, secret)
        self._run(self.office.receive(json.dumps({**message, "MaXacThuc": code}).encode()))

    def _notice(self, reference: str) -> dict[str, Any]:
        """What the platform would say if this had been paid."""
        row = self.office.attempt(reference)
        told = {"MaThamChieu": reference, "SoTien": row["amount"], "ThoiGianGD": row["asked_at"]}
        return {**world.CONFIRM, **told, "MaGiaoDich": f"PP260928{row['id'] % 10**8:08d}"}

    # What is so at any time

    @property
    def references(self) -> list[str]:
        return [row[0] for row in self.office.rows("SELECT reference FROM payment_attempt ORDER BY id")]

    @property
    def payable(self) -> list[str]:
        """Addresses at which somebody could pay now."""
        state = self.office.platform._state
        return [
            each.reference
            for each in state.transactions.values()
            if each.state == "open" and not state.is_over(each, self.office.now)
        ]

    def _one(self, which: int) -> str:
        references = self.references
        return references[which % len(references)]

    def _taken(self, which: int) -> Any:
        return self.office.post.pop(which % len(self.office.post))

    def _payments(self, reference: str) -> list[Any]:
        return [each for each in self.office.platform._state.payments if each.reference == reference]

    def _books(self) -> dict[str, Money]:
        rows = self.office.rows("""
            SELECT a.reference, a.state, a.request_id, a.amount, a.transaction_no, s.transaction_no
            FROM payment_attempt AS a LEFT JOIN settlement AS s ON s.attempt_id = a.id
        """)
        return {row[0]: Money(AttemptState(row[1]), row[2], row[3], row[4], row[5]) for row in rows}

    def _nobody_pays_twice(self, service: str, message: dict[str, Any]) -> None:
        """Asked at the very moment when an INIT arrives."""
        if service != "INIT":
            return
        dossier = message["ThongTinBienLai"]["MaHoSo"]
        same = [each for each in self.payable if self.office.transaction(each).bill["MaHoSo"] == dossier]
        assert not same, f"a second INIT while {same} can still be paid"
        assert self.office.transaction(message["MaThamChieu"]) is None, "the same INIT twice"

    @invariant()
    def nothing_is_settled_twice(self) -> None:
        rows = self.office.rows("SELECT request_id, partner || transaction_no FROM settlement")
        for column in (0, 1):
            assert max(Counter(row[column] for row in rows).values(), default=0) <= 1
        told = Counter(data["payment"] for kind, data in self.office.events() if kind == "payment.settled")
        assert told == {str(row[0]): 1 for row in rows}, "the one-door system is told once"

    @invariant()
    def nothing_unpaid_is_paid(self) -> None:
        for reference, money in self._books().items():
            if money.state in PAID:
                moved = {(each.number, each.amount) for each in self._payments(reference)}
                assert (money.settled or money.number, money.amount) in moved, f"nobody paid {reference}"
            assert (money.settled is not None) == (money.state is AttemptState.PAID)

    @invariant()
    def nothing_paid_is_unpaid(self) -> None:
        states = dict(self.office.rows("SELECT id, state FROM payment_request"))
        settled = dict(self.office.rows("SELECT request_id, transaction_no FROM settlement"))
        assert self.paid.items() <= settled.items(), "a settlement has gone or changed"
        assert {request for request, state in states.items() if state in PAID_REQUESTS} == set(settled)
        self.paid = settled

    @invariant()
    def nothing_is_cancelled_that_somebody_could_pay(self) -> None:
        rows = self.office.rows("""
            SELECT a.reference, a.state FROM payment_attempt AS a
            JOIN payment_request AS r ON r.id = a.request_id WHERE r.state = 'cancelled'
        """)
        assert not [row for row in rows if row[1] in OPEN and row[0] in self.payable]

    @invariant()
    def what_was_asked_for_stays(self) -> None:
        rows = self.office.rows("""
            SELECT r.dossier_code, r.amount, a.amount FROM payment_request AS r
            JOIN payment_attempt AS a ON a.request_id = r.id
        """)
        assert all(row[1] == row[2] == AMOUNTS[row[0]] for row in rows)

    # After a sweep

    @rule()
    def settle_up(self) -> None:
        """Nothing gets lost any more; the sweep goes on until nobody is due."""
        self.office.fates.clear()
        for _ in range(20):
            self._run(self.office.learn())
            self._run(self.office.work())
            due = self.office.rows("""
                SELECT max(at) FROM (
                    SELECT next_question_at AS at FROM payment_attempt WHERE state NOT IN ('paid', 'duplicate_paid')
                    UNION ALL SELECT due_at FROM lane WHERE state = 'waiting') AS due
            """)[0][0]
            if due is not None:
                self.office.now = max(self.office.now, from_micros(due) + timedelta(seconds=1))
            self._run(self.office.sweep())
            self._whoever_is_told_asks()
            if not any(money.state in OPEN for money in self._books().values()):
                break
        self.both_ledgers_agree()

    def _whoever_is_told_asks(self) -> None:
        """After three days the schedule is over (payment_platform §11.6: then manual), and a person has been told, who
        asks, and again later: that the platform does not know it counts only when it says so twice, far apart."""
        for _, told in self.office.events("payment.unresolved"):
            row = self.office.attempt(told["reference"])
            is_over = self.office.now >= from_micros(row["created_at"]) + payment.PATIENCE
            if is_over and row["next_question_at"] is None and row["state"] in OPEN:
                self.office.move(hours=1)
                self._run(self.office.inquire(told["reference"]))

    def both_ledgers_agree(self) -> None:
        """To the đồng; what was set aside waits for a person and is counted by what the platform took."""
        books = self._books()
        theirs = {
            each.reference: each.amount for each in self.office.platform._state.payments if not each.second
        }
        aside = set(self._aside())
        ours = {name: money.amount for name, money in books.items() if money.state in PAID}
        assert ours == {name: amount for name, amount in theirs.items() if name not in aside}
        still = [name for name, money in books.items() if money.state in OPEN]
        assert not still, f"after a sweep {still} are still open"

    def everything_comes_to_light(self) -> None:
        """The last sweep of the day, with everything that was still in the post."""
        self.settle_up()
        self.collect()
        while self.office.post:
            self.deliver(0, 1, True)
            self.collect()
        for check in (
            self.nothing_is_settled_twice,
            self.nothing_unpaid_is_paid,
            self.nothing_paid_is_unpaid,
        ):
            check()
        self.both_ledgers_agree()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of callbacks need no line each."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def play(template: Path, examples: int, **options: Any) -> None:
    given = {"max_examples": examples, "stateful_step_count": STEPS, "deadline": None, "database": None,
             "suppress_health_check": list(HealthCheck), "print_blob": True,
             "report_multiple_bugs": False, **options}  # fmt: skip
    run_state_machine_as_test(lambda: BadDay(template), settings=settings(**given))


def test_a_bad_day_ends_with_equal_ledgers(migrated_sqlite_file):
    play(migrated_sqlite_file, DEFAULT, derandomize=True)


@pytest.fixture
def day(migrated_sqlite_file: Path) -> Iterator[BadDay]:
    """One day, step by step; it ends with equal ledgers."""
    made = BadDay(migrated_sqlite_file)
    yield made
    made.teardown()


def test_a_proposal_that_a_crash_has_left_is_decided_before_the_next(day):
    code = CODES[0]
    day.ask(code)
    day.settle_up()
    day.lie(0, {"MaGiaoDich": ""})
    day.next_fate("QUERY", Fate.CRASH_BEFORE)
    day.decide_about_what_was_set_aside(0)
    day.give_up(0)
    left = day.office.rows("SELECT kind, state FROM payment_decision ORDER BY id")
    assert left[-1] == ("give_up", "requested"), "the process died while the platform was asked once more"
    day.lie(0, {"SoTien": 7})
    day.decide_about_what_was_set_aside(0)
    assert [
        row[0] for row in day.office.rows("SELECT state FROM payment_decision WHERE kind = 'give_up'")
    ] == ["declined"]


def test_what_was_not_asked_about_for_three_days_is_told_and_settled_when_somebody_asks(day):
    """Nobody was there meanwhile, and the first answer of the platform is that it does not know yet."""
    day.ask(CODES[0])
    day.work()
    day.press(0, "pay", ["query_pending(2)"])
    day.office.move(hours=73)
    day.learn()
    day.office.move(minutes=10)
    day.sweep()
    assert [kind for kind, _ in day.office.events("payment.unresolved")] == ["payment.unresolved"]
    assert {money.state for money in day._books().values()} == {AttemptState.PENDING}
    day.settle_up()
    assert {money.state for money in day._books().values()} == {AttemptState.PAID}


def test_what_may_never_have_left_is_closed_by_whoever_is_told_and_asks_twice(day):
    """The platform is asked about it for the first time when the schedule is over."""
    day.ask(CODES[0])
    day.office.move(hours=146)
    day.next_fate("INIT", Fate.LOST_BEFORE)
    day.work()
    day.office.move(hours=73)
    day.settle_up()
    assert [kind for kind, _ in day.office.events("payment.unresolved")] == ["payment.unresolved"]
    assert {money.state for money in day._books().values()} == {AttemptState.FAILED}


@pytest.mark.payments_long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("share", range(SHARES))
def test_ten_thousand_bad_days_end_with_equal_ledgers(migrated_sqlite_file, share):
    """In shares, so that ``-n 4`` plays them side by side; each has its own days."""
    play(migrated_sqlite_file, -(-LONG // SHARES))


# The machine itself: each protection that is taken away is found


def _deciding(patch: pytest.MonkeyPatch, change: Any) -> None:
    real = payments.decide
    patch.setattr(payments, "decide", lambda evidence, known: change(real(evidence, known), evidence))


def failed_after_paid_downgrades(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(payments, "require_move", lambda *_args, **_options: None)
    worse = Decision(effect="failed", move=AttemptState.FAILED)
    _deciding(patch, lambda decision, evidence: worse if evidence.claim == "failed" else decision)


def a_mismatch_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(payment, "mismatch", lambda *_args: "")


def an_open_attempt_does_not_matter(patch: pytest.MonkeyPatch) -> None:
    none = "SELECT id, reference FROM payment_attempt WHERE request_id = :request AND id < 0"
    patch.setattr(payments, "_OPEN_ATTEMPT", Statement(none))


def codes_are_not_verified(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checksum, "verify", lambda *_args, **_options: True)


def pending_counts_as_failed(patch: pytest.MonkeyPatch) -> None:
    _nobody_is_asked_first(patch)  # who is asked before a second address is given says so as well
    over = Decision(effect="failed", move=AttemptState.FAILED)
    _deciding(patch, lambda decision, evidence: over if decision.effect == "pending" else decision)


def _nobody_is_asked_first(patch: pytest.MonkeyPatch) -> None:
    async def allowed(*_args: Any) -> None:
        return

    patch.setattr(Cashier, "_require_unpaid", allowed)


def silence_is_a_result(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("gateway.payments.questions.ask_again", lambda *_args, **_options: None)


def a_lost_answer_is_sent_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Answers, "_unknown", lambda *_args: Deferred(code="absent", reason="not there: once more"))
    patch.setattr(Answers, "of_init", _lost_means_lost)


def _lost_means_lost(self: Answers, asked: Any, response: Any) -> Any:
    return Deferred(code="unclear", reason="once more", retry_after=0.0)


def told_of_another_amount(day: BadDay) -> None:
    day.ask(CODES[0])
    day.work()
    day.lie(0, {"SoTien": 7})


def asked_for_twice(day: BadDay) -> None:
    for _ in range(2):
        day.ask(CODES[0])
        day.work()


def told_by_a_stranger(day: BadDay) -> None:
    day.ask(CODES[0])
    day.work()
    day.forge(0, "0" * 64)


def asked_about_before_it_is_paid(day: BadDay) -> None:
    day.ask(CODES[0])
    day.work()
    day.question(0)
    day.ask(CODES[0])
    day.work()


def paid_and_nobody_answers(day: BadDay) -> None:
    day.ask(CODES[0])
    day.work()
    day.press(0, "pay", ["no_callback"])
    day.next_fate("QUERY", Fate.LOST_AFTER)
    day.question(0)


def failed_after_it_was_paid(day: BadDay) -> None:
    day.ask(CODES[0])
    day.work()
    day.press(0, "pay", ["success_then_fail"])


def something_else_answers_to_init(day: BadDay) -> None:
    day.ask(CODES[0])
    day.next_fate("INIT", Fate.BROKEN_PAGE)
    for _ in range(3):
        day.work()
        day.wait(400)


FOUND_BY = {
    a_mismatch_is_ignored: told_of_another_amount,
    an_open_attempt_does_not_matter: asked_for_twice,
    codes_are_not_verified: told_by_a_stranger,
    pending_counts_as_failed: asked_about_before_it_is_paid,
    silence_is_a_result: paid_and_nobody_answers,
    failed_after_paid_downgrades: failed_after_it_was_paid,
    a_lost_answer_is_sent_again: something_else_answers_to_init,
}


def spend(template: Path, story: Callable[[BadDay], None]) -> None:
    """One day, and what must be so at its end."""
    day = BadDay(template)
    try:
        story(day)
        day.nothing_unpaid_is_paid()
    finally:
        day.teardown()


@pytest.mark.parametrize("story", FOUND_BY.values(), ids=lambda story: story.__name__)
def test_a_day_that_finds_a_missing_protection_ends_well_with_it(story, migrated_sqlite_file):
    spend(migrated_sqlite_file, story)


@pytest.mark.parametrize("mutation", FOUND_BY, ids=lambda mutation: mutation.__name__)
def test_a_protection_that_is_taken_away_is_found(mutation, migrated_sqlite_file, monkeypatch):
    mutation(monkeypatch)
    # the schema itself refuses a second open attempt
    with pytest.raises((AssertionError, sqlite3.IntegrityError)):
        spend(migrated_sqlite_file, FOUND_BY[mutation])


@pytest.mark.payments_long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("mutation", FOUND_BY, ids=lambda mutation: mutation.__name__)
def test_the_machine_finds(mutation, migrated_sqlite_file, monkeypatch):
    """By itself, among days that nobody has thought of."""
    mutation(monkeypatch)
    with pytest.raises(Exception, match=r".") as found:
        play(migrated_sqlite_file, SEARCHED, phases=[Phase.generate])
    assert not isinstance(found.value, Unsatisfiable)
