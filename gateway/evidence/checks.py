"""What the verifier has found, for people: one line a check, and every fault by its code and in words.

Invariant: a report without findings is never told as one that holds.
"""

from __future__ import annotations

import msgspec

from gateway.evidence.check_words import FAILS, FAULTS, HOLDS, TITLES
from gateway.proof import lienthong_verify as verifier
from gateway.proof.lienthong_verify import Report

MOST_FAILURES = 100


class FailedCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that does not hold. ``subject``: of the bundle; ``fault``: a code; ``found``: what was seen."""

    check: str
    subject: str
    fault: str
    title: str
    title_vi: str
    found: str


class CheckLine(msgspec.Struct, frozen=True, kw_only=True):
    """All checks of one kind: ``held`` of them hold, ``failed`` do not."""

    code: str
    title: str
    title_vi: str
    held: int
    failed: int


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What checking a bundle has found, under the keys of this very gateway. ``failures``: the first hundred."""

    verified: bool
    sentence: str
    total: int
    checks: list[CheckLine]
    failures: list[FailedCheck]


def told(report: Report) -> Checked:
    """``report`` for people."""
    lines = [
        CheckLine(
            code=code,
            title=title,
            title_vi=TITLES[code],
            held=sum(found.check == code and not found.fault for found in report.findings),
            failed=sum(found.check == code and bool(found.fault) for found in report.findings),
        )
        for code, title in verifier.CHECKS.items()
    ]
    failed = [found for found in report.findings if found.fault]
    return Checked(
        verified=report.holds,
        sentence=HOLDS if report.holds else FAILS,
        total=len(report.findings),
        checks=[line for line in lines if line.held or line.failed],
        failures=[
            FailedCheck(
                check=found.check,
                subject=found.subject,
                fault=found.fault,
                title=verifier.FAULTS[found.fault],
                title_vi=FAULTS[found.fault],
                found=found.found,
            )
            for found in failed[:MOST_FAILURES]
        ],
    )
