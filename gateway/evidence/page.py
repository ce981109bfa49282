"""A report as one HTML page that prints well: no script, no font, nothing outside itself.

Invariant: every text of the report is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import assert_never

from gateway.evidence.paper import Block, Grid, Pairs, Paper, Text

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 62rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; border-bottom: 2px solid #b3261e; }
.subtitle, footer { color: #555; } .strong { font-weight: 600; font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; font-size: .86rem; }
th, td { border: 1px solid #bbb; padding: .3rem .45rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { background: #f2f2f2; } dl { display: grid; grid-template-columns: 16rem 1fr; gap: .25rem 1rem; margin: .5rem 0; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; } footer { margin-top: 2.5rem; font-size: .85rem; }
@page { size: A4; margin: 16mm 14mm; }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 10.5pt; } thead { display: table-header-group; }
  tr, dt, dd { break-inside: avoid; } h2 { break-after: avoid; } }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } }
"""


def page(paper: Paper) -> bytes:
    """The report as HTML."""
    return "\n".join(_lines(paper)).encode("utf-8", "replace")


def _lines(paper: Paper) -> Iterator[str]:
    yield f'<!DOCTYPE html>\n<html lang="vi"><head><meta charset="utf-8"><title>{escape(paper.subtitle)}</title>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<style>{_STYLE}</style></head><body><main>"
    yield f'<h1>{escape(paper.title)}</h1><p class="subtitle">{escape(paper.subtitle)}</p>'
    for section in paper.sections:
        yield f"<section><h2>{escape(section.heading)}</h2>"
        for block in section.blocks:
            yield from _block(block)
        yield "</section>"
    yield f"</main><footer>{escape(paper.footer)}</footer></body></html>\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Text():
            strong = ' class="strong"' if block.strong else ""
            yield f"<p{strong}>{escape(block.text)}</p>"
        case Pairs():
            pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in block.rows)
            yield f"<dl>{pairs}</dl>"
        case Grid():
            yield from _table(block)
        case other:
            assert_never(other)


def _table(grid: Grid) -> Iterator[str]:
    whole = sum(grid.widths)
    yield "<table><colgroup>" + "".join(
        f'<col style="width:{100 * each / whole:.1f}%">' for each in grid.widths
    )
    headings = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in grid.headings)
    yield f"</colgroup><thead><tr>{headings}</tr></thead><tbody>"
    for row in grid.rows:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</tbody></table>"
