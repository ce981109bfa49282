"""Trees as elements: every name and content in its order, whatever the texts are, and bytes apart from what is judged."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.codec.tree import build, fill, outline
from gateway.codec.xml import Element

SPACE = "urn:mau:1"
NAMES = st.sampled_from(["HoSo", "MaHoSo", "NoiDung", "Tên"])
# what formats give: no control character, no surrogate
TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs"), include_characters="\t\n\r&<>\"']"))
LEAVES = st.tuples(NAMES, TEXTS | st.binary(), st.just(""))
TREES = st.recursive(
    LEAVES, lambda inner: st.tuples(NAMES, st.lists(inner, max_size=4).map(tuple), st.just("")), max_leaves=20
)


def _shown(element: Element) -> tuple[str, Any]:
    children = [_shown(child) for child in element]
    return element.tag, children or element.text or ""


def _meant(tree: Any) -> tuple[str, Any]:
    name, content, _ = tree
    if isinstance(content, tuple):
        return f"{{{SPACE}}}{name}", [_meant(each) for each in content] or ""
    text = base64.b64encode(content).decode() if isinstance(content, bytes) else content
    return f"{{{SPACE}}}{name}", text


@given(TREES)
def test_the_element_has_every_name_and_content_in_order_and_nothing_else(tree: Any) -> None:
    made = build(tree, SPACE)
    assert _shown(made) == _meant(tree)
    assert made.nsmap == {None: SPACE}
    assert not any(each.attrib or each.tail for each in made.iter())


@given(TREES)
def test_what_was_built_says_the_same_after_it_was_sent(tree: Any) -> None:
    assert _shown(etree.fromstring(etree.tostring(build(tree, SPACE), encoding="UTF-8"))) == _meant(tree)


def test_bytes_are_left_out_until_they_are_filled_in() -> None:
    tree = (
        "Ho",
        (("NoiDung", "văn bản", ""), ("Tep", (("NoiDung", b"\x00\xff", ""),), ""), ("Ma", "1", "")),
        "",
    )
    made, files = outline(tree, SPACE)
    assert _shown(made)[1][1] == (f"{{{SPACE}}}Tep", [(f"{{{SPACE}}}NoiDung", "")])
    fill(files)
    assert _shown(made) == _meant(tree)
