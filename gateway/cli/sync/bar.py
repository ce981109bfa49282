"""The progress bar of a run: units done, units a second, time left."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from gateway.cli.screen import age
from gateway.storage.queries_jobs import RunView


class PaceColumn(ProgressColumn):
    """What the run itself tells about its pace, so that it is right for one that began long ago, too."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["pace"])


def run_bar(output: Console, *, shown: bool) -> Progress:
    """A bar for one run; feed it with ``advance``."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), PaceColumn())
    progress = Progress(*columns, console=output, disable=not shown, transient=True)
    progress.add_task("", total=None, pace="")
    return progress


def advance(progress: Progress, run: RunView) -> None:
    """Show how far ``run`` is."""
    task = progress.task_ids[0]
    progress.update(
        task,
        description=f"{run.job}{' (dry run)' if run.dry_run else ''}",
        completed=run.done,
        total=run.total,
        pace=pace_of(run),
    )


def pace_of(run: RunView) -> str:
    """How far, how fast, how long it still takes, in words."""
    if run.state == "queued":
        return "waits for a worker"
    parts = [f"{run.done:,}" if run.total is None else f"{run.done:,} of {run.total:,}"]
    if run.rate is not None:
        parts.append(f"{run.rate:,.1f}/s")
    if run.seconds_left is not None:
        parts.append(f"{age(run.seconds_left)} left")
    return ", ".join(parts)
