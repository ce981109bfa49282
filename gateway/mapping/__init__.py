"""The grammar of mapping tables: fields, codes, responses, formats, totality.

Invariant: a table is data. It is compiled once and then only looked up; it knows no partner, no socket, no clock.
"""

from __future__ import annotations

from gateway.mapping.codes import CodeRow, CodeTable, read_day, read_rows, read_table, read_tables
from gateway.mapping.fields import ABSENT, Encoder, Field, Scope, Table, Variant
from gateway.mapping.formats import VIETNAM, Unfit, local_date, parse_date14
from gateway.mapping.responses import Answer, Classifier, ResponseTable, Row, Shape, fold
from gateway.mapping.totality import Element, Mark, Waiver, elements, forgotten, unknown

__all__ = [
    "ABSENT",
    "VIETNAM",
    "Answer",
    "Classifier",
    "CodeRow",
    "CodeTable",
    "Element",
    "Encoder",
    "Field",
    "Mark",
    "ResponseTable",
    "Row",
    "Scope",
    "Shape",
    "Table",
    "Unfit",
    "Variant",
    "Waiver",
    "elements",
    "fold",
    "forgotten",
    "local_date",
    "parse_date14",
    "read_day",
    "read_rows",
    "read_table",
    "read_tables",
    "unknown",
]
