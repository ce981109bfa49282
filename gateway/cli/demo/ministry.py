"""The ministries of the demo as rows: who asks what of whom, and how each stand-in's own record reads.

Invariant: a ministry is a row here and a section of the example's configuration; nothing else knows it by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import msgspec

from gateway.cli.demo.store import Store
from gateway.domain.declarations import Declaration, JudicialRecordDeclaration
from gateway.domain.declarations.judicial_record import (
    CertificateKind,
    FiledThrough,
    Gender,
    IdentityPaper,
    Person,
    Place,
    Relative,
    Sojourn,
)
from gateway.domain.dossier import Document


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One request that is to be invented. ``supplement``: the ministry will want more."""

    number: int
    supplement: bool
    chance: Random
    store: Store


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: the form, the papers with it, and who asks."""

    applicant: str
    paper: str
    declaration: Declaration
    documents: list[Document]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A request by the ministry's own record: how often it was taken, digests of the files that it has and gave out."""

    taken: int
    files: frozenset[str]
    issued: frozenset[str]


class Ministry(msgspec.Struct, frozen=True, kw_only=True):
    """One ministry: the destination and its stand-in are called ``name``.

    ``procedure``, ``agency``: code and name, as the national portal knows them. ``asked``: how many requests,
    ``supplements``: of how many it wants more. ``pace``: the admin action that makes it quick.
    """

    name: str
    procedure: tuple[str, str]
    agency: tuple[str, str]
    days: int
    asked: int
    supplements: int
    pace: tuple[str, Mapping[str, Any]]
    wish: Callable[[Case], Wish]
    seen: Callable[[Mapping[str, Any]], dict[str, Seen]]


_NAMES = ("Nguyễn Văn Thử", "Trần Thị Mẫu", "Lê Minh Phỏng", "Phạm Thu Giả", "Hoàng Gia Ẩn", "Vũ Hồng Nháp")
_SUPPLEMENT = "9"  # the stand-in wants more of who has a paper that ends so
_CLEAN = "0123456"


def paper(case: Case, name: str, title: str) -> Document:
    """A paper with its file in the one-door system's store."""
    body = case.chance.randbytes(2_000).hex()
    content = f"%PDF-1.4\n% {title} {case.number}\n{body}\n%%EOF\n".encode()
    return Document(id=f"{name}-{case.number}", name=f"{title}.pdf", file=case.store.put(content))


def _certificate(case: Case) -> Wish:
    chance = case.chance
    name = chance.choice(_NAMES)
    ending = _SUPPLEMENT if case.supplement else chance.choice(_CLEAN)
    number = f"099{chance.randrange(10**5):05}{case.number % 1000:03}{ending}"
    home = Place(
        province="99",
        province_name="Tỉnh Mô phỏng",
        ward="00001",
        ward_name="Phường Mẫu",
        detail=f"Số {chance.randrange(1, 300)} đường Mẫu",
    )
    person = Person(
        name=name.upper(),
        gender=chance.choice(list(Gender)),
        born_on=f"{chance.randrange(1960, 2007)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
        birthplace=home,
        residence=home,
        paper=IdentityPaper(
            kind="citizen_card", number=number, issued_on="2022-06-05", issued_by="Cơ quan cấp mẫu"
        ),
    )
    declaration = JudicialRecordDeclaration(
        certificate=chance.choice(list(CertificateKind)),
        filed_through=FiledThrough.PROVINCE_PORTAL,
        copies=chance.randrange(1, 4),
        person=person,
        father=Relative(name="NGUYỄN VĂN CHA"),
        mother=Relative(name="TRẦN THỊ MẸ"),
        purpose="1",
        purpose_name="Xin việc làm",
        sojourns=[
            Sojourn(address=home, kind="1", since="2010-01", until="2026-10", occupation="Lao động tự do")
        ],
    )
    documents = [paper(case, "can-cuoc", "Bản sao căn cước")]
    return Wish(applicant=name, paper=number, declaration=declaration, documents=documents)


def _centre(record: Mapping[str, Any]) -> dict[str, Seen]:
    return {
        code: Seen(taken=each["rounds"], files=frozenset(each["files"]), issued=frozenset(each["issued"]))
        for code, each in record["applications"].items()
    }


_ROWS = (
    Ministry(
        name="judicial_records",
        procedure=("1.009921", "Cấp phiếu lý lịch tư pháp số 1"),
        agency=("H99.02", "Sở Tư pháp"),
        days=14,
        asked=12,
        supplements=3,
        pace=("clock", {"seconds": 1.0}),
        wish=_certificate,
        seen=_centre,
    ),
)
MINISTRIES: Mapping[str, Ministry] = {each.name: each for each in _ROWS}
