"""Whether the portal itself counts a dossier as late, from what it has stored (national_portal §11.2, §11.3).

Invariant: pure, and written from the contract alone, so that it can judge the gateway's own classification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from adapters.national_portal.simulator_rules import Item, parse_date14, rows_of, text_of

NOT_COUNTED, ON_TIME, LATE = "not_counted", "on_time", "late"
_HOURS = {"giờ": 1, "ngày": 24, "ngày làm việc": 24, "tháng": 24 * 30}


class _Round(NamedTuple):
    asked: datetime
    answered: datetime | None


def classify(fields: Item, steps: Sequence[Item], period_end: datetime, longest: timedelta | None) -> str:
    """One dossier's place in index 2.1. ``steps`` in order of time; ``longest``: the statutory time, if any."""
    received = _moment(fields, "NgayTiepNhan")
    if received is None:
        return NOT_COUNTED
    rounds = _rounds(fields, steps)
    waiting = [each for each in rounds if each.answered is None]
    end = _end(steps)
    if end is None and waiting:
        if len(rounds) > 1:  # §11.2-4
            return LATE
        end = waiting[0].asked
    if end is None:
        end = period_end
    pause = sum(
        (each.answered - each.asked for each in rounds if each.answered and each.answered <= end), timedelta()
    )
    due = _moment(fields, "NgayHenTra")
    if due is not None:
        # §11.5: an appointment that was already moved for the rounds must not be credited twice
        return ON_TIME if end - (timedelta() if _extended(fields) else pause) <= due else LATE
    return ON_TIME if longest is None or end - received - pause <= longest else LATE


def statutory_time(procedure: Mapping[str, Any] | None) -> timedelta | None:
    """The longest ``THOIGIANGIAIQUYET`` of a procedure; None when the law sets none (§4.2)."""
    found = []
    for channel in (procedure or {}).get("CACHTHUCTHUCHIEN", ()):
        for duration in channel.get("THOIGIAN", ()):
            number = text_of(duration.get("THOIGIANGIAIQUYET")) or ""
            unit = (text_of(duration.get("DONVITINH")) or "").lower()
            if number.isdigit() and unit in _HOURS:
                found.append(timedelta(hours=int(number) * _HOURS[unit]))
    return max(found, default=None)


def _moment(item: Item, name: str) -> datetime | None:
    return parse_date14(text_of(item.get(name)) or "")


def _times(steps: Sequence[Item], statuses: frozenset[str]) -> list[datetime]:
    found = (_moment(step, "ThoiDiemXuLy") for step in steps if text_of(step.get("TrangThai")) in statuses)
    return [moment for moment in found if moment is not None]


def _end(steps: Sequence[Item]) -> datetime | None:
    # §11.2-2: 9, else 10, else 8, 3 or 7 of a dossier that had been accepted
    for statuses in (frozenset({"9"}), frozenset({"10"})):
        if times := _times(steps, statuses):
            return times[-1]
    stopped, accepted = _times(steps, frozenset({"8", "3", "7"})), _times(steps, frozenset({"2", "4"}))
    return stopped[-1] if stopped and accepted and accepted[0] <= stopped[-1] else None


def _rounds(fields: Item, steps: Sequence[Item]) -> list[_Round]:
    declared = [
        _Round(asked, _moment(row, "NgayTiepNhanBoSung"))
        for row in rows_of(fields, "DanhSachHoSoBoSung")
        if (asked := _moment(row, "NgayBoSung")) is not None
    ]
    if declared:
        return declared
    found: list[_Round] = []
    for index, step in enumerate(steps):
        asked = _moment(step, "ThoiDiemXuLy")
        if text_of(step.get("TrangThai")) != "5" or asked is None:
            continue
        following = steps[index + 1] if index + 1 < len(steps) else None
        found.append(_Round(asked, None if following is None else _moment(following, "ThoiDiemXuLy")))
    return found


def _extended(fields: Item) -> bool:
    return any(
        text_of(row.get("NgayHenTraMoi"))
        and text_of(row.get("NgayHenTraMoi")) == text_of(fields["NgayHenTra"])
        for row in rows_of(fields, "DanhSachHoSoBoSung")
    )
