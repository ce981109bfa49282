"""Which addresses are asked for every page: its own, typical filters, and the second page of its list.

Invariant: every page of the console's table has a row here, by its path.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from gateway.console.table import PAGES

NUMBERS: dict[str, str] = {
    "code": "SELECT dossier_code FROM message WHERE seq < 5800 AND dossier_code IS NOT NULL AND channel = "
    "'national_portal' GROUP BY dossier_code ORDER BY count(*) DESC LIMIT 1",
    "delivery": "SELECT id FROM delivery WHERE state = 'delivered' AND destination = 'national_portal' ORDER BY id LIMIT 1",
    "stuck": "SELECT id FROM delivery WHERE state = 'rejected' AND (state = 'rejected' OR state = 'parked' OR state = "
    "'in_doubt' OR state = 'skipped') ORDER BY id LIMIT 1",
    "doubted": "SELECT id FROM delivery WHERE state = 'in_doubt' AND (state = 'rejected' OR state = 'parked' OR state = "
    "'in_doubt' OR state = 'skipped') ORDER BY id LIMIT 1",
    "blocked": "SELECT dossier_code FROM lane WHERE state = 'blocked' AND state IN ('blocked', 'held') ORDER BY id LIMIT 1",
    "retry": "SELECT id FROM retry_run ORDER BY id DESC LIMIT 1",
    "message": "SELECT id FROM message WHERE seq = 100",
    "item": "SELECT id FROM reconciliation WHERE state = 'open' ORDER BY id DESC LIMIT 1",
    "checked": "SELECT id FROM job_run WHERE job = 'payment-reconciliation' ORDER BY id DESC LIMIT 1",
    "orphan": "SELECT id FROM payment_orphan ORDER BY id DESC LIMIT 1",
    "payment": "SELECT id FROM payment_request ORDER BY id DESC LIMIT 1",
    "approval": "SELECT id FROM approval ORDER BY id DESC LIMIT 1",
    "run": "SELECT id FROM job_run WHERE job = 'drift' ORDER BY id DESC LIMIT 1",
    "drift": "SELECT id FROM drift WHERE state = 'open' ORDER BY id DESC LIMIT 1",
    "reference": "SELECT reference FROM payment_attempt ORDER BY id DESC LIMIT 1",
    "attempt": "SELECT attempt_id FROM message WHERE seq < 5800 AND attempt_id IS NOT NULL ORDER BY id DESC LIMIT 1",
    "agency": "SELECT agency_code FROM dossier ORDER BY code LIMIT 1",
}
"""Identifiers of things that are there, and how they are found."""
ASKED: dict[str, tuple[str, ...]] = {
    "/console": ("",),
    "/console/destinations": ("",),
    "/console/destinations/{destination}": (
        "/console/destinations/national_portal",
        "/console/destinations/construction",
    ),
    "/console/failures": ("", "?destination=national_portal", "?state=in_doubt"),
    "/console/failures/deliveries": (
        "?destination=national_portal&state=rejected",
        "?destination=national_portal&state=rejected&code=-2",
    ),
    "/console/failures/runs": ("",),
    "/console/failures/runs/{run}": ("/console/failures/runs/{retry}",),
    "/console/doubts": ("", "?destination=national_portal"),
    "/console/deliveries/{delivery}": ("/console/deliveries/{delivery}", "/console/deliveries/{stuck}"),
    "/console/deliveries/{delivery}/skip": ("/console/deliveries/{stuck}/skip",),
    "/console/deliveries/{delivery}/edit": ("/console/deliveries/{stuck}/edit",),
    "/console/deliveries/{delivery}/resolve": ("/console/deliveries/{doubted}/resolve",),
    "/console/lanes": ("", "?state=held", "?destination=national_portal"),
    "/console/lanes/{destination}/{dossier}": ("/console/lanes/national_portal/{blocked}",),
    "/console/dossiers": (
        *(
            "",
            "?status=returned",
            "?status=processing",
            "?agency={agency}",
            "?order=updated_at",
            "?order=due_at",
        ),
        *(
            "?search=H99",
            "?status=returned&agency={agency}&order=due_at",
            "?status=refused",
            "?agency=H99.99",
        ),
    ),
    "/console/dossiers/{code}": ("/console/dossiers/{code}",),
    "/console/dossiers/{code}/erasure": ("/console/dossiers/{code}/erasure",),
    "/console/evidence": ("", "?dossier={code}"),
    "/console/evidence/keys": ("",),
    "/console/evidence/files/{export}": ("{export}",),
    "/console/log": (
        *("", "?dossier={code}", "?channel=national_portal", "?outcome=in_doubt", "?attempt={attempt}"),
        *(
            "?channel=construction&operation=submit",
            "?operation=submit",
            "?direction=in",
            "?from={day}&to={day}",
        ),
        "?channel=payment_platform&outcome=refused",
    ),
    "/console/log/state": ("",),
    "/console/log/{message}": ("/console/log/{message}",),
    "/console/payments": (
        *("", "?state=paid", "?reference={reference}", "?amount=250000", "?dossier={code}", "?attempt=paid"),
        "?from={day}&to={day}",
    ),
    "/console/payments/reconciliation": ("", "?shown=all&from={yesterday}&to={yesterday}", "?kind=orphan"),
    "/console/payments/reconciliation/items/{item}": ("/console/payments/reconciliation/items/{item}",),
    "/console/payments/reconciliation/runs/{run}": ("/console/payments/reconciliation/runs/{checked}",),
    "/console/payments/orphans": ("", "?state=matched"),
    "/console/payments/orphans/{orphan}": ("/console/payments/orphans/{orphan}",),
    "/console/payments/{payment}": ("/console/payments/{payment}",),
    "/console/approvals": ("", "?state=carried_out"),
    "/console/approvals/{approval}": ("/console/approvals/{approval}",),
    "/console/actions": (
        *("", "?actor=console/can.bo.001", "?action=hold", "?dossier={code}", "?from={day}&to={day}"),
        *("?actor=console/can.bo.001&action=hold", "?actor=nobody"),
    ),
    "/console/actions/file": ("?from={day}&to={day}",),
    "/console/jobs": ("",),
    "/console/jobs/{job}": ("/console/jobs/drift", "/console/jobs/drift?state=failed"),
    "/console/jobs/{job}/schedule": ("/console/jobs/drift/schedule",),
    "/console/runs/{run}": ("/console/runs/{run}",),
    "/console/accounts": ("",),
    "/console/accounts/{account}": ("/console/accounts/can.bo.001",),
    "/console/clients": ("",),
    "/console/webhooks": ("",),
    "/console/me": ("",),
    "/console/reports": ("",),
    "/console/reports/06a": ("", "?period=this-year", "?by=procedure"),
    "/console/reports/766": ("", "?period=this-year"),
    "/console/reports/06a/dossiers": ("?column=10",),
    "/console/reports/{what}/file": ("/console/reports/06a/file?format=xlsx",),
    "/console/reports/{kind}": ("/console/reports/overdue", "/console/reports/near-due"),
    "/console/drift": ("", "?kind=FIELDS_DIFFER", "?state=gone", "?dossier={code}"),
    "/console/drift/{drift}": ("/console/drift/{drift}",),
    "/console/at-risk": ("", "?upcoming=true", "?destination=national_portal"),
    "/console/lag": ("", "?days=30", "?destination=national_portal&cause=gateway"),
}


def numbers(url: str) -> dict[str, str]:
    """An identifier of everything that the rows above name."""
    driver = "sqlite" if url.startswith("sqlite") else "postgresql+psycopg"
    engine = sa.create_engine(sa.make_url(url).set(drivername=driver))
    with engine.connect() as connection:
        found = {name: str(connection.execute(sa.text(text)).scalar_one()) for name, text in NUMBERS.items()}
    engine.dispose()
    return found


def addresses(found: Mapping[str, str]) -> dict[str, list[str]]:
    """What is asked, by the path of its page. RuntimeError: a page is missing here, or one here is no page."""
    paths = {page.path for page in PAGES}
    if paths != ASKED.keys():
        raise RuntimeError(
            f"bench/console_pages.py differs from the console's table: {sorted(paths ^ ASKED.keys())}"
        )
    return {path: [_address(path, each, found) for each in ASKED[path]] for path in paths}


def _address(path: str, asked: str, found: Mapping[str, str]) -> str:
    return (asked if asked.startswith(("/", "{")) else path + asked).format_map(found)
