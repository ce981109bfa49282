"""Totality: that no official element is forgotten.

A contract's elements are listed once with their marks; each is a row of a field table or is waived with a reason and
a day. Invariant: ``forgotten`` and ``unknown`` are empty for every message of every adapter (the conformance kit asks).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum

import msgspec

from gateway.mapping.fields import Table


class Mark(StrEnum):
    """Whether the contract demands an element."""

    MANDATORY = "M"
    OPTIONAL = "O"


class Element(msgspec.Struct, frozen=True, kw_only=True):
    """One official element of a message as the contract lists it."""

    name: str
    mark: Mark
    clause: str


class Waiver(msgspec.Struct, frozen=True, kw_only=True):
    """Why an element is not sent, and since when that is decided."""

    reason: str
    on: date


def elements(clause: str, mandatory: str = "", optional: str = "") -> tuple[Element, ...]:
    """Elements of one clause from two lists of names separated by white space."""
    return (
        *(Element(name=name, mark=Mark.MANDATORY, clause=clause) for name in mandatory.split()),
        *(Element(name=name, mark=Mark.OPTIONAL, clause=clause) for name in optional.split()),
    )


def forgotten(listed: Iterable[Element], table: Table, waived: Mapping[str, Waiver]) -> list[str]:
    """Names that the contract lists, but that are neither mapped nor waived."""
    names = table.names()
    return [element.name for element in listed if element.name not in names and element.name not in waived]


def unknown(listed: Iterable[Element], table: Table, waived: Mapping[str, Waiver]) -> list[str]:
    """Names that are mapped or waived, but that the contract does not list; and names that are both."""
    known = {element.name for element in listed}
    names = table.names()
    return sorted((names | set(waived)) - known | (names & set(waived)))
