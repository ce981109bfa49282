"""Validation of XML elements against an XML Schema that is compiled once and never looks outside its bytes.

Invariant: a finding names the element and the line and quotes no value, so that no identity number gets into a
message; libxml2 enforces every facet, which SOAP libraries do not (measured: zeep lets any text pass a pattern).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

import msgspec
from lxml import etree

from gateway.codec import xml
from gateway.codec.xml import Element
from gateway.domain.errors import ConfigurationError

MOST_FINDINGS = 50
_VALUE = re.compile(r"The value '.*?' (?=is |has )", re.DOTALL)
_QUOTED = re.compile(r"'[^']*' is not a valid value", re.DOTALL)
_NAMESPACE = re.compile(r"\{[a-z]+:[^}]*\}")
_STEP = re.compile(r"\[(\d+)\]$")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the schema forbids.

    ``path``: local names from the validated element down, the n-th of several of one name with ``[n]``; ``line``: in
    the document that was read, 0 or 1 for an element that was built; ``reason``: libxml2's words without the value.
    """

    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        place = f"{self.path} (line {self.line})" if self.line > 1 else self.path
        return f"{place}: {self.reason}"


class Schema:
    """One compiled schema; make it once and keep it."""

    def __init__(self, source: bytes, *, name: str) -> None:
        """ConfigurationError when ``source`` is no schema, or one that would have to fetch another."""
        root = xml.read(source)
        for element in root.iter():
            if xml.local(element) in {"import", "include", "redefine"} and element.get("schemaLocation"):
                raise ConfigurationError(
                    f"{name}: the schema refers to {element.get('schemaLocation')}; put it in"
                )
        try:
            self._schema = etree.XMLSchema(root)
        except etree.XMLSchemaParseError as fault:
            raise ConfigurationError(f"{name} is no usable XML Schema: {str(fault)[:300]}") from fault

    def findings(self, element: Element) -> tuple[Finding, ...]:
        """What is wrong with ``element`` as a document of its own; nothing when it is valid."""
        if self._schema.validate(element):
            return ()
        named: dict[Finding, None] = {}
        entries: Iterable[Any] = cast("Any", self._schema.error_log)  # iterable, which the stubs do not know
        for entry in entries:
            place = _located(element, entry.path or "")
            found = Finding(path=_path(place, element), line=_line(place), reason=_reason(entry.message))
            named[found] = None
            if len(named) == MOST_FINDINGS:
                break
        return tuple(named)


def _located(element: Element, path: str) -> Element:
    """The element that ``path``, counted by libxml2 from the validated element, points to."""
    place = element
    for step in path.strip("/").split("/")[1:]:
        match = _STEP.search(step)
        number = int(match[1]) if match else 1
        name = step.partition("[")[0].rpartition(":")[2]
        same = [child for child in place if name == "*" or xml.local(child) == name]
        if not 0 < number <= len(same):
            break
        place = same[number - 1]
    return place


def _line(place: Element) -> int:
    line: object = place.sourceline  # None where nobody parsed it, which the stubs deny
    return line if isinstance(line, int) else 0


def _path(place: Element, top: Element) -> str:
    steps: list[str] = []
    while True:
        step, parent = xml.local(place), place.getparent()
        if place is not top and parent is not None:
            same = [child for child in parent if child.tag == place.tag]
            if len(same) > 1:
                step = f"{step}[{same.index(place) + 1}]"
        steps.append(step)
        if place is top or parent is None:
            return "/".join(reversed(steps))
        place = parent


def _reason(message: str) -> str:
    text = _NAMESPACE.sub("", message or "not valid")
    text = _QUOTED.sub("it is not a valid value", _VALUE.sub("the value ", text))
    return " ".join(text.split())[:300]
