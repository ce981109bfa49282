"""Write ``examples/dossiers.jsonl``: what a province's one-door systems would send, line by line, over ten months.

    python -m examples.generate            write the file
    python -m examples.generate --print    print what is in it

Invariant: the same seed gives the same bytes; lines are in the order in which they would arrive, so the versions of
one dossier are in order too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random

import msgspec

from examples.assembly import assemble, dossier_code, travel
from examples.contents import table
from examples.sources import spoken
from examples.versions import as_of
from examples.wishes import Wish, chance, first_day, wishes
from examples.worktime import VIETNAM
from gateway.domain.dossier import Dossier

SEED = 20261030
LAST_EVENT = datetime(2026, 10, 30, 17, 0, tzinfo=VIETNAM)
TARGET = Path(__file__).with_name("dossiers.jsonl")


@dataclass(slots=True)
class _Numbers:
    """Hands out dossier numbers: the ordinal starts anew per unit and day (national_portal §3)."""

    last: dict[tuple[str, str], int] = field(default_factory=dict)

    def next(self, unit: str, day: str, rng: Random) -> int:
        """The next ordinal of ``unit`` on ``day``, with gaps where other dossiers were."""
        self.last[unit, day] = self.last.get((unit, day), 0) + rng.randrange(1, 9)
        return self.last[unit, day]


def dossiers(seed: int = SEED) -> Iterator[list[Dossier]]:
    """Every dossier as the list of its versions in the gateway's own words, oldest first."""
    numbers = _Numbers()
    for wish in wishes(seed):
        yield _versions(_final(wish, chance(seed, "dossier", wish.number), numbers), wish)


def lines(seed: int = SEED) -> list[bytes]:
    """The lines of the file, without line ends, in the order of arrival."""
    arrived = sorted(
        (version.steps[-1].at, version.code, version.version, msgspec.json.encode(spoken(version)))
        for versions in dossiers(seed)
        for version in versions
    )
    return [line for *_, line in arrived]


def _final(wish: Wish, rng: Random, numbers: _Numbers) -> Dossier:
    """The newest state of one dossier; days are drawn until its last event is early enough."""
    for _ in range(200):
        journey = travel(wish, first_day(wish, rng), rng)
        if journey.now <= LAST_EVENT:
            unit, day = wish.agency, f"{journey.submitted_at:%y%m%d}"
            code = dossier_code(wish, day, numbers.next(unit, day, rng))
            return assemble(wish, journey, code, rng)
    raise ValueError(f"wish {wish.number}: no day leaves room for {wish.ending} before {LAST_EVENT}")


def _versions(final: Dossier, wish: Wish) -> list[Dossier]:
    """The successive states that were sent: cut after some of the steps, numbered with gaps."""
    rng = chance(final.code, "versions")
    cuts = rng.sample(range(len(final.steps) - 1), min(wish.versions, len(final.steps)) - 1)
    moments = [final.steps[cut].at for cut in sorted(cuts)] + [final.steps[-1].at]
    version, found = 0, []
    for moment in moments:
        version += rng.choice((1, 1, 1, 2, 3))
        found.append(as_of(final, moment, version))
    return found


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--print`` show what it holds."""
    if arguments == ["--print"]:
        print(table(lines()))
        return 0
    TARGET.write_bytes(b"".join(line + b"\n" for line in lines()))
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
