"""What can be looked up at the ministry's stand-in: issued permits, practising certificates, code lists (construction §4).

Invariant: every person, unit and place here is invented; the same question has the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from adapters.construction.simulator_elements import said, text
from adapters.construction.simulator_message import Asked
from adapters.construction.simulator_model import World
from adapters.construction.simulator_words import Refused, leaf, node, option
from gateway.codec.tree import Tree

_CERTIFICATE = re.compile(r"([A-Z]{3})[- ]?([0-9]{8})")
_STATES = {"8": "2", "9": "3"}
"""Last digit of a certificate to TrangThai: expired, revoked; all others are good, and those on 0 are not there."""
_PAPERS = {
    "DON": "Đơn đề nghị cấp giấy phép xây dựng",
    "DON_DIEU_CHINH": "Đơn đề nghị điều chỉnh, gia hạn, cấp lại",
    "DAT": "Giấy tờ về đất đai",
    "QD_DU_AN": "Quyết định phê duyệt dự án",
    "BAN_VE_DU_AN": "Bản vẽ thiết kế của dự án",
    "BAN_VE_NHA_O": "Bản vẽ thiết kế nhà ở riêng lẻ",
    "BIM": "Mô hình thông tin công trình",
    "VB_TON_GIAO": "Văn bản của cơ quan về tôn giáo",
    "VB_VAN_HOA": "Văn bản của cơ quan về văn hoá",
    "VB_MY_THUAT": "Văn bản về mỹ thuật",
    "HIEP_DINH": "Điều ước quốc tế",
    "CAM_KET": "Bản cam kết",
    "DINH_DANH": "Giấy tờ định danh",
    "UY_QUYEN": "Văn bản uỷ quyền",
    "NANG_LUC_THIET_KE": "Năng lực của đơn vị thiết kế",
    "THAM_TRA": "Báo cáo thẩm tra",
    "THAM_DINH": "Thông báo thẩm định",
    "PCCC": "Văn bản về phòng cháy, chữa cháy",
    "GPXD_DA_CAP": "Giấy phép xây dựng đã cấp",
    "BAN_VE_HIEN_TRANG": "Bản vẽ hiện trạng",
    "ANH_HIEN_TRANG": "Ảnh chụp hiện trạng",
    "KHAO_SAT_HIEN_TRANG": "Báo cáo khảo sát hiện trạng",
    "PHUONG_AN_DI_DOI": "Phương án di dời",
    "VB_QUY_HOACH": "Văn bản về quy hoạch",
    "KHAC": "Giấy tờ khác",
}
LISTS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "1": (("99", "tỉnh Mẫu", ""), ("00001", "phường Mẫu", "99"), ("00002", "xã Mẫu", "99")),
    "2": (
        ("1", "Công trình dân dụng", ""),
        ("2", "Công trình công nghiệp", ""),
        ("3", "Công trình hạ tầng kỹ thuật", ""),
        ("4", "Công trình giao thông", ""),
        ("5", "Công trình nông nghiệp và phát triển nông thôn", ""),
        ("6", "Công trình quốc phòng, an ninh", ""),
    ),
    "3": (
        ("DB", "Cấp đặc biệt", ""),
        ("I", "Cấp I", ""),
        ("II", "Cấp II", ""),
        ("III", "Cấp III", ""),
        ("IV", "Cấp IV", ""),
    ),
    "4": tuple((code, title, "") for code, title in _PAPERS.items()),
    "5": (("ODT", "Đất ở tại đô thị", ""), ("ONT", "Đất ở tại nông thôn", ""), ("TMD", "Đất thương mại", "")),
    "6": (("H99.17", "Sở Xây dựng tỉnh Mẫu", ""), ("H99.99.99", "UBND phường Mẫu", "H99.17")),
}


def permits(world: World, asked: Asked) -> Sequence[Tree]:
    """TraCuuGiayPhep, by the permit's number or the construction's."""
    number = text(asked.element, "SoGiayPhep")
    code = text(asked.element, "MaSoThongTinCongTrinh")
    found = [
        permit
        for held, permit in world.permits.items()
        if (number and held == number) or (code and said(permit, "MaSoThongTinCongTrinh") == code)
    ]
    if not found:
        raise Refused("201", "Không tìm thấy giấy phép")
    return found


def certificates(_world: World, asked: Asked) -> Sequence[Tree]:
    """TraCuuChungChiHanhNghe, by the certificate's number or its holder's."""
    holder = text(asked.element, "SoDinhDanh")
    shown = text(asked.element, "MaSoChungChi") or f"MAU-{holder[-8:]}"
    match = _CERTIFICATE.fullmatch(shown)
    if match is None or shown.endswith("0"):
        raise Refused("201", "Không tìm thấy chứng chỉ")
    state = _STATES.get(shown[-1], "1")
    ends_on = "2025-06-30" if state == "2" else "2030-06-30"
    return (
        node(
            "ChungChi",
            leaf("MaSoChungChi", f"{match[1]}-{match[2]}"),
            leaf("HoVaTen", "TRẦN THỊ MẪU"),
            leaf("NgaySinh", "1985-05-05"),
            option("SoDinhDanh", holder),
            leaf("TrinhDo", "Kiến trúc sư"),
            node(
                "LinhVuc",
                leaf("Ten", "Thiết kế kiến trúc công trình"),
                leaf("Hang", "II"),
                leaf("NgayHetHan", ends_on),
            ),
            leaf("NgayCap", "2020-06-30"),
            leaf("CoQuanCap", "Sở Xây dựng tỉnh Mẫu"),
            leaf("TrangThai", state),
        ),
    )


def code_list(_world: World, asked: Asked) -> Sequence[Tree]:
    """LayDanhMuc."""
    return [
        node("Muc", leaf("Ma", code), leaf("Ten", title), option("MaCha", parent))
        for code, title, parent in LISTS[text(asked.element, "LoaiDanhMuc")]
    ]


LOOKUPS: Mapping[str, Callable[[World, Asked], Sequence[Tree]]] = {
    "TraCuuGiayPhep": permits,
    "TraCuuChungChiHanhNghe": certificates,
    "LayDanhMuc": code_list,
}
