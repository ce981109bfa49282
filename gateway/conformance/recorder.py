"""Recording a case: what the adapter sends for a sample, what came back, what it made of that.

``python -m gateway.conformance.recorder ADAPTER NAME --note WHY`` writes ``tests/recorded/ADAPTER/NAME.json``; by
default the simulator answers, ``--answer FILE`` or ``--body TEXT`` is what a partner really sent. Invariant: a case is written
from what the adapter does now, so read it before you commit it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway.conformance.checks.encoding import fixed_context
from gateway.conformance.discovery import sources
from gateway.conformance.recorded import (
    Case,
    CaseKind,
    RecordedContext,
    RecordedDelivery,
    RecordedRequest,
    RecordedResponse,
    as_recorded,
    plain,
    shown,
    write,
)
from gateway.conformance.rehearsal import Rehearsal, batches
from gateway.conformance.subject import Subject, load
from gateway.domain.delivery import Delivery
from gateway.domain.errors import NotFoundError
from gateway.port import CallbackRequest, Context, WireRequest, WireResponse
from gateway.port.wire import Headers


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which case to record. ``sample``: the code of a dossier; empty takes the first that calls for it."""

    note: str
    kind: CaseKind = CaseKind.DELIVERY
    operation: str = ""
    sample: str = ""
    size: int = 1
    answer: WireResponse | None = None


def record(subject: Subject, wanted: Wanted) -> Case:
    """The case; NotFoundError when no sample calls for the operation."""
    match wanted.kind:
        case CaseKind.DELIVERY | CaseKind.QUERY:
            return _delivery(subject, wanted)
        case CaseKind.READ:
            return _read(subject, wanted)
        case CaseKind.CREDENTIAL:
            return _credential(subject, wanted)
        case CaseKind.PROGRESS | CaseKind.FEED:
            raise NotFoundError(
                f"{wanted.operation!r}: a question about progress or a feed hangs on what a lane remembers; write its "
                "case from one that is there"
            )
        case CaseKind.CALLBACK:
            raise NotFoundError("a callback has no request of ours: record it with `record_callback`")


def record_callback(subject: Subject, call: CallbackRequest, note: str) -> Case:
    """The case of an inbound call."""
    adapter = subject.build()
    context = fixed_context(subject, adapter)
    request = RecordedRequest(
        method=call.method,
        url=f"{call.path}?{call.query}" if call.query else call.path,
        headers=list(call.headers),
        body=shown(call.body),
    )
    return Case(
        kind=CaseKind.CALLBACK,
        note=note,
        variant=subject.source.variant,
        context=_lent(context),
        request=request,
        outcome=plain(adapter.read_callback(call, context)),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.conformance.recorder", description="Record a case."
    )
    parser.add_argument("adapter", help="name of the folder under adapters/, or NAME[VARIANT]")
    parser.add_argument("name", help="name of the case")
    parser.add_argument("--note", required=True, help="why this case exists")
    parser.add_argument("--kind", type=CaseKind, default=CaseKind.DELIVERY, choices=list(CaseKind))
    parser.add_argument("--operation", default="", help="operation, read or credential layer")
    parser.add_argument("--sample", default="", help="code of the sample dossier")
    parser.add_argument("--size", type=int, default=1, help="how many deliveries go together")
    parser.add_argument(
        "--answer", type=Path, help="file with the body of the answer; else the simulator answers"
    )
    parser.add_argument("--body", help="the body of the answer itself, instead of --answer")
    parser.add_argument("--status", type=int, default=200, help="HTTP status of the answer")
    parser.add_argument(
        "--header", action="append", default=[], help="'name: value' of --answer or of a callback"
    )
    parser.add_argument("--path", default="", help="callback: its path; it is a POST")
    parser.add_argument(
        "--tree", action="append", default=[], help="another folder with adapters/ and mappings/"
    )
    given = parser.parse_args(arguments)
    subject = _subject(given.adapter, tuple(given.tree))
    body = given.answer.read_bytes() if given.answer else (given.body or "").encode()
    headers = tuple(_header(line) for line in given.header)
    if given.kind is CaseKind.CALLBACK:
        call = CallbackRequest(method="POST", path=given.path, headers=headers, body=body)
        case = record_callback(subject, call, given.note)
    else:
        real = given.answer is not None or given.body is not None
        answer = WireResponse(status=given.status, headers=headers, body=body) if real else None
        wanted = Wanted(
            note=given.note,
            kind=given.kind,
            operation=given.operation,
            sample=given.sample,
            size=given.size,
            answer=answer,
        )
        case = record(subject, wanted)
    sys.stdout.write(f"{write(Path(subject.source.recorded), given.name, case)}\n")


def _subject(named: str, trees: tuple[str, ...]) -> Subject:
    like, _, variant = named.removesuffix("]").partition("[")
    for source in sources(trees):
        if (source.like, source.variant) == (like, variant):
            return load(source)
    raise NotFoundError(f"there is no adapter {named}")


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _delivery(subject: Subject, wanted: Wanted) -> Case:
    rehearsal = Rehearsal(subject).start()
    adapter = rehearsal.adapter
    for dossier in rehearsal.sendable():
        if wanted.sample not in {"", dossier.code}:
            continue
        lane = rehearsal.lane(dossier)
        for batch in batches(adapter, lane.enqueue(dossier)):
            context = msgspec.structs.replace(fixed_context(subject, adapter), memory=dict(lane.memory))
            exchanges = lane.send(batch)
            if batch[0].operation != wanted.operation or len(batch) < wanted.size:
                continue
            cut = batch[: wanted.size]
            if wanted.kind is CaseKind.QUERY:
                answer = wanted.answer or lane.ask(cut).response
                asked = adapter.encode_query(cut, context)
                outcome = adapter.interpret_query(cut, answer, context)
            else:
                answer = wanted.answer or exchanges[-1].response
                asked = adapter.encode(cut, context)
                outcome = adapter.interpret(cut, answer, context)
            told = [_told(delivery) for delivery in cut]
            case = _case(subject, wanted, (context, asked, answer), plain(outcome))
            return msgspec.structs.replace(case, deliveries=told)
    raise NotFoundError(
        f"no sample {wanted.sample} calls for {wanted.size} of operation {wanted.operation!r}"
    )


def _read(subject: Subject, wanted: Wanted) -> Case:
    rehearsal = Rehearsal(subject).start()
    adapter = rehearsal.adapter
    declared = {read.name: read for read in adapter.manifest.reads}
    if wanted.operation not in declared:
        raise NotFoundError(f"the manifest has no read {wanted.operation!r}; it has {', '.join(declared)}")
    for dossier in rehearsal.sendable():  # so that a look-up finds something
        list(rehearsal.lane(dossier).deliver(dossier))
    rehearsal.conclude()
    known = subject.specification.parameters
    parameters = {name: known.get(name, "H99") for name in declared[wanted.operation].parameters}
    live = adapter.encode_read(wanted.operation, parameters, rehearsal.context({}))
    answer = wanted.answer or rehearsal.call(live)
    context = fixed_context(subject, adapter)
    asked = adapter.encode_read(wanted.operation, parameters, context)
    outcome = adapter.interpret_read(wanted.operation, parameters, answer)
    case = _case(subject, wanted, (context, asked, answer), plain(outcome))
    return msgspec.structs.replace(case, parameters=parameters)


def _credential(subject: Subject, wanted: Wanted) -> Case:
    rehearsal = Rehearsal(subject).start()
    layers = {layer.name: layer for layer in rehearsal.adapter.credentials}
    if wanted.operation not in layers:
        raise NotFoundError(
            f"there is no credential layer {wanted.operation!r}; there is {', '.join(layers)}"
        )
    layer = layers[wanted.operation]
    context = fixed_context(subject, rehearsal.adapter)
    answer = wanted.answer or rehearsal.call(layer.request(rehearsal.credentials))
    asked = layer.request(context.credentials)
    return _case(subject, wanted, (context, asked, answer), plain(layer.read(answer)))


def _case(
    subject: Subject, wanted: Wanted, said: tuple[Context, WireRequest, WireResponse], outcome: object
) -> Case:
    context, asked, answer = said
    return Case(
        kind=wanted.kind,
        note=wanted.note,
        operation=wanted.operation,
        variant=subject.source.variant,
        context=_lent(context),
        request=as_recorded(asked),
        response=RecordedResponse(
            status=answer.status, headers=_listed(answer.headers), body=shown(answer.body)
        ),
        outcome=outcome,
    )


def _lent(context: Context) -> RecordedContext:
    return RecordedContext(
        now=context.now,
        credentials=dict(context.credentials),
        memory=dict(context.memory),
        files=[shown(content) for _, content in sorted(context.files.items())],
    )


def _told(delivery: Delivery) -> RecordedDelivery:
    return RecordedDelivery(dossier=delivery.dossier, key=delivery.key, payload=delivery.payload.decode())


def _listed(headers: Headers) -> list[tuple[str, str]]:
    return list(headers)


if __name__ == "__main__":
    main()
