"""Reading a partner's JSON: what is forgiven, what is refused, and that nothing else can happen."""

from __future__ import annotations

import json as standard

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codec import Unreadable, json

FORGIVEN: list[tuple[bytes, object]] = [
    (b'{"a": 1}', {"a": 1}),
    (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    (b' \r\n\t{"a": 1}\n ', {"a": 1}),
    (b'{"a": "x\ny\tz"}', {"a": "x\ny\tz"}),
    (b'{"a": "\\ud800"}', {"a": "\ufffd"}),
    (b'{"\\udc00": ["\\ud83d\\ude00"]}', {"\ufffd": ["😀"]}),
    ('{"a": "Đồng bộ thành công 𠮷"}'.encode(), {"a": "Đồng bộ thành công 𠮷"}),
    (b"[]", []),
    (b"null", None),
    (b'"x"', "x"),
    (b"1.5e3", 1500.0),
]
REFUSED: list[tuple[bytes, str]] = [
    (b"", "empty"),
    (b" \n ", "empty"),
    (b"\xef\xbb\xbf", "empty"),
    (b"{", "not_json"),
    (b'{"a": 1}{"a": 1}', "not_json"),
    (b'{"a": 1}<html>', "not_json"),
    (b"OK", "not_json"),
    (b"\x00\x00", "not_json"),
    (b"1" * 5000, "not_json"),
    (b'{"a": NaN}', "not_finite"),
    (b'{"a": -Infinity}', "not_finite"),
    (b'{"a": 1e999}', "not_finite"),
    (b'{"a": 1, "a": 2}', "repeated_key"),
    (b'[{"x": {"a": 1, "b": 2, "a": 1}}]', "repeated_key"),
    (b'{"\\ud800": 1, "\\ud801": 2}', "repeated_key"),
    ('{"a": "Đ"}'.encode("utf-16"), "not_utf8"),
    ('{"a": "é"}'.encode("latin-1"), "not_utf8"),
    (b'{"a": "\xed\xa0\x80"}', "not_utf8"),
    (b"[" * 100_000, "too_deep"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
]


@pytest.mark.parametrize(("body", "value"), FORGIVEN)
def test_untidy_json_is_read(body: bytes, value: object) -> None:
    assert json.read(body) == value


@pytest.mark.parametrize(("body", "code"), REFUSED, ids=lambda value: repr(value)[:30])
def test_unclear_json_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        json.read(body)
    assert refused.value.code == code


def test_large_bodies_are_refused_unread() -> None:
    assert json.read(b'"' + b"x" * 98 + b'"', limit=100)
    with pytest.raises(Unreadable) as refused:
        json.read(b'"' + b"x" * 99 + b'"', limit=100)
    assert refused.value.code == "too_large"


@given(st.binary(max_size=300))
@settings(max_examples=500, deadline=None)
def test_any_bytes_give_a_value_or_unreadable(body: bytes) -> None:
    try:
        value = json.read(body)
    except Unreadable:
        return
    standard.dumps(value, ensure_ascii=False).encode("utf-8")


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)
@settings(max_examples=300, deadline=None)
def test_what_another_writer_wrote_is_read_back(value: object) -> None:
    assert json.read(standard.dumps(value).encode()) == standard.loads(standard.dumps(value))
