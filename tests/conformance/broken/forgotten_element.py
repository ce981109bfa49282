"""The contract lists an element that is neither mapped nor waived; another is waived without a reason."""

from datetime import date
from types import SimpleNamespace

from adapters.ward_board import Settings, build, manifest, simulate
from gateway.mapping import Waiver, elements
from mappings.ward_board import CODES, ELEMENTS, RESPONSES, TABLES

BREAKS = "official-elements"
SAYS = ("is neither mapped nor waived", "is waived without a reason", "is not listed")

MAPPING = SimpleNamespace(
    CODES=CODES,
    RESPONSES=RESPONSES,
    TABLES=TABLES,
    ELEMENTS={
        "card": (*ELEMENTS["card"], *elements("ward_board §3", "MaVach")),
        "line": ELEMENTS["line"][:-1],
    },
    WAIVED={"card": {"AnhDaiDien": Waiver(reason="-", on=date(2026, 9, 1))}},
)

__all__ = ["Settings", "build", "manifest", "simulate"]
