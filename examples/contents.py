"""What is in a file of examples: counts for the README and for the tests.

Invariant: counts are taken from the newest version of every dossier, after translation into the gateway's own words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from examples.sources import understood
from examples.worktime import VIETNAM
from gateway.domain.dossier import Dossier
from gateway.domain.status import Status

PROVINCE = "H99"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """``newest``: code to newest version; ``versions``: code to number of lines."""

    newest: dict[str, Dossier]
    versions: dict[str, int]
    size: int


def read(lines: Iterable[bytes]) -> Contents:
    """Decode strictly; raises msgspec.ValidationError when a line is not a dossier."""
    newest: dict[str, Dossier] = {}
    versions: Counter[str] = Counter()
    size = 0
    for line in lines:
        dossier = understood(msgspec.json.decode(line, type=Dossier))
        newest[dossier.code] = dossier
        versions[dossier.code] += 1
        size += len(line) + 1
    return Contents(newest=newest, versions=dict(versions), size=size)


def punctuality(dossier: Dossier) -> str:
    """early, on time, late by date against the newest promise; empty when not finished (domain_rules R17, R20)."""
    if dossier.status not in {Status.FINISHED, Status.RETURNED} or dossier.finished_at is None:
        return ""
    if dossier.due_at is None:
        return "on time"
    finished, due = _day(dossier.finished_at), _day(dossier.due_at)
    return "early" if finished < due else "on time" if finished == due else "late"


def after_hour(dossier: Dossier) -> bool:
    """Finished on the due day after the due hour: on time by date, late by instant (domain_rules R16)."""
    return bool(
        punctuality(dossier) == "on time"
        and dossier.due_at
        and dossier.finished_at
        and dossier.finished_at > dossier.due_at
    )


def is_foreign(code: str) -> bool:
    """Whether the part before the first hyphen does not name the province (national_portal §3)."""
    return PROVINCE not in code.partition("-")[0]


def counts(contents: Contents) -> dict[str, int]:
    """Every figure by its name, in the order of the README's table."""
    newest = list(contents.newest.values())
    found: Counter[str] = Counter()
    for dossier in newest:
        found.update(_features(dossier))
    return {
        "lines": sum(contents.versions.values()),
        "bytes": contents.size,
        "dossiers": len(newest),
        "dossiers in 2 to 4 versions": sum(count > 1 for count in contents.versions.values()),
        "steps": sum(len(dossier.steps) for dossier in newest),
        **dict(sorted(found.items())),
    }


def table(lines: Iterable[bytes]) -> str:
    """The counts as a Markdown table."""
    rows = [f"| {name} | {count:,} |" for name, count in counts(read(lines)).items()]
    return "\n".join(("| What | Count |", "|---|---:|", *rows))


def _day(instant: datetime) -> date:
    return instant.astimezone(VIETNAM).date()


def _features(dossier: Dossier) -> set[str]:
    answered = sum(s.received_at is not None for s in dossier.supplements)
    documents = [*dossier.documents, *(d for s in dossier.supplements for d in s.documents)]
    fees = dossier.fees
    flags = {
        "code: foreign": is_foreign(dossier.code),
        "code: old style": dossier.code.startswith("000."),
        "document: deleted": any(d.deleted for d in documents),
        "document: digitised": any(d.digitised for d in documents),
        "document: from the national store": any(d.from_national_store for d in documents),
        "due: finished on the day after the hour": after_hour(dossier),
        "due: missing though received": bool(dossier.received_at and not dossier.due_at),
        "fee: unpaid": any(fee.amount and not fee.paid_at for fee in fees),
        "fee: zero": any(fee.amount == 0 for fee in fees),
        "papers without a file": bool(dossier.papers),
        "re-appointed": bool(dossier.reappointments),
        "result: refusal paper": any("từ chối" in result.name for result in dossier.results),
        "stopped for good": bool(dossier.status == Status.STOPPED and dossier.finished_at),
        "supplement: one answered round": answered == 1,
        "supplement: open round": answered < len(dossier.supplements),
        "supplement: two answered rounds": answered == 2,
    }
    return {
        *(name for name, holds in flags.items() if holds),
        *(f"document: reused {d.reuse}" for d in documents if d.reuse != "none"),
        *(f"fee: {fee.kind}" for fee in fees),
        *(f"fee: paid by {fee.method}" for fee in fees if fee.paid_at and fee.amount),
        *(f"identity: {identity.kind}" for identity in dossier.applicant.identities),
        f"applicant: {dossier.applicant.kind}",
        f"channel: {dossier.channel}",
        f"punctuality: {punctuality(dossier) or 'not finished'}",
        f"return: {dossier.return_method}",
        f"source: {dossier.source}",
        f"status {Status(dossier.status).national:02}: {dossier.status}",
    }
