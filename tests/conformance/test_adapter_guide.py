"""The adapter author's guide tells the truth: its files make a conformant adapter, its commands run, its tables hold."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from gateway import settings as configuration
from gateway.conformance import CHECKS
from gateway.conformance.subject import Specification
from gateway.mapping import Field, Row
from gateway.port import Adapter
from tests.conformance.conftest import TREE

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "adapter-guide.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", GUIDE, flags=re.DOTALL))
COMMANDS = [
    command.replace("\\\n", " ")
    for block in re.findall(r"```console\n(.*?)```", GUIDE, flags=re.DOTALL)
    for command in re.findall(r"^\$ ((?:.*\\\n)*.*)$", block, flags=re.MULTILINE)
]
LOOSE_TOML = re.findall(r"(?<!-->\n)```toml\n(.*?)```", GUIDE, flags=re.DOTALL)


def run(command: str, tree: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    assert program == "python", command
    return subprocess.run(
        [sys.executable, *arguments, "--tree", str(tree)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def recorded_in(tree: Path) -> dict[str, bytes]:
    cases = (tree / "tests" / "recorded" / "ward_board").glob("*.json")
    return {path.name: path.read_bytes() for path in cases}


@pytest.fixture
def written(tmp_path) -> Path:
    """A folder with the files of the guide and nothing else."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_guide_shows_every_file_of_the_reference_adapter():
    kept = {
        str(path.relative_to(TREE)): path.read_text(encoding="utf-8")
        for path in Path(TREE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and "recorded" not in path.parts
    }
    assert set(FILES) == set(kept)
    differing = [name for name, text in kept.items() if FILES[name] != text]
    assert not differing, f"copy the file into the guide again: {differing}"


def test_following_the_guide_leads_to_a_conformant_adapter(written):
    first, *recordings, last = COMMANDS
    before = run(first, written)
    assert before.returncode == 1
    found = {line.split(": ")[1] for line in before.stdout.splitlines() if line.startswith("ward_board: ")}
    assert {each for each in found if "-" in each} == {"recorded-cases", "response-table"}, before.stdout
    for command in recordings:
        recording = run(command, written)
        assert recording.returncode == 0, recording.stderr
    after = run(last, written)
    assert after.stdout == "ward_board: conforms\n", after.stdout + after.stderr
    assert after.returncode == 0
    assert recorded_in(written) == recorded_in(Path(TREE))


def test_guide_lists_every_check():
    rows = [f"| `{check.code}` | {check.meaning} | {check.cure} |" for check in CHECKS]
    assert [row for row in rows if row not in GUIDE] == []


@pytest.mark.parametrize(
    ("kind", "untold"),
    [
        (Field, {"clause"}),
        (Row, {"name", "verdict", "why"}),
    ],
)
def test_guide_explains_every_column(kind, untold):
    names = set(kind.__struct_fields__) - untold
    assert [name for name in sorted(names) if f"`{name}`" not in GUIDE] == []


def test_guide_shows_every_table_of_the_specification():
    shown = {key for text in LOOSE_TOML[:1] for key in tomllib.loads(text)} | {"settings"}
    assert shown == set(Specification.__struct_fields__)


def test_guide_explains_every_method_of_the_port():
    methods = {name for name in vars(Adapter) if not name.startswith("_")} - {"manifest"}
    assert [name for name in sorted(methods) if f"`{name}" not in GUIDE] == []


def test_checks_named_among_the_mistakes_exist():
    mistakes = GUIDE.partition("## Common mistakes")[2]
    named = {code for line in mistakes.splitlines() for code in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", line)}
    assert named
    assert named <= {check.code for check in CHECKS}


def test_loose_toml_of_the_guide_is_understood():
    specification, destination = map(tomllib.loads, LOOSE_TOML)
    read = msgspec.convert(specification, Specification)
    assert [waiver.check for waiver in read.waiver] == ["query-rule"]
    environment = {"WARD_BOARD_PASSWORD": "from the environment"}
    decoded = configuration.decode(destination, configuration.Settings, environment)
    assert decoded.destination["ward_board"].concurrency == 2


def test_every_block_of_code_in_the_guide_is_checked():
    kinds = re.findall(r"^```(\w+)$", GUIDE, flags=re.MULTILINE)
    checked = len(FILES) + len(LOOSE_TOML) + GUIDE.count("```console\n")
    assert len(kinds) == checked
