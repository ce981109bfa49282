"""Where the value of a named field stands in a text: JSON, XML, forms, addresses, multipart, plain lines.

The text is in lower case and may be cut off, nested in itself, or broken; no parser is asked, so none can refuse.
Invariant: when it is not clear where a value ends, it ends later, never earlier. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

_SPACE = rb"(?:[\s+]|\\+[nrt])*"  # a form writes a space as +
_ASSIGNED = re.compile(_SPACE + rb"(?::|=>|=)" + _SPACE)
_EQUALS = re.compile(rb"\s*=[ \t]*")
_COLON = re.compile(rb"[ \t]*:[ \t]*")
_QUOTE = re.compile(rb"(\\*)([\"'])")
_SCALAR = re.compile(rb"[^\s,}\]&<>\"'\\;]+")
_PART_HEAD = re.compile(rb"[^\r\n]{0,500}(?:\r?\n[^\r\n]{1,500}){0,10}\r?\n\r?\n")
_PART_END = re.compile(rb"\r?\n--|\Z")
_BRACKET = re.compile(rb"[\"'{}\[\]]")
_TAG_BEFORE = re.compile(rb"<[\w.\-]*:?\Z")
_TAG_REST = re.compile(rb"(?=[\s/>\\])(?:[^<>\"']|\"[^\"]*\"|'[^']*')*+>")
_TAG_CUT_OFF = re.compile(rb"(?:\s[^>]*)?\Z")
# {"name": "password", "value": …} and <param name="password" value="…"> or <param name="password">…
_VALUE_MEMBER = re.compile(rb"[^{}<>]{0,300}?[\s\"']value\\*[\"']?" + _SPACE + rb"[:=]" + _SPACE)
_CONTENT = re.compile(rb"[^<>{}]{0,300}>")
_UP_TO_TAG = re.compile(rb"[^<]*")
_EMPTY_VALUES = frozenset({b"null", b"true", b"false", b"none", b"nil"})
_UNQUOTED_IN_FORM = re.compile(rb"[^&\r\n]*")
_UNQUOTED = re.compile(rb"(?:[^&\s\"<>\\]|\\/)*")
_LINE = re.compile(rb"[^\r\n]*")
_REST_OF_LINE = re.compile(rb"[^\r\n\"\\<]*")
_REST_OF_MEMBER = re.compile(rb"[^\r\n\"\\<,}]*")
_LINE_START = re.compile(rb"(?:\A|[\r\n]|\\[nr])[ \t]*\Z")
_BOUNDARY = frozenset(b" \t\r\n&?;,([{<|\"'#")
_LONGEST_PREFIX = 60


class Place(msgspec.Struct, frozen=True):
    """From ``start`` to ``end`` stands a secret. ``quote``: what must stand around the word put in its place."""

    start: int
    end: int
    quote: bytes = b""


Finding = tuple[Place | None, bool]
"""The secret's place (None: the field is there and empty), and whether the name names a field here at all."""

_NO_FIELD: Finding = (None, False)


class Text:
    """A text being searched. ``flat``: it is no JSON and no XML, so that only ``&`` or a new line ends a value."""

    __slots__ = ("flat", "text")

    def __init__(self, text: bytes, *, part: bool = False) -> None:
        self.text = text
        self.flat = not part and text[:64].lstrip()[:1] not in (b"{", b"[", b"<", b'"', b"'")

    def value_after(self, start: int, end: int) -> Finding:
        """What follows the name that stands from ``start`` to ``end``."""
        before = self.text[start - 1 : start] if start else b""
        for applies, read in _RULES:
            if before in applies:
                finding = read(self, start, end)
                if finding[1]:
                    return finding
        return _NO_FIELD

    def quoted_name(self, start: int, end: int) -> Finding:
        """``"name": value`` on any level of nesting, ``'name' => value``, ``name="name"`` of a multipart body."""
        sign = self.text[start - 1 : start]
        slashes = self._slashes_before(start - 1)
        closing = b"\\" * slashes + sign
        if self.text[end : end + len(closing)] != closing:
            return _NO_FIELD
        after = end + len(closing)
        assigned = _ASSIGNED.match(self.text, after)
        if assigned is not None:
            return self._value(assigned.end(), closing), True
        if self.text[:start].endswith(b"name=" + closing) and (head := _PART_HEAD.match(self.text, after)):
            found = _PART_END.search(self.text, head.end())
            return _place(head.end(), found.start() if found else len(self.text)), True
        return self._named_value(start - len(closing), after)

    def _named_value(self, opening: int, after: int) -> Finding:
        """``"name"`` as a value itself, its partner being called ``value`` or standing in the element."""
        if not self.text[:opening].rstrip().endswith((b":", b"=")):
            return _NO_FIELD
        partner = _VALUE_MEMBER.match(self.text, after)
        if partner is not None:
            return self._value(partner.end(), b'"'), True
        content = _CONTENT.match(self.text, after)
        if content is None or content[0].endswith(b"/>"):
            return _NO_FIELD
        return _place(content.end(), _end_of(_UP_TO_TAG, self.text, content.end())), True

    def element(self, start: int, end: int) -> Finding:
        """``<name …>value</name>``, with any prefix; CDATA, comments and children are part of the value."""
        if _TAG_BEFORE.search(self.text[max(0, start - _LONGEST_PREFIX) : start]) is None:
            return _NO_FIELD
        tag = _TAG_REST.match(self.text, end)
        if tag is None:
            return (None, True) if _TAG_CUT_OFF.match(self.text, end) else _NO_FIELD
        if self.text[tag.end() - 2 : tag.end()] == b"/>":
            return None, True
        return _place(tag.end(), self._end_of_element(self.text[start:end], tag.end())), True

    def _end_of_element(self, name: bytes, position: int) -> int:
        depth = 1
        tags = re.compile(rb"<(\\*/)?(?:[\w.\-]+:)?" + re.escape(name) + rb"(?=[\s/>])[^>]*>")
        for tag in tags.finditer(self.text, position):
            if tag[1]:
                depth -= 1
            elif not tag[0].endswith(b"/>"):
                depth += 1
            if depth == 0:
                return tag.start()
        return len(self.text)

    def assignment(self, start: int, end: int) -> Finding:
        """``name=value`` of a form, an address, an XML attribute, a cookie."""
        equals = _EQUALS.match(self.text, end)
        if equals is None or not self._stands_alone(start):
            return _NO_FIELD
        value = equals.end()
        if _QUOTE.match(self.text, value):
            return self._value(value, b""), True
        pattern = _UNQUOTED_IN_FORM if self.flat else _UNQUOTED
        return _place(value, _end_of(pattern, self.text, value)), True

    def _stands_alone(self, start: int) -> bool:
        """Whether a letter before the name belongs to an escaped line break."""
        before = self.text[max(0, start - 2) : start]
        return before[-1:] not in (b"n", b"r", b"t") or before[:1] == b"\\"

    def line(self, start: int, end: int) -> Finding:
        """``name: value`` at the start of a line, as in headers and YAML."""
        head = self.text[max(0, start - _LONGEST_PREFIX) : start]
        if start > len(head):
            head = b"x" + head  # not the start of the text
        if _LINE_START.search(head) is None:
            return _NO_FIELD
        return self._bare(end, _LINE if self.flat else _REST_OF_LINE)

    def member(self, start: int, end: int) -> Finding:
        """``{name: value}`` without quotes around the name."""
        return self._bare(end, _REST_OF_MEMBER)

    def _bare(self, end: int, rest: re.Pattern[bytes]) -> Finding:
        colon = _COLON.match(self.text, end)
        if colon is None:
            return _NO_FIELD
        value = colon.end()
        if _QUOTE.match(self.text, value) or self.text[value : value + 1] in (b"{", b"["):
            return self._value(value, b""), True
        return _place(value, _end_of(rest, self.text, value)), True

    def _value(self, position: int, quote: bytes) -> Place | None:
        """A JSON-like value from ``position`` on; None when it is empty."""
        opening = _QUOTE.match(self.text, position)
        if opening is not None:
            return _place(opening.end(), self._end_of_string(opening.end(), len(opening[1]), opening[2]))
        if self.text[position : position + 1] in (b"{", b"["):
            return Place(position, self._end_of_brackets(position), quote)
        scalar = _SCALAR.match(self.text, position)
        if scalar is None or scalar[0] in _EMPTY_VALUES:
            return None
        return Place(position, scalar.end(), quote)

    def _end_of_string(self, position: int, slashes: int, sign: bytes) -> int:
        """Where the string ends whose opening quote had so many backslashes before it.

        Each level of nesting doubles backslashes and puts one before the quote: 0, 1, 3, 7.
        """
        start, levels = position, (slashes + 1).bit_length() - 1
        while (found := self.text.find(sign, position)) >= 0:
            run = min(self._slashes_before(found), found - start)
            rest = run
            for _ in range(levels):
                if rest % 2 == 0:
                    return found - run  # the string around this one ends here
                rest //= 2
            if rest % 2 == 0:
                return max(start, found - slashes)
            position = found + 1
        return len(self.text)

    def _end_of_brackets(self, position: int) -> int:
        depth = 0
        while (found := _BRACKET.search(self.text, position)) is not None:
            sign = found[0]
            position = found.end()
            if sign in b"\"'":
                slashes = self._slashes_before(found.start())
                position = self._end_of_string(position, slashes, sign) + slashes + 1
            else:
                depth += 1 if sign in b"{[" else -1
                if depth == 0:
                    return position
        return len(self.text)

    def _slashes_before(self, position: int) -> int:
        count = 0
        while count < position and self.text[position - count - 1] == ord("\\"):
            count += 1
        return count


_Rule = Callable[[Text, int, int], Finding]
_RULES: tuple[tuple[frozenset[bytes], _Rule], ...] = (
    (frozenset({b'"', b"'"}), Text.quoted_name),
    (frozenset({b"<", b":"}), Text.element),
    (
        frozenset({b"", b":", b"n", b"r", b"t", *(bytes((sign,)) for sign in _BOUNDARY)}),
        Text.assignment,
    ),
    (frozenset({b"", b"\n", b"\r", b" ", b"\t", b"n", b"r"}), Text.line),
    (frozenset({b"{", b","}), Text.member),
)


def _end_of(pattern: re.Pattern[bytes], text: bytes, position: int) -> int:
    found = pattern.match(text, position)
    return position if found is None else found.end()


def _place(start: int, end: int) -> Place | None:
    return Place(start, end) if end > start else None
