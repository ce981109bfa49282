"""The ministries of the demo as rows: who asks what of whom, and how each stand-in's own record reads.

Invariant: a ministry is a row here and a section of the example's configuration; nothing else knows it by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from gateway.cli.demo.requests import Case, Wish, certificate, permit

_LONG_DAY, _SHORT_DAY = 3600.0, 1.05


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A request by the ministry's own record: how often it was taken, digests of the files that it has and gave out.

    ``signed``: calls about it whose signature the ministry has verified; ``unsigned``: others that it took.
    """

    taken: int
    files: frozenset[str]
    issued: frozenset[str]
    signed: int = 0
    unsigned: int = 0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An admin action of the stand-in."""

    action: str
    order: Mapping[str, Any] = {}


class Officers(Protocol):
    """Who moves requests on at the ministry, where the stand-in's own clock would be too slow for a demo."""

    def orders(self, record: Mapping[str, Any]) -> list[Order]:
        """What is to be done now, given the ministry's own record."""


class Ministry(msgspec.Struct, frozen=True, kw_only=True):
    """One ministry: the destination and its stand-in are called ``name``.

    ``procedure``, ``agency``: code and name, as the national portal knows them; ``days``: until the promise. ``asked``:
    how many requests, ``supplements``: of how many it wants more; ``component``: the code of the paper that it wants.
    ``begin``: the first admin action; ``officers``: who goes on, given how many requests there will be. ``signed``: calls
    are.
    """

    name: str
    procedure: tuple[str, str]
    agency: tuple[str, str]
    days: int
    asked: int
    supplements: int
    wish: Callable[[Case], Wish]
    seen: Callable[[Mapping[str, Any]], dict[str, Seen]]
    begin: Order
    officers: Callable[[int], Officers] | None = None
    component: str | None = None
    signed: bool = False


class _Builders:
    """Asks for more first, while a day is long and nobody is late; then a day takes a good second, so that every step has
    a second of its own, by which the portal tells steps apart."""

    def __init__(self, asked: int) -> None:
        self._asked = asked
        self._begun = False

    def orders(self, record: Mapping[str, Any]) -> list[Order]:
        cases = record["dossiers"]
        unasked = [
            code for code, each in cases.items() if each["script"] == "supplement" and not each["notice"]
        ]
        if unasked:
            return [Order(action="finish", order={"code": code}) for code in unasked]
        if self._begun or len(cases) < self._asked:
            return []
        self._begun = True
        others = [code for code, each in cases.items() if each["script"] != "supplement"]
        anew = [Order(action="script", order={"code": code, "outcome": "permit"}) for code in others]
        return [Order(action="pace", order={"day_seconds": _SHORT_DAY}), *anew]


def _centre(record: Mapping[str, Any]) -> dict[str, Seen]:
    return {
        code: Seen(taken=each["rounds"], files=frozenset(each["files"]), issued=frozenset(each["issued"]))
        for code, each in record["applications"].items()
    }


def _builders(record: Mapping[str, Any]) -> dict[str, Seen]:
    calls = [each for each in record["calls"]["journal"] if each["outcome"] == "1"]
    proven = {
        code: [
            bool(each["signature"] not in {"none", "unchecked"}) for each in calls if code in each["dossiers"]
        ]
        for code in record["dossiers"]
    }
    return {
        code: Seen(
            taken=1 + len(each["supplements"]),
            files=frozenset(paper["sha256"] for paper in each["papers"]),
            issued=frozenset([each["decision"]["sha256"]] if each["decision"] else ()),
            signed=sum(proven[code]),
            unsigned=len(proven[code]) - sum(proven[code]),
        )
        for code, each in record["dossiers"].items()
    }


_ROWS = (
    Ministry(
        name="construction",
        procedure=("1.009910.000.00.00.H99", "Cấp giấy phép xây dựng mới"),
        agency=("H99.04", "Sở Xây dựng"),
        days=20,
        asked=8,
        supplements=2,
        wish=permit,
        seen=_builders,
        begin=Order(action="pace", order={"day_seconds": _LONG_DAY}),
        officers=_Builders,
        component="CAM_KET",
        signed=True,
    ),
    Ministry(
        name="judicial_records",
        procedure=("1.009921", "Cấp phiếu lý lịch tư pháp số 1"),
        agency=("H99.02", "Sở Tư pháp"),
        days=14,
        asked=12,
        supplements=3,
        wish=certificate,
        seen=_centre,
        begin=Order(action="clock", order={"seconds": 1.0}),
    ),
)
MINISTRIES: Mapping[str, Ministry] = {each.name: each for each in _ROWS}
