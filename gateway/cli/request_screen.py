"""Requests on the screen: as they would leave, or as JSON.

Invariant: nothing is redacted here; what comes in may be shown.
"""

from __future__ import annotations

import sys

from gateway.cli.screen import pretty, print_json
from gateway.port import WireRequest


def print_request(request: WireRequest, *, raw: bool) -> None:
    """As it goes over the wire, the body made readable; ``raw``: the bytes of its body alone."""
    if raw:
        sys.stdout.buffer.write(request.body + b"\n")
        sys.stdout.flush()
        return
    print(f"{request.method} {request.url}")
    for name, value in request.headers:
        print(f"{name}: {value}")
    print()
    print(pretty(request.body), flush=True)


def print_requests(requests: list[WireRequest]) -> None:
    """As one JSON document."""
    print_json(
        [
            {
                "method": each.method,
                "url": each.url,
                "headers": [list(pair) for pair in each.headers],
                "body_size": len(each.body),
                "body": each.body.decode("utf-8", "replace"),
            }
            for each in requests
        ]
    )
