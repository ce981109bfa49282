"""Declarations beside a dossier: typed, optional, and invisible where there is none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.codec import canonical, trusted
from gateway.domain.declarations import Declaration, JudicialRecordDeclaration
from gateway.domain.dossier import Dossier

PLAIN: dict[str, Any] = {
    "agency": {"code": "H99.14", "name": "Sở Thử nghiệm"},
    "applicant": {"kind": "citizen", "name": "Nguyễn Văn Mẫu"},
    "channel": "online",
    "code": "H99.14-261123-0001",
    "procedure": {"code": "2.000488"},
    "status": "received",
    "summary": "Cấp phiếu lý lịch tư pháp",
    "version": 1,
}
PLACE = {"province": "99", "ward": "00001", "detail": "Số 1 đường Mẫu"}
DECLARED: dict[str, Any] = {
    "certificate": "number_1",
    "declared": "judicial_record",
    "filed_through": "vneid",
    "person": {
        "birthplace": {"province": "99"},
        "born_on": "1990-02-01",
        "gender": "male",
        "name": "NGUYỄN VĂN MẪU",
        "paper": {"kind": "citizen_card", "number": "000000000001"},
        "residence": PLACE,
    },
    "sojourns": [{"address": PLACE, "since": "2004-02", "until": "2012"}],
}


def decode(**changes: Any) -> Dossier:
    body = canonical.encode({**PLAIN, "declaration": {**DECLARED, **changes}})
    return msgspec.json.decode(body, type=Dossier)


def test_a_dossier_without_a_declaration_keeps_its_bytes() -> None:
    body = canonical.encode(PLAIN)
    assert canonical.encode(msgspec.json.decode(body, type=Dossier)) == body


def test_a_declaration_comes_back_as_it_was_sent() -> None:
    body = canonical.encode({**PLAIN, "declaration": DECLARED})
    record = msgspec.json.decode(body, type=Dossier)
    assert isinstance(record.declaration, JudicialRecordDeclaration)
    assert canonical.encode(record) == body


def test_what_was_stored_is_decoded_with_its_declaration() -> None:
    body = canonical.encode(decode())
    assert canonical.encode(trusted.decoder(Dossier).decode(body)) == body


@pytest.mark.parametrize(
    "wrong",
    [
        {"declared": "something_else"},
        {"certificate": "number_3"},
        {"person": {**DECLARED["person"], "born_on": "01/02/1990"}},
        {"person": {**DECLARED["person"], "born_on": "1990-13"}},
        {"sojourns": [{"address": PLACE, "since": "2004-02-03", "until": "2012"}]},
        {"copies": -1},
        {"convictions": "\x00"},
        {"unheard": "of"},
    ],
)
def test_what_is_no_declaration_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(**wrong)


def test_every_declaration_names_itself_by_one_field() -> None:
    kinds = getattr(Declaration, "__args__", (Declaration,))
    assert {kind.__struct_config__.tag_field for kind in kinds} == {"declared"}
    assert len({kind.__struct_config__.tag for kind in kinds}) == len(kinds)
