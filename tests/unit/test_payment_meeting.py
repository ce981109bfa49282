"""The adapter and the stand-in meet: two readings of payment_platform §4 that share no code must agree."""

from __future__ import annotations

import ast
import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from adapters.payment_platform.simulator import PaymentSimulator
from adapters.payment_platform.simulator_land import EVIDENCE_VARIANTS, NOTICE_VARIANTS
from adapters.payment_platform.simulator_variants import SPOILING, VARIANTS
from adapters.payment_platform.stand_in import simulate
from gateway.domain.outcome import Accepted
from gateway.domain.payment import CURRENCY
from gateway.port import CallbackRequest, PaymentReport, Refusal, Secret, WireRequest, WireResponse
from gateway.port.payment import LandTaxReport
from gateway.port.simulator import SimulatedRequest
from tests.unit import payment_world as world

CALLBACK = "http://127.0.0.1:9/in/payment_platform/confirm"
UNPROVED = {"bad_mac", "uppercase_mac", "foreign_partner", "pipe_in_field"}
LIES = {"amount_changed_valid_mac", "sotien_above_int32", "currency_changed", "unknown_reference"}


def asked(request: WireRequest, after: float = 0.0) -> SimulatedRequest:
    parts = urlsplit(request.url)
    return SimulatedRequest(
        method=request.method,
        path=parts.path,
        query=parts.query,
        headers=request.headers,
        body=request.body,
        now=world.NOW + timedelta(seconds=after),
    )


def paid_with(fault: str, action: str = "pay") -> bytes:
    """The first notice of a payment that the adapter asked for and that has ``fault``."""
    platform = simulate(world.settings())
    platform.administer("register", json.dumps({"callback_url": CALLBACK}).encode())
    accepted(platform, fault)
    platform.administer(action, b"{}")
    (notice,) = platform.outgoing(world.NOW)
    return notice.body


def accepted(platform: PaymentSimulator, fault: str = "") -> str:
    """Have the adapter's own INIT accepted; the address for the payer."""
    adapter = world.adapter(response_mac="enforce")
    deliveries = (world.delivery(),)
    request = asked(adapter.encode(deliveries, world.context()))
    answer = platform.twist(fault, request) if fault else platform.handle(request)
    assert answer is not None
    response = WireResponse(status=answer.status, headers=answer.headers, body=answer.body)
    (outcome,) = adapter.interpret(deliveries, response, world.context())
    assert isinstance(outcome, Accepted), outcome
    return str(outcome.receipt)


def read(body: bytes) -> PaymentReport | Refusal:
    request = CallbackRequest(method="POST", path="confirm", body=body)
    report = world.adapter().read_callback(request, world.context())
    assert isinstance(report, PaymentReport | Refusal)
    return report


def test_the_stand_in_shares_no_code_with_what_it_judges() -> None:
    folder = Path(world.__file__).parents[2] / "adapters" / "payment_platform"
    seen = {
        name
        for file in folder.glob("simulator*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module
        for name in (
            [f"{node.module}.{alias.name}" for alias in node.names]
            if node.module == "adapters.payment_platform"
            else [node.module]
        )
    }
    ours = {name for name in seen if name.startswith(("adapters", "mappings", "gateway"))}
    strange = {name for name in ours if not name.startswith("adapters.payment_platform.simulator_")}
    assert strange == {"gateway.domain.errors", "gateway.port.simulator", "gateway.port.wire"}


def test_every_variant_has_its_verdict() -> None:
    assert set(SPOILING) == UNPROVED | LIES


def test_an_init_of_the_adapter_is_accepted_and_its_answer_believed() -> None:
    assert accepted(simulate(world.settings())).startswith("https://pay.example.test/t/")


@pytest.mark.parametrize("fault", sorted(UNPROVED))
def test_what_is_not_proved_is_refused(fault: str) -> None:
    assert isinstance(read(paid_with(fault)), Refusal)


@pytest.mark.parametrize("fault", sorted(LIES))
def test_a_proved_lie_differs_from_what_was_asked_for(fault: str) -> None:
    report = read(paid_with(fault))
    assert isinstance(report, PaymentReport)
    said = (report.reference, report.amount, report.currency)
    assert said != (world.REFERENCE, 250_000, CURRENCY)


@pytest.mark.parametrize("fault", sorted(set(VARIANTS) - set(SPOILING)))
def test_the_unusual_is_understood(fault: str) -> None:
    action = "fail" if fault == "null_fields_on_failure" else "pay"
    report = read(paid_with(fault, action))
    assert isinstance(report, PaymentReport)
    assert (report.reference, report.amount, report.currency) == (world.REFERENCE, 250_000, CURRENCY)
    assert report.claim == ("paid" if action == "pay" else "failed")
    assert b"9999000000000018" not in report.data, "card data is not kept"


@pytest.mark.parametrize("effect", ["settled", "repeated", "duplicate"])
def test_the_adapters_answer_ends_the_repeats(effect: str) -> None:
    platform = simulate(world.settings())
    platform.administer("register", json.dumps({"callback_url": CALLBACK}).encode())
    accepted(platform)
    platform.administer("pay", b"{}")
    (notice,) = platform.outgoing(world.NOW)
    report = read(notice.body)
    assert isinstance(report, PaymentReport)
    answer = report.answer(effect, "")
    platform.answered(notice.id, answer.status, answer.body)
    assert platform.record()["callbacks"][0]["accepted"]
    assert platform.outgoing(world.NOW + timedelta(days=1)) == []


def land(kind: str, *variants: str) -> list[LandTaxReport | Refusal]:
    """What the adapter makes of the portal's letters with ``variants``."""
    settings = world.settings(land={"security_key": Secret("khoa-chung")})
    letters = simulate(settings).administer(kind, json.dumps({"variants": variants}).encode())["deliveries"]
    adapter = world.adapter(land={"security_key": Secret("khoa-chung")})
    reports = []
    for letter in letters:
        request = CallbackRequest(
            method="POST", path=letter["path"].lstrip("/"), body=letter["body"].encode()
        )
        report = adapter.read_callback(request, world.context())
        assert isinstance(report, LandTaxReport | Refusal)
        reports.append(report)
    return reports


REFUSED_LETTERS = {"wrong_key", "no_key", "not_base64", "xxe_probe", "entity_bomb"}
REFUSED_ROWS = {"amount_unreadable", "amount_missing", "date_unreadable"}


@pytest.mark.parametrize("variant", ["", *NOTICE_VARIANTS])
def test_land_notices_are_read_or_refused(variant: str) -> None:
    report, *more = land("land/notice", *([variant] if variant else []))
    if variant in REFUSED_LETTERS:
        assert isinstance(report, Refusal)
        return
    assert isinstance(report, LandTaxReport)
    if variant in REFUSED_ROWS:
        assert (len(report.notices), len(report.refused)) == (0, 2)
        return
    assert [notice.amount for notice in report.notices] == [1_250_000, 3_500_000_000]
    assert len(more) == (variant in {"duplicate", "amount_changed"})


@pytest.mark.parametrize("variant", ["", *EVIDENCE_VARIANTS])
def test_land_evidence_is_read_or_refused(variant: str) -> None:
    report, *_ = land("land/evidence", *([variant] if variant else []))
    if variant in {*REFUSED_LETTERS, "amount_unreadable"}:
        assert isinstance(report, Refusal)
        return
    assert isinstance(report, LandTaxReport)
    assert report.evidence is not None
    assert report.evidence.amount == 3_500_000_000
