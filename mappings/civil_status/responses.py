"""What answers about civil status mean (judicial_records §6, §9.1, §9.2), first match wins.

``calls``: ``direct`` and ``linked`` go to the ministry, ``portal`` back to the portal of the linked procedures. Invariant:
the texts are those of a real client, and a text that promises success beside an error code is asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.mapping import ResponseTable, Row, Shape


class Verdict(StrEnum):
    """done; again: surely not done, later; ours: refused for our configuration; refused: for the data; absent: the
    ministry does not know the dossier; unknown: nobody can tell."""

    DONE = "done"
    AGAIN = "again"
    OURS = "ours"
    REFUSED = "refused"
    ABSENT = "absent"
    UNKNOWN = "unknown"


DIRECT, LINKED, PORTAL = "direct", "linked", "portal"
_PORTAL = frozenset({PORTAL})
_MINISTRY = frozenset({DIRECT, LINKED})

WORDS: Mapping[str, tuple[str, ...]] = {
    "ok": ("1",),
    "taken": ("đã được tiếp nhận",),
    "configuration": ("100", "101", "106", "108"),
    "missing": ("201",),
    "incorrect": ("200", "302", "500"),
    "portal_later": (
        *("chưa cập nhật trạng thái", "chưa được gửi không thể cập nhật trạng thái"),
        *("có lỗi trong quá trình thêm mới", "client received soap fault", "server error"),
    ),
    "portal_done": (
        *("thành công", "bị từ chối. không thể cập nhật trạng thái", "đã tồn tại trong một cửa điện tử"),
        *("không tồn tại", "đã trả kết quả, không được cập nhật trạng thái"),
        "đã hoàn thành đăng ký, không được cập nhật trạng thái",
    ),
    "portal_not": ("không thành công", "chưa thành công", "thất bại"),
    "portal_refused": ("logic xử lý không hợp lệ",),
    "leaked": ("client received soap fault", "server error"),
}
"""Lists of words, with the texts of the only client that is known (§9.2)."""

RESPONSES = ResponseTable(
    name="civil_status",
    clause="judicial_records §6, §9.1, §9.2",
    rows=(
        # The longer refusals contain shorter words of success, so what is to be tried again is looked at first.
        Row(
            name="portal_again",
            verdict=Verdict.AGAIN,
            calls=_PORTAL,
            phrases=("portal_later",),
            why="§9.2: a state is told again later; a second time is answered as done",
        ),
        Row(
            name="portal_refused",
            verdict=Verdict.REFUSED,
            calls=_PORTAL,
            phrases=("portal_refused",),
            why="§9.2: failed",
        ),
        Row(
            name="portal_done",
            verdict=Verdict.DONE,
            calls=_PORTAL,
            statuses=((200, 200),),
            phrases=("portal_done",),
            without=("portal_not",),
            why="§9.2: done, or at this state or beyond it already",
        ),
        Row(name="portal_unknown", verdict=Verdict.UNKNOWN, calls=_PORTAL, why="§9.2: no text that is known"),
        Row(
            name="leaked_fault",
            verdict=Verdict.UNKNOWN,
            phrases=("leaked",),
            why="§3.6: what is behind the gateway may have done it; nothing says that a second time does no harm",
        ),
        Row(
            name="no_envelope",
            verdict=Verdict.UNKNOWN,
            shapes=frozenset({Shape.EMPTY, Shape.MARKUP, Shape.UNREADABLE, Shape.UNCODED}),
            why="§9.1: not the agreed structure",
        ),
        Row(name="done", verdict=Verdict.DONE, calls=_MINISTRY, codes="ok", why="§9.1, §9.2: status 1"),
        Row(
            name="taken_before",
            verdict=Verdict.DONE,
            calls=frozenset({LINKED}),
            phrases=("taken",),
            why="§9.2: the ministry has it already",
        ),
        Row(name="configuration", verdict=Verdict.OURS, codes="configuration", why="§6: 100, 101, 106, 108"),
        Row(name="unknown_dossier", verdict=Verdict.ABSENT, codes="missing", why="§6: 201"),
        Row(name="refused", verdict=Verdict.REFUSED, codes="incorrect", why="§6: 200, 302, 500"),
        Row(name="undocumented", verdict=Verdict.UNKNOWN, why="§6: a code that nobody has documented"),
    ),
)
