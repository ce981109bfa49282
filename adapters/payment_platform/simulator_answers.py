"""How the stand-in words its answers: flat or in the LGSP's wrapper, pages for payers, a small PDF.

Invariant: whatever text goes into a page is escaped, and a PDF's table of offsets is right to the byte.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.port.simulator import SimulatedResponse

OK = "00"
BAD = "99"
DONE = "Thành công"

NOT_JSON = "Bản tin không phải JSON"
NO_TOKEN = "Không có quyền truy cập"  # noqa: S105 - a sentence
NO_KIND = "Loại bản tin không hợp lệ"
NO_VERSION = "Phiên bản không được hỗ trợ"
NO_PARTNER = "Mã đối tác không tồn tại"
NO_FIELD = "Thiếu trường bắt buộc: {name}"
NO_TEXT = "Trường {name} phải là chuỗi"
TOO_LONG = "Trường {name} dài quá {limit} ký tự"
NOT_PLAIN = "Trường {name} có ký tự không được phép"
BAD_MAC = "Sai mã xác thực"
BAD_AMOUNT = "Số tiền không hợp lệ"
BAD_TIME = "Thời gian giao dịch không hợp lệ"
BAD_SUM = "Tổng các khoản không bằng số tiền"
TAKEN = "Mã tham chiếu đã tồn tại với nội dung khác"
NOT_FOUND = "Không tìm thấy giao dịch"
NO_BILL = "Chưa có biên lai"
BROKEN = "Lỗi hệ thống"

_JSON = (("content-type", "application/json; charset=utf-8"),)
_HTML = (("content-type", "text/html; charset=utf-8"),)
_PDF = (("content-type", "application/pdf"),)


def write(service: str, fields: Mapping[str, Any], *, wrapped: bool) -> SimulatedResponse:
    """An answer of the platform; a wrapped refusal is plain text in ``message`` (§5.3)."""
    document: Mapping[str, Any] = fields
    if wrapped and fields.get("MaLoi") == OK:
        document = {"error_code": "0", "message": msgspec.json.encode(fields).decode()}
    elif wrapped:
        document = {"error_code": "-1", "message": fields.get("MoTaLoi", "")}
    return SimulatedResponse(headers=_JSON, body=msgspec.json.encode(document), service=service)


def refusal(reason: str) -> dict[str, Any]:
    """What is said to a message that is refused."""
    return {"MaLoi": BAD, "MoTaLoi": reason}


def plain(service: str, status: int, text: str) -> SimulatedResponse:
    """Bare text."""
    return SimulatedResponse(
        status=status,
        headers=(("content-type", "text/plain; charset=utf-8"),),
        body=text.encode("utf-8", "replace"),
        service=service,
    )


def pdf_file(service: str, lines: tuple[str, ...]) -> SimulatedResponse:
    """A receipt as a file."""
    return SimulatedResponse(headers=_PDF, body=pdf(lines), service=service)


def broken_page(service: str, status: int = 200) -> SimulatedResponse:
    """What a proxy says when the platform says nothing."""
    body = b"<!DOCTYPE html><html><body><h1>Service Unavailable</h1></body></html>"
    return SimulatedResponse(status=status, headers=_HTML, body=body, service=service)


def page(service: str, title: str, rows: Mapping[str, str], *, buttons: bool) -> SimulatedResponse:
    """What a payer sees."""
    told = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows.items()
    )
    form = _FORM if buttons else ""
    body = (
        '<!DOCTYPE html><html lang="vi"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title></head><body><h1>{html.escape(title)}</h1>"
        f"<table>{told}</table>{form}</body></html>"
    )
    return SimulatedResponse(headers=_HTML, body=body.encode("utf-8", "replace"), service=service)


def redirect(service: str, url: str) -> SimulatedResponse:
    """Send the browser elsewhere."""
    return SimulatedResponse(status=302, headers=(("location", url),), service=service)


_FORM = (
    '<form method="post">'
    '<button name="action" value="pay">Thanh toán</button>'
    '<button name="action" value="fail">Thanh toán không thành công</button>'
    '<button name="action" value="leave">Rời khỏi trang</button>'
    "</form>"
)


_FONTS = b"/Resources << /Font << /F1 5 0 R >> >>"


def pdf(lines: tuple[str, ...]) -> bytes:
    """One page of ASCII text."""
    shown = "".join(f"({_pdf_text(line)}) Tj T*\n" for line in lines)
    stream = f"BT /F1 12 Tf 14 TL 72 770 Td\n{shown}ET".encode("ascii")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R %s >>" % _FONTS,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    written = b"%PDF-1.4\n"
    offsets = []
    for number, each in enumerate(objects, start=1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return (
        written
        + b"xref\n0 %d\n0000000000 65535 f \n" % size
        + rows
        + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(written))
    )


def _pdf_text(line: str) -> str:
    ascii_only = line.encode("ascii", "replace").decode("ascii")
    printable = "".join(letter if letter.isprintable() else "?" for letter in ascii_only)
    return printable.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
