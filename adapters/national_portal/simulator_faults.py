"""Application-level faults of the portal: it answers, but in a way that a client must survive (national_portal §13.3).

Invariant: a fault that does not fit a call returns None and has changed nothing; one that fits leaves a state that the
real portal could be in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from adapters.national_portal import simulator_answers as words
from adapters.national_portal.simulator_access import bearer_of
from adapters.national_portal.simulator_answers import Answer, refusal, write
from adapters.national_portal.simulator_model import WRITES, Call, Door, State
from adapters.national_portal.simulator_rules import dossier_problems
from adapters.national_portal.simulator_writes import Batch, read_batch, take
from gateway.port.simulator import SimulatedResponse
from gateway.port.wire import header

Serve: TypeAlias = Callable[[Call, Callable[[Answer], Answer] | None], SimulatedResponse]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What a fault works on. ``serve`` answers normally; ``refuse`` tells whether the caller is let in."""

    call: Call
    state: State
    serve: Serve
    refuse: Callable[[Call], Answer | None]

    def answer(self, answer: Answer) -> SimulatedResponse:
        return write(answer, self.call.door.dialect)


Twist: TypeAlias = Callable[[Stage], SimulatedResponse | None]


def _session_expired(stage: Stage) -> SimulatedResponse | None:
    call, state = stage.call, stage.state
    if call.door in {Door.FACADE, Door.QUERY_FACADE, Door.STORE, Door.TWIN} and state.config.bearer != "none":
        state.tokens.drop(bearer_of(header(call.request.headers, "authorization") or ""))
        return stage.serve(call, None)
    if call.door is not Door.MAPI or not isinstance(call.document, dict):
        return None
    session = call.document.get("session")
    if not isinstance(session, str):
        return None
    state.sessions.drop(session)
    return stage.answer(refusal(call.service, words.SESSION_REFUSED, state.config.session_error_code))


def _session_expired_midway(stage: Stage) -> SimulatedResponse | None:
    # The session dies while a batch is being worked on: atomic undoes it, best effort keeps the first half.
    batch = _batch(stage, at_least=2)
    if batch is None or stage.call.door is not Door.MAPI:
        return None
    if stage.state.config.batch_mode == "best_effort":
        take(msgspec.structs.replace(batch, entries=batch.entries[: len(batch.entries) // 2]), stage.state)
    return _session_expired(stage)


def _ok_but_exists(stage: Stage) -> SimulatedResponse | None:
    # The code was taken by another way: it exists, but nothing is known of it until an update brings it.
    batch = _batch(stage, at_least=1)
    if batch is None or batch.service != "DongBoHoSoMC" or batch.entries[0].updating:
        return None
    terms = stage.state.terms(stage.call)
    if any(dossier_problems(entry.item, terms) for entry in batch.entries):
        return None
    for entry in batch.entries:
        stage.state.ledger.reserve(entry)
    message = words.EXISTS.format(code=batch.entries[0].dossier)
    return stage.answer(refusal(batch.service, message, "0"))


def _progress_rejected(stage: Stage) -> SimulatedResponse | None:
    batch = _batch(stage, at_least=1)
    if batch is None or batch.service != "CapNhatTienDoHoSoMC":
        return None
    for entry in batch.entries:
        stage.state.ledger.refuse(entry, "-1", words.PROGRESS_FAILED)
    return stage.answer(refusal(batch.service, words.PROGRESS_FAILED))


def _partial_failure(stage: Stage) -> SimulatedResponse | None:
    # Best effort, whatever the mode says: all but the last item are in, and the one code for all is an error.
    batch = _batch(stage, at_least=2)
    if batch is None or any(batch.problem(entry) is not None for entry in batch.entries):
        return None
    *first, last = batch.entries
    for entry in first:
        batch.store(entry)
    message = words.PARTIAL.format(done=len(first), total=len(batch.entries), code=last.dossier)
    stage.state.ledger.refuse(last, "-1", message)
    return stage.answer(refusal(batch.service, message))


def _batch(stage: Stage, at_least: int) -> Batch | None:
    """The write that is asked for, when its caller is let in and it has enough items."""
    call = stage.call
    if not call.door.speaks or call.service not in WRITES or call.request.method.upper() != "POST":
        return None
    if stage.refuse(call) is not None:
        return None
    written = call.written()
    if not isinstance(written, list) or len(written) < at_least:
        return None
    if not all(isinstance(item, dict) for item in written):
        return None
    batch = read_batch(call, stage.state)
    return batch if isinstance(batch, Batch) else None


def _rewritten(change: Callable[[Answer], Answer], *, at_twin: bool = True) -> Twist:
    def twist(stage: Stage) -> SimulatedResponse | None:
        if stage.call.door is Door.TWIN and not at_twin:
            return None
        spoken = stage.call.door.speaks or stage.call.door is Door.LOGIN
        return stage.serve(stage.call, change) if spoken and stage.call.service != "getfile" else None

    return twist


def _soap_fault(status: int) -> Twist:
    def twist(stage: Stage) -> SimulatedResponse | None:
        nowhere = stage.call.door is Door.NOWHERE
        return None if nowhere else words.soap_fault(stage.call.service, status)

    return twist


def _maintenance(stage: Stage) -> SimulatedResponse | None:
    if not stage.call.door.speaks and stage.call.door is not Door.LOGIN:
        return None
    return stage.answer(refusal(stage.call.service, words.MAINTENANCE))


def _file_unreachable(stage: Stage) -> SimulatedResponse | None:
    if stage.call.service != "DongBoHoSoMC":
        return None
    before, stage.state.unreachable = stage.state.unreachable, ("",)
    try:
        return stage.serve(stage.call, None)
    finally:
        stage.state.unreachable = before


TWISTS: Mapping[str, Twist] = {
    "session_expired": _session_expired,
    "session_expired_midway": _session_expired_midway,
    "int_vs_string": _rewritten(words.swapped),
    "code_00": _rewritten(words.double_zero, at_twin=False),  # §9: its success is another code
    "null_fields": _rewritten(words.nulled),
    "ok_but_exists": _ok_but_exists,
    "progress_rejected": _progress_rejected,
    "partial_failure": _partial_failure,
    "soap_fault": _soap_fault(500),
    "soap_fault_200": _soap_fault(200),
    "maintenance": _maintenance,
    "file_unreachable": _file_unreachable,
}
