"""How the ministry's stand-in comes to check signatures and to sign: by somebody else, who is handed in.

An adapter carries no signing library, and the gateway's own would prove nothing: whoever starts the stand-in (a test, a
sandbox) gives it a ``Proof`` that was written independently. Invariant: without one nothing is checked, and the record
says so of every call that bore a signature.
"""

from __future__ import annotations

from gateway.port.simulator import Judged, Proof

__all__ = ["Judged", "Proof"]
