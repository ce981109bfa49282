"""Invented dossiers, translated, that every adapter is tested with, and the earlier versions of a dossier.

Invariant: nobody here exists; every status, channel, applicant kind, identity kind, return method, fee kind,
payment method and reuse kind occurs at least once (a test counts them).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unicodedata import normalize

import msgspec

from gateway.domain.dossier import (
    Agency,
    Applicant,
    ApplicantKind,
    Channel,
    Document,
    Dossier,
    Fee,
    FeeKind,
    FileReference,
    Identity,
    IdentityKind,
    Paper,
    PaymentMethod,
    Portal,
    Procedure,
    Reappointment,
    Result,
    ReturnMethod,
    Reuse,
    Step,
    Supplement,
)
from gateway.domain.status import Status

START = datetime(2026, 9, 28, 1, 5, tzinfo=UTC)  # a Monday, 08:05 in Vietnam
_AGENCY = Agency(code="H99.14", name="Sở Thử nghiệm")
_PROCEDURE = Procedure(
    code="TN-01",
    national_code="1.009901.000.00.00.H99",
    name="Cấp giấy xác nhận thử nghiệm",
    field_code="G99-TN01",
    field_name="Thử nghiệm",
)
_CITIZEN = Applicant(
    kind=ApplicantKind.CITIZEN,
    name="Nguyễn Văn Thử",
    identities=[Identity(kind=IdentityKind.PERSONAL_ID, number="099000000001")],
    email="thu@example.invalid",
    phone="0900000001",
    address="Số 2 phố Thử, phường Mẫu",
    account_id="tech-0000-demo",
    account_verified=True,
)
_NOTES = {
    Status.REGISTERED: "Đã nộp hồ sơ",
    Status.RECEIVED: "Tiếp nhận hồ sơ",
    Status.REFUSED: "Từ chối: không thuộc thẩm quyền",
    Status.PROCESSING: "Đang xử lý",
    Status.SUPPLEMENT_REQUESTED: "Yêu cầu bổ sung ảnh",
    Status.PAYMENT_REQUESTED: "Yêu cầu nộp lệ phí",
    Status.WITHDRAWN: "Công dân rút hồ sơ",
    Status.STOPPED: "Dừng xử lý",
    Status.FINISHED: "Ký kết quả",
    Status.RETURNED: "Trả kết quả",
}
_S = Status


def built_in() -> tuple[Dossier, ...]:
    """The kit's own dossiers, in a fixed order; the first one fills every field."""
    return (_everything(), *_paths(), *_applicants(), _barest(), _foreign(), _of_the_portal(), _awkward())


def earlier_versions(dossier: Dossier) -> list[Dossier]:
    """``dossier`` as it stood after each of its steps, oldest first; the last one is ``dossier`` itself."""
    earlier = []
    for count in range(1, len(dossier.steps)):
        status = Status(dossier.steps[count - 1].status)
        done = status in {Status.FINISHED, Status.RETURNED}
        earlier.append(
            msgspec.structs.replace(
                dossier,
                version=count,
                status=status,
                steps=dossier.steps[:count],
                received_at=None if status is Status.REGISTERED else dossier.received_at,
                finished_at=dossier.finished_at if done else None,
                returned_at=dossier.returned_at if status is Status.RETURNED else None,
                results=dossier.results if done else [],
            )
        )
    return [*earlier, msgspec.structs.replace(dossier, version=max(dossier.version, len(dossier.steps)))]


def history(*statuses: Status, start: datetime = START) -> list[Step]:
    """One step per status, a working day apart."""
    return [
        Step(
            id=f"step-{index}",
            at=start + timedelta(days=index),
            status=status,
            actor="Trần Thị Mẫu",
            title="Chuyên viên",
            unit="Phòng Thử nghiệm",
            note=_NOTES[status],
            started_at=start + timedelta(days=index, hours=-1) if index else None,
            due_at=start + timedelta(days=5) if index else None,
        )
        for index, status in enumerate(statuses)
    ]


def dossier(code: str, *statuses: Status, **fields: object) -> Dossier:
    """An ordinary dossier that went through ``statuses``; ``fields`` replace the fields of the record."""
    steps = history(*statuses)
    reached = {Status(step.status): step.at for step in steps}
    plain = Dossier(
        code=code,
        version=len(steps),
        procedure=_PROCEDURE,
        agency=_AGENCY,
        channel=Channel.COUNTER,
        applicant=_CITIZEN,
        summary="Đề nghị cấp giấy xác nhận thử nghiệm",
        status=statuses[-1],
        submitted_at=START - timedelta(hours=1),
        received_at=None if set(reached) <= {Status.REGISTERED, Status.REFUSED} else START,
        due_at=START + timedelta(days=10),
        finished_at=reached.get(Status.FINISHED),
        returned_at=reached.get(Status.RETURNED),
        refused_at=reached.get(Status.REFUSED),
        steps=steps,
        results=[_result()] if Status.FINISHED in reached else [],
    )
    return msgspec.structs.replace(plain, **fields)


def _paths() -> list[Dossier]:
    """One dossier per way through the states, so that every state is some dossier's last."""
    ways = (
        (_S.REGISTERED,),
        (_S.REGISTERED, _S.RECEIVED),
        (_S.REGISTERED, _S.REFUSED),
        (_S.RECEIVED, _S.PROCESSING),
        (_S.RECEIVED, _S.PROCESSING, _S.SUPPLEMENT_REQUESTED),
        (_S.RECEIVED, _S.PAYMENT_REQUESTED),
        (_S.RECEIVED, _S.PROCESSING, _S.WITHDRAWN),
        (_S.RECEIVED, _S.PROCESSING, _S.STOPPED),
        (_S.RECEIVED, _S.PROCESSING, _S.FINISHED),
        (_S.RECEIVED, _S.PROCESSING, _S.SUPPLEMENT_REQUESTED, _S.PROCESSING, _S.FINISHED, _S.RETURNED),
    )
    return [dossier(f"H99.14-260928-{number:04}", *way) for number, way in enumerate(ways, start=101)]


def _applicants() -> list[Dossier]:
    rows = (
        (ApplicantKind.ENTERPRISE, "Công ty TNHH Mô Phỏng", IdentityKind.TAX_CODE, "0109999999"),
        (ApplicantKind.AGENCY, "Ủy ban nhân dân xã Thử", IdentityKind.TAX_CODE, "0109999998"),
        (ApplicantKind.ORGANISATION, "Hội Người Thử Nghiệm", IdentityKind.TAX_CODE, "0109999997"),
        (
            ApplicantKind.CITIZEN,
            normalize("NFD", "Đặng Thị Phương Mẫu"),
            IdentityKind.OLD_ID_CARD,
            "099000002",
        ),
        (ApplicantKind.CITIZEN, "H'Thử Niê", IdentityKind.PASSPORT, "X9900001"),
    )
    channels = (Channel.COUNTER, Channel.ONLINE, Channel.POST)
    methods = (ReturnMethod.COUNTER, ReturnMethod.POST, ReturnMethod.ELECTRONIC)
    return [
        dossier(
            f"H99.14-260928-{number:04}",
            *(_S.RECEIVED, _S.PROCESSING),
            applicant=Applicant(kind=kind, name=name, identities=[Identity(kind=identity, number=digits)]),
            channel=channels[number % len(channels)],
            return_method=methods[number % len(methods)],
        )
        for number, (kind, name, identity, digits) in enumerate(rows, start=201)
    ]


def _barest() -> Dossier:
    """Nothing but what the record type demands and a received dossier cannot lack."""
    return Dossier(
        code="H99.14-260928-0301",
        version=1,
        procedure=_PROCEDURE,
        agency=_AGENCY,
        channel=Channel.COUNTER,
        applicant=Applicant(kind=ApplicantKind.CITIZEN, name="Lê Văn Giả"),
        summary="Không có gì thêm",
        status=_S.RECEIVED,
        submitted_at=START,
        received_at=START,
        steps=[Step(id="only", at=START, status=_S.RECEIVED)],
    )


def _foreign() -> Dossier:
    """Numbered by another system, so a partner may want a number of its own (national_portal §3)."""
    return dossier("HS.2026.000777", _S.RECEIVED, _S.PROCESSING)


def _of_the_portal() -> Dossier:
    """Filed at the national portal and only processed here."""
    return dossier(
        "G99.01-260928-0003",
        *(_S.RECEIVED, _S.PROCESSING, _S.FINISHED),
        origin=Portal.NATIONAL,
        channel=Channel.ONLINE,
    )


def _awkward() -> Dossier:
    """Identifiers that are legal and that careless code changes, splits or puts into an address."""
    identifiers = (normalize("NFD", "Bước số 1"), "bước  2", "a/b?c=d&e#f%20;g", "  4  ")
    plain = dossier("H99.14-260928-0302", _S.RECEIVED, _S.PROCESSING, _S.FINISHED, _S.RETURNED)
    steps = [
        msgspec.structs.replace(step, id=identifier)
        for step, identifier in zip(plain.steps, identifiers, strict=True)
    ]
    return msgspec.structs.replace(plain, steps=steps)


def _everything() -> Dossier:
    way = (_S.RECEIVED, _S.PROCESSING, _S.SUPPLEMENT_REQUESTED, _S.PROCESSING, _S.FINISHED, _S.RETURNED)
    return dossier(
        "H99.14-260928-0007",
        *way,
        applicant=msgspec.structs.replace(_CITIZEN, fax="0240000000"),
        channel=Channel.ONLINE,
        return_method=ReturnMethod.POST,
        return_note="Gửi về địa chỉ của chủ hồ sơ",
        receipt_number="BN-0007",
        note="Hồ sơ thử nghiệm",
        other_information="Không có",
        documents=_documents(),
        papers=[Paper(name="Ảnh 4x6", quantity=2)],
        fees=_fees(),
        supplements=[_supplement()],
        reappointments=[_reappointment()],
        databases=["1"],
    )


def _file(number: int) -> FileReference:
    return FileReference(
        url=f"https://files.example.invalid/downloadfile/0b8f7d0e-1111-4222-8333-{number:012}",
        sha256=f"{number:064x}",
        size=24_000 + number,
        media_type="application/pdf",
    )


def _documents() -> list[Document]:
    reused = Document(
        id="700002",
        name="Bản sao chứng thực",
        component_code="000.00.00.H99-TP0002",
        file=_file(2),
        digitised=True,
        reuse=Reuse.RESULT,
        replaced_result_code="KQ.H99.000011",
        from_national_store=True,
    )
    return [
        Document(id="700001", name="Đơn đề nghị", component_code="000.00.00.H99-TP0001", file=_file(1)),
        reused,
        Document(id="700003", name="Giấy cũ", file=_file(3), reuse=Reuse.COMPONENT, deleted=True),
    ]


def _fees() -> list[Fee]:
    rows = (
        (FeeKind.CHARGE, PaymentMethod.COUNTER, 150_000),
        (FeeKind.FEE, PaymentMethod.PORTAL, 20_000),
        (FeeKind.FEE, PaymentMethod.PROVINCE_GATEWAY, 0),
    )
    return [
        Fee(
            id=f"fee-{number}",
            name="Lệ phí cấp giấy" if kind is FeeKind.CHARGE else "Phí thẩm định",
            kind=kind,
            amount=amount,
            code=f"LP.G99.{number:06}",
            method=method,
            paid_at=START + timedelta(hours=number) if amount else None,
        )
        for number, (kind, method, amount) in enumerate(rows, start=1)
    ]


def _supplement() -> Supplement:
    return Supplement(
        id=55,
        requested_at=START + timedelta(days=2),
        requested_by="Trần Thị Mẫu",
        reason="Bổ sung ảnh",
        old_due_at=START + timedelta(days=8),
        received_at=START + timedelta(days=3),
        received_by="Trần Thị Mẫu",
        received_note="Đủ giấy tờ",
        new_due_at=START + timedelta(days=10),
        documents=[Document(id="700004", name="Ảnh", file=_file(4))],
        fees=[Fee(id="fee-9", name="Lệ phí bổ sung", kind=FeeKind.CHARGE, amount=5_000)],
    )


def _reappointment() -> Reappointment:
    return Reappointment(
        old_due_at=START + timedelta(days=8),
        new_due_at=START + timedelta(days=10),
        issued_at=START + timedelta(days=4),
        reason="Chờ ý kiến phối hợp",
        document_number="12/XLHL",
        signer="Lê Văn Giả",
    )


def _result() -> Result:
    return Result(
        id="800001",
        name="Giấy xác nhận số 12/GXN",
        code="KQ.H99.000031",
        component_code="000.00.00.H99-KQ0001",
        file=_file(9),
    )
