"""The contract is read when the adapter is built, and never again: writing and reading messages opens no file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import hashlib, sys
from adapters.construction import Settings, build
from gateway.domain.delivery import Delivery
from gateway.port import Context, WireResponse
from tests.unit.construction_world import CONTENT, NOW, declared, dossier

opened = []
sys.addaudithook(lambda event, about: opened.append(str(about[0])) if event == "open" else None)
adapter = build(Settings(url="https://bxd.h99.example/bxd/CapPhepXayDung", unit="H99.99.99"))
at_start = [each for each in opened if each.endswith((".xsd", ".wsdl"))]
record = dossier(declared())
(planned,) = adapter.plan(record)
told = [Delivery(id=1, lane=1, destination="construction", dossier=record.code, operation=planned.operation,
                 key=planned.key, position=0, payload=planned.payload)]
context = Context(now=NOW, files={hashlib.sha256(CONTENT).hexdigest(): CONTENT})
answer = WireResponse(status=200, headers=(("content-type", "text/xml"),), body=b"<a/>")


def work():
    assert b"NopHoSo" in adapter.encode(told, context).body
    adapter.interpret(told, answer, context)
    adapter.interpret_progress(record.code, answer, context)


work()  # Python itself opens modules when they are used for the first time
opened.clear()
work()
print(len(at_start), opened)
"""


def test_messages_are_written_and_read_without_opening_a_file() -> None:
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.stdout.strip(), found.stderr) == ("1 []", "")
