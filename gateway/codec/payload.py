"""The payload of a delivery: what a plan has stored, read back.

Invariant: what cannot be read is our own fault, and says of which delivery.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from gateway.domain.delivery import Delivery
from gateway.domain.errors import CannotEncode

_T = TypeVar("_T")


def stored(delivery: Delivery, decode: Callable[[bytes], _T]) -> _T:
    """What ``decode`` makes of the payload of ``delivery``; CannotEncode when it cannot be read."""
    try:
        return decode(delivery.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise CannotEncode(
            f"encoding {delivery.operation} {delivery.key} of dossier {delivery.dossier}: "
            f"the stored payload cannot be read: {str(fault)[:200]}"
        ) from fault
