"""Parts of the composition root: payments at those destinations that are payment platforms, and where traces go.

Invariant: what is not configured is not even imported.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from gateway.delivery.destination import Destination, Hub
from gateway.domain.job import Job
from gateway.inbound.feed import Feed
from gateway.payments.cashier import Cashier
from gateway.payments.desk import PaymentDesk
from gateway.payments.follower import payment_follower
from gateway.payments.gauges import PaymentGauges
from gateway.payments.questions import Questions
from gateway.payments.receipts import Receipts
from gateway.payments.reconcile import Reconciliation
from gateway.payments.service import Payments
from gateway.payments.sweep import Sweep as PaymentSweep
from gateway.port import CollectsPayments
from gateway.settings import TracingSettings
from gateway.telemetry.tracing import OFF, Tracing
from gateway.worker import Worker

CHANCE_BITS = 60


def open_tracing(settings: TracingSettings) -> Tracing:
    """Where spans go; nowhere without an endpoint."""
    if settings.endpoint is None:
        return OFF
    from gateway.telemetry.export import Exporting  # noqa: PLC0415 - a tenth of a second that only traces cost

    return Exporting(
        settings.endpoint,
        headers={name: value.reveal() for name, value in settings.headers.items()},
        service=settings.service_name,
        ratio=settings.sample_ratio,
        queue=settings.queue,
    )


def compose_payments(
    worker: Worker, feed: Feed, hub: Hub, destinations: Mapping[str, Destination]
) -> Payments:
    """Payments at those destinations that are payment platforms; the worker learns what becomes of each INIT."""
    platforms = {
        name: destination
        for name, destination in destinations.items()
        if isinstance(destination.adapter, CollectsPayments)
    }
    database, clock = hub.database, hub.clock
    questions = Questions(database, platforms, clock, may_probe=lambda: not worker.delivers)
    schedules = {name: questions.terms(name).schedule for name in platforms}
    follower = payment_follower(
        database, feed.watch, clock=clock, owner=lambda: worker.id, schedules=schedules
    )
    gauges = PaymentGauges(database, sorted(platforms), clock)
    if platforms:
        worker.attend("payments", follower.run)
        worker.attend("payment_gauges", gauges.run)
    return Payments(
        cashier=Cashier(
            database,
            platforms,
            clock,
            wake=worker.wake,
            chance=lambda: secrets.randbits(CHANCE_BITS),
            ask=questions.ask,
        ),
        desk=PaymentDesk(database, questions.ask, clock),
        follower=follower,
        questions=questions,
        sweep=PaymentSweep(database, questions, clock),
        receipts=Receipts(database, platforms, questions.asker, clock),
        reconciliation=Reconciliation(database, questions, list(platforms), clock),
        gauges=gauges,
    )


def payment_jobs(payments: Payments) -> tuple[Job, ...]:
    """What is done about payments on a schedule."""
    return payments.sweep.job(), payments.receipts.job(), payments.reconciliation.job()
