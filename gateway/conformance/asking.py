"""Partners that must be asked, in a rehearsal: the questions, and what is wrong with what an adapter makes of an answer.

Invariant: a report is unsound here exactly when the hub could not store it, or would give it a second effect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from hashlib import sha256

import msgspec

from gateway.conformance.rehearsal import Rehearsal
from gateway.domain.dossier import Dossier
from gateway.port import (
    Adapter,
    Context,
    FeedPage,
    Feeds,
    Follows,
    Progress,
    ProgressReport,
    WireRequest,
    WireResponse,
    feeder,
    follower,
)

UNKNOWN = "H99.99-260928-9999"
"""A dossier that no partner has heard of."""
PAGES = 50
ROUNDS = 8
LONGEST_TEXT = 4000
_KIND = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question, the partner's answer, and how the adapter reads it."""

    request: WireRequest
    response: WireResponse
    read: Callable[[WireResponse], object]


def ask(rehearsal: Rehearsal, follows: Follows, dossier: str, context: Context) -> Asked:
    """Ask what became of ``dossier``."""
    request = follows.encode_progress(dossier, context)
    read = partial(_progress, follows, dossier, context)
    return Asked(request=request, response=rehearsal.call(request), read=read)


def turn_page(rehearsal: Rehearsal, feeds: Feeds, cursor: str, context: Context) -> Asked:
    """Read the feed from ``cursor``."""
    request = feeds.encode_feed(cursor, context)
    read = partial(_page, feeds, cursor, context)
    return Asked(request=request, response=rehearsal.call(request), read=read)


def acknowledge(rehearsal: Rehearsal, feeds: Feeds, page: FeedPage, context: Context) -> Asked | None:
    """Tell the partner that ``page`` is durable; None where its contract knows no such thing."""
    request = feeds.encode_acknowledgement(page, context)
    if request is None:
        return None
    read = partial(_acknowledgement, feeds, page, context)
    return Asked(request=request, response=rehearsal.call(request), read=read)


def questions(
    adapter: Adapter, dossier: Dossier, lane: Context
) -> Iterator[tuple[str, Callable[[], WireRequest]]]:
    """Every call that makes a question about ``dossier``, or about everything, with a name: ``where | example``."""
    follows, feeds = follower(adapter), feeder(adapter)
    if follows is not None:
        yield f"progress | {dossier.code}", partial(follows.encode_progress, dossier.code, lane)
    if feeds is not None:
        yield f"feed | before {dossier.code}", partial(feeds.encode_feed, "", lane)


def remembered(memory: Mapping[str, str], told: Progress) -> dict[str, str]:
    """A lane's memory after an answer; an empty value forgets."""
    return {name: value for name, value in {**memory, **told.learned}.items() if value != ""}


def content(report: ProgressReport) -> str:
    """What ``report`` says, whatever its key."""
    files = [sha256(each.content).hexdigest() for each in report.files]
    return sha256(
        msgspec.json.encode([report.kind, report.status, report.data.hex(), files, report.title, report.note])
    ).hexdigest()


def reports_of(told: object) -> list[ProgressReport]:
    """Every report in an answer or a page."""
    match told:
        case Progress(reports=reports):
            return list(reports)
        case FeedPage(changes=changes):
            return [report for change in changes for report in change.reports]
        case _:
            return []


def unsound(told: object) -> Iterator[str]:
    """What the hub could not store of an answer or a page."""
    if isinstance(told, Progress | FeedPage) and (wrong := _mistyped(told)):
        yield wrong
        return
    if isinstance(told, FeedPage):
        yield from _texts("cursor", told.cursor)
        for change in told.changes:
            yield from _texts("dossier", change.dossier)
            if not change.dossier:
                yield "lists a change without a dossier"
    for report in reports_of(told):
        yield from _unsound(report)


def _mistyped(told: Progress | FeedPage) -> str:
    """What of ``told`` is not what the port declares; half a surrogate pair is told of the text that holds it."""
    try:
        msgspec.json.decode(msgspec.json.encode(told), type=type(told))
    except UnicodeEncodeError:
        return ""
    except (TypeError, ValueError, msgspec.DecodeError) as fault:
        return f"gives what the port does not declare: {fault}"
    return ""


def _unsound(report: ProgressReport) -> Iterator[str]:
    if not _KIND.fullmatch(report.kind):
        yield "reports a kind that is not lower-case words joined by dots"
    if not report.key:
        yield "gives a report without a key"
    asked = report.supplement
    for name, at in (
        ("at", report.at),
        ("promised_at", report.promised_at),
        ("requested_at", asked and asked.requested_at),
        ("until", asked and asked.until),
    ):
        if isinstance(at, datetime) and at.tzinfo is None:
            yield f"gives {name} without a time zone"
    try:
        document = msgspec.json.decode(report.data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = None
    if not isinstance(document, dict):
        yield "gives data that is no JSON object"
    texts = {name: getattr(report, name) for name in ("key", "kind", "title", "note", "actor", "unit")}
    texts |= {} if asked is None else {"reason": asked.reason, "requested_by": asked.requested_by}
    for file in report.files:
        texts |= {f"file {name}": getattr(file, name) for name in ("name", "media_type", "code")}
    for name, text in texts.items():
        yield from _texts(name, text)


def _texts(name: str, text: str) -> Iterator[str]:
    if len(text) > LONGEST_TEXT:
        yield f"{name} of a report has more than {LONGEST_TEXT} characters"
    elif _UNSTORABLE.search(text):
        yield f"{name} of a report holds NUL or half a surrogate pair, which no database stores"


def _progress(follows: Follows, dossier: str, context: Context, response: WireResponse) -> object:
    return follows.interpret_progress(dossier, response, context)


def _page(feeds: Feeds, cursor: str, context: Context, response: WireResponse) -> object:
    return feeds.interpret_feed(cursor, response, context)


def _acknowledgement(feeds: Feeds, page: FeedPage, context: Context, response: WireResponse) -> object:
    return feeds.interpret_acknowledgement(page, response, context)
