"""The manifest and the settings as a stranger reads them: named, sourced, in both languages, documented.

Invariant: nothing here needs the adapter to run.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, get_args

import msgspec

from gateway.conformance.finding import Flaw
from gateway.conformance.subject import Subject
from gateway.port import Manifest, Operation, ReadOperation, Secret

_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_URL = re.compile(r"https?://([^/\s:?#]+)")
_INVENTED = (".example", ".invalid")
_LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]"})
_VIETNAMESE = re.compile(r"[à-ỹđĐÀ-Ỹ]")


def manifest_sanity(subject: Subject) -> Iterator[Flaw]:
    """Names, titles, sources, limits; the built adapter declares no more than the module."""
    manifest, built = subject.module.manifest, subject.build().manifest
    yield from (Flaw(where="manifest", what=what) for what in _of_manifest(manifest, subject.source.like))
    rows: list[Operation | ReadOperation] = [*built.operations, *built.reads]
    for row in rows:
        yield from (Flaw(where=row.name, what=what) for what in _of_row(row))
    for operation in built.operations:
        yield from (Flaw(where=operation.name, what=what) for what in _of_operation(operation))
    names = [row.name for row in rows]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Flaw(where=name, what="is declared twice")
    declared = {operation.name for operation in manifest.operations}
    for extra in sorted({operation.name for operation in built.operations} - declared):
        yield Flaw(where=extra, what="the built adapter has it, the module's manifest has not")


def settings_documented(subject: Subject) -> Iterator[Flaw]:
    """Every field is explained; no default speaks of a real host, and no default is a secret."""
    for kind in _structs(subject.module.Settings):
        told = "\n".join(_told(each) for each in kind.__mro__ if each not in msgspec.Struct.__mro__)
        for field in msgspec.structs.fields(kind):
            where = f"{kind.__name__}.{field.name}"
            if not re.search(rf"\b{re.escape(field.name)}\b", told) and not _described(field):
                yield Flaw(
                    where=where, what="is explained nowhere: not in the docstring, not by a description"
                )
            default = field.default if field.default is not msgspec.NODEFAULT else ""
            if isinstance(default, Secret) and default:
                yield Flaw(where=where, what="a secret has a default")
            for host in _URL.findall(str(default)):
                if host not in _LOCAL and not host.endswith(_INVENTED):
                    yield Flaw(where=where, what=f"the default names host {host}; hosts are settings")


def _of_manifest(manifest: Manifest, folder: str) -> Iterator[str]:
    if manifest.name != folder:
        yield f"name {manifest.name!r}, but the folder is {folder!r}"
    if not _SNAKE.fullmatch(manifest.name):
        yield f"name {manifest.name!r} is not snake_case"
    for field in ("title", "title_vi", "contract"):
        if not getattr(manifest, field).strip():
            yield f"{field} is empty"
    if manifest.title == manifest.title_vi or not _VIETNAMESE.search(manifest.title_vi):
        yield f"title_vi {manifest.title_vi!r} is not Vietnamese"
    if not manifest.operations and not manifest.reads:
        yield "neither operations nor reads"
    limits = manifest.capacity
    numbers = (limits.concurrency, limits.connect_timeout, limits.read_timeout, limits.max_response_bytes)
    if min(numbers) <= 0 or (limits.rate is not None and limits.rate <= 0):
        yield "a limit of capacity is not positive"


def _of_row(row: Operation | ReadOperation) -> Iterator[str]:
    if not _SNAKE.fullmatch(row.name):
        yield "is not snake_case"
    if not row.title.strip():
        yield "has no title"
    if not row.source.strip():
        yield "cites no source (contract and section)"


def _of_operation(operation: Operation) -> Iterator[str]:
    if operation.batch < 1:
        yield f"batch is {operation.batch}"


def _structs(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """``kind`` and every struct inside it."""
    pending, seen = [kind], {kind}
    while pending:
        yield (current := pending.pop())
        for field in msgspec.structs.fields(current):
            for inner in _inside(field.type):
                if inner not in seen:
                    seen.add(inner)
                    pending.append(inner)


def _inside(annotation: Any) -> Iterator[type[msgspec.Struct]]:  # an annotation has any shape
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
    for argument in get_args(annotation):
        yield from _inside(argument)


def _described(field: msgspec.structs.FieldInfo) -> bool:
    metadata = [each for each in get_args(field.type) if isinstance(each, msgspec.Meta)]
    return any(each.description for each in metadata)


def _told(kind: type) -> str:
    """The docstring of the class and the texts that stand below its fields."""
    try:
        tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(kind)))
    except (OSError, SyntaxError):
        return kind.__doc__ or ""
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    below = [
        f"{ast.unparse(field.target)}: {text.value.value}"
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    ]
    return "\n".join([kind.__doc__ or "", *below])
