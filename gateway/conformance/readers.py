"""Everything of an adapter that reads what a partner sent, each with a real success answer to start from.

Invariant: the success answer comes from the adapter's own simulator (or, for calls that come in, from a recorded
case); the kit invents no partner.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from types import NoneType

import msgspec

from gateway.conformance.asking import Asked, acknowledge, ask, turn_page, unsound
from gateway.conformance.hostile import STATUSES
from gateway.conformance.recorded import callbacks
from gateway.conformance.rehearsal import Exchange, Lane, Rehearsal, batches
from gateway.conformance.subject import Subject
from gateway.domain.delivery import Delivery
from gateway.domain.outcome import Accepted, Deferred, InDoubt, Rejected
from gateway.port import (
    Adapter,
    CallbackRequest,
    CannotRead,
    Context,
    CredentialLayer,
    Denied,
    FeedPage,
    Grant,
    LandTaxReport,
    NoRecord,
    PartnerRecord,
    PaymentLookup,
    PaymentReport,
    Progress,
    Read,
    Refusal,
    Report,
    ShowsRecords,
    WireResponse,
    feeder,
    follower,
    record_reader,
)

FEW_STATUSES = (100, 204, 206, 301, 400, 401, 404, 429, 500, 503, 599)
READ_STATUSES = (204, 302, 401, 404, 500, 503)
LONGEST_TEXT = 4000
_TEXTS = ("code", "reason", "receipt", "key", "kind", "dossier_code")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
LONGEST_WAIT = 30 * 86400.0


class Kind(StrEnum):
    """Which method of the adapter (or of a credential layer) reads."""

    SEND = "interpret"
    QUERY = "interpret_query"
    READ = "interpret_read"
    RECORD = "interpret_record"
    PROGRESS = "interpret_progress"
    FEED = "interpret_feed"
    ACKNOWLEDGEMENT = "interpret_acknowledgement"
    CREDENTIAL = "credential"
    CALLBACK = "read_callback"


_RESULTS: dict[Kind, tuple[type, ...]] = {
    Kind.READ: (Read, CannotRead),
    Kind.RECORD: (PartnerRecord, NoRecord, CannotRead),
    Kind.PROGRESS: (Progress, CannotRead),
    Kind.FEED: (FeedPage, CannotRead),
    Kind.ACKNOWLEDGEMENT: (NoneType, CannotRead),
    Kind.CREDENTIAL: (Grant, Denied),
    Kind.CALLBACK: (Report, PaymentReport, PaymentLookup, LandTaxReport, Refusal),
}
_SUCCESS: dict[Kind, tuple[type, ...]] = {
    Kind.READ: (Read,),
    Kind.RECORD: (PartnerRecord, NoRecord),  # "surely nothing" is a claim as well
    Kind.PROGRESS: (Progress,),
    Kind.FEED: (FeedPage,),
    Kind.ACKNOWLEDGEMENT: (NoneType,),  # understood
    Kind.CREDENTIAL: (Grant,),
    Kind.CALLBACK: (Report, PaymentReport, PaymentLookup, LandTaxReport),
}


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which an adapter reads. ``deliveries``: how many outcomes it must give."""

    kind: Kind
    where: str
    read: Callable[[WireResponse], object]
    success: WireResponse
    deliveries: int = 0
    repeatable: bool = False
    layers: frozenset[str] = frozenset()

    def statuses(self) -> list[int]:
        """The HTTP statuses that it is tried with."""
        match self.kind:
            case Kind.SEND | Kind.QUERY:
                return sorted({*STATUSES, self.success.status})
            case Kind.CALLBACK:
                return [self.success.status]
            case _:
                return sorted({*READ_STATUSES, self.success.status})

    def succeeded(self, result: object) -> bool:
        """Whether ``result`` claims that all is well (for outcomes: any of them)."""
        if self.kind in _SUCCESS:
            return isinstance(result, _SUCCESS[self.kind])
        return any(isinstance(outcome, Accepted) for outcome in _outcomes(result))

    def guesses(self, result: object) -> bool:
        """Whether ``result`` claims to know what the partner did, although the answer was unreadable."""
        match self.kind:
            case Kind.SEND if self.repeatable:
                return not all(isinstance(each, InDoubt | Deferred) for each in _outcomes(result))
            case Kind.SEND | Kind.QUERY:
                return not all(isinstance(each, InDoubt) for each in _outcomes(result))
            case _:
                return False

    def told(self, result: object) -> str:
        """``result`` in a word."""
        return ", ".join(type(each).__name__ for each in _outcomes(result)) or type(result).__name__

    def misshapen(self, result: object) -> Iterator[str]:
        """What is wrong with ``result`` as a value, whatever the answer was."""
        if self.kind in _RESULTS:
            if not isinstance(result, _RESULTS[self.kind]):
                yield f"gives a {type(result).__name__}"
                return
            yield from _unusable_text(result)
            yield from unsound(result)
            if isinstance(result, CannotRead) and not self.layers.issuperset(result.renew):
                yield f"renews unknown layers {result.renew}"
            return
        outcomes = _outcomes(result)
        if len(outcomes) != self.deliveries or not isinstance(result, Sequence):
            yield f"gives {len(outcomes)} outcomes for {self.deliveries} deliveries"
        for outcome in {id(outcome): outcome for outcome in outcomes}.values():
            yield from _misshapen_outcome(outcome, self)


def readers(subject: Subject) -> list[Reader]:
    """Every reader of the adapter, with the answers of a rehearsal."""
    return readers_of(Rehearsal(subject))


def readers_of(rehearsal: Rehearsal) -> list[Reader]:
    """The same in a rehearsal that has not begun."""
    found = list(_credential_readers(rehearsal))
    rehearsal.start()
    found += _delivery_readers(rehearsal)
    rehearsal.conclude()
    found += _read_readers(rehearsal)
    found += _record_readers(rehearsal)
    found += _progress_readers(rehearsal)
    found += _feed_readers(rehearsal)
    found += _callback_readers(rehearsal)
    return found


def _credential_readers(rehearsal: Rehearsal) -> Iterator[Reader]:
    obtained: dict[str, str] = {}
    for layer in rehearsal.adapter.credentials:
        success = rehearsal.call(layer.request(obtained))
        grant = layer.read(success)
        obtained[layer.name] = grant.value if isinstance(grant, Grant) else ""
        yield _credential_reader(layer, success)


def _credential_reader(layer: CredentialLayer, success: WireResponse) -> Reader:
    return Reader(kind=Kind.CREDENTIAL, where=f"credential {layer.name}", read=layer.read, success=success)


def _delivery_readers(rehearsal: Rehearsal) -> Iterator[Reader]:
    """Per operation the smallest and the largest batch of the samples: sent, asked about before and after."""
    talks: dict[tuple[str, int], list[Reader]] = {}
    for dossier in rehearsal.sendable():
        lane = rehearsal.lane(dossier)
        for batch in batches(rehearsal.adapter, lane.enqueue(dossier)):
            talk = list(_talk(rehearsal, lane, batch))
            talks.setdefault((batch[0].operation, len(batch)), talk)
    for name in sorted({operation for operation, _ in talks}):
        sizes = sorted(size for operation, size in talks if operation == name)
        for size in sorted({sizes[0], sizes[-1]}):
            yield from talks[name, size]


def _talk(rehearsal: Rehearsal, lane: Lane, batch: tuple[Delivery, ...]) -> Iterator[Reader]:
    queryable = rehearsal.adapter.manifest.operation(batch[0].operation).queryable
    if queryable:
        yield _outcome_reader(rehearsal, Kind.QUERY, lane.ask(batch))
    exchanges = lane.send(batch)
    accepted = [exchange for exchange in exchanges if exchange.accepted]
    yield _outcome_reader(rehearsal, Kind.SEND, (accepted or exchanges)[-1])
    if queryable:
        yield _outcome_reader(rehearsal, Kind.QUERY, lane.ask(batch))


def _outcome_reader(rehearsal: Rehearsal, kind: Kind, exchange: Exchange) -> Reader:
    adapter = rehearsal.adapter
    interpret = adapter.interpret if kind is Kind.SEND else adapter.interpret_query
    claim = "absent" if kind is Kind.QUERY and not exchange.accepted else "accepted"
    return Reader(
        kind=kind,
        where=exchange.operation if kind is Kind.SEND else f"{exchange.operation} (query, {claim})",
        read=lambda response: interpret(exchange.deliveries, response, exchange.context),
        success=exchange.response,
        deliveries=len(exchange.deliveries),
        repeatable=adapter.manifest.operation(exchange.operation).repeatable,
        layers=frozenset(layer.name for layer in adapter.credentials),
    )


def _read_readers(rehearsal: Rehearsal) -> Iterator[Reader]:
    adapter, known = rehearsal.adapter, rehearsal.subject.specification.parameters
    for read in adapter.manifest.reads:
        parameters = {name: known.get(name, "H99") for name in read.parameters}
        request = adapter.encode_read(read.name, parameters, rehearsal.context({}))
        yield Reader(
            kind=Kind.READ,
            where=f"read {read.name}",
            read=partial(adapter.interpret_read, read.name, parameters),
            success=rehearsal.call(request),
            layers=frozenset(layer.name for layer in adapter.credentials),
        )


def _record_readers(rehearsal: Rehearsal) -> Iterator[Reader]:
    """The partner's record of what was told, and of what it has never heard of."""
    adapter, reader = rehearsal.adapter, record_reader(rehearsal.adapter)
    told = rehearsal.sendable()[:1] if reader is not None else []
    for code in (*(dossier.code for dossier in told), "H99.99-260928-9999"):
        if reader is None:
            return
        codes = next((adapter.partner_codes(each) for each in told if each.code == code), (code,))
        context = rehearsal.context({"partner_code": codes[0]} if codes else {})
        yield Reader(
            kind=Kind.RECORD,
            where="record" if told and code == told[0].code else "record (none)",
            read=partial(_record, reader, code, context),
            success=rehearsal.call(reader.encode_record(code, context)),
            layers=frozenset(layer.name for layer in adapter.credentials),
        )


def _record(reader: ShowsRecords, code: str, context: Context, response: WireResponse) -> object:
    return reader.interpret_record(code, response, context)


def _progress_readers(rehearsal: Rehearsal) -> Iterator[Reader]:
    """What became of the first dossier that the partner says something about."""
    follows = follower(rehearsal.adapter)
    for dossier in rehearsal.sendable():
        if follows is None:
            return
        asked = ask(rehearsal, follows, dossier.code, rehearsal.context(rehearsal.lane(dossier).memory))
        if isinstance(asked.read(asked.response), Progress):
            yield _asked(rehearsal, Kind.PROGRESS, "progress", asked)
            return


def _feed_readers(rehearsal: Rehearsal) -> Iterator[Reader]:
    """The first page of a feed, and its acknowledgement."""
    feeds, context = feeder(rehearsal.adapter), rehearsal.context({})
    if feeds is None:
        return
    asked = turn_page(rehearsal, feeds, "", context)
    yield _asked(rehearsal, Kind.FEED, "feed", asked)
    page = asked.read(asked.response)
    done = acknowledge(rehearsal, feeds, page, context) if isinstance(page, FeedPage) else None
    if done is not None:
        yield _asked(rehearsal, Kind.ACKNOWLEDGEMENT, "feed (acknowledgement)", done)


def _asked(rehearsal: Rehearsal, kind: Kind, where: str, asked: Asked) -> Reader:
    layers = frozenset(layer.name for layer in rehearsal.adapter.credentials)
    return Reader(kind=kind, where=where, read=asked.read, success=asked.response, layers=layers)


def _callback_readers(rehearsal: Rehearsal) -> Iterator[Reader]:
    """The calls of the recorded cases; one that nobody can know when there is none."""
    context = rehearsal.context({})
    nowhere = CallbackRequest(method="POST", path="no/such/path")
    recorded = {(call.method, call.path): call for call in callbacks(rehearsal.subject.source)}
    for call in (nowhere, *recorded.values()):
        yield Reader(
            kind=Kind.CALLBACK,
            where=f"callback {call.path}",
            read=partial(_come_in, rehearsal.adapter, call, context),
            success=WireResponse(status=200, headers=call.headers, body=call.body),
        )


def _come_in(adapter: Adapter, call: CallbackRequest, context: Context, response: WireResponse) -> object:
    hostile = msgspec.structs.replace(call, headers=response.headers, body=response.body)
    return adapter.read_callback(hostile, context)


def _outcomes(result: object) -> list[object]:
    return list(result) if isinstance(result, Sequence) else [result]


def _misshapen_outcome(outcome: object, reader: Reader) -> Iterator[str]:
    match outcome:
        case Accepted():
            renew: tuple[str, ...] = ()
        case Rejected():
            renew = ()
        case Deferred(retry_after=wait, renew=renew):
            if wait is not None and not (math.isfinite(wait) and 0 <= wait <= LONGEST_WAIT):
                yield f"asks to wait {wait} s"
        case InDoubt(renew=renew):
            yield from ()
        case _:
            yield f"gives a {type(outcome).__name__} instead of an outcome"
            return
    if not reader.layers.issuperset(renew):
        yield f"renews unknown layers {renew}"
    yield from _unusable_text(outcome)


def _unusable_text(value: object) -> Iterator[str]:
    """Texts of a result that cannot be stored or shown: empty codes, NUL, half surrogates, whole documents."""
    if getattr(value, "code", "x") == "":
        yield "gives an empty code"
    texts = {name: getattr(value, name) for name in _TEXTS if hasattr(value, name)}
    texts |= {f"learned[{key!r}]": text for key, text in getattr(value, "learned", {}).items()}
    for name, text in texts.items():
        if not isinstance(text, str):
            yield f"{name} is a {type(text).__name__}"
        elif len(text) > LONGEST_TEXT:
            yield f"{name} has more than {LONGEST_TEXT} characters"
        elif _UNSTORABLE.search(text):
            yield f"{name} holds NUL or half a surrogate pair, which no database stores"
