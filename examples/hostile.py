"""Write ``examples/hostile.jsonl``, bad input for the import, and ``hostile.expected.json``, what must become of it.

    python -m examples.hostile

Invariant: every bad line has exactly the faults that its row names, the first line and the last are good, and no
line is longer than 20 KB. ``stage`` says who can know: ``syntax`` (no JSON), ``type`` (the record types),
``translation`` (the source's tables), ``plausibility`` (impossible dates), ``catalogue`` (the portal's lists),
``version`` (what was stored before).
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from examples.hostile_rows import BENT, BROKEN, Bent

TARGET = Path(__file__).with_name("hostile.jsonl")
EXPECTED = Path(__file__).with_name("hostile.expected.json")
TOO_LARGE = "@1e400@"  # JSON can write this number; Python cannot hold it

Json = dict[str, Any]


class Line(NamedTuple):
    """One line of the file. ``pointers`` empty: it is good."""

    body: bytes
    stage: str
    pointers: tuple[str, ...]
    why: str


def lines() -> list[Line]:
    """All lines; good ones stand between the bad ones, so that a reader that stops too early is found out."""
    bad = [Line(body, "syntax", ("",), why) for body, why in BROKEN]
    bad += [_bent(number, row) for number, row in enumerate(BENT, start=101)]
    mixed: list[Line] = []
    for position, line in enumerate(bad):
        if position % 12 == 0:
            mixed.append(_good(position // 12 + 1))
        mixed.append(line)
    return [*mixed, *_versions(), _good(90)]


def write() -> None:
    """Write both files."""
    found = lines()
    TARGET.write_bytes(b"".join(line.body + b"\n" for line in found))
    EXPECTED.write_text(_rendered(found), encoding="utf-8")


def _rendered(found: list[Line]) -> str:
    """One JSON object, one line of text per line of the file."""
    rows = [
        f'"{number}": ' + json.dumps(_verdict(line), ensure_ascii=False)
        for number, line in enumerate(found, start=1)
    ]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _verdict(line: Line) -> Json:
    if not line.pointers:
        return {"expect": "good", "why": line.why}
    return {"expect": "refused", "stage": line.stage, "pointers": list(line.pointers), "why": line.why}


def _record(number: int) -> Json:
    """A small dossier without a fault."""
    code = f"H99.14-260302-{5000 + number}"
    return {
        "code": code,
        "version": 1,
        "procedure": {"code": "1.009901.000.00.00.H99", "name": "Cấp giấy xác nhận thử nghiệm"},
        "agency": {"code": "H99.14", "name": "Sở Thử nghiệm"},
        "channel": "online",
        "applicant": {
            "kind": "citizen",
            "name": "Nguyễn Văn Thử",
            "identities": [{"kind": "personal_id", "number": f"099{number:09}"}],
            "phone": f"0900000{number % 1000:03}",
        },
        "summary": "Đề nghị cấp giấy xác nhận thử nghiệm",
        "status": "processing",
        "submitted_at": "2026-03-01T20:15:00+07:00",
        "received_at": "2026-03-02T08:05:00+07:00",
        "due_at": "2026-03-09T08:05:00+07:00",
        "steps": [
            _step(code, 1, "registered", "2026-03-01T20:15:00+07:00"),
            _step(code, 2, "received", "2026-03-02T08:05:00+07:00"),
            _step(code, 3, "processing", "2026-03-02T09:30:00+07:00"),
        ],
        "documents": [
            {
                "id": f"{code}.tl1",
                "name": "Tờ khai.pdf",
                "component_code": "000.00.00.H99-TP0001",
                "file": {"url": f"https://hoso.h99.example/tep/{number}.pdf", "sha256": f"{number:064x}"},
            }
        ],
        "fees": [
            {
                "id": f"{code}.lp1",
                "name": "Lệ phí",
                "kind": "charge",
                "amount": 150000,
                "code": "LP.G99.000001",
                "method": "portal",
                "paid_at": "2026-03-01T20:16:00+07:00",
            }
        ],
    }


def _step(code: str, position: int, status: str, at: str) -> Json:
    return {"id": f"{code}.{position}", "at": at, "status": status, "actor": "Trần Thị Mẫu"}


def _good(number: int) -> Line:
    return Line(_encoded(_record(number)), "", (), "nothing is wrong with it")


def _bent(number: int, row: Bent) -> Line:
    record = _record(number)
    for pointer, value in row.changes.items():
        _set(record, pointer.strip("/").split("/"), value)
    return Line(_encoded(record), row.stage, row.pointers, row.why)


def _set(target: Any, path: list[str], value: object) -> None:
    for part in path[:-1]:
        target = target[int(part)] if isinstance(target, list) else target[part]
    last = path[-1]
    if isinstance(target, list):
        target[int(last)] = value
    elif value is ...:
        del target[last]
    else:
        target[last] = value


def _encoded(record: Json) -> bytes:
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return text.replace(f'"{TOO_LARGE}"', "1e400").encode()


def _versions() -> list[Line]:
    """The same dossier again: older, changed without a new version, and simply repeated."""
    second = {**_record(80), "version": 2}
    older = copy.deepcopy(_record(80))
    changed = {**second, "summary": "Đề nghị cấp lại giấy xác nhận thử nghiệm"}
    return [
        Line(_encoded(second), "", (), "the first that is heard of this dossier is its version 2"),
        Line(_encoded(older), "version", ("/version",), "version 1 arrives after version 2"),
        Line(_encoded(changed), "version", ("/version",), "version 2 again, with another summary"),
        Line(_encoded(second), "", (), "version 2 again, byte for byte: accepted without effect"),
    ]


if __name__ == "__main__":
    write()
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes; {EXPECTED.name}")
    sys.exit(0)
