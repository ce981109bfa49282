"""The tables of the console: every page and every action, in the order of the menu.

Invariant: there is no other declaration of an address under ``/console``, but those of the door (signing in and out)
and the files of style and script.
"""

from __future__ import annotations

from gateway.console.page import Action, Page
from gateway.console.pages import (
    accounts,
    actions,
    approvals,
    at_risk,
    clients,
    deliveries,
    delivery_edit,
    destinations,
    dossiers,
    drift,
    evidence,
    failures,
    jobs,
    lag,
    lanes,
    me,
    message_log,
    orphans,
    overview,
    payment_orders,
    payments,
    reconciliation,
    reconciliation_runs,
    reports,
    webhooks,
)

GROUPS = ("work", "partners", "numbers", "evidence", "people")

PAGES: tuple[Page, ...] = (
    *message_log.PAGES,
    *overview.PAGES,
    *destinations.PAGES,
    *failures.PAGES,
    *deliveries.PAGES,
    *delivery_edit.PAGES,
    *lanes.PAGES,
    *evidence.PAGES,
    *dossiers.PAGES,
    *payments.PAGES,
    *reconciliation.PAGES,
    *reconciliation_runs.PAGES,
    *orphans.PAGES,
    *payments.LAST_PAGES,
    *approvals.PAGES,
    *actions.PAGES,
    *jobs.PAGES,
    *accounts.PAGES,
    *clients.PAGES,
    *webhooks.PAGES,
    *me.PAGES,
    *reports.PAGES,
    *drift.PAGES,
    *at_risk.PAGES,
    *lag.PAGES,
)
ACTIONS: tuple[Action, ...] = (
    *message_log.ACTIONS,
    *destinations.ACTIONS,
    *failures.ACTIONS,
    *deliveries.ACTIONS,
    *delivery_edit.ACTIONS,
    *lanes.ACTIONS,
    *evidence.ACTIONS,
    *dossiers.ACTIONS,
    *reconciliation.ACTIONS,
    *reconciliation_runs.ACTIONS,
    *orphans.ACTIONS,
    *payments.ACTIONS,
    *payment_orders.ACTIONS,
    *approvals.ACTIONS,
    *jobs.ACTIONS,
    *accounts.ACTIONS,
    *clients.ACTIONS,
    *webhooks.ACTIONS,
    *me.ACTIONS,
    *drift.ACTIONS,
)
