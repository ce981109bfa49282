"""An adapter under test: its module, the settings it is built with, its samples and its recorded cases.

Invariant: everything about a subject comes from the adapter's own folder and tables, so a new folder is tested
without an edit anywhere. Every string that a settings class declares as ``Secret`` is a canary.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import msgspec

from gateway import registry
from gateway.conformance.finding import Waiver
from gateway.conformance.ordered import Order, read_orders, with_orders
from gateway.conformance.samples import built_in
from gateway.domain.dossier import Dossier
from gateway.domain.errors import ConfigurationError
from gateway.port import Adapter, AdapterModule, Secret, Simulator

SPECIFICATION = Path("spec", "conformance.toml")
SAMPLES = Path("spec", "samples.jsonl")
FILES = Path("spec", "files")


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another configuration of the same adapter that must conform too (a dialect, a profile)."""

    name: str
    settings: dict[str, Any]


class Seed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An admin action that the simulator needs before it is used; ``body`` goes out as JSON."""

    action: str
    body: Any = None

    def written(self) -> bytes:
        """The body's bytes."""
        return b"" if self.body is None else msgspec.json.encode(self.body)


class Specification(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``spec/conformance.toml`` of an adapter.

    ``settings``: what the adapter is built with; a secret is written as text or as ``{ env = "NAME" }`` and is a
    canary. ``parameters``: values for the parameters of read operations, by parameter name. ``log``: keys of
    ``Simulator.record()``, at any depth, that tell what came in rather than what the partner now has. ``aftermath``:
    admin actions between the deliveries and the reads, for what somebody else does at the partner (a payer pays).
    """

    settings: dict[str, Any] = {}
    parameters: dict[str, str] = {}
    log: tuple[str, ...] = ()
    seed: tuple[Seed, ...] = ()
    aftermath: tuple[Seed, ...] = ()
    variant: tuple[Variant, ...] = ()
    waiver: tuple[Waiver, ...] = ()


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a subject comes from; enough for another process to load the same one.

    ``trees``: folders laid out like the repository (``adapters/``, ``mappings/``, ``tests/recorded/``) that are
    looked through besides the repository itself. ``package`` is the adapter's, ``like`` is the name of the
    adapter whose specification, tables and recorded cases it is tested with.
    """

    package: str
    like: str
    home: str
    recorded: str
    variant: str = ""
    trees: tuple[str, ...] = ()


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter in one configuration. ``now`` lies after everything that happened in the samples.

    ``files``: everything in ``spec/files``, by lower-case SHA-256, as the hub would lend it.
    """

    name: str
    source: Source
    module: AdapterModule
    settings: Any
    specification: Specification
    mapping: ModuleType | None
    samples: tuple[Dossier, ...]
    now: datetime
    orders: tuple[Order, ...] = ()
    files: Mapping[str, bytes] = {}

    def build(self) -> Adapter:
        """A fresh adapter, which plans the orders of its specification."""
        return with_orders(self.module.build(self.settings), self.orders)

    def simulate(self) -> Simulator:
        """A fresh, seeded stand-in of the partner."""
        simulator = self.module.simulate(self.settings)
        for seed in self.specification.seed:
            simulator.administer(seed.action, seed.written())
        return simulator

    def secrets(self) -> dict[str, str]:
        """Every secret of the settings, by the path of its field."""
        return dict(_secrets(self.settings, ""))


def load(source: Source, extra_samples: tuple[Dossier, ...] = ()) -> Subject:
    """The subject that ``source`` names; ConfigurationError when its specification cannot be used."""
    with attached(source.trees):
        module = _module(source)
        mapping = import_module(f"mappings.{source.like}") if _exists(f"mappings.{source.like}") else None
    home = Path(source.home)
    specification = read_specification(home)
    table = _overlaid(specification.settings, _variant(specification, source.variant))
    samples = (*built_in(), *_own_samples(home), *extra_samples)
    return Subject(
        name=f"{module.manifest.name}[{source.variant}]" if source.variant else module.manifest.name,
        source=source,
        module=module,
        settings=_settings(table, module.Settings, home),
        specification=specification,
        mapping=mapping,
        samples=samples,
        now=max(_instants(samples)) + timedelta(hours=1),
        orders=read_orders(home),
        files=read_files(home),
    )


def read_specification(home: Path) -> Specification:
    """``spec/conformance.toml`` of the adapter at ``home``; all defaults when there is none."""
    path = home / SPECIFICATION
    if not path.is_file():
        return Specification()
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Specification)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{path}: {error}; see docs/adapter-guide.md") from error


def read_files(home: Path) -> dict[str, bytes]:
    """The files of ``spec/files`` of the adapter at ``home``, by lower-case SHA-256; none when it has no such folder."""
    folder = home / FILES
    if not folder.is_dir():
        return {}
    contents = (path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
    return {sha256(content).hexdigest(): content for content in contents}


@contextmanager
def attached(trees: tuple[str, ...]) -> Iterator[None]:
    """Let ``adapters.<name>`` and ``mappings.<name>`` be imported from other trees as well, for a while."""
    undo: list[Any] = []
    for tree in trees:
        for parent in ("adapters", "mappings"):
            folder, path = str(Path(tree, parent)), cast("list[str]", import_module(parent).__path__)
            if Path(folder).is_dir() and folder not in path:
                path.append(folder)
                undo.append((path, folder))
    try:
        yield
    finally:
        for path, folder in undo:
            path.remove(folder)


def _module(source: Source) -> AdapterModule:
    if source.package.startswith("adapters."):
        return registry.load(source.package.removeprefix("adapters."))
    return cast("AdapterModule", import_module(source.package))


def _exists(name: str) -> bool:
    return name in sys.modules or find_spec(name) is not None


def _variant(specification: Specification, name: str) -> dict[str, Any]:
    if not name:
        return {}
    return next(variant.settings for variant in specification.variant if variant.name == name)


def _overlaid(table: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(table)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = (
            _overlaid(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
        )
    return merged


def _settings(table: dict[str, Any], declared: type[msgspec.Struct], home: Path) -> msgspec.Struct:
    try:
        return msgspec.convert(table, declared, dec_hook=_secret)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{home / SPECIFICATION}: [settings]: {error}") from error


def _secret(declared: type, value: Any) -> Any:
    match value:
        case str() if declared is Secret:
            return Secret(value)
        case {"env": str(name)} if declared is Secret:
            return Secret(f"CANARY-{name}-5e1c")
    raise NotImplementedError(f"no way to read {declared!r} from a settings file")


def _secrets(value: object, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case Secret():
            yield path, value.reveal()
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from _secrets(getattr(value, name), f"{path}.{name}".lstrip("."))
        case dict():
            for key, item in value.items():
                yield from _secrets(item, f"{path}.{key}".lstrip("."))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from _secrets(item, f"{path}[{index}]")
        case _:
            return


def _own_samples(home: Path) -> tuple[Dossier, ...]:
    path = home / SAMPLES
    if not path.is_file():
        return ()
    lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    try:
        return tuple(msgspec.json.decode(line, type=Dossier) for line in lines)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _instants(samples: tuple[Dossier, ...]) -> Iterator[datetime]:
    yield datetime(2026, 1, 1, tzinfo=UTC)
    for dossier in samples:
        yield from (step.at for step in dossier.steps)
        for field in ("submitted_at", "received_at", "finished_at", "returned_at", "refused_at"):
            if (instant := getattr(dossier, field)) is not None:
                yield instant
