"""The job ``report``: the forms and lists of a period, written as files, with the figures kept in the run's record.

Invariant: a file is whole or not there; what the run's record says was counted from one state of the database for each
report, and carries its stamp.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import msgspec

from gateway.domain.errors import ConfigurationError
from gateway.domain.job import Job, Parameter, RunContext, Summary
from gateway.reports.dossiers import KINDS, Listed, Wish, list_dossiers
from gateway.reports.files import csv_of, workbook_of
from gateway.reports.form_06a import Form06a, compute_06a
from gateway.reports.periods import END_OF_MONTH, NAMES, Period, PeriodError, Wanted, period_of
from gateway.reports.progress import Report766, compute_766
from gateway.reports.sheet import Sheet
from gateway.reports.sheets import sheet_06a, sheet_766, sheet_of_list
from gateway.reports.terms import Asked, Terms
from gateway.settings import ReportSettings
from gateway.storage.database import Database
from gateway.storage.queries_reports import Grouping, Page

NAME = "report"
MOST_LISTED = 100_000
FORMATS = ("xlsx", "csv", "json")
_GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
_WORDS = r"[a-z0-9]+(,[a-z0-9]+)*"


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What reports are made from."""

    database: Database
    clock: Callable[[], datetime]
    terms: Terms
    settings: ReportSettings


def report_job(desk: Desk) -> Job:
    """On the morning after a reporting month has closed, and on demand."""
    closing = desk.settings.closing_day
    return Job(
        name=NAME,
        title="Reports of a period: form 06a, Decision 766, lists",
        title_vi="Lập báo cáo định kỳ: biểu 06a, chỉ số 766, danh sách hồ sơ",
        run=functools.partial(_run, desk),
        cron=f"0 6 {1 if closing == END_OF_MONTH else closing + 1} * *",
        parameters=(
            Parameter(
                name="period",
                help=f"Which period: {NAMES}.",
                pattern=r"[A-Za-z0-9-]{4,20}",
                default="last-month",
            ),
            Parameter(
                name="by",
                help=f"One form each for: {', '.join(_GROUPINGS)}.",
                pattern=_WORDS,
                default="agency,field,procedure",
            ),
            Parameter(
                name="formats",
                help=f"Files of each: {', '.join(FORMATS)}.",
                pattern=_WORDS,
                default="xlsx,csv,json",
            ),
        ),
        can_dry_run=True,
    )


async def _run(desk: Desk, context: RunContext) -> Summary:
    """Count everything, write the files; the figures and the names of the files."""
    now = desk.clock()
    period = _period(desk, context.parameters["period"], now)
    tasks = list(_tasks(desk, period, _chosen(context, "by", _GROUPINGS)))
    formats = _chosen(context, "formats", FORMATS)
    folder = None if context.dry_run or desk.settings.folder is None else Path(desk.settings.folder)
    place = None if folder is None else folder / (period.name or f"{period.first}_{period.last}")
    summary: dict[str, Any] = {"files": []}
    await context.report(0, total=len(tasks))
    for done, task in enumerate(tasks, start=1):
        found = await desk.database.read(functools.partial(task.compute, now=desk.clock()))
        _keep(summary, task.name, found)
        if place is not None:
            written = await asyncio.to_thread(_write, place, task, found, formats)
            summary["files"] += [str(path.relative_to(folder or place)) for path in written]
        await context.report(done)
    return summary


def _period(desk: Desk, name: str, now: datetime) -> Period:
    try:
        return period_of(Wanted(name=name), now=now, closing=desk.settings.closing_day)
    except PeriodError as fault:
        raise ConfigurationError(f"parameter period: {fault}") from fault


def _chosen(context: RunContext, name: str, known: Sequence[str]) -> list[str]:
    chosen = list(dict.fromkeys(context.parameters[name].split(",")))
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise ConfigurationError(
            f"parameter {name}: got {', '.join(unknown)}, expected some of {', '.join(known)}"
        )
    return chosen


class _Task(msgspec.Struct, frozen=True):
    """One report: its file's name, how to compute it, how to put it on paper."""

    name: str
    compute: Callable[..., Any]
    sheet: Callable[[Any], Sheet]


def _tasks(desk: Desk, period: Period, groupings: Sequence[str]) -> Iterator[_Task]:
    terms, settings = desk.terms, desk.settings
    by: Any
    for by in groupings:
        asked = Asked(period=period, by=by)
        form = functools.partial(compute_06a, asked=asked, terms=terms)
        indicator = functools.partial(compute_766, asked=asked, terms=terms, settings=settings)
        yield _Task(f"06a-{by}", form, sheet_06a)
        yield _Task(f"766-{by}", indicator, sheet_766)
    for kind in KINDS:
        wish = Wish(kind=kind, page=Page(order="desk", limit=MOST_LISTED))
        listing = functools.partial(list_dossiers, asked=Asked(period=period), terms=terms, wish=wish)
        yield _Task(kind, listing, sheet_of_list)


def _keep(summary: dict[str, Any], name: str, found: Form06a | Report766 | Listed) -> None:
    """The total of a form; of a list, how long it is (``more``: and it goes on)."""
    match found:
        case Form06a():
            summary.setdefault("stamp", msgspec.to_builtins(found.stamp))
            summary[name] = {
                "total": msgspec.to_builtins(found.total),
                "units": len(found.rows),
                "sound": found.sound,
                "broken": [check.identity for check in found.checks if not check.holds],
            }
        case Report766():
            summary[name] = {
                "total": msgspec.to_builtins(found.total),
                "below": [row.code for row in found.rows if row.below],
            }
        case Listed():
            summary[name] = {"dossiers": len(found.items), "more": found.next is not None}


def _write(place: Path, task: _Task, found: Any, formats: Sequence[str]) -> list[Path]:
    """The files of a report. ConfigurationError when the folder cannot be written to."""
    sheet = task.sheet(found)
    contents: Mapping[str, Callable[[], bytes]] = {
        "csv": lambda: csv_of(sheet),
        "xlsx": lambda: workbook_of([sheet], made_at=found.stamp.computed_at),
        "json": lambda: msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n",
    }
    written = []
    try:
        place.mkdir(parents=True, exist_ok=True)
        for ending in formats:
            path = place / f"{task.name}.{ending}"
            part = path.with_suffix(f".{ending}.part")
            part.write_bytes(contents[ending]())
            part.replace(path)
            written.append(path)
    except OSError as fault:
        raise ConfigurationError(f"reports.folder: cannot write to {place}: {fault}") from fault
    return written
