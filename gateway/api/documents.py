"""The description of the API, served by the API: the OpenAPI document and a page made from it."""

from __future__ import annotations

from gateway.api.route import Answer, Call
from gateway.api.service import Api

_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


async def get_openapi(api: Api, _call: Call) -> Answer:
    """The OpenAPI document."""
    return Answer(content=api.documents.openapi)


async def get_page(api: Api, _call: Call) -> Answer:
    """The page for readers."""
    return Answer(
        content=api.documents.page,
        media_type="text/html; charset=utf-8",
        headers=(("content-security-policy", _PAGE_POLICY), ("x-frame-options", "DENY")),
    )
