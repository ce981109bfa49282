"""What the demo says to people, in Vietnamese and in English.

Invariant: every text has both languages (a test checks it); figures are put in by the caller.
"""

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """Language of the summary."""

    VI = "vi"
    EN = "en"


TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Liên Thông Gateway: bản trình diễn", "Liên Thông Gateway: demonstration"),
    "starting": (
        "Khởi động Cổng Dịch vụ công quốc gia mô phỏng ({faults}) …",
        "Starting the simulated National Public Service Portal ({faults}) …",
    ),
    "portal_at": (
        "Cổng mô phỏng: {url} (tiến trình riêng, HTTP thật)",
        "Simulated portal: {url} (its own process, real HTTP)",
    ),
    "faults.calm": ("không có sự cố", "no faults"),
    "faults.five_percent": ("5% lượt gọi gặp sự cố", "5% of calls fail"),
    "faults.storm": ("ngày rất xấu: 2 trong 5 lượt gọi gặp sự cố", "a very bad day: 2 of 5 calls fail"),
    "catalogues": (
        "Đã tải danh mục và thủ tục của cổng: {count} lượt hỏi, {entries} mục",
        "Fetched the portal's catalogues and procedures: {count} questions, {entries} entries",
    ),
    "bar.imported": ("Bản ghi đã nhận", "Lines imported"),
    "bar.dossiers": ("Trạng thái hồ sơ đã chuyển", "Dossier states delivered"),
    "bar.steps": ("Bước xử lý đã chuyển", "Steps delivered"),
    "live.retries": ("lần thử lại", "retries survived"),
    "live.doubts": ("nghi vấn đã giải quyết", "doubts settled"),
    "live.open_doubts": ("đang hỏi lại", "being asked about"),
    "live.breaker": ("cầu dao", "breaker"),
    "breaker.closed": ("đóng (đang gửi)", "closed (sending)"),
    "breaker.open": ("mở (tạm dừng, đang thăm dò)", "open (pausing, probing)"),
    "summary": ("KẾT QUẢ", "RESULT"),
    "in_step": ("Hồ sơ khớp với cổng quốc gia", "Dossiers in step with the national portal"),
    "absent": (
        "Hồ sơ chưa được tiếp nhận nên chưa gửi (đúng quy định)",
        "Dossiers not received yet, so rightly not sent",
    ),
    "steps": ("Bước xử lý đã chuyển, mỗi bước đúng một lần", "Processing steps delivered, each exactly once"),
    "states": ("Trạng thái hồ sơ đã chuyển", "Dossier states delivered"),
    "replaced": (
        "Trạng thái chưa gửi đã được bản mới hơn thay thế",
        "Unsent states that a newer one made pointless",
    ),
    "calls": ("Lượt gửi tới cổng", "Calls to the portal"),
    "refused_lines": ("Bản ghi bị từ chối khi nhập", "Lines refused at import"),
    "retries": ("Sự cố đã vượt qua, theo loại", "Faults survived, by kind"),
    "retries.total": ("Tổng cộng", "Total"),
    "retries.none": ("không có", "none"),
    "kind.no_connection": ("Không kết nối được", "No connection"),
    "kind.no_answer": ("Gửi rồi nhưng không có trả lời trọn vẹn", "Sent, but no whole answer came"),
    "kind.busy": ("Cổng quá tải, yêu cầu thử lại sau", "Portal overloaded, asked to come back"),
    "kind.broken_page": ("Trang lỗi thay cho trả lời", "An error page in place of an answer"),
    "kind.unreadable": ("Trả lời không đọc được", "An answer that cannot be read"),
    "kind.session": ("Phiên đăng nhập hết hạn giữa chừng", "Session expired on the way"),
    "kind.turned": ("Hồ sơ đã có trên cổng: chuyển sang cập nhật", "Dossier was there: sent as update"),
    "kind.refused": ("Cổng từ chối tạm thời, gửi lại từng mục", "Refused for now, sent again singly"),
    "kind.technical": ("Cổng báo lỗi kỹ thuật", "The portal reported a technical fault"),
    "kind.other": ("Khác", "Other"),
    "doubts": (
        "Trường hợp không rõ đã tới nơi hay chưa, và cách giải quyết",
        "Cases where the effect was unknown, and how each was settled",
    ),
    "doubts.dossiers": ("Hồ sơ", "Dossiers"),
    "doubts.steps": ("Bước xử lý", "Steps"),
    "doubt.found": (
        "Đã hỏi cổng: đã có → không gửi lại",
        "The portal was asked: it had it → not sent again",
    ),
    "doubt.resent": (
        "Đã hỏi cổng: chưa có → gửi lại",
        "The portal was asked: it did not have it → sent again",
    ),
    "doubt.replaced": ("Được trạng thái mới hơn thay thế", "A newer state took its place"),
    "doubt.open": ("Còn chờ", "Still open"),
    "deadlines": ("Đúng hạn, trễ hạn (tính theo ngày)", "On time and late (by date)"),
    "class.early": ("Giải quyết trước hạn", "Finished early"),
    "class.on_time": ("Giải quyết đúng hạn", "Finished on time"),
    "class.late": ("Giải quyết trễ hạn", "Finished late"),
    "class.in_time": ("Đang giải quyết, trong hạn", "In work, in time"),
    "class.overdue": ("Đang giải quyết, quá hạn", "In work, overdue"),
    "class.paused": (
        "Tạm dừng chờ bổ sung, nộp phí hoặc dừng xử lý",
        "Paused: waiting for the citizen, or stopped",
    ),
    "class.paused_late": ("Tạm dừng khi đã quá hạn", "Paused when already overdue"),
    "class.not_counted": ("Chưa tiếp nhận, không tính", "Not received yet, not counted"),
    "class.refused": ("Từ chối tiếp nhận", "Refused at reception"),
    "class.withdrawn": ("Công dân rút hồ sơ", "Withdrawn by the citizen"),
    "class.data_error": ("Dữ liệu không thể đúng", "Impossible data"),
    "disputed": (
        "trong đó xong đúng ngày hẹn nhưng sau giờ hẹn: {count}",
        "of these finished on the day of the appointment, after its hour: {count}",
    ),
    "comparison": (
        "ĐỐI CHIẾU với sổ ghi của chính cổng quốc gia ({compared} hồ sơ, {steps} bước)",
        "COMPARISON with the portal's own record ({compared} dossiers, {steps} steps)",
    ),
    "missing": ("Thiếu (missing)", "missing"),
    "out_of_order": ("Sai thứ tự (out of order)", "out of order"),
    "duplicated": ("Trùng lặp (duplicated)", "duplicated"),
    "different": ("Sai khác (different)", "different"),
    "undelivered": ("Chưa chuyển xong", "not delivered"),
    "holds": (
        "KHỚP HOÀN TOÀN: không hồ sơ nào thiếu, sai thứ tự, trùng lặp hay sai khác.",
        "IN STEP: nothing missing, out of order, duplicated or different.",
    ),
    "fails": (
        "KHÔNG KHỚP: xem các điểm sai khác ở trên; dữ liệu còn trong {folder}",
        "NOT IN STEP: see the differences above; the data stays in {folder}",
    ),
    "took": ("Thời gian: {seconds:.0f} giây", "Time: {seconds:.0f} seconds"),
    "kept": ("Dữ liệu: {folder}", "Data: {folder}"),
    "injected": (
        "Sự cố mà cổng mô phỏng đã gây ra: {count}",
        "Faults that the simulated portal injected: {count}",
    ),
    "paying": (
        "Thu phí, lệ phí qua Nền tảng thanh toán mô phỏng: xác nhận bị mất, trùng, đảo thứ tự, giả mạo, đến muộn …",
        "Collecting fees at the simulated payment platform: callbacks lost, doubled, reordered, forged, late …",
    ),
    "money": ("THU PHÍ, LỆ PHÍ", "FEES AND CHARGES"),
    "money.asked": ("Khoản thu đã đề nghị nộp", "Payments asked for"),
    "money.paid": (
        "Khoản người dân đã nộp (theo sổ của nền tảng)",
        "Paid by citizens (by the platform's ledger)",
    ),
    "money.by_callback": ("Ghi nhận nhờ xác nhận của nền tảng", "Known by the platform's callback"),
    "money.by_question": (
        "Xác nhận bị mất hoặc muộn: gateway tự hỏi và tìm ra",
        "Callback lost or late: found by asking",
    ),
    "money.by_people": (
        "Xác nhận sai số liệu: cách ly, hai người cùng quyết định",
        "Callback with wrong figures: quarantined, decided by two people",
    ),
    "money.repeated": (
        "Xác nhận gửi lặp lại, không ghi nhận lần hai",
        "Repeated callbacks, without a second effect",
    ),
    "money.refused": ("Xác nhận giả mạo đã từ chối", "Forged callbacks refused"),
    "money.receipts": ("Biên lai điện tử đã lấy về", "Receipts fetched"),
    "money.comparison": (
        "ĐỐI CHIẾU TIỀN với sổ của chính nền tảng thanh toán ({amount} đồng)",
        "COMPARISON OF MONEY with the platform's own ledger ({amount} đồng)",
    ),
    "money.difference": ("Chênh lệch giữa hai sổ, đồng", "Difference between the ledgers, đồng"),
    "money.settled_twice": ("Khoản bị ghi nhận hai lần", "Settled twice"),
    "money.unpaid_shown_paid": ("Chưa nộp mà ghi là đã nộp", "Unpaid shown as paid"),
    "money.paid_shown_unpaid": ("Đã nộp mà ghi là chưa nộp", "Paid shown as unpaid"),
    "money.holds": (
        "KHỚP ĐẾN TỪNG ĐỒNG: không ai phải nộp hai lần, không khoản nào bị mất.",
        "EQUAL TO THE ĐỒNG: nobody pays twice, and no payment is lost.",
    ),
    "money.fails": (
        "HAI SỔ KHÔNG KHỚP: xem lienthong payments list",
        "THE LEDGERS DIFFER: see lienthong payments list",
    ),
    "ministries": (
        "Liên thông với các bộ, ngành mô phỏng: hỏi, bổ sung giấy tờ, nhận kết quả, cập nhật cổng quốc gia …",
        "Asking the simulated ministries: requests, supplements, results, and the portal's copy after them …",
    ),
    "asked": ("Hồ sơ đã gửi cơ quan giải quyết", "Requests sent to who decides"),
    "supplemented": (
        "Trong đó phải bổ sung giấy tờ, đã bổ sung",
        "Of these wanted more papers, and got them",
    ),
    "came_back": ("Kết quả đã nhận về hồ sơ", "Results back in the dossier"),
    "sent_files": (
        "Tệp đính kèm tới nơi, đúng từng byte (SHA-256)",
        "Attachments arrived byte for byte (SHA-256)",
    ),
    "result_files": ("Tệp kết quả đúng từng byte (SHA-256)", "Result files equal byte for byte (SHA-256)"),
    "portal_copies": ("Bản trên cổng quốc gia khớp", "Copies at the national portal in step"),
    "signed_calls": (
        "Lượt gọi có chữ ký số, cơ quan nhận đã xác minh",
        "Signed calls, verified by who received them",
    ),
    "lost": ("Mất (lost)", "lost"),
    "twice": ("Hai lần (twice)", "twice"),
    "late_order": ("Sai thứ tự (out of order)", "out of order"),
    "ministries.title": (
        "LIÊN THÔNG VỚI BỘ, NGÀNH, đối chiếu với sổ ghi của chính các cơ quan đó",
        "MINISTRIES, compared with their own records",
    ),
    "ministry.judicial_records": ("Lý lịch tư pháp", "Judicial records"),
    "ministry.construction": ("Giấy phép xây dựng", "Construction permits"),
    "ministries.hold": (
        "ĐỦ VÀ ĐÚNG: không hồ sơ nào mất, gửi hai lần hay sai thứ tự.",
        "COMPLETE: no request is lost, sent twice or out of order.",
    ),
    "ministries.fail": (
        "CHƯA ĐỦ HOẶC CHƯA ĐÚNG: xem lienthong status",
        "NOT COMPLETE: see lienthong status",
    ),
    "serving": (
        "Gateway đang chạy: {url}  (dừng: Ctrl-C)",
        "The gateway is running: {url}  (stop: Ctrl-C)",
    ),
    "console": (
        "Bảng điều hành: {url}  tên đăng nhập {account}  mật khẩu {password}",
        "Console: {url}  account {account}  password {password}",
    ),
    "key": (
        "Khóa API (chỉ hiện một lần): {key}",
        "API key (shown once): {key}",
    ),
    "try": ("Thử:", "Try:"),
}


def say(language: Language, name: str, **values: object) -> str:
    """Text ``name`` in ``language``; whole numbers among ``values`` are written as the language does."""
    vietnamese, english = TEXTS[name]
    text = vietnamese if language is Language.VI else english
    written = {
        each: figure(language, value) if type(value) is int else value for each, value in values.items()
    }
    return text.format(**written) if values else text


def figure(language: Language, count: int) -> str:
    """A whole number with its thousands apart: 4.915 in Vietnamese, 4,915 in English."""
    written = f"{count:,}"
    return written.replace(",", ".") if language is Language.VI else written
