"""What kind of place an IP address is: the part that every guard of outgoing requests shares.

Whoever sends to addresses that others have given (endpoints of webhooks, receipts) judges names by its own lists and
addresses by this. Invariant: link-local addresses (where cloud machines keep their credentials), multicast and
unspecified ones are never connected to, in whatever clothes they come.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in other clothes
_METADATA = frozenset(
    {
        IPv4Address("100.100.100.200"),
        IPv4Address("192.0.0.192"),
        IPv6Address("fd00:ec2::254"),
        IPv6Address("fd20:ce::254"),
    }
)


class Place(StrEnum):
    """``PUBLIC``: anybody's. ``PRIVATE``: inside, this machine included. ``NEVER``: nobody's business."""

    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


def place_of(address: Address) -> Place:
    """What kind of place ``address``, in its plain form, is."""
    if address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA:
        return Place.NEVER
    return Place.PUBLIC if address.is_global else Place.PRIVATE


def literal(host: str) -> Address | None:
    """``host`` as an address; None when it is a name."""
    try:
        return ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return None


def plain_form(address: str) -> Address:
    """An address as text, or the IPv4 address that it carries where it does; ValueError when it is none."""
    found = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(found, IPv4Address):
        return found
    if found in _NAT64:
        return IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour or found
