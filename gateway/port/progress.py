"""Partners that do not call: how an adapter asks what became of a dossier, and what it makes of the answer.

Optional parts of an adapter. ``Follows``: one dossier is asked about, on an adaptive schedule. ``Feeds``: the partner
lists what has changed since a cursor. Everything is pure, and no ``interpret_…`` raises, whatever the bytes.

Invariants, kept by the hub: a report has one effect, however often it is read, and never moves a dossier backwards;
what an answer says is durable before the next question leaves, so that an acknowledgement may be one of the questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from gateway.domain.status import Status
from gateway.port.adapter import Adapter, CannotRead, Context
from gateway.port.wire import WireRequest, WireResponse

REPORTED_PREFIX = "reported:"
"""The ids of steps and results that the hub has made from reports begin with it, then the destination's name. Such a
version is planned like any other: what an adapter has reported itself, its own ``plan`` must not send back."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When a dossier is asked about, in seconds.

    First ``first`` after the partner has it, then after pauses that grow by ``factor`` up to ``longest``; a report
    begins anew with ``first``. ``alarm_before``: so long before the promise (the partner's own, else the dossier's
    due time) officials are told that there is no result yet; negative: after it. ``near``: between the alarm and the
    promise, and for as long after it, no pause is longer than this.
    """

    first: float = 900.0
    factor: float = 2.0
    longest: float = 6 * 3600.0
    alarm_before: float = 86_400.0
    near: float = 3600.0

    def __post_init__(self) -> None:
        if self.first <= 0 or self.factor < 1 or self.longest < self.first or self.near <= 0:
            raise ValueError(
                f"a schedule needs 0 < first <= longest, factor >= 1 and near > 0; got first={self.first:g}, "
                f"longest={self.longest:g}, factor={self.factor:g}, near={self.near:g}"
            )


class ReportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came with a report. The hub keeps the bytes by their SHA-256.

    ``purpose``: a ``result`` becomes one of the dossier's results, ``code`` its number; an ``attachment`` is only kept
    and named in the event. ``component_code``: of the result, where the procedure has one.
    """

    name: str
    media_type: str
    content: bytes
    purpose: Literal["result", "attachment"] = "result"
    code: str = ""
    component_code: str = ""


class ReportedSupplement(msgspec.Struct, frozen=True, kw_only=True):
    """The partner asks the applicant for more. ``until``: when the answer must be there, if it says so."""

    reason: str
    requested_at: datetime
    requested_by: str
    until: datetime | None = None


class ProgressReport(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that has happened to a dossier at the partner. Instants are aware UTC.

    ``key``: the same for the same thing for ever, among the reports on this dossier; no personal data. ``kind`` names
    the event for the one-door system, lower-case words joined by dots; ``data`` is its JSON document, without the bytes
    of files.

    ``status``: the state it leads to; None leaves it. ``at``: when it happened by the partner's clock, by which its
    reports are put in order, whichever way they come; None: when it was first read. ``title``, ``note``, ``actor``,
    ``unit``: what the dossier's step says; a report with a status makes one. ``promised_at``: the partner's promise, for
    the schedule and the event; the dossier's own due time is the province's and stays.
    """

    key: str
    kind: str
    status: Status | None = None
    at: datetime | None = None
    title: str = ""
    note: str = ""
    actor: str = ""
    unit: str = ""
    promised_at: datetime | None = None
    supplement: ReportedSupplement | None = None
    files: tuple[ReportedFile, ...] = ()
    data: bytes = b"{}"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says, oldest report first; an answer without news has none.

    ``done``: nothing more will come until something is delivered again. ``again``: ask once more at once, after this is
    durable (what is asked then follows from ``learned``). ``learned``: as in outcomes, "" forgets.
    """

    reports: tuple[ProgressReport, ...] = ()
    done: bool = False
    again: bool = False
    learned: Mapping[str, str] = {}


ProgressReading: TypeAlias = Progress | CannotRead


@runtime_checkable
class Follows(Protocol):
    """The part of an adapter whose partner must be asked."""

    @property
    def progress_schedule(self) -> Schedule | None:
        """When to ask; None: as configured, nobody is asked."""

    def encode_progress(self, dossier: str, context: Context) -> WireRequest:
        """The question about ``dossier`` (the province's number; the partner's is ``memory["partner_code"]``), or an
        acknowledgement that ``memory`` calls for. Raises CannotEncode and nothing else."""

    def interpret_progress(self, dossier: str, response: WireResponse, context: Context) -> ProgressReading:
        """The answer to ``encode_progress``; ``context`` is the one given to it."""


class FeedChange(msgspec.Struct, frozen=True, kw_only=True):
    """A dossier in a feed. ``dossier``: the number that the partner knows it by; one that is not ours is passed over.

    ``reports``: what the feed itself says; ``ask``: the rest must be asked for, which is done at once where the adapter
    also ``Follows``.
    """

    dossier: str
    reports: tuple[ProgressReport, ...] = ()
    ask: bool = True


class FeedPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a feed. ``cursor``: where the next one begins; ``more``: there is one already."""

    changes: tuple[FeedChange, ...]
    cursor: str
    more: bool = False


FeedReading: TypeAlias = FeedPage | CannotRead


@runtime_checkable
class Feeds(Protocol):
    """The part of an adapter whose partner lists what has changed."""

    @property
    def feed_interval(self) -> float | None:
        """Seconds between two looks; None: as configured, the feed is not read."""

    def encode_feed(self, cursor: str, context: Context) -> WireRequest:
        """The question for what follows ``cursor``; "" is the beginning. Raises CannotEncode and nothing else."""

    def interpret_feed(self, cursor: str, response: WireResponse, context: Context) -> FeedReading:
        """The answer to ``encode_feed``."""

    def encode_acknowledgement(self, page: FeedPage, context: Context) -> WireRequest | None:
        """Tells the partner that ``page`` is durable here; None when its contract knows no such thing."""

    def interpret_acknowledgement(
        self, page: FeedPage, response: WireResponse, context: Context
    ) -> CannotRead | None:
        """The answer to ``encode_acknowledgement``; None when it is understood. What is not acknowledged is listed
        again by the partner, and has no second effect."""


def follower(adapter: Adapter) -> Follows | None:
    """``adapter`` as one whose partner is asked about dossiers; None when it is not."""
    return adapter if isinstance(adapter, Follows) and adapter.progress_schedule is not None else None


def feeder(adapter: Adapter) -> Feeds | None:
    """``adapter`` as one whose partner's feed is read; None when it is not."""
    return adapter if isinstance(adapter, Feeds) and adapter.feed_interval is not None else None
