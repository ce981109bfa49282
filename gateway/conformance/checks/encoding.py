"""Same arguments, same bytes: in another process, with another hash seed, time zone, locale and folder, and again.

Invariant: every request an adapter can make from the samples is compared, credentials and questions included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import sha256

import msgspec

from gateway.conformance.asking import questions
from gateway.conformance.checks.wellformed import malformed
from gateway.conformance.finding import Flaw
from gateway.conformance.probe import Surroundings, run
from gateway.conformance.rehearsal import Rehearsal, batches, deliveries
from gateway.conformance.subject import Subject
from gateway.conformance.trial import Raised, Refused, Returned, Tally, attempt
from gateway.domain.errors import FILE
from gateway.port import Adapter, Context, WireRequest

_DIGEST = re.compile(r"[0-9a-f]{64}")
Encoding = tuple[str, Callable[[], WireRequest]]

_ELSEWHERE = (
    Surroundings(hash_seed=1, time_zone="UTC", locale="C"),
    Surroundings(hash_seed=2, time_zone="Asia/Tokyo", locale="C.UTF-8"),
)


def deterministic_encoding(subject: Subject) -> Iterator[Flaw]:
    """Encode everything here twice and in two other processes, and compare."""
    here = digests(subject)
    runs = [here, digests(subject), *run("encodings", subject.source, _ELSEWHERE)]
    names = ("here", "here again", *(f"with {place}" for place in _ELSEWHERE))
    tally = Tally()
    for name, digest in here.items():
        differs = [place for place, run_ in zip(names, runs, strict=True) if run_.get(name) != digest]
        if differs:
            where, _, example = name.partition(" | ")
            tally.add(where, "the same arguments give other bytes", f"{example}; {', '.join(differs)}")
    yield from tally.flaws()


def well_formed_requests(subject: Subject) -> Iterator[Flaw]:
    """Every request can be sent; what ``check`` has nothing against can be encoded, or says what it misses."""
    tally = Tally()
    rehearsal = Rehearsal(subject).start()
    nothing_lent = msgspec.structs.replace(fixed_context(subject, rehearsal.adapter), files={})
    bare = dict(encodings(subject, unchecked=False, lent=nothing_lent))
    for name, call in encodings(subject, unchecked=False, lent=rehearsal.context({})):
        where, _, example = name.partition(" | ")
        match attempt(call):
            case Returned(request):
                for flaw in malformed(request):
                    tally.add(where, flaw, example)
                for flaw in _silent(attempt(bare[name]), rehearsal.adapter) if name in bare else ():
                    tally.add(where, flaw, example)
            case Refused(error=error):
                tally.add(where, f"check() finds nothing wrong with it, but {error}", example)
            case Raised() as raised:
                tally.add(where, str(raised), example)
    yield from tally.flaws()


def _silent(without: Returned[WireRequest] | Refused | Raised, adapter: Adapter) -> Iterator[str]:
    """What is wrong where a request can be made only with catalogues or files that the hub may not have yet."""
    if not isinstance(without, Refused):
        return
    declared = {read.name: set(read.parameters) for read in adapter.manifest.reads if read.catalogue}
    if not without.error.missing:
        yield "cannot be encoded before its catalogues and files are fetched, and does not say which it misses"
    for catalogue, parameters in without.error.missing:
        if catalogue == FILE:
            yield from _unfetchable(parameters)
            continue
        if declared.get(catalogue) != set(parameters):
            yield f"misses catalogue {catalogue!r} with {sorted(parameters)}, which no read of the manifest gives"


def _unfetchable(parameters: Mapping[str, str]) -> Iterator[str]:
    """What keeps the hub from fetching a file that an adapter asks for."""
    if not _DIGEST.fullmatch(parameters.get("sha256", "")):
        yield "misses a file without its SHA-256 in lower-case hexadecimal"
    if not parameters.get("url"):
        yield "misses a file without its address"
    for name in {"size", "most"} & set(parameters):
        if not parameters[name].isdecimal():
            yield f"misses a file whose {name} is no number"


def digests(subject: Subject) -> dict[str, str]:
    """SHA-256 of every request, by the name of the call."""
    found = {}
    for name, call in encodings(subject):
        match attempt(call):
            case Returned(request):
                found[name] = sha256(msgspec.json.encode(request)).hexdigest()
            case other:
                found[name] = str(other)
    return found


def encodings(subject: Subject, *, unchecked: bool = True, lent: Context | None = None) -> Iterator[Encoding]:
    """Every call that makes a request, with a name: ``where | example``.

    ``unchecked``: also from samples that the adapter's own ``check`` objects to. ``lent``: instead of the fixed
    context.
    """
    adapter = subject.build()
    context = lent or fixed_context(subject, adapter)
    for layer in adapter.credentials:
        yield f"credential {layer.name} | login", partial(layer.request, context.credentials)
    for read in adapter.manifest.reads:
        parameters = {name: subject.specification.parameters.get(name, "H99") for name in read.parameters}
        yield f"read {read.name} | {parameters}", partial(adapter.encode_read, read.name, parameters, context)
    for dossier in filter(adapter.wants, subject.samples):
        if not unchecked and adapter.check(dossier, context.catalogues):
            continue
        memory = {"partner_code": next(iter(adapter.partner_codes(dossier)), dossier.code)}
        lane = msgspec.structs.replace(context, memory=memory)
        yield from questions(adapter, dossier, lane)
        for batch in batches(adapter, deliveries(adapter, dossier)):
            operation = adapter.manifest.operation(batch[0].operation)
            example = f"{dossier.code} {batch[0].key}"
            yield f"{operation.name} | {example}", partial(adapter.encode, batch, lane)
            if operation.queryable:
                yield f"{operation.name} (query) | {example}", partial(adapter.encode_query, batch, lane)


def fixed_context(subject: Subject, adapter: Adapter) -> Context:
    """A context that depends on nothing but the adapter's declarations; its credentials are canaries."""
    credentials = {layer.name: f"CANARY-credential-{layer.name}-7d1f" for layer in adapter.credentials}
    return Context(now=subject.now, credentials=credentials, files=subject.files)
