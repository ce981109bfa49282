"""The progress bar of an import: bytes of the file, lines, lines a second, time left."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class LinesColumn(ProgressColumn):
    """Lines so far and how many a second."""

    def render(self, task: Task) -> Text:
        lines = int(task.fields["lines"])
        rate = lines / task.elapsed if task.elapsed else 0.0
        return Text(f"{lines:,} lines  {rate:,.0f}/s")


def import_bar(output: Console, size: int | None, *, shown: bool) -> Progress:
    """A bar over ``size`` bytes; without a size it only counts. The task takes ``completed`` and ``lines``."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        LinesColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=output, disable=not shown)
    progress.add_task("import", total=size, lines=0)
    return progress
