"""What officials read about a check of an evidence bundle: each check, and each fault, in Vietnamese.

Invariant: every check and every fault that the verifier knows has its words here; what to do stands once, for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "CHECKPOINT": "Điểm kiểm tra do đúng khóa của nhật ký ký",
    "WITNESSES": "Đủ nhân chứng đã thấy điểm kiểm tra và xác nhận nó nối tiếp các điểm trước",
    "TIMESTAMP": "Đơn vị cấp dấu thời gian đã thấy điểm kiểm tra, không sớm hơn lúc nhật ký lập",
    "SUCCESSION": "Điểm kiểm tra nối tiếp điểm trước nó",
    "INCLUSION": "Mục nhật ký có thật và đứng đúng chỗ này",
    "CONTENT": "Nội dung đúng là nội dung mà mục nhật ký đã cam kết",
    "CONTAINER": "Tệp chứng cứ chỉ có một cách đọc",
    "SEAL_FORM": "Chữ ký viết đúng dạng chuẩn",
    "SEAL": "Các tệp được ký bằng chứng thư đã ghim",
    "SEAL_TIME": "Đơn vị cấp dấu thời gian đã thấy chữ ký",
    "FILE": "Tệp đúng là tệp đã được ký",
    "BUNDLE": "bundle.json đọc được và nói đúng về các tệp đi kèm",
    "ENTRY": "Mục nhật ký nói về hồ sơ này",
    "VIEW": "Bản dễ đọc đúng với dữ liệu gốc",
}
FAULTS: Mapping[str, str] = {
    "PROOF_OUT_OF_RANGE": "bằng chứng nói về một mục hoặc một cỡ mà cây không có",
    "PROOF_MALFORMED": "bằng chứng thiếu, thừa hoặc sai độ dài mã băm",
    "INCLUSION_WRONG": "mục này không phải là mục nhật ký có ở chỗ ấy",
    "CONSISTENCY_WRONG": "cây sau không nối tiếp cây trước: lịch sử đã bị sửa",
    "KEY_MALFORMED": "khóa đã ghim viết sai dạng",
    "NOTE_MALFORMED": "không phải là bản ghi có chữ ký",
    "NOTE_UNSIGNED": "không khóa nào đã ghim ký bản ghi này",
    "SIGNATURE_WRONG": "chữ ký mạo danh một khóa đã ghim",
    "CHECKPOINT_MALFORMED": "không phải là điểm kiểm tra",
    "CHECKPOINT_OF_OTHER_LOG": "điểm kiểm tra không do khóa của nhật ký nó nêu tên ký",
    "WITNESSES_MISSING": "chưa đủ nhân chứng đã ghim ký",
    "CHAIN_BROKEN": "điểm kiểm tra không nêu đúng điểm trước nó",
    "CLOCK_BACK": "điểm kiểm tra cũ hơn điểm trước nó: đồng hồ đã bị vặn lùi",
    "HISTORY_SHRUNK": "điểm kiểm tra có ít mục hơn điểm trước nó",
    "HISTORY_FORKED": "hai điểm kiểm tra cùng cỡ nhưng khác gốc",
    "CONTENT_MALFORMED": "các phần của nội dung không khớp nhau",
    "CONTENT_WRONG": "nội dung không phải là nội dung mà nhật ký đã cam kết",
    "TIMESTAMP_MALFORMED": "không phải là dấu thời gian",
    "TIMESTAMP_ALGORITHM": "dấu thời gian dùng thuật toán không được chấp nhận",
    "TIMESTAMP_OF_OTHER_DATA": "dấu thời gian nói về dữ liệu khác",
    "TIMESTAMP_NO_CERTIFICATE": "thiếu chứng thư của bên ký dấu thời gian",
    "TIMESTAMP_OTHER_CERTIFICATE": "dấu thời gian nêu chứng thư khác với chứng thư của bên ký",
    "TIMESTAMP_CHANGED": "lời của dấu thời gian không phải là lời đã ký",
    "TIMESTAMP_SIGNATURE": "chữ ký của dấu thời gian không phải của bên ký",
    "TIMESTAMP_PURPOSE": "chứng thư không dùng để cấp dấu thời gian",
    "TIMESTAMP_EXPIRED": "chứng thư không còn hoặc chưa có hiệu lực vào lúc ghi trong dấu thời gian",
    "TIMESTAMP_UNTRUSTED": "chứng thư không dẫn về đơn vị đã ghim",
    "TIMESTAMP_BEFORE_CHECKPOINT": "dấu thời gian có trước lúc nhật ký nói là lập điểm kiểm tra",
    "CONTAINER_REFUSED": "tệp quá lớn, bị nén hoặc có tên tệp không hợp lệ",
    "CONTAINER_MALFORMED": "tệp không viết theo cách của cổng",
    "CONTAINER_DAMAGED": "một tệp bên trong bị hỏng",
    "SEAL_MALFORMED": "chữ ký không viết theo cách của cổng nên không biết đã ký những gì",
    "SEAL_ALGORITHM": "chữ ký dùng thuật toán hoặc khóa không được chấp nhận",
    "SEAL_UNTRUSTED": "chứng thư đã ký không nằm trong số đã ghim",
    "SEAL_WRONG": "chữ ký không phải của chứng thư, hoặc dữ liệu đã bị sửa",
    "SEAL_EXPIRED": "chứng thư không có hiệu lực vào lúc ký",
    "SEAL_CHAIN": "có chứng thư đi kèm không phải là chứng thư đã cấp cho người ký",
    "SEAL_BACKDATED": "chữ ký ghi giờ ký sớm hơn nội dung được ký, hoặc lệch xa giờ được nhìn thấy",
    "FILE_MISSING": "thiếu một tệp đã được ký",
    "FILE_UNSIGNED": "có một tệp không được ký",
    "FILE_CHANGED": "tệp khác với tệp đã được ký",
    "BUNDLE_MALFORMED": "bundle.json không đúng quy cách",
    "BUNDLE_FILES": "bundle.json và các tệp đi kèm không thuộc về nhau",
    "ENTRY_OF_OTHER_DOSSIER": "mục nhật ký nói về việc khác",
    "VIEW_WRONG": "bản dễ đọc khác với dữ liệu gốc",
    "TRUST_MALFORMED": "không đọc được tệp khóa đã ghim",
}
HOLDS = "Chứng cứ đúng: mọi phép kiểm tra đều đạt."
FAILS = (
    "Chứng cứ không đúng: có phép kiểm tra không đạt. Giữ nguyên tệp, chạy lienthong log verify, và hỏi ai đã có quyền "
    "sửa tệp hoặc cơ sở dữ liệu."
)
