"""Whether a request can go on the wire as it is: address, header lines, a body in the charset it declares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from gateway.port import WireRequest, header

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.5: no CR, LF, NUL
_ADDRESS = re.compile(r"https?://[\x21-\x7e]+")
_CHARSET = re.compile(r'charset\s*=\s*"?([\w.:-]+)', re.IGNORECASE)
_DECLARATION = re.compile(rb"<\?xml[^>]*encoding=[\"']([\w.:-]+)")
_TRANSPORTS = frozenset({"content-length", "host", "transfer-encoding"})


def malformed(request: WireRequest) -> Iterator[str]:
    """Everything that is wrong with ``request``, whatever the partner."""
    if not _TOKEN.fullmatch(request.method) or request.method != request.method.upper():
        yield f"method {request.method!r}"
    if not _ADDRESS.fullmatch(request.url) or not urlsplit(request.url).netloc:
        yield f"URL {request.url[:120]!r} is not an absolute http(s) address in ASCII"
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            yield f"header {name[:40]!r} cannot be sent: {value[:60]!r}"
        if name.lower() in _TRANSPORTS:
            yield f"header {name!r} is the transport's business"
    yield from _body(request)


def _body(request: WireRequest) -> Iterator[str]:
    kind = header(request.headers, "content-type") or ""
    if request.body and not kind:
        yield "a body without content-type"
    charset = _declared_charset(request.body, kind)
    try:
        text = request.body.decode(charset)
    except (UnicodeDecodeError, LookupError) as error:
        yield f"the body is not {charset}: {error}"
        return
    if "json" in kind and request.body:
        try:
            msgspec.json.decode(text.encode())
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            yield f"the body is not JSON: {error}"


def _declared_charset(body: bytes, kind: str) -> str:
    if in_header := _CHARSET.search(kind):
        return in_header[1]
    in_body = _DECLARATION.match(body)
    return in_body[1].decode() if in_body else "utf-8"
