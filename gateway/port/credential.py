"""Layers of partner authentication that need a call of their own: a login session, an OAuth2 token.

An adapter lists its layers in the order in which they are obtained; ``wire`` calls, caches, renews and shares
them between concurrent calls. An adapter puts the values where the contract wants them, in ``encode``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from gateway.port.wire import WireRequest, WireResponse


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A credential was given. ``lifetime`` in seconds from now."""

    value: str
    lifetime: float


class Denied(msgspec.Struct, frozen=True, kw_only=True):
    """No credential. ``permanent``: wrong user or password, so trying again without a change is useless."""

    code: str
    reason: str
    permanent: bool = False


class CredentialLayer(Protocol):
    """One layer: how to ask for the credential, and how to read the answer. Pure."""

    @property
    def name(self) -> str:
        """Name under which the value appears in ``Context.credentials``."""

    def request(self, credentials: Mapping[str, str]) -> WireRequest:
        """The call that asks for it; ``credentials`` holds the layers obtained before this one."""

    def read(self, response: WireResponse) -> Grant | Denied:
        """The answer's meaning. Never raises, whatever the bytes."""
