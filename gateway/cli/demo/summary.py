"""The end of the demo: a summary that a province's director understands, and the comparison that decides.

Invariant: nothing is rounded in our favour; what was not delivered, refused or different has a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.cli.demo.handled import Handled
from gateway.cli.demo.kinds import ENDINGS
from gateway.cli.demo.paying import Paid
from gateway.cli.demo.stage import Result
from gateway.cli.demo.words import Language, figure, say
from gateway.deadlines.classify import Verdict

_COLUMNS = ("missing", "out_of_order", "duplicated", "different")
_ALWAYS = frozenset({"found", "resent"})
_ONLY_IF_ANY = frozenset({"absent", "undelivered", "refused_lines"})
_MONEY = ("asked", "paid", "by_callback", "by_question", "by_people", "repeated", "refused", "receipts")
_LEDGERS = ("difference", "settled_twice", "unpaid_shown_paid", "paid_shown_unpaid")
# a text and the count that it tells
_HANDLED = {
    "asked": "asked",
    "supplemented": "supplemented",
    "came_back": "results",
    "sent_files": "sent_files",
    "result_files": "result_files",
    "portal_copies": "portal",
    "signed_calls": "signed",
}
_WRONG = {"lost": "lost", "twice": "twice", "late_order": "out_of_order"}
_CLASSES = tuple(str(verdict) for verdict in Verdict)


class Summary:
    """Prints one result in one language."""

    def __init__(self, console: Console, language: Language) -> None:
        self._console = console
        self._language = language

    def print(self, result: Result, folder: Path) -> None:
        """Everything, the decision last."""
        out = self._console.print
        out()
        out(self._figures(result))
        out(self._counts("retries", self._troubles(result)))
        out(self._doubts(result))
        out(self._counts("deadlines", self._classes(result)))
        if result.disputed:
            out(f"  {self._say('disputed', count=result.disputed)}\n")
        self._differences(result)
        if result.payments is not None:
            out(self._money(result.payments))
        if result.ministries:
            out(self._ministries(result.ministries))
        out(self._decision(result, folder))

    def _say(self, name: str, **values: object) -> str:
        return say(self._language, name, **values)

    def _figure(self, count: int) -> str:
        return figure(self._language, count)

    def _figures(self, result: Result) -> Table:
        figures, verdict = result.figures, result.verdict
        rows = {
            "in_step": verdict.in_step,
            "absent": verdict.absent,
            "states": figures.dossiers.done,
            "replaced": figures.dossiers.replaced,
            "steps": figures.steps.done,
            "calls": figures.calls,
        }
        rows |= {"undelivered": figures.left, "refused_lines": result.imported.counts["refused"]}
        rows = {name: count for name, count in rows.items() if count or name not in _ONLY_IF_ANY}
        return self._counts("summary", ((self._say(name), count) for name, count in rows.items()))

    def _troubles(self, result: Result) -> Iterator[tuple[str, int]]:
        for kind, count in result.figures.troubles.items():
            yield self._say(f"kind.{kind}"), count
        yield self._say("retries.total"), result.figures.retries

    def _doubts(self, result: Result) -> Table:
        """One row per way of settling, one column per kind of delivery."""
        figures = result.figures
        table = self._table("doubts")
        table.show_header = True
        table.columns[1].header = self._say("doubts.dossiers")
        table.add_column(self._say("doubts.steps"), justify="right", min_width=8)
        for name in ENDINGS:
            counts = (getattr(figures.dossier_doubts, name), getattr(figures.step_doubts, name))
            if any(counts) or name in _ALWAYS:
                table.add_row(self._say(f"doubt.{name}"), *map(self._figure, counts))
        return table

    def _classes(self, result: Result) -> Iterator[tuple[str, int]]:
        for name in _CLASSES:
            if result.classes.get(name):
                yield self._say(f"class.{name.lower()}"), result.classes[name]

    def _counts(self, heading: str, rows: Iterator[tuple[str, int]]) -> Table:
        table = self._table(heading)
        for name, count in rows:
            table.add_row(name, self._figure(count))
        return table

    def _table(self, heading: str) -> Table:
        table = Table(
            box=box.SIMPLE,
            show_header=False,
            title=self._say(heading),
            title_justify="left",
            title_style="bold",
        )
        table.add_column(min_width=64)
        table.add_column(justify="right", min_width=8)
        return table

    def _money(self, paid: Paid) -> Panel:
        """What was paid, how it was found out, and the comparison of both ledgers."""
        table = self._counts("money", ((self._say(f"money.{name}"), getattr(paid, name)) for name in _MONEY))
        text = Text()
        for place, name in enumerate(_LEDGERS):
            count = getattr(paid, name)
            text.append("\n" if place else "")
            text.append(
                f"{self._say(f'money.{name}')}: {self._figure(count)}",
                style="bold green" if count == 0 else "bold red",
            )
        verdict = "money.holds" if paid.holds else "money.fails"
        text.append(f"\n\n{self._say(verdict)}", style="green" if paid.holds else "red")
        title = self._say("money.comparison", amount=paid.amount_theirs)
        return Panel(Group(table, text), title=title, title_align="left", expand=False, padding=(1, 2))

    def _ministries(self, handled: tuple[Handled, ...]) -> Panel:
        """One column a ministry, and what must be nought."""
        table = self._table("ministries.title")
        table.title, table.show_header = None, True
        table.columns.pop()
        for each in handled:
            table.add_column(self._say(f"ministry.{each.name}"), justify="right", min_width=8)
        for word, name in _HANDLED.items():
            table.add_row(self._say(word), *(self._figure(getattr(each, name)) for each in handled))
        text = Text()
        for place, (word, name) in enumerate(_WRONG.items()):
            count = sum(getattr(each, name) for each in handled)
            text.append("   " if place else "")
            text.append(
                f"{self._say(word)} {self._figure(count)}", style="bold green" if count == 0 else "bold red"
            )
        holds = all(each.holds for each in handled)
        verdict = self._say("ministries.hold" if holds else "ministries.fail")
        text.append(f"\n\n{verdict}", style="green" if holds else "red")
        title = self._say("ministries.title")
        return Panel(Group(table, text), title=title, title_align="left", expand=False, padding=(1, 2))

    def _differences(self, result: Result) -> None:
        for each in result.verdict.differences:
            self._console.print(
                f"  {self._say(each.kind)}: {each.dossier} {each.what}: {each.expected} ≠ {each.got}",
                markup=False,
                style="red",
            )

    def _decision(self, result: Result, folder: Path) -> Panel:
        verdict = result.verdict
        text = Text()
        for place, name in enumerate(_COLUMNS):
            count = getattr(verdict, name)
            text.append("   " if place else "")
            text.append(
                f"{self._say(name)} {self._figure(count)}", style="bold green" if count == 0 else "bold red"
            )
        text.append("\n\n")
        text.append(
            self._say("holds") if result.holds else self._say("fails", folder=folder),
            style="green" if result.holds else "red",
        )
        text.append(f"\n{self._say('injected', count=sum(result.injected.values()))}")
        text.append(f"\n{self._say('took', seconds=result.seconds)}   {self._say('kept', folder=folder)}")
        title = self._say("comparison", compared=verdict.compared, steps=verdict.steps)
        return Panel(text, title=title, title_align="left", expand=False, padding=(1, 2))
