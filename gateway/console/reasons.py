"""Forms that ask for a reason and nothing else, or for a second press besides.

Invariant: a reason is held to the API's own limits before anything is asked of it.
"""

from __future__ import annotations

import msgspec

from gateway.api.deliveries import Reason


class Reasoned(msgspec.Struct, frozen=True, kw_only=True):
    """Something that needs nothing but its reason."""

    reason: Reason


class Confirmed(Reasoned, frozen=True, kw_only=True):
    """Something whose effect is shown first. ``confirmed``: it was seen."""

    confirmed: bool = False
