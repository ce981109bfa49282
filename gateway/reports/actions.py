"""People's actions as a file for a spreadsheet, in Vietnamese.

Invariant: one line an action, newest first, and a last one that says so when there are more; a cell that begins like a
formula is shown, never run.
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


_MORE = "Còn thao tác cũ hơn không có trong tệp này: thu hẹp khoảng thời gian rồi tải tiếp."


def actions_file(found: Sequence[ActionView], *, more: bool = False) -> bytes:
    """CSV of ``found``; its last line says so when there are ``more``, older ones."""
    rows: list[tuple[Cell, ...]] = [
        (
            *(each.id, each.at, each.actor, each.action, each.target, each.dossier, each.reason),
            *(msgspec.json.encode(each.detail, order="sorted").decode(), each.message),
        )
        for each in found
    ]
    if more:
        rows.append((_MORE, *(None for _ in _HEADINGS[1:])))
    sheet = Sheet(
        name="Thao tác",
        title="Thao tác của cán bộ",
        provenance=(),
        headings=tuple(Heading(text=text) for text in _HEADINGS),
        sections=[Section(rows=rows)],
    )
    return csv_of(sheet)
