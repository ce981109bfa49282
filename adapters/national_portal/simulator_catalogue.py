"""Reference data of the portal's stand-in: invented procedures, agencies and fields of the invented province H99.

Invariant: a procedure entry has every key of ``LayThuTuc`` (national_portal §4.2), so that what reads these tables
reads the portal. Examples and tests use the same tables; nothing here names a real person, unit or host.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Entry = dict[str, Any]

PROVINCE = "H99"
DSTCODE = "VN:GOV:000.00.00.G22:vpcpdvcprovider"

AGENCIES: tuple[Entry, ...] = tuple(
    {"MADONVI": code, "TENDONVI": name, "CAPDONVI": level}
    for code, name, level in (
        ("H99", "Ủy ban nhân dân tỉnh Mô phỏng", "1"),
        ("H99.01", "Trung tâm Phục vụ hành chính công", "1"),
        ("H99.02", "Sở Tư pháp", "1"),
        ("H99.03", "Sở Nông nghiệp và Môi trường", "1"),
        ("H99.04", "Sở Xây dựng", "1"),
        ("H99.05", "Sở Tài chính", "1"),
        ("H99.06", "Sở Nội vụ", "1"),
        ("H99.07", "Sở Y tế", "1"),
        ("H99.08", "Sở Giáo dục và Đào tạo", "1"),
        ("H99.14", "Sở Thử nghiệm", "1"),
        ("H99.20", "Sở Công Thương", "1"),
        ("H99.31", "Ủy ban nhân dân phường Mẫu", "3"),
        ("H99.32", "Ủy ban nhân dân xã Thử", "3"),
    )
)

FIELDS: tuple[Entry, ...] = tuple(
    {"MALINHVUC": code, "TENLINHVUC": name, "MANGANH": code.partition("-")[0]}
    for code, name in (
        ("G99-TN01", "Thử nghiệm"),
        ("G98-HT01", "Hộ tịch"),
        ("G98-CT02", "Chứng thực"),
        ("G98-LL03", "Lý lịch tư pháp"),
        ("G97-DD01", "Đất đai"),
        ("G97-MT02", "Môi trường"),
        ("G97-TN03", "Tài nguyên nước"),
        ("G96-XD01", "Hoạt động xây dựng"),
        ("G96-QH02", "Quy hoạch xây dựng, kiến trúc"),
        ("G96-VT03", "Đường bộ"),
        ("G95-DN01", "Thành lập và hoạt động của doanh nghiệp"),
        ("G95-HK02", "Thành lập và hoạt động của hộ kinh doanh"),
        ("G95-XT03", "Xúc tiến thương mại"),
        ("G94-LD01", "Lao động, việc làm"),
        ("G94-BT02", "Bảo trợ xã hội"),
        ("G92-YT01", "Khám bệnh, chữa bệnh"),
        ("G91-GD01", "Giáo dục phổ thông"),
    )
)


class _Row(NamedTuple):
    """One procedure in short. ``days`` 0: no statutory time, so no appointment. ``fee`` 0: free of charge."""

    code: str
    name: str
    field: str
    agencies: str
    days: int
    unit: str
    fee: int
    papers: str
    results: str


_WORKING, _CALENDAR, _HOURS, _MONTHS = "Ngày làm việc", "Ngày", "Giờ", "Tháng"
_ROWS = (
    _Row("1.009901.000.00.00.H99", "Cấp giấy xác nhận thử nghiệm", "G99-TN01", "H99.14", 5, _WORKING, 150_000,
         "Tờ khai|Bản sao chứng nhận=KQ.H99.000011", "KQ.H99.000031 Giấy xác nhận"),
    _Row("2.009902.H99", "Đăng ký hộ mô phỏng", "G99-TN01", "H99.14", 3, _WORKING, 0,
         "Phiếu đăng ký|Ảnh 3x4", "KQ.H99.000032 Giấy chứng nhận hộ mô phỏng"),
    _Row("1.009903", "Đăng ký khai sinh", "G98-HT01", "H99.31 H99.32", 1, _WORKING, 0,
         "Tờ khai đăng ký khai sinh|Giấy chứng sinh=KQ.G92.000001", "KQ.G98.000001 Giấy khai sinh"),
    _Row("1.009904", "Đăng ký khai tử", "G98-HT01", "H99.31 H99.32", 1, _WORKING, 0,
         "Tờ khai đăng ký khai tử|Giấy báo tử", "KQ.G98.000002 Trích lục khai tử"),
    _Row("2.009905", "Thông báo hoạt động khuyến mại", "G95-XT03", "H99.20", 5, _WORKING, 0,
         "Thông báo thực hiện khuyến mại", "KQ.G95.000005 Văn bản xác nhận"),
    _Row("1.009906", "Đăng ký kết hôn", "G98-HT01", "H99.31 H99.32", 5, _WORKING, 0,
         "Tờ khai đăng ký kết hôn|Giấy xác nhận tình trạng hôn nhân=KQ.G98.000004",
         "KQ.G98.000003 Giấy chứng nhận kết hôn"),
    _Row("2.009907", "Chứng thực bản sao từ bản chính", "G98-CT02", "H99.31 H99.32", 8, _HOURS, 2_000,
         "Bản chính giấy tờ|Bản sao cần chứng thực", "KQ.G98.000010 Bản sao có chứng thực"),
    _Row("1.009908.000.00.00.H99", "Đăng ký, cấp giấy chứng nhận quyền sử dụng đất lần đầu", "G97-DD01",
         "H99.03", 20, _WORKING, 100_000, "Đơn đăng ký|Giấy tờ về quyền sử dụng đất|Sơ đồ thửa đất",
         "KQ.G97.000001 Giấy chứng nhận quyền sử dụng đất"),
    _Row("1.009909.000.00.00.H99", "Đăng ký biến động quyền sử dụng đất", "G97-DD01", "H99.03", 10, _WORKING,
         50_000, "Đơn đăng ký biến động|Giấy chứng nhận đã cấp=KQ.G97.000001|Hợp đồng chuyển nhượng",
         "KQ.G97.000001 Giấy chứng nhận quyền sử dụng đất|KQ.G97.000002 Thông báo xác nhận biến động"),
    _Row("1.009910.000.00.00.H99", "Cấp giấy phép xây dựng mới", "G96-XD01", "H99.04", 20, _CALENDAR, 75_000,
         "Đơn đề nghị|Giấy tờ về đất=KQ.G97.000001|Bản vẽ thiết kế|Cam kết", "KQ.G96.000001 Giấy phép xây dựng"),
    _Row("1.009911", "Cung cấp thông tin về quy hoạch xây dựng", "G96-QH02", "H99.04", 15, _CALENDAR, 0,
         "Văn bản đề nghị", "KQ.G96.000002 Văn bản cung cấp thông tin quy hoạch"),
    _Row("1.009912", "Đăng ký thành lập hộ kinh doanh", "G95-HK02", "H99.31 H99.32", 3, _WORKING, 100_000,
         "Giấy đề nghị|Bản sao giấy tờ pháp lý", "KQ.G95.000001 Giấy chứng nhận đăng ký hộ kinh doanh"),
    _Row("2.009913", "Đăng ký thành lập công ty trách nhiệm hữu hạn", "G95-DN01", "H99.05", 3, _WORKING, 50_000,
         "Giấy đề nghị|Điều lệ|Danh sách thành viên|Bản sao giấy tờ pháp lý",
         "KQ.G95.000002 Giấy chứng nhận đăng ký doanh nghiệp"),
    _Row("2.009914.000.00.00.H99", "Đăng ký nội quy lao động", "G94-LD01", "H99.06", 7, _WORKING, 0,
         "Văn bản đề nghị|Nội quy lao động|Văn bản góp ý", "KQ.G94.000001 Văn bản xác nhận nội quy lao động"),
    _Row("1.009915.000.00.00.H99", "Cấp giấy phép lao động cho người nước ngoài", "G94-LD01", "H99.06", 10,
         _WORKING, 600_000, "Văn bản đề nghị|Giấy khám sức khỏe|Phiếu lý lịch tư pháp=KQ.G98.000021|Hộ chiếu",
         "KQ.G94.000002 Giấy phép lao động"),
    _Row("1.009916", "Trợ cấp xã hội hằng tháng", "G94-BT02", "H99.31 H99.32", 7, _WORKING, 0,
         "Tờ khai đề nghị trợ cấp", "KQ.G94.000003 Quyết định trợ cấp"),
    _Row("1.009917.H99", "Cấp giấy phép kinh doanh vận tải bằng xe ô tô", "G96-VT03", "H99.04", 5, _WORKING,
         200_000, "Giấy đề nghị|Văn bằng người điều hành|Quyết định thành lập bộ phận an toàn",
         "KQ.G96.000003 Giấy phép kinh doanh vận tải"),
    _Row("2.009918.H99", "Cấp phù hiệu xe ô tô kinh doanh vận tải", "G96-VT03", "H99.04", 2, _WORKING, 0,
         "Giấy đề nghị|Bản sao giấy đăng ký xe", "KQ.G96.000004 Phù hiệu"),
    _Row("1.009919.000.00.00.H99", "Cấp giấy phép hành nghề khám bệnh, chữa bệnh", "G92-YT01", "H99.07", 1,
         _MONTHS, 360_000, "Đơn đề nghị|Bản sao văn bằng|Giấy xác nhận thực hành|Giấy khám sức khỏe",
         "KQ.G92.000002 Giấy phép hành nghề"),
    _Row("2.009920.H99", "Chuyển trường đối với học sinh trung học", "G91-GD01", "H99.08", 2, _WORKING, 0,
         "Đơn xin chuyển trường|Học bạ", "KQ.G91.000001 Giấy giới thiệu chuyển trường"),
    _Row("1.009921", "Cấp phiếu lý lịch tư pháp số 1", "G98-LL03", "H99.02", 10, _WORKING, 200_000,
         "Tờ khai|Bản sao giấy tờ tùy thân", "KQ.G98.000021 Phiếu lý lịch tư pháp số 1"),
    _Row("2.009922", "Liên thông đăng ký khai sinh, đăng ký thường trú, cấp thẻ bảo hiểm y tế", "G98-HT01",
         "H99.31 H99.32", 4, _WORKING, 0, "Tờ khai điện tử|Giấy chứng sinh=KQ.G92.000001",
         "KQ.G98.000001 Giấy khai sinh|KQ.G92.000003 Thẻ bảo hiểm y tế"),
    _Row("1.009923.000.00.00.H99", "Cấp giấy phép môi trường", "G97-MT02", "H99.03", 30, _CALENDAR, 12_000_000,
         "Văn bản đề nghị|Báo cáo đề xuất|Tài liệu pháp lý dự án", "KQ.G97.000003 Giấy phép môi trường"),
    _Row("1.009924.H99", "Cấp giấy phép khai thác nước dưới đất", "G97-TN03", "H99.03", 45, _CALENDAR, 3_500_000,
         "Đơn đề nghị|Báo cáo khai thác|Kết quả phân tích nước", "KQ.G97.000004 Giấy phép khai thác nước"),
    _Row("2.009925.H99", "Tiếp nhận góp ý đồ án quy hoạch", "G96-QH02", "H99.04 H99.14", 0, _WORKING, 0,
         "Văn bản góp ý", "KQ.G96.000005 Văn bản tiếp thu, giải trình"),
    _Row("1.009926", "Hỗ trợ chi phí mai táng", "G94-BT02", "H99.31 H99.32", 3, _WORKING, 0,
         "Tờ khai đề nghị hỗ trợ|Trích lục khai tử=KQ.G98.000002", "KQ.G94.000004 Quyết định hỗ trợ"),
)  # fmt: skip

_AGENCY_NAMES: dict[str, str] = {entry["MADONVI"]: entry["TENDONVI"] for entry in AGENCIES}
_AGENCY_LEVELS: dict[str, str] = {entry["MADONVI"]: entry["CAPDONVI"] for entry in AGENCIES}
_FIELD_NAMES: dict[str, str] = {entry["MALINHVUC"]: entry["TENLINHVUC"] for entry in FIELDS}
_LEVEL_NAMES = {"0": "Cấp Bộ", "1": "Cấp Tỉnh", "2": "Cấp Huyện", "3": "Cấp Xã"}


def fee_code(field: str, number: int) -> str:
    """``MAPHILEPHI`` of the ``number``-th procedure; the first one is the code of the contract's example."""
    return f"LP.{field.partition('-')[0]}.{number:06d}"


def _duration(row: _Row, number: int, days: int, *, charged: bool) -> Entry:
    fee = {
        "MAPHILEPHI": fee_code(row.field, number),
        "SOTIEN": str(row.fee),
        "DONVI": "Đồng",
        "MOTA": "",
        "TENTEP": "",
        "URL": "",
    }
    return {
        "THOIGIANGIAIQUYET": str(days) if days else "",
        "DONVITINH": row.unit if days else "",
        "MOTA": "" if days else "Không quy định thời hạn",
        "PHILEPHI": [fee] if row.fee and charged else [],
    }


def _channels(row: _Row, number: int) -> list[Entry]:
    # As in the contract's example, filing online is one day faster where there is a day to save, and the fee row
    # stands under the first channel.
    online = row.days - 1 if row.unit == _WORKING and row.days > 3 else row.days
    return [
        {"KENH": "1", "THOIGIAN": [_duration(row, number, row.days, charged=True)]},
        {"KENH": "2", "THOIGIAN": [_duration(row, number, online, charged=False)]},
        {"KENH": "3", "THOIGIAN": [_duration(row, number, row.days, charged=False)]},
    ]


def _papers(row: _Row, number: int) -> list[Entry]:
    papers = []
    for index, text in enumerate(row.papers.split("|"), start=1):
        name, _, replaced_by = text.partition("=")
        form = f"mau-{number:02d}.docx" if index == 1 else ""
        papers.append(
            {
                "MAGIAYTO": f"000.00.00.{PROVINCE}-TP{(number - 1) * 10 + index:04d}",
                "TENGIAYTO": name,
                "SOBANCHINH": "1" if index == 1 else "0",
                "SOBANSAO": "0" if index == 1 else "1",
                "TENMAUDON": form,
                "URL": f"https://bieumau.h99.invalid/{form}" if form else "",
                "MA_KQ_THAYTHE": replaced_by,
            }
        )
    return papers


def _results(row: _Row) -> list[Entry]:
    pairs = (text.partition(" ") for text in row.results.split("|"))
    return [{"MAKETQUA": code, "TENKETQUA": name, "TENTEP": "", "URL": ""} for code, _, name in pairs]


def _procedure(number: int, row: _Row) -> Entry:
    agencies = row.agencies.split()
    level = _AGENCY_LEVELS[agencies[0]]
    basis = {
        "SOVANBAN": f"{number:02d}/2023/NĐ-CP",
        "TENVANBAN": f"Nghị định mô phỏng số {number}",
        "NGAYBANHANH": "01/01/2023",
        "NGAYHIEULUC": "01/03/2023",
        "COQUANBANHANH": "Chính phủ",
        "DIACHITRUYCAP": "",
    }
    return {
        "ID": str(990_000 + number),
        "MATTHC": row.code,
        "TENTTHC": row.name,
        "MACOQUANCONGBO": PROVINCE,
        "LOAITTHC": "1",
        "TRANGTHAI": "1",
        "IDQUYETDINHCONGBO": str(77_000 + number),
        "QUYETDINH": f"{98 + number}/QĐ-UBND",
        "MOTA": "",
        "YEUCAU": "",
        "TUKHOA": "",
        "DIACHITIEPNHAN": "Trung tâm HCC",
        "MOTADOITUONGTHUCHIEN": "",
        "MOTACOQUANTHUCHIEN": "",
        "MOTACOQUANTHAMQUYEN": "",
        "LINHVUCTHUCHIEN": [{"MALINHVUC": row.field, "TENLINHVUC": _FIELD_NAMES[row.field]}],
        "CAPTHUCHIEN": [{"CAPTHUCHIEN": level, "TENCAP": _LEVEL_NAMES[level]}],
        "TRINHTUTHUCHIEN": [{"TRUONGHOP": "", "TRINHTU": [{"TENTRINHTU": "Bước 1: nộp hồ sơ"}]}],
        "CACHTHUCTHUCHIEN": _channels(row, number),
        "DOITUONGTHUCHIEN": [{"MADOITUONG": "1", "TENDOITUONG": "Công dân Việt Nam"}],
        "THANHPHANHOSO": [{"TRUONGHOP": "Thông thường", "GIAYTO": _papers(row, number)}],
        "KETQUATHUCHIEN": _results(row),
        "CANCUPHAPLY": [basis],
        "TTHCLIENQUAN": [],
        "TTHCLIENTHONG": [],
        "COQUANTHUCHIEN": [{"MADONVI": code, "TENDONVI": _AGENCY_NAMES[code]} for code in agencies],
        "COQUANCOTHAMQUYEN": [],
        "COQUANDUOCUYQUYEN": [],
        "COQUANPHOIHOP": [],
    }


PROCEDURES: tuple[Entry, ...] = tuple(_procedure(number, row) for number, row in enumerate(_ROWS, start=1))

# Number (identity or tax code) to the account's technical id, for TraCuuTechID (§12.8).
TECH_IDS: dict[str, str] = {
    "099000000001": "tech-0000-demo",
    "099000000002": "tech-0000-cd02",
    "0109999999": "tech-0000-dn01",
    "0109999998": "tech-0000-dn02",
}

# The e-document store (§8.1, §12.12): owner's identity number to documents; files as base64, by their path.
STORE: dict[str, tuple[Entry, ...]] = {
    "099000000001": (
        {
            "MaKetQua": "KQ.H99.000011",
            "TenGiayTo": "Chứng nhận cũ",
            "SoKyHieu": "11/CN",
            "CoQuanChuQuan": "H99.14",
            "DanhSachTepDinhKem": [{"TenTep": "cn.pdf", "DuongDan": "/kho/H99/2023/cn.pdf"}],
        },
        {
            "MaKetQua": "KQ.G98.000004",
            "TenGiayTo": "Giấy xác nhận tình trạng hôn nhân",
            "SoKyHieu": "204/XNTTHN",
            "CoQuanChuQuan": "H99.31",
            "DanhSachTepDinhKem": [{"TenTep": "xntthn.pdf", "DuongDan": "/kho/H99/2024/xntthn.pdf"}],
        },
    ),
}
FILES: dict[str, str] = {
    "/kho/H99/2023/cn.pdf": "JVBERi0xLjQ=",
    "/kho/H99/2024/xntthn.pdf": "JVBERi0xLjQKJSBtbyBwaG9uZw==",
    "/tbkm/G99/2024/dieu-chinh.pdf": "JVBERi0xLjQ=",
}
DEFAULT_FILE = "JVBERi0xLjQ="


def _pairs(code: str, name: str, rows: str) -> tuple[Entry, ...]:
    split = (row.partition(" ") for row in rows.split("|"))
    return tuple({code: value, name: text} for value, _, text in split)


def _every(key: str) -> tuple[Entry, ...]:
    return tuple(entry for procedure in PROCEDURES for entry in procedure[key])


# Tables whose keys no source shows (§4.1, "names only"); the keys are ours, after the pattern of those seen.
SMALL_TABLES: dict[str, tuple[Entry, ...]] = {
    "LayDanhMucCapThucHien": tuple(
        {"CAPTHUCHIEN": code, "TENCAP": name} for code, name in _LEVEL_NAMES.items()
    ),
    "LayDanhMucTinhThanh": _pairs("MATINHTHANH", "TENTINHTHANH", "99 Tỉnh Mô phỏng|98 Tỉnh Lân cận"),
    "LayDanhMucQuanHuyen": (),  # district level abolished on 1 July 2025 (U20)
    "LayDanhMucPhuongXa": _pairs("MAPHUONGXA", "TENPHUONGXA", "99101 Phường Mẫu|99102 Xã Thử"),
    "LayDanhMucGioiTinh": _pairs("MAGIOITINH", "TENGIOITINH", "0 Chưa xác định|1 Nam|2 Nữ"),
    "LayDanhMucDanToc": _pairs("MADANTOC", "TENDANTOC", "01 Kinh|02 Tày|03 Thái|04 Hoa|05 Khơ-me|06 Mường"),
    "LayDanhMucTonGiao": _pairs("MATONGIAO", "TENTONGIAO", "00 Không|01 Phật giáo|02 Công giáo"),
    "LayDanhMucQuocGia": _pairs("MAQUOCGIA", "TENQUOCGIA", "VN Việt Nam|LA Lào|KH Cam-pu-chia"),
    "LayDanhMucTinhTrangHonNhan": _pairs(
        "MATTHN", "TENTTHN", "1 Chưa kết hôn|2 Đang có vợ, chồng|3 Đã ly hôn"
    ),
    "LayDanhMucDoiTuong": _pairs(
        "MADOITUONG", "TENDOITUONG", "1 Công dân Việt Nam|2 Doanh nghiệp|3 Cơ quan nhà nước|4 Tổ chức khác"
    ),
    "LayDanhMucCanCuPhapLy": _every("CANCUPHAPLY"),
    "LayDanhMucLePhi": tuple(
        fee
        for channel in _every("CACHTHUCTHUCHIEN")
        for duration in channel["THOIGIAN"]
        for fee in duration["PHILEPHI"]
    ),
    "LayDanhMucLoaiThuTuc": tuple(
        {"MALINHVUC": entry["MALINHVUC"], "MANGANH": entry["MANGANH"], "NHOMTHUTUC": "1"} for entry in FIELDS
    ),
    "LayDanhMucNhomThuTuc": FIELDS,
    "LayDanhMucThuTucThuocLoai": FIELDS,
}
