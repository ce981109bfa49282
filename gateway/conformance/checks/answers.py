"""Hostile answers at every HTTP status: read as a value, never raised, never taken for an acceptance.

Invariant: only the partner's own success answer, at the status it really came with, may be Accepted (or be a
credential, a reading, a report). The kit knows that answer because the adapter's simulator gave it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import groupby
from operator import itemgetter

import msgspec

from gateway.conformance.finding import Flaw
from gateway.conformance.hostile import EVERYWHERE, Answer, Meaning, garbage, huge, twisted, wrecked
from gateway.conformance.readers import FEW_STATUSES, Kind, Reader, readers
from gateway.conformance.subject import Subject
from gateway.conformance.trial import Returned, Tally, attempt
from gateway.port import WireResponse
from gateway.port.wire import Headers

_BAD_HEADERS: tuple[Headers, ...] = (
    (),
    (("content-type", ""),),
    (("content-type", "text/html; charset=no-such-charset"),),
    (("content-type", "application/json; charset=utf-16"), ("retry-after", "soon")),
    (("retry-after", "-5"), ("retry-after", "1e999")),
    (("Retry-After", "Wed, 99 Foo 2026 99:99:99 GMT"),),
    (("retry-after", "9" * 400), ("content-type", "\xff")),
)


def hostile_answers(subject: Subject) -> Iterator[Flaw]:
    """Never raises, always well-formed values, never success for anything but the success answer."""
    tally = Tally()
    for reader in readers(subject):
        for answer, response in _responses(reader):
            match attempt(partial(reader.read, response)):
                case Returned(result):
                    _judge(tally, reader, (answer, response), result)
                case other:
                    tally.add(reader.where, str(other), f"{answer.name}, HTTP {response.status}")
    yield from tally.flaws()


def unreadable_is_in_doubt(subject: Subject) -> Iterator[Flaw]:
    """After a call that reached the partner, an answer that nobody can read says nothing: ask, do not guess."""
    tally = Tally()
    for reader in readers(subject):
        for answer in (*garbage(), *wrecked(reader.success.body)):
            if answer.meaning is not Meaning.UNREADABLE or answer.body == reader.success.body:
                continue
            response = msgspec.structs.replace(reader.success, body=answer.body)
            result = attempt(partial(reader.read, response))
            if isinstance(result, Returned) and reader.guesses(result.value):
                told = f"an unreadable answer at HTTP {response.status} is {reader.told(result.value)}"
                tally.add(reader.where, f"{told}: a guess", answer.name)
    yield from tally.flaws()


def verdict_decides(subject: Subject) -> Iterator[Flaw]:
    """Some value of the success answer decides: with that value wrong or gone, it is no success."""
    for reader in readers(subject):
        if reader.kind not in {Kind.SEND, Kind.QUERY} or not reader.succeeded(reader.read(reader.success)):
            continue
        best = ""
        for _, answers in groupby(twisted(reader.success.body), key=itemgetter(0)):
            best = next((answer.name for _, answer in answers if _taken(reader, answer)), "")
            if not best:
                break
        if best:
            yield Flaw(where=reader.where, what=f"no value of the answer decides: success when {best}")


def _taken(reader: Reader, answer: Answer) -> bool:
    response = msgspec.structs.replace(reader.success, body=answer.body)
    result = attempt(partial(reader.read, response))
    return isinstance(result, Returned) and reader.succeeded(result.value)


def _responses(reader: Reader) -> Iterator[tuple[Answer, WireResponse]]:
    """Every hostile answer at the success answer's own status, most at the telling ones, a few at all of them."""
    real = reader.success
    genuine = Answer(name="the success answer", body=real.body, meaning=Meaning.GENUINE)
    damaged = [each for each in (*garbage(), *wrecked(real.body)) if each.body != real.body]
    few = [genuine, *(each for each in damaged if each.name in EVERYWHERE)]
    at_home = [*damaged, *(answer for _, answer in twisted(real.body)), *huge()]
    for status in reader.statuses():
        home = status == real.status
        telling = home or status in FEW_STATUSES
        for answer in (genuine, *at_home) if home else (genuine, *damaged) if telling else few:
            yield answer, WireResponse(status=status, headers=real.headers, body=answer.body)
        for headers in _BAD_HEADERS if telling else ():
            for body in (b"", b"{}", b"<html>"):
                name = f"{body.decode()!r} with headers {headers}"[:120]
                answer = Answer(name=name, body=body, meaning=Meaning.FOREIGN)
                yield answer, WireResponse(status=status, headers=headers, body=body)


def _judge(tally: Tally, reader: Reader, tried: tuple[Answer, WireResponse], result: object) -> None:
    answer, response = tried
    example = f"{answer.name}, HTTP {response.status}"
    for flaw in reader.misshapen(result):
        tally.add(reader.where, flaw, example)
    if not reader.succeeded(result) or answer.body.strip() == reader.success.body.strip() == b"":
        return
    told = reader.told(result)
    if response.status != reader.success.status:
        tally.add(reader.where, f"{told} at a status that is no success", example)
    elif answer.meaning is Meaning.UNREADABLE:
        tally.add(reader.where, f"{told} from an unreadable answer", example)
    elif answer.meaning is Meaning.FOREIGN and reader.kind is not Kind.READ:
        tally.add(reader.where, f"{told} from an answer of another shape", example)
