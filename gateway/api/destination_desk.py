"""What an operator needs of one destination besides its health: limits, calendar, certificates, a test, its answers.

Invariant: a test changes nothing at the partner and stands in the message log; everything else only reads.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.api.deliveries import Reason
from gateway.api.destinations import destination_named
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.delivery.contract import off_contract_codes
from gateway.delivery.destination import Destination
from gateway.delivery.maintenance import resumes_at
from gateway.delivery.trial import try_out
from gateway.settings import DestinationSettings
from gateway.signing.keyring import Validity
from gateway.storage import queries_contract, queries_pace
from gateway.storage.operator_log import write_action
from gateway.storage.oversight import Action
from gateway.storage.queries_contract import Drifted
from gateway.wire.tls import certificates_of

MOST_DAYS = 30


class CapacityView(msgspec.Struct, frozen=True, kw_only=True):
    """What may be under way and how fast. ``rate``: deliveries a second, null: no limit. ``share``: processes that share the
    rate, as this one counts them. ``configured``: what the settings override."""

    concurrency: int
    rate: float | None
    connect_timeout: float
    read_timeout: float
    max_response_bytes: int
    share: int
    configured: list[str]
    pace: float


class BreakerView(msgspec.Struct, frozen=True, kw_only=True):
    """When nothing but probes leaves: after so many ``failures`` in a row; pauses in seconds, doubling."""

    failures: int
    first_pause: float
    longest_pause: float


class WindowView(msgspec.Struct, frozen=True, kw_only=True):
    """A window of maintenance as configured: daily ``HH:MM`` in Viet Nam, or two instants. ``daily``: every day."""

    start: str
    end: str
    reason: str
    daily: bool


class CertificateView(msgspec.Struct, frozen=True, kw_only=True):
    """A key, a pinned certificate, an authority or a certificate of TLS, and until when it is good. ``use``: key, trusted,
    authority, tls_client or tls_authority. ``days``: that are left; below 0 it has expired."""

    use: str
    name: str
    subject: str
    until: datetime
    days: float


class CatalogueDeclared(msgspec.Struct, frozen=True, kw_only=True):
    """A catalogue that the destination gives, and what asking for it needs."""

    name: str
    title: str
    parameters: list[str]


class DestinationDesk(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is configured of one destination. ``closed_until``: the end of the window that is open now."""

    destination: str
    capacity: CapacityView
    breaker: BreakerView
    maintenance: list[WindowView]
    closed_until: datetime | None
    certificates: list[CertificateView]
    catalogues: list[CatalogueDeclared]


class AnswersQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How far back."""

    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] = 7


class CertificateList(msgspec.Struct, frozen=True, kw_only=True):
    """Every key and certificate that is configured, the one that expires first at the head."""

    items: list[CertificateView]


class TestOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test of a connection."""

    reason: Reason


async def get_desk(api: Api, call: Call) -> Answer:
    """Limits, calendar and certificates of one destination."""
    destination = destination_named(api, call)
    section = _section(api, destination)
    pace = functools.partial(queries_pace.pace, name=destination.name, now=api.now)
    settings = api.gateway.settings.delivery.breaker
    return Answer(
        value=DestinationDesk(
            destination=destination.name,
            capacity=_capacity(destination, section, await api.gateway.database.read(pace)),
            breaker=BreakerView(
                failures=settings.failures,
                first_pause=settings.first_pause,
                longest_pause=settings.longest_pause,
            ),
            maintenance=[
                WindowView(start=each.start, end=each.end, reason=each.reason, daily="T" not in each.start)
                for each in section.maintenance
            ],
            closed_until=resumes_at(section.maintenance, api.now),
            certificates=sorted(_certificates(api, destination, section), key=lambda each: each.until),
            catalogues=[
                CatalogueDeclared(name=each.name, title=each.title, parameters=list(each.parameters))
                for each in destination.adapter.manifest.reads
                if each.catalogue
            ],
        )
    )


def _section(api: Api, destination: Destination) -> DestinationSettings:
    return api.gateway.settings.destination.get(destination.name, DestinationSettings())


def _capacity(destination: Destination, section: DestinationSettings, pace: float) -> CapacityView:
    capacity = destination.capacity
    names = ("concurrency", "rate", "connect_timeout", "read_timeout")
    return CapacityView(
        concurrency=capacity.concurrency,
        rate=capacity.rate,
        connect_timeout=capacity.connect_timeout,
        read_timeout=capacity.read_timeout,
        max_response_bytes=capacity.max_response_bytes,
        share=destination.gate.share,
        configured=[name for name in names if getattr(section, name) is not None],
        pace=pace,
    )


def _certificates(
    api: Api, destination: Destination, section: DestinationSettings
) -> Iterator[CertificateView]:
    """Those that its policies name, and those of its TLS."""
    manifest = destination.adapter.manifest
    policies = [each.signing for each in manifest.operations] + [each.signing for each in manifest.reads]
    wanted = {
        *(("key", each.key) for each in policies),
        *(("trusted", each.answers.trusted) for each in policies),
        *(("authority", each.timestamp) for each in policies),
    }
    for each in api.gateway.keyring.validities():
        if (each.use, each.name) in wanted:
            yield _of_keyring(each, api.now)
    for certificate in certificates_of(section.tls, destination.name):
        use: Literal["tls_client", "tls_authority"] = (
            "tls_client" if certificate.role == "client" else "tls_authority"
        )
        yield CertificateView(
            use=use,
            name=destination.name,
            subject=certificate.subject,
            until=certificate.until,
            days=_days(certificate.until, api.now),
        )


def _of_keyring(each: Validity, now: datetime) -> CertificateView:
    return CertificateView(
        use=each.use, name=each.name, subject=each.subject, until=each.until, days=_days(each.until, now)
    )


def _days(until: datetime, now: datetime) -> float:
    return round((until - now).total_seconds() / 86_400, 2)


async def list_certificates(api: Api, _call: Call) -> Answer:
    """Every key and certificate, whichever destination uses it."""
    found = [_of_keyring(each, api.now) for each in api.gateway.keyring.validities()]
    for destination in api.gateway.destinations.values():
        own = _certificates(api, destination, _section(api, destination))
        found += [each for each in own if each.use.startswith("tls_")]
    return Answer(
        value=CertificateList(items=sorted(found, key=lambda each: (each.until, each.use, each.name)))
    )


async def get_pause_effect(api: Api, call: Call) -> Answer:
    """What a pause would stop."""
    destination = destination_named(api, call)
    question = functools.partial(queries_pace.pause_effect, name=destination.name, now=api.now)
    return Answer(value=await api.gateway.database.read(question))


async def get_answers(api: Api, call: Call) -> Answer:
    """Answers of one destination that its contract does not describe."""
    destination, days = destination_named(api, call), call.query_as(AnswersQuery).days
    codes = {destination.name: off_contract_codes(destination.adapter.manifest)}
    since = api.now - timedelta(days=days)
    question = functools.partial(queries_contract.off_contract, codes=codes, since=since)
    found: Drifted = await api.gateway.database.read(question)
    return Answer(value=found)


async def test_destination(api: Api, call: Call) -> Answer:
    """Ask something harmless, now."""
    destination, order = destination_named(api, call), call.body_as(TestOrder)
    trial = await try_out(destination, _section(api, destination).settings)
    detail = {"way": trial.way, "asked": trial.asked, "good": trial.good, "code": trial.code}
    done = Action(
        actor=call.actor,
        verb="test",
        target=destination.name,
        reason=order.reason,
        now=api.now,
        detail=detail,
    )
    await api.gateway.database.write(lambda tx: write_action(tx, done))
    return Answer(value=trial)
