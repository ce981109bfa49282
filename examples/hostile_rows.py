"""The faults of ``examples/hostile.jsonl``, one row each.

Invariant: a row names everything that its change makes wrong; a value of ``...`` removes the member.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_LATE_2025 = "2025-12-29T09:00:00+07:00"
_FAR_FUTURE = "2031-01-06T09:00:00+07:00"


class Bent(NamedTuple):
    """A good record with changes, by JSON pointer; the pointers that must be reported; why."""

    stage: str
    changes: Mapping[str, object]
    pointers: tuple[str, ...]
    why: str


def _type(pointer: str, value: object, why: str) -> Bent:
    return Bent("type", {pointer: value}, (pointer,), why)


# Lines that are not JSON: the whole document is at fault.
BROKEN: tuple[tuple[bytes, str], ...] = (
    (b'{"code":"H99.14-260302-2001","version":1,"procedure":{"code":"1.0099', "cut off in the middle"),
    (b'{"code":"H99.14-260302-2002","version":1,}', "comma before the closing brace"),
    (b"{'code':'H99.14-260302-2003','version':1}", "apostrophes instead of quotation marks"),
    (b'{"code":"H99.14-260302-2004","version":NaN}', "NaN is not JSON"),
    (b'{"code":"H99.14-260302-2005","summary":"a\x00b"}', "a raw null byte inside a string"),
    (b'{"code":"H99.14-260302-2006","summary":"a\tb"}', "a raw tab inside a string"),
    (b'{"code":"H99.14-260302-2007","summary":"\xd0\xff"}', "not UTF-8"),
    ('{"code":"H99.14-260302-2008","summary":"Đ"}'.encode("utf-16-le"), "UTF-16 instead of UTF-8"),
    (b'{"code":"H99.14-260302-2009","summary":"\xed\xa0\x80"}', "a surrogate encoded in UTF-8"),
    (b'{"code":"H99.14-260302-2010","summary":"Nguy\\ud800 Th\\u1eed"}', "an escaped high surrogate alone"),
    (b'{"code":"H99.14-260302-2011","summary":"Nguy\\udc00 Th\\u1eed"}', "an escaped low surrogate alone"),
    (b'\xef\xbb\xbf{"code":"H99.14-260302-2012"}', "a byte order mark before the object"),
    (b"[" * 15_000, "nested fifteen thousand deep"),
    (b'{"code":"H99.14-260302-2014"}{"code":"H99.14-260302-2015"}', "two documents on one line"),
    (b"<html><body><h1>502 Bad Gateway</h1></body></html>", "an error page of a proxy"),
)

BENT: tuple[Bent, ...] = (
    _type("/insurance_number", "DN4990000000001", "a member that the record does not know"),
    _type("/applicant/salary", 12_000_000, "an unknown member one level down"),
    Bent("type", {"/code": ...}, ("/code",), "the code is missing"),
    Bent(
        "type",
        {"/agency": ..., "/applicant/name": ..., "/channel": "fax"},
        ("/agency", "/applicant/name", "/channel"),
        "three faults at once: all are to be reported",
    ),
    _type("/code", "", "an empty code"),
    _type("/code", "H99.14 260302 0105", "blanks in the code"),
    _type("/code", "H99.14-260302-0106\n", "a line end after the code"),
    _type("/code", "H99.14-260302-0107\u0000", "a null character in the code"),
    _type("/code", "H99.14-260302-" + "9" * 60, "a code of more than 50 characters"),
    _type("/code", "../../etc/H99", "a path instead of a code"),
    _type("/version", "1", "the version as text"),
    _type("/version", 0, "versions start at 1"),
    _type("/version", "@1e400@", "a number beyond every integer and every double"),
    _type("/version", 2**31, "a version beyond 31 bits"),
    _type("/applicant", [], "a list where an object belongs"),
    _type("/applicant/name", None, "null where a name is mandatory"),
    _type("/applicant/name", "Nguyễn Văn\u0000 Thử", "a null character, escaped, in the name"),
    _type("/applicant/name", "Thử " * 200, "a name of 800 characters"),
    _type("/applicant/kind", "robot", "an applicant kind that does not exist"),
    _type("/applicant/identities/0/number", "0990000 00001", "a blank in the identity number"),
    _type("/status", 4, "a number where a code is text"),
    _type("/received_at", "2026-03-02T08:05:00", "an instant without an offset"),
    _type("/received_at", "2026-02-30T08:05:00+07:00", "the thirtieth of February"),
    _type("/received_at", 1772413500, "an instant as a number"),
    _type("/received_at", "20260302080500", "the portal's own date format"),
    _type("/fees/0/amount", -150_000, "a negative fee"),
    _type("/fees/0/amount", "150000", "money as text"),
    _type("/fees/0/amount", 150_000.5, "half a đồng"),
    _type("/fees/0/amount", "@1e400@", "an infinite fee"),
    _type("/fees/0/amount", 2**53, "more đồng than a double can count"),
    _type("/documents/0/file/url", "javascript:alert(1)", "an address that is none"),
    _type("/documents/0/file/sha256", "ABC123", "a digest of the wrong length"),
    _type("/note", "Hồ sơ rất dài. " * 900, "a note of 13,500 characters"),
    _type("/databases", ["1"] * 101, "more connected databases than may be"),
    _type("/steps/1/status", "", "a step without a state"),
    _type("/steps", {"0": "received"}, "an object where a list belongs"),
    Bent("translation", {"/status": "dang-xu-ly"}, ("/status",), "a state that the source's table lacks"),
    Bent("translation", {"/steps/2/status": "xong"}, ("/steps/2/status",), "the same in a step"),
    Bent(
        "translation",
        {"/status": "waiting", "/steps/2/status": "releasing"},
        ("/status", "/steps/2/status"),
        "states of the second source in a record of the first",
    ),
    Bent(
        "translation",
        {"/source": "opencps", "/procedure": {"code": "TN-77"}},
        ("/procedure/code",),
        "a local procedure code that the source's table lacks",
    ),
    Bent("plausibility", {"/due_at": _LATE_2025}, ("/due_at",), "due before it was received"),
    Bent(
        "plausibility",
        {"/status": "finished", "/finished_at": _LATE_2025},
        ("/finished_at",),
        "finished before it was received",
    ),
    Bent(
        "plausibility", {"/returned_at": _LATE_2025}, ("/returned_at",), "handed over before it was received"
    ),
    Bent(
        "plausibility",
        {"/received_at": _FAR_FUTURE, "/due_at": "2031-01-13T09:00:00+07:00"},
        ("/received_at",),
        "received in the future",
    ),
    Bent("plausibility", {"/steps/2/at": _FAR_FUTURE}, ("/steps/2/at",), "a step in the future"),
    Bent("plausibility", {"/status": "finished"}, ("/finished_at",), "finished, but nobody says when"),
    Bent("plausibility", {"/received_at": ...}, ("/received_at",), "in process, but never received"),
    Bent(
        "plausibility",
        {"/steps/2/id": "H99.14-260302-0148.1", "/steps/0/id": "H99.14-260302-0148.1"},
        ("/steps/2/id",),
        "one id for two steps",
    ),
    Bent(
        "plausibility",
        {
            "/supplements": [
                {
                    "id": 1,
                    "requested_at": "2026-03-04T09:00:00+07:00",
                    "requested_by": "Trần Thị Mẫu",
                    "reason": "Bổ sung ảnh",
                    "received_at": "2026-03-03T09:00:00+07:00",
                }
            ]
        },
        ("/supplements/0/received_at",),
        "a supplement that came before it was asked for",
    ),
    Bent(
        "plausibility",
        {
            "/status": "returned",
            "/due_at": _LATE_2025,
            "/finished_at": _LATE_2025,
            "/submitted_at": _FAR_FUTURE,
        },
        ("/due_at", "/finished_at", "/submitted_at"),
        "three impossible dates at once",
    ),
    Bent(
        "catalogue",
        {
            "/procedure": {
                "code": "9.999999.000.00.00.H99",
                "name": "Thủ tục không có",
                "field_code": "G99-TN01",
                "field_name": "Thử nghiệm",
            }
        },
        ("/procedure/code",),
        "a procedure that the portal's list lacks",
    ),
    Bent(
        "catalogue",
        {"/agency": {"code": "H98.77", "name": "Cơ quan không có"}},
        ("/agency/code",),
        "an agency that the portal's list lacks",
    ),
)
