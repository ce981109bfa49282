"""Procedures and agencies that the examples use: a copy of what the national portal's stand-in knows.

Invariant: every code here is a code of the stand-in's own catalogue; ``tests/unit/test_examples_portal.py`` compares the
two. It is a copy, because the examples play the part of the one-door system, which knows no adapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class Duration(StrEnum):
    """Unit of a procedure's processing time (domain_rules R4, R6, R7, R20)."""

    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"
    WORKING_HOURS = "working_hours"
    MONTHS = "months"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A paper that the procedure asks for; ``replaced_by`` is the result code that may stand in for it."""

    code: str
    name: str
    replaced_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleProcedure:
    """One procedure. ``results``: code and name of what it ends in. ``fee`` 0: free of charge."""

    code: str
    name: str
    field_code: str
    field_name: str
    agencies: tuple[str, ...]
    amount: int
    duration: Duration
    fee: int
    fee_code: str
    components: tuple[Component, ...]
    results: tuple[tuple[str, str], ...]


AGENCIES: dict[str, str] = {
    "H99.02": "Sở Tư pháp",
    "H99.03": "Sở Nông nghiệp và Môi trường",
    "H99.04": "Sở Xây dựng",
    "H99.05": "Sở Tài chính",
    "H99.06": "Sở Nội vụ",
    "H99.07": "Sở Y tế",
    "H99.08": "Sở Giáo dục và Đào tạo",
    "H99.14": "Sở Thử nghiệm",
    "H99.20": "Sở Công Thương",
    "H99.31": "Ủy ban nhân dân phường Mẫu",
    "H99.32": "Ủy ban nhân dân xã Thử",
}
FIELDS: dict[str, str] = {
    "G99-TN01": "Thử nghiệm",
    "G98-HT01": "Hộ tịch",
    "G98-CT02": "Chứng thực",
    "G98-LL03": "Lý lịch tư pháp",
    "G97-DD01": "Đất đai",
    "G97-MT02": "Môi trường",
    "G97-TN03": "Tài nguyên nước",
    "G96-XD01": "Hoạt động xây dựng",
    "G96-QH02": "Quy hoạch xây dựng, kiến trúc",
    "G96-VT03": "Đường bộ",
    "G95-DN01": "Thành lập và hoạt động của doanh nghiệp",
    "G95-HK02": "Thành lập và hoạt động của hộ kinh doanh",
    "G95-XT03": "Xúc tiến thương mại",
    "G94-LD01": "Lao động, việc làm",
    "G94-BT02": "Bảo trợ xã hội",
    "G92-YT01": "Khám bệnh, chữa bệnh",
    "G91-GD01": "Giáo dục phổ thông",
}
_UNITS = {
    "wd": Duration.WORKING_DAYS,
    "cd": Duration.CALENDAR_DAYS,
    "wh": Duration.WORKING_HOURS,
    "mo": Duration.MONTHS,
    "-": Duration.NONE,
}

# number in the portal's list | code | name | field | agencies | time | fee; then papers (name=result that replaces
# it), then results (code name).
_TABLE = """
1|1.009901.000.00.00.H99|Cấp giấy xác nhận thử nghiệm|G99-TN01|H99.14|5 wd|150000
Tờ khai|Bản sao chứng nhận=KQ.H99.000011
KQ.H99.000031 Giấy xác nhận
2|2.009902.H99|Đăng ký hộ mô phỏng|G99-TN01|H99.14|3 wd|0
Phiếu đăng ký|Ảnh 3x4
KQ.H99.000032 Giấy chứng nhận hộ mô phỏng
3|1.009903|Đăng ký khai sinh|G98-HT01|H99.31 H99.32|1 wd|0
Tờ khai đăng ký khai sinh|Giấy chứng sinh=KQ.G92.000001
KQ.G98.000001 Giấy khai sinh
4|1.009904|Đăng ký khai tử|G98-HT01|H99.31 H99.32|1 wd|0
Tờ khai đăng ký khai tử|Giấy báo tử
KQ.G98.000002 Trích lục khai tử
5|2.009905|Thông báo hoạt động khuyến mại|G95-XT03|H99.20|5 wd|0
Thông báo thực hiện khuyến mại
KQ.G95.000005 Văn bản xác nhận
6|1.009906|Đăng ký kết hôn|G98-HT01|H99.31 H99.32|5 wd|0
Tờ khai đăng ký kết hôn|Giấy xác nhận tình trạng hôn nhân=KQ.G98.000004
KQ.G98.000003 Giấy chứng nhận kết hôn
7|2.009907|Chứng thực bản sao từ bản chính|G98-CT02|H99.31 H99.32|8 wh|2000
Bản chính giấy tờ|Bản sao cần chứng thực
KQ.G98.000010 Bản sao có chứng thực
8|1.009908.000.00.00.H99|Đăng ký, cấp giấy chứng nhận quyền sử dụng đất lần đầu|G97-DD01|H99.03|20 wd|100000
Đơn đăng ký|Giấy tờ về quyền sử dụng đất|Sơ đồ thửa đất
KQ.G97.000001 Giấy chứng nhận quyền sử dụng đất
9|1.009909.000.00.00.H99|Đăng ký biến động quyền sử dụng đất|G97-DD01|H99.03|10 wd|50000
Đơn đăng ký biến động|Giấy chứng nhận đã cấp=KQ.G97.000001|Hợp đồng chuyển nhượng
KQ.G97.000001 Giấy chứng nhận quyền sử dụng đất|KQ.G97.000002 Thông báo xác nhận biến động
10|1.009910.000.00.00.H99|Cấp giấy phép xây dựng mới|G96-XD01|H99.04|20 cd|75000
Đơn đề nghị|Giấy tờ về đất=KQ.G97.000001|Bản vẽ thiết kế|Cam kết
KQ.G96.000001 Giấy phép xây dựng
11|1.009911|Cung cấp thông tin về quy hoạch xây dựng|G96-QH02|H99.04|15 cd|0
Văn bản đề nghị
KQ.G96.000002 Văn bản cung cấp thông tin quy hoạch
12|1.009912|Đăng ký thành lập hộ kinh doanh|G95-HK02|H99.31 H99.32|3 wd|100000
Giấy đề nghị|Bản sao giấy tờ pháp lý
KQ.G95.000001 Giấy chứng nhận đăng ký hộ kinh doanh
13|2.009913|Đăng ký thành lập công ty trách nhiệm hữu hạn|G95-DN01|H99.05|3 wd|50000
Giấy đề nghị|Điều lệ|Danh sách thành viên|Bản sao giấy tờ pháp lý
KQ.G95.000002 Giấy chứng nhận đăng ký doanh nghiệp
14|2.009914.000.00.00.H99|Đăng ký nội quy lao động|G94-LD01|H99.06|7 wd|0
Văn bản đề nghị|Nội quy lao động|Văn bản góp ý
KQ.G94.000001 Văn bản xác nhận nội quy lao động
15|1.009915.000.00.00.H99|Cấp giấy phép lao động cho người nước ngoài|G94-LD01|H99.06|10 wd|600000
Văn bản đề nghị|Giấy khám sức khỏe|Phiếu lý lịch tư pháp=KQ.G98.000021|Hộ chiếu
KQ.G94.000002 Giấy phép lao động
16|1.009916|Trợ cấp xã hội hằng tháng|G94-BT02|H99.31 H99.32|7 wd|0
Tờ khai đề nghị trợ cấp
KQ.G94.000003 Quyết định trợ cấp
17|1.009917.H99|Cấp giấy phép kinh doanh vận tải bằng xe ô tô|G96-VT03|H99.04|5 wd|200000
Giấy đề nghị|Văn bằng người điều hành|Quyết định thành lập bộ phận an toàn
KQ.G96.000003 Giấy phép kinh doanh vận tải
18|2.009918.H99|Cấp phù hiệu xe ô tô kinh doanh vận tải|G96-VT03|H99.04|2 wd|0
Giấy đề nghị|Bản sao giấy đăng ký xe
KQ.G96.000004 Phù hiệu
19|1.009919.000.00.00.H99|Cấp giấy phép hành nghề khám bệnh, chữa bệnh|G92-YT01|H99.07|1 mo|360000
Đơn đề nghị|Bản sao văn bằng|Giấy xác nhận thực hành|Giấy khám sức khỏe
KQ.G92.000002 Giấy phép hành nghề
20|2.009920.H99|Chuyển trường đối với học sinh trung học|G91-GD01|H99.08|2 wd|0
Đơn xin chuyển trường|Học bạ
KQ.G91.000001 Giấy giới thiệu chuyển trường
21|1.009921|Cấp phiếu lý lịch tư pháp số 1|G98-LL03|H99.02|10 wd|200000
Tờ khai|Bản sao giấy tờ tùy thân
KQ.G98.000021 Phiếu lý lịch tư pháp số 1
22|2.009922|Liên thông đăng ký khai sinh, đăng ký thường trú, cấp thẻ bảo hiểm y tế|G98-HT01|H99.31 H99.32|4 wd|0
Tờ khai điện tử|Giấy chứng sinh=KQ.G92.000001
KQ.G98.000001 Giấy khai sinh|KQ.G92.000003 Thẻ bảo hiểm y tế
23|1.009923.000.00.00.H99|Cấp giấy phép môi trường|G97-MT02|H99.03|30 cd|12000000
Văn bản đề nghị|Báo cáo đề xuất|Tài liệu pháp lý dự án
KQ.G97.000003 Giấy phép môi trường
24|1.009924.H99|Cấp giấy phép khai thác nước dưới đất|G97-TN03|H99.03|45 cd|3500000
Đơn đề nghị|Báo cáo khai thác|Kết quả phân tích nước
KQ.G97.000004 Giấy phép khai thác nước
25|2.009925.H99|Tiếp nhận góp ý đồ án quy hoạch|G96-QH02|H99.04 H99.14|0 -|0
Văn bản góp ý
KQ.G96.000005 Văn bản tiếp thu, giải trình
26|1.009926|Hỗ trợ chi phí mai táng|G94-BT02|H99.31 H99.32|3 wd|0
Tờ khai đề nghị hỗ trợ|Trích lục khai tử=KQ.G98.000002
KQ.G94.000004 Quyết định hỗ trợ
"""


def _component(number: int, index: int, text: str) -> Component:
    name, _, replaced_by = text.partition("=")
    code = f"000.00.00.H99-TP{(number - 1) * 10 + index:04}"
    return Component(code=code, name=name, replaced_by=replaced_by or None)


def _procedure(head: str, papers: str, results: str) -> ExampleProcedure:
    number, code, name, field, agencies, time, fee = head.split("|")
    amount, unit = time.split()
    return ExampleProcedure(
        code=code,
        name=name,
        field_code=field,
        field_name=FIELDS[field],
        agencies=tuple(agencies.split()),
        amount=int(amount),
        duration=_UNITS[unit],
        fee=int(fee),
        fee_code=f"LP.{field.partition('-')[0]}.{int(number):06}",
        components=tuple(
            _component(int(number), i, text) for i, text in enumerate(papers.split("|"), start=1)
        ),
        results=tuple((code, name) for code, _, name in (text.partition(" ") for text in results.split("|"))),
    )


_LINES = _TABLE.split("\n")[1:-1]
PROCEDURES: tuple[ExampleProcedure, ...] = tuple(
    _procedure(*_LINES[start:end]) for start, end in pairwise(range(0, len(_LINES) + 1, 3))
)
