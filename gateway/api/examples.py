"""Examples for readers of the description: an invented dossier of the invented province H99."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from gateway.domain.dossier import (
    Agency,
    Applicant,
    ApplicantKind,
    Channel,
    Dossier,
    Identity,
    IdentityKind,
    Procedure,
    Step,
)
from gateway.storage.intake import Receipt

_VIETNAM = timezone(timedelta(hours=7))
_MORNING = datetime(2026, 9, 28, 8, 5, tzinfo=_VIETNAM)

DOSSIER = Dossier(
    code="H99.14-260928-0007",
    version=1,
    procedure=Procedure(code="1.004203", name="Cấp bản sao trích lục hộ tịch"),
    agency=Agency(code="H99.14", name="Ủy ban nhân dân phường Ví Dụ"),
    channel=Channel.COUNTER,
    applicant=Applicant(
        kind=ApplicantKind.CITIZEN,
        name="Nguyễn Văn Thí Dụ",
        identities=[Identity(kind=IdentityKind.PERSONAL_ID, number="099000000000")],
    ),
    summary="Trích lục khai sinh",
    status="received",
    submitted_at=_MORNING,
    received_at=_MORNING,
    due_at=_MORNING + timedelta(days=2),
    steps=[Step(id="1", at=_MORNING, status="received", actor="Trần Thị Mẫu", title="Tiếp nhận hồ sơ")],
)
RECEIPT = Receipt(code=DOSSIER.code, version=1, result="created", enqueued={"national_portal": 2})
