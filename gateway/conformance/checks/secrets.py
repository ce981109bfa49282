"""Canaries: secrets planted in settings and credentials, looked for everywhere they must not sing.

Invariant: what the message log would store of a request is asked of the log's own redaction, by field name alone.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from functools import partial

import msgspec

from gateway.conformance.checks.encoding import encodings, fixed_context
from gateway.conformance.finding import Flaw
from gateway.conformance.hostile import garbage, wrecked
from gateway.conformance.readers import readers_of
from gateway.conformance.rehearsal import Rehearsal
from gateway.conformance.subject import Subject
from gateway.conformance.trial import Returned, Tally, attempt
from gateway.messagelog.redaction import redact_body, redact_headers, redact_url
from gateway.port import Manifest, WireRequest

SHORTEST_CANARY = 12


def secrets_canary(subject: Subject) -> Iterator[Flaw]:
    """Look for every secret in reprs, errors, outcomes, payloads and redacted requests."""
    adapter = subject.build()
    planted = subject.secrets()
    for path, secret in planted.items():
        if len(secret) < SHORTEST_CANARY:
            what = f"[settings] gives it {len(secret)} characters; {SHORTEST_CANARY} or more make a canary"
            yield Flaw(where=f"settings {path}", what=what)
    canaries = planted | dict(fixed_context(subject, adapter).credentials)
    tally = Tally()
    rehearsal = Rehearsal(subject)
    for where, text in _shown(rehearsal):
        given = {f"the {name} of the simulator": value for name, value in rehearsal.credentials.items()}
        for name in _singing(canaries | given, text.encode("utf-8", errors="replace")):
            tally.add(where, f"shows {name}", text[:60])
    for name, call in encodings(subject):
        where, _, example = name.partition(" | ")
        match attempt(call):
            case Returned(request):
                for secret_name, place in _stored(request, adapter.manifest, canaries):
                    what = f"{secret_name} would be stored in clear: its {place} is not declared secret"
                    tally.add(where, what, example)
            case other:
                for secret_name in _singing(canaries, str(other).encode()):
                    tally.add(where, f"shows {secret_name} in an error", example)
    yield from tally.flaws()


def _shown(rehearsal: Rehearsal) -> Iterator[tuple[str, str]]:
    """Everything of the adapter that a log or an operator could see."""
    adapter, subject = rehearsal.adapter, rehearsal.subject
    yield "settings", f"{subject.settings!r} {subject.settings}"
    yield "adapter", f"{adapter!r} {adapter} {adapter.manifest!r}"
    for layer in adapter.credentials:
        yield f"credential {layer.name}", f"{layer!r} {layer}"
    for dossier in filter(adapter.wants, subject.samples):
        for planned in adapter.plan(dossier):
            yield planned.operation, planned.payload.decode("utf-8", errors="replace")
            yield planned.operation, planned.key
    for reader in readers_of(rehearsal):
        for answer in (*garbage()[:12], *wrecked(reader.success.body)[:12]):
            response = msgspec.structs.replace(reader.success, body=answer.body)
            result = attempt(partial(reader.read, response))
            if not reader.succeeded(result.value if isinstance(result, Returned) else None):
                yield reader.where, str(result)


def _stored(
    request: WireRequest, manifest: Manifest, canaries: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Canaries left in ``request`` after the log has blanked what the manifest declares."""
    fields = manifest.secret_fields
    places = {
        "URL": redact_url(request.url, fields=fields),
        "header": repr(redact_headers(request.headers, names=manifest.secret_headers)),
        "body field": redact_body(request.body, fields=fields).decode("utf-8", errors="replace"),
    }
    for place, text in places.items():
        for name in _singing(canaries, text.encode()):
            yield name, place


def _singing(canaries: Mapping[str, str], text: bytes) -> Iterator[str]:
    """Names of the canaries in ``text``, plain or in base64 at any offset."""
    for name, secret in canaries.items():
        raw = secret.encode()
        if (len(raw) >= SHORTEST_CANARY and raw in text) or (
            len(raw) >= SHORTEST_CANARY and any(form in text for form in _base64(raw))
        ):
            yield name


def _base64(raw: bytes) -> Iterator[bytes]:
    """The letters that ``raw`` always gives inside a base64 text, for each of the three alignments."""
    for shift in range(3):
        whole = base64.b64encode(b"\x00" * shift + raw)
        yield whole[4 if shift else 0 : len(whole) // 4 * 4 - 4]
