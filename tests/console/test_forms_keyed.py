"""Forms whose fields are named by what they are about."""

import msgspec
import pytest

from gateway.api.problem import Refused
from gateway.console.forms import read_form


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A form with a dictionary."""

    reason: str = ""
    parameters: dict[str, str] = {}


def test_dictionary_takes_a_field_for_every_key():
    form = read_form(Order, [("parameters.rate", "5"), ("parameters.dossier", ""), ("reason", "x")])
    assert form == Order(reason="x", parameters={"rate": "5"})


@pytest.mark.parametrize(
    "pairs",
    [[("parameters", "5")], [("parameters.", "5")], [("parameters.rate", "5"), ("parameters.rate", "6")]],
)
def test_key_that_is_missing_or_repeated_is_refused(pairs):
    with pytest.raises(Refused):
        read_form(Order, pairs)


def test_dictionary_of_another_name_is_refused():
    with pytest.raises(Refused):
        read_form(Order, [("options.rate", "5")])
