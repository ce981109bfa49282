"""No way to a database that is written to goes past the log of people's actions and the second person.

A bare ``Database`` asks for nobody and logs no action; only the doors that give it keys and oversight may open one.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOORS = {"gateway/backup/restoring.py", "gateway/bootstrap.py", "gateway/cli/opening.py"}


def opened(path):
    """Lines of ``path`` that build a ``Database``, and whether it is given oversight there."""
    text = path.read_text(encoding="utf-8")
    lines = [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Database"
    ]
    return lines, ".oversight = " in text


def test_databases_are_opened_by_these_doors_alone():
    places = {
        str(path.relative_to(ROOT))
        for part in ("gateway", "adapters", "mappings")
        for path in (ROOT / part).rglob("*.py")
        if opened(path)[0]
    }
    assert places == DOORS


@pytest.mark.parametrize("door", sorted(DOORS))
def test_each_door_gives_oversight(door):
    assert opened(ROOT / door)[1]


def test_actions_are_written_down_by_one_function():
    writers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "gateway").rglob("*.py")
        if 'insert("operator_action"'
        in " ".join(path.read_text(encoding="utf-8").split()).replace('insert( "', 'insert("')
    }
    assert writers == {"gateway/storage/operator_log.py"}
