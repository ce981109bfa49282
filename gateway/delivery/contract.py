"""Which answers of a destination are none that its contract describes, by the codes of their outcomes.

Invariant: what the gateway itself finds no sense in (an adapter's defect, a missing signature, an answer beyond all size)
counts for every destination; what else does is the adapter's own declaration.
"""

from __future__ import annotations

from gateway.delivery.sealing import REFUSED
from gateway.port import Manifest
from gateway.wire.asking import UNSIGNED

ALWAYS = ("adapter_defect", "answer_too_large", UNSIGNED, REFUSED)


def off_contract_codes(manifest: Manifest) -> frozenset[str]:
    """The codes under which an answer is off the contract."""
    return frozenset((*ALWAYS, *manifest.off_contract))
