"""The OpenAPI 3.1 document, generated from the table of routes and the types that it names.

Invariant: every status that an endpoint can answer with is in the document, derived from the same columns that make
the endpoint answer so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from gateway.api.inputs import PATH_PARTS, Field, fields_of
from gateway.api.problem import KINDS, MEDIA_TYPE, Problem
from gateway.api.route import JSON, Body, PersonHeaders, Route, Success
from gateway.storage.clients import Scope

ORIGIN = "http://gateway.invalid"  # OpenAPI wants an absolute address; whoever serves the document knows it
_REFERENCE = "#/components/schemas/{name}"
_SCOPES: dict[Scope, str] = {
    Scope.DOSSIERS_WRITE: "hand over dossiers",
    Scope.DOSSIERS_READ: "read dossiers, their history and what would be sent of them",
    Scope.PERSONAL_READ: "see personal data in bodies of the message log",
    Scope.DELIVERIES_READ: "read deliveries, destinations and the overview",
    Scope.DELIVERIES_OPERATE: "retry, skip, resolve, hold and release; mend differences",
    Scope.PAYMENTS_READ: "read payments, receipts, refunds and what waits for a decision",
    Scope.PAYMENTS_WRITE: "ask for money, ask about it, cancel; ask for refunds and decisions",
    Scope.PAYMENTS_APPROVE: "approve or decline refunds and decisions that somebody else asked for",
    Scope.MESSAGES_READ: "read the message log with its bodies",
    Scope.LOG_READ: "read checkpoints and proofs of the message log, not its entries",
    Scope.LOG_WITNESS: "cosign checkpoints of the message log",
    Scope.EVENTS_READ: "read the event feed",
    Scope.WEBHOOKS_MANAGE: "register and delete webhook endpoints",
    Scope.DESTINATIONS_OPERATE: "pause and resume destinations, refresh catalogues",
    Scope.JOBS_OPERATE: "run and stop jobs, set their schedules",
    Scope.METRICS_READ: "read the metrics from another machine",
    Scope.APPROVALS_READ: "read what needs a second person",
    Scope.APPROVALS_DECIDE: "approve or decline what somebody else has asked for",
    Scope.WEBHOOKS_READ: "read where events are pushed to",
    Scope.CLIENTS_READ: "read who may call, and with what rights",
    Scope.CLIENTS_MANAGE: "make clients, rotate their keys, disable them",
}
_TAGS = {
    "dossiers": "Local dossier records: in, and what became of them.",
    "deliveries": "What partners are told, one by one.",
    "lanes": "The queue of one dossier to one destination.",
    "files": "Results and attachments by their SHA-256.",
    "payments": "Money asked for, what became of it, receipts, refunds; decisions of two people.",
    "actions": "What people did: who, when, why, to what.",
    "reconciliation": "Payments beside what the payment platform and its files say of them.",
    "destinations": "Partners: health, pause, catalogues.",
    "jobs": "What is done on a schedule or on demand: schedules, runs.",
    "drift": "What partners have otherwise than they were told, and mending it.",
    "sync": "How long partners took to know, and what they showed late meanwhile.",
    "messages": "The message log.",
    "evidence": "Evidence of dossiers as signed files, and checking such files.",
    "log": "The proof of the message log: checkpoints, proofs, keys, witnesses.",
    "events": "What the one-door system is told: a feed, and webhooks.",
    "approvals": "What needs a second person, and what that person says.",
    "clients": "Who may call, and with what rights.",
    "accounts": "Who may sign in to the console, and with what roles.",
    "reports": "Form 06a, the progress indicator of Decision 766, lists.",
    "status": "Health, metrics, this description.",
    "tokens": "OAuth2.",
}
_ANSWER_HEADERS = {"too_many_requests": "Retry-After", "unavailable": "Retry-After"}
_PATH_PART = re.compile(r"\{(\w+)(?::\w+)?\}")
_LINES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines"}
)


def describe(routes: Sequence[Route], *, version: str) -> dict[str, Any]:
    """The document for ``routes``."""
    shown = [route for route in routes if route.documented]
    schemas = _Schemas(_types(shown))
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        paths.setdefault(_PATH_PART.sub(r"{\1}", route.path), {})[route.method.lower()] = _operation(
            route, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Liên Thông Gateway",
            "version": version,
            "description": (
                "Hand a dossier over once, get told what happened. Instants are RFC 3339 with an offset; money is "
                "integer đồng; identifiers are decimal strings. Every refusal is a problem document (RFC 9457) "
                "whose violations say where, what was got, what was expected and what to do."
            ),
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {code: _problem_response(code, schemas) for code in KINDS},
            "parameters": {"correlation": _CORRELATION, "operator": _operator(schemas)},
            "headers": {"correlation": {"description": "Names this answer in the log.", "schema": _TEXT}},
            "securitySchemes": _SECURITY,
        },
    }


_TEXT = {"type": "string"}
_BINARY = {"type": "string", "format": "binary"}
_CORRELATION = {
    "name": "X-Correlation-ID",
    "in": "header",
    "description": "Names the request in both sides' logs; one that does not fit is replaced.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
}
_SECURITY = {
    "api_key": {"type": "http", "scheme": "bearer", "description": "An API key: `lt_…`."},
    "api_key_header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "oauth2": {
        "type": "oauth2",
        "flows": {
            "clientCredentials": {
                "tokenUrl": f"{ORIGIN}/oauth2/token",
                "scopes": {scope.value: text for scope, text in _SCOPES.items()},
            }
        },
    },
}


class _Schemas:
    """JSON Schemas of types, with shared components."""

    def __init__(self, types: Sequence[Any]) -> None:
        schemas, self.components = msgspec.json.schema_components(
            types, schema_hook=_schema_of, ref_template=_REFERENCE
        )
        self._known = list(zip(types, schemas, strict=True))

    def of(self, kind: Any) -> dict[str, Any]:
        """The schema of one of the types."""
        return next(schema for known, schema in self._known if known is kind)


def _schema_of(kind: type) -> dict[str, Any]:
    """What msgspec has no schema for: an ``object`` is any JSON value."""
    if kind is object:
        return {"description": "Any JSON value."}
    raise NotImplementedError(f"no schema for {kind}")


def _types(routes: Sequence[Route]) -> list[Any]:
    found: list[Any] = [Problem, *(field.kind for field in fields_of(PersonHeaders).values())]
    for route in routes:
        found += [success.kind for success in route.successes]
        if route.body is not None:
            found += [route.body.kind, route.body.schema]
        for _, inputs in _inputs(route):
            found += [field.kind for field in fields_of(inputs).values()]
    found += [part.kind for part in PATH_PARTS.values()]
    return [kind for place, kind in enumerate(found) if kind is not None and _first(found, kind) == place]


def _first(kinds: Sequence[Any], kind: Any) -> int:
    return next(place for place, other in enumerate(kinds) if other is kind)


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "description": route.description,
        "parameters": [
            *_parameters(route, schemas),
            *([{"$ref": "#/components/parameters/operator"}] if route.scope is not None else []),
            {"$ref": "#/components/parameters/correlation"},
        ],
        "responses": _responses(route, schemas),
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _content_in(route.body, schemas)}
    operation["security"] = _security(route)
    return operation


def _operator(schemas: _Schemas) -> dict[str, Any]:
    """Who acts at the client: one declaration, since every route that knows its caller takes it."""
    [row] = [_input("header", field, schemas) for field in fields_of(PersonHeaders).values()]
    return row


def _security(route: Route) -> list[dict[str, list[str]]]:
    """Who may: one of the schemes; ``{}`` where nobody has to be known."""
    if route.scope is not None:
        return [{"oauth2": [route.scope]}, {"api_key": []}, {"api_key_header": []}]
    if "forbidden" in route.problems:
        return [{}, {"oauth2": [Scope.METRICS_READ]}, {"api_key": []}, {"api_key_header": []}]
    return []


def _parameters(route: Route, schemas: _Schemas) -> Iterator[dict[str, Any]]:
    for name in _PATH_PART.findall(route.path):
        part = PATH_PARTS[name]
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": part.description,
            "example": part.example,
            "schema": schemas.of(part.kind),
        }
    for place, inputs in _inputs(route):
        defaults = {item.encode_name: item.default for item in msgspec.structs.fields(inputs)}
        for field in fields_of(inputs).values():
            row = _input(place, field, schemas)
            if defaults[field.name] not in {None, msgspec.NODEFAULT, ""}:
                row["schema"]["default"] = msgspec.to_builtins(defaults[field.name])
            yield row


def _input(place: str, field: Field, schemas: _Schemas) -> dict[str, Any]:
    schema, description = _described(schemas.of(field.kind))
    row = {"name": field.name, "in": place, "required": field.required, "schema": schema}
    return {**row, "description": description} if description else row


def _inputs(route: Route) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    if route.query is not None:
        yield "query", route.query
    yield "header", route.headers


def _described(schema: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The schema of a parameter and its description: what is left out is not sent, so null is no value of it."""
    kept = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
    if "anyOf" in schema:
        schema = kept[0] if len(kept) == 1 else {**schema, "anyOf": kept}
    schema = {name: value for name, value in schema.items() if name != "default"}
    return schema, str(schema.pop("description", ""))


def _content_in(body: Body, schemas: _Schemas) -> dict[str, Any]:
    kind = body.kind if body.schema is None else body.schema
    content: dict[str, Any] = {}
    for media_type in body.media_types:
        schema = _BINARY if kind is None else schemas.of(kind)
        content[media_type] = _medium(media_type, schema)
        if body.example is not None:
            content[media_type]["example"] = msgspec.to_builtins(body.example)
    return content


def _medium(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A medium; of NDJSON, OpenAPI 3.1 can only say that it is text, so the schema of a line stands beside it."""
    if media_type in _LINES:
        return {"schema": {**_TEXT, "description": "One JSON document a line."}, "x-line-schema": schema}
    return {"schema": schema}


def _responses(route: Route, schemas: _Schemas) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for success in route.successes:
        row = responses.setdefault(
            str(success.status), {"description": success.description, "headers": _headers(success)}
        )
        if success.status != HTTPStatus.NO_CONTENT:
            row.setdefault("content", {})[success.media_type.partition(";")[0]] = _content_out(
                success, schemas
            )
    for code in sorted(problems_of(route), key=lambda code: KINDS[code].status):
        responses[str(KINDS[code].status)] = {"$ref": f"#/components/responses/{code}"}
    return responses


def problems_of(route: Route) -> set[str]:
    """Every kind of refusal that ``route`` can answer with."""
    found = {"internal", "invalid", "not_acceptable", "headers_too_large", *route.problems}
    if route.scope is not None:
        found |= {"unauthorised", "forbidden", "too_many_requests", "unavailable"}
    if "{" in route.path:
        found.add("not_found")
    if route.body is not None:
        found.add("unsupported_media_type")
        found |= {"too_large", "timeout"} if route.body.whole else set()
    return found


def _headers(success: Success) -> dict[str, Any]:
    own = {name: {"description": text, "schema": _TEXT} for name, text in success.headers.items()}
    return {"X-Correlation-ID": {"$ref": "#/components/headers/correlation"}, **own}


def _content_out(success: Success, schemas: _Schemas) -> dict[str, Any]:
    if success.kind is None:
        return {} if success.media_type.partition(";")[0] == JSON else {"schema": _TEXT}
    medium = _medium(success.media_type, schemas.of(success.kind))
    if success.example is not None:
        medium["example"] = msgspec.to_builtins(success.example)
    return medium


def _problem_response(code: str, schemas: _Schemas) -> dict[str, Any]:
    kind = KINDS[code]
    headers: dict[str, Any] = {"X-Correlation-ID": {"$ref": "#/components/headers/correlation"}}
    if code in _ANSWER_HEADERS:
        headers[_ANSWER_HEADERS[code]] = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
    return {
        "description": kind.title,
        "headers": headers,
        "content": {
            MEDIA_TYPE: {
                "schema": schemas.of(Problem),
                "example": {
                    "type": f"urn:lienthong:problem:{code}",
                    "title": kind.title,
                    "status": kind.status,
                    "detail": "What was wrong, and what to do.",
                },
            }
        },
    }
