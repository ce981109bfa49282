"""What the ministry's stand-in remembers: dossiers, the log of changes that the feed shows, permits, answers to repeat.

Invariant: a state is only ever changed by ``World.move``, which writes the log; the log only grows, and its order is the
order of the times in it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import msgspec

from adapters.construction.simulator_elements import inner
from adapters.construction.simulator_files import FileLimits, Paper
from adapters.construction.simulator_proof import Proof
from adapters.construction.simulator_words import STATES, instant, leaf, local_day, node, option
from gateway.access import Access, OpenAccess
from gateway.codec.tree import Tree

WITHDRAWABLE = frozenset({"1", "2", "4", "5", "6"})
PERMIT, PLANNING = "permit", "planning"
OUTCOMES = ("permit", "supplement", "unsatisfied", "refusal", "late", "reception", "stop", "fee")


class SimulatorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the stand-in knows and how fast it works.

    ``agencies``: beginnings of codes of units that it serves; ``provinces``: codes of places; empty lets all in.
    ``path_11``, ``path_12``: of the two bindings, which may be one; ``base``: the address before them, as callers know
    it, for hashes over addresses. ``day_seconds``: how long a working day takes.
    ``house_days``, ``change_days``: promises for houses, of kinds 1 to 5 and of 6 and 7; ``work_days``,
    ``grand_days``: other works of grades III and IV, and above; ``planning_days``. ``fault_status``: of HTTP, for every
    fault; 0 as the contract has it. ``page``: changes in an answer where the caller names no number.
    """

    agencies: tuple[str, ...] = ("H99",)
    provinces: tuple[str, ...] = ("99",)
    path_11: str = "/bxd/CapPhepXayDung"
    path_12: str = "/bxd/CapPhepXayDung12"
    base: str = ""
    access: Access = OpenAccess()
    proof: Proof | None = None
    files: FileLimits = FileLimits()
    day_seconds: float = 10.0
    house_days: float = 7.0
    change_days: float = 5.0
    work_days: float = 10.0
    grand_days: float = 15.0
    planning_days: float = 15.0
    supplement_days: float = 2.0
    fault_status: int = 0
    page: int = 100


class Notice(msgspec.Struct, kw_only=True):
    """The one supplement notice of a dossier."""

    number: str
    at: datetime
    until: datetime
    reason: str
    papers: tuple[tuple[str, str], ...]
    answered_at: datetime | None = None


class Case(msgspec.Struct, kw_only=True):
    """One dossier. ``kind``: permit or planning; ``request``: LoaiThuTuc of a permit; ``told``: what was filed."""

    number: str
    own_number: str
    kind: str
    request: str
    unit: str
    told: Tree
    received_at: datetime
    promised_at: datetime
    script: str
    days: float
    papers: list[Paper]
    doubts: list[str] = []
    state: str = ""
    step: str = ""
    changed_at: datetime | None = None
    latest: Tree | None = None
    states: list[str] = []
    notice: Notice | None = None
    supplements: list[dict[str, Any]] = []
    decision: Tree | None = None
    withdrawn: str = ""
    turn: int = 0
    waiting_since: datetime | None = None
    acknowledged: Counter[str] = msgspec.field(default_factory=Counter)
    calls: list[dict[str, str]] = []


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the log."""

    case: str
    at: datetime
    row: Tree


class World:
    """Everything that a reset forgets."""

    def __init__(self, config: SimulatorConfig, day_seconds: float) -> None:
        self.config = config
        self.day_seconds = day_seconds
        self.cases: dict[str, Case] = {}
        self.order: list[str] = []
        self.log: list[Change] = []
        self.read_up_to: dict[str, int] = {}
        self.scripts: dict[str, str] = {}
        self.permits: dict[str, Tree] = {}
        self.answers: dict[tuple[str, str], tuple[str, Tree]] = {}
        self.epoch = 1
        self.now: datetime | None = None
        self.numbers: Counter[str] = Counter()
        self.journal: list[dict[str, Any]] = []
        self.requests: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self._agenda: list[tuple[datetime, int, str, int, str]] = []
        self._entries = 0

    def days(self, number: float) -> timedelta:
        """So many working days on the scripted clock."""
        return timedelta(seconds=number * self.day_seconds)

    def plan(self, case: Case, at: datetime, deed: str) -> None:
        """``deed`` is to happen at ``at``, unless the case takes another turn before."""
        self._entries += 1
        heapq.heappush(self._agenda, (at, self._entries, case.number, case.turn, deed))

    def due(self, now: datetime) -> tuple[Case, datetime, str] | None:
        """The next thing that has become due."""
        while self._agenda and self._agenda[0][0] <= now:
            at, _, number, turn, deed = heapq.heappop(self._agenda)
            case = self.cases[number]
            if case.turn == turn:
                return case, at, deed
        return None

    def planned(self, case: Case) -> list[str]:
        """What is still to happen to ``case``, in order; it is forgotten."""
        mine = [entry for entry in self._agenda if entry[2:4] == (case.number, case.turn)]
        case.turn += 1
        return [entry[4] for entry in sorted(mine)]

    def move(self, case: Case, state: str, at: datetime, *, step: str = "", reason: str = "") -> None:
        """A new state, from ``at`` on; the promise waits while the applicant is asked (construction §4)."""
        if case.waiting_since is not None:
            case.promised_at += at - case.waiting_since
            case.waiting_since = None
        if state == "5":
            case.waiting_since = at
        case.state, case.step, case.changed_at = state, step, at
        case.latest = _row(case, reason)
        case.states.append(state)
        self.log.append(Change(case=case.number, at=at, row=case.latest))

    def next(self, what: str) -> int:
        """The next number of a kind of document."""
        self.numbers[what] += 1
        return self.numbers[what]

    def moment(self, case: Case) -> datetime:
        """The time of an operator's deed: that of the last call, which came after everything in the log."""
        return self.now or case.received_at


def open_case(world: World, case: Case, at: datetime) -> Case:
    """Keep a new dossier, in state 1."""
    world.cases[case.number] = case
    world.order.append(case.number)
    world.move(case, "1", at)
    return case


def own_number(world: World, at: datetime) -> str:
    """MaHoSoBXD of the next dossier."""
    return f"BXD-{local_day(at).year}-{world.next('dossier'):07d}"


def works_of(case: Case) -> list[Tree]:
    """CongTrinh of a filing, as the last supplement left them."""
    return [work for request in inner(case.told, "NoiDungDeNghi") for work in inner(request, "CongTrinh")]


def official(case: Case) -> tuple[str, str]:
    """Who works on it, and where."""
    unit = "Phòng Quy hoạch" if case.kind == PLANNING else "Phòng Quản lý xây dựng"
    return "VÕ THỊ MẪU", unit


def _row(case: Case, reason: str) -> Tree:
    if case.changed_at is None:
        raise AssertionError("a row is written when a state is entered")
    name, unit = official(case)
    return node(
        "TrangThaiHoSo",
        leaf("MaHoSo", case.number),
        leaf("MaHoSoBXD", case.own_number),
        leaf("TrangThaiXuLy", case.state),
        leaf("TenTrangThaiXuLy", STATES[case.state]),
        option("BuocXuLy", case.step),
        leaf("ThoiDiem", instant(case.changed_at)),
        leaf("NgayHenTra", instant(case.promised_at)),
        option("LyDo", reason),
        leaf("NguoiXuLy", name),
        leaf("ChucDanh", "Chuyên viên"),
        leaf("PhongBanXuLy", unit),
    )
