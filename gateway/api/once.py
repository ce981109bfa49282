"""Requests that carry an Idempotency-Key: repeated, they get the first answer again, and are not carried out twice.

For operations that are safe to repeat anyway, since the answer is kept behind the operation and not with it.
Invariant: a key with another request behind it is a conflict.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Awaitable, Callable

import msgspec

from gateway.api.dossiers import IdempotencyText
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.storage.idempotency import KeptAnswer, keep_answer, kept_answer
from gateway.storage.instants import to_micros

_encoder = msgspec.json.Encoder(order="deterministic")


class OnceHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """What a request can be sent with that must not be carried out twice."""

    idempotency_key: IdempotencyText | None = msgspec.field(name="Idempotency-Key", default=None)


async def once(api: Api, call: Call, work: Callable[[], Awaitable[Answer]]) -> Answer:
    """What ``work`` answers, or answered when the same request came before under the same key."""
    key = call.headers_as(OnceHeaders).idempotency_key
    if key is None:
        return await work()
    asked = (
        f"{call.method} {call.address}\n{call.operator or ''}"  # another person's request is another request
    )
    digest = hashlib.sha256(asked.encode() + _encoder.encode(call.body)).digest()
    database = api.gateway.database
    kept = await database.read(functools.partial(kept_answer, client=call.client, key=key, digest=digest))
    if kept is not None:
        return Answer(content=kept.body, status=kept.status, headers=(("idempotency-replayed", "true"),))
    answer = await work()
    body = msgspec.json.encode(answer.value)
    first = KeptAnswer(
        client=call.client, key=key, digest=digest, status=answer.status, body=body, at=to_micros(api.now)
    )
    await database.write(lambda transaction: keep_answer(transaction, first))
    return answer
