"""Checks of what the gateway signs with and trusts: can it be used, and how long still.

Invariant: no private key signs anything here, and nothing secret is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from gateway.bootstrap import build_keyring
from gateway.cli.doctor.finding import Finding, fail, ok, warn
from gateway.domain.errors import ConfigurationError
from gateway.settings import Settings, decode
from gateway.signing.keyring import Keyring, SigningSettings, Validity

_CURES = {
    "key": "have a certificate issued, and add it beside the old one: the newest that is valid signs",
    "trusted": "ask the partner for its next certificate, and pin it beside the old one",
    "authority": "ask the time-stamping authority for its next root, and name it beside the old one",
}


def check_keys(settings: Settings, *, now: datetime | None = None) -> Iterator[Finding]:
    """Every name in ``[signing]``; nothing when there is none."""
    try:
        keyring = build_keyring(settings)
        soon = timedelta(days=decode(settings.signing, SigningSettings).warn_days)
    except ConfigurationError as fault:
        yield fail("signing", str(fault), "correct [signing]; lienthong.example.toml explains every key")
        return
    yield from _check(keyring, soon, now or datetime.now(UTC))


def _check(keyring: Keyring, soon: timedelta, now: datetime) -> Iterator[Finding]:
    for each in keyring.validities():
        subject = f"signing: {each.use} {each.name}"
        told = f"{each.subject}, good until {each.until:%Y-%m-%d}{_others(each)}"
        if each.until <= now:
            yield fail(subject, f"expired: {told}", _CURES[each.use])
        elif each.since > now:
            yield fail(
                subject, f"not good before {each.since:%Y-%m-%d}: {told}", "put the one in use back beside it"
            )
        elif each.until - now <= soon:
            yield warn(subject, told, _CURES[each.use])
        else:
            yield ok(subject, told)


def _others(each: Validity) -> str:
    return "" if each.certificates == 1 else f" (the last of {each.certificates})"
