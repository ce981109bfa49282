"""Messages as the national portal gets them: the example dossiers, encoded by its own adapter, in the order of its plan.

One message in ten carries a whole dossier (2 KB, five to eight personal values), the others one step of it. The same
arguments give the same messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import msgspec

from adapters import national_portal
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.errors import CannotEncode
from gateway.port import Adapter, Context, Planned, Secret
from mappings.sources import Translation

NAME = "national_portal"
EXAMPLES = Path(__file__).parents[1] / "examples" / "dossiers.jsonl"
_NOW = datetime(2026, 11, 22, tzinfo=UTC)
_SETTINGS = {
    "adapter_url": "http://127.0.0.1:9/forward",
    "username": "bench",
    "password": Secret("bench-only-password"),
    "madonvi": "H99",
    "province_code": "H99",
}


def personal_fields() -> tuple[str, ...]:
    """The names of those fields of the portal's messages that hold personal data."""
    return _adapter().manifest.personal_fields


def payloads(dossier: int, count: int) -> list[bytes]:
    """``count`` messages of dossier number ``dossier``, marked as the stub partner wants them."""
    every = _bodies()
    chosen = (every[(dossier * count + index) % len(every)] for index in range(count))
    return [b'{"dossier":%d,"index":%d,%b' % (dossier, index, body[1:]) for index, body in enumerate(chosen)]


def largest() -> bytes:
    """The message with the most personal values among the largest."""
    return max(_bodies(), key=len)


@cache
def _adapter() -> Adapter:
    return national_portal.build(msgspec.convert(_SETTINGS, national_portal.Settings, strict=False))


@cache
def _bodies() -> Sequence[bytes]:
    adapter, context, translation = _adapter(), Context(now=_NOW), Translation.load(None)
    bodies: list[bytes] = []
    for text in EXAMPLES.read_bytes().splitlines():
        dossier = translation.translate(msgspec.json.decode(text, type=Dossier), date(2026, 11, 22))
        if not isinstance(dossier, Dossier) or not adapter.wants(dossier):
            continue
        try:
            bodies += [_encoded(adapter, dossier.code, each, context) for each in adapter.plan(dossier)]
        except CannotEncode:
            continue  # wants a name from the catalogue
    return bodies


def _encoded(adapter: Adapter, code: str, planned: Planned, context: Context) -> bytes:
    delivery = Delivery(
        id=1,
        lane=1,
        destination=NAME,
        dossier=code,
        operation=planned.operation,
        key=planned.key,
        position=1,
        payload=planned.payload,
    )
    return adapter.encode([delivery], context).body
