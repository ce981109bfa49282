"""The description as one page for readers: plain HTML made from the OpenAPI document, no script, no foreign asset."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import msgspec

_STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:0}h2{margin-top:3rem;border-bottom:1px solid #8886}details{border:1px solid #8884;border-radius:6px;
margin:.5rem 0;padding:.4rem .8rem}summary{cursor:pointer}code,pre{font:13px/1.45 ui-monospace,monospace}
pre{overflow:auto;background:#8881;padding:.7rem;border-radius:6px}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #8883}
.m{display:inline-block;min-width:4.2rem;font-weight:700}nav a{margin-right:1rem}.q{opacity:.75}
"""


def render(document: dict[str, Any]) -> bytes:
    """The page for an OpenAPI document."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width,initial-scale=1">',
        f"<title>{_text(info['title'])}</title><style>{_STYLE}</style>",
        f"<h1>{_text(info['title'])} <small class=q>{_text(info['version'])}</small></h1>",
        f"<p>{_text(info['description'])}</p>",
        "<p>As a document for programs: <a href=/openapi.json>/openapi.json</a></p><nav>",
        *(f"<a href=#{_text(tag['name'])}>{_text(tag['name'])}</a>" for tag in document["tags"]),
        "<a href=#types>types</a></nav>",
        *(part for tag in document["tags"] for part in _section(document, tag)),
        "<h2 id=types>types</h2>",
        *_types(document["components"]["schemas"]),
        "</html>",
    ]
    return "\n".join(parts).encode()


def _section(document: dict[str, Any], tag: dict[str, str]) -> Iterator[str]:
    yield f"<h2 id={_text(tag['name'])}>{_text(tag['name'])}</h2><p>{_text(tag['description'])}</p>"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag["name"] in operation["tags"]:
                yield from _operation(document, f"{method.upper()}", path, operation)


def _operation(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<details id={_text(operation['operationId'])}><summary><span class=m>{method}</span>"
    yield f"<code>{_text(path)}</code> <span class=q>{_text(operation['summary'])}</span></summary>"
    yield f"<p>{_text(operation['description'])}</p>"
    scopes = [name for item in operation["security"] for name in item.get("oauth2", ())]
    yield f"<p class=q>Scope: {_text(', '.join(scopes) or 'none')}</p>"
    yield from _parameters(document, operation["parameters"])
    if "requestBody" in operation:
        yield "<h4>Request</h4>"
        yield from _content(operation["requestBody"]["content"])
    yield "<h4>Answers</h4><table>"
    for status, response in operation["responses"].items():
        resolved = _resolved(document, response)
        yield f"<tr><th>{status}<td>{_text(resolved['description'])}<td>"
        yield from (_reference(medium) for medium in resolved.get("content", {}).values())
    yield "</table></details>"


def _parameters(document: dict[str, Any], parameters: list[dict[str, Any]]) -> Iterator[str]:
    yield "<table>"
    for parameter in parameters:
        row = _resolved(document, parameter)
        wanted = "mandatory" if row.get("required") else "optional"
        yield f"<tr><th><code>{_text(row['name'])}</code><td class=q>{_text(row['in'])}, {wanted}"
        yield f"<td>{_text(row.get('description', ''))}<td><code>{_text(_short(row['schema']))}</code>"
    yield "</table>"


def _content(content: dict[str, Any]) -> Iterator[str]:
    for media_type, medium in content.items():
        yield f"<p><code>{_text(media_type)}</code> {_reference(medium)}</p>"
    example = next((medium["example"] for medium in content.values() if "example" in medium), None)
    if example is not None:
        yield f"<pre>{_text(_pretty(example))}</pre>"


def _reference(medium: dict[str, Any]) -> str:
    schema = medium.get("x-line-schema") or medium.get("schema") or {}
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return (
        f"<a href=#type-{_text(name)}>{_text(name)}</a>" if name else f"<code>{_text(_short(schema))}</code>"
    )


def _types(schemas: dict[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield f"<details id=type-{_text(name)}><summary><code>{_text(name)}</code> "
        yield f"<span class=q>{_text(schema.get('description', ''))}</span></summary>"
        yield f"<pre>{_text(_pretty(schema))}</pre></details>"


def _resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    found: Any = node
    if "$ref" in node:
        found = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
    resolved: dict[str, Any] = found
    return resolved


def _short(schema: dict[str, Any]) -> str:
    text = msgspec.json.encode(schema).decode().replace("#/components/schemas/", "")
    return text if len(text) <= 160 else f"{text[:159]}…"


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)
