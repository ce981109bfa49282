"""What a failure means to people: the adapter's own table of causes first, then the hub's, then an honest general text.

Invariant: whoever is named by the partner's answer itself must act, whatever a table says.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from msgspec.structs import replace

from gateway.domain.cause import Cause, Who, Wording
from gateway.mapping.causes import causes_of
from gateway.port import Manifest

_PARTIES: tuple[Who, ...] = ("province", "operator", "partner")
_NOBODY_YET: Mapping[str, Who] = {
    "rejected": "province",
    "parked": "operator",
    "in_doubt": "operator",
    "waiting": "nobody",
}
_UNKNOWN = Wording(
    vi="Mã này chưa có trong bảng nguyên nhân của bộ kết nối.",
    en="This code is not in the connector's table of causes.",
)
_LOOK: Mapping[str, Wording] = {
    "rejected": Wording(
        vi="Đọc lời đối tác bên cạnh. Nếu dữ liệu sai: sửa trên hệ thống một cửa rồi gửi phiên bản mới. Nếu không rõ: "
        "hỏi đầu mối của đối tác, kèm mã và thời điểm.",
        en="Read the partner's words beside this. If the data is wrong: correct it in the one-door system and send a new "
        "version. If it is not clear: ask the partner's contact, with the code and the time.",
    ),
    "parked": Wording(
        vi="Đọc lời đối tác và nhật ký trao đổi; khi nguyên nhân đã hết thì gửi lại.",
        en="Read the partner's words and the message log; when the cause is gone, send again.",
    ),
    "in_doubt": Wording(
        vi="Chưa biết đối tác đã nhận chưa. Không gửi lại khi chưa hỏi đối tác.",
        en="Nobody knows yet whether the partner has it. Do not send again before the partner was asked.",
    ),
    "waiting": Wording(
        vi="Hệ thống tự gửi lại; chỉ xem khi chờ quá lâu.",
        en="It is sent again by itself; look only when it takes too long.",
    ),
}


def explained(manifest: Manifest | None, *, code: str | None, state: str, actor: str | None) -> Cause:
    """The cause of a delivery that stands in ``state`` with ``code``; ``actor``: whom the partner's answer names."""
    named = next((party for party in _PARTIES if party == actor), None)
    found = _table(manifest).get(code or "")
    if found is None:
        who = named or _NOBODY_YET.get(state, "operator")
        advice = _LOOK.get(state, _LOOK["parked"])
        return Cause(code=code or "", who=who, meaning=_UNKNOWN, advice=advice, known=False)
    if state == "waiting":
        return replace(found, who="nobody")
    return found if named is None else replace(found, who=named)


def _table(manifest: Manifest | None) -> Mapping[str, Cause]:
    own = () if manifest is None else manifest.causes
    return {**general(), **{cause.code: cause for cause in own}}


@functools.cache
def general() -> Mapping[str, Cause]:
    """The hub's own table: what has the same meaning whoever the partner is."""
    return {cause.code: cause for cause in causes_of("gateway.delivery")}
