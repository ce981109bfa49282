"""Hygiene of the repository: names, sizes, honest error handling, where official words may stand.

Every rule is a function from a file to findings, and a row of bad examples proves that it can fail.
"""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("gateway", "adapters", "mappings")

MAX_FILE_LINES = 450
MAX_FUNCTION_LINES = 55
# A migration is a list of tables, written once and never edited.
_MIGRATIONS = "gateway/storage/migrations/versions/*.py"
# The verifier is one file on purpose: an auditor takes it away and reads it from top to bottom.
_VERIFIER = "gateway/proof/lienthong_verify.py"
LENGTH_EXEMPT = ("adapters/*/simulator.py", _MIGRATIONS, _VERIFIER)

# A module with such a name has no subject.
EMPTY_NAMES = frozenset(
    {"utils", "helpers", "common", "base", "misc", "manager", "handler", "processor"}
    | {"util", "helper", "managers", "handlers", "processors"}
)

_EXAMPLES = ("tests/*", "examples/*", "bench/*")
# Official words -> the Python files that may spell them.
OFFICIAL_WORDS = (
    (
        re.compile(r"\b(MaHoSo|MaTTHC|TrangThaiHoSo|NgayTiepNhan|NgayHenTra)\b"),
        ("mappings/*", "adapters/*/simulator*.py", *_EXAMPLES),
    ),
    (
        re.compile(r"\b(DongBoHoSoMC|CapNhatTienDoHoSoMC)\b"),
        ("mappings/*", "adapters/*/*.py", *_EXAMPLES),
    ),
)

REGISTRY_IN_LOCK = re.compile(r"--(?:extra-)?index-url|--find-links|--trusted-host|\w+://|(?:^|\s)/\w")
MACHINE_HOMES = ("home", "root", "Users", "work", "workspace", "builds")
MACHINE_PATH = re.compile(rf"(?<![\w.~}}*-])/(?:{'|'.join(MACHINE_HOMES)})/[\w.-]+")


def repository_files() -> list[str]:
    """Everything git tracks or would track, relative to the top."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        return sorted(name for name in set(listed.stdout.split("\0")) if name and (ROOT / name).is_file())
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())  # an unpacked archive
    return sorted(str(path) for path in found if not {".git", ".venv", "__pycache__"} & set(path.parts))


FILES = repository_files()
PYTHON = [name for name in FILES if name.endswith(".py")]
PRODUCT_PYTHON = [name for name in PYTHON if name.partition("/")[0] in PRODUCT]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def empty_names(name: str, _source: str) -> Iterator[str]:
    for part in Path(name).with_suffix("").parts:
        if part.lstrip("_") in EMPTY_NAMES:
            yield f"{part!r} names no subject"


def long_files(name: str, source: str) -> Iterator[str]:
    lines = source.count("\n")
    if lines > MAX_FILE_LINES and not any(fnmatch(name, exempt) for exempt in LENGTH_EXEMPT):
        yield f"{lines} lines, at most {MAX_FILE_LINES}"


def functions(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def long_functions(name: str, source: str) -> Iterator[str]:
    if fnmatch(name, _MIGRATIONS):
        return
    for function in functions(source):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > MAX_FUNCTION_LINES:
            yield f"line {function.lineno}: {function.name} has {lines} lines, at most {MAX_FUNCTION_LINES}"


def catches_everything(caught: ast.expr | None) -> bool:
    match caught:
        case None:
            return True
        case ast.Tuple(elts=members):
            return any(catches_everything(member) for member in members)
        case _:
            return ast.unparse(caught).rpartition(".")[2] in {"Exception", "BaseException"}


def broad_catches(_name: str, source: str) -> Iterator[str]:
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        broad = isinstance(node, ast.ExceptHandler) and catches_everything(node.type)
        if broad and not re.search(r"# why: \S", lines[node.lineno - 1]):
            yield f"line {node.lineno}: catches everything; narrow it, or say `# why: …` on the line"


def hollow_functions(_name: str, source: str) -> Iterator[str]:
    """`pass` does nothing and says nothing; `...` is a declaration and belongs to protocols."""
    in_protocol = {
        member
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases)
        for member in map(ast.unparse, node.body)
    }
    for function in functions(source):
        declares = ast.unparse(function) in in_protocol or any(
            ast.unparse(decorator).rpartition(".")[2] in {"abstractmethod", "overload"}
            for decorator in function.decorator_list
        )
        match function.body[1:] if ast.get_docstring(function) else function.body:
            case [ast.Pass()]:
                yield f"line {function.lineno}: {function.name} only passes; a docstring says why nothing is done"
            case [ast.Expr(value=ast.Constant(value=value))] if value is ... and not declares:
                yield f"line {function.lineno}: {function.name} is not written"


def misplaced_words(name: str, source: str) -> Iterator[str]:
    for words, homes in OFFICIAL_WORDS:
        if not any(fnmatch(name, home) for home in homes):
            for number, line in enumerate(source.splitlines(), start=1):
                if found := words.search(line):
                    yield f"line {number}: {found[0]} belongs in mappings/ or a simulator"


def recorded_registries(_name: str, source: str) -> Iterator[str]:
    for number, line in enumerate(source.splitlines(), start=1):
        if found := REGISTRY_IN_LOCK.search(line):
            yield f"line {number}: records {found[0].strip()!r}"


def machine_paths(_name: str, source: str) -> Iterator[str]:
    for number, line in enumerate(source.splitlines(), start=1):
        if str(ROOT) in line and len(ROOT.parts) > 2:
            yield f"line {number}: names this checkout"
        elif found := MACHINE_PATH.search(line):
            yield f"line {number}: names {found[0]}"


Rule = Callable[[str, str], Iterator[str]]

RULES: tuple[tuple[Rule, list[str]], ...] = (
    (empty_names, PYTHON),
    (long_files, PRODUCT_PYTHON),
    (long_functions, PRODUCT_PYTHON),
    (broad_catches, PRODUCT_PYTHON),
    (hollow_functions, PRODUCT_PYTHON),
    (misplaced_words, PYTHON),
    (recorded_registries, [name for name in FILES if name.endswith(".lock")]),
    (machine_paths, FILES),
)

# Rule, file name, source that it must refuse.
REFUSED = (
    (empty_names, "gateway/utils.py", ""),
    (empty_names, "gateway/common/text.py", ""),
    (empty_names, "adapters/sms/_base.py", ""),
    (long_files, "gateway/wire/client.py", "x = 1\n" * (MAX_FILE_LINES + 1)),
    (long_functions, "gateway/a.py", "def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES),
    (broad_catches, "gateway/a.py", "try:\n    f()\nexcept Exception:\n    g()\n"),
    (broad_catches, "gateway/a.py", "try:\n    f()\nexcept (OSError, builtins.BaseException):\n    g()\n"),
    (broad_catches, "gateway/a.py", "try:\n    f()\nexcept:\n    g()\n"),
    (broad_catches, "gateway/a.py", "try:\n    f()\nexcept Exception:  # why:\n    g()\n"),
    (hollow_functions, "gateway/a.py", "def f():\n    pass\n"),
    (hollow_functions, "gateway/a.py", "def f():\n    ...\n"),
    (
        hollow_functions,
        "gateway/a.py",
        'class A:\n    async def f(self):\n        """Later."""\n        ...\n',
    ),
    (misplaced_words, "gateway/codec/soap.py", "KEY = 'MaHoSo'"),
    (misplaced_words, "adapters/national_portal/adapter.py", "KEY = 'NgayHenTra'"),
    (misplaced_words, "gateway/wire/client.py", "SERVICE = 'DongBoHoSoMC'"),
    (recorded_registries, "requirements.lock", "--index-url https:" + "//registry.example/simple"),
    (recorded_registries, "requirements.lock", "wheel @ file:" + "///wheels/wheel.whl"),
    (recorded_registries, "requirements.lock", "#   -r /" + "srv/pyproject.toml"),
    (machine_paths, "README.md", "see /" + "home/someone/notes.md"),
    (machine_paths, "README.md", f"cd {ROOT}"),
)

ALLOWED = (
    (long_files, "adapters/sms/simulator.py", "x = 1\n" * (MAX_FILE_LINES + 1)),
    (broad_catches, "gateway/a.py", "try:\n    f()\nexcept Exception:  # why: a plug-in's bug\n    g()\n"),
    (hollow_functions, "gateway/a.py", "class P(Protocol):\n    def f(self) -> int: ...\n"),
    (hollow_functions, "gateway/a.py", "@overload\ndef f(x: int) -> int: ...\n"),
    (misplaced_words, "adapters/national_portal/simulator.py", "KEY = 'MaHoSo'"),
    (misplaced_words, "adapters/national_portal/manifest.py", "SERVICE = 'DongBoHoSoMC'"),
    (recorded_registries, "requirements.lock", "wheel==0.45.1 \\\n    --hash=sha256:00\n    # via lienthong"),
    (machine_paths, "README.md", "https://example.vn/srv/1 and ./home/x and {base}/home/1"),
)


def rule_name(value: object) -> str | None:
    return value.__name__ if callable(value) else None


@pytest.mark.parametrize(("rule", "names"), RULES, ids=rule_name)
def test_repository_obeys(rule: Rule, names: list[str]) -> None:
    found = [f"{name}: {finding}" for name in names for finding in rule(name, read(name))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("rule", "name", "source"), REFUSED)
def test_rule_refuses(rule: Rule, name: str, source: str) -> None:
    assert list(rule(name, source))


@pytest.mark.parametrize(("rule", "name", "source"), ALLOWED)
def test_rule_allows(rule: Rule, name: str, source: str) -> None:
    assert not list(rule(name, source))


def test_every_rule_is_known_to_refuse_something() -> None:
    assert {rule for rule, _ in RULES} == {rule for rule, _, _ in REFUSED}


def test_both_lock_files_are_there_and_no_other() -> None:
    locks = {name for name in FILES if name.endswith(".lock")}
    assert locks == {"requirements.lock", "requirements-dev.lock"}
