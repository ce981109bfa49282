"""What the payment platform's adapter tells the hub to ask it by, and that no INIT leaves twice (payment_platform §11)."""

from __future__ import annotations

import pytest

from gateway.domain.errors import CannotEncode
from gateway.port import CannotRead, CollectsPayments, Read
from tests.unit import payment_world as world
from tests.unit.portal import adapter as portal_adapter

PARAMETERS = {"partner": "DEMOH99", "reference": world.REFERENCE, "asked_at": world.ASKED_AT}


def test_payment_platform_collects_payments_and_the_portal_does_not():
    assert isinstance(world.adapter(), CollectsPayments)
    assert not isinstance(portal_adapter(), CollectsPayments)


def test_terms_are_those_of_the_settings():
    terms = world.adapter(query_schedule_s=(7.0,), query_every_s=9.0, session_s=11.0).payment_terms
    assert (terms.partner, terms.schedule, terms.every, terms.session) == ("DEMOH99", (7.0,), 9.0, 11.0)
    assert terms.receipt_hosts == ("pay.example.test",)


def test_schedule_is_the_contracts_where_nobody_says_otherwise():
    terms = world.adapter().payment_terms
    assert terms.schedule == (120.0, 300.0, 600.0, 1200.0, 2400.0)  # §11.6: 2, 5, 10, 20, 40 minutes
    assert (terms.absent_after, terms.until) == (30.0, 259_200.0)


@pytest.mark.parametrize(
    ("document", "status", "absent"),
    [
        ({"MaLoi": "99", "MoTaLoi": "Không tìm thấy giao dịch"}, 200, True),
        (b"<html>bad gateway</html>", 200, False),
        ({"MaLoi": "99"}, 500, False),
        ({}, 200, False),
    ],
)
def test_only_the_platforms_own_word_says_that_it_does_not_know_an_attempt(document, status, absent):
    adapter = world.adapter()
    told = adapter.interpret_read("payment", PARAMETERS, world.reply(document, status))
    assert isinstance(told, CannotRead)
    assert (told.code in adapter.payment_terms.absent_codes) == absent


def test_known_attempt_is_read():
    told = world.adapter().interpret_read("payment", PARAMETERS, world.reply(world.QUERIED))
    assert isinstance(told, Read)


def test_init_that_left_once_is_not_sent_again_on_a_persons_word():
    again = world.delivery(attempts=1, retried_at=world.NOW)
    with pytest.raises(CannotEncode, match="it has left once"):
        world.adapter().encode([again], world.context())


@pytest.mark.parametrize("changes", [{"attempts": 0, "retried_at": world.NOW}, {"attempts": 1}])
def test_init_that_never_left_or_that_waits_by_itself_is_sent(changes):
    request = world.adapter().encode([world.delivery(**changes)], world.context())
    assert world.body_of(request)["MaThamChieu"] == world.REFERENCE
