"""Answers that take long to compute, kept for whoever accepts one of a moment ago.

Invariant: nobody is given an answer older than what was accepted, unless it was being computed when it was asked for; one
question is computed once at a time, however many ask it.
"""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

MOST = 32
MaxAge = Annotated[
    int,
    Meta(
        ge=0,
        le=3600,
        description="Accept an answer that was computed at most so many seconds ago; 0 computes it anew. The answer says "
        "what instant it is of.",
        examples=[60],
    ),
]


class _Kept(msgspec.Struct):
    at: float
    answer: Any


class Recent:
    """The last answers by question, at most ``MOST``. ``monotonic``: seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._asked: dict[Hashable, asyncio.Task[Any]] = {}

    async def get(
        self, question: Hashable, max_age: float, compute: Callable[[], Coroutine[Any, Any, Any]]
    ) -> Any:
        """The answer to ``question``, at most ``max_age`` seconds old; computed where there is none. Raises its faults."""
        if not max_age:
            return await compute()
        kept = self._kept.get(question)
        if kept is not None and self._monotonic() - kept.at <= max_age:
            self._kept.move_to_end(question)
            return kept.answer
        asked = self._asked.get(question)
        if asked is None:
            asked = self._asked[question] = asyncio.create_task(self._computed(question, compute))
            asked.add_done_callback(functools.partial(self._done, question))
        return await asyncio.shield(asked)  # whoever leaves takes the answer from nobody else

    async def _computed(self, question: Hashable, compute: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        at = self._monotonic()
        answer = await compute()
        self._kept[question] = _Kept(at=at, answer=answer)
        self._kept.move_to_end(question)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return answer

    def _done(self, question: Hashable, task: asyncio.Task[Any]) -> None:
        del self._asked[question]
        if not task.cancelled():
            task.exception()  # whoever waited was told
