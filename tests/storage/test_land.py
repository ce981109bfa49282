"""Obligations on land through the door (payment_platform §9): versions, part payments, dossiers that nobody knows."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from msgspec.structs import replace

from gateway.domain.errors import StorageUnavailable
from tests.payment_door_world import LAND_KEY, DoorWorld
from tests.unit.test_payment_platform_inbound import XML, evidence_call, notice_call

NOTICES, EVIDENCE = "nhantbthuedvcqg", "nhanhsdvcqg"
DOSSIER = "H99.15-260901-0042"
FEE, TAX = "LTB2699001-TK0000012/TB-CCT", "LTB2699001-TK0000013/TB-CCT"


@pytest.fixture
def world(database):
    return DoorWorld(database)


async def notify(world, xml=XML, **changes):
    answer = await world.tell(notice_call(xml, **changes), NOTICES)
    return answer.status, json.loads(answer.body)


async def pay(world, *given, **changes):
    answer = await world.tell(evidence_call(*given, **changes), EVIDENCE)
    return answer.status, json.loads(answer.body)


def notices(world):
    return world.rows(
        "SELECT number, version, amount, known_dossier FROM land_notice ORDER BY number, version"
    )


def payments(world):
    return world.rows("SELECT number, paid_at, amount, paid FROM land_evidence ORDER BY number, paid_at")


DONE = {"error_code": 0, "message": "Thành công"}


async def test_notices_are_stored_told_and_answered(world):
    await world.add_dossier(DOSSIER)

    assert await notify(world) == (200, DONE)

    assert notices(world) == [(FEE, 1, 1_250_000, 1), (TAX, 1, 3_500_000_000, 1)]
    assert world.kinds() == ["land.notice", "land.notice"]
    assert world.events()[1][1] == {
        "dossier": DOSSIER,
        "tax_code": "8000000001",
        "number": TAX,
        "amount": 3_500_000_000,
        "item": "Thuế thu nhập cá nhân từ chuyển nhượng bất động sản",
        "issued_on": "2026-09-25",
        "version": 1,
        "known": True,
        "covered": False,
    }
    assert world.log() == [
        ("request", None, None, None, DOSSIER),
        ("response", 200, "kept", "land", DOSSIER),
    ]


async def test_shared_key_is_not_in_the_log(world):
    await notify(world)
    assert LAND_KEY.encode() not in b"".join(world.bodies())


async def test_same_message_again_changes_nothing_and_tells_nothing(world):
    await world.add_dossier(DOSSIER)
    first = await notify(world)
    before = notices(world), world.events()

    assert [await notify(world) for _ in range(3)] == [first] * 3
    assert (notices(world), world.events()) == before


async def test_twenty_equal_messages_at_once_are_stored_once(world):
    await world.add_dossier(DOSSIER)

    answers = await asyncio.gather(*(notify(world) for _ in range(20)), *(pay(world) for _ in range(20)))

    assert {(status, body["error_code"]) for status, body in answers} == {(200, 0)}
    assert [row[1] for row in notices(world)] == [1, 1]
    assert len(payments(world)) == 1
    assert sorted(world.kinds()) == ["land.evidence", "land.notice", "land.notice"]


async def test_same_notice_with_another_amount_is_a_further_version_told_with_the_former(world):
    await world.add_dossier(DOSSIER)
    await notify(world)

    await notify(world, XML.replace("1250000", "1500000"))

    assert notices(world) == [(FEE, 1, 1_250_000, 1), (FEE, 2, 1_500_000, 1), (TAX, 1, 3_500_000_000, 1)]
    kind, told = world.events()[-1]
    assert (kind, told["version"], told["amount"], told["former"]["amount"]) == (
        "land.notice",
        2,
        1_500_000,
        1_250_000,
    )


async def test_unknown_dossier_is_kept_and_named_in_the_answer(world):
    status, body = await notify(world)

    assert (status, body["error_code"]) == (200, 0)
    assert body["message"] == f"{DOSSIER}: hồ sơ không tồn tại, đã lưu để đối chiếu"
    assert [row[3] for row in notices(world)] == [0, 0]
    assert {told["known"] for _, told in world.events()} == {False}


async def test_row_that_cannot_be_read_is_refused_by_name_and_its_neighbour_is_kept(world):
    await world.add_dossier(DOSSIER)

    status, body = await notify(world, XML.replace("1250000", "1,25 triệu"))

    assert (status, body["error_code"]) == (200, 0)
    assert body["message"].startswith("row 1: SO_TIEN")
    assert notices(world) == [(TAX, 1, 3_500_000_000, 1)]


async def test_message_of_which_nothing_can_be_read_is_answered_and_stores_nothing(world):
    unreadable = XML.replace("1250000", "x").replace("3500000000", "y")

    status, body = await notify(world, unreadable)

    assert (status, body["error_code"]) == (200, -1)
    assert notices(world) == []
    assert world.events() == []


async def test_part_payments_cover_a_notice_together(world):
    await world.add_dossier(DOSSIER)
    await notify(world)
    await pay(world, {"MaThongBaoThue": FEE, "SoTien": 1_250_000})
    assert world.events()[-1][1]["uncovered"] == {TAX: 3_500_000_000}

    await pay(world, {"SoTien": 3_000_000_000})
    assert world.events()[-1][1]["uncovered"] == {TAX: 500_000_000}

    assert await pay(world, {"SoTien": "500000000", "ThoiGianThanhToan": "20260929080000"}) == (200, DONE)
    kind, told = world.events()[-1]
    assert (kind, told["uncovered"]) == ("land.evidence", {})
    assert [row[2] for row in payments(world)] == [1_250_000, 3_000_000_000, 500_000_000]


async def test_evidence_before_its_notice_is_kept_and_counts_when_the_notice_comes(world):
    await world.add_dossier(DOSSIER)
    assert await pay(world) == (200, DONE)
    await notify(world)
    covered = {told["number"]: told["covered"] for kind, told in world.events() if kind == "land.notice"}
    assert covered == {FEE: False, TAX: True}
    await pay(world, {"MaThongBaoThue": FEE, "SoTien": 1_250_000})

    assert world.events()[-1][1]["uncovered"] == {}


async def test_evidence_is_never_unpaid_again(world):
    await world.add_dossier(DOSSIER)
    await pay(world, {"TrangThaiThanhToan": 0})
    assert [row[3] for row in payments(world)] == [0]
    await pay(world)
    assert [row[3] for row in payments(world)] == [1]
    await pay(world, {"TrangThaiThanhToan": 0})
    assert [row[3] for row in payments(world)] == [1]
    assert world.kinds() == ["land.evidence", "land.evidence", "land.conflict"]


async def test_payer_stays_in_the_message_log(world):
    await pay(world)
    rows = repr(world.events()) + repr(world.rows("SELECT * FROM land_evidence"))
    assert "Trần Thị Mẫu" not in rows
    assert "099000000002" not in rows


@pytest.mark.parametrize("key", [None, "", "khoa-khac", LAND_KEY + "x"])
async def test_wrong_shared_key_is_refused_and_stores_nothing(world, key):
    status, body = await notify(world, SecurityKey=key)

    assert (status, body["error_code"]) == (401, -1)
    assert notices(world) == []
    assert world.events() == []


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<DATA><BODY><ROW_LIST><MA_HSO>&b;</MA_HSO></ROW_LIST></BODY></DATA>"""


@pytest.mark.parametrize(
    "xml",
    [
        BOMB,
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><DATA/>',
        "<DATA>" + "<A>" * 5000,
        "no xml",
        "",
    ],
)
async def test_hostile_xml_is_refused_and_stores_nothing(world, xml):
    status, body = await notify(world, xml)

    assert (status, body["error_code"]) == (200, -1)
    assert notices(world) == []


async def test_file_that_is_no_base64_is_refused(world):
    answer = await world.tell(
        {"SecurityKey": LAND_KEY, "service": "NhanThongBaoThueDat", "data": {"FileThongBaoThue": "%%%"}},
        NOTICES,
    )
    assert json.loads(answer.body)["error_code"] == -1


async def test_database_that_is_away_is_answered_so_that_the_message_comes_again(world):
    await world.add_dossier(DOSSIER)

    class Away:
        def __getattr__(self, name):
            return getattr(world.database, name)

        async def apply(self, operation, item):
            raise StorageUnavailable("away")

    world.callbacks._hub = replace(world.hub, database=Away())
    status, body = await notify(world)
    assert (status, body["error_code"]) == (503, -1)
    world.callbacks._hub = world.hub
    assert await notify(world) == (200, DONE)


async def test_thousands_of_notices_in_one_message_are_stored(world):
    row = (
        "<LIST><MA_SO_THUE>8{n:09d}</MA_SO_THUE><SO_QUYET_DINH>TB-{n}</SO_QUYET_DINH>"
        "<NGAY_QUYET_DINH>25-09-2026</NGAY_QUYET_DINH><TEN_TIEUMUC>Phí</TEN_TIEUMUC><SO_TIEN>{n}</SO_TIEN></LIST>"
    )
    many = "".join(row.format(n=number) for number in range(1, 3001))
    xml = f"<DATA><BODY><ROW_LIST><MA_HSO>{DOSSIER}</MA_HSO>{many}</ROW_LIST></BODY></DATA>"
    assert len(base64.b64encode(xml.encode())) > 64 * 1024

    status, body = await notify(world, xml)

    assert (status, body["error_code"]) == (200, 0)
    assert world.rows("SELECT count(*), sum(amount) FROM land_notice") == [(3000, 3000 * 3001 // 2)]
