"""Response tables: what a partner's answer means, as rows of conditions, first match wins.

A row names conditions on the HTTP status, the shape of the body, the code and the words of the text; words and codes
are lists that settings may change. Invariant: a table ends with a row without conditions, so that every answer has
exactly one meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from unicodedata import normalize

import msgspec

from gateway.domain.errors import ConfigurationError

Words = Mapping[str, tuple[str, ...]]


class Shape(StrEnum):
    """What a body looks like, before anybody asks what it says.

    envelope    the agreed structure, with a usable result code
    uncoded     the agreed encoding, but without a usable result code
    empty       nothing
    markup      XML or HTML, faults included
    unreadable  anything else
    """

    ENVELOPE = "envelope"
    UNCODED = "uncoded"
    EMPTY = "empty"
    MARKUP = "markup"
    UNREADABLE = "unreadable"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's answer, normalised. ``call`` names the kind of call it answers. ``retry_after`` in seconds."""

    status: int
    shape: Shape
    call: str = ""
    code: str = ""
    message: str = ""
    retry_after: float | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row. A condition that is left out always holds.

    statuses      HTTP status from … to, both included
    shapes, calls one of these
    codes         name of a list of codes, one of which is the answer's
    other_codes   name of a list of codes, none of which is the answer's
    phrases       names of lists of phrases; of every list at least one phrase stands in the text
    without       names of lists of phrases, none of which stands in the text
    silent        there is (True) or is no (False) text
    retry_after   the answer says when to come again
    verdict       what the answer means; the adapter turns it into an outcome
    why           the reason, with the clause of the contract
    """

    name: str
    verdict: str
    why: str
    statuses: tuple[tuple[int, int], ...] = ()
    shapes: frozenset[Shape] = frozenset()
    calls: frozenset[str] = frozenset()
    codes: str = ""
    other_codes: str = ""
    phrases: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    silent: bool | None = None
    retry_after: bool = False


_Test = Callable[[Answer, str], bool]


class ResponseTable(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one partner."""

    name: str
    rows: tuple[Row, ...]
    clause: str = ""

    @property
    def total(self) -> bool:
        """Whether the last row, and no other, matches whatever comes."""
        bare = [not _conditions(row) for row in self.rows]
        return bool(bare) and bare[-1] and not any(bare[:-1])

    def bind(self, words: Words) -> Classifier:
        """The table with its lists; ConfigurationError when a row names a list that ``words`` does not have."""
        return Classifier(self, words)


class Classifier:
    """A response table ready for use."""

    __slots__ = ("_by_status", "_rows")

    def __init__(self, table: ResponseTable, words: Words) -> None:
        if not table.total:
            raise ConfigurationError(f"response table {table.name}: the last row must have no condition")
        self._rows = tuple((row, _tests(row, words)) for row in table.rows)
        self._by_status: dict[int, tuple[tuple[Row, tuple[_Test, ...]], ...]] = {}

    def classify(self, answer: Answer) -> Row:
        """The first row that matches."""
        folded = fold(answer.message)
        for row, tests in self._of_status(answer.status):
            if all(test(answer, folded) for test in tests):
                return row
        raise AssertionError("a total table has no end")

    def _of_status(self, status: int) -> tuple[tuple[Row, tuple[_Test, ...]], ...]:
        known = self._by_status.get(status)
        if known is None:
            known = tuple(
                (row, tests)
                for row, tests in self._rows
                if not row.statuses or any(low <= status <= high for low, high in row.statuses)
            )
            # A status is a number of three digits, so this memory is bounded whatever a partner sends.
            if 100 <= status <= 999:
                self._by_status[status] = known
        return known


def fold(message: str) -> str:
    """Text as it is compared: NFC, without case."""
    return (message if message.isascii() else normalize("NFC", message)).casefold()


def _conditions(row: Row) -> bool:
    given = (row.statuses, row.shapes, row.calls, row.codes, row.other_codes, row.phrases, row.without)
    return any(given) or row.silent is not None or row.retry_after


def _tests(row: Row, words: Words) -> tuple[_Test, ...]:
    tests: list[_Test] = []
    if row.shapes:
        tests.append(lambda answer, _: answer.shape in row.shapes)
    if row.calls:
        tests.append(lambda answer, _: answer.call in row.calls)
    if row.codes:
        tests.append(_code_test(frozenset(_list(row, words, row.codes)), wanted=True))
    if row.other_codes:
        tests.append(_code_test(frozenset(_list(row, words, row.other_codes)), wanted=False))
    if row.silent is not None:
        tests.append(lambda answer, _: (not answer.message) is row.silent)
    if row.retry_after:
        tests.append(lambda answer, _: answer.retry_after is not None)
    tests += [_phrase_test(_list(row, words, name), wanted=True) for name in row.phrases]
    tests += [_phrase_test(_list(row, words, name), wanted=False) for name in row.without]
    return tuple(tests)


def _code_test(codes: frozenset[str], *, wanted: bool) -> _Test:
    return lambda answer, _: (answer.code in codes) is wanted


def _phrase_test(phrases: tuple[str, ...], *, wanted: bool) -> _Test:
    folded = tuple(fold(phrase) for phrase in phrases if phrase.strip())
    return lambda _, message: any(phrase in message for phrase in folded) is wanted


def _list(row: Row, words: Words, name: str) -> tuple[str, ...]:
    if name not in words:
        raise ConfigurationError(f"response row {row.name}: there is no list of words called {name!r}")
    return words[name]
