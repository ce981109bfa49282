"""The live display of the demo: what came in, what went out, what was survived.

Invariant: it only shows figures that were counted; nothing here moves a bar by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from gateway.cli.demo.reading import Figures
from gateway.cli.demo.words import Language, figure, say


class Display:
    """Three bars and a line of counts."""

    def __init__(self, language: Language, lines: int) -> None:
        self._language = language
        self._bars = _bars()
        self._imported = self._bars.add_task(say(language, "bar.imported"), total=lines)
        self._dossiers = self._bars.add_task(say(language, "bar.dossiers"), total=None)
        self._steps = self._bars.add_task(say(language, "bar.steps"), total=None)
        self._counts = Text()
        self.view = Group(self._bars, self._counts)

    def imported(self, lines: int) -> None:
        """So many lines were read and judged."""
        self._bars.update(self._imported, completed=lines)

    def show(self, figures: Figures) -> None:
        """Bring everything else up to date."""
        for task, progress in ((self._dossiers, figures.dossiers), (self._steps, figures.steps)):
            self._bars.update(task, completed=progress.done, total=max(1, progress.all))
        said, count = self._say, self._figure
        breaker = said("breaker.open") if figures.breaker_open else said("breaker.closed")
        self._counts.plain = (
            f"{count(figures.retries)} {said('live.retries')}"
            f"  ·  {count(figures.doubts_settled)} {said('live.doubts')}"
            f"  ·  {count(figures.doubts_open)} {said('live.open_doubts')}  ·  {said('live.breaker')}: {breaker}"
        )

    def _say(self, name: str) -> str:
        return say(self._language, name)

    def _figure(self, count: int) -> str:
        return figure(self._language, count)


class Results:
    """One bar a ministry: requests whose result is back. ``asked``: how many, by the ministry's name."""

    def __init__(self, language: Language, asked: Mapping[str, int]) -> None:
        self.view = _bars()
        self._tasks = {
            name: self.view.add_task(say(language, f"ministry.{name}"), total=count)
            for name, count in asked.items()
        }

    def show(self, done: Mapping[str, int]) -> None:
        """So many are back."""
        for name, task in self._tasks.items():
            self.view.update(task, completed=done.get(name, 0))


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}", justify="left"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        expand=True,
    )


@contextmanager
def displayed(console: Console, display: Display | Results) -> Iterator[None]:
    """Show the display while the block runs; without a terminal only its last state is printed."""
    with Live(display.view, console=console, refresh_per_second=8, transient=False):
        yield
