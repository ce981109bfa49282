"""Calls that come in.

Invariant: nothing is taken that is not understood; a shared key is never compared with ``==`` and never repeated.
"""

from __future__ import annotations

from gateway.port import CallbackRequest, Refusal, WireResponse

_JSON = (("content-type", "application/json; charset=utf-8"),)


def read(request: CallbackRequest) -> Refusal:
    """A refusal: the doors of VNeID are not offered here."""
    reason = f"no service at {request.path[:60]!r}"
    body = b'{"statusCode":"01","data":null,"errorDetail":"service not offered"}'
    return Refusal(
        code="not_offered", reason=reason, answer=WireResponse(status=404, headers=_JSON, body=body)
    )
