"""Declarations of permits and planning information in a dossier: kept byte by byte, refused point by point."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.codec import canonical, trusted
from gateway.codec.record import RecordReader
from gateway.domain.declarations import ConstructionDeclaration, PlanningDeclaration
from gateway.domain.dossier import Dossier
from gateway.domain.errors import RecordError
from tests.unit.construction_world import declared, dossier, planning, richest

DECLARATIONS = {"house": declared(), "everything": richest(), "planning": planning()}


@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_declaration_comes_back_as_it_was_sent(name: str) -> None:
    body = canonical.encode(dossier(DECLARATIONS[name]))
    read = msgspec.json.decode(body, type=Dossier)
    assert read.declaration == DECLARATIONS[name]
    assert canonical.encode(read) == body
    assert canonical.encode(trusted.decoder(Dossier).decode(body)) == body


def _document(declaration: ConstructionDeclaration | PlanningDeclaration) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(canonical.encode(dossier(declaration)))
    return document


def test_everything_that_is_wrong_is_told_with_the_alternative_that_is_meant() -> None:
    document = _document(declared())
    declaration = document["declaration"]
    declaration["site"]["parcels"] = []
    declaration["site"]["address"]["ward"] = "1"
    declaration["request"]["works"][0]["height"] = "cao"
    del declaration["investor"]
    with pytest.raises(RecordError) as refused:
        RecordReader(Dossier, what="dossier").read(msgspec.json.encode(document))
    assert {violation.pointer for violation in refused.value.violations} == {
        "/declaration/site/parcels",
        "/declaration/site/address/ward",
        "/declaration/request/works/0/height",
        "/declaration/investor",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("area", "120.505"),
        ("area", "-1"),
        ("area", 120.5),
        ("area", "1e3"),
        ("issued_on", "05/05/2019"),
        ("plot", ""),
        ("plot", "\x00"),
        ("unheard", "of"),
    ],
)
def test_what_the_contract_could_not_carry_is_refused(field: str, value: object) -> None:
    document = _document(declared())
    document["declaration"]["site"]["parcels"][0][field] = value
    with pytest.raises(RecordError):
        RecordReader(Dossier, what="dossier").read(msgspec.json.encode(document))
