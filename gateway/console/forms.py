"""Reading a form into the type that an action declares, with every finding at once.

Invariant: as strict as the API: nothing unknown, repeated or of the wrong type is quietly left out. An empty field is
one that was left out; a list takes its name several times, a dictionary takes ``name.key`` for every key.
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
    origins = {name: get_origin(hint) for name, hint in get_type_hints(kind).items()}
    lists = [name for name, origin in origins.items() if origin is list]
    mappings = [name for name, origin in origins.items() if origin is dict]
    kept = [(name, value) for name, value in pairs if value != ""]
    single = [
        (name, value) for name, value in kept if name not in lists and name.partition(".")[0] not in mappings
    ]
    form = read_query(kind, urlencode(single).encode())
    given: dict[str, object] = {name: [value for each, value in kept if each == name] for name in lists}
    given |= {name: _keyed(name, kept) for name in mappings}
    if not given:
        return form
    try:
        whole: _T = msgspec.convert({**msgspec.structs.asdict(form), **given}, kind, strict=False)
    except msgspec.ValidationError as fault:
        raise Refused("invalid", str(fault)) from fault
    return whole


def _keyed(name: str, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The keys of the dictionary ``name``; Refused where one comes twice, or the name without a key."""
    found: dict[str, str] = {}
    for each, value in pairs:
        head, _, key = each.partition(".")
        if head != name:
            continue
        if not key or key in found:
            raise Refused("invalid", f"{each}: a key that comes once was expected")
        found[key] = value
    return found
