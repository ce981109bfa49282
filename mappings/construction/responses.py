"""What the ministry's answers mean (construction §4.3), first match wins.

``code`` of an answer is ``ok`` for TrangThai 1 without an error, else MaLoi, wherever it stands: KetQua or LoiDichVu. It
is empty where an answer contradicts itself or carries no code. Invariant: nothing but a valid answer to this very call,
with HTTP 200 and TrangThai 1, is done; whatever is not listed is unknown.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.mapping import ResponseTable, Row, Shape


class Verdict(StrEnum):
    """done: it worked. refused: the same would be refused again, the province must act. misconfigured: an operator
    must. later: surely not done, come again. expired: log in again, not done. absent: it is not there. present: it is
    there already. not_yet: no result, no notice yet. stale_cursor: read the feed from its beginning. unknown."""

    DONE = "done"
    REFUSED = "refused"
    MISCONFIGURED = "misconfigured"
    LATER = "later"
    EXPIRED = "expired"
    ABSENT = "absent"
    PRESENT = "present"
    NOT_YET = "not_yet"
    STALE_CURSOR = "stale_cursor"
    UNKNOWN = "unknown"


class Call(StrEnum):
    """What kind of call is answered; ``foreign``: the answer names another call than this one."""

    SUBMISSION = "submission"
    QUESTION = "question"
    RESULT = "result"
    FEED = "feed"
    FOREIGN = "foreign"


KINDS: dict[str, Call] = {
    "NopHoSo": Call.SUBMISSION,
    "TraCuuTrangThai": Call.QUESTION,
    "LayDanhSachThayDoi": Call.FEED,
    "LayYeuCauBoSung": Call.QUESTION,
    "NopBoSung": Call.SUBMISSION,
    "LayKetQua": Call.RESULT,
    "XacNhanDaNhan": Call.SUBMISSION,
    "RutHoSo": Call.SUBMISSION,
    "YeuCauThongTinQuyHoach": Call.SUBMISSION,
    "LayThongTinQuyHoach": Call.RESULT,
    "TraCuuGiayPhep": Call.QUESTION,
    "TraCuuChungChiHanhNghe": Call.QUESTION,
    "LayDanhMuc": Call.QUESTION,
}
OK = "ok"
CODES = {
    "success": (OK,),
    "access": ("100", "101", "401"),
    "agency": ("106", "108"),
    "incomplete": ("200",),
    "absent": ("201",),
    "duplicate": ("202",),
    "state": ("203",),
    "no_notice": ("204",),
    "checksum": ("301",),
    "data_type": ("302",),
    "too_large": ("303",),
    "data": ("500",),
    "unavailable": ("503",),
}
"""The codes of the schema's MaLoiType by what is done about them; with ``success``, all that an answer can have."""

_UNCODED = frozenset({Shape.UNCODED, Shape.EMPTY, Shape.MARKUP, Shape.UNREADABLE})


def _coded(name: str, verdict: Verdict, why: str, codes: str, *calls: Call) -> Row:
    return Row(
        name=name,
        verdict=verdict,
        why=why,
        codes=codes,
        calls=frozenset(calls),
        shapes=frozenset({Shape.ENVELOPE}),
    )


TABLE = ResponseTable(
    name="construction",
    clause="construction §4.3",
    rows=(
        Row(
            name="logged_out",
            verdict=Verdict.EXPIRED,
            statuses=((401, 401),),
            shapes=_UNCODED,
            why="§7: the gateway in front refuses the token before the ministry sees the call",
        ),
        Row(
            name="forbidden",
            verdict=Verdict.MISCONFIGURED,
            statuses=((403, 403),),
            shapes=_UNCODED,
            why="§7: the gateway in front does not let this client in",
        ),
        Row(
            name="too_many",
            verdict=Verdict.LATER,
            statuses=((429, 429),),
            shapes=_UNCODED,
            why="§7: the gateway in front counts calls",
        ),
        Row(
            name="another_call",
            verdict=Verdict.UNKNOWN,
            calls=frozenset({Call.FOREIGN}),
            why="§4: MaYeuCau in the body correlates; an answer to another call says nothing of this",
        ),
        Row(
            name="success",
            verdict=Verdict.DONE,
            statuses=((200, 200),),
            shapes=frozenset({Shape.ENVELOPE}),
            codes="success",
            why="§4.3: a business answer comes with HTTP 200 and TrangThai 1",
        ),
        _coded("access_denied", Verdict.MISCONFIGURED, "§4.3: credential, address or signature", "access"),
        _coded("agency_unknown", Verdict.MISCONFIGURED, "§4.3: our agency is not registered there", "agency"),
        _coded(
            "not_finished",
            Verdict.NOT_YET,
            "§4: LayKetQua while it is not finished",
            "incomplete",
            Call.RESULT,
        ),
        _coded("incomplete", Verdict.REFUSED, "§4.3: RECORD_UNCOMPLETE", "incomplete"),
        _coded("not_there", Verdict.ABSENT, "§4.3: RECORD_NOT_FOUND", "absent"),
        _coded("already_there", Verdict.PRESENT, "§4: the same MaHoSo under another MaYeuCau", "duplicate"),
        _coded("state_forbids", Verdict.REFUSED, "§4: too late for a supplement or a withdrawal", "state"),
        _coded("no_notice", Verdict.NOT_YET, "§4: nothing has been asked of the applicant", "no_notice"),
        _coded(
            "checksum",
            Verdict.MISCONFIGURED,
            "§4.3: bytes changed on the way; not the province's",
            "checksum",
        ),
        _coded(
            "cursor_expired",
            Verdict.STALE_CURSOR,
            "§7: the cursor is no longer known",
            "data_type",
            Call.FEED,
        ),
        _coded("data_type", Verdict.REFUSED, "§4.3: DATA_TYPE_INVALID", "data_type"),
        _coded("file_too_large", Verdict.REFUSED, "§4.3: FILE_TOO_LARGE", "too_large"),
        _coded("data_incorrect", Verdict.REFUSED, "§4.3: DATA_INCORRECT, with the fields", "data"),
        _coded("unavailable", Verdict.LATER, "§4.3: SERVICE_UNAVAILABLE, retry", "unavailable"),
        Row(
            name="anything_else",
            verdict=Verdict.UNKNOWN,
            why="§C.9: the body decides, and this one says nothing",
        ),
    ),
)
