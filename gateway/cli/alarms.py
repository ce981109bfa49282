"""``lienthong alarms``: what somebody has to look after now.

Invariant: the same figures and the same judgement as on the console and in the API; it reads, and takes no lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from gateway.cli.options import AsJson, Way, examples, spread

if TYPE_CHECKING:
    from gateway.domain.alarm import Alarm

EXAMPLES = examples(
    "lienthong alarms",
    "lienthong alarms --json",
    "lienthong alarms --url http://127.0.0.1:8787 --key-file ops.key",
)


@spread
def alarms(*, way: Way, as_json: AsJson = False) -> None:
    """List active alarms, critical ones first. Exit code 1: there is one."""
    from gateway.api.alarms import AlarmList
    from gateway.cli.calling import Asked, answer
    from gateway.cli.exits import NO
    from gateway.cli.screen import console, print_json, table

    found = answer(way, Asked("list_alarms"), AlarmList)
    if as_json:
        print_json(found)
    elif not found.items:
        console().print("there is no alarm")
    else:
        headings = ("alarm", "severity", "where", "since", "now", "what it means", "page")
        console().print(table(headings, map(_row, found.items)))
    if found.items:
        raise typer.Exit(NO)


def _row(alarm: Alarm) -> tuple[object, ...]:
    meaning = f"{alarm.meaning} ({alarm.detail})" if alarm.detail else alarm.meaning
    return (
        alarm.name,
        alarm.severity,
        alarm.subject or "everywhere",
        alarm.since,
        _value(alarm),
        meaning,
        alarm.page,
    )


def _value(alarm: Alarm) -> str:
    from gateway.cli.screen import age

    match alarm.unit:
        case "seconds":
            return age(alarm.value)
        case "share":
            return f"{alarm.value:.1%}"
        case "days":
            return f"{alarm.value:.0f} days"
        case _:
            return f"{alarm.value:,.0f}"
