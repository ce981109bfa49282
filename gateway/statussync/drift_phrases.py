"""What an official reads about a difference: one sentence a class, in Vietnamese.

Invariant: every class has a sentence, and one for the case that sending again cannot mend it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from gateway.domain.status import Status
from gateway.mapping.formats import VIETNAM
from gateway.statussync.compare import END, LANE, STEPS, DriftKind
from gateway.storage.drift import DriftView

_STATUSES = {
    Status.REGISTERED: "mới đăng ký",
    Status.RECEIVED: "được tiếp nhận",
    Status.REFUSED: "không được tiếp nhận",
    Status.PROCESSING: "đang xử lý",
    Status.SUPPLEMENT_REQUESTED: "yêu cầu bổ sung giấy tờ",
    Status.PAYMENT_REQUESTED: "yêu cầu thực hiện nghĩa vụ tài chính",
    Status.WITHDRAWN: "công dân yêu cầu rút hồ sơ",
    Status.STOPPED: "dừng xử lý",
    Status.FINISHED: "đã xử lý xong",
    Status.RETURNED: "đã trả kết quả",
}
_NONE = "không có"
_AGAIN = "gửi lại hồ sơ để sửa"
_PERSON = "cần người kiểm tra, vì gửi lại không sửa được"

# {partner}: the partner's title; {ours} and {theirs} in words; {field} as it stands
SENTENCES: Mapping[DriftKind, str] = {
    DriftKind.MISSING_THERE: "{partner} không có hồ sơ này dù đã xác nhận nhận; gửi lại hồ sơ và mọi bước đã gửi.",
    DriftKind.UNKNOWN_HERE: f"{{partner}} có bước xử lý ({{theirs}}) mà nơi đây chưa từng gửi; {_PERSON}.",
    DriftKind.STATUS_DIFFERS: f"Trạng thái đã gửi là “{{ours}}”, {{partner}} đang hiện “{{theirs}}”; {_AGAIN}.",
    DriftKind.DUE_DIFFERS: f"Hẹn trả đã gửi là {{ours}}, {{partner}} đang hiện {{theirs}}; {_AGAIN}.",
    DriftKind.END_MISSING: "{partner} thiếu bước kết thúc ({ours}) nên có thể tính trễ hạn; gửi lại bước đó.",
    DriftKind.STEPS_MISSING: "{partner} thiếu bước xử lý ({ours}) đã xác nhận nhận; gửi lại bước đó.",
    DriftKind.STEPS_OUT_OF_ORDER: (
        f"{{partner}} hiện các bước xử lý sai thứ tự ({{theirs}} thay vì {{ours}}); {_PERSON}."
    ),
    DriftKind.FIELDS_DIFFER: f"Thông tin {{field}} ở {{partner}} khác với thông tin đã gửi; {_AGAIN}.",
}
_OF_FIELD: Mapping[tuple[DriftKind, str], str] = {
    (
        DriftKind.MISSING_THERE,
        LANE,
    ): "{partner} phải có hồ sơ này ({ours}) nhưng nơi đây chưa từng gửi; gửi hồ sơ và mọi bước.",
    (
        DriftKind.UNKNOWN_HERE,
        "",
    ): f"{{partner}} có hồ sơ này ({{theirs}}) mà nơi đây chưa từng gửi; {_PERSON}.",
    (DriftKind.END_MISSING, END): (
        f"{{partner}} thiếu thời điểm kết thúc xử lý ({{ours}}) nên có thể tính trễ hạn; {_AGAIN}."
    ),
    (DriftKind.END_MISSING, STEPS): (
        "Hồ sơ đã kết thúc ({ours}) nhưng chưa bước kết thúc nào được gửi nên {partner} có thể tính trễ hạn; cần hệ "
        "thống một cửa gửi bước đó."
    ),
}


def explain(kind: DriftKind, field: str, ours: str | None, theirs: str | None, *, partner: str) -> str:
    """Why the difference matters and what mends it; ``partner`` is the partner's Vietnamese title."""
    sentence = _OF_FIELD.get((kind, field), SENTENCES[kind])
    return sentence.format(partner=partner, field=field, ours=_said(ours), theirs=_said(theirs))


def _said(text: str | None) -> str:
    """A status, an instant or a step in words; anything else as it stands."""
    if not text:
        return _NONE
    return ", ".join(_word(part) for part in text.split(" ")) if text.count(" ") <= 1 else text


def _word(part: str) -> str:
    if part in _STATUSES:
        return _STATUSES[Status(part)]
    try:
        instant = datetime.fromisoformat(part)
    except ValueError:
        return part
    return instant.astimezone(VIETNAM).strftime("%H:%M:%S %d/%m/%Y") if instant.tzinfo else part


Blame: TypeAlias = Literal["gateway", "one_door", "partner", "unknown"]
"""Through whom records differ: we never sent it, the one-door system never gave it, the partner does not have what it
acknowledged, or somebody whom neither knows told the partner."""
Actor: TypeAlias = Literal["operator", "second_person", "one_door", "person"]
"""Who must act: an operator orders the repair, a second person agrees to it, the one-door system sends what is missing,
or a person finds out."""
_ONE_DOOR = (DriftKind.END_MISSING, STEPS)


def blame(view: DriftView) -> Blame:
    """Through whom the two records differ."""
    if (view.kind, view.field) == _ONE_DOOR:
        return "one_door"
    if view.kind == DriftKind.UNKNOWN_HERE:
        return "unknown"
    never_sent = view.repair is not None and any(not part.delivery for part in view.repair.deliveries)
    return "gateway" if never_sent or view.field == LANE else "partner"


def actor(view: DriftView) -> Actor:
    """Who must act."""
    if view.repair is not None:
        return "second_person" if view.repair.backwards else "operator"
    return "one_door" if (view.kind, view.field) == _ONE_DOOR else "person"


class ExplainedDrift(DriftView, frozen=True, kw_only=True):
    """A difference with its explanation, one sentence for an official; through whom it came, and who must act."""

    explanation: str
    blame: Blame
    actor: Actor


def explained(view: DriftView, *, partner: str) -> ExplainedDrift:
    """``view`` with its explanation; ``partner`` is the partner's Vietnamese title."""
    told = explain(DriftKind(view.kind), view.field, view.ours, view.theirs, partner=partner)
    return ExplainedDrift(
        **msgspec.structs.asdict(view), explanation=told, blame=blame(view), actor=actor(view)
    )
