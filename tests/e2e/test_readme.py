"""README and the operator's pages tell the truth: commands run, answers are as shown, tables leave nothing out.

The commands of the tour run in the order of the page, in a shell, against `lienthong serve` with the sandbox behind
it. Host, port and key come from the variables that the page itself uses.
"""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import prometheus_client
import pytest
import typer.main

from gateway import telemetry
from gateway.api.table import ROUTES
from gateway.bootstrap import build_adapter
from gateway.cli.demo.words import TEXTS
from gateway.cli.main import app
from gateway.domain.dossier import Dossier
from gateway.settings import Settings, decode
from gateway.signing.keyring import SigningSettings
from gateway.storage.clients import Scope

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "README.vi.md", "docs/operations.md", "docs/security.md", "docs/payments.md")
TEXT = {name: (ROOT / name).read_text(encoding="utf-8") for name in PAGES}
README = TEXT["README.md"]
FENCE = re.compile(
    r"(?:<!-- (?P<mark>[^>]*?) -->\n)?^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE
)
RUNNING = ("sandbox", "serve")
COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
STOP_SECONDS = 20.0
BLOCK_SECONDS = 60.0


def marked(word: str, page: str = README) -> dict[str, str]:
    """Blocks under ``<!-- word: name -->`` by name, in the order of the page."""
    found = [(item["mark"] or "", item["body"]) for item in FENCE.finditer(page)]
    return {mark.partition(": ")[2]: body for mark, body in found if mark.startswith(f"{word}: ")}


def documents(text: str) -> list[Any]:
    """Every JSON document in ``text``, one after the other."""
    decoder, found, position = json.JSONDecoder(), [], 0
    while position < len(text):
        if text[position] not in "{[":
            position += 1
            continue
        value, position = decoder.raw_decode(text, position)
        found.append(value)
    return found


def fits(shown: Any, got: Any) -> bool:
    """Whether ``got`` is what the page shows: members may be left out, ``…`` stands for any text."""
    match shown, got:
        case dict(), dict():
            return all(name in got and fits(value, got[name]) for name, value in shown.items())
        case list(), list():
            rest = iter(got)
            return all(any(fits(item, each) for each in rest) for item in shown)
        case str(), str():
            return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), got, re.DOTALL) is not None
    return type(shown) is type(got) and bool(shown == got)


@pytest.mark.parametrize(
    ("shown", "got"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": True}),
        ({"a": "x…"}, {"a": "y"}),
        ([{"a": 2}, {"a": 1}], [{"a": 1}, {"a": 2}]),
        ([1], []),
        ({"a": None}, {"a": 0}),
    ],
)
def test_answer_that_differs_from_what_is_shown_is_seen(shown, got):
    assert not fits(shown, got)
    assert fits(shown, json.loads(json.dumps(shown).replace("\\u2026", "")))


class Tour:
    """A folder, a gateway on a free port and the sandbox behind it, as the page starts them."""

    def __init__(self, folder: Path) -> None:
        (folder / "examples").symlink_to(ROOT / "examples")
        self.folder = folder
        self.blocks = marked("test")
        self.said: list[str] = []
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "LIENTHONG_API__PORT": "0",
        }

    def run(self, name: str) -> str:
        """What the block prints; the test fails when it does."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.blocks[name]],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=self.environment,
            timeout=BLOCK_SECONDS,
        )
        assert done.returncode == 0, f"{name}: {done.stderr}{done.stdout}{''.join(self.said[-20:])}"
        return done.stdout

    @contextmanager
    def running(self, name: str, sign: str, *options: str) -> Iterator[str]:
        """The block's command beside the others; what follows ``sign`` in its output. It must end well."""
        process = subprocess.Popen(
            ["bash", "-c", f"exec {self.blocks[name].strip()} {' '.join(options)}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=self.environment,
        )
        lines = iter(process.stdout or ())
        ready = next(
            (line.partition(sign)[2] for line in lines if sign in line or self.said.append(line)), None
        )
        listening = threading.Thread(target=self.said.extend, args=(lines,))
        listening.start()
        try:
            assert ready is not None, f"{name} did not start: {self.said}"
            yield ready.strip()
        finally:
            process.send_signal(signal.SIGTERM)
            listening.join(STOP_SECONDS)
            assert process.wait(STOP_SECONDS) in {0, -signal.SIGTERM}, f"{name}: {''.join(self.said[-20:])}"
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def tour(tmp_path: Path) -> Iterator[Tour]:
    made = Tour(tmp_path)
    with ExitStack() as stack:
        stands = stack.enter_context(made.running("sandbox", '"stands":', "--port", "0", "--json"))
        portal = documents(stands)[0]["national_portal"]
        made.environment["LIENTHONG_DESTINATION__NATIONAL_PORTAL__SETTINGS__ADAPTER_URL"] = (
            f"{portal}/XrdAdapter/RestService/forward"
        )
        made.environment["LIENTHONG_API_KEY"] = made.run("key").strip()
        made.environment["LIENTHONG_URL"] = stack.enter_context(made.running("serve", "listening on "))
        # the chapter on payments has a configuration of its own, without the portal
        del made.environment["LIENTHONG_DESTINATION__NATIONAL_PORTAL__SETTINGS__ADAPTER_URL"]
        yield made


def test_commands_of_the_tour_print_what_the_page_shows(tour):
    answers = marked("answer")
    for name in tour.blocks:
        if name in {*RUNNING, "key"}:
            continue
        printed = tour.run(name)
        shown, context = answers.pop(name, ""), f"{name}:\n{printed}\n{''.join(tour.said[-20:])}"
        if shown.lstrip().startswith(("{", "[")):
            assert fits(documents(shown), documents(printed)), context
        else:
            assert fits([line for line in shown.splitlines() if line], printed.splitlines()), (
                f"{name}:\n{printed}"
            )
    assert not answers, f"answers to commands that are not there: {sorted(answers)}"


def test_every_shell_block_is_run_or_says_why_not():
    unexplained = [
        f"{name}: {item['body'][:60]!r}"
        for name, text in TEXT.items()
        for item in FENCE.finditer(text)
        if item["kind"] == "bash" and not re.match(r"test: |not run: \w", item["mark"] or "")
    ]
    assert not unexplained


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", TEXT[page])
    folder = (ROOT / page).parent
    missing = [link for link in links if not (folder / link).exists()]
    named = re.findall(r"`((?:tests|examples|docs|gateway|adapters|mappings|bench)/[\w./-]*)`", TEXT[page])
    missing += [path for path in named if not (ROOT / path).exists()]
    assert not missing


def command_lines(text: str) -> Iterator[list[str]]:
    """Words of every command that the text shows, in a block or in a line of prose."""
    for line in re.findall(r"(?:^|`)(?:[.\w/]*/bin/)?(lienthong [^`\n]*)", text, re.MULTILINE):
        yield line.split("#")[0].split()[1:]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_names_is_there(page):
    unknown = []
    for words in command_lines(TEXT[page]):
        command: Any = typer.main.get_command(app)
        for word in words:
            if word.startswith("-"):
                options = {name for item in command.params for name in (*item.opts, *item.secondary_opts)}
                if word not in {*options, "--help", "-h"}:
                    unknown.append(" ".join(words))
            elif (inner := getattr(command, "commands", {}).get(word)) is not None:
                command = inner
            elif hasattr(command, "commands"):
                unknown.append(" ".join(words))
    assert not unknown


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_a_page_names_is_there(page):
    targets = set(
        re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", TEXT[page], re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_every_address_that_a_page_names_is_there(page):
    patterns = [re.sub(r"\{[^}]+\}", r"[^/`\\s]+", row.path) for row in ROUTES]
    named = re.findall(r"(/v1/[\w{}:./-]*[\w}])", re.sub(r"…", "x", TEXT[page]))
    unknown = [path for path in named if not any(re.fullmatch(pattern, path) for pattern in patterns)]
    assert not unknown


def rows(page: str, heading: str) -> list[str]:
    """First cells of the table under ``heading``."""
    section = TEXT[page].split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    return [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| `")]


def quoted(cells: list[str]) -> set[str]:
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_table_of_commands_is_complete():
    assert {name.split()[1] for name in quoted(rows("README.md", "## Command line"))} == COMMANDS


def test_table_of_addresses_is_complete():
    listed = quoted(rows("README.md", "### All addresses"))
    assert listed == {f"{row.method} {row.path}" for row in ROUTES if row.documented}


def test_words_of_the_record_are_those_of_the_api():
    section = TEXT["README.vi.md"].split("\n### Hồ sơ gồm những gì\n", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"`(\w+)`", section)) <= set(Dossier.__struct_fields__)


def settings_keys(kind: type[msgspec.Struct], section: str = "") -> Iterator[str]:
    """``section.key`` of every setting that is not a section itself."""
    for field in msgspec.structs.fields(kind):
        name = f"{section}.{field.name}" if section else field.name
        inner = field.type
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            yield from settings_keys(inner, name)
        elif field.name in {"destination", "jobs"}:
            yield from settings_keys(inner.__args__[1], f"{field.name}.<name>")
        elif name == "signing":
            yield from settings_keys(SigningSettings, name)  # read by the keyring itself
        else:
            yield name


def test_table_of_settings_is_complete():
    section = README.split("\n## Configuration\n", 1)[1].split("\n## ", 1)[0]
    listed = {
        f"{line.split('`')[1]}.{key}"
        for line in section.splitlines()
        if line.startswith("| `")
        for key in re.findall(r"`(\w+)`", line.split("|", 2)[2])
    }
    assert listed == set(settings_keys(Settings))


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md"])
def test_shown_configuration_is_understood(page, tmp_path):
    (tmp_path / "secret").write_text("canary", encoding="utf-8")
    for block in (item["body"] for item in FENCE.finditer(TEXT[page]) if item["kind"] == "toml"):
        document = tomllib.loads(re.sub(r'file = "[^"]+"', f'file = "{tmp_path / "secret"}"', block))
        settings = decode(document, Settings, {"LIENTHONG_DB_PASSWORD": "canary"})
        for name, section in settings.destination.items():
            build_adapter(name, section)


def test_every_scope_is_explained():
    assert quoted(rows("docs/security.md", "## Who may call the API")) == set(Scope)


def told_events() -> Iterator[str]:
    """Names of events in the program log, read from the calls that make them."""
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Name(id="log"), attr="info" | "warning" | "error" | "exception"
                    ),
                    args=[ast.Constant(value=str(event)), *_],
                ):
                    yield event


def test_every_event_of_the_program_log_is_explained():
    explained, told = quoted(rows("docs/operations.md", "### The program log")), set(told_events())
    unexplained, stale = sorted(told - explained), sorted(explained - told)
    assert not unexplained, "add a row for each: what it means, what to do"
    assert not stale, "nothing says this any more"


def test_every_metric_that_the_runbook_names_exists():
    kinds = (prometheus_client.Counter, prometheus_client.Gauge, prometheus_client.Histogram)
    metrics = [value for value in vars(telemetry).values() if isinstance(value, kinds)]
    names = {f"{each._name}_total" if isinstance(each, kinds[0]) else each._name for each in metrics}
    series = {f"{name}{suffix}" for name in names for suffix in ("", "_bucket", "_count", "_sum")}
    assert (
        set(re.findall(r"lienthong_\w+", TEXT["docs/operations.md"])) <= series
    )  # the rest: docs/metrics.md


def test_excerpt_of_the_demo_has_the_demos_own_words():
    labels = {text.split("{")[0].strip() for _, text in TEXTS.values()}
    excerpt = marked("excerpt")["demo"]
    found = [re.sub(r"[\d,]+$", "", line).strip() for line in excerpt.splitlines()]
    unknown = [
        line
        for line in found
        if line.strip("─│╭╮╰╯… ") and not any(label in line for label in labels if label)
    ]
    assert not unknown
