"""The thirteen operations by what they are for, and the codes that acknowledgements bear (construction §4)."""

from __future__ import annotations

FILE = "NopHoSo"
STATES = "TraCuuTrangThai"
CHANGES = "LayDanhSachThayDoi"
NOTICE = "LayYeuCauBoSung"
ANSWER = "NopBoSung"
DECISION = "LayKetQua"
ACKNOWLEDGE = "XacNhanDaNhan"
WITHDRAW = "RutHoSo"
ASK_PLANNING = "YeuCauThongTinQuyHoach"
PLANNING = "LayThongTinQuyHoach"
PERMITS = "TraCuuGiayPhep"
CERTIFICATES = "TraCuuChungChiHanhNghe"
CODE_LIST = "LayDanhMuc"

STATES_TAKEN, NOTICE_TAKEN, DECISION_TAKEN, PLANNING_TAKEN = "1", "2", "3", "4"
"""LoaiThongTin: what is acknowledged."""

SIGNED = "HoSo"
"""The element that has a place for a signature, and an Id (construction §6, recommendation 4)."""
