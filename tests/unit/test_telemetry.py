"""The program log: a comfort that may break without breaking anything."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gateway.telemetry import fault_told

SCRIPT = """
import os, sys
from gateway.telemetry import configure_logging
import structlog
configure_logging("info", "json")
log = structlog.get_logger("test")
log.info("still_read")
sys.stdin.readline()
for number in range(1000):
    log.info("nobody_reads", number=number)
os.write(1, b"went on")
os._exit(0)
"""


def test_log_that_nobody_reads_any_more_stops_nothing():
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert b"still_read" in process.stderr.readline()
    process.stderr.close()

    process.stdin.write(b"go\n")
    process.stdin.close()

    assert process.stdout.read() == b"went on"
    process.stdout.close()
    assert process.wait(30) == 0


CANARIES = (
    "Nguyễn Văn Thử",
    "Nguyen Van Canary",
    "099000000001",
    "canary@example.invalid",
    "H99.14-260928-0007",
    "tran thi canary khong viet hoa",  # plain words, as any of ours
)
FAULTS = """
import asyncio, json, logging, os, sqlite3, sys
from gateway.telemetry import configure_logging
import structlog
configure_logging("info", sys.argv[1])
log = structlog.get_logger("test")

class Odd(Exception):
    sqlstate = "23505"

class Broken(Exception):
    def __str__(self):
        raise ValueError(self.args[0])

def broken(number, canary):
    match number:
        case 0: return {}[canary]
        case 1: return int(canary + "x")
        case 2: raise Odd("duplicate key value\\nDETAIL: Key (record)=(" + canary + ")")
        case 3: raise ValueError("dossier " + canary + ": got " + canary + ", expected a day")
        case 4: return open("/nowhere/" + canary)
        case 5:
            try:
                broken(3, canary)
            except ValueError as cause:
                raise RuntimeError("it went wrong") from cause
        case 6:
            with sqlite3.connect(":memory:") as database:
                return database.execute("SELECT '" + canary + "' FROM nowhere")
        case 7: raise ExceptionGroup(canary, [ValueError(canary)])
        case 8: raise ValueError(canary)
        case 9: raise ValueError("account %s is locked" % canary)
        case 10: raise Broken(canary)

for canary in sys.argv[2:]:
    for number in range(11):
        try:
            broken(number, canary)
        except Exception as fault:
            log.exception("adapter_failed", number=number)
            caught = fault
            logging.getLogger("library").exception("in %s", canary)
        log.error("adapter_failed", exc_info=caught, number=number)
        log.error("adapter_failed", exc_info=(type(caught), caught, caught.__traceback__), number=number)
log.error("nothing_is_wrong", exc_info=False)

async def forgotten():
    raise KeyError(canary)

async def main():
    task = asyncio.create_task(forgotten())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(main())
"""


@pytest.mark.parametrize("style", ["json", "console"])
def test_faults_are_told_without_the_values_that_they_quote(style):
    ran = subprocess.run([sys.executable, "-c", FAULTS, style, *CANARIES], capture_output=True, check=True)
    told = ran.stderr.decode()

    for name in ("KeyError", "ValueError", "Odd: 23505: duplicate key value", "FileNotFoundError: 2"):
        assert name in told
    assert "it went wrong" in told
    assert "ValueError: account \u2026" in told.replace("\\u2026", "\u2026")
    assert "because of ValueError: dossier" in told.replace("\\n", "\n")
    assert told.count("adapter_failed") == 33 * len(CANARIES)
    assert "__main__:" in told, "the place"
    assert told.count("library_spoke") == 11 * len(CANARIES) + 1, "and a task that nobody asked for its fault"
    assert "nothing_is_wrong" in told
    for part in {part for canary in CANARIES for part in (canary, *canary.split()) if len(part) > 3}:
        assert part not in told
        assert json.dumps(part)[1:-1] not in told


def test_fault_is_told_with_its_type_its_words_and_every_place_of_ours():
    def inner():
        day = "31.02.2026"
        raise ValueError(f"expected a day, got {day}")

    with pytest.raises(ValueError, match="expected") as caught:
        inner()

    first, *places = fault_told(caught.value).splitlines()
    assert first == "ValueError: expected a day, got …"
    assert [place.split()[0] for place in places] == ["at"] * 2
    assert places[-1].endswith(" inner")
    assert places[-1].strip().startswith("at tests.unit.test_telemetry:")
