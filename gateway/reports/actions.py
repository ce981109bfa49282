"""People's actions as a file for a spreadsheet, in Vietnamese.

Invariant: one line an action, newest first; a cell that begins like a formula is shown, never run.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.reports.files import csv_of
from gateway.reports.sheet import Cell, Heading, Section, Sheet
from gateway.storage.queries_actions import ActionView

_HEADINGS = (
    "Mã",
    "Thời điểm",
    "Người thực hiện",
    "Việc",
    "Đối tượng",
    "Hồ sơ",
    "Lý do",
    "Chi tiết",
    "Mục nhật ký",
)


def actions_file(found: Sequence[ActionView]) -> bytes:
    """CSV of ``found``."""
    rows: list[tuple[Cell, ...]] = [
        (
            *(each.id, each.at, each.actor, each.action, each.target, each.dossier, each.reason),
            *(msgspec.json.encode(each.detail, order="sorted").decode(), each.message),
        )
        for each in found
    ]
    sheet = Sheet(
        name="Thao tác",
        title="Thao tác của cán bộ",
        provenance=(),
        headings=tuple(Heading(text=text) for text in _HEADINGS),
        sections=[Section(rows=rows)],
    )
    return csv_of(sheet)
