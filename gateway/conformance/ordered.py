"""Deliveries that no version of a dossier plans, but a person or another system asks for: a payment, say.

An adapter lists examples in ``spec/orders.jsonl``; the kit plays each as if every version of its dossier planned it.
Invariant: everything but ``wants`` and ``plan`` is the adapter's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from gateway.codec import canonical
from gateway.domain.dossier import Dossier
from gateway.domain.errors import ConfigurationError
from gateway.port import Adapter, Planned

ORDERS = Path("spec", "orders.jsonl")


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One delivery; ``payload`` is written as canonical JSON. ``dossier`` is the code of a sample."""

    dossier: str
    operation: str
    key: str
    payload: Any

    def planned(self) -> Planned:
        """The order as a plan has it."""
        return Planned(operation=self.operation, key=self.key, payload=canonical.encode(self.payload))


def read_orders(home: Path) -> tuple[Order, ...]:
    """The orders of the adapter at ``home``; none when it has no such file."""
    path = home / ORDERS
    if not path.is_file():
        return ()
    try:
        return tuple(msgspec.json.decode(line, type=Order) for line in path.read_bytes().splitlines() if line)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def with_orders(adapter: Adapter, orders: Sequence[Order]) -> Adapter:
    """``adapter`` whose dossiers call for ``orders`` as well; itself when there are none."""
    return cast("Adapter", _Ordered(adapter, orders)) if orders else adapter


class _Ordered:
    """An adapter with orders."""

    def __init__(self, adapter: Adapter, orders: Sequence[Order]) -> None:
        self._adapter = adapter
        self._orders: dict[str, list[Planned]] = {}
        for order in orders:
            self._orders.setdefault(order.dossier, []).append(order.planned())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def wants(self, dossier: Dossier) -> bool:
        return dossier.code in self._orders or self._adapter.wants(dossier)

    def plan(self, dossier: Dossier) -> Sequence[Planned]:
        return [*self._adapter.plan(dossier), *self._orders.get(dossier.code, ())]
