"""A tree of names and contents as XML elements, in one namespace that needs no prefix.

Invariant: every name and every content of the tree is in the element, in its order, and nothing else is.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from typing import TypeAlias

from lxml import etree

from gateway.codec.xml import Element

Tree: TypeAlias = "tuple[str, str | bytes | tuple[Tree, ...], str]"
"""Name, content (a text, bytes that are written as base64, or trees), and where it comes from, which is not written."""
Files: TypeAlias = list[tuple[Element, bytes]]
"""Elements that are still empty, with the bytes that belong into them."""

# line ends, too: a carriage return would be read as a line feed, and everything is on one line, as findings tell it
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", "\n": "&#10;"})
_SPECIAL = re.compile("[&<>\r\n]")


def build(top: Tree, namespace: str) -> Element:
    """The element of ``top``; texts must be possible in XML 1.0, which every format of ``gateway.mapping`` gives."""
    root, files = outline(top, namespace)
    fill(files)
    return root


def outline(top: Tree, namespace: str) -> tuple[Element, Files]:
    """The element of ``top`` without its bytes, to be validated: base64 that is written here is base64, and letting a
    schema read it letter by letter takes five times as long as writing it."""
    # written as text and read back: half the time of adding element after element
    parts: list[str] = []
    contents: dict[int, bytes] = {}
    _write((top,), parts, contents)
    markup = "".join(parts).replace(f"<{top[0]}", f'<{top[0]} xmlns="{namespace}"', 1)
    root = etree.fromstring(markup.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    if not contents:
        return root, []
    elements = list(root.iter())
    return root, [(elements[number], each) for number, each in contents.items()]


def fill(files: Files) -> None:
    """Write what ``outline`` has left out."""
    for element, content in files:
        # bytes, which the stubs do not know: lxml would look at every letter of a text twice
        element.text = b2a_base64(content, newline=False)  # type: ignore[assignment]


def _write(trees: tuple[Tree, ...], parts: list[str], contents: dict[int, bytes]) -> None:
    """Add a part for each element, in their order; the bytes of files go under the numbers of theirs."""
    for name, content, _ in trees:
        if isinstance(content, str):
            parts.append(f"<{name}>{_escaped(content)}</{name}>")
        elif isinstance(content, bytes):
            contents[len(parts)] = content
            parts.append(f"<{name}/>")
        else:
            parts.append(f"<{name}>")
            _write(content, parts, contents)
            parts[-1] += f"</{name}>"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES) if _SPECIAL.search(text) else text
