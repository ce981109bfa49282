"""The entries of the log one after the other, each checked once, read ahead in pages.

Invariant: what is held is bounded by bytes, however long the log and however large its contents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from gateway.messagelog.content import Missing
from gateway.messagelog.entry_check import Checked, check, is_dropped
from gateway.messagelog.faults import Fault, Kind, fault
from gateway.storage.database import Database
from gateway.storage.log_stream import RawEntry, blob, entries, pruned_spans

SMALLEST_PAGE, LARGEST_PAGE = 8, 512
PAGE_BYTES = 16 * 1024 * 1024
MICROSECONDS = 1_000_000


class Span(NamedTuple):
    """Entries beyond sequence number ``after`` up to ``last``."""

    after: int
    last: int


class Entries:
    """The entries of a span. ``latest``: the latest instant before them; ``tolerance``: seconds by which an instant may lie
    before an earlier entry's."""

    def __init__(self, database: Database, span: Span, *, latest: int, tolerance: float) -> None:
        self._database, self._keys = database, database.contents
        self._loaded, self._last = span.after, span.last
        self._most = 128
        self._held: dict[int, Checked] = {}
        self._tolerance = int(tolerance * MICROSECONDS)
        self.latest = latest
        self.checked = 0
        self.missing: Counter[Missing] = Counter()
        self.faults: list[Fault] = []

    def take(self, first: int, last: int) -> list[Checked | None]:
        """The entries with these numbers; None where there is none."""
        self._load(last)
        return [self._held.pop(seq, None) for seq in range(first, last + 1)]

    def peek(self, first: int, last: int) -> list[Checked | None]:
        """The same, and they stay."""
        self._load(last)
        return [self._held.get(seq) for seq in range(first, last + 1)]

    def put_back(self, rows: Sequence[Checked | None]) -> None:
        """They were not needed yet."""
        self._held |= {row.seq: row for row in rows if row is not None}

    def next_after(self, seq: int) -> Checked | None:
        """The first entry beyond ``seq``; None for none."""
        while not any(held > seq for held in self._held) and self._loaded < self._last:
            self._load(self._loaded + 1)
        beyond = [held for held in self._held if held > seq]
        return self._held[min(beyond)] if beyond else None

    def _load(self, upto: int) -> None:
        upto = min(upto, self._last)
        while self._loaded < upto:
            question = partial(entries, after=self._loaded, upto=self._last, most=self._most)
            page = self._database.ask(question)
            for entry in page:
                self._see(entry)
            self._loaded = self._last if len(page) < self._most else int(page[-1].seq)
            self._most = _fitting(self._most, sum(len(blob(entry.body)) for entry in page))

    def _see(self, entry: RawEntry) -> None:
        row = check(entry, self._keys)
        self.checked += 1
        if row.missing is not None:
            self._note_missing(row, row.missing, entry)
        elif row.wrong:
            self._wrong(Kind.BODY, row, row.wrong)
        if row.given == row.leaf:
            if row.at < self.latest - self._tolerance:
                seconds = (self.latest - row.at) // MICROSECONDS
                self._wrong(Kind.CLOCK, row, f"it is {seconds} s older than an entry before it")
                self.latest = row.at  # told once, not of everything that follows
            elif row.at > self.latest:
                self.latest = row.at
        if row.seq.__class__ is int:
            self._held[row.seq] = row
        else:
            self._wrong(Kind.INSERTED, row, f"its number is {entry.seq!r}")

    def _note_missing(self, row: Checked, why: Missing, entry: RawEntry) -> None:
        # asked only now: a job may have archived what was there when this began
        with_archived = entry.owner != row.id and bool(self._database.ask(pruned_spans))
        if why is Missing.ABSENT and not (with_archived or is_dropped(entry)):
            self._wrong(
                Kind.BODY,
                row,
                "its content is gone, and no erasure, archive or period of retention accounts for that",
            )
        else:
            self.missing[why] += 1

    def _wrong(self, kind: Kind, row: Checked, detail: str) -> None:
        self.faults.append(fault(kind, _number(row.seq), detail, entry=_number(row.id)))


def _number(value: Any) -> int:
    return value if value.__class__ is int else 0


def _fitting(most: int, size: int) -> int:
    """How many entries the next page may have, when one of ``most`` had ``size`` bytes."""
    if size > PAGE_BYTES:
        return max(SMALLEST_PAGE, most // 2)
    return min(LARGEST_PAGE, most * 2) if size < PAGE_BYTES // 4 else most
