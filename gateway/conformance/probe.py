"""Asking about an adapter in a fresh process: what it encodes there, and what effects it has.

Run as ``python -m gateway.conformance.probe QUESTION SOURCE``, the source as JSON; answers JSON.
Invariant: the adapter is imported only there, so what it does at import time is seen.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.conformance.subject import Source

MOST_SECONDS = 120


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What may differ between two processes without changing a byte."""

    hash_seed: int
    time_zone: str = "UTC"
    locale: str = "C.UTF-8"

    def __str__(self) -> str:
        return f"hash seed {self.hash_seed}, zone {self.time_zone}, locale {self.locale}"


class ProbeFailed(Exception):
    """The other process could not answer; the message ends with what it said."""


def run(question: str, source: Source, places: Sequence[Surroundings]) -> list[Any]:
    """The answer to ``question`` from one process per place, side by side; ProbeFailed when one breaks."""
    named = msgspec.json.encode(source).decode()
    asked = [
        subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            [sys.executable, "-B", "-m", "gateway.conformance.probe", question, named],
            env={**os.environ, **_environment(place)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for place in places
    ]
    try:
        return [_answer(process, place) for process, place in zip(asked, places, strict=True)]
    finally:
        for process in asked:
            process.kill()
            process.communicate()


def _environment(place: Surroundings) -> dict[str, str]:
    # Without UTF-8 mode and locale coercion, `open` without an encoding shows itself in the C locale.
    return {
        "PYTHONHASHSEED": str(place.hash_seed),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "TZ": place.time_zone,
        "LC_ALL": place.locale,
    }


def _answer(process: subprocess.Popen[bytes], place: Surroundings) -> Any:
    try:
        out, err = process.communicate(timeout=MOST_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ProbeFailed(f"no answer after {MOST_SECONDS} s with {place}") from error
    if process.returncode:
        last = err.decode(errors="replace").strip().splitlines()[-1:]
        raise ProbeFailed(f"with {place} the adapter cannot be used: {' '.join(last)[:400]}")
    return msgspec.json.decode(out)


def main() -> None:
    """Answer the question of the command line about the source of the command line, on standard output."""
    from gateway.conformance.checks import encoding, purity  # noqa: PLC0415 - they ask, this answers
    from gateway.conformance.subject import load  # noqa: PLC0415

    question, named = sys.argv[1:]
    source = msgspec.json.decode(named, type=Source)
    answer: object
    match question:
        case "encodings":
            answer = encoding.digests(load(source))
        case "effects":
            answer = purity.effects(source)
        case other:
            raise SystemExit(f"no such question: {other}")
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    sys.stdout.flush()
    os._exit(0)  # an adapter's own threads, which are a finding, must not keep the process


if __name__ == "__main__":
    main()
