"""An adapter computes and nothing else: no socket, file, process, thread or clock, nothing of the hub.

Invariant: judged twice, by what the source imports and calls and by what the process does while it is imported,
built and used against its own simulator.
"""

from __future__ import annotations

import _thread
import ast
import inspect
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from gateway.conformance.finding import Flaw
from gateway.conformance.probe import Surroundings, run
from gateway.conformance.rehearsal import Rehearsal
from gateway.conformance.subject import Source, Subject, load

_OF_THE_GATEWAY = (
    "gateway.domain",
    "gateway.port",
    "gateway.mapping",
    "gateway.codec",
    "gateway.deadlines",
    "gateway.access",
)
_EFFECTS = frozenset(
    {
        "aiohttp",
        "asyncio",
        "concurrent",
        "ftplib",
        "http",
        "httpx",
        "logging",
        "lxml",
        "multiprocessing",
        "os",
    }
    | {
        "psycopg",
        "random",
        "requests",
        "secrets",
        "select",
        "shutil",
        "signal",
        "smtplib",
        "socket",
        "sqlalchemy",
    }
    | {
        "sqlite3",
        "ssl",
        "structlog",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib3",
        "uvicorn",
        "zeep",
    }
)
_CLOCKS = frozenset({"now", "utcnow", "today"})
# uuid1 and uuid4 read the clock and the random source; the named ones (3, 5) are pure.
_RANDOM = frozenset({"uuid1", "uuid4", "getrandbits", "token_hex", "urandom"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_EVENTS = (
    *(
        "socket.",
        "subprocess.",
        "os.system",
        "os.exec",
        "os.fork",
        "os.spawn",
        "os.posix_spawn",
        "os.startfile",
    ),
    *("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.putenv"),
    *("shutil.", "sqlite3.", "tempfile.", "urllib.", "ftplib.", "smtplib.", "http.client.", "signal."),
)


def pure_source(subject: Subject) -> Iterator[Flaw]:
    """Nothing forbidden is imported or called in the adapter's files; its simulator answers for behaviour only."""
    for path in _files(subject):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for what in _forbidden(node, subject.source.like):
                yield Flaw(where=f"{path.name}:{getattr(node, 'lineno', 0)}", what=what)


def pure_behaviour(subject: Subject) -> Iterator[Flaw]:
    """Importing, building and using the adapter in a fresh process has no effect."""
    (seen,) = run("effects", subject.source, [Surroundings(hash_seed=0)])
    yield from (Flaw(where=effect["while"], what=effect["what"]) for effect in seen)


def effects(source: Source) -> list[dict[str, str]]:
    """Every effect of importing, building and using the adapter of ``source``; only for a process of its own."""
    seen: list[dict[str, str]] = []
    doing = ["import"]

    def note(what: str) -> None:
        if (effect := {"while": doing[0], "what": what}) not in seen:
            seen.append(effect)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_EVENTS):
            note(f"{event} {str(arguments)[:120]}")
        elif event == "open" and _writes(arguments):
            note(f"opens {arguments[0]!r} for writing")

    started = _thread.start_new_thread

    def start(*arguments: Any, **named: Any) -> int:
        note("starts a thread")
        return started(*arguments, **named)

    sys.addaudithook(hook)
    _thread.start_new_thread = start
    threading._start_new_thread = start  # type: ignore[attr-defined]  # noqa: SLF001 - its only door
    subject = load(source)
    doing[0] = "build"
    rehearsal = Rehearsal(subject)
    doing[0] = "use"
    rehearsal.start()
    for dossier in rehearsal.sendable():
        list(rehearsal.lane(dossier).deliver(dossier))
    return list(seen)


def _files(subject: Subject) -> list[Path]:
    """The adapter's files: those of its package, or the one file that it is."""
    entry = Path(inspect.getfile(cast("ModuleType", subject.module)))
    found = sorted(entry.parent.rglob("*.py")) if entry.name == "__init__.py" else [entry]
    return [path for path in found if not path.name.startswith("simulator")]


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    return any(letter in (mode or "") for letter in "wax+") or bool((flags or 0) & _WRITING)


def _forbidden(node: ast.AST, own: str) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (f"imports {name.name}" for name in names if not _allowed(name.name, own))
        case ast.ImportFrom(module=str(module), level=0):
            if not _allowed(module, own):
                yield f"imports {module}"
        case ast.Call(func=ast.Attribute(attr=name)) if name in _CLOCKS:
            yield f"calls {name}(): the clock is Context.now"
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in _RANDOM:
            yield f"calls {name}(): not the same bytes twice"
        case ast.Call(func=ast.Name(id="open" | "exec" | "eval" | "__import__" as name)):
            yield f"calls {name}()"
        case _:
            return


def _allowed(module: str, own: str) -> bool:
    top, *rest = module.split(".")
    match top:
        case "gateway":
            return any(module == part or module.startswith(f"{part}.") for part in _OF_THE_GATEWAY)
        case "adapters" | "mappings":
            return not rest or rest[0] == own or (top == "mappings" and rest[0] == "sources")
        case _:
            return top not in _EFFECTS
