"""A progress bar for work on the message log.

Invariant: it goes to standard error and is drawn for people alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.messagelog.archiving import Step


class Bar:
    """Draws how far the work is."""

    def __init__(self, progress: object) -> None:
        from rich.progress import Progress

        assert isinstance(progress, Progress)  # noqa: S101 - for the type checker; bar() makes it
        self._progress = progress
        self._task = progress.add_task("", total=None)

    async def step(self, step: Step) -> None:
        """One step of archiving."""
        self._progress.update(
            self._task,
            description=f"{step.phase} archive {step.archive}",
            completed=step.done,
            total=step.total,
        )

    async def count(self, done: int, total: int) -> None:
        """So many of so many."""
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def bar(*, quiet: bool = False) -> Iterator[Bar]:
    """A bar that is drawn when somebody looks."""
    from rich.progress import Progress

    from gateway.cli.screen import console

    shown = sys.stderr.isatty() and not quiet
    with Progress(console=console(errors=True), disable=not shown, transient=True) as progress:
        yield Bar(progress)
