"""As much of structured header fields (RFC 9651) as HTTP signatures need: dictionaries of inner lists and byte strings.

Invariant: what is read was written in the one canonical way, so that the text that was signed is the text that came.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

import msgspec

_KEY = r"[a-z*][a-z0-9_.*-]*"
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_PARAMETER = rf";({_KEY})(?:=({_STRING}|-?\d{{1,15}}|[A-Za-z*][!#$%&'*+.^_`|~:/0-9A-Za-z-]*))?"
_PARAMETERS = re.compile(_PARAMETER)
_COMPONENT = re.compile(rf"({_STRING})((?:{_PARAMETER})*)")
_MEMBER = re.compile(rf"({_KEY})=(\((?:[^()\"]|{_STRING})*\)(?:{_PARAMETER})*|:[A-Za-z0-9+/=]*:)")
_LONGEST = 32 * 1024

Value = str | int | bool


class Malformed(ValueError):
    """Not written as the standard has it."""


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One covered component: its name, its parameters, and how both were written."""

    name: str
    parameters: Mapping[str, Value]
    written: str


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """An inner list: the covered components, and the signature's parameters."""

    components: tuple[Component, ...]
    parameters: Mapping[str, Value]


def dictionary(text: str) -> dict[str, str]:
    """The members of a dictionary, each as it was written."""
    found: dict[str, str] = {}
    if len(text) > _LONGEST:
        raise Malformed("too long")
    position = 0
    text = text.strip()
    while position < len(text):
        member = _MEMBER.match(text, position)
        if member is None:
            raise Malformed(f"no member at {text[position : position + 40]!r}")
        if member[1] in found:
            raise Malformed(f"{member[1]} is there twice")
        found[member[1]] = member[2]
        position = member.end()
        if position < len(text):
            comma = re.compile(r"[ \t]*,[ \t]*(?=.)").match(text, position)
            if comma is None:
                raise Malformed(f"no comma at {text[position : position + 40]!r}")
            position = comma.end()
    return found


def byte_string(written: str) -> bytes:
    """The bytes between two colons."""
    if len(written) < 2 or written[0] != ":" or written[-1] != ":":
        raise Malformed("no byte string")
    try:
        return base64.b64decode(written[1:-1], validate=True)
    except binascii.Error:
        raise Malformed("no Base64") from None


def write_bytes(value: bytes) -> str:
    """``value`` as a byte string."""
    return f":{base64.b64encode(value).decode('ascii')}:"


def write_string(text: str) -> str:
    """``text`` as a string; Malformed when it has other letters than ASCII."""
    if not text.isascii() or not text.isprintable():
        raise Malformed("only printable ASCII")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def covered(written: str) -> Covered:
    """The inner list of a Signature-Input member, which has one space between its items and none elsewhere."""
    if not written.startswith("("):
        raise Malformed("no inner list")
    position = 1
    components: list[Component] = []
    while written[position : position + 1] != ")":
        item = _COMPONENT.match(written, position)
        if item is None:
            raise Malformed(f"no component at {written[position : position + 40]!r}")
        components.append(Component(name=_text(item[1]), parameters=_parameters(item[2]), written=item[0]))
        position = item.end()
        if written[position : position + 2] not in {"", ")"} and written[position : position + 1] == " ":
            position += 1
            if written[position : position + 1] in {" ", ")"}:
                raise Malformed("more spaces than the canonical form has")
        elif written[position : position + 1] != ")":
            raise Malformed("no space between components")
    return Covered(components=tuple(components), parameters=_parameters(written[position + 1 :]))


def _parameters(written: str) -> dict[str, Value]:
    found: dict[str, Value] = {}
    position = 0
    while position < len(written):
        each = _PARAMETERS.match(written, position)
        if each is None or each[1] in found:
            raise Malformed(f"no parameter at {written[position : position + 40]!r}")
        found[each[1]] = _bare(each[2])
        position = each.end()
    return found


def _bare(written: str | None) -> Value:
    if written is None:
        return True
    if written.startswith('"'):
        return _text(written)
    return int(written) if re.fullmatch(r"-?\d+", written) else written


def _text(written: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", written[1:-1])
