"""What hangs on a dossier: submitted documents, papers without a file, fees, results.

Invariant: a file is named by an https address under hoso.h99.example and by the SHA-256 of its invented content,
both following from the dossier's code, so that the same dossier has the same files.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from random import Random

from examples.catalogue import Component, ExampleProcedure
from examples.journey import Journey
from gateway.domain.dossier import (
    Channel,
    Document,
    Fee,
    FeeKind,
    FileReference,
    Paper,
    PaymentMethod,
    Result,
    Reuse,
)
from gateway.domain.status import Status

REFUSAL_PAPER = "Văn bản từ chối giải quyết hồ sơ (có nêu rõ lý do)"
_PAPERS = ("Ảnh 3x4", "Bản chính sổ hộ khẩu cũ để đối chiếu", "Túi đựng hồ sơ, bì thư có tem")
_LONG_DOCUMENT = "Biên bản họp dân cư về việc thống nhất số liệu thử nghiệm giữa các hộ giáp ranh; " * 4


def documents(rng: Random, code: str, procedure: ExampleProcedure) -> list[Document]:
    """One document per component of the procedure, digitised, reused, from the national store, or bare."""
    return [
        _document(rng, code, position, part) for position, part in enumerate(procedure.components, start=1)
    ]


def supplement_document(code: str, number: int, replaced: Document) -> Document:
    """The document that a supplement round brings in place of ``replaced``."""
    identifier = f"{code}.bs{number}"
    return Document(
        id=identifier,
        name=f"bo-sung-{number} – {replaced.name}",
        component_code=replaced.component_code,
        file=file_reference(identifier, 40_000 + number),
        digitised=True,
    )


def papers(rng: Random) -> list[Paper]:
    """Papers handed in without a file; mostly none."""
    if rng.randrange(4):
        return []
    return [Paper(name=rng.choice(_PAPERS), quantity=rng.randrange(1, 4), kind=rng.randrange(1, 3))]


def fees(rng: Random, code: str, journey: Journey) -> list[Fee]:
    """The fee of the procedure (paid online, through the province or at the counter, unpaid, zero), or none."""
    procedure = journey.procedure
    waits = journey.paid_at is not None or Status.PAYMENT_REQUESTED in {step.status for step in journey.steps}
    if not procedure.fee:
        return []
    online = journey.channel is Channel.ONLINE
    free = not waits and (rng.randrange(6) == 0 if online else rng.randrange(25) == 0)
    method = _method(rng, online=online)
    # An exemption for online filing is a fee of zero, not a missing fee (domain_rules §1, seed 001).
    amount = 0 if free else procedure.fee
    found = [
        Fee(
            id=f"{code}.lp1",
            name="Lệ phí (miễn khi nộp trực tuyến)" if free else f"Lệ phí: {procedure.name}",
            kind=FeeKind.CHARGE,
            amount=amount,
            code=procedure.fee_code,
            method=method,
            paid_at=_paid_at(rng, journey, method, waits=waits),
        )
    ]
    if procedure.fee >= 100_000 and rng.randrange(3) == 0:
        found.append(
            Fee(
                id=f"{code}.lp2",
                name="Phí thẩm định hồ sơ",
                kind=FeeKind.FEE,
                amount=procedure.fee // 2,
                code=procedure.fee_code,
                paid_at=_paid_at(rng, journey, PaymentMethod.COUNTER, waits=False),
            )
        )
    return found


def results(rng: Random, code: str, procedure: ExampleProcedure, *, refused: bool) -> list[Result]:
    """The results of a finished dossier with code and file; a lawful refusal is one too (domain_rules §4.3)."""
    chosen = procedure.results[:1] if refused or rng.randrange(2) else procedure.results
    return [
        Result(
            id=f"{code}.kq{position}",
            name=REFUSAL_PAPER if refused else f"{name} số {rng.randrange(1, 9000)}/2026",
            code=result_code,
            file=file_reference(f"{code}.kq{position}", rng.randrange(20_000, 900_000)),
        )
        for position, (result_code, name) in enumerate(chosen, start=1)
    ]


def file_reference(identifier: str, size: int) -> FileReference:
    """Address, digest and size of an invented PDF."""
    digest = sha256(f"tệp mẫu {identifier}".encode()).hexdigest()
    return FileReference(
        url=f"https://hoso.h99.example/tep/{digest[:24]}.pdf",
        sha256=digest,
        size=size,
        media_type="application/pdf",
    )


def _document(rng: Random, code: str, position: int, part: Component) -> Document:
    identifier = f"{code}.tl{position}"
    reuse, replaced = Reuse.NONE, None
    if part.replaced_by and rng.randrange(5) < 2:
        reuse, replaced = Reuse.RESULT, part.replaced_by
    elif rng.randrange(14) == 0:
        reuse = Reuse.COMPONENT
    long = rng.randrange(70) == 0
    return Document(
        id=identifier,
        name=f"{_LONG_DOCUMENT}{part.name}.pdf" if long else f"{part.name}.pdf",
        component_code=part.code,
        file=file_reference(identifier, rng.randrange(8_000, 2_000_000)),
        digitised=reuse is not Reuse.NONE or rng.randrange(3) > 0,
        reuse=reuse,
        replaced_result_code=replaced,
        from_national_store=reuse is Reuse.RESULT and rng.randrange(2) == 0,
    )


def _method(rng: Random, *, online: bool) -> PaymentMethod:
    if online:
        return rng.choice((PaymentMethod.PORTAL, PaymentMethod.PORTAL, PaymentMethod.PROVINCE_GATEWAY))
    return rng.choice((PaymentMethod.COUNTER, PaymentMethod.COUNTER, PaymentMethod.PROVINCE_GATEWAY))


def _paid_at(rng: Random, journey: Journey, method: PaymentMethod, *, waits: bool) -> datetime | None:
    if waits:
        return journey.paid_at
    if rng.randrange(7) == 0:
        return None
    return journey.submitted_at if method is PaymentMethod.PORTAL else journey.received_at
