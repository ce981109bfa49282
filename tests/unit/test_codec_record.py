"""Reading records: whatever is wrong comes out as a RecordError, however deep it lies."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codec.record import RecordReader
from gateway.codec.repeats import MOST, repeated_keys
from gateway.domain.dossier import Dossier
from gateway.domain.errors import RecordError


@pytest.mark.parametrize("depth", [10, 200, 400, 900, 100_000])
@pytest.mark.parametrize("field", ["unknown", "version", "steps"])
def test_nesting_of_any_depth_is_a_refusal(depth, field):
    body = b'{"%s": %s1%s}' % (field.encode(), b"[" * depth, b"]" * depth)

    with pytest.raises(RecordError) as caught:
        RecordReader(Dossier, what="dossier record").read(body)

    assert caught.value.violations


# keys that stand twice

KNOWN = {
    "code": "H99.14-261102-0007",
    "version": 1,
    "procedure": {"code": "1.009901"},
    "agency": {"code": "H99.14", "name": "UBND"},
    "channel": "counter",
    "applicant": {"kind": "citizen", "name": "Nguyễn Văn Thử"},
    "summary": 'a \\"quoted\\": colon, {"summary": 1}',
    "status": "received",
    "steps": [{"id": str(n), "at": "2026-11-02T08:05:00+07:00", "status": "received"} for n in range(3)],
}
TEXT = json.dumps(KNOWN, ensure_ascii=False)


def refused(body):
    with pytest.raises(RecordError) as caught:
        RecordReader(Dossier, what="dossier record").read(body.encode())
    return {found.pointer: found.code for found in caught.value.violations}


def test_record_whose_texts_look_like_keys_is_taken():
    assert RecordReader(Dossier, what="dossier record").read(TEXT.encode()).summary == KNOWN["summary"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (('"version": 1', '"version": 1, "version": 1'), "/version"),
        (('"version": 1', '"version": 1, "version": 2'), "/version"),
        (('"version": 1', '"version": 1, "\\u0076ersion": 2'), "/version"),
        (('"version": 1', '"version" : 1 ,\n\t"version"\n:2'), "/version"),
        (('"kind": "citizen"', '"kind": "citizen", "kind": "citizen"'), "/applicant/kind"),
        (('"id": "2"', '"id": "2", "id": "3"'), "/steps/2/id"),
    ],
)
def test_repeated_key_is_refused_where_it_stands(change, pointer):
    assert TEXT.count(change[0]) == 1

    assert refused(TEXT.replace(*change)) == {pointer: "repeated_key"}


def test_every_repeated_key_is_told_beside_what_else_is_wrong():
    body = TEXT.replace('"id": "1"', '"id": "1", "id": "1"').replace(
        '"version": 1', '"version": 1, "version": "two"'
    )

    found = refused(body)

    assert found["/version"] in {"repeated_key", "invalid"}
    assert found["/steps/1/id"] == "repeated_key"


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
        max_leaves=20,
    ),
    st.booleans(),
)
def test_document_that_was_written_from_a_value_repeats_nothing(value, ascii_only):
    assert repeated_keys(json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")) == []


@pytest.mark.parametrize("count", [3, 100, 200_000])
def test_body_full_of_repeats_is_told_a_bounded_number_of_them(count):
    body = b"{" + b",".join(b'"a%d": 1, "a%d": 1' % (n, n) for n in range(count)) + b"}"

    assert len(repeated_keys(body)) == min(count, MOST)


def test_pointer_is_escaped():
    assert repeated_keys(b'{"a/b~c": {"d": [0, {"e": 1, "e": 2}]}, "a/b~c": 1}') == [
        "/a~1b~0c/d/1/e",
        "/a~1b~0c",
    ]
