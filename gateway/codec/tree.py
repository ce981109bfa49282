"""A tree of names and texts as XML elements, in one namespace that needs no prefix.

Invariant: every name and every text of the tree is in the element, in its order, and nothing else is.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from lxml import etree

from gateway.codec.xml import Element

Tree: TypeAlias = "tuple[str, str | tuple[Tree, ...], str]"
"""Name, content, and where it comes from, which is not written."""


def build(top: Tree, namespace: str) -> Element:
    """The element of ``top``; texts must be possible in XML 1.0, which every format of ``gateway.mapping`` gives."""
    spaces: Any = {None: namespace}  # the default namespace, which the stubs do not know
    root = etree.Element(f"{{{namespace}}}{top[0]}", nsmap=spaces)
    _fill(root, top[1], f"{{{namespace}}}")
    return root


def _fill(element: Element, content: str | tuple[Tree, ...], space: str) -> None:
    if isinstance(content, str):
        element.text = content
        return
    for name, inner, _ in content:
        _fill(etree.SubElement(element, space + name), inner, space)
