"""Taking secrets out of headers, addresses and bodies before anything is stored.

Two nets, one behind the other: by field name (``"session": "…"``, ``password=…``, ``<Password>…``) and by value
(every credential the gateway holds, in each encoding in which it can appear). Invariant: no secret of a manifest's
``secret_fields`` or ``secret_headers``, and no live credential, reaches the database.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Iterable
from urllib.parse import quote

REDACTED = "[redacted]"
_SHORTEST_SECRET = 6


@functools.lru_cache(maxsize=64)
def _field_pattern(fields: tuple[str, ...]) -> re.Pattern[bytes] | None:
    if not fields:
        return None
    names = "|".join(re.escape(name) for name in fields).encode()
    return re.compile(
        rb'(?P<json>\\?"(?:' + names + rb')\\?"\s*:\s*\\?")(?:[^"\\]|\\(?!").|(?<!\\)\\")*?(?=\\?")'
        rb"|(?P<form>(?:^|[&?\s])(?:" + names + rb")=)[^&\s]*"
        rb"|(?P<xml><(?:[\w-]+:)?(?:" + names + rb")(?:\s[^>]*)?>)[^<]*",
        re.IGNORECASE,
    )


def redact_body(body: bytes, *, fields: tuple[str, ...], secrets: Iterable[str] = ()) -> bytes:
    """``body`` without the values of ``fields`` and without any of ``secrets``."""
    pattern = _field_pattern(fields)
    if pattern is not None:
        body = pattern.sub(_keep_name, body)
    for form in _forms(secrets):
        body = body.replace(form, REDACTED.encode())
    return body


def _keep_name(found: re.Match[bytes]) -> bytes:
    return found[found.lastgroup or 0] + REDACTED.encode()


def redact_url(url: str, *, fields: tuple[str, ...], secrets: Iterable[str] = ()) -> str:
    """``url`` without secret query values."""
    return redact_body(url.encode(), fields=fields, secrets=secrets).decode()


def redact_headers(
    headers: Iterable[tuple[str, str]], *, names: Iterable[str], secrets: Iterable[str] = ()
) -> list[list[str]]:
    """Header pairs with the values of ``names`` (any case) and any of ``secrets`` replaced."""
    hidden = {name.lower() for name in names}
    listed = tuple(secrets)
    return [
        [
            key,
            REDACTED
            if key.lower() in hidden
            else redact_body(value.encode(), fields=(), secrets=listed).decode(),
        ]
        for key, value in headers
    ]


def _forms(secrets: Iterable[str]) -> list[bytes]:
    """Every way in which a secret can stand in a body, the longest first."""
    forms: set[bytes] = set()
    for secret in secrets:
        if len(secret) < _SHORTEST_SECRET:
            continue
        raw = secret.encode()
        forms |= {
            raw,
            json.dumps(secret)[1:-1].encode(),
            json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
            quote(secret, safe="").encode(),
            base64.b64encode(raw),
        }
    return sorted(forms, key=len, reverse=True)
