"""A time-stamping authority behind a port of the sandbox (RFC 3161, §3.4), with a root of its own that is worth nothing.

``POST`` of a question to any path is answered with a token; ``GET /root.pem`` gives the root, to be named in
``[signing.authorities]``. Invariant: it stamps the sandbox's time and keeps what it was asked.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from gateway.codec.http import content_type
from gateway.port.simulator import SimulatedRequest, SimulatedResponse
from gateway.signing.authority import new_authority
from gateway.signing.timestamp import QUERY_TYPE, REPLY_TYPE

NAME = "timestamps"
ROOT_PATH = "/root.pem"
MOST_KEPT = 10_000


class TimestampStandIn:
    """A simulator like those of adapters; its keys are new with every start."""

    def __init__(self, now: datetime) -> None:
        self._authority, self.root = new_authority(now)
        self._asked: list[dict[str, str]] = []

    def handle(self, request: SimulatedRequest) -> SimulatedResponse:
        """A token, the root, or why neither."""
        if request.method == "GET" and request.path == ROOT_PATH:
            return SimulatedResponse(
                headers=(("content-type", "application/x-pem-file"),),
                body=self.root,
                service=self.service(request),
            )
        if request.method != "POST" or content_type(request.headers) != QUERY_TYPE:
            told = f"expected POST of {QUERY_TYPE}, or GET {ROOT_PATH}".encode()
            return SimulatedResponse(status=400, headers=(("content-type", "text/plain"),), body=told)
        self._asked.append(
            {"at": request.now.isoformat(), "question": hashlib.sha256(request.body).hexdigest()}
        )
        del self._asked[:-MOST_KEPT]
        answer = self._authority.answer(request.body, request.now)
        return SimulatedResponse(
            headers=(("content-type", REPLY_TYPE),), body=answer, service=self.service(request)
        )

    def service(self, request: SimulatedRequest) -> str:
        """What is asked for, for the rules of faults."""
        return "root" if request.method == "GET" else "stamp"

    def twist(self, fault: str, request: SimulatedRequest) -> SimulatedResponse | None:
        """No faults of its own: those of the socket are the sandbox's."""
        return None

    def record(self) -> dict[str, Any]:
        """When it was asked what."""
        return {"asked": list(self._asked)}

    def administer(self, action: str, body: bytes) -> dict[str, Any]:
        """``reset`` forgets what was asked."""
        if action != "reset":
            return {"error": f"a time-stamping authority has no action {action!r}"}
        self._asked.clear()
        return {"reset": True}
