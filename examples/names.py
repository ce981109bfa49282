"""Invented people, organisations and officers of province H99, recognisable as test names at sight.

Invariant: nobody here exists; numbers are 0900000NNN, 099… and mail goes to example.invalid. The same random
source gives the same name.
"""

from __future__ import annotations

from random import Random

from gateway.domain.dossier import Applicant, ApplicantKind, Identity, IdentityKind

_FAMILY = [
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Huỳnh",
    "Phan",
    "Vũ",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Hồ",
    "Ngô",
    "Dương",
    "Lý",
    "Đinh",
    "Đoàn",
    "Trương",
    "Lâm",
    "Mạc",
    "Tạ",
    "Quách",
    "Âu",
]
_MIDDLE = [
    "Văn",
    "Thị",
    "Hữu",
    "Đức",
    "Minh",
    "Ngọc",
    "Thanh",
    "Quốc",
    "Xuân",
    "Kim",
    "Thị Ngọc",
    "Đình",
    "Bảo",
    "Thị Mỹ",
    "Công",
    "Thế",
    "Khánh",
    "Tường",
]
_GIVEN = [
    "Thử",
    "Mẫu",
    "Giả",
    "Ví Dụ",
    "Thử Nghiệm",
    "Minh Họa",
    "Mô Phỏng",
    "Kiểm Thử",
    "Giả Định",
    "Dựng",
    "Tưởng",
    "Phỏng",
    "Nháp",
    "Đặt Tên",
    "Chạy Thử",
    "Khuyết",
    "Ẩn",
    "Vô Danh",
    "Đồng Mẫu",
    "Ước",
    "Tượng Trưng",
]
# Peoples of the Central Highlands write an apostrophe in given names; every escaping on the way must survive it.
_HIGHLAND = [
    "H'Thử Niê",
    "Rơ Châm H'Mẫu",
    "K'Giả",
    "Y Phỏng Ê-ban",
    "Siu H'Ví Dụ",
    "Đinh Y'Nháp",
    "Ksor H'Ẩn",
]
_COMPANY = (
    "Công ty TNHH Mô Phỏng {}",
    "Công ty Cổ phần Thử Nghiệm Đồng Bằng {}",
    "Công ty TNHH MTV Ví Dụ {}",
    'Công ty TNHH "Mẫu & Giả" {}',
    "Hợp danh Thử <H99> & Cộng Sự {}",
    "Doanh nghiệp tư nhân Đặng Nháp {}",
    "Công ty Cổ phần Đầu tư Ước Đoán {}",
)
_AGENCY = ("Ủy ban nhân dân xã Thử {}", "Trường THPT Mô Phỏng số {}", "Trạm Y tế phường Ví Dụ {}")
_ORGANISATION = (
    "Hội Người Thử Nghiệm tỉnh H99 – Chi hội {}",
    "Quỹ từ thiện «Tấm Lòng Mẫu» {}",
    "Hợp tác xã Nông nghiệp Giả Định {}",
    "Ban Đại diện 'Khu phố Nháp' {}",
)
_LONG_PART = "Liên hiệp các Hợp tác xã Thử Nghiệm, Mô Phỏng và Đối Chứng Số Liệu vùng Ven Sông tỉnh H99"
_LONG_OFFICER = "Nguyễn Phước Tường Bảo Khánh Thị Minh Họa Mô Phỏng (phụ trách Bộ phận Một cửa)"
_STREET = ("đường Thử Nghiệm", "ngõ Mô Phỏng", "phố Ví Dụ", "quốc lộ 99Đ", "thôn Giả Định", "buôn Ea H'Mẫu")
_WARD = ("phường Mẫu", "xã Thử", "xã Đồng Nháp", "phường Ước Đoán", "xã Ea K'Phỏng")


def officer(rng: Random) -> str:
    """An official's name; one in sixty is longer than the portal's 50 characters (national_portal §6)."""
    return _LONG_OFFICER if rng.randrange(60) == 0 else _person(rng)


def applicant(rng: Random, kind: ApplicantKind, number: int) -> Applicant:
    """The ``number``-th owner of a dossier; ``number`` makes identities, phone and mail its own."""
    name = _name(rng, kind, number)
    online = rng.randrange(100) < 55
    return Applicant(
        kind=kind,
        name=name,
        identities=_identities(rng, kind, number),
        email=f"chu-ho-so.{number:04}@example.invalid" if rng.randrange(100) < 60 else None,
        phone=f"0900000{number % 1000:03}" if rng.randrange(100) < 95 else None,
        fax=f"0990000{number % 1000:03}" if kind is not ApplicantKind.CITIZEN and number % 5 == 0 else None,
        address=f"Số {rng.randrange(1, 300)} {rng.choice(_STREET)}, {rng.choice(_WARD)}, tỉnh H99",
        account_id=f"tech-0000-{number:06}" if online else None,
        account_verified=online and rng.randrange(100) < 80,
    )


def _person(rng: Random) -> str:
    return f"{rng.choice(_FAMILY)} {rng.choice(_MIDDLE)} {rng.choice(_GIVEN)}"


def _name(rng: Random, kind: ApplicantKind, number: int) -> str:
    match kind:
        case ApplicantKind.CITIZEN:
            return rng.choice(_HIGHLAND) if rng.randrange(12) == 0 else _person(rng)
        case ApplicantKind.ENTERPRISE:
            return rng.choice(_COMPANY).format(number)
        case ApplicantKind.AGENCY:
            return rng.choice(_AGENCY).format(number)
        case ApplicantKind.ORGANISATION:
            if rng.randrange(3) == 0:  # longer than 255 characters, within the record's 500
                return f"{_LONG_PART} – Phân ban {number}; {_LONG_PART} – Tiểu ban; {_LONG_PART}"
            return rng.choice(_ORGANISATION).format(number)


def _identities(rng: Random, kind: ApplicantKind, number: int) -> list[Identity]:
    personal = Identity(kind=IdentityKind.PERSONAL_ID, number=f"099{number:09}")
    old_card = Identity(kind=IdentityKind.OLD_ID_CARD, number=f"099{number:06}")
    if kind is not ApplicantKind.CITIZEN:  # the tax code, and whoever represents the organisation
        branch = "-001" if rng.randrange(6) == 0 else ""
        return [Identity(kind=IdentityKind.TAX_CODE, number=f"09900{number:05}{branch}"), personal]
    passport = Identity(kind=IdentityKind.PASSPORT, number=f"X{number:07}")
    several = ([personal, old_card], [old_card], [personal, passport])
    return rng.choice(([personal],) * 12 + several)
