"""How the ministry's stand-in comes to check signatures and to sign: by somebody else, who is handed in.

An adapter carries no signing library. Tests hand in a ``Proof`` that was written independently, because the gateway's own
would prove nothing; the sandbox hands in the gateway's own. Invariant: without one nothing is checked, and the record says
so of every call that bore a signature.
"""

from __future__ import annotations

from gateway.port.simulator import Judged, Proof

__all__ = ["Judged", "Proof"]
