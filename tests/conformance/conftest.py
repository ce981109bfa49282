"""The reference adapter's tree, and the adapters that break it, as subjects of the kit."""

import importlib
from functools import cache
from pathlib import Path

import msgspec
import pytest

from gateway.conformance import Source, Subject, load, sources
from gateway.conformance.subject import attached

HERE = Path(__file__).parent
TREE = str(HERE / "tree")
BROKEN = sorted(path.stem for path in (HERE / "broken").glob("*.py"))


@cache
def subject_of(source: Source) -> Subject:
    return load(source)


def reference_source() -> Source:
    (source,) = (each for each in sources((TREE,)) if each.like == "ward_board")
    return source


@cache
def broken_subject(name: str) -> Subject:
    """The reference adapter with the one fault of ``broken/<name>.py``."""
    package = f"tests.conformance.broken.{name}"
    subject = load(msgspec.structs.replace(reference_source(), package=package))
    return msgspec.structs.replace(subject, mapping=getattr(subject.module, "MAPPING", subject.mapping))


@pytest.fixture(scope="session")
def reference() -> Subject:
    return subject_of(reference_source())


def broken_module(name: str):
    with attached((TREE,)):
        return importlib.import_module(f"tests.conformance.broken.{name}")
