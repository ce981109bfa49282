"""Making an evidence bundle: the files of a container, out of what was collected about a dossier.

Everything that leaves goes through the redaction here: raw contents, their views, the story, the report. Invariant: the
same collected things, redaction and certificate give the same files, byte for byte; what is written is what
``lienthong_verify`` reads; a field that was named and stands nowhere is a mistake, and nothing leaves.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from gateway.domain.errors import ConflictError
from gateway.evidence.collecting import Collected, Told
from gateway.evidence.redacting import Redaction, Searcher, carries_files, without
from gateway.messagelog.content import Decrypter, Unreadable, head_of, read
from gateway.messagelog.entry import header_of
from gateway.proof import lienthong_verify as verifier
from gateway.proof.lienthong_verify import Content, Part
from gateway.storage.log import SealedRow

Print: TypeAlias = Callable[[Told], Mapping[str, bytes]]
"""The report for people, by file name, out of bundle.json."""


class _Entry(msgspec.Struct, kw_only=True):
    """An entry on its way out. ``content``: of form 2; ``body``: of form 1; neither: ``missing`` says why. ``hidden``: why
    none of it is shown."""

    row: SealedRow
    content: Content | None = None
    body: bytes | None = None
    missing: str | None = None
    hidden: str | None = None


def bundle_files(
    collected: Collected, redaction: Redaction, keys: Decrypter | None, certificates: bytes, printed: Print
) -> dict[str, bytes]:
    """The files of the bundle, those of META-INF left out. ``keys`` open the contents; ``certificates``: PEM, of whoever
    signs. ConflictError: what is to be taken out stands in what the proof itself is of, or nowhere."""
    entries = [_opened(row, keys) for row in collected.rows]
    searcher = _searcher(entries, redaction)
    for entry in entries:
        _redact(entry, redaction, searcher, shared=entry.row.id in collected.shared)
    messages: dict[str, bytes] = {}
    told = _told(collected, redaction, searcher)
    unmet = sorted(redaction.fields - searcher.met)
    if unmet and not redaction.body:
        raise ConflictError(
            f"nothing about dossier {collected.dossier} has a field {', '.join(unmet)}; name fields as they stand in its "
            "messages, letter for letter, or take them all: personal"
        )
    told["entries"] = [_entry(entry, collected, messages) for entry in entries]
    files = {
        "mimetype": verifier.MIME_TYPE.encode(),
        verifier.BUNDLE: verifier.json_text(told),
        **printed(told),
        verifier.CHECKPOINT_FILE: collected.note,
    }
    if collected.checkpoint.token is not None:
        files[verifier.TOKEN_FILE] = collected.checkpoint.token
    return {**files, verifier.CERTIFICATE_FILE: certificates, **messages}


def _opened(row: SealedRow, keys: Decrypter | None) -> _Entry:
    found = read(row.stored, row.body_size, keys)
    if isinstance(found, Unreadable):
        return _Entry(row=row, missing=found.why.value)
    head = head_of(row.method, row.url, row.headers)
    if not found.gives(row.form, row.body_digest, head):
        return _Entry(row=row, missing="damaged")
    if row.form == 1:
        return _Entry(row=row, body=found.body)
    return _Entry(row=row, content=found.parts(head))


def _searcher(entries: list[_Entry], redaction: Redaction) -> Searcher:
    contents = [entry.content for entry in entries if entry.content is not None]
    hidden = (redaction.hidden(content) for content in contents)
    labels = {cut.label for content in contents for cut in content.cuts}
    masked = labels if redaction.personal or redaction.body else ()
    searcher = Searcher(redaction.fields, (text for each in hidden for text in each), masked)
    searcher.met |= labels & redaction.fields
    return searcher


def _redact(entry: _Entry, redaction: Redaction, searcher: Searcher, *, shared: bool) -> None:
    """Take out of ``entry`` what has to go; of a call that was about other dossiers, too, every personal value."""
    header = header_of(entry.row)
    if searcher.reason(header, len(header)) is not None:
        raise ConflictError(
            f"log entry {entry.row.id}: what is to be taken out stands in its header, of which the proof is; leave it in, or "
            "leave the dossier's evidence where it is"
        )
    content, body = entry.content, entry.body
    if content is not None:
        going = [shared or redaction.takes(cut.label) for cut in content.cuts]
        entry.content = content = without(content, going)
        body = _raw(content)
    if body is None:
        return
    start = _body_start(body) if entry.content is not None else 0
    if redaction.body:
        entry.hidden = "body"
    elif redaction.attachments and carries_files(body):
        entry.hidden = "attachments"
    else:
        entry.hidden = searcher.reason(body, start)


def _raw(content: Content) -> bytes:
    """The bytes that are shown: removed values have none."""
    assert isinstance(content.frame, Part)  # noqa: S101 - for the type checker: nothing was hidden yet
    pieces, at, end = [], 0, 0
    for cut, value in zip(content.cuts, content.values, strict=True):
        until = at + cut.start - end
        pieces.append(content.frame.content[at:until])
        if isinstance(value, Part):
            pieces.append(value.content)
        at, end = until, cut.start + cut.length
    return b"".join((*pieces, content.frame.content[at:]))


def _body_start(written: bytes) -> int:
    return written.find(b"\n\n", written.find(b"\n") + 1) + 2


def _entry(entry: _Entry, collected: Collected, messages: dict[str, bytes]) -> Told:
    """An entry as bundle.json has it; its files go into ``messages``."""
    row = entry.row
    told: Told = {
        "number": row.seq,
        "header": header_of(row).decode(),
        "proof": [_text(each) for each in collected.proofs[row.id]],
        "content": _content(entry),
        "view": None,
    }
    name = told["content"].get("file")
    if name is not None:
        messages[name] = (entry.body if entry.content is None else _raw(entry.content)) or b""
        told["view"] = f"messages/{row.seq:09d}.json"
        messages[told["view"]] = _view(told, messages)
    return told


def _view(told: Told, messages: Mapping[str, bytes]) -> bytes:
    return verifier.view_of(verifier.entry_of(told), messages)


def _content(entry: _Entry) -> Told:
    content = entry.content
    if entry.missing is not None:
        return {"missing": entry.missing}
    if content is None:
        return {"removed": entry.hidden} if entry.hidden else {"file": _file(entry)}
    if entry.hidden is not None:
        return {"commitments": [_text(each) for each in _commitments(content)], "removed": entry.hidden}
    assert isinstance(content.frame, Part)  # noqa: S101 - for the type checker
    return {
        "file": _file(entry),
        "salt": _text(content.frame.salt),
        "cuts": [list(cut) for cut in content.cuts],
        "values": [
            f"salt:{_text(value.salt)}" if isinstance(value, Part) else f"commitment:{_text(value)}"
            for value in content.values
        ],
    }


def _file(entry: _Entry) -> str:
    return f"messages/{entry.row.seq:09d}.raw"


def _commitments(content: Content) -> list[bytes]:
    """The frame's and those of all values."""
    frame = content.frame
    if isinstance(frame, Part):
        frame = verifier.frame_commitment(frame.salt, content.cuts, frame.content)
    hidden = without(content, [True] * len(content.cuts))
    return [frame, *(value for value in hidden.values if isinstance(value, bytes))]


def _told(collected: Collected, redaction: Redaction, searcher: Searcher) -> Told:
    """bundle.json without its entries."""
    checkpoint = verifier.read_checkpoint(verifier.read_note(collected.note).text)
    numbers = {str(row.id): row.seq for row in collected.rows}
    attempts: dict[str, list[int]] = {}
    for row in collected.rows:
        if row.attempt_id is not None:
            attempts.setdefault(str(row.attempt_id), []).append(row.seq)
    story = [
        searcher.cleared(step) | {"entries": _sources(step, numbers, attempts)} for step in collected.story
    ]
    return {
        "format": verifier.FORMAT,
        "dossier": collected.dossier,
        "as_of": msgspec.to_builtins(collected.as_of),
        "log": {
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "time": msgspec.to_builtins(checkpoint.at),
            "stamped": collected.checkpoint.token is not None,
        },
        "redacted": redaction.names,
        "deadlines": searcher.cleared(collected.deadlines),
        "standings": searcher.cleared(collected.standings),
        "story": story,
        "numbers": numbers,
    }


def _sources(step: Told, numbers: Mapping[str, int], attempts: Mapping[str, list[int]]) -> list[int]:
    """The entries of the log in which a step of the story can be read."""
    inner: Any = step.get("settlement") or step
    found = {numbers.get(step["id"]), numbers.get(str(inner.get("message"))), *attempts.get(step["id"], ())}
    return sorted(number for number in found if number is not None)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
