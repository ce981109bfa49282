"""``python -m gateway.conformance [ADAPTER…]``: run the kit, print what does not conform and how to cure it.

Invariant: exit code 0 means that every adapter asked for was found and conforms, 1 that something was found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter

import msgspec

from gateway.conformance import CHECKS, Finding, Source, examine, sources

_CURES = {check.code: check.cure for check in CHECKS}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway.conformance", description="Test adapters.")
    parser.add_argument("adapters", nargs="*", help="folders under adapters/; all of them when none is named")
    parser.add_argument(
        "--check", action="append", choices=sorted(_CURES), help="only this check (repeatable)"
    )
    parser.add_argument(
        "--tree", action="append", default=[], help="another folder with adapters/ and mappings/"
    )
    parser.add_argument("--json", action="store_true", help="findings as JSON")
    given = parser.parse_args(arguments)
    found = sources(tuple(given.tree))
    chosen = [source for source in found if not given.adapters or source.like in given.adapters]
    unknown = sorted(set(given.adapters) - {source.like for source in found})
    if unknown or not chosen:
        parser.error(f"no such adapter: {', '.join(unknown) or 'there is none'}")
    checks = [check for check in CHECKS if not given.check or check.code in given.check]
    today = datetime.now(UTC).date()
    findings = [finding for source in chosen for finding in examine(source, checks, today)]
    sys.stdout.write(_as_json(findings) if given.json else _as_text(chosen, findings))
    return 1 if findings else 0


def _as_json(findings: list[Finding]) -> str:
    return msgspec.json.format(msgspec.json.encode(findings), indent=2).decode() + "\n"


def _as_text(chosen: list[Source], findings: list[Finding]) -> str:
    lines = []
    for check, found in groupby(findings, key=attrgetter("check")):
        lines += [str(finding) for finding in found]
        lines.append(f"    cure: {_CURES.get(check, 'see docs/adapter-guide.md')}")
    names = ", ".join(f"{each.like}[{each.variant}]" if each.variant else each.like for each in chosen)
    lines.append(f"{names}: {len(findings)} findings" if findings else f"{names}: conforms")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
