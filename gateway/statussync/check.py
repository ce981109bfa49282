"""The due time computed again, to check a promise and never to replace it (domain_rules, rule 2).

From the procedure's own duration, or, where nobody has set one, from the first promise; every wait that is over has
its effect by the procedure's policy (R12, R13).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.deadlines.calendar import Calendar, CalendarGap
from gateway.deadlines.duration import Due, due
from gateway.deadlines.instants import day_of, maybe_from_micros
from gateway.deadlines.policy import Policy, WaitPolicy
from gateway.deadlines.waits import Promise, Wait, due_after
from gateway.statussync import explain_views as views
from gateway.storage.standings import StandingRow


def check_of(
    row: StandingRow | None, policy: Policy | None, pauses: Sequence[views.Pause], calendar: Calendar
) -> views.Check:
    """What the rules give for the dossier of the open period ``row``, or why they give nothing."""
    received = None if row is None else maybe_from_micros(row.received_at)
    first = None if row is None else maybe_from_micros(row.due_original_at)
    if policy is None or received is None:
        return views.Check(basis="none", note="Hồ sơ chưa được tiếp nhận nên chưa tính được hạn.")
    if policy.duration is None and first is None:
        return views.Check(
            basis="none", note="Thủ tục chưa khai báo thời hạn và hồ sơ không có ngày hẹn trả."
        )
    about = views.Check(
        basis="first_promise" if policy.duration is None else "duration",
        duration=None if policy.duration is None else policy.duration.value,
        unit=None if policy.duration is None else policy.duration.unit,
        source=policy.source,
    )
    try:
        found = _expected(received, first, policy, pauses, calendar)
    except CalendarGap as gap:
        return msgspec.structs.replace(about, note=f"Lịch làm việc chưa đủ ngày để tính ({gap}).")
    return msgspec.structs.replace(about, due_at=found.due_at, legal_last_day=found.legal_last_day)


def _expected(
    received: datetime,
    first: datetime | None,
    policy: Policy,
    pauses: Sequence[views.Pause],
    calendar: Calendar,
) -> Due:
    if policy.duration is not None:
        found = due(received, policy.duration, calendar)
    elif first is not None:
        found = Due(due_at=first, legal_last_day=day_of(first))
    else:
        raise ValueError("neither a duration nor a first promise")
    start = received
    for pause in pauses:
        if pause.until is None or pause.effect is None or pause.since < received:
            continue  # R11: before the reception the resolution clock has not started
        promise = Promise(received_at=start, due_at=found.due_at, duration=policy.duration)
        found = due_after(promise, Wait(since=pause.since, until=pause.until), pause.effect, calendar)
        start = pause.until if pause.effect is WaitPolicy.RESET else start
    return found
