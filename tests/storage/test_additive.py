"""Migrations only add, so that processes of the release before go on working while they are replaced.

What they insert does not name a new column, so that one may be null or has a default in the database; what they read is
still there.
"""

import ast
from pathlib import Path

import pytest

VERSIONS = sorted((Path(__file__).resolve().parents[2] / "gateway/storage/migrations/versions").glob("*.py"))
ADDING = {"batch_alter_table", "create_table", "create_index", "add_column", "f"}
WIDENING = {
    # a check takes one more value; an index is made anew so that SQLite chooses as before
    "0005_add_presence": {"drop_constraint", "create_check_constraint", "drop_index"},
    # columns may be null from then on, and their checks allow it
    "0007_add_decisions_about_orphans": {"alter_column", "drop_constraint", "create_check_constraint"},
    # a check takes two more values; what is over already is said to be
    "0023_end_proposals": {"drop_constraint", "create_check_constraint", "get_bind"},
}


def calls(path):
    """(name, call) of everything that the migration has done."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="op" | "batch_op"), attr=name)):
                yield name, node


def columns_added(path):
    for name, call in calls(path):
        if name == "add_column":
            yield next(node for node in call.args if isinstance(node, ast.Call))


def test_there_are_migrations_that_add_columns():
    assert sum(len(list(columns_added(path))) for path in VERSIONS) > 5


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_nothing_is_dropped_renamed_or_narrowed(path):
    assert {name for name, _ in calls(path)} <= ADDING | WIDENING.get(path.stem, set())


def test_widening_that_is_named_is_there():
    assert {
        path.stem: {name for name, _ in calls(path)} - ADDING for path in VERSIONS if path.stem in WIDENING
    } == WIDENING


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_rows_of_the_release_before_still_fit(path):
    for column in columns_added(path):
        given = {keyword.arg: keyword.value for keyword in column.keywords}
        nullable = given.get("nullable")
        needed = isinstance(nullable, ast.Constant) and nullable.value is False
        assert not needed or "server_default" in given, ast.unparse(column)
