"""The portal's three write services: dossiers, processing steps, status reports (national_portal §5, §6, §7.5).

Invariant: a batch is judged as a whole before any of it is stored; in atomic mode one bad item keeps the others out,
and every received item, good or bad, has a line in the journal.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from adapters.national_portal import simulator_answers as words
from adapters.national_portal.simulator_answers import Answer, refusal, success
from adapters.national_portal.simulator_ledger import Entry
from adapters.national_portal.simulator_model import Call, Door, State
from adapters.national_portal.simulator_rules import (
    DOSSIER,
    STATUS_REPORT,
    STEP,
    Item,
    dossier_problems,
    kept,
    report_problems,
    rows_of,
    step_problems,
    text_of,
)
from gateway.port.wire import header

REPLAY_HEADER = "x-sandbox-replay"
"""Marks the second copy of a request that the sandbox itself repeats."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A write: its items, how each is judged and stored, and what to say when all went well."""

    service: str
    entries: list[Entry]
    problem: Callable[[Entry], Answer | None]
    store: Callable[[Entry], None]
    done: str


def serve_write(call: Call, state: State) -> Answer:
    """Do what a write asks for, and answer."""
    batch = read_batch(call, state)
    if isinstance(batch, Batch):
        return take(batch, state)
    state.ledger.refuse(Entry(service=call.service, item={}), str(batch.code), batch.message or "")
    return batch


def read_batch(call: Call, state: State) -> Batch | Answer:
    """The write that ``call`` asks for, or why it is none; nothing is judged, stored or noted yet."""
    written = call.written()
    if call.service == "DongBoTrangThaiHoSo":
        return _reports(call, state, written)
    if not isinstance(written, list) or not written or not all(isinstance(item, dict) for item in written):
        return refusal(call.service, words.NO_DATA)
    if call.service == "CapNhatTienDoHoSoMC":
        return _steps(call, state, written)
    updating = _updating(call)
    if updating is None:
        return refusal(call.service, words.NO_UPDATING)
    return _dossiers(call, state, written, updating=updating)


def take(batch: Batch, state: State) -> Answer:
    """Judge the items, store what may be stored, and give the one answer for all of them (§2.8)."""
    verdicts = [batch.problem(entry) for entry in batch.entries]
    refused = [answer for answer in verdicts if answer is not None]
    undo = bool(refused) and state.config.batch_mode == "atomic"
    for entry, answer in zip(batch.entries, verdicts, strict=True):
        if answer is not None:
            state.ledger.refuse(entry, str(answer.code), answer.message or "")
        elif undo:
            state.ledger.refuse(entry, str(refused[0].code), refused[0].message or "", undone=True)
        else:
            batch.store(entry)
    if not refused:
        return success(batch.service, batch.done)
    message = "; ".join(answer.message or "" for answer in refused)
    return msgspec.structs.replace(refused[0], message=message)


def _updating(call: Call) -> bool | None:
    given = (
        call.document.get("isUpdating") if call.door is Door.MAPI else call.query.get("isUpdating", "False")
    )
    return {"true": True, "false": False}.get((text_of(given) or "").lower())


def _dossiers(call: Call, state: State, items: list[Item], *, updating: bool) -> Batch:
    terms = state.terms(call)
    seen: set[str] = set()

    def problem(entry: Entry) -> Answer | None:
        if problems := dossier_problems(entry.item, terms):
            return _invalid(entry, problems)
        known = entry.dossier in state.ledger.dossiers or entry.dossier in seen
        seen.add(entry.dossier)
        if known and not updating:
            code = state.config.duplicate_code
            return refusal(call.service, words.EXISTS.format(code=entry.dossier), code)
        if not known and updating and not state.config.upsert:
            return refusal(call.service, words.MISSING.format(code=entry.dossier))
        return None

    def store(entry: Entry) -> None:
        state.ledger.store_dossier(entry)
        _download(entry, state)

    return Batch(
        service=call.service,
        entries=_entries(call, [kept(item, DOSSIER) for item in items], updating=updating),
        problem=problem,
        store=store,
        done=words.UPDATED if updating else words.CREATED,
    )


def _steps(call: Call, state: State, items: list[Item]) -> Batch | Answer:
    limit, terms = state.config.step_limit, state.terms(call)
    if limit and len(items) > limit:
        return refusal(call.service, words.TOO_MANY_STEPS.format(limit=limit))

    def problem(entry: Entry) -> Answer | None:
        if problems := step_problems(entry.item, terms):
            return _invalid(entry, problems)
        if entry.dossier not in state.ledger.dossiers:
            return refusal(call.service, words.MISSING.format(code=entry.dossier))
        return None

    return Batch(
        service=call.service,
        entries=_entries(call, [kept(item, STEP) for item in items]),
        problem=problem,
        store=state.ledger.store_step,
        done=words.PROGRESS_TAKEN,
    )


def _reports(call: Call, state: State, item: object) -> Batch | Answer:
    if not isinstance(item, dict):
        return refusal(call.service, words.NO_OBJECT)
    if call.door is Door.MAPI and not text_of(call.document.get("type")):
        return refusal(call.service, words.NO_PARAMETER.format(name="type"))

    def problem(entry: Entry) -> Answer | None:
        if problems := report_problems(entry.item):
            return _invalid(entry, problems)
        if entry.dossier not in state.ledger.dossiers and entry.dossier not in state.online:
            return refusal(call.service, words.MISSING.format(code=entry.dossier))
        return None

    return Batch(
        service=call.service,
        entries=_entries(call, [kept(item, STATUS_REPORT)]),
        problem=problem,
        store=state.ledger.store_report,
        done=words.DONE,
    )


def _entries(call: Call, items: list[Item], *, updating: bool = False) -> list[Entry]:
    replayed = header(call.request.headers, REPLAY_HEADER) is not None
    return [Entry(service=call.service, item=item, updating=updating, replayed=replayed) for item in items]


def _invalid(entry: Entry, problems: list[str]) -> Answer:
    return refusal(entry.service, words.INVALID.format(code=entry.dossier, problems="; ".join(problems)))


def _download(entry: Entry, state: State) -> None:
    # §13.3 file_unreachable: the dossier is kept, the report lists the file
    files = [(row, "DuongDanTaiTepTin") for row in rows_of(entry.item, "TaiLieuNop")]
    files += [(row, "DuongDanTepTinKetQua") for row in rows_of(entry.item, "DanhSachGiayToKetQua")]
    for row, name in files:
        url = text_of(row.get(name)) or ""
        if any(part in url for part in state.unreachable):
            state.ledger.unreachable_files.append({"MaHoSo": entry.dossier, "url": url})
