"""The composition root: the only module that names everything.

``open_gateway`` builds a gateway from settings: database, destinations, intake, worker. Faces (API, CLI, console)
get it whole and use its parts.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from gateway import registry
from gateway.composition import compose_payments, open_tracing, payment_jobs
from gateway.delivery.backlog import BacklogWatch
from gateway.delivery.catalogues import CatalogueKeeper, catalogue_job
from gateway.delivery.destination import Destination, Hub
from gateway.delivery.files import FileKeeper
from gateway.delivery.intake import Intake, lane_plan
from gateway.delivery.keyed_seal import seal_of
from gateway.delivery.restart import steady_clock
from gateway.delivery.retry_runs import RetryKeeper
from gateway.domain.errors import ConfigurationError
from gateway.domain.job import Job
from gateway.evidence.anchoring import configured_trust
from gateway.evidence.service import Evidencing, open_evidence
from gateway.inbound.callbacks import Callbacks
from gateway.inbound.feed import Feed
from gateway.inbound.ruling import rule
from gateway.inbound.webhooks import Webhooks
from gateway.jobs.book import JobBook
from gateway.jobs.log_verification import Auditing, verification_job
from gateway.jobs.retention import Keeping, retention_job
from gateway.jobs.service import Jobs
from gateway.jobs.tidying import tidy_job
from gateway.messagelog.acts import oversight
from gateway.messagelog.erasure_approved import erasure_carrier
from gateway.messagelog.keys import open_contents
from gateway.oversight.approvals import ApprovalDesk, delivery_carriers
from gateway.oversight.grants import grant_carrier
from gateway.payments.service import Payments
from gateway.port import Adapter, Secret
from gateway.progress.feed import Feeding
from gateway.progress.partners import Partners
from gateway.progress.poll import Polls
from gateway.progress.telling import Teller
from gateway.reports.job import Desk as ReportDesk
from gateway.reports.job import report_job
from gateway.rounds.machine import MachineGauges, places_of
from gateway.settings import DestinationSettings, Settings, database_url, decode, keys_folder
from gateway.signing.keyring import Keyring, SigningSettings
from gateway.signing.keyring import load as load_keyring
from gateway.signing.seal import require as require_signing
from gateway.statussync.assessor import Assessor
from gateway.statussync.desk import Desk
from gateway.statussync.drift import Drift
from gateway.statussync.drift_gauges import DriftGauges
from gateway.statussync.gauges import DeadlineGauges
from gateway.statussync.lag_follower import lag_follower
from gateway.statussync.lag_gauges import LagGauges
from gateway.statussync.lag_troubles import policy_of
from gateway.statussync.reassess import Reassessment
from gateway.statussync.repair import RepairDesk
from gateway.statussync.repair_approved import repair_carrier
from gateway.statussync.rules import Rules, load_rules
from gateway.statussync.sweep import Sweep
from gateway.storage import migrate
from gateway.storage.database import Database
from gateway.storage.instants import maybe_micros
from gateway.storage.oversight import Dangerous
from gateway.storage.reading import ReadingDatabase
from gateway.storage.restoration import restored_at
from gateway.telemetry import CERTIFICATE_UNTIL, COMMIT_SECONDS, labelled
from gateway.wire.client import Transport
from gateway.worker import Round, Worker
from mappings.sources import Translation

log = structlog.get_logger(__name__)


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A built gateway. ``worker`` does nothing until it is run."""

    settings: Settings
    database: Database
    hub: Hub
    keyring: Keyring
    destinations: Mapping[str, Destination]
    intake: Intake
    catalogues: CatalogueKeeper
    worker: Worker
    jobs: Jobs
    repairs: RepairDesk
    payments: Payments
    approvals: ApprovalDesk
    deadlines: Desk
    translation: Translation
    callbacks: Callbacks
    feed: Feed
    webhooks: Webhooks
    evidence: Evidencing

    async def close(self) -> None:
        """Close every connection; the worker must have ended."""
        await self.webhooks.close()
        await self.evidence.close()
        for destination in self.destinations.values():
            await destination.close()
        await asyncio.to_thread(self.hub.tracing.close)
        self.database.close()


def build_adapter(name: str, section: DestinationSettings) -> Adapter:
    """The adapter of destination ``name``, with its own settings decoded."""
    module = registry.load(section.adapter or name)
    return module.build(adapter_settings(name, section))


def adapter_settings(name: str, section: DestinationSettings) -> Any:
    """The adapter's own settings of destination ``name``; ConfigurationError names the section."""
    module = registry.load(section.adapter or name)
    try:
        return decode(section.settings, module.Settings)
    except ConfigurationError as fault:
        raise ConfigurationError(f"destination.{name}.settings: {fault}") from fault


def build_keyring(settings: Settings) -> Keyring:
    """The keys and certificates that ``settings`` name; ConfigurationError when one of them cannot be used."""
    try:
        wanted = decode(settings.signing, SigningSettings)
    except ConfigurationError as fault:
        raise ConfigurationError(f"signing: {fault}") from fault
    return load_keyring(wanted)


def secrets_in(value: object) -> Iterator[str]:
    """Every secret that a section of settings holds, however deep; a partner may echo one in its answer."""
    match value:
        case Secret():
            yield value.reveal()
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from secrets_in(getattr(value, name))
        case dict():
            yield from (secret for item in value.values() for secret in secrets_in(item))
        case list() | tuple():
            yield from (secret for item in value for secret in secrets_in(item))
        case _:
            return


async def open_gateway(  # noqa: PLR0913 - the last three are what tests replace
    settings: Settings,
    *,
    upgrade: bool = True,
    reading: bool = False,
    transports: Mapping[str, Transport] | None = None,
    extra: Mapping[str, Adapter] | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Gateway:
    """Build a gateway on a database at the current schema.

    ``upgrade``: run pending migrations first, else refuse a database that needs them. ``reading``: change nothing, take
    no lock. ``transports``, ``extra`` adapters and ``clock`` are for tests. ConfigurationError, StorageUnavailable.
    """
    _require_networks(settings)
    rules = load_rules(settings.deadlines)  # before anything is opened: it may refuse the settings
    keyring = build_keyring(settings)
    database = _open_database(settings, upgrade=upgrade, reading=reading)
    hub = await _hub(database, settings, clock)
    destinations = _destinations(settings, hub, keyring, transports or {}, extra or {})
    translation = Translation.load(settings.sources.tables)
    catalogues = CatalogueKeeper(hub, destinations)
    await catalogues.load()
    intake = Intake(hub, destinations, translation)
    worker = Worker(hub, destinations, rounds=_rounds(hub, destinations, catalogues))
    evidence = await _prove(worker, hub, destinations, settings)
    feed = Feed(database, worker.wait_for_events)
    payments = compose_payments(worker, feed, hub, destinations)
    drift, repairs = _drift(worker, hub, destinations)
    desk = _desk(worker, hub, rules, destinations, settings)
    asking = (drift.job(), *_progress_jobs(worker, hub, destinations, intake, settings))
    own_jobs = (catalogue_job(catalogues), *asking, *_desk_jobs(desk, settings), *payment_jobs(payments))
    webhooks = Webhooks(hub, feed.watch, settings.webhooks, owner=lambda: worker.id)
    await _attend_webhooks(worker, webhooks, database, reading=reading)
    _measure(worker, feed, hub, list(destinations), settings)
    return Gateway(
        settings=settings,
        database=database,
        hub=hub,
        keyring=keyring,
        destinations=destinations,
        intake=intake,
        catalogues=catalogues,
        worker=worker,
        jobs=_jobs(worker, hub, settings, own_jobs),
        deadlines=desk,
        repairs=repairs,
        payments=payments,
        approvals=_approvals(hub, payments, repairs, worker),
        translation=translation,
        callbacks=_callbacks(hub, destinations, intake, settings, evidence),
        feed=feed,
        webhooks=webhooks,
        evidence=evidence,
    )


def _rounds(
    hub: Hub, destinations: Mapping[str, Destination], catalogues: CatalogueKeeper
) -> dict[str, Round]:
    """What every process does once a minute."""
    watch = BacklogWatch(hub.database, list(destinations), hub.clock)
    return {"catalogues": catalogues.follow, "backlog": watch.look}


async def _hub(database: Database, settings: Settings, clock: Callable[[], datetime] | None) -> Hub:
    return Hub(
        database=database,
        clock=clock or await steady_clock(database),
        settings=settings.delivery,
        tracing=open_tracing(settings.tracing),
    )


def _approvals(hub: Hub, payments: Payments, repairs: RepairDesk, worker: Worker) -> ApprovalDesk:
    carriers = delivery_carriers(hub.database, hub.clock, worker.wake)
    carriers[Dangerous.REPAIR_BACKWARDS] = repair_carrier(repairs)
    carriers[Dangerous.ERASE] = erasure_carrier(hub.database, hub.clock)
    carriers[Dangerous.GRANT] = grant_carrier(hub.database, hub.clock)
    return ApprovalDesk(hub.database, hub.clock, payments.desk, carriers)


def _jobs(worker: Worker, hub: Hub, settings: Settings, every: Sequence[Job]) -> Jobs:
    """Every job, and the worker that looks what is due."""
    kept = settings.evidence.retention
    folder = None if kept.archives is None else Path(kept.archives)
    retention = retention_job(Keeping(database=hub.database, clock=hub.clock, terms=kept, folder=folder))
    tidy = tidy_job(hub.database, hub.clock, lag_kept=timedelta(days=settings.lag.kept_days))
    trust = partial(configured_trust, settings.evidence)
    audit = Auditing(database=hub.database, folder=keys_folder(settings), trust=trust)
    book = JobBook((*every, tidy, retention, verification_job(audit)), settings.jobs)
    jobs = Jobs(book, hub.database, hub.clock, lambda: worker.id)
    worker.attend("jobs", jobs.scheduler.run)
    worker.attend("retry_runs", RetryKeeper(hub.database, hub.clock, worker.wake).run)
    return jobs


def _progress_jobs(
    worker: Worker,
    hub: Hub,
    destinations: Mapping[str, Destination],
    intake: Intake,
    settings: Settings,
) -> tuple[Job, ...]:
    """The jobs that ask partners what became of dossiers; a report is ruled on as a call is."""
    address = settings.files.address or f"http://{settings.api.host}:{settings.api.port}"
    teller = Teller(hub.database, hub.clock, rule=rule, intake=intake, address=address)
    partners = Partners(
        hub.database, destinations, teller, clock=hub.clock, may_probe=lambda: not worker.delivers
    )
    return Polls(partners).job(), Feeding(partners).job()


async def _prove(
    worker: Worker, hub: Hub, destinations: Mapping[str, Destination], settings: Settings
) -> Evidencing:
    """Checkpoints in the worker; every destination obeys when they fail."""
    folder, database = keys_folder(settings), hub.database
    evidence = await open_evidence(
        database, settings.evidence, folder, clock=hub.clock, owner=lambda: worker.id
    )
    for destination in destinations.values():
        destination.gate.halt = evidence.traffic
    if evidence.checkpointer is not None:
        worker.attend("checkpoints", evidence.checkpointer.run)
    return evidence


def _callbacks(
    hub: Hub,
    destinations: Mapping[str, Destination],
    intake: Intake,
    settings: Settings,
    evidence: Evidencing,
) -> Callbacks:
    logged = {name: each.refusals_logged for name, each in settings.destination.items()}
    return Callbacks(hub, destinations, intake, refusals_logged=logged, halted=evidence.traffic.stopped)


async def _attend_webhooks(worker: Worker, webhooks: Webhooks, database: Database, *, reading: bool) -> None:
    """Let the worker send; before that, every secret of an endpoint is sealed under the newest key."""
    worker.attend("webhooks", webhooks.run)
    if reading:
        return
    try:
        await webhooks.prepare()
    except ConfigurationError:
        await webhooks.close()
        database.close()
        raise


def _desk(
    worker: Worker, hub: Hub, rules: Rules, destinations: Mapping[str, Destination], settings: Settings
) -> Desk:
    """The rules of time; the worker judges by them."""
    desk = Desk(
        database=hub.database,
        clock=hub.clock,
        rules=rules,
        destinations=frozenset(destinations),
        counts_from=maybe_micros(settings.lag.counts_from),
    )
    assessor = Assessor(desk, owner=lambda: worker.id)
    worker.attend("assessor", assessor.run, wake=assessor.wake)
    worker.attend("deadline_gauges", DeadlineGauges(desk).run)
    return desk


def _desk_jobs(desk: Desk, settings: Settings) -> tuple[Job, ...]:
    reports = ReportDesk(
        database=desk.database, clock=desk.clock, terms=desk.rules, settings=settings.reports
    )
    return Sweep(desk).job(), Reassessment(desk).job(), report_job(reports)


def _drift(worker: Worker, hub: Hub, destinations: Mapping[str, Destination]) -> tuple[Drift, RepairDesk]:
    worker.attend("drift_gauges", DriftGauges(hub.database, sorted(destinations)).run)
    drift = Drift(
        hub.database, destinations, hub.clock, may_probe=lambda: not worker.delivers, plan=lane_plan
    )
    return drift, RepairDesk(hub.database, drift.inquiry, hub.clock, worker.wake)


def _measure(worker: Worker, feed: Feed, hub: Hub, destinations: Sequence[str], settings: Settings) -> None:
    """The lag of synchronisation, and the machine that this process runs on."""
    worker.attend("machine", MachineGauges(hub.database, places_of(settings), hub.clock).run)
    policy = policy_of(settings, lambda: worker.here_since)
    follower = lag_follower(hub.database, feed.watch, clock=hub.clock, owner=lambda: worker.id, policy=policy)
    worker.attend("lag", follower.run)
    gauges = LagGauges(hub.database, destinations, clock=hub.clock, policy=policy)
    worker.attend("lag_gauges", gauges.run)


def _destinations(
    settings: Settings,
    hub: Hub,
    keyring: Keyring,
    transports: Mapping[str, Transport],
    extra: Mapping[str, Adapter],
) -> dict[str, Destination]:
    """Every destination that is switched on, by name."""
    sections = {name: section for name, section in settings.destination.items() if section.enabled}
    adapters = {name: extra.get(name) or build_adapter(name, section) for name, section in sections.items()}
    found = {
        name: Destination(name, adapters[name], hub, section, transport=transports.get(name))
        for name, section in sections.items()
    }
    keeper = FileKeeper(hub.database, hub.clock, settings.files)
    for destination in found.values():
        destination.lend = keeper.lend
    for name in found.keys() - extra.keys():
        found[name].configured_secrets = tuple(secrets_in(adapter_settings(name, sections[name])))
    _require_keys(keyring, found)
    return found


def _require_keys(keyring: Keyring, destinations: Mapping[str, Destination]) -> None:
    """Refuse policies whose keys are missing, keep passwords out of the log, show until when certificates are good."""
    for name, destination in destinations.items():
        manifest = destination.adapter.manifest
        policies = {each.name: each.signing for each in manifest.operations}
        policies |= {each.name: each.signing for each in manifest.reads}
        for operation, policy in policies.items():
            try:
                require_signing(policy, keyring)
            except ConfigurationError as fault:
                raise ConfigurationError(f"destination.{name}, {operation}: {fault}") from fault
        destination.sealer = seal_of(destination, keyring)
        destination.configured_secrets = (*destination.configured_secrets, *keyring.secrets())
    for each in keyring.validities():
        labelled(CERTIFICATE_UNTIL, each.use, each.name).set(each.until.timestamp())


def _require_networks(settings: Settings) -> None:
    for name, section in settings.destination.items():
        for network in section.inbound_from:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError as fault:
                raise ConfigurationError(
                    f"destination.{name}.inbound_from: got {network!r}, expected a network like 10.20.0.0/16: {fault}"
                ) from fault


def _open_database(settings: Settings, *, upgrade: bool, reading: bool) -> Database:
    url = database_url(settings.database)
    if reading:
        database: Database = ReadingDatabase(
            url
        )  # first: asking for the schema would create a missing SQLite file
        _require_schema(url, upgrade=False)
    else:
        _require_schema(url, upgrade=upgrade)
        database = Database(url)
        database.watch_commits(COMMIT_SECONDS.observe)
    open_contents(database, keys_folder(settings))
    database.oversight = oversight(settings.approvals.required, settings.approvals.lifetime)
    database.restored_at = database.ask(restored_at)
    return database


def _require_schema(url: str, *, upgrade: bool) -> None:
    if upgrade:
        migrate.upgrade(url)
        return
    current, newest = migrate.current_revision(url), migrate.newest_revision()
    if current != newest:
        migrate.require_known(current)
        raise ConfigurationError(
            f"the database is at schema {current or 'none'}, this release needs {newest}; run: lienthong migrate"
        )
