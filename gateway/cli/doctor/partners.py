"""Checks of the partners: can they be reached, is their certificate good, does their clock agree.

Invariant: without ``login`` no credential and no data leaves; a login is recorded in the message log like every other.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gateway.bootstrap import adapter_settings
from gateway.cli.doctor.finding import Finding, fail, ok, warn
from gateway.cli.opening import opened
from gateway.domain.errors import GatewayError
from gateway.port import Capacity, WireRequest, header
from gateway.settings import Settings
from gateway.wire.authentication import NoCredential
from gateway.wire.certificate import Invalid, certificate_of
from gateway.wire.client import Answered, HttpClient
from gateway.wire.tls import tls_context

SKEW = timedelta(seconds=60)
SOON = timedelta(days=21)
TIMEOUT_SECONDS = 10.0


async def check_partners(settings: Settings) -> AsyncIterator[Finding]:
    """Reach every address in the settings of every destination that is switched on."""
    for name, section in sorted(settings.destination.items()):
        if not section.enabled:
            yield ok(name, "switched off")
            continue
        try:
            context = tls_context(section.tls, name)
            addresses = sorted(set(_addresses(adapter_settings(name, section))))
        except GatewayError:
            continue  # the configuration's own check has reported it
        for address in addresses:
            async for finding in _check_address(name, address, context):
                yield finding


def _addresses(value: Any) -> Iterator[str]:
    """Scheme, host and port of every address in a settings structure."""
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        parts = urlsplit(value)
        yield f"{parts.scheme}://{parts.netloc}"
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _addresses(getattr(value, field))


async def _check_address(name: str, address: str, context: ssl.SSLContext | None) -> AsyncIterator[Finding]:
    subject = f"{name}: {address}"
    client = HttpClient(
        Capacity(connect_timeout=TIMEOUT_SECONDS, read_timeout=TIMEOUT_SECONDS), verify=context
    )
    try:
        result = await client.exchange(WireRequest(method="GET", url=f"{address}/"))
    finally:
        await client.close()
    now = datetime.now(UTC)
    if isinstance(result, Answered):
        yield ok(subject, f"answers (HTTP {result.response.status} to an empty question)")
        date = header(result.response.headers, "date")
        if date is not None:
            yield _clock(subject, date, now)
    else:
        yield fail(subject, result.reason, "check the address, the network and the firewall on the way")
    if address.startswith("https://"):
        parts = urlsplit(address)
        yield await _certificate(subject, parts.hostname or "", parts.port or 443, context)


def _clock(subject: str, date: str, now: datetime) -> Finding:
    try:
        skew = abs(parsedate_to_datetime(date) - now)
    except (TypeError, ValueError):
        return warn(
            subject, f"its clock cannot be read: {date[:40]}", "nothing, unless deliveries are refused"
        )
    told = f"its clock differs by {skew.total_seconds():.0f} s"
    return ok(subject, told) if skew <= SKEW else warn(subject, told, "check this machine's clock (NTP)")


async def _certificate(subject: str, host: str, port: int, context: ssl.SSLContext | None) -> Finding:
    found = await certificate_of(host, port, timeout=TIMEOUT_SECONDS, context=context)
    if isinstance(found, Invalid):
        return fail(subject, f"certificate: {found.reason}", "ask the partner, or install its authority here")
    left = found.until - datetime.now(UTC)
    told = f"certificate valid until {found.until:%Y-%m-%d}"
    return ok(subject, told) if left > SOON else warn(subject, told, "ask the partner when it is renewed")


async def check_logins(settings: Settings) -> AsyncIterator[Finding]:
    """Log in to every destination; recorded in the message log, so no other gateway may have SQLite open."""
    async with opened(settings) as gateway:
        for name, destination in sorted(gateway.destinations.items()):
            if not destination.adapter.credentials:
                yield ok(f"{name}: login", "it needs none")
                continue
            answer = await destination.authenticator.obtain()
            if isinstance(answer, NoCredential):
                cure = "correct the account" if answer.permanent else "try again; then ask the partner"
                yield fail(f"{name}: login", destination.shown(f"{answer.code}: {answer.reason}"), cure)
            else:
                yield ok(f"{name}: login", f"granted ({', '.join(answer.values)})")
