"""The example configuration of the payment platform: every key is there, with its default, and it works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import fields

from adapters.payment_platform import build
from adapters.payment_platform.settings import Partner, Settings
from gateway.cli.doctor.machine import check_configuration
from gateway.domain.errors import ConfigurationError
from gateway.settings import decode, load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "lienthong.example.toml"
ENVIRONMENT = {"PAYMENT_SECRET": "mot-khoa-bi-mat-dai", "PORTAL_PASSWORD": "mot-mat-khau"}


def settings() -> Settings:
    section = load(EXAMPLE, ENVIRONMENT).destination["payment_platform"]
    return decode(section.settings, Settings, ENVIRONMENT)


def test_example_is_off_until_its_keys_are_there_and_works_then():
    assert not load(EXAMPLE, {}).destination["payment_platform"].enabled
    assert build(settings()).payment_terms.partner == "DEMOH99"
    with pytest.raises(ConfigurationError, match="PAYMENT_SECRET"):
        decode(load(EXAMPLE, {}).destination["payment_platform"].settings, Settings, {})


def test_example_shows_defaults_and_nothing_else():
    shown = settings()
    (partner,) = shown.partners.values()
    given = ("secret", "init_url", "query_url", "bill_url", "ip", "account")
    assert partner == Partner(**{name: getattr(partner, name) for name in given})
    plain = Settings(
        partners=shown.partners, payment_hosts=shown.payment_hosts, receipt_hosts=shown.receipt_hosts
    )
    assert shown == plain


def test_example_names_every_key():
    def names(kind: type[Struct]) -> set[str]:
        found = set()
        for field in fields(kind):
            found.add(field.name)
            for part in (field.type, *getattr(field.type, "__args__", ())):
                if isinstance(part, type) and issubclass(part, Struct):
                    found |= names(part)
        return found

    text = EXAMPLE.read_text(encoding="utf-8").split("[destination.payment_platform]")[1]
    text = text.split("[destination.judicial_records]")[0]
    missing = {
        name
        for name in names(Settings)
        if not re.search(rf"^(# )?{name} = |[.\[]{name}[.\]]|[{{,] {name} = ", text, re.MULTILINE)
    }
    assert not missing


def test_destination_that_is_off_is_no_fault_of_the_configuration(monkeypatch):
    monkeypatch.setenv("PORTAL_PASSWORD", "mot-mat-khau")
    monkeypatch.delenv("PAYMENT_SECRET", raising=False)
    found = list(check_configuration(load(EXAMPLE), EXAMPLE))
    assert {each.level for each in found} == {"ok"}, found
