"""Every fault of payment_platform §15 by name: what it is put on, and what it means there.

Invariant: total over §15. A fault that does not fit a request returns None and has changed nothing; one that fits
leaves a state that the real platform could be in, and never touches what was really paid, except where the payer
pays twice (``second_MaGiaoDich``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from adapters.payment_platform.simulator_model import SimulatorConfig
from adapters.payment_platform.simulator_variants import VARIANTS

Parameter = Callable[[SimulatorConfig], float]


def _on(_config: SimulatorConfig) -> float:
    return 1.0


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``services``: requests that it can strike; ``parameter``: what it has when no number is given."""

    services: frozenset[str]
    parameter: Parameter = _on


_PAYING = frozenset({"init", "pay"})
_INIT = frozenset({"init"})
_SPOKEN = frozenset({"init", "query", "bill"})
_ASKED = frozenset({"init", "query"})
_BILLED = frozenset({"init", "bill"})

_NOTICES: dict[str, Fault] = {
    "no_callback": Fault(services=_PAYING),
    "late_callback": Fault(services=_PAYING, parameter=lambda config: config.late_seconds),
    "duplicate_callback": Fault(services=_PAYING, parameter=lambda config: config.copies),
    "callback_before_init_reply": Fault(services=_INIT),
    "fail_then_success": Fault(services=_PAYING),
    "success_then_fail": Fault(services=_PAYING),
    "second_MaGiaoDich": Fault(services=_PAYING),
    "redirect_forged_success": Fault(services=_PAYING),
    **{name: Fault(services=_PAYING) for name in VARIANTS if name != "clock_skew"},
    "clock_skew": Fault(services=_PAYING, parameter=lambda config: config.skew_seconds),
}
_ANSWERS: dict[str, Fault] = {
    "query_pending": Fault(services=_ASKED, parameter=lambda config: config.pending_times),
    "query_not_found": Fault(services=_ASKED),
    "query_unknown_status": Fault(services=_ASKED),
    "bill_pdf": Fault(services=_BILLED),
    "bill_json_url": Fault(services=_BILLED),
    "bill_error_text": Fault(services=_BILLED),
    "bill_url_internal_host": Fault(services=_BILLED),
    "bill_not_ready": Fault(services=_BILLED, parameter=lambda config: config.not_ready_times),
}
_REPLIES: dict[str, Fault] = {
    "init_timeout_after_accept": Fault(services=_INIT, parameter=lambda config: config.hold_seconds),
    "init_5xx": Fault(services=_INIT),
    "non_json": Fault(services=_SPOKEN),
}
FAULTS: Mapping[str, Fault] = {**_NOTICES, **_ANSWERS, **_REPLIES}
MARKS: frozenset[str] = frozenset({**_NOTICES, **_ANSWERS})
"""Faults that are put on a transaction and strike when its turn comes; the others change one reply."""

_NAMED = re.compile(r"(\w+)(?:\((-?[0-9]{1,9}(?:\.[0-9]{1,6})?)\))?")


def read_fault(text: str, config: SimulatorConfig) -> tuple[str, float] | None:
    """``late_callback`` or ``late_callback(90)``: the name and its number; None when there is no such fault."""
    match = _NAMED.fullmatch(text)
    if match is None or match[1] not in FAULTS:
        return None
    return match[1], float(match[2]) if match[2] else FAULTS[match[1]].parameter(config)
