"""What became of one line of an import, and of all of them together.

Invariant: every line that was read is counted in exactly one column; refused lines are remembered up to a limit, and
counted beyond it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from gateway.cli.importing.lines import Line
from gateway.domain.errors import GatewayError, RecordError
from gateway.domain.violation import Violation, shown

REMEMBERED = 1000

Result = Literal["created", "updated", "unchanged", "older", "good", "refused"]
# what the gateway says of a version that has been overtaken; a test holds the two together
_OVERTAKEN = re.compile(r"got version \d+, stored is \d+")
RESULTS: tuple[str, ...] = get_args(Result)


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line's fate. ``older``: a newer version is stored, so there is nothing to do, as when a file is imported
    again. ``good``: it would be taken (dry run)."""

    line: int
    result: Result
    code: str = ""
    version: int = 0
    reason: str = ""
    violations: tuple[Violation, ...] = ()


class Tally(msgspec.Struct, kw_only=True):
    """All lines so far."""

    lines: int = 0
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    refused: list[Verdict] = msgspec.field(default_factory=list)
    newest: int = 0

    def figures(self) -> dict[str, int]:
        """Lines by result, in a fixed order; only what occurred, and always the refused ones."""
        return {name: self.counts[name] for name in RESULTS if self.counts[name] or name == "refused"}

    def add(self, verdict: Verdict) -> None:
        """Count one line."""
        self.lines += 1
        self.counts[verdict.result] += 1
        self.newest = max(self.newest, verdict.line)
        if verdict.result == "refused" and len(self.refused) < REMEMBERED:
            self.refused.append(verdict)


def refusal(line: int, fault: GatewayError) -> Verdict:
    """The verdict for a line that one of our errors refused."""
    violations = fault.violations if isinstance(fault, RecordError) else ()
    return refused(line, str(fault), violations)


def refused(line: int, reason: str, violations: Sequence[Violation] = ()) -> Verdict:
    """The verdict for a line that was refused for ``reason``; a version that was overtaken is none."""
    result: Result = "older" if _OVERTAKEN.search(reason) and not violations else "refused"
    return Verdict(line=line, result=result, reason=reason, violations=tuple(violations))


def too_long(line: Line) -> Verdict:
    """The verdict for a line beyond the limit, of which only the beginning was kept."""
    violation = Violation(
        pointer="",
        code="too_long",
        got=f"a line that begins {shown(line.body.decode('utf-8', 'replace'))}",
        expected="at most api.max_line_bytes bytes",
        advice="send files by address (file.url), not inside the record; or raise the limit",
    )
    return Verdict(line=line.number, result="refused", reason="the line is too long", violations=(violation,))


def told(verdict: Verdict) -> list[str]:
    """What a person reads about a refused line: one text per finding."""
    if not verdict.violations:
        return [f"line {verdict.line}: {verdict.reason}"]
    return [
        f"line {verdict.line}: {each.pointer or '(whole line)'}: got {each.got}, expected {each.expected}; "
        f"{each.advice}"
        for each in verdict.violations
    ]
