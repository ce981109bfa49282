"""What a settlement file says in which column, and what may stand there.

Banks and platforms head their columns in their own words, in Vietnamese or English; a heading is known by its letters
alone, so that case, accents, blanks and punctuation do not matter. Invariant: money is read from digits and nothing
else, and what the file says about time is kept as it is written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import msgspec

from gateway.codec.workbook import Cell
from gateway.domain.payment import CURRENCY, MOST_VND
from gateway.domain.violation import shown

Claim: TypeAlias = Literal["paid", "failed", "pending", "refunded"]
_WORD = re.compile(r"[^\s|=+@'\"<>\x00-\x1f][^\s|\x00-\x1f]{0,254}")
_MONEY = re.compile(r"[0-9]{1,15}")  # a spreadsheet keeps no more digits than these


class Wrong(ValueError):
    """A cell that cannot be what its column holds. ``expected``: what can."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column. ``headings``: in Vietnamese, in English, others; ``read`` raises Wrong."""

    field: str
    headings: tuple[str, ...]
    expected: str
    read: Callable[[Cell], str | int]
    required: bool = False


def amount(cell: Cell) -> int:
    """Đồng. A formula, a fraction, a text of another kind and a separator are refused, never guessed."""
    text = cell.text.strip()
    if cell.kind == "formula" or text.startswith("="):
        raise Wrong("a number of đồng as a value; here a formula computes it")
    if not text.isascii() or not _MONEY.fullmatch(text):
        raise Wrong("đồng in digits only, 1 to 999999999999999, without separators or fraction")
    if not 0 < int(text) <= MOST_VND:
        raise Wrong("đồng, 1 to 999999999999999")
    return int(text)


def sheet_amount(cell: Cell) -> int:
    """Like ``amount`` in a workbook, where a text is not an amount, either."""
    if cell.kind == "text":
        raise Wrong("a number of đồng; here the cell holds a text")
    return amount(cell)


def word(cell: Cell) -> str:
    """A reference or a code. A spreadsheet loses leading zeros and long digits of a number, so it must be a text."""
    if cell.kind == "formula":
        raise Wrong("a text as a value; here a formula computes it")
    if cell.kind != "text":
        raise Wrong("a text; format the column as text, or digits of it are lost")
    text = cell.text.strip()
    if text and not _WORD.fullmatch(text):
        raise Wrong("at most 255 characters without blanks, beginning with a letter or a digit")
    return text


def verbatim(cell: Cell) -> str:
    """What the file says about a time, as it is written."""
    text = cell.text.strip()
    if cell.kind not in {"text", "number"} or text.startswith("="):
        raise Wrong("a time as a text")
    if cell.kind == "number" and not (text.isascii() and text.isdigit() and len(text) in {8, 14}):
        raise Wrong("a time as a text, like 20260928143212; a spreadsheet's own date cannot be kept as it is")
    if len(text) > 50:
        raise Wrong("at most 50 characters")
    return text


def currency(cell: Cell) -> str:
    """The currency; VND where the file does not say it."""
    text = word(cell).upper() or CURRENCY
    if not (text.isascii() and text.isalpha() and len(text) == 3):
        raise Wrong("three letters, like VND")
    return text


_STATES: Mapping[str, Claim] = {
    **dict.fromkeys(("", "1", "00", "paid", "success", "thanhcong", "dathanhtoan"), "paid"),
    **dict.fromkeys(("4", "failed", "fail", "thatbai"), "failed"),
    **dict.fromkeys(("3", "pending", "dangxuly"), "pending"),
    **dict.fromkeys(("refund", "refunded", "hoantra", "hoantien", "dahoantra"), "refunded"),
}
_TYPES: Mapping[str, Claim] = {
    **dict.fromkeys(("", "pay", "payment", "thanhtoan"), "paid"),
    **dict.fromkeys(("refund", "hoantra", "hoantien"), "refunded"),
}


def letters(text: str) -> str:
    """The letters and digits of a heading or a word, without accents, in small letters."""
    plain = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    return "".join(each for each in plain.casefold() if each.isalnum() and each.isascii())


def _one_of(words: Mapping[str, Claim], expected: str) -> Callable[[Cell], str]:
    def read(cell: Cell) -> str:
        if cell.kind in {"formula", "error", "bool"} or letters(cell.text) not in words:
            raise Wrong(expected)
        return words[letters(cell.text)]

    return read


_STATE_WORDS = "1, 00, paid, Thành công; 4, failed, Thất bại; 3, pending, Đang xử lý; Hoàn trả"
_TYPE_WORDS = "PAY, Thanh toán; REFUND, Hoàn trả"
COLUMNS: tuple[Column, ...] = (
    Column(
        field="reference",
        headings=("Mã tham chiếu", "reference", "payment reference", "số tham chiếu"),
        expected="the reference that was sent with the order",
        read=word,
        required=True,
    ),
    Column(
        field="transaction",
        headings=("Mã giao dịch", "transaction", "transaction number", "transaction no", "số giao dịch"),
        expected="the platform's number of the payment",
        read=word,
        required=True,
    ),
    Column(
        field="amount",
        headings=("Số tiền", "amount", "số tiền (đồng)", "amount (VND)"),
        expected="đồng in digits only",
        read=amount,
        required=True,
    ),
    Column(
        field="partner",
        headings=("Mã đối tác", "partner", "partner code"),
        expected="the partner's code",
        read=word,
    ),
    Column(
        field="currency",
        headings=("Mã tiền tệ", "currency", "loại tiền", "đơn vị tiền tệ"),
        expected="VND",
        read=currency,
    ),
    Column(
        field="paid_at",
        headings=(
            "Thời gian thanh toán",
            "paid at",
            "payment time",
            "thời gian giao dịch",
            "ngày thanh toán",
        ),
        expected="a time, kept as it is written",
        read=verbatim,
    ),
    Column(
        field="bank",
        headings=("Mã ngân hàng", "bank", "bank code", "ngân hàng"),
        expected="a bank's code",
        read=word,
    ),
    Column(
        field="state",
        headings=("Trạng thái", "state", "status", "trạng thái giao dịch"),
        expected=_STATE_WORDS,
        read=_one_of(_STATES, _STATE_WORDS),
    ),
    Column(
        field="type",
        headings=("Loại giao dịch", "type", "transaction type"),
        expected=_TYPE_WORDS,
        read=_one_of(_TYPES, _TYPE_WORDS),
    ),
)
BY_HEADING: Mapping[str, Column] = {
    letters(heading): column for column in COLUMNS for heading in column.headings
}
REQUIRED: tuple[Column, ...] = tuple(column for column in COLUMNS if column.required)


def got(cell: Cell) -> str:
    """A cell as a report of a bad line shows it."""
    return "nothing" if not cell.text else shown(cell.text)
