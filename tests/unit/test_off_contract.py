"""Every adapter says which codes of its answers are none that its contract describes."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import mappings
from gateway import registry
from gateway.delivery.contract import ALWAYS, off_contract_codes
from gateway.mapping.responses import ResponseTable, Shape

ADAPTERS = registry.discover()
ROOT = Path(__file__).resolve().parents[2]
_DOUBTS = {"unknown", "unclear"}


def rows(name):
    """The rows of every response table that the adapter's mappings declare."""
    if name not in {module.name for module in pkgutil.iter_modules(mappings.__path__)}:
        return []
    module = importlib.import_module(f"mappings.{name}.responses")
    tables = [value for value in vars(module).values() if isinstance(value, ResponseTable)]
    return [row for table in tables for row in table.rows]


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_code_that_is_declared_is_one_that_the_adapter_gives(name):
    sources = "".join(
        path.read_text() for path in (ROOT / "adapters" / name).glob("*.py") if path.name != "manifest.py"
    )
    known = {row.name for row in rows(name)}
    declared = ADAPTERS[name].manifest.off_contract
    assert declared
    for code in declared:
        assert code in known or f'"{code}"' in sources, code


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_answer_without_the_agreed_structure_is_off_the_contract(name):
    shapeless = [
        row.name
        for row in rows(name)
        if row.verdict in _DOUBTS and row.shapes and Shape.ENVELOPE not in row.shapes
    ]
    assert set(shapeless) <= off_contract_codes(ADAPTERS[name].manifest)


def test_what_the_gateway_finds_no_sense_in_counts_everywhere():
    for module in ADAPTERS.values():
        assert set(ALWAYS) <= off_contract_codes(module.manifest)
