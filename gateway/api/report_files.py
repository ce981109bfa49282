"""Reports as files over HTTP: the sheets that officials hand in, and tables for spreadsheets.

Invariant: a file is made away from the loop, one report at a time, and holds what the same question gives as JSON.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Literal, TypeAlias

from gateway.api.route import Answer
from gateway.reports.dossiers import Listed
from gateway.reports.files import csv_of, workbook_of
from gateway.reports.form_06a import Form06a
from gateway.reports.progress import Report766
from gateway.reports.sheet import Sheet
from gateway.reports.sheets import sheet_06a, sheet_766, sheet_of_list
from gateway.reports.terms import ReportStamp

ReportFormat: TypeAlias = Literal["json", "csv", "xlsx"]
CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 20_000
"""So many dossiers one file takes; more are for the job ``report``, which keeps nobody waiting."""


async def answer_as(document: Any, chosen: ReportFormat, name: str) -> Answer:
    """``document`` as it was asked for; ``name``: of the file, without its ending."""
    if chosen == "json":
        return Answer(value=document)
    content = await asyncio.to_thread(_content, document, chosen)
    filename = f"{name}-{_period(document.stamp)}.{chosen}"
    return Answer(
        content=content,
        media_type=CSV if chosen == "csv" else XLSX,
        headers=(("content-disposition", f'attachment; filename="{filename}"'),),
    )


def _content(document: Form06a | Report766 | Listed, chosen: ReportFormat) -> bytes:
    sheet = _sheet(document)
    made_at: datetime = document.stamp.computed_at
    return csv_of(sheet) if chosen == "csv" else workbook_of([sheet], made_at=made_at)


def _sheet(document: Form06a | Report766 | Listed) -> Sheet:
    match document:
        case Form06a():
            return sheet_06a(document)
        case Report766():
            return sheet_766(document)
        case Listed():
            return sheet_of_list(document)


def _period(stamp: ReportStamp) -> str:
    return stamp.period or f"{stamp.first.isoformat()}_{stamp.last.isoformat()}"
