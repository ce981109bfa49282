"""The tables of an adapter: no official element forgotten, no answer without a row, no row without a case.

Invariant: asked of ``mappings.<name>`` as data (ELEMENTS, TABLES, WAIVED, RESPONSES); which row an answer falls under
is observed while the adapter itself reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from gateway.conformance.checks.cases import interpret
from gateway.conformance.finding import Flaw
from gateway.conformance.recorded import CaseKind, cases
from gateway.conformance.subject import Subject, load
from gateway.conformance.trial import attempt
from gateway.mapping import Answer, Classifier, Element, ResponseTable, Row, Table, Waiver, forgotten, unknown

SHORTEST_REASON = 10


def official_elements(subject: Subject) -> Iterator[Flaw]:
    """Every element that the contract lists is a row of a table, or is waived with a reason and a day."""
    listed: Mapping[str, tuple[Element, ...]] = getattr(subject.mapping, "ELEMENTS", {})
    tables: Mapping[str, Table] = getattr(subject.mapping, "TABLES", {})
    waived: Mapping[str, Mapping[str, Waiver]] = getattr(subject.mapping, "WAIVED", {})
    for message, elements in listed.items():
        waivers = waived.get(message, {})
        if message not in tables:
            yield Flaw(where=message, what="its elements are listed, but there is no table of that name")
            continue
        for name in forgotten(elements, tables[message], waivers):
            yield Flaw(where=f"{message}/{name}", what="is neither mapped nor waived")
        for name in unknown(elements, tables[message], waivers):
            yield Flaw(where=f"{message}/{name}", what="is not listed, or is both mapped and waived")
        for name, waiver in waivers.items():
            if len(waiver.reason.strip()) < SHORTEST_REASON:
                yield Flaw(where=f"{message}/{name}", what="is waived without a reason")
    for message in (*tables, *waived):
        if message not in listed:
            yield Flaw(where=message, what="no elements of the contract are listed for it")


def response_table(subject: Subject) -> Iterator[Flaw]:
    """A table ends with a row for everything else; every row is reached by a recorded case."""
    tables = _response_tables(getattr(subject.mapping, "RESPONSES", ()))
    reached = _reached(subject) if tables and not subject.source.variant else set()
    for table in tables:
        if not table.total:
            yield Flaw(where=table.name, what="the last row, and no other, must have no condition")
        names = [row.name for row in table.rows]
        for name in names:
            if names.count(name) > 1:
                yield Flaw(where=f"{table.name}/{name}", what="two rows have this name")
            if not subject.source.variant and name not in reached:
                yield Flaw(where=f"{table.name}/{name}", what="no recorded case falls under this row")
        for row in table.rows:
            if not row.why.strip():
                yield Flaw(where=f"{table.name}/{row.name}", what="says not why")


def _response_tables(exposed: Any) -> list[ResponseTable]:
    match exposed:
        case ResponseTable():
            return [exposed]
        case Mapping():
            return list(exposed.values())
        case _:
            return list(exposed)


def _reached(subject: Subject) -> set[str]:
    """Names of the rows that the recorded cases of every variant fall under."""
    names = ("", *(variant.name for variant in subject.specification.variant))
    with _watched() as reached:
        for name in names:
            source = msgspec.structs.replace(subject.source, variant=name)
            adapter = load(source).build()
            for _, case in cases(source):
                if case.response is not None and case.kind is not CaseKind.CALLBACK:
                    attempt(lambda adapter=adapter, case=case: interpret(adapter, case))  # type: ignore[misc]
    return reached


@contextmanager
def _watched() -> Iterator[set[str]]:
    """Names of the rows by which answers are classified meanwhile, in this thread and every other."""
    seen: set[str] = set()
    plain = Classifier.classify

    def classify(self: Classifier, answer: Answer) -> Row:
        row = plain(self, answer)
        seen.add(row.name)
        return row

    # An adapter keeps its classifiers to itself, and what it would report of them is not what it does.
    Classifier.classify = classify  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        Classifier.classify = plain  # type: ignore[method-assign]
