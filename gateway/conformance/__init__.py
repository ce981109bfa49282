"""The conformance kit: finds every adapter by itself and says what it breaks.

``sources()`` finds, ``examine(source)`` judges, ``CHECKS`` lists the rules; ``docs/adapter-guide.md`` explains them.
Invariant: the kit knows no partner. Whatever it holds against an adapter follows from the port's protocol.
"""

from __future__ import annotations

from gateway.conformance.discovery import sources
from gateway.conformance.finding import Check, Finding, Flaw, Waiver
from gateway.conformance.subject import Source, Subject, load
from gateway.conformance.table import CHECKS, examine, findings_of, judge

__all__ = [
    "CHECKS",
    "Check",
    "Finding",
    "Flaw",
    "Source",
    "Subject",
    "Waiver",
    "examine",
    "findings_of",
    "judge",
    "load",
    "sources",
]
