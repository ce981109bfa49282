"""Canonical JSON: one byte string for a value. Header values that carry meaning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codec import canonical, http, trusted
from gateway.domain.dossier import Dossier
from tests.unit import portal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def test_keys_are_sorted_and_nothing_is_escaped_or_spaced() -> None:
    assert (
        canonical.encode({"b": 1, "a": {"z": "Đ", "y": [True, None]}})
        == '{"a":{"y":[true,null],"z":"Đ"},"b":1}'.encode()
    )


def test_a_record_comes_back_from_its_bytes() -> None:
    record = portal.returned()
    again = canonical.decoder(type(record)).decode(canonical.encode(record))
    assert again == record
    assert canonical.encode(again) == canonical.encode(record)


def test_an_instant_keeps_its_offset() -> None:
    instant = datetime(2024, 1, 15, 8, 5, tzinfo=timezone(timedelta(hours=7)))
    assert canonical.encode(instant) == b'"2024-01-15T08:05:00+07:00"'


def test_half_a_character_stays_visible_as_a_replacement() -> None:
    assert canonical.encode({"a\ud800": ["\udc00"]}) == '{"a\ufffd":["\ufffd"]}'.encode()
    record = portal.dossier(note="a\ud800")
    assert msgspec.json.decode(canonical.encode(record))["note"] == "a\ufffd"


@given(VALUES)
def test_equal_values_give_equal_bytes_however_they_were_built(value: object) -> None:
    encoded = canonical.encode(value)
    assert canonical.encode(msgspec.json.decode(encoded)) == encoded
    assert len(canonical.digest(value)) == 64


NOW = datetime(2024, 1, 25, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 1.0),
        ("9" * 400, http.LONGEST_PAUSE),
        ("Thu, 25 Jan 2024 03:10:00 GMT", 600.0),
        ("Thursday, 25-Jan-24 03:10:00 GMT", 600.0),
        ("Wed, 99 Foo 2026 99:99:99 GMT", None),
        ("1e999", None),
        ("-5", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert http.retry_after((("Retry-After", value),), NOW) == seconds


def test_without_the_header_there_is_no_pause() -> None:
    assert http.retry_after((), NOW) is None


def test_media_type_is_told_without_its_parameters() -> None:
    assert http.content_type((("Content-Type", "Application/JSON; charset=utf-8"),)) == "application/json"
    assert http.content_type(()) == ""


def test_what_we_wrote_is_read_without_asking_its_patterns_again() -> None:
    record = portal.returned()
    read = trusted.decoder(type(record)).decode(canonical.encode(record))
    assert canonical.encode(read) == canonical.encode(record)
    assert read.steps[1].note == "Yêu cầu bổ sung ảnh"
    long = msgspec.json.decode(canonical.encode(record)) | {"summary": "x" * 5000}
    assert len(trusted.decoder(type(record)).decode(msgspec.json.encode(long)).summary) == 5000


@pytest.mark.parametrize(
    "change", [{"channel": "pigeon"}, {"status": 7}, {"documents": {}}, {"received_at": "yesterday"}]
)
def test_types_and_enumerations_are_still_asked(change: dict[str, object]) -> None:
    content = msgspec.json.decode(canonical.encode(portal.returned())) | change
    with pytest.raises(msgspec.ValidationError):
        trusted.decoder(Dossier).decode(msgspec.json.encode(content))
    del content["procedure"]
    with pytest.raises(msgspec.ValidationError):
        trusted.decoder(Dossier).decode(msgspec.json.encode(content))
