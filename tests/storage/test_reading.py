"""Reading a body leaves an entry behind, and shows no personal data that was not asked for; on both engines."""

import json

import pytest
import sqlalchemy as sa

from gateway.messagelog.content import Missing
from gateway.messagelog.entry import About, Scope, request_entry
from gateway.messagelog.masking import MASK
from gateway.messagelog.search import MessageLog, Reading, without_body
from gateway.port import WireRequest
from gateway.storage.queries_messages import MessageFilter
from gateway.storage.rows import insert_messages
from gateway.storage.schema import message
from gateway.storage.sql import Statement
from tests.log_reading import logged_bodies
from tests.storage.province import NOW

CANARY = "Nguyễn Thị Canary"
NUMBER = "099300000007"
SCOPE = Scope(channel="portal", personal_fields=("ChuHoSo", "SoGiayTo", "Tuoi"))
BODIES = {
    "json": json.dumps(
        {"MaHoSo": "H99-1", "ChuHoSo": CANARY, "SoGiayTo": NUMBER, "Tuoi": 41}, ensure_ascii=False
    ),
    "xml": f"<a><MaHoSo>H99-1</MaHoSo><ChuHoSo>{CANARY}</ChuHoSo><SoGiayTo>{NUMBER}</SoGiayTo></a>",
    "form": f"MaHoSo=H99-1&SoGiayTo={NUMBER}",
}
DROP = Statement("DELETE FROM message_body WHERE message_id = :id")
WHY = Reading(actor="console/an", reason="công dân hỏi", now=NOW)


async def written(database, body, scope=SCOPE, **changed):
    number = database.identifiers.next()
    about = About(id=number, at=NOW, operation="dossier", dossier="H99-1", **changed)
    url = f"http://portal.example/dossier?SoGiayTo={NUMBER}"
    row = request_entry(scope, about, WireRequest(method="POST", url=url, body=body.encode()))
    await database.write(lambda tx: insert_messages(tx, [row]))
    return str(number)


def readings(database):
    return [json.loads(body) for body in logged_bodies(database, message.c.channel == "access")]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_body_is_shown_without_what_is_personal_in_it(database, body):
    entry = await written(database, body)

    found = await MessageLog(database).open(entry, WHY)

    assert found.body is not None
    text = found.body.decode()
    assert MASK in text
    assert "H99-1" in text
    assert CANARY not in text
    assert NUMBER not in text + str(found.view)
    assert found.intact


async def test_masked_json_stays_json(database):
    found = await MessageLog(database).open(await written(database, BODIES["json"]), WHY)

    assert json.loads(found.body) == {"MaHoSo": "H99-1", "ChuHoSo": MASK, "SoGiayTo": MASK, "Tuoi": MASK}


async def test_body_is_shown_whole_to_whoever_asks_for_that(database):
    reading = Reading(actor="console/an", reason="công dân hỏi", now=NOW, personal=True)

    found = await MessageLog(database).open(await written(database, BODIES["json"]), reading)

    assert found.body == BODIES["json"].encode()
    assert [each["detail"]["personal"] for each in readings(database)] == [True]


async def test_reading_says_who_why_and_what(database):
    entry = await written(database, BODIES["json"])

    await MessageLog(database).open(entry, WHY)
    await MessageLog(database).open(entry, WHY)

    told = {
        "actor": "console/an",
        "reason": "công dân hỏi",
        "detail": {"entry": entry, "personal": False},
    }
    assert readings(database) == [told, told]
    rows = database.ask(
        lambda connection: connection.execute(sa.select(message).where(message.c.channel == "access")).all()
    )
    assert {(row.operation, row.direction, row.kind, row.dossier_code) for row in rows} == {
        ("read_body", "in", "request", "H99-1")
    }
    assert CANARY not in str(readings(database))


async def test_reading_of_a_reading_is_not_logged(database):
    await MessageLog(database).open(await written(database, BODIES["json"]), WHY)
    [row] = database.ask(
        lambda connection: connection.execute(
            sa.select(message.c.id).where(message.c.channel == "access")
        ).all()
    )

    found = await MessageLog(database).open(str(row.id), WHY)

    assert json.loads(found.body)["actor"] == "console/an"
    assert len(readings(database)) == 1


async def test_body_that_is_no_longer_kept_leaves_no_reading(database):
    entry = await written(database, BODIES["json"])
    await database.write(lambda tx: tx.run(DROP, {"id": int(entry)}))

    found = await MessageLog(database).open(entry, WHY)

    assert (found.body, found.missing) == (None, Missing.ABSENT)
    assert readings(database) == []


async def test_lists_show_no_parameters_of_an_address(database):
    await written(database, BODIES["form"])

    page = await MessageLog(database).search(MessageFilter())

    assert NUMBER not in str(page)
    assert page.entries[0].url == f"http://portal.example/dossier?{MASK}"


async def test_without_a_reason_there_is_no_body(database):
    found = without_body(await MessageLog(database).fetch(await written(database, BODIES["json"])))

    assert (found.body, found.cuts) == (None, [])
    assert NUMBER not in str(found)
    assert readings(database) == []
