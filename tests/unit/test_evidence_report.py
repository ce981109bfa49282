"""What people read of the evidence: every letter of it can be printed, nothing in it is markup, any length fits."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfbase import pdfmetrics

from gateway.deadlines.classes import Verdict
from gateway.domain.delivery import DeliveryState
from gateway.domain.status import Status
from gateway.evidence import words
from gateway.evidence.page import page
from gateway.evidence.paper import Grid, Pairs, Paper, Section, Text
from gateway.evidence.printing import BOLD, REGULAR, pdf, wrapped
from gateway.evidence.words import Names
from gateway.messagelog.content import Missing
from gateway.proof import lienthong_verify as verifier
from gateway.reports.words import COLUMNS, STATUSES

LETTERS = "aăâeêioôơuưyđAĂÂEÊIOÔƠUƯYĐ"
TONES = "àáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ"
HOSTILE = "<script>alert(1)</script> & \"quotes\" 'and' </td> \x00\ud800 漢字"


def paper(*blocks):
    return Paper("Tiêu đề", "phụ đề", "chân trang", [Section("Mục", list(blocks))])


def all_texts():
    for name in dir(words):
        found = getattr(words, name)
        if name.isupper():
            yield str(found)
    yield from COLUMNS.values()
    yield from STATUSES.values()


def test_every_letter_can_be_printed():
    pdf(paper(Text("x")))
    wanted = set("".join((LETTERS, TONES, TONES.upper(), *all_texts()))) - {"\n"}
    for font in (REGULAR, BOLD):
        known = pdfmetrics.getFont(font).face.charToGlyph
        assert [letter for letter in wanted if ord(letter) not in known] == []


def test_every_class_state_and_reason_has_its_words():
    assert set(words.CLASSES) == set(Verdict)
    assert (
        set(words.MISSING) == set(verifier.MISSING) == set(Missing) - {Missing.WITHHELD}
    )  # whoever exports may read
    columns = {str(column): told for column, told in COLUMNS.items()}
    names = Names(columns=columns, statuses={status.value: told for status, told in STATUSES.items()})
    for verdict in Verdict:
        assert names.of_class(verdict) != verdict
    assert names.of_class("LATE") == "Biểu số II.06a/VPCP/KSTT, cột 10: Đã giải quyết quá hạn"
    for status in Status:
        assert names.of_status(status.value) != status.value
    assert {state.value for state in DeliveryState} <= set(words.VALUES)


def test_nothing_is_markup():
    html = page(
        paper(Text(HOSTILE), Pairs([(HOSTILE, HOSTILE)]), Grid((HOSTILE,), (1,), [(HOSTILE,)]))
    ).decode()
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") == 5
    assert "default-src 'none'" in html
    assert 'lang="vi"' in html


def pages_of(data):
    return len(re.findall(rb"/Type /Page\b", data))


def test_a_long_report_turns_its_pages_and_says_the_headings_again():
    rows = [(str(number), "Một câu dài về việc đã xảy ra " * 12) for number in range(300)]
    data = pdf(paper(Grid(("Số", "Việc"), (1, 6), rows)))
    assert data.startswith(b"%PDF-")
    assert pages_of(data) > 10


def test_a_cell_longer_than_a_page_goes_on():
    data = pdf(paper(Grid(("Số", "Việc"), (1, 6), [("1", "từ " * 20_000), ("2", "x" * 20_000)])))
    assert pages_of(data) > 4


def test_the_same_report_is_the_same_file():
    told = paper(Text("Hồ sơ", strong=True), Pairs([("a", "b")]))
    assert pdf(told) == pdf(told)
    assert page(told) == page(told)


@pytest.mark.parametrize("width", [20.0, 100.0, 400.0])
def test_no_line_is_wider_than_its_column_and_no_word_is_lost(width):
    pdf(paper(Text("x")))
    text = "Hồ sơ H99.14-260928-0007 được tiếp nhận " * 5 + "W" * 300
    lines = wrapped(text, REGULAR, 8, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(pdfmetrics.stringWidth(line, REGULAR, 8) <= width for line in lines)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=400), st.lists(st.text(max_size=60), min_size=1, max_size=4))
def test_any_text_can_be_printed(text, cells):
    told = paper(Text(text), Pairs([(text, text)]), Grid(tuple(cells), (1,) * len(cells), [tuple(cells)]))
    assert pdf(told).startswith(b"%PDF-")
    assert page(told)
