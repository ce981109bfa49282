"""What an official reads about a deadline: one Vietnamese sentence for each class, flag, cause, risk and threshold.

Invariant: every name has a sentence; a test walks the enums.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.deadlines.classes import Flag, Verdict
from gateway.deadlines.portal_rule import PortalVerdict
from gateway.deadlines.reception import ReceptionVerdict
from gateway.deadlines.standing import Cause
from gateway.statussync.judgement import ASSESSMENT_FAILED
from gateway.statussync.risk import Reason
from gateway.statussync.thresholds import Threshold

OF_CLASS: Mapping[Verdict, str] = {
    Verdict.EARLY: "Đã giải quyết xong trước hạn.",
    Verdict.ON_TIME: "Đã giải quyết xong đúng hạn.",
    Verdict.LATE: "Đã giải quyết xong nhưng quá hạn.",
    Verdict.IN_TIME: "Đang giải quyết, còn trong hạn.",
    Verdict.OVERDUE: "Đang giải quyết, đã quá hạn.",
    Verdict.PAUSED: "Đang chờ người nộp hồ sơ, thời gian chờ không tính vào hạn.",
    Verdict.PAUSED_LATE: "Đang chờ người nộp hồ sơ, nhưng khi bắt đầu chờ thì đã quá hạn.",
    Verdict.NOT_COUNTED: "Chưa tiếp nhận nên chưa tính hạn giải quyết.",
    Verdict.REFUSED: "Không tiếp nhận, nằm ngoài thống kê giải quyết.",
    Verdict.WITHDRAWN: "Người nộp đã rút hồ sơ, được tính là đã giải quyết và không quá hạn.",
    Verdict.DATA_ERROR: "Số liệu thời gian không thể đúng nên không kết luận được; cần sửa tại hệ thống một cửa.",
}

OF_FLAG: Mapping[Flag, str] = {
    Flag.NO_DUE: "Hồ sơ không có ngày hẹn trả.",
    Flag.DUE_TODAY: "Hôm nay là ngày hẹn trả.",
    Flag.NEAR_DUE: "Sắp đến hạn: thời gian làm việc còn lại không quá ngưỡng cảnh báo.",
    Flag.DATE_INSTANT_DIFFER: "Tính theo ngày và tính theo giờ cho hai kết quả khác nhau; số chính thức tính theo ngày.",
    Flag.MIDNIGHT_DUE: "Ngày hẹn trả không ghi giờ (00:00), được hiểu là hết ngày đó.",
    Flag.WITHDRAWN_AFTER_DUE: "Hồ sơ được rút sau ngày hẹn trả.",
    Flag.NO_WAIT_START: "Đang chờ quá ngày hẹn nhưng không rõ bắt đầu chờ từ khi nào.",
    Flag.CALENDAR_GAP: "Lịch làm việc chưa có đủ các ngày cần tính; hãy nhập lịch mới hơn.",
    Flag.NO_END_TIME: "Trạng thái là đã xong nhưng thiếu thời điểm kết thúc xử lý.",
    Flag.END_BEFORE_RECEPTION: "Thời điểm kết thúc xử lý sớm hơn thời điểm tiếp nhận.",
    Flag.DUE_BEFORE_RECEPTION: "Ngày hẹn trả sớm hơn thời điểm tiếp nhận.",
    Flag.RECEPTION_IN_FUTURE: "Thời điểm tiếp nhận nằm trong tương lai.",
    Flag.END_IN_FUTURE: "Thời điểm kết thúc xử lý nằm trong tương lai.",
    Flag.WAIT_IN_FUTURE: "Thời điểm bắt đầu chờ nằm trong tương lai.",
    Flag.WAIT_BEFORE_RECEPTION: "Thời điểm bắt đầu chờ sớm hơn thời điểm tiếp nhận.",
    Flag.SYNC_LATE: "Việc xong đúng hạn nhưng thông tin đến sau ngày hẹn.",
    Flag.BEFORE_START: "Việc xong đúng hạn từ trước khi có hệ thống đồng bộ này, nên không tính là đồng bộ chậm.",
    Flag.REAPPOINTED: "Đã hẹn lại một lần, có văn bản xin lỗi hợp lệ.",
    Flag.REAPPOINTMENT_TWICE: "Hẹn lại lần thứ hai; chỉ được hẹn lại một lần nên không áp dụng.",
    Flag.REAPPOINTMENT_TOO_LATE: "Văn bản hẹn lại không được lập trước hạn ít nhất một ngày nên không áp dụng.",
    Flag.REAPPOINTMENT_NOT_LATER: "Ngày hẹn lại không muộn hơn ngày hẹn cũ nên không áp dụng.",
    Flag.NO_DOCUMENT: "Hẹn lại mà không có số văn bản nên không áp dụng.",
    Flag.ISSUED_ON_NON_WORKING_DAY: "Văn bản hẹn lại được lập vào ngày nghỉ.",
    Flag.SILENT_DUE_CHANGE: "Ngày hẹn trả bị đổi mà không có văn bản; ngày hẹn cũ vẫn được dùng để tính.",
    Flag.ASKED_AFTER_DUE: "Yêu cầu chờ được lập khi đã quá hạn nên không dời được ngày hẹn.",
    Flag.OLD_DUE_DIFFERS: "Văn bản ghi ngày hẹn cũ khác với ngày hẹn đang có hiệu lực.",
    Flag.DUE_TOO_LATE: "Ngày hẹn trả muộn hơn thời hạn của thủ tục.",
    Flag.DUE_AFTER_LEGAL_DAY: "Ngày hẹn trả muộn hơn ngày cuối theo luật, nhưng còn trong cách tính giờ làm việc.",
    Flag.END_TIME_REWRITTEN: "Thời điểm kết thúc xử lý đã bị sửa; giá trị nhận được đầu tiên được giữ để tính.",
    Flag.END_EQUALS_DUE: "Hồ sơ đã quá hạn lại được ghi kết thúc đúng vào giờ hẹn trả.",
    Flag.END_BACKDATED: "Thời điểm kết thúc được ghi lùi về ngày mà hồ sơ còn đang xử lý.",
    Flag.END_DIFFERS_FROM_STEP: "Thời điểm kết thúc khác ngày với bước xử lý cuối.",
    Flag.RECEPTION_REWRITTEN: "Thời điểm tiếp nhận đã bị sửa; giá trị đầu tiên được giữ.",
    Flag.SUBMISSION_REWRITTEN: "Thời điểm nộp đã bị sửa; giá trị đầu tiên được giữ.",
    Flag.SUBMIT_EQUALS_RECEIVE: "Thời điểm nộp trực tuyến trùng thời điểm tiếp nhận, có thể che việc tiếp nhận chậm.",
    Flag.BULK_EDIT: "Mốc thời gian bị sửa hàng loạt cùng nhiều hồ sơ khác của một hệ thống trong thời gian ngắn.",
    Flag.SUPPLEMENT_TWICE: "Yêu cầu bổ sung quá một lần.",
    Flag.SUPPLEMENT_NOTICE_LATE: "Yêu cầu bổ sung được lập quá thời gian cho phép kể từ khi tiếp nhận.",
    Flag.STATE_JUMP: "Trạng thái chuyển theo cách không thể có.",
    Flag.STATE_NEEDS_REASON: "Chuyển trạng thái này cần có lý do hoặc văn bản.",
    Flag.RECALLED: "Hồ sơ đã xong nhưng được đưa về xử lý lại.",
}

OF_CAUSE: Mapping[Cause, str] = {
    Cause.FIRST: "Ngày hẹn trả đầu tiên.",
    Cause.SUPPLEMENT: "Dời hẹn sau khi người nộp bổ sung hồ sơ.",
    Cause.PAYMENT: "Dời hẹn sau khi người nộp thực hiện nghĩa vụ tài chính.",
    Cause.REAPPOINTMENT: "Xin lỗi và hẹn lại ngày trả kết quả.",
    Cause.CALENDAR: "Dời hẹn vì ngày hẹn trở thành ngày nghỉ.",
    Cause.CORRECTION: "Sửa lại ngày hẹn ghi sai.",
    Cause.NONE: "Ngày hẹn thay đổi mà không rõ lý do.",
}

OF_RECEPTION: Mapping[ReceptionVerdict, str] = {
    ReceptionVerdict.OK: "Việc tiếp nhận hồ sơ trực tuyến đúng thời gian quy định.",
    ReceptionVerdict.DUE_SOON: "Sắp hết thời gian tiếp nhận hồ sơ trực tuyến.",
    ReceptionVerdict.LATE_RECEPTION: "Hồ sơ trực tuyến được tiếp nhận chậm.",
}

OF_INDICATOR: Mapping[PortalVerdict, str] = {
    PortalVerdict.ON_TIME: "Cổng Dịch vụ công quốc gia tính là đúng hạn.",
    PortalVerdict.LATE: "Cổng Dịch vụ công quốc gia tính là quá hạn.",
    PortalVerdict.NOT_COUNTED: "Cổng Dịch vụ công quốc gia chưa tính hồ sơ này.",
}

OF_RISK: Mapping[Reason, str] = {
    Reason.END_NOT_ACKNOWLEDGED: "Hồ sơ đã xong nhưng bên nhận chưa xác nhận, có thể bị hiển thị quá hạn.",
    Reason.WAIT_NOT_ACKNOWLEDGED: "Hồ sơ đang chờ người nộp nhưng bên nhận chưa biết, có thể bị hiển thị quá hạn.",
    Reason.PROMISE_NOT_ACKNOWLEDGED: "Ngày hẹn mới chưa được bên nhận xác nhận, họ vẫn tính theo ngày hẹn cũ.",
    Reason.LANE_STOPPED: "Sắp đến hạn mà việc gửi hồ sơ này đang bị dừng; kết quả sẽ không đến được bên nhận.",
}

OF_THRESHOLD: Mapping[Threshold, str] = {
    Threshold.NEAR_DUE: "Đã cảnh báo sắp đến hạn.",
    Threshold.DUE_TODAY: "Đã báo đến hạn trong ngày.",
    Threshold.OVERDUE: "Đã báo quá hạn.",
    Threshold.RECEPTION_LATE: "Đã báo chậm tiếp nhận hồ sơ nộp trực tuyến.",
    Threshold.AT_RISK: "Đã báo nguy cơ bị hiển thị quá hạn.",
}


def of_anomaly(kind: str) -> str:
    """The sentence for a kind of anomaly: a flag, or a version that could not be judged."""
    if kind == ASSESSMENT_FAILED:
        return "Không tính được thời hạn của phiên bản này do lỗi phần mềm; hãy báo đơn vị vận hành."
    return OF_FLAG[Flag(kind)]
