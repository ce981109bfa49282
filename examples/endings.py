"""What happens to a received dossier: supplement rounds, payment, a new promise, and the seven ways to end.

Invariant: functions only move a ``Journey`` forward; each leaves at least one step, and the instants of the record
(finished, returned, paid …) are those of the steps.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from examples.journey import DAY, HOUR, REASONS, Journey, Role, Timing
from examples.worktime import (
    add_working_days,
    add_working_minutes,
    at,
    is_working_day,
    working_minutes_between,
)
from gateway.domain.dossier import Channel, Reappointment, Supplement
from gateway.domain.status import Status


def ask_supplement(journey: Journey, *, late: bool = False) -> None:
    """State 5. ``late``: asked after the promise had passed, so the wait does not cure it (R11)."""
    journey.work(add_working_minutes(journey.now, DAY), journey.rng.randrange(2, 4))
    if late and journey.due:
        overdue = max(journey.now, add_working_days(journey.due, journey.rng.randrange(1, 4)))
        when = journey.sharpen(add_working_minutes(overdue, journey.rng.randrange(5, DAY)))
    else:
        when = journey.working_instant(20, _room(journey, 2 * DAY))
    reason = journey.rng.choice(REASONS)
    journey.take(when, Status.SUPPLEMENT_REQUESTED, Role.EXPERT, f"Yêu cầu bổ sung: {reason}")
    journey.supplements.append(
        Supplement(
            id=journey.number * 10 + len(journey.supplements) + 1,
            requested_at=when,
            requested_by=journey.officers[Role.EXPERT],
            reason=reason,
            old_due_at=journey.due,
        )
    )


def answer_supplement(journey: Journey) -> None:
    """State 4 again. The promise restarts from zero, or is moved by the working time waited (R12)."""
    when = journey.working_instant(2 * HOUR, 9 * DAY)
    asked = journey.supplements[-1]
    if journey.due and journey.rng.randrange(3) == 0:
        waited = working_minutes_between(asked.requested_at, when)
        journey.due = add_working_minutes(journey.due, waited).replace(second=0)
    else:
        journey.due = journey.promise(when)
    journey.take(when, Status.PROCESSING, Role.CLERK, "Tiếp nhận hồ sơ bổ sung, tiếp tục giải quyết")
    journey.supplements[-1] = msgspec.structs.replace(
        asked,
        received_at=when,
        received_by=journey.officers[Role.CLERK],
        received_note="Đã bổ sung đủ theo phiếu yêu cầu",
        new_due_at=journey.due,
    )


def ask_payment(journey: Journey) -> None:
    """State 6: a financial obligation has been notified and is not yet met."""
    journey.work(add_working_minutes(journey.now, 2 * DAY), journey.rng.randrange(3, 6))
    when = journey.working_instant(10, _room(journey, DAY))
    journey.take(when, Status.PAYMENT_REQUESTED, Role.EXPERT, "Thông báo thực hiện nghĩa vụ tài chính")


def pay(journey: Journey) -> None:
    """State 4 again: the payer has paid."""
    journey.take(
        journey.working_instant(30, 3 * DAY),
        Status.PROCESSING,
        Role.CLERK,
        "Đã ghi nhận nộp phí, lệ phí",
    )
    journey.paid_at = journey.now


def reappoint(journey: Journey, *, valid: bool) -> None:
    """A later promise with its paper, a day or more before expiry; not ``valid``: on the due day itself (R15)."""
    if journey.due is None:
        return
    day = journey.due.date() - timedelta(days=0 if not valid else 1)
    while not is_working_day(day):
        day -= timedelta(days=1)
    issued = journey.sharpen(at(day, 7 * HOUR + journey.rng.randrange(5, 50)))
    if issued <= journey.now or issued >= journey.due:
        return
    journey.work(issued, journey.rng.randrange(3, 6))
    new_due = add_working_days(journey.due, journey.rng.randrange(3, 9))
    journey.take(issued, Status.PROCESSING, Role.LEADER, "Ban hành thư xin lỗi và hẹn lại ngày trả kết quả")
    journey.reappointments.append(
        Reappointment(
            old_due_at=journey.due,
            new_due_at=new_due,
            issued_at=issued,
            reason="Cần thêm thời gian lấy ý kiến đơn vị phối hợp",
            document_number=f"{journey.number}/TXL-MC",
            signer=journey.officers[Role.LEADER],
        )
    )
    journey.due = new_due


def finish(journey: Journey, timing: Timing, *, refused: bool = False) -> None:
    """State 9 against the promise as ``timing`` wants it, where working time leaves room for that."""
    when = _finish_at(journey, timing)
    journey.work(when, journey.rng.randrange(3, 9))
    note = "Ký văn bản từ chối giải quyết, kết thúc xử lý" if refused else "Ký kết quả, kết thúc xử lý"
    journey.take(when, Status.FINISHED, Role.LEADER, note)
    journey.finished_at = when


def hand_over(journey: Journey) -> None:
    """State 10: the applicant has the result."""
    least, most = (DAY, 4 * DAY) if journey.channel is Channel.POST else (2, 2 * DAY)
    when = journey.working_instant(least, most)
    journey.take(when, Status.RETURNED, Role.CLERK, "Trả kết quả cho người nộp")
    journey.returned_at = when


def withdraw(journey: Journey) -> None:
    """State 7: the citizen takes the dossier back; the national record ends with it (national_portal §11.6)."""
    journey.work(add_working_minutes(journey.now, _room(journey, 3 * DAY)), journey.rng.randrange(1, 5))
    journey.take(journey.working_instant(20, DAY), Status.WITHDRAWN, Role.CLERK, "Công dân có đơn rút hồ sơ")
    journey.finished_at = journey.now


def stop(journey: Journey, *, for_good: bool) -> None:
    """State 8. ``for_good``: a formal notice ends the work; else it may be taken up again (domain_rules §4.1)."""
    journey.work(add_working_minutes(journey.now, _room(journey, 4 * DAY)), journey.rng.randrange(3, 6))
    when = journey.working_instant(20, DAY)
    journey.take(when, Status.STOPPED, Role.LEADER, f"Thông báo dừng giải quyết số {journey.number}/TB-DGQ")
    journey.finished_at = journey.now if for_good else None


def resume(journey: Journey) -> None:
    """State 4 after 8: the obstacle is gone."""
    when = journey.working_instant(DAY, 4 * DAY)
    journey.take(when, Status.PROCESSING, Role.HEAD, "Tiếp tục giải quyết hồ sơ sau khi dừng")


def _room(journey: Journey, wanted: int) -> int:
    """``wanted`` working minutes, or fewer when the promise comes first; never less than an hour."""
    if journey.due is None:
        return max(min(wanted, 2 * HOUR), HOUR)
    return max(min(wanted, working_minutes_between(journey.now, journey.due) // 3), HOUR)


def _finish_at(journey: Journey, timing: Timing) -> datetime:
    due, now = journey.due, journey.now
    if due is None:  # immediate, or a procedure without a promise
        return journey.working_instant(4, 90 if not journey.promised else 25)
    eve = due.date() - timedelta(days=1)
    while not is_working_day(eve):
        eve -= timedelta(days=1)
    room = working_minutes_between(now, at(eve, 17 * HOUR))
    if timing is Timing.EARLY and room > 2 * HOUR:
        return journey.sharpen(add_working_minutes(now, journey.rng.randrange(room // 3, room - 5)))
    to_due = working_minutes_between(now, due)
    if timing in {Timing.EARLY, Timing.SAME_DAY} and to_due > 2 * HOUR:
        morning = max(working_minutes_between(now, at(due.date(), 7 * HOUR)), 30)
        return journey.sharpen(add_working_minutes(now, journey.rng.randrange(morning, to_due - 1)))
    to_closing = working_minutes_between(now, at(due.date(), 17 * HOUR))
    if timing is not Timing.LATE and to_closing - max(to_due, 0) > 20:
        return journey.sharpen(add_working_minutes(now, journey.rng.randrange(to_due + 3, to_closing - 1)))
    late = max(now, add_working_days(due, journey.rng.randrange(1, 9)))
    return journey.sharpen(add_working_minutes(late, journey.rng.randrange(20, 240)))
