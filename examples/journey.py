"""The way of one dossier through the offices: its steps, waits and promises, in order of time.

Invariant: every step is later than the one before and follows a move of ``gateway.domain.status.MOVES`` that is
allowed or flagged; supplements, re-appointments and payments change the state only through a step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import assert_never

from examples.catalogue import Duration, ExampleProcedure
from examples.names import officer
from examples.worktime import (
    add_calendar_days,
    add_months,
    add_working_days,
    add_working_minutes,
    at,
    working_minutes_between,
)
from gateway.domain.dossier import Channel, Reappointment, Step, Supplement
from gateway.domain.status import Status, judge_move

HOUR = 60
DAY = 8 * HOUR


class Timing(StrEnum):
    """How a dossier ends against its last promise (domain_rules R17)."""

    EARLY = "early"
    SAME_DAY = "same_day"
    AFTER_HOUR = "after_hour"
    LATE = "late"


class Role(StrEnum):
    """Job title of whoever takes a step."""

    CLERK = "Cán bộ một cửa"
    HEAD = "Trưởng phòng"
    EXPERT = "Chuyên viên"
    LEADER = "Lãnh đạo cơ quan"
    ARCHIVIST = "Văn thư"
    MACHINE = "Hệ thống"


ROOMS: dict[Role, str] = {
    Role.CLERK: "Bộ phận Tiếp nhận và Trả kết quả",
    Role.HEAD: "Phòng Chuyên môn, {}",
    Role.EXPERT: "Phòng Chuyên môn, {}",
    Role.LEADER: "{}",
    Role.ARCHIVIST: "Văn phòng, {}",
    Role.MACHINE: "Hệ thống thông tin giải quyết thủ tục hành chính",
}
CONSULTATION = "Lấy ý kiến đơn vị phối hợp"
# Title, what is done; in the order of an ordinary review.
STAGES: tuple[tuple[Role, str], ...] = (
    (Role.CLERK, "Chuyển hồ sơ về phòng chuyên môn"),
    (Role.HEAD, "Phân công thụ lý"),
    (Role.EXPERT, "Thẩm định hồ sơ"),
    (Role.EXPERT, CONSULTATION),
    (Role.EXPERT, "Nhận ý kiến của đơn vị phối hợp"),
    (Role.EXPERT, "Kiểm tra thực địa, lập biên bản"),
    (Role.EXPERT, "Dự thảo kết quả giải quyết"),
    (Role.HEAD, "Xem xét dự thảo, ký nháy"),
    (Role.LEADER, "Xem xét, ký số kết quả"),
    (Role.ARCHIVIST, "Đóng dấu, phát hành văn bản"),
    (Role.ARCHIVIST, "Chuyển kết quả về Bộ phận Một cửa"),
)
AGAIN = (Role.EXPERT, "Rà soát lại hồ sơ")
LONG_NOTE = (
    "Qua kiểm tra, thành phần hồ sơ phù hợp với quy định; nội dung kê khai được đối chiếu với cơ sở dữ liệu mẫu. "
    'Lưu ý: mục "diện tích < 100 m² & chiều cao > 12 m" được ghi theo đơn đề nghị; dấu \' và dấu " giữ nguyên văn. '
    "Đề nghị bộ phận tiếp theo rà soát số liệu thử nghiệm, đối chiếu bản chính và phản hồi trong thời hạn nội bộ."
)
REASONS = (
    "Bổ sung ảnh 3x4 chụp không quá 06 tháng",
    "Bổ sung bản sao hợp lệ giấy tờ tùy thân",
    "Tờ khai thiếu chữ ký ở mục số 4; đề nghị ký và nộp lại",
    "Bổ sung văn bản ủy quyền có chứng thực & bản vẽ mặt bằng <A3>",
)


@dataclass(slots=True, kw_only=True)
class Journey:
    """Steps so far; ``now`` is the time of the last one, ``due`` the promise that holds."""

    rng: Random
    procedure: ExampleProcedure
    unit: str
    channel: Channel
    number: int
    now: datetime
    promised: bool = True
    due: datetime | None = None
    submitted_at: datetime | None = None
    received_at: datetime | None = None
    finished_at: datetime | None = None
    returned_at: datetime | None = None
    refused_at: datetime | None = None
    paid_at: datetime | None = None
    steps: list[Step] = field(default_factory=list)
    supplements: list[Supplement] = field(default_factory=list)
    reappointments: list[Reappointment] = field(default_factory=list)
    officers: dict[Role, str] = field(default_factory=dict)
    stage: int = 0

    def __post_init__(self) -> None:
        self.officers = {role: officer(self.rng) for role in Role} | {Role.MACHINE: "Tiếp nhận tự động"}

    @property
    def status(self) -> Status | None:
        """The state after the last step."""
        return Status(self.steps[-1].status) if self.steps else None

    def take(self, when: datetime, status: Status, role: Role, note: str) -> None:
        """Append a step; an impossible move or a step back in time is a defect of the generator."""
        if judge_move(self.status, status) == "impossible":
            raise ValueError(f"journey {self.number}: {self.status} cannot be followed by {status}")
        if self.steps and when <= self.steps[-1].at:
            raise ValueError(f"journey {self.number}: step at {when} is not later than {self.steps[-1].at}")
        timed = role is Role.EXPERT and self.rng.randrange(3) == 0
        self.steps.append(
            Step(
                id=f"{self.number:04}-{len(self.steps) + 1:02}",
                at=when,
                status=status,
                actor=self.officers[role] if self.rng.randrange(40) else None,
                title=role,
                unit=ROOMS[role].format(self.unit),
                note=LONG_NOTE if role is Role.EXPERT and self.rng.randrange(45) == 0 else note,
                started_at=self.now if timed else None,
                due_at=add_working_minutes(when, DAY) if timed else None,
            )
        )
        self.now = when

    def file(self) -> None:
        """State 1: filed online or by post before anybody at the counter has seen it."""
        self.submitted_at = self.now
        self.take(self.now, Status.REGISTERED, Role.MACHINE, "Hồ sơ mới đăng ký")

    def refuse(self) -> None:
        """State 3: refused at reception, so never received (domain_rules row 3)."""
        when = self.working_instant(15, 450) if self.steps else self.now
        self.submitted_at = self.submitted_at or when - timedelta(minutes=self.rng.randrange(5, 30))
        self.take(when, Status.REFUSED, Role.CLERK, "Từ chối tiếp nhận: không thuộc thẩm quyền giải quyết")
        self.refused_at = self.now

    def receive(self) -> None:
        """State 2 with the promise on the slip; a few online dossiers are received late (R1)."""
        if self.steps:
            slow = self.rng.randrange(10) == 0
            when = self.working_instant(*((490, 1200) if slow else (10, 460)))
        else:
            when = self.now
            self.submitted_at = when - timedelta(minutes=self.rng.randrange(3, 25))
        self.take(when, Status.RECEIVED, Role.CLERK, "Tiếp nhận hồ sơ, hẹn trả kết quả")
        self.received_at = when
        self.due = self.promise(when)

    def promise(self, start: datetime) -> datetime | None:
        """The appointment counted from ``start``; None where the slip carries none (R4, R6, R7, R20)."""
        if not self.promised:
            return None
        amount, duration = self.procedure.amount, self.procedure.duration
        match duration:
            case Duration.WORKING_DAYS:
                due = add_working_days(start, amount)
            case Duration.CALENDAR_DAYS:
                due = add_calendar_days(start, amount)
            case Duration.MONTHS:
                due = add_months(start, amount)
            case Duration.WORKING_HOURS:
                due = add_working_minutes(start, amount * 60)
            case Duration.NONE:
                return None
            case _:
                assert_never(duration)
        return due.replace(second=0)

    def work(self, until: datetime, count: int) -> None:
        """Up to ``count`` stages of the review at instants of working time before ``until``."""
        minutes = working_minutes_between(self.now, until) - 1
        for offset in self.offsets(minutes, count):
            role, note = STAGES[self.stage] if self.stage < len(STAGES) else AGAIN
            self.stage += 1
            self.take(offset, Status.PROCESSING, role, note)

    def offsets(self, minutes: int, count: int) -> list[datetime]:
        """At most ``count`` increasing instants in the next ``minutes`` of working time."""
        start = self.now
        chosen = sorted(self.rng.sample(range(1, minutes), min(count, minutes // 3))) if minutes > 3 else []
        return [self.sharpen(add_working_minutes(start, offset)) for offset in chosen]

    def working_instant(self, least: int, most: int) -> datetime:
        """An instant ``least`` to ``most`` working minutes from now."""
        return self.sharpen(add_working_minutes(self.now, self.rng.randrange(least, most)))

    def sharpen(self, instant: datetime) -> datetime:
        """``instant`` with a random second, unless that would leave the working window."""
        closing = (instant.hour, instant.minute) in {(11, 30), (17, 0)}
        return instant.replace(second=0 if closing else self.rng.randrange(60))


def opening(day: date, rng: Random) -> datetime:
    """An instant of office hours on ``day``."""
    minute = rng.choice((rng.randrange(420, 688), rng.randrange(811, 1015)))
    return at(day, minute) + timedelta(seconds=rng.randrange(60))
