"""Our own faults and partners' outcomes: closed sets, drawn as they are."""

import inspect
import typing

import msgspec
import pytest

from gateway.domain import errors
from gateway.domain.errors import CannotEncode, GatewayError, RecordError
from gateway.domain.outcome import Accepted, Actor, Deferred, InDoubt, Outcome, Rejected
from gateway.domain.violation import SHOWN_CHARACTERS, Violation, shown


def subclasses(kind):
    below = set(kind.__subclasses__())
    return below.union(*(subclasses(each) for each in below)) if below else below


def test_every_error_of_ours_descends_from_one_and_is_drawn_in_the_module():
    declared = {
        item
        for _, item in inspect.getmembers(errors, inspect.isclass)
        if issubclass(item, Exception) and item.__module__ == errors.__name__
    }

    assert declared - {GatewayError} <= subclasses(GatewayError)
    assert errors.__doc__ is not None
    assert all(item.__name__ in errors.__doc__ for item in declared)


def test_every_error_says_what_to_do():
    assert all(inspect.getdoc(item) for item in subclasses(GatewayError))


@pytest.mark.parametrize("kind", [RecordError, CannotEncode])
def test_error_about_a_record_carries_every_finding(kind):
    found = Violation(pointer="/code", code="c", got="g", expected="e", advice="a")

    assert kind("m").violations == ()
    assert kind("m", [found, found]).violations == (found, found)


def test_outcomes_are_a_closed_union_with_tags_of_their_own():
    kinds = typing.get_args(Outcome)

    assert set(kinds) == {Accepted, Rejected, Deferred, InDoubt}
    assert len({kind.__struct_config__.tag for kind in kinds}) == len(kinds)
    assert all(kind.__struct_config__.frozen for kind in kinds)


@pytest.mark.parametrize(
    "outcome",
    [
        Accepted(receipt="R", learned={"a": "b"}),
        Rejected(code="c", reason="r", actor=Actor.PARTNER),
        Deferred(code="c", reason="r", retry_after=1.5, renew=("session",)),
        InDoubt(code="c", reason="r", ask_again=True),
    ],
)
def test_outcome_survives_being_written_down(outcome):
    assert msgspec.json.decode(msgspec.json.encode(outcome), type=Outcome) == outcome


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("short", "short"),
        (None, "None"),
        ({"a": 1}, "{'a': 1}"),
        ("two\n lines\tand  blanks", "two lines and blanks"),
        ("", ""),
    ],
)
def test_value_is_shown_on_one_line(value, text):
    assert shown(value) == text


def test_long_value_is_shown_short():
    assert len(shown("x" * 10_000)) == SHOWN_CHARACTERS
    assert shown("x" * SHOWN_CHARACTERS) == "x" * SHOWN_CHARACTERS
