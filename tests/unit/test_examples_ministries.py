"""lienthong.example.toml and the ministries: off as it comes, right when its secrets are there, complete, and honest."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from gateway.access import OpenAccess
from gateway.domain.errors import ConfigurationError
from gateway.settings import decode, load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "lienthong.example.toml"
SECRETS = {
    "PORTAL_PASSWORD": "mot-mat-khau",
    "LLTP_AUTH_KEY": "mot-khoa",
    "NGSP_SECRET": "mot-bi-mat",
}
MINISTRIES = ("judicial_records", "judicial_records_g1", "construction")
SECRET_OF = {"judicial_records": "LLTP_AUTH_KEY", "judicial_records_g1": "NGSP_SECRET"}
# Shown as an address of one's own or left out: what stands in the example cannot be a default.
PROVINCES_OWN = {
    "judicial_records": {"centre", "vneid"},
    "judicial_records_g1": {"access"},
    "construction": set[str](),
}


def module(name: str) -> Any:
    return import_module(f"adapters.{name}")


def settings_of(name: str) -> Any:
    return import_module(f"adapters.{name}.settings").Settings


def shown(name: str) -> Any:
    section = load(EXAMPLE, SECRETS).destination[name]
    return decode(section.settings, settings_of(name), SECRETS)


def section_text(name: str) -> str:
    """From the ministry's header to the next destination's."""
    text = EXAMPLE.read_text(encoding="utf-8")
    after = text.split(f"[destination.{name}]\n", 1)[1]
    return re.split(rf"^\[destination\.(?!{name}[.\]])", after, maxsplit=1, flags=re.MULTILINE)[0]


def structs(kind: type[Struct]) -> Iterator[type[Struct]]:
    """``kind`` and every settings class in it, without the access layers, which have a document of their own."""
    yield kind
    for field in fields(kind):
        for part in _parts(field.type):
            if (
                isinstance(part, type)
                and issubclass(part, Struct)
                and not part.__module__.startswith("gateway.")
            ):
                yield from structs(part)


def _parts(annotated: Any) -> Iterator[Any]:
    yield annotated
    if get_origin(annotated) is not None or isinstance(annotated, types.UnionType):
        for each in get_args(annotated):
            yield from _parts(each)


@pytest.mark.parametrize("name", MINISTRIES)
def test_a_ministry_is_off_as_it_comes_and_works_when_its_secrets_are_there(name: str) -> None:
    assert load(EXAMPLE, SECRETS).destination[name].enabled is False
    assert module(name).build(shown(name)).manifest.name == name


@pytest.mark.parametrize("name", SECRET_OF)
def test_a_ministry_without_its_secret_is_told_which_is_missing(name: str) -> None:
    without = {key: value for key, value in SECRETS.items() if key != SECRET_OF[name]}
    with pytest.raises(ConfigurationError, match=SECRET_OF[name]):
        decode(load(EXAMPLE, SECRETS).destination[name].settings, settings_of(name), without)


@pytest.mark.parametrize("name", MINISTRIES)
def test_what_is_shown_of_a_ministry_is_its_default(name: str) -> None:
    chosen = shown(name)
    for field in fields(type(chosen)):
        if field.default is not NODEFAULT and field.name not in PROVINCES_OWN[name]:
            assert getattr(chosen, field.name) == field.default, field.name
    if "access" not in PROVINCES_OWN[name]:
        assert chosen.access == OpenAccess()


@pytest.mark.parametrize("name", MINISTRIES)
def test_every_key_of_a_ministry_stands_in_the_example(name: str) -> None:
    text = section_text(name)
    wanted = {field.name for kind in structs(settings_of(name)) for field in fields(kind)}
    missing = {
        key
        for key in wanted
        if not re.search(rf"^(# )?{key} = |settings\.{key}\]|[{{,] {key} = ", text, re.MULTILINE)
    }
    assert missing == set()
