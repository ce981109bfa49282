"""A tree of names and contents as XML elements, in one namespace that needs no prefix.

Invariant: every name and every content of the tree is in the element, in its order, and nothing else is.
"""

from __future__ import annotations

from binascii import b2a_base64
from typing import Any, TypeAlias

from lxml import etree

from gateway.codec.xml import Element

Tree: TypeAlias = "tuple[str, str | bytes | tuple[Tree, ...], str]"
"""Name, content (a text, bytes that are written as base64, or trees), and where it comes from, which is not written."""
Files: TypeAlias = list[tuple[Element, bytes]]
"""Elements that are still empty, with the bytes that belong into them."""


def build(top: Tree, namespace: str) -> Element:
    """The element of ``top``; texts must be possible in XML 1.0, which every format of ``gateway.mapping`` gives."""
    root, files = outline(top, namespace)
    fill(files)
    return root


def outline(top: Tree, namespace: str) -> tuple[Element, Files]:
    """The element of ``top`` without its bytes, to be validated: base64 that is written here is base64, and letting a
    schema read it letter by letter takes twelve times as long as writing it."""
    spaces: Any = {None: namespace}  # the default namespace, which the stubs do not know
    root = etree.Element(f"{{{namespace}}}{top[0]}", nsmap=spaces)
    files: Files = []
    _add(root, top[1], f"{{{namespace}}}", files)
    return root, files


def fill(files: Files) -> None:
    """Write what ``outline`` has left out."""
    for element, content in files:
        # bytes, which the stubs do not know: lxml would look at every letter of a text twice
        element.text = b2a_base64(content, newline=False)  # type: ignore[assignment]


def _add(element: Element, content: str | bytes | tuple[Tree, ...], space: str, files: Files) -> None:
    if isinstance(content, str):
        element.text = content
    elif isinstance(content, bytes):
        files.append((element, content))
    else:
        for name, inner, _ in content:
            _add(etree.SubElement(element, space + name), inner, space, files)
