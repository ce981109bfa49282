"""One dossier's story on one line of time: what the history has, and what the rules of time and the differences add to it.

Invariant: a page of the history carries whatever else happened from the last moment of the page before to its own last
one, so pages joined together tell everything once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from gateway.api.timeline import TimelineEntry, TimelinePage
from gateway.statussync.drift_phrases import ExplainedDrift
from gateway.statussync.explain_views import Change, Crossed, Explanation, Oddity, Pause

_BAD_STATES = frozenset({"rejected", "parked", "in_doubt"})
_LATE = frozenset({"overdue", "reception_late"})


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. ``what``: how it is told; ``level``: good, warn, bad or nothing; ``about``: all of it."""

    at: datetime
    what: str
    level: str
    about: TimelineEntry | Change | Pause | Crossed | Oddity | ExplainedDrift


def story(
    page: TimelinePage,
    explanation: Explanation | None,
    drift: Sequence[ExplainedDrift],
    *,
    since: datetime | None,
) -> list[Moment]:
    """The moments of one page, oldest first. ``since``: the last moment of the page before; None: there is none."""
    told = [Moment(at=each.at, what=_kind(each), level=_level(each), about=each) for each in page.items]
    end = None if page.next is None or not told else told[-1].at
    beside = [*_ruled(explanation), *_differing(drift)]
    told += [
        each for each in beside if (since is None or each.at >= since) and (end is None or each.at < end)
    ]
    return sorted(told, key=lambda each: each.at)


def _kind(entry: TimelineEntry) -> str:
    return str(entry.__struct_config__.tag)


def _level(entry: TimelineEntry) -> str:
    match _kind(entry):
        case "delivery":
            state = str(getattr(entry, "delivery").state)  # noqa: B009 - the tag says that it has one
            return "bad" if state in _BAD_STATES else "good" if state == "delivered" else ""
        case "attempt":
            outcome = getattr(entry, "attempt").outcome  # noqa: B009 - the tag says that it has one
            return {"accepted": "good", "rejected": "bad", "in_doubt": "bad", "deferred": "warn"}.get(
                outcome, ""
            )
        case "settlement":
            return "good"
        case "action":
            return "warn"
        case _:
            return ""


def _ruled(explanation: Explanation | None) -> Iterator[Moment]:
    if explanation is None:
        return
    for change in explanation.changes:
        level = "" if change.cause == "first" else "warn" if change.applied else "bad"
        yield Moment(at=change.recorded_at, what="change", level=level, about=change)
    for pause in explanation.pauses:
        yield Moment(at=pause.since, what="pause", level="warn", about=pause)
        if pause.until is not None:
            yield Moment(at=pause.until, what="resume", level="", about=pause)
    for crossed in explanation.crossed:
        level = "bad" if crossed.threshold in _LATE else "warn"
        yield Moment(at=crossed.told_at, what="crossed", level=level, about=crossed)
    for oddity in explanation.anomalies:
        yield Moment(at=oddity.recorded_at, what="oddity", level="warn", about=oddity)


def _differing(drift: Iterable[ExplainedDrift]) -> Iterator[Moment]:
    for each in drift:
        yield Moment(at=each.found_at, what="drift", level="bad", about=each)
