"""What is wrong with a log, on the screen: each fault, what its kind means, what to do, and where it begins.

Invariant: a log verified here and one verified at a running gateway are told of in the same words.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.cli.screen import console, table
from gateway.messagelog.faults import Fault

MOST_SHOWN = 50


def print_faults(faults: Sequence[Fault], more: int = 0) -> None:
    """The faults and their explanations; ``more`` are not among them."""
    if not faults:
        return
    rows = [
        (
            f"{each.seq}" if each.upto == each.seq else f"{each.seq}-{each.upto}",
            each.id or "",
            each.kind,
            each.detail,
        )
        for each in faults[:MOST_SHOWN]
    ]
    console().print(table(("no.", "entry", "kind", "what was seen"), rows))
    left = more + len(faults) - len(rows)
    if left:
        print(f"… and {left:,} more; --json tells them all")
    by_kind = {each.kind: each.explanation for each in reversed(faults)}
    explained = [(kind, *by_kind[kind]) for kind in dict.fromkeys(each.kind for each in faults)]
    console().print(table(("kind", "explanation", "what to do"), explained))


def conclusion(faults: Sequence[Fault], more: int = 0) -> str:
    """In one line, whether anything is wrong and where it begins."""
    if not faults:
        return "nothing wrong was found"
    first = min(faults, key=lambda each: each.seq)
    return f"{len(faults) + more:,} faults; the first wrong entry is no. {first.seq} ({first.kind})"
