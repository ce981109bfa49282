"""Runs every adapter's simulator over real HTTP on the loopback interface, with injected faults.

Invariant: a run can be repeated. Faults follow from a seed and rules, latencies from a fixed walk; only the order in
which concurrent requests arrive is the network's.
"""

from __future__ import annotations

from gateway.sandbox.admin import PREFIX, PushOrder
from gateway.sandbox.certificates import Authority, Holder, server_tls
from gateway.sandbox.courier import Receipt
from gateway.sandbox.damage import SOCKET_FAULTS
from gateway.sandbox.faults import ANY, PRESETS, FaultPlan, FaultRule, calm, decide, five_percent, storm
from gateway.sandbox.sandbox import CONTROL, Sandbox, run_sandbox, serve_sandbox
from gateway.sandbox.stand import APPLICATION_FAULTS, Latency

__all__ = [
    "ANY",
    "APPLICATION_FAULTS",
    "CONTROL",
    "PREFIX",
    "PRESETS",
    "SOCKET_FAULTS",
    "Authority",
    "FaultPlan",
    "FaultRule",
    "Holder",
    "Latency",
    "PushOrder",
    "Receipt",
    "Sandbox",
    "calm",
    "decide",
    "five_percent",
    "run_sandbox",
    "serve_sandbox",
    "server_tls",
    "storm",
]
