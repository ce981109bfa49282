"""``lienthong deadline explain`` and ``at-risk``: what an official is told about deadlines, in Vietnamese.

Invariant: it reads, and takes no lock; a running gateway does not notice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.options import AsJson, Limit, Way, examples, spread

if TYPE_CHECKING:
    from rich.console import Console

    from gateway.settings import Settings
    from gateway.statussync.at_risk import AtRisk
    from gateway.statussync.explain_views import Check, Explanation, Outlook, Room

EXPLAIN_EXAMPLES = examples(
    "lienthong deadline explain H99.14-260928-0007",
    "lienthong deadline explain H99.14-260928-0007 --json",
)
AT_RISK_EXAMPLES = examples(
    "lienthong deadline at-risk",
    "lienthong deadline at-risk --upcoming --destination national_portal --json",
)
_UNITS = {
    "working_days": "ngày làm việc",
    "working_hours": "giờ làm việc",
    "calendar_days": "ngày",
    "calendar_months": "tháng",
    "same_day": "trong ngày",
}


@spread
def explain(
    dossier: Annotated[str, typer.Argument(metavar="CODE", help="A dossier's number.")],
    *,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Say why a dossier is in time or late, and what each destination shows of it."""
    from gateway.cli.screen import console, print_json

    found = _explanation(way, dossier)
    if as_json:
        print_json(found)
        return
    _print(console(), found)


@spread
def at_risk(
    *,
    destination: Annotated[
        str | None, typer.Option(help="Only this destination.", show_default=False)
    ] = None,
    upcoming: Annotated[
        bool, typer.Option("--upcoming", help="Those whose promise is not near yet, too.")
    ] = False,
    limit: Limit = 100,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """List dossiers that are in time and may be shown late, nearest promise first. Exit 1 when there is one."""
    from gateway.cli.exits import NO
    from gateway.cli.screen import console, print_json, table

    if destination is not None:
        way.require_destination(destination)
    found = _list(way, destination, upcoming=upcoming, limit=limit)
    if as_json:
        print_json(found)
    else:
        headings = ("hồ sơ", "hẹn trả", "kết thúc", "trạng thái", "bên nhận", "vì sao")
        console().print(table(headings, map(_row, found)))
    if any(item.acute for item in found):
        raise typer.Exit(NO)


def _explanation(way: Way, code: str) -> Explanation:
    from gateway.cli.opening import ask, run
    from gateway.statussync.explain import Asked, explain

    if way.url is not None:
        from gateway.cli.remote import get_from
        from gateway.statussync.explain_views import Explanation

        return run(get_from(way, f"/v1/dossiers/{quote(code, safe='')}/deadline", Explanation))
    from gateway.statussync.rules import load_rules

    settings = way.settings
    asked = Asked(code=code, now=_now(), destinations=_enabled(settings))
    return ask(way.config, partial(explain, asked=asked, rules=load_rules(settings.deadlines)))


def _list(way: Way, destination: str | None, *, upcoming: bool, limit: int) -> list[AtRisk]:
    from gateway.cli.opening import ask, run
    from gateway.statussync.at_risk import Question, at_risk

    if way.url is not None:
        return run(_pages(way, {"destination": destination, "upcoming": "true" if upcoming else None}, limit))
    from gateway.statussync.rules import load_rules

    settings = way.settings
    question = Question(
        now=_now(),
        destinations=_enabled(settings) if destination is None else {destination},
        limit=limit,
        upcoming=upcoming,
    )
    found = ask(way.config, partial(at_risk, question=question, rules=load_rules(settings.deadlines)))
    return [entry for _, entry in found]


async def _pages(way: Way, asked: dict[str, Any], limit: int) -> list[AtRisk]:
    from gateway.api.deadlines import AtRiskPage
    from gateway.cli.remote import api_of

    async with api_of(way) as remote:
        return await remote.gather("/v1/dossiers/at-risk", asked, AtRiskPage, most=limit)


def _enabled(settings: Settings) -> frozenset[str]:
    return frozenset(name for name, section in settings.destination.items() if section.enabled)


def _now() -> int:
    from gateway.storage.instants import to_micros

    return to_micros(datetime.now(UTC))


def _row(item: AtRisk) -> tuple[Any, ...]:
    where = ", ".join(risk.destination for risk in item.risks)
    return item.dossier, item.due_at, item.ended_at, item.status, where, " ".join(item.sentences)


def _print(out: Console, found: Explanation) -> None:
    from gateway.cli.screen import local, table

    out.print(f"Hồ sơ {found.code}, tính đến {local(found.as_of)} (giờ Việt Nam)", markup=False)
    for line in _lines(found):
        out.print(line, markup=False, soft_wrap=True)
    for title, headings, rows in _tables(found):
        if rows:
            out.print(table(headings, rows, title=title))
    out.print(
        f"Quy tắc {found.rule_version}, lịch làm việc {found.calendar_version}", markup=False, soft_wrap=True
    )


def _lines(found: Explanation) -> Iterator[str]:
    """The answer first, then what it rests on."""
    from gateway.cli.screen import local

    if found.classes is None:
        yield "Chưa có phiên bản nào được tính."
    else:
        yield found.classes.sentence
        late = found.lateness
        if late is not None and late.working_minutes:
            yield (
                f"Trễ {late.calendar_days} ngày theo lịch, {late.working_days} ngày làm việc, "
                f"{late.working_minutes} phút làm việc."
            )
    if found.dues is not None:
        for name, at in (
            ("Hẹn trả lần đầu", found.dues.original),
            ("Hẹn trả có hiệu lực", found.dues.holds),
            ("Hẹn trả do hệ thống một cửa khai", found.dues.declared),
        ):
            yield f"{name}: {'không có' if at is None else local(at)}"
    if found.indicator is not None:
        yield f"Theo cách tính của Cổng: {found.indicator.sentence}"
    if found.reception is not None:
        yield f"{found.reception.sentence} Hạn tiếp nhận: {local(found.reception.limit_at)}"
    yield _check_line(found.check)
    for flag in found.flags:
        yield f"• {flag.sentence} [{flag.name}]"


def _check_line(check: Check) -> str:
    from gateway.cli.screen import local

    if check.due_at is None:
        return f"Hạn tính lại: {check.note}"
    basis = "từ ngày hẹn đầu tiên" if check.unit is None else f"{check.duration:g} {_UNITS[check.unit]}"
    return f"Hạn tính lại ({basis}): {local(check.due_at)}, ngày cuối theo luật {check.legal_last_day}"


def _tables(found: Explanation) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    yield (
        "Bên nhận",
        ("nơi nhận", "đã xác nhận", "lúc", "ngày hẹn họ biết", "họ hiển thị"),
        [_outlook(each) for each in found.destinations],
    )
    yield (
        "Thay đổi ngày hẹn",
        ("lý do", "từ", "thành", "áp dụng", "văn bản", "người ký", "ghi chú"),
        [
            (
                *(each.sentence, each.old_due_at, each.new_due_at, "có" if each.applied else "không"),
                *(each.document_number, each.signer, " ".join(flag.sentence for flag in each.flags)),
            )
            for each in found.changes
        ],
    )
    yield (
        "Thời gian chờ người nộp",
        ("từ", "đến", "trạng thái", "cách tính"),
        [(each.since, each.until, each.status, each.effect) for each in found.pauses],
    )
    yield (
        "Diễn biến",
        ("từ", "đến", "trạng thái", "hẹn trả", "kết quả", "đơn vị"),
        [
            (each.since, each.until, each.status, each.due_at, each.by_date, each.unit)
            for each in found.periods
        ],
    )
    yield (
        "Hạn của từng bước",
        ("đơn vị", "cán bộ", "từ", "đến", "hạn", "theo ngày", "theo giờ phút"),
        [_room(each) for each in found.rooms],
    )
    yield from _past(found)


def _past(found: Explanation) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """What was noticed, told and heard until now."""
    yield (
        "Bất thường",
        ("điều bất thường", "giá trị đầu", "giá trị sau", "phiên bản", "ghi nhận lúc"),
        [
            (each.sentence, each.first_value, each.later_value, each.version, each.recorded_at)
            for each in found.anomalies
        ],
    )
    yield (
        "Đã cảnh báo",
        ("cảnh báo", "cho hạn", "lúc"),
        [(each.sentence, each.due_at, each.told_at) for each in found.crossed],
    )
    yield (
        "Các phiên bản đã nhận",
        ("phiên bản", "nhận lúc", "trạng thái", "tiếp nhận", "hẹn trả", "kết thúc", "nhật ký"),
        [
            (
                *(each.version, each.heard_at, each.status, each.received_at, each.due_at),
                *(each.finished_at, each.message),
            )
            for each in found.claims
        ],
    )


def _room(each: Room) -> tuple[Any, ...]:
    return each.unit, each.officer, each.since, each.until, each.due_at, each.by_date, each.by_instant


def _outlook(each: Outlook) -> tuple[Any, ...]:
    known = each.acknowledged_status or "chưa xác nhận"
    version = "" if each.acknowledged_version is None else f" (phiên bản {each.acknowledged_version})"
    return each.destination, f"{known}{version}", each.acknowledged_at, each.shows_due_at, each.sentence
