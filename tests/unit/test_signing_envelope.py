"""Secrets at rest: sealed under a key that the database does not hold, for one name only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import ConfigurationError
from gateway.port import Secret
from gateway.signing.envelope import SEALED, SHORTEST_KEY, Envelope

OLD, NEW = (
    Secret("an old key of the province, forty letters"),
    Secret("a new key of the province, forty letters"),
)


def envelope(*keys):
    return Envelope(keys, setting="webhooks.keys")


@given(st.text(), st.text())
def test_what_was_sealed_is_opened(text, name):
    sealed = envelope(NEW).seal(text, name=name)

    assert envelope(NEW).open(sealed, name=name) == text
    assert sealed.startswith(SEALED)


def test_sealed_text_shows_nothing_and_never_looks_the_same_twice():
    sealed = [envelope(NEW).seal("whsec_secret", name="wh_1") for _ in range(2)]

    assert sealed[0] != sealed[1]
    assert all("secret" not in each and NEW.reveal() not in each for each in sealed)


def test_sealed_text_opens_for_its_own_name_only():
    sealed = envelope(NEW).seal("whsec_secret", name="wh_1")

    with pytest.raises(ConfigurationError, match="wh_2 in the database was changed or belongs to another"):
        envelope(NEW).open(sealed, name="wh_2")


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-4] + "AAA=", lambda text: text + "%", lambda text: text[:25]]
)
def test_damaged_text_is_not_opened(damage):
    sealed = envelope(NEW).seal("whsec_secret", name="wh_1")

    with pytest.raises(ConfigurationError, match="was changed"):
        envelope(NEW).open(damage(sealed), name="wh_1")


def test_key_that_is_not_given_is_asked_for_by_the_name_of_its_setting():
    sealed = envelope(OLD).seal("whsec_secret", name="wh_1")

    for keys in ((), (NEW,)):
        with pytest.raises(
            ConfigurationError, match=r"webhooks\.keys: the secret of wh_1.*put that key back"
        ):
            envelope(*keys).open(sealed, name="wh_1")


def test_key_is_replaced_by_putting_the_new_one_first():
    sealed = envelope(OLD).seal("whsec_secret", name="wh_1")
    both = envelope(NEW, OLD)

    assert both.open(sealed, name="wh_1") == "whsec_secret"
    assert not both.is_current(sealed)
    again = both.seal("whsec_secret", name="wh_1")
    assert both.is_current(again)
    assert envelope(NEW).open(again, name="wh_1") == "whsec_secret"


def test_without_a_key_nothing_is_sealed_and_plain_text_is_opened_by_everybody():
    assert envelope().seal("whsec_plain", name="wh_1") == "whsec_plain"
    assert envelope(NEW).open("whsec_plain", name="wh_1") == "whsec_plain"
    assert envelope().is_current("whsec_plain")
    assert not envelope(NEW).is_current("whsec_plain")


def test_short_key_is_refused_with_a_way_to_make_one():
    with pytest.raises(
        ConfigurationError, match=rf"webhooks\.keys: a key has 31 .*{SHORTEST_KEY}.*openssl rand"
    ):
        envelope(Secret("x" * (SHORTEST_KEY - 1)))
