"""Parts of a message by their official names, and the trees that are kept of them.

Invariant: values that the schema lets through and nobody can reckon with are refused here or cut down, never raised.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache

from adapters.construction.simulator_words import VIETNAM, Q, Refused
from gateway.codec.tree import Tree
from gateway.codec.xml import Element

_NAME = len(Q)
_ATTACHMENT = f"{Q}TepDinhKem"
_YEARS = range(1900, 2200)


@cache
def path(steps: str) -> str:
    """``A/B`` in the contract's namespace, for searches."""
    return "/".join(Q + step for step in steps.split("/"))


def text(element: Element, steps: str) -> str:
    """The text at ``A/B`` below ``element``; empty when there is none."""
    return (element.findtext(path(steps)) or "").strip()


def every(element: Element, steps: str) -> list[Element]:
    """All elements at ``A/B`` below ``element``."""
    return element.findall(path(steps))


def is_true(word: str) -> bool:
    """xs:boolean."""
    return word in {"true", "1"}


def whole(text: str) -> int:
    """A number that the schema lets be whole and not negative; of one beyond all measure only that it is large."""
    digits = text.strip().partition(".")[0].lstrip("+-0") or "0"
    return int(digits[:18])


def read_instant(text: str, place: str = "") -> datetime:
    """An xs:dateTime; one without a zone is Vietnam's. The schema lets years through that no register has: Refused."""
    wrong = Refused("500", fields=[(place, "Thời điểm không hợp lệ")])
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as fault:
        raise wrong from fault
    if at.year not in _YEARS:
        raise wrong
    return at.replace(tzinfo=VIETNAM) if at.tzinfo is None else at


def read_day(text: str, place: str = "") -> date:
    """An xs:date, whatever zone it names. Refused as in ``read_instant``."""
    return read_instant(text.strip()[:10], place).date()


def kept(element: Element) -> Tree:
    """``element`` as a tree of names and texts; no attachments, and nothing of other namespaces."""
    name = str(element.tag)[_NAME:]
    inner = tuple(
        kept(child) for child in element if (tag := str(child.tag)).startswith(Q) and tag != _ATTACHMENT
    )
    return (name, inner or element.text or "", "")


def named(tree: Tree, name: str) -> Tree:
    """``tree`` under another name."""
    return (name, tree[1], "")


def parts(tree: Tree) -> tuple[Tree, ...]:
    """The children."""
    return tree[1] if isinstance(tree[1], tuple) else ()


def inner(tree: Tree, name: str) -> list[Tree]:
    """The children of that name."""
    return [child for child in parts(tree) if child[0] == name]


def said(tree: Tree, *steps: str) -> str:
    """The text of the first child along ``steps``; empty when there is none."""
    for step in steps:
        found = inner(tree, step)
        if not found:
            return ""
        tree = found[0]
    return tree[1] if isinstance(tree[1], str) else ""
