"""Reading a form into the type that an action declares, with every finding at once.

Invariant: as strict as the API: nothing unknown, repeated or of the wrong type is quietly left out. An empty field is
one that was left out; a list takes its name several times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, get_origin, get_type_hints
from urllib.parse import urlencode

import msgspec

from gateway.api.inputs import read_query
from gateway.api.problem import Refused

_T = TypeVar("_T", bound=msgspec.Struct)


def read_form(kind: type[_T], pairs: Sequence[tuple[str, str]]) -> _T:
    """The form's fields as ``kind``; Refused lists what is wrong with them."""
    lists = [name for name, hint in get_type_hints(kind).items() if get_origin(hint) is list]
    single = [(name, value) for name, value in pairs if name not in lists and value != ""]
    form = read_query(kind, urlencode(single).encode())
    given = {name: [value for each, value in pairs if each == name and value != ""] for name in lists}
    if not lists:
        return form
    try:
        whole: _T = msgspec.convert({**msgspec.structs.asdict(form), **given}, kind, strict=False)
    except msgspec.ValidationError as fault:
        raise Refused("invalid", str(fault)) from fault
    return whole
