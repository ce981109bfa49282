"""What the board wants to be told: one row per official element (ward_board §3, §4)."""

from datetime import date

from gateway.mapping import Field, Table, Waiver, elements
from gateway.mapping.formats import date14, digits, line

CARD = Table(
    name="card",
    clause="ward_board §3",
    fields=(
        Field(name="SoHoSo", source=lambda dossier, scope: scope.number, required=True, pointer="/code"),
        Field(name="PhienBan", source="version", format=digits, required=True),
        Field(
            name="ThuTuc", source="procedure.name", format=line, required=True, max_length=500, shorten=True
        ),
        Field(
            name="NguoiNop", source="applicant.name", format=line, required=True, max_length=100, shorten=True
        ),
        Field(name="TinhTrang", source="status", code="states", required=True),
        Field(name="HenTra", source="due_at", format=date14),
    ),
)
LINE = Table(
    name="line",
    clause="ward_board §4",
    fields=(
        Field(name="MaDong", source="id", format=line, required=True, max_length=100),
        Field(name="Luc", source="at", format=date14, required=True),
        Field(name="TinhTrang", source="status", code="states", required=True),
        Field(name="NoiDung", source="note", format=line, max_length=200, shorten=True),
    ),
)
TABLES = {"card": CARD, "line": LINE}
ELEMENTS = {
    "card": elements("ward_board §3", "SoHoSo PhienBan ThuTuc NguoiNop TinhTrang", "HenTra AnhDaiDien"),
    "line": elements("ward_board §4", "MaDong Luc TinhTrang", "NoiDung"),
}
WAIVED = {
    "card": {
        "AnhDaiDien": Waiver(reason="no portrait of an applicant leaves the province", on=date(2026, 9, 1))
    }
}
