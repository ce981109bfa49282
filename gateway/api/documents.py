"""The description of the API, served by the API: the OpenAPI document and a page made from it."""

from __future__ import annotations

import re

from gateway.api.openapi import ORIGIN
from gateway.api.route import Answer, Call
from gateway.api.service import Api

_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


async def get_openapi(api: Api, call: Call) -> Answer:
    """The OpenAPI document, with the address under which the caller has reached us."""
    host = dict(call.header_pairs).get("host", "")
    origin = f"{call.scheme}://{host}" if _HOST.fullmatch(host) else ORIGIN
    return Answer(content=api.documents.openapi.replace(ORIGIN.encode(), origin.encode()))


async def get_page(api: Api, _call: Call) -> Answer:
    """The page for readers."""
    return Answer(
        content=api.documents.page,
        media_type="text/html; charset=utf-8",
        headers=(("content-security-policy", _PAGE_POLICY), ("x-frame-options", "DENY")),
    )
