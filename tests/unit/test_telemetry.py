"""The program log: a comfort that may break without breaking anything."""

from __future__ import annotations

import subprocess
import sys

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
