"""Partners' calls over HTTP: handed on as they are; the adapter verifies the caller and writes the answer."""

from __future__ import annotations

from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.port import CallbackRequest, header

_OURS = frozenset({"content-length", "content-type", "connection", "transfer-encoding"})


async def receive_callback(api: Api, call: Call) -> Answer:
    """Give a partner's call to its adapter, and the adapter's answer to the partner."""
    query = call.address.partition("?")[2]
    request = CallbackRequest(
        method=call.method,
        path=str(call.path.get("path", "")),
        query=query,
        headers=call.header_pairs,
        body=call.body if isinstance(call.body, bytes) else b"",
    )
    answer = await api.gateway.callbacks.receive(str(call.path["destination"]), request)
    return Answer(
        status=answer.status,
        content=answer.body,
        media_type=header(answer.headers, "content-type") or "application/octet-stream",
        headers=tuple((name, value) for name, value in answer.headers if name.lower() not in _OURS),
    )
