"""Tables of the ward board: its elements, its codes, its answers."""

from mappings.ward_board.answers import CODES, RESPONSES, read_answer
from mappings.ward_board.messages import ELEMENTS, TABLES, WAIVED

__all__ = ["CODES", "ELEMENTS", "RESPONSES", "TABLES", "WAIVED", "read_answer"]
