"""The figures that alarms come from, out of tables, keys and disks: the same for the API, the console and the command line.

Invariant: nothing is changed, and nothing is read that costs more than what is open, what is failing, or one day.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import shutil
from collections.abc import Iterator
from datetime import datetime

from gateway.api.parts import Gateway
from gateway.deadlines.instants import day_number_of, to_micros
from gateway.delivery.contract import off_contract_codes
from gateway.domain.alarm import (
    CertificateFigures,
    DestinationFigures,
    DiskFigures,
    EvidenceFigures,
    Figures,
    JobFigures,
)
from gateway.domain.delivery import DeliveryState
from gateway.evidence.traffic import Evidence
from gateway.rounds.machine import places_of
from gateway.settings import Settings
from gateway.statussync.lag import TARGET
from gateway.storage.queries_alarms import Known, Question, known
from gateway.storage.queries_status import Backlog
from gateway.storage.samples import failed_of
from gateway.wire.tls import certificates_of


async def figures_of(gateway: Gateway, now: datetime, *, evidence: Evidence, wall: datetime) -> Figures:
    """Everything as it is ``now``. ``wall``: what this machine's own clock says. Raises StorageUnavailable."""
    instant = to_micros(now)
    question = Question(
        names=sorted(gateway.destinations),
        now=now,
        codes={
            name: off_contract_codes(each.adapter.manifest) for name, each in gateway.destinations.items()
        },
        horizon=gateway.deadlines.horizon(instant),
        day=day_number_of(instant),
        target=TARGET,
        jobs=gateway.jobs.book.names,
    )
    found = await gateway.database.read(functools.partial(known, question=question))
    return Figures(
        now=now,
        destinations=[_destination(name, found, now) for name in question.names],
        evidence=EvidenceFigures(delay=evidence.delay, reason=evidence.reason, stopped=evidence.stopped),
        certificates=list(_certificates(gateway)),
        disks=await asyncio.to_thread(_disks, gateway.settings),
        jobs=[JobFigures(name=name, failing_since=since) for name, since in sorted(found.failing.items())],
        skew=_skew(found, wall),
        worker_seen_at=found.worker_seen_at,
    )


def _destination(name: str, found: Known, now: datetime) -> DestinationFigures:
    row, backlog = found.rows[name], found.backlogs.get(name, Backlog())
    in_doubt, failed = backlog.deliveries.get(DeliveryState.IN_DOUBT, 0), failed_of(backlog)
    stretch, lag = found.stretches[name], found.lag.get(name, (0, 0))
    drifted = [each for each in found.drifted.kinds if each.destination == name]
    return DestinationFigures(
        name=name,
        oldest_at=backlog.oldest_at,
        in_doubt=in_doubt,
        in_doubt_since=(stretch.in_doubt or now) if in_doubt else None,
        failed=failed,
        failed_since=(stretch.failed or now) if failed else None,
        lost_since=row.opened_at if row.open_until is not None else None,
        last_failure=row.last_failure or "",
        paused_by=row.paused_by,
        paused_reason=row.paused_reason or "",
        at_risk=found.at_risk.get(name, 0),
        lag_count=lag[0],
        lag_kept=lag[1],
        off_contract=sum(each.count for each in drifted),
        off_contract_since=min((each.first_at for each in drifted), default=None),
    )


def _certificates(gateway: Gateway) -> Iterator[CertificateFigures]:
    for each in gateway.keyring.validities():
        yield CertificateFigures(name=f"{each.use} {each.name}", until=each.until)
    for name in sorted(gateway.destinations):
        section = gateway.settings.destination.get(name)
        for certificate in () if section is None else certificates_of(section.tls, name):
            yield CertificateFigures(name=f"{name} tls {certificate.role}", until=certificate.until)


def _disks(settings: Settings) -> list[DiskFigures]:
    found = []
    for place, folder in places_of(settings).items():
        with contextlib.suppress(OSError):
            usage = shutil.disk_usage(folder)
            found.append(DiskFigures(folder=place, free=usage.free / usage.total))
    return found


def _skew(found: Known, wall: datetime) -> float:
    """How far this clock is from the database's, or behind the newest thing that was written down."""
    beside = 0.0 if found.server_at is None else abs((found.server_at - wall).total_seconds())
    behind = 0.0 if found.newest_at is None else (found.newest_at - wall).total_seconds()
    return max(0.0, beside, behind)
