"""Every pitfall of payment_platform §13, by number: what was found in the field must be impossible here.

A row names the tests that hold a pitfall off, and for each the protections without which it must fail. ``without``
takes a protection away by a patch, and the test that still passes then is a test that proves nothing.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import structlog

from adapters.payment_platform import inbound
from adapters.payment_platform.adapter import PaymentPlatformAdapter
from adapters.payment_platform.answers import Answers
from adapters.payment_platform.requests import Requests
from adapters.payment_platform.simulator_model import VIETNAM
from adapters.payment_platform.stand_in import simulate
from gateway.api import payer
from gateway.domain import payment
from gateway.domain.payment import AttemptState, Decision, Evidence, Known
from gateway.inbound.payments import PaymentCall
from gateway.port import CallbackRequest, CannotRead, LandTaxReport, PaymentReport, Refusal, Secret
from gateway.storage import lanes, payments
from gateway.storage.sql import Statement
from gateway.telemetry import configure_logging
from mappings.payment_platform import checksum, land
from mappings.payment_platform import confirm as confirmations
from tests.payments.office import BEARER, NAME, OTHER, OTHER_SECRET, Fate, Office
from tests.unit import payment_world as world

PITFALLS: dict[int, tuple[str, dict[str, tuple[str, ...]]]] = {
    1: (
        "the code of CONFIRM computed, a mismatch ignored",
        {
            "test_01_a_wrong_code_settles_nothing": ("verification",),
            "test_01_codes_are_compared_in_constant_time": ("constant_time",),
        },
    ),
    2: (
        "amount, currency, partner of CONFIRM never compared with the INIT record",
        {
            "test_02_another_amount_is_put_aside": ("comparing_amounts", "comparing"),
            "test_02_another_currency_is_put_aside": ("comparing_currencies", "comparing"),
            "test_02_another_partner_is_put_aside": ("comparing_partners", "comparing"),
        },
    ),
    3: (
        "no idempotency; a later failure overwrites success; a second success is accepted silently",
        {
            "test_03_a_repeated_success_settles_once": ("knowing_repetitions",),
            "test_03_a_failure_after_success_changes_nothing": ("keeping_what_is_paid",),
            "test_03_a_second_success_is_told": ("telling_second_money", "telling_second_payer"),
        },
    ),
    4: (
        "a 12-hour clock, and a time that is made again for the question",
        {
            "test_04_the_time_is_24_hours_and_asked_with_verbatim": ("hours_24", "the_stored_time"),
        },
    ),
    5: (
        "a new random reference per call",
        {"test_05_one_reference_everywhere": ("one_reference_for_init", "one_reference_for_questions")},
    ),
    6: (
        "the row written after the network call",
        {"test_06_everything_is_stored_before_the_platform_hears_of_it": ("storing_first", "logging_first")},
    ),
    7: (
        "an unauthenticated answer to QUERY, signed by ourselves and fed to the handler of CONFIRM",
        {
            "test_07_an_answer_is_compared_like_a_callback": ("comparing_amounts",),
            "test_07_an_answer_about_something_else_is_none": ("reading_whose_answer_it_is",),
            "test_07_a_code_is_demanded_where_it_is_enforced": ("enforcing_codes_of_answers",),
        },
    ),
    8: (
        "pending and error answers marked as checked; a failed branch that never works; pages of 10; SQL of strings",
        {
            "test_08_pending_and_errors_are_asked_about_again": ("asking_on", "asking_after_errors"),
            "test_08_a_failure_ends_the_attempt": ("the_failed_branch",),
            "test_08_everybody_who_is_due_is_asked": ("further_pages",),
            "test_08_a_partners_words_stay_words": ("parameters",),
        },
    ),
    9: (
        "a wrong code ends in an unrelated 500",
        {
            "test_09_whatever_the_code_there_is_a_defined_answer": (
                "comparing_any_value",
                "an_unknown_partner",
            )
        },
    ),
    10: (
        "internal flags taken from the public message",
        {"test_10_nothing_internal_is_taken_from_a_message": ("own_fields_only",)},
    ),
    11: (
        "GET_BILL inside the callback",
        {"test_11_a_callback_fetches_nothing": ("the_receipt_later", "fetching_nothing_inside")},
    ),
    12: (
        "secrets and hashed strings in logs",
        {"test_12_no_secret_is_written_anywhere": ("silence_about_strings", "redacted_headers")},
    ),
    13: (
        "32-bit amounts",
        {"test_13_amounts_have_64_bits_all_the_way": ("wide_amounts_in", "wide_amounts_out")},
    ),
    14: (
        "an unreadable amount becomes 0, an unreadable date year 1",
        {"test_14_a_row_that_cannot_be_read_is_refused": ("no_amount_of_nothing", "no_first_year")},
    ),
    15: ("XML with entities and DTD", {"test_15_no_entity_is_expanded": ("careful_xml",)}),
    16: (
        "the shared key compared carelessly, refusals answered with 201",
        {
            "test_16_a_wrong_key_is_refused_with_401": ("the_shared_key", "the_status_401"),
            "test_16_keys_are_compared_in_constant_time": ("constant_time_for_keys",),
        },
    ),
    17: (
        "receipts fetched from any host",
        {"test_17_no_receipt_is_fetched_from_a_host_off_the_list": ("the_list_of_hosts",)},
    ),
    18: (
        "internal errors answered with another JSON shape",
        {"test_18_every_refusal_has_one_shape": ("one_shape",)},
    ),
    19: (
        "the success time is our own now",
        {"test_19_both_times_are_kept": ("the_platforms_time", "our_time")},
    ),
    20: (
        "the paid amount overwrites the expected one",
        {"test_20_what_was_asked_for_stays": ("the_asked_amount",)},
    ),
    21: (
        "the browser's return shows success from the address alone",
        {"test_21_the_returning_browser_sees_our_own_state": ("our_own_state",)},
    ),
}
# what others prove about the same pitfalls, over real sockets or on both engines
ALSO: dict[int, tuple[str, ...]] = {
    1: ("unit/test_payment_platform_confirm.py::test_a_change_of_any_hashed_field_is_refused",),
    3: (
        "unit/test_payment_api_door.py::test_report_over_the_api_settles_and_its_repetition_gets_the_same_bytes",
    ),
    17: (
        "storage/test_payment_receipts.py::test_address_off_the_list_is_never_connected_to",
        "storage/test_payment_receipts.py::test_listed_name_that_resolves_to_the_inside_is_not_connected_to",
        "storage/test_payment_receipts.py::test_redirect_elsewhere_is_not_followed",
    ),
    21: ("unit/test_payer.py::test_page_shows_our_own_state_whatever_the_address_claims",),
}

CODE = "H99.15-260928-0007"
SIX = {"MaLoi", "MoTaLoi", "MaDoiTac", "MaThamChieu", "ThoiGianGD", "MaXacThuc"}
PAIRS = [
    pytest.param(test, without, id=f"{number:02d}-{without}")
    for number, (_found, tests) in PITFALLS.items()
    for test, withouts in tests.items()
    for without in withouts
]


def test_every_pitfall_has_its_test():
    assert sorted(PITFALLS) == list(range(1, 22))
    named = {test for _found, tests in PITFALLS.values() for test in tests}
    assert {name for name in globals() if name.startswith(("test_0", "test_1", "test_2"))} == named
    assert {without for each in PAIRS for without in each.values[1:]} == set(WITHOUT)


@pytest.mark.parametrize(("test", "without"), PAIRS)
async def test_without_its_protection_the_test_fails(test, without, office, monkeypatch):
    WITHOUT[without](monkeypatch)
    try:
        await globals()[test](office)
    except Exception:  # why: the test has noticed, in whatever way
        return
    pytest.fail(f"{test} passes without {without}: it proves nothing")


def test_what_others_prove_is_there():
    tests = Path(__file__).parents[1]
    for name in (name for names in ALSO.values() for name in names):
        file, _, test = name.partition("::")
        assert f"def {test}(" in (tests / file).read_text(encoding="utf-8"), name


Patch = Callable[[pytest.MonkeyPatch], None]
WITHOUT: dict[str, Patch] = {}


def without(patch: Patch) -> Patch:
    """Enter ``without_…`` into the table by the name of what it takes away."""
    WITHOUT[patch.__name__.removeprefix("without_")] = patch
    return patch


# What the tests have in common


async def redirected(office: Office, code: str = CODE, amount: int = 250_000) -> str:
    """A dossier whose payer stands before the platform's page; the reference."""
    await office.accept(code, amount)
    opened = await office.ask(code)
    await office.work()
    return str(opened.reference)


async def paid(office: Office, *faults: str) -> tuple[str, bytes]:
    """A dossier whose payer has paid; the reference and the notice, which has not arrived."""
    reference = await redirected(office)
    office.press(reference, "pay", *faults)
    return reference, office.notices()[0].body


def sealed(body: bytes, *, secret: str = world.SECRET, **changes: Any) -> bytes:
    """The notice with ``changes`` and a code that holds."""
    message = {**json.loads(body), **changes}
    return json.dumps({**message, "MaXacThuc": checksum.mac("CONFIRM", message, secret)}).encode()


def settlements(office: Office) -> list[tuple[Any, ...]]:
    return office.rows("SELECT transaction_no, amount, source FROM settlement")


def alarms(office: Office) -> list[str]:
    return [data["alarm"] for _kind, data in office.events() if data.get("alarm")]


@contextlib.contextmanager
def compared():
    """The values that are compared in constant time meanwhile."""
    values: list[Any] = []
    real = checksum.hmac.compare_digest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checksum.hmac, "compare_digest", lambda a, b: values.append(b) or real(a, b))
        yield values


# 1


async def test_01_a_wrong_code_settles_nothing(office):
    reference, body = await paid(office)
    before = office.attempt(reference)
    for code in ("0" * 64, json.loads(body)["MaXacThuc"].upper(), "", None):
        answer, effect = await office.receive(json.dumps({**json.loads(body), "MaXacThuc": code}).encode())
        assert (answer.status, effect) == (401, None)
    assert settlements(office) == []
    assert office.attempt(reference) == before
    assert office.events() == []


async def test_01_codes_are_compared_in_constant_time(office):
    _reference, body = await paid(office)
    with compared() as values:
        await office.receive(body)
    assert json.loads(body)["MaXacThuc"].encode() in values


@without
def without_verification(patch):
    patch.setattr(checksum, "verify", lambda *_args, **_options: True)


@without
def without_constant_time(patch):
    patch.setattr(checksum, "same", lambda one, other: one == other)


# 2


async def put_aside(office: Office, alarm: str, **changes: Any) -> None:
    reference, body = await paid(office)
    answer, effect = await office.receive(sealed(body, **changes))
    assert (answer.status, json.loads(answer.body)["MaLoi"]) == (200, "99")
    assert effect == ("quarantined", alarm)
    assert settlements(office) == []
    assert office.attempt(reference)["state"] == AttemptState.QUARANTINED
    assert [kind for kind, _ in office.events()] == ["payment.quarantined"]


async def test_02_another_amount_is_put_aside(office):
    await put_aside(office, "other_amount", SoTien=25_000)


async def test_02_another_currency_is_put_aside(office):
    await put_aside(office, "other_currency", MaTienTe="USD")


async def test_02_another_partner_is_put_aside(office):
    reference, body = await paid(office)
    before = office.attempt(reference)
    answer, effect = await office.receive(sealed(body, secret=OTHER_SECRET, MaDoiTac=OTHER))
    assert json.loads(answer.body)["MaLoi"] == "99"
    assert effect == ("orphan", "unknown_reference")
    assert office.attempt(reference) == before
    assert settlements(office) == []
    known = Known(state="redirected", partner="DEMOH99", amount=250_000, currency="VND")
    report = world.adapter().read_callback(world.call(world.CONFIRM), world.context())
    foreign = msgspec.structs.replace(report.evidence(NAME, world.NOW), partner=OTHER)
    assert payment.decide(foreign, known).alarm == "other_partner"


def ignoring(patch, alarm: str) -> None:
    real = payment.mismatch
    patch.setattr(
        payment, "mismatch", lambda *args: "" if (found := real(*args)) in {alarm, ""} or not alarm else found
    )


@without
def without_comparing(patch):
    ignoring(patch, "")


@without
def without_comparing_amounts(patch):
    ignoring(patch, "other_amount")


@without
def without_comparing_currencies(patch):
    ignoring(patch, "other_currency")


@without
def without_comparing_partners(patch):
    ignoring(patch, "other_partner")


# 3


async def test_03_a_repeated_success_settles_once(office):
    reference, body = await paid(office)
    effects = []
    for again in (body, body, sealed(body, Khac=1)):
        answer, effect = await office.receive(again)
        effects.append(effect[0])
        assert json.loads(answer.body)["MaLoi"] == "00"
    assert effects == ["settled", "settled", "repeated"]
    assert office.rows("SELECT deliveries FROM payment_callback ORDER BY at, deliveries") == [(1,), (2,)]
    assert len(settlements(office)) == 1
    assert [kind for kind, _ in office.events("payment.s%")] == ["payment.settled"]
    assert office.attempt(reference)["state"] == AttemptState.PAID


async def test_03_a_failure_after_success_changes_nothing(office):
    reference, body = await paid(office)
    await office.receive(body)
    before = office.attempt(reference)
    answer, _ = await office.receive(sealed(body, MaLoi="99", MaGiaoDich=None, MaNganHang=None))
    assert json.loads(answer.body)["MaLoi"] == "00"
    assert office.attempt(reference) == before
    assert office.rows("SELECT state FROM payment_request") == [("paid",)]
    assert alarms(office) == ["failed_after_paid"]


async def test_03_a_second_success_is_told(office):
    reference = await redirected(office)
    office.press(reference, "fail")
    body = office.notices()[0].body
    await office.receive(body)
    second = await office.ask(CODE)
    await office.work()
    office.press(second.reference, "pay")
    for notice in office.notices():
        await office.heard(notice)
    late = {"MaLoi": "00", "MaNganHang": "DEMOBANK"}
    await office.receive(
        sealed(body, MaGiaoDich="PP26092899999999", **late)
    )  # money twice at the first address
    await office.receive(sealed(body, MaGiaoDich="PP26092800000009", **late))
    assert len(settlements(office)) == 1
    assert office.attempt(reference)["state"] == AttemptState.DUPLICATE_PAID
    assert office.attempt(second.reference)["state"] == AttemptState.PAID
    assert alarms(office) == ["paid_twice", "second_transaction"]


def deciding(patch, change: Callable[[Decision, Evidence], Decision]) -> None:
    real = payments.decide
    patch.setattr(payments, "decide", lambda evidence, known: change(real(evidence, known), evidence))


@without
def without_knowing_repetitions(patch):
    deciding(
        patch,
        lambda decision, _evidence: (
            Decision(effect="settled", move=AttemptState.PAID) if decision.effect == "repeated" else decision
        ),
    )


@without
def without_keeping_what_is_paid(patch):
    patch.setattr(payments, "require_move", lambda *_args, **_options: None)
    deciding(
        patch,
        lambda decision, evidence: (
            Decision(effect="failed", move=AttemptState.FAILED) if evidence.claim == "failed" else decision
        ),
    )


def silencing(patch, alarm: str) -> None:
    deciding(
        patch,
        lambda decision, _evidence: Decision(effect="repeated") if decision.alarm == alarm else decision,
    )


@without
def without_telling_second_money(patch):
    silencing(patch, "second_transaction")


@without
def without_telling_second_payer(patch):
    silencing(patch, "paid_twice")


# 4


async def test_04_the_time_is_24_hours_and_asked_with_verbatim(office):
    reference = await redirected(office)
    office.move(hours=12)  # half past two at night: the same digits on a 12-hour clock
    other = await redirected(office, "H99.15-260928-0008")
    asked = [office.attempt(each)["asked_at"] for each in (reference, other)]
    assert asked == ["20260928143015", "20260929023015"]
    await office.crash()
    await office.inquire(reference)
    told = [(service, message["ThoiGianGD"]) for service, message in office.seen]
    assert told == [("INIT", asked[0]), ("INIT", asked[1]), ("QUERY", asked[0])]
    question = world.adapter().encode_query([world.delivery()], world.context())
    assert world.body_of(question)["MaXacThuc"] == world.vector("V09")["hex"] != world.vector("V11")["hex"]


@without
def without_hours_24(patch):
    patch.setattr(
        "mappings.payment_platform.naming.date14",
        lambda instant: f"{instant.astimezone(VIETNAM):%Y%m%d%I%M%S}",
    )


@without
def without_the_stored_time(patch):
    real = Requests.ask
    patch.setattr(
        Requests, "ask", lambda self, kind, asked: real(self, kind, {**asked, "asked_at": "20260929023016"})
    )


# 5


async def test_05_one_reference_everywhere(office):
    reference = await redirected(office)
    again = await office.ask(CODE)
    assert (again.result, again.reference) == ("going_on", reference)
    office.press(reference, "pay")
    await office.inquire(reference)
    await office.bill(reference)
    assert [message["MaThamChieu"] for _, message in office.seen] == [reference] * 3
    assert [service for service, _ in office.seen] == ["INIT", "QUERY", "GET_BILL"]
    assert office.rows("SELECT key, payload FROM delivery")[0][0] == reference


@without
def without_one_reference_for_init(patch):
    real = Requests.init
    patch.setattr(
        Requests,
        "init",
        lambda self, order: real(self, msgspec.structs.replace(order, reference="PGMADEAGAIN")),
    )


@without
def without_one_reference_for_questions(patch):
    real = Requests.ask
    patch.setattr(
        Requests, "ask", lambda self, kind, asked: real(self, kind, {**asked, "reference": "PGMADEAGAIN"})
    )


# 6


async def test_06_everything_is_stored_before_the_platform_hears_of_it(office):
    found: list[Any] = []

    def look(service: str, message: dict[str, Any]) -> None:
        row = office.attempt(message["MaThamChieu"])
        logged = office.rows("SELECT operation, kind, dossier_code FROM message")
        found.append((service, row["asked_at"], row["amount"], row["state"], logged))

    office.before.append(look)
    office.fates["INIT"].append(Fate.CRASH_AFTER)
    await office.accept(CODE)
    opened = await office.ask(CODE)
    await office.die()
    assert found == [("INIT", "20260928143015", 250_000, "created", [("init", "request", CODE)])]
    assert office.attempt(opened.reference)["amount"] == office.transaction(opened.reference).amount


@without
def without_storing_first(patch):
    patch.setattr(payments, "_INSERT_ATTEMPT", Statement("SELECT 1"))


@without
def without_logging_first(patch):
    patch.setattr(lanes, "insert_messages", lambda *_args: None)


# 7


async def test_07_an_answer_is_compared_like_a_callback(office):
    reference = await redirected(office)
    office.transaction(reference).message["SoTien"] = "25000"  # the platform took less than was asked for
    office.press(reference, "pay")
    told = await office.inquire(reference)
    assert (told.effect, told.alarm) == ("quarantined", "other_amount")
    assert settlements(office) == []
    assert office.attempt(reference)["amount"] == 250_000


def read_answer(adapter: PaymentPlatformAdapter, **changes: Any) -> Any:
    asked = {"partner": "DEMOH99", "reference": world.REFERENCE, "asked_at": world.ASKED_AT}
    return adapter.interpret_read("payment", asked, world.reply({**world.QUERIED, **changes}))


async def test_07_an_answer_about_something_else_is_none(office):
    assert read_answer(office.adapter).entries["payment"]["claim"] == "paid"
    for changes in ({"MaThamChieu": "PG2609280000B8L4N0RY"}, {"MaDoiTac": OTHER}, {"MaThamChieu": None}):
        assert isinstance(read_answer(office.adapter, **changes), CannotRead)


async def test_07_a_code_is_demanded_where_it_is_enforced(office):
    strict = world.adapter(response_mac="enforce")
    assert read_answer(strict).entries["payment"]["proof"] == "confirm_order"
    for code in (None, "0" * 64, world.CONFIRM["MaXacThuc"]):
        assert isinstance(read_answer(strict, MaXacThuc=code), CannotRead)


@without
def without_reading_whose_answer_it_is(patch):
    patch.setattr(Answers, "_query_call", lambda *_args: "query_paid")


@without
def without_enforcing_codes_of_answers(patch):
    patch.setattr(Answers, "_good", lambda *_args: True)


# 8


async def swept(office: Office, minutes: float = 3) -> Any:
    await office.learn()
    office.move(minutes=minutes)
    return await office.sweep()


async def test_08_pending_and_errors_are_asked_about_again(office):
    reference = await redirected(office)
    office.press(reference, "pay", "no_callback", "query_pending(1)", "query_not_found")
    found = [(await swept(office, minutes))["effects"] for minutes in (3, 11, 21)]
    assert found == [{"absent": 1}, {"pending": 1}, {"settled": 1}]
    assert [row[2] for row in settlements(office)] == ["query"]
    silent = await redirected(office, "H99.15-260928-0009")
    office.fates["QUERY"] += [Fate.LOST_AFTER, Fate.BROKEN_PAGE]
    office.press(silent, "pay", "no_callback")
    found = [(await swept(office, minutes))["effects"] for minutes in (3, 6, 6)]
    assert found == [{"no_answer": 1}, {"no_answer": 1}, {"settled": 1}]


async def test_08_a_failure_ends_the_attempt(office):
    reference = await redirected(office)
    office.press(reference, "fail", "no_callback")
    assert (await swept(office))["effects"] == {"failed": 1}
    assert office.attempt(reference)["state"] == AttemptState.FAILED
    assert (await office.ask(CODE)).result == "begun"


async def test_08_everybody_who_is_due_is_asked(office):
    for number in range(25):
        reference = await redirected(office, f"H99.15-260928-2{number:03d}")
        office.press(reference, "pay", "no_callback")
    done = await swept(office)
    assert (done["due"], done["effects"], done["amount_settled"]) == (25, {"settled": 25}, 25 * 250_000)


async def test_08_a_partners_words_stay_words(office):
    reference = await redirected(office)
    office.press(reference, "pay", "no_callback")
    office.transaction(reference).number = words = "x'; DROP TABLE settlement; --"
    assert (await swept(office))["effects"] == {"settled": 1}
    assert settlements(office) == [(words, 250_000, "query")]


@without
def without_asking_on(patch):
    patch.setattr("gateway.payments.questions.next_question", lambda *_args, **_options: None)


@without
def without_asking_after_errors(patch):
    patch.setattr("gateway.payments.questions.ask_again", lambda *_args, **_options: None)


@without
def without_the_failed_branch(patch):
    deciding(
        patch,
        lambda decision, evidence: Decision(effect="ignored") if evidence.claim == "failed" else decision,
    )


@without
def without_further_pages(patch):
    from gateway.payments import sweep

    real = sweep.due
    patch.setattr(
        sweep,
        "due",
        lambda *args, after=None, **options: [] if after else real(*args, **{**options, "limit": 10}),
    )


@without
def without_parameters(patch):
    class Spliced:
        """A statement with the partner's words in its text."""

        def __init__(self, real: Statement) -> None:
            self.real = real

        @property
        def sqlite(self) -> str:
            return self.real.sqlite.replace(":transaction_no", "'x'; DROP TABLE settlement; --'")

    patch.setattr(payments, "_INSERT_SETTLEMENT", Spliced(payments._INSERT_SETTLEMENT))


# 9


async def test_09_whatever_the_code_there_is_a_defined_answer(office):
    _reference, body = await paid(office)
    strange = (None, 1, 1.5, True, [], {}, "", "ß" * 64, "\ud800", json.loads(body)["MaXacThuc"].upper())
    bodies = [{**json.loads(body), "MaXacThuc": code} for code in strange]
    for document in (*bodies, {**json.loads(body), "MaDoiTac": "KHAC99"}):
        answer, _ = await office.receive(json.dumps(document).encode())
        assert (answer.status, json.loads(answer.body)["MaLoi"]) == (401, "99")
        assert set(json.loads(answer.body)) == SIX


@without
def without_comparing_any_value(patch):
    patch.setattr(checksum, "same", lambda one, other: one == other.lower())


@without
def without_an_unknown_partner(patch):
    patch.setattr("adapters.payment_platform.confirm._NOBODY", None)


# 10


async def test_10_nothing_internal_is_taken_from_a_message(office):
    reference = await redirected(office)
    office.press(reference, "fail")
    internal = {
        "AutoCheck": True,
        "source": "operator",
        "actor": "chi.nguyen",
        "claim": "paid",
        "state": "paid",
    }
    body = sealed(office.notices()[0].body, **internal)
    report = office.adapter.read_callback(world.call(body), world.context())
    evidence = report.evidence(NAME, office.now)
    assert (evidence.source, evidence.claim, evidence.actor) == ("callback", "failed", "")
    await office.receive(body)
    assert office.attempt(reference)["state"] == AttemptState.FAILED
    assert settlements(office) == []


@without
def without_own_fields_only(patch):
    real = PaymentReport.evidence

    def evidence(self: PaymentReport, *args: Any) -> Evidence:
        plain = real(self, *args)
        given = {k: v for k, v in json.loads(self.data).items() if k in Evidence.__struct_fields__}
        return msgspec.structs.replace(plain, **given)

    patch.setattr(PaymentReport, "evidence", evidence)


# 11


async def test_11_a_callback_fetches_nothing(office):
    reference, body = await paid(office)
    office.seen.clear()
    await office.receive(body)
    assert office.seen == []
    attempt = office.attempt(reference)["id"]
    assert office.rows("SELECT attempt_id, state FROM receipt") == [(attempt, "wanted")]


@without
def without_the_receipt_later(patch):
    patch.setattr(payments, "_WANT_RECEIPT", Statement("SELECT 1"))


@without
def without_fetching_nothing_inside(patch):
    real = PaymentCall._take

    async def take(self: PaymentCall, request: CallbackRequest, report: PaymentReport) -> Any:
        asked = {"partner": report.partner, "reference": report.reference, "asked_at": report.claimed_at}
        bill = self._receiver.adapter.encode_read("bill", asked, world.context())
        await self._receiver.recorded_exchange("bill", bill)
        return await real(self, request, report)

    patch.setattr(PaymentCall, "_take", take)


# 12


async def test_12_no_secret_is_written_anywhere(office):
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
        configure_logging("debug")
        reference, body = await paid(office)
        await office.receive(body)
        await office.receive(sealed(body, MaXacThuc="0" * 64, Khac=2))
        await office.receive(json.dumps({**json.loads(body), "SoTien": 1}).encode())
        await office.inquire(reference)
    structlog.reset_defaults()
    stored = "\n".join(office.logged())
    for secret in (world.SECRET, OTHER_SECRET, BEARER):
        assert secret not in told.getvalue()
        assert secret not in stored
    assert reference in stored, "the log itself is there"


@without
def without_silence_about_strings(patch):
    real = checksum.code

    def code(order: Any, message: Any, secret: str) -> str:
        print(checksum.joined(order, message) + "|" + secret)  # noqa: T201 - the very pitfall
        return real(order, message, secret)

    patch.setattr(checksum, "code", code)


@without
def without_redacted_headers(patch):
    patch.setattr(
        "gateway.messagelog.entry.redact_headers", lambda headers, **_kept: [list(each) for each in headers]
    )


# 13


async def test_13_amounts_have_64_bits_all_the_way(office):
    for number, amount in enumerate((2**31 - 1, 2**31, 3_500_000_000, 999_999_999_999, 10**15 - 1)):
        reference = await redirected(office, f"H99.15-260928-1{number:03d}", amount)
        assert office.seen[-1][1]["SoTien"] == str(amount)
        office.press(reference, "pay")
        for notice in office.notices():
            await office.heard(notice)
        assert office.attempt(reference)["amount"] == amount
        assert settlements(office)[-1][1] == amount
    assert sum(row[1] for row in settlements(office)) == office.platform.record()["total"]


@without
def without_wide_amounts_in(patch):
    real = confirmations.amount
    patch.setattr(
        confirmations, "amount", lambda value: None if (a := real(value)) is None else a & 0x7FFFFFFF
    )


@without
def without_wide_amounts_out(patch):
    real = Requests.message

    def message(self: Requests, order: Any) -> dict[str, Any]:
        return {**(made := real(self, order)), "SoTien": str(int(made["SoTien"]) & 0x7FFFFFFF)}

    patch.setattr(Requests, "message", message)


# 14, 15, 16: land


KEY = "khoa-chung-cua-tinh"


def letter(*variants: str) -> dict[str, Any]:
    """A notice of the portal's stand-in."""
    settings = world.settings(land={"security_key": Secret(KEY)})
    order = json.dumps({"variants": variants}).encode()
    made = simulate(settings).administer("land/notice", order)["deliveries"][0]
    return json.loads(made["body"])


def land_report(body: dict[str, Any]) -> LandTaxReport | Refusal:
    adapter = world.adapter(land={"security_key": Secret(KEY)})
    return adapter.read_callback(world.call(body, path="nhantbthuedvcqg"), world.context())


def with_xml(text: str) -> dict[str, Any]:
    import base64

    return {**letter(), "data": {"FileThongBaoThue": base64.b64encode(text.encode()).decode()}}


NOTICE = (
    "<DATA><BODY><ROW_LIST><MA_HSO>H99.15-260901-0042</MA_HSO><LIST><MA_SO_THUE>8000000001</MA_SO_THUE>"
    "<SO_QUYET_DINH>LTB1</SO_QUYET_DINH><NGAY_QUYET_DINH>{day}</NGAY_QUYET_DINH>"
    "<TEN_TIEUMUC>Lệ phí</TEN_TIEUMUC><SO_TIEN>{amount}</SO_TIEN></LIST></ROW_LIST></BODY></DATA>"
)


async def test_14_a_row_that_cannot_be_read_is_refused(office):
    assert land_report(with_xml(NOTICE.format(day="25-09-2026", amount=1))).notices
    for amount in ("", "1.5", "1e6", "-1", "abc", "1 250 000", "9" * 16):
        report = land_report(with_xml(NOTICE.format(day="25-09-2026", amount=amount)))
        assert (report.notices, [row.code for row in report.refused]) == ((), ["bad_amount"])
    for day in ("", "31-02-2026", "2026-09-25", "25/9/2026", "00000000"):
        report = land_report(with_xml(NOTICE.format(day=day, amount=1)))
        assert (report.notices, [row.code for row in report.refused]) == ((), ["bad_date"])


@without
def without_no_amount_of_nothing(patch):
    real = land.amount
    patch.setattr(land, "amount", lambda value: real(value) or 0)


@without
def without_no_first_year(patch):
    from datetime import date

    real = land.day
    patch.setattr(land, "day", lambda written: real(written) or date(1, 1, 1))


async def test_15_no_entity_is_expanded(office):
    named = '<!DOCTYPE d [<!ENTITY m "250000">]>' + NOTICE.format(day="25-09-2026", amount="&m;")
    outside = '<!DOCTYPE d [<!ENTITY m SYSTEM "file:///etc/hostname">]>' + NOTICE.format(
        day="25-09-2026", amount="&m;"
    )
    late = " " * 70_000 + named
    for text in (named, outside, late):
        report = land_report(with_xml(text))
        assert isinstance(report, Refusal), report
    for variant in ("xxe_probe", "entity_bomb"):
        assert isinstance(land_report(letter(variant)), Refusal)


@without
def without_careful_xml(patch):
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=True, load_dtd=True, huge_tree=True)
    patch.setattr("gateway.codec.xml.read", lambda body, **_limit: etree.fromstring(body.strip(), parser))


async def test_16_a_wrong_key_is_refused_with_401(office):
    for changes in (
        {"SecurityKey": "khac"},
        {"SecurityKey": None},
        {"SecurityKey": [KEY]},
        {"SecurityKey": ""},
    ):
        refusal = land_report({**letter(), **changes})
        assert isinstance(refusal, Refusal)
        assert refusal.answer.status == 401
    assert isinstance(land_report({k: v for k, v in letter().items() if k != "SecurityKey"}), Refusal)
    assert isinstance(land_report(letter()), LandTaxReport)


async def test_16_keys_are_compared_in_constant_time(office):
    with compared() as values:
        land_report({**letter(), "SecurityKey": "khac"})
    assert b"khac" in values


@without
def without_the_shared_key(patch):
    patch.setattr(inbound, "same", lambda _one, _other: True)


@without
def without_the_status_401(patch):
    real = inbound._refused
    patch.setattr(
        inbound, "_refused", lambda settings, code, reason, _status: real(settings, code, reason, 201)
    )


@without
def without_constant_time_for_keys(patch):
    patch.setattr(inbound, "same", lambda one, other: one == other)


# 17


async def test_17_no_receipt_is_fetched_from_a_host_off_the_list(office):
    assert office.adapter.receipt_address("https://pay.example.test/bill/7f.pdf") is not None
    for url in (
        "http://pay.example.test/bill/7f.pdf",
        "https://pay.example.test.evil.example/7f.pdf",
        "https://pay.example.test@evil.example/7f.pdf",
        "https://evil.example/?pay.example.test",
        "http://127.0.0.1/7f.pdf",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "https://pay.example.test\\@evil.example/",
    ):
        assert office.adapter.receipt_address(url) is None, url
        asked = {"partner": "DEMOH99", "reference": world.REFERENCE, "asked_at": world.ASKED_AT}
        answer = world.reply({**world.TAKEN, "UrlBienLai": url})
        assert isinstance(office.adapter.interpret_read("bill", asked, answer), CannotRead), url


@without
def without_the_list_of_hosts(patch):
    patch.setattr("adapters.payment_platform.answers.permitted", lambda *_args: True)


# 18


async def test_18_every_refusal_has_one_shape(office):
    _reference, body = await paid(office)
    document = json.loads(body)
    calls = [
        (world.call({**document, "SoTien": 1}), 401),
        (world.call(document, method="GET"), 405),
        (world.call(document, path="nowhere"), 404),
        (world.call({**document, "Khac": "x" * 70_000}), 413),
        (world.call({**document, "SoTien": 1.5}), 400),
        (world.call(b"<html>"), 400),
        (world.call(b"[" * 60_000), 400),
    ]
    for call, status in calls:
        refusal = office.adapter.read_callback(call, world.context())
        assert isinstance(refusal, Refusal)
        assert refusal.answer.status == status
        assert set(json.loads(refusal.answer.body)) == SIX
    report = office.adapter.read_callback(
        CallbackRequest(method="POST", path="confirm", body=body), world.context()
    )
    for answer in report.answers.values():
        assert set(json.loads(answer.body)) == SIX


@without
def without_one_shape(patch):
    document = {"return_code": -1, "return_msg": "Các lỗi khác"}
    patch.setattr("adapters.payment_platform.confirm.acknowledgement", lambda *_args: document)


# 19


async def test_19_both_times_are_kept(office):
    reference, body = await paid(office, "clock_skew(300)")
    office.move(minutes=40)
    await office.receive(body)
    theirs, ours = "20260928143515", office.now
    assert office.attempt(reference)["paid_at"] == theirs
    assert office.rows("SELECT claimed_at, at FROM settlement") == [
        (theirs, int(ours.timestamp() * 1_000_000))
    ]


@without
def without_the_platforms_time(patch):
    real = PaymentReport.evidence

    def evidence(self: PaymentReport, destination: str, at: Any, message: int | None = None) -> Evidence:
        now = f"{at.astimezone(VIETNAM):%Y%m%d%H%M%S}"
        return msgspec.structs.replace(real(self, destination, at, message), claimed_at=now)

    patch.setattr(PaymentReport, "evidence", evidence)


@without
def without_our_time(patch):
    patch.setattr(payments, "to_micros", lambda _at: 0)


# 20


async def test_20_what_was_asked_for_stays(office):
    reference, body = await paid(office)
    await office.receive(sealed(body, SoTien=1_000_000))
    await office.receive(body)
    row = office.rows("SELECT amount, refunded FROM payment_request")
    assert (row, office.attempt(reference)["amount"]) == ([(250_000, 0)], 250_000)
    assert settlements(office) == []


@without
def without_the_asked_amount(patch):
    real = payments._move

    def move(transaction: Any, evidence: Evidence, *rest: Any) -> None:
        real(transaction, evidence, *rest)
        change = Statement("UPDATE payment_attempt SET amount = :amount WHERE reference = :reference")
        transaction.run(change, {"amount": evidence.amount, "reference": evidence.reference})

    patch.setattr(payments, "_move", move)


# 21


async def test_21_the_returning_browser_sees_our_own_state(office):
    reference = await redirected(office)
    await office.learn()
    office.press(reference, "fail")
    titles = []
    for own in (payer.NOTICES[AttemptState.REDIRECTED], payer.NOTICES[AttemptState.FAILED]):
        for claimed in ("00", "99"):
            call = SimpleNamespace(
                peer="203.0.113.7",
                path={"partner": "DEMOH99"},
                address=f"/payments/return/DEMOH99?data={reference}&responseCode={claimed}&secureCode=0",
            )
            api = SimpleNamespace(limit=lambda *_args, **_options: None, gateway=office)
            page = (await payer.show_return(api, call)).content.decode()
            titles.append(own.title in page and payer.NOTICES[AttemptState.PAID].title not in page)
        for notice in office.notices():
            await office.heard(notice)
    assert titles == [True] * 4


@without
def without_our_own_state(patch):
    patch.setattr(payer, "attempt_state", lambda *_args, **_named: AttemptState.PAID)
