"""A cron schedule in words, for people who do not read cron.

Invariant: what cannot be said plainly is shown as it is written, never approximately.
"""

from __future__ import annotations

import re

from gateway.console.page import Language
from gateway.console.words import say

_EVERY = re.compile(r"\*/([0-9]{1,2})")
_NUMBERS = re.compile(r"[0-9]{1,2}(?:,[0-9]{1,2})*")
_RANGE = re.compile(r"([0-9]{1,2})-([0-9]{1,2})")
_FIELDS = 5


def explain(cron: str | None, language: Language) -> str:
    """When a schedule starts, in words; None: only on demand."""
    if cron is None:
        return say(language, "jobs.cron_never")
    fields = cron.split()
    if len(fields) != _FIELDS:
        return cron
    minute, hour, day, month, weekday = fields
    clock = _clock(minute, hour, language)
    days = _days(day, month, weekday, language)
    if clock is None or days is None:
        return say(language, "jobs.cron_raw", cron=cron)
    return clock if not days else say(language, "jobs.cron_on", clock=clock, days=days)


def _clock(minute: str, hour: str, language: Language) -> str | None:
    """The times of a day; None when they cannot be said plainly."""
    once = _NUMBERS.fullmatch(minute)
    if once and _NUMBERS.fullmatch(hour):
        times = [f"{int(h):02d}:{int(m):02d}" for h in hour.split(",") for m in minute.split(",")]
        return say(language, "jobs.cron_at", times=", ".join(times))
    if once and (step := _EVERY.fullmatch(hour)):
        return say(language, "jobs.cron_every_hours", number=step[1], minute=minute)
    hours = _hours(hour, language)
    if hours is None:
        return None
    if minute == "*":
        return say(language, "jobs.cron_every_minute") + hours
    if step := _EVERY.fullmatch(minute):
        return say(language, "jobs.cron_every_minutes", number=step[1]) + hours
    return say(language, "jobs.cron_minute", minute=minute) + hours if once else None


def _hours(hour: str, language: Language) -> str | None:
    """In which hours; empty: in all of them."""
    if hour == "*":
        return ""
    if span := _RANGE.fullmatch(hour):
        return " " + say(language, "jobs.cron_hours", first=span[1], last=span[2])
    if _NUMBERS.fullmatch(hour):
        return " " + say(language, "jobs.cron_in_hours", hours=hour.replace(",", ", "))
    return None


def _days(day: str, month: str, weekday: str, language: Language) -> str | None:
    """On which days; empty: every day. None when it cannot be said plainly."""
    parts: list[str] = []
    if weekday != "*":
        if day != "*":  # cron takes either of the two then, which surprises everybody
            return None
        named = _weekdays(weekday, language)
        if named is None:
            return None
        parts.append(named)
    if day != "*":
        if not (_NUMBERS.fullmatch(day) or _RANGE.fullmatch(day)):
            return None
        parts.append(say(language, "jobs.cron_days", days=day.replace(",", ", ")))
    if month != "*":
        if not (_NUMBERS.fullmatch(month) or _RANGE.fullmatch(month)):
            return None
        parts.append(say(language, "jobs.cron_months", months=month.replace(",", ", ")))
    return ", ".join(parts)


def _weekdays(text: str, language: Language) -> str | None:
    if span := _RANGE.fullmatch(text):
        first, last = (_weekday(each, language) for each in span.groups())
        return say(language, "jobs.cron_weekday_range", first=first, last=last)
    if _NUMBERS.fullmatch(text):
        return ", ".join(_weekday(each, language) for each in text.split(","))
    return None


def _weekday(number: str, language: Language) -> str:
    return say(language, f"jobs.weekday_{int(number) % 7}")
