"""A row of the response table that no recorded answer falls under, in a table without an end."""

from types import SimpleNamespace

import msgspec

from adapters.ward_board import Settings, build, manifest, simulate
from gateway.mapping import Row
from mappings.ward_board import ELEMENTS, RESPONSES, TABLES, WAIVED

BREAKS = "response-table"
SAYS = ("no recorded case falls under this row", "must have no condition")

_closed = Row(name="closed", verdict="deferred", why="the ward is on holiday", statuses=((423, 423),))
MAPPING = SimpleNamespace(
    ELEMENTS=ELEMENTS,
    TABLES=TABLES,
    WAIVED=WAIVED,
    RESPONSES=msgspec.structs.replace(RESPONSES, rows=(*RESPONSES.rows[:-1], _closed)),
)

__all__ = ["Settings", "build", "manifest", "simulate"]
