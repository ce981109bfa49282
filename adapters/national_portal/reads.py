"""Questions to the portal and to the document store, and reading their answers (national_portal §4, §8.1).

Invariant: an answer is read only at HTTP 200 and only with the contract's own success code; anything else is
CannotRead, with the credential to renew where that may help.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import msgspec

from adapters.national_portal.dialects import LGSP, Credentials, Dialect, json_headers, with_token
from adapters.national_portal.outcomes import Meaning
from adapters.national_portal.settings import DocumentStore, Settings
from gateway.codec import Json, Unreadable, json
from gateway.domain.errors import CannotEncode
from gateway.mapping import Classifier
from gateway.port import CannotRead, Context, Read, Reading, WireRequest, WireResponse
from mappings.national_portal import catalogue, envelope, store
from mappings.national_portal.reads import BY_NAME, STORE_ENDPOINTS, Endpoint, Question, entries, parameters
from mappings.national_portal.responses import Verdict

_ENCODER = msgspec.json.Encoder()


def question(name: str) -> Question:
    """The read called ``name``; CannotEncode when there is none."""
    if name not in BY_NAME:
        raise CannotEncode(f"reading {name}: the portal answers {', '.join(BY_NAME)}")
    return BY_NAME[name]


def encode(
    name: str, given: Mapping[str, str], context: Context, dialect: Dialect, settings: Settings
) -> WireRequest:
    """The request for read ``name``. Text that no encoding can carry is refused."""
    asked = question(name)
    official = parameters(asked, given)
    try:
        if asked.endpoint in STORE_ENDPOINTS:
            return _store(asked, given, context.credentials, settings)
        if asked.name == catalogue.PROCEDURE_DETAIL:
            official = _spelt(official, context)
        return dialect.ask(asked, official, context.credentials)
    except UnicodeEncodeError as fault:
        raise CannotEncode(f"reading {name}: a parameter holds half a character: {fault}") from fault


def interpret(
    name: str, response: WireResponse, settings: Settings, classifier: Classifier, layers: tuple[str, ...]
) -> Reading:
    """What the answer to read ``name`` says."""
    asked = BY_NAME.get(name)
    if asked is None:
        return CannotRead(code="unknown_read", reason=f"there is no read {name}")
    if asked.endpoint in STORE_ENDPOINTS:
        found = _stored(asked, response, settings.document_store or DocumentStore(url=""))
        return _with_renewal(found, response, layers)
    reply = envelope.read(response, "read", None)
    row = classifier.classify(reply.answer)
    meaning = Meaning(row=row, answer=reply.answer, memory={}, secrets=(), layers=layers)
    # A read needs no text that says success (§2.7 speaks of writes): the code and the list decide.
    done = response.status == 200 and reply.answer.code in settings.success_codes
    rows = entries(asked, reply.result, settings.province_code) if done else None
    if rows is not None:
        return Read(entries=rows)
    renew = meaning.renew() if meaning.verdict in {Verdict.SESSION, Verdict.TOKEN} else ()
    code = "no_result" if meaning.verdict is Verdict.OK else row.name
    return CannotRead(code=code, reason=meaning.reason, renew=renew)


def _with_renewal(found: Reading, response: WireResponse, layers: tuple[str, ...]) -> Reading:
    """The store knows no session, only the platform's token (§2.3)."""
    if isinstance(found, CannotRead) and response.status == 401 and LGSP in layers:
        return CannotRead(code=found.code, reason=found.reason, renew=(LGSP,))
    return found


def _spelt(official: dict[str, str], context: Context) -> dict[str, str]:
    """Procedure codes as the portal's own list spells them (domain_rules §2.5)."""
    return {name: catalogue.find_procedure(context.catalogues, code).code for name, code in official.items()}


def _store(
    asked: Question, given: Mapping[str, str], credentials: Credentials, settings: Settings
) -> WireRequest:
    place = settings.document_store
    if place is None:
        raise CannotEncode(f"reading {asked.name}: set document_store.url, the store's address (§8.1)")
    path = place.file_endpoint if asked.endpoint is Endpoint.STORE_FILE else place.results_endpoint
    return WireRequest(
        method="POST",
        url=place.url.rstrip("/") + path,
        headers=with_token(json_headers(settings, forwarded=False), credentials),
        body=_ENCODER.encode(store.request(asked, given)),
    )


def _stored(asked: Question, response: WireResponse, place: DocumentStore) -> Reading:
    if response.status != 200:
        return CannotRead(code="http_status", reason=f"HTTP {response.status}")
    try:
        content = json.read(response.body, limit=place.max_file_bytes * 2)
    except Unreadable as fault:
        return CannotRead(code=fault.code, reason=fault.reason)
    if asked.endpoint is Endpoint.STORE_FILE and isinstance(content, str):
        return _file(content, place.max_file_bytes)
    found, code, message = store.results(content)
    if found is None or asked.endpoint is Endpoint.STORE_FILE:
        return CannotRead(code="store_refused", reason=f"code {code or 'missing'}: {message}")
    return Read(entries=found)


def _file(content: Json, limit: int) -> Reading:
    """A file as base64 text (§8.1); its size is known before anything is decoded."""
    text = "".join(str(content).split())
    if not text:
        return CannotRead(code="empty_file", reason="the store gave an empty file")
    if len(text) // 4 * 3 > limit:
        return CannotRead(
            code="too_large", reason=f"about {len(text) // 4 * 3} bytes, at most {limit} are read"
        )
    try:
        size = len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as fault:
        return CannotRead(code="not_base64", reason=str(fault)[:200])
    return Read(entries={"file": {"base64": text, "size": size}})
