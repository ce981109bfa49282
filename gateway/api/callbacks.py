"""Partners' calls over HTTP: taken from the networks that a destination names, handed on as they are.

The contracts know no proof of who calls (national_portal U30: the exchange axis is trusted), so the network is the
proof; the adapter writes the answer. Invariant: a call from anywhere else has no effect and is not logged in full.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence

from gateway.api.problem import Refused
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.port import CallbackRequest, header
from gateway.telemetry import CALLBACKS

_OURS = frozenset({"content-length", "content-type", "connection", "transfer-encoding"})


async def receive_callback(api: Api, call: Call) -> Answer:
    """Give a partner's call to its adapter, and the adapter's answer to the partner."""
    destination = str(call.path["destination"])
    _require_partner(api, destination, call.peer)
    query = call.address.partition("?")[2]
    request = CallbackRequest(
        method=call.method,
        path=str(call.path.get("path", "")),
        query=query,
        headers=call.header_pairs,
        body=call.body if isinstance(call.body, bytes) else b"",
        peer=call.peer,
    )
    answer = await api.gateway.callbacks.receive(destination, request)
    return Answer(
        status=answer.status,
        content=answer.body,
        media_type=header(answer.headers, "content-type") or "application/octet-stream",
        headers=tuple((name, value) for name, value in answer.headers if name.lower() not in _OURS),
    )


def _require_partner(api: Api, destination: str, peer: str) -> None:
    """Refuse (403) a caller outside the destination's ``inbound_from``; an unknown destination is told as such."""
    section = api.gateway.settings.destination.get(destination)
    if section is None or is_within(peer, section.inbound_from):
        return
    CALLBACKS.labels(destination, "foreign_network").inc()
    raise Refused(
        "forbidden",
        f"calls of {destination} are taken from the networks in destination.{destination}.inbound_from only",
    )


def is_within(peer: str, networks: Sequence[str]) -> bool:
    """Whether the address ``peer`` lies in one of ``networks``; what is no address lies in none."""
    return _is_within(peer, tuple(networks))


@functools.lru_cache(maxsize=4096)
def _is_within(peer: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(network, strict=False) for network in networks)
