"""Erasing a dossier: nothing of its people is left anywhere, what happened still proves, nobody else loses more than said."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.dossier import Dossier, FileReference, Result
from gateway.domain.errors import ApprovalRequired, ConflictError, NotFoundError
from gateway.domain.status import Status
from gateway.messagelog import erasure
from gateway.messagelog.acts import oversight
from gateway.messagelog.content import (
    BLANK_HEAD,
    Content,
    Missing,
    Redacted,
    head_of,
    pack_redacted,
    read,
)
from gateway.messagelog.erasure import Erase
from gateway.messagelog.proofs import entry_proof
from gateway.messagelog.verification import verify
from gateway.proof.commitment import Cut, committed
from gateway.proof.lienthong_verify import verify_content
from gateway.storage.approvals import Word, decide
from gateway.storage.drift_lanes import erased_among
from gateway.storage.log import StoredBody
from tests.storage.evidence_world import NOW, EvidenceWorld

CANARY = "Canary-Nguyen-Van-A-079123456789"
SHA = "ab" * 32
OTHERS_SHA = "cd" * 32


@pytest.fixture
def world(database, tmp_path):
    return EvidenceWorld(database, tmp_path / "keys")


def order(actor="cli:lan"):
    return Erase(actor=actor, reason="the citizen has asked for it, letter 12", now=NOW, dossier="H99-1")


def body(name=CANARY):
    return msgspec.json.encode({"full_name": name, "status": "9"})


async def dossier_with_everything(world):
    files = [Result(id="r", name=CANARY, file=FileReference(url="https://kho.example/a", sha256=SHA))]
    await world.add_dossier("H99-1", name=CANARY, results=files, note=CANARY)
    shared_file = [
        Result(id="r", name="x", file=FileReference(url="https://kho.example/b", sha256=OTHERS_SHA))
    ]
    await world.add_dossier("H99-2", name="Somebody else", results=shared_file)
    await world.insert(
        "lane",
        id=1,
        destination="portal",
        dossier_code="H99-1",
        promise_at=0,
        memory=msgspec.json.encode({"partner_code": "P-1", "name": CANARY}).decode(),
    )
    await world.insert(
        "delivery",
        id=1,
        lane_id=1,
        destination="portal",
        dossier_code="H99-1",
        operation="dossier",
        key="k",
        position=1,
        state="delivered",
        reason=CANARY,
        digest=b"d",
        created_at=1,
        settled_at=2,
        payload=msgspec.json.encode({"name": CANARY, "file": {"sha256": OTHERS_SHA}}),
    )
    await world.insert(
        "attempt",
        id=1,
        lane_id=1,
        destination="portal",
        dossier_code="H99-1",
        operation="dossier",
        kind="send",
        deliveries="[1]",
        worker=1,
        started_at=1,
        ended_at=2,
        reason=CANARY,
    )
    data = msgspec.json.encode({"state": "delivered", "attempts": 2, "reason": CANARY, "deep": [CANARY]})
    await world.insert("event", id=1, position=1, at=1, kind="note", dossier_code="H99-1", data=data.decode())
    await world.insert(
        "drift",
        id=1,
        run_id=1,
        destination="portal",
        dossier_code="H99-1",
        kind="field",
        field="name",
        ours=CANARY,
        theirs=CANARY,
        repair=None,
        state="open",
        found_at=1,
        seen_at=1,
    )
    await world.insert("drift_agreement", lane_id=1, ours=b"x", theirs=b"y", compared_at=1)
    await world.insert(
        "payment_request",
        id=1,
        destination="pay",
        dossier_code="H99-1",
        purpose="fee",
        amount=5000,
        currency="VND",
        state="paid",
        created_at=1,
        created_by="api",
        terms=msgspec.json.encode({"items": [], "payer": {"name": CANARY, "identity": CANARY}}),
    )
    await world.insert(
        "payment_attempt",
        id=1,
        request_id=1,
        destination="pay",
        dossier_code="H99-1",
        partner="p",
        reference="r",
        asked_at="2026",
        amount=5000,
        currency="VND",
        state="paid",
        pay_url=f"https://pay.example/{CANARY}",
        reason=CANARY,
        bank=CANARY,
        created_at=1,
    )
    await world.insert("receipt_file", sha256=b"s" * 32, size=1, body=CANARY.encode(), at=1)
    await world.insert("receipt", attempt_id=1, state="kept", url=CANARY, sha256=b"s" * 32, size=1)
    for number, tax_code in enumerate((CANARY, CANARY + "2"), start=1):
        await world.insert(
            "land_notice",
            id=number,
            destination="pay",
            dossier_code="H99-1",
            tax_code=tax_code,
            number="1",
            version=1,
            issued_on="2026-01-01",
            item="x",
            amount=1,
            known_dossier=1,
            at=1,
        )
    await world.insert(
        "land_evidence",
        id=1,
        destination="pay",
        dossier_code="H99-1",
        tax_code=CANARY,
        number="1",
        paid_at="2026",
        amount=1,
        paid=1,
        url=f"https://x.example/{CANARY}",
        at=1,
    )
    for sha in (SHA, OTHERS_SHA):
        content = CANARY.encode() if sha == SHA else b"theirs"
        await world.insert(
            "file",
            sha256=bytes.fromhex(sha),
            size=1,
            media_type="x",
            origin="fetched",
            at=1,
            body=content,
        )


async def calls_of_every_kind(world):
    """Of the dossier alone, shared with another, and one that was logged before anybody knew what it was about."""
    own = world.request("H99-1", body(), url=f"https://portal.example/?identity={CANARY}")
    shared = world.request("H99-1", body(), url=f"https://portal.example/?identity={CANARY}", shared=True)
    companion = world.companion("H99-2", shared)
    unknown = world.request(None, CANARY.encode() + b" about one", url=f"/in/portal?identity={CANARY}")
    both = world.request(None, body(), url=f"/in/portal?identity={CANARY}")
    theirs = world.request("H99-2", b"theirs")
    await world.write(own, world.answer("H99-1", own, CANARY.encode()), shared, companion, theirs)
    await world.write(unknown, world.answer("H99-1", unknown))
    await world.write(both, world.answer("H99-1", both), world.answer("H99-2", both))
    return {
        "own": own,
        "shared": shared,
        "companion": companion,
        "unknown": unknown,
        "both": both,
        "theirs": theirs,
    }


async def test_nothing_of_its_people_is_left_in_any_table(world):
    await dossier_with_everything(world)
    await calls_of_every_kind(world)
    await world.checkpoint()
    before = world.everything()

    await erasure.erase(world.database, order())

    holding = {table for table, held in before.items() if CANARY.encode() in held}
    assert {"dossier", "lane", "delivery", "event", "drift", "payment_request", "land_notice"} <= holding
    after = world.everything()
    assert {table for table, held in after.items() if CANARY.encode() in held} == set()
    assert world.rows("SELECT count(*) FROM file") == [(1,)]
    assert world.rows("SELECT count(*) FROM drift_agreement") == [(0,)]
    assert world.rows("SELECT memory FROM lane") == [('{"partner_code":"P-1"}',)]
    [(data,)] = world.rows("SELECT data FROM event WHERE id = 1")
    assert msgspec.json.decode(data) == {"state": "delivered", "attempts": 2, "reason": "", "deep": [""]}


async def test_every_entry_still_proves_and_what_is_shared_stays_in_part(world):
    await dossier_with_everything(world)
    entries = await calls_of_every_kind(world)
    checkpoint = await world.checkpoint()

    await erasure.erase(world.database, order())

    report = verify(world.database)
    assert (report.checked, report.proven, report.faults) == (report.last, checkpoint.size, ())
    for entry in entries.values():
        proof = world.database.ask(lambda connection, entry=entry: entry_proof(connection, entry.id))
        assert proof.size == checkpoint.size
    found = {name: await world.reading.fetch(str(entry.id)) for name, entry in entries.items()}
    assert {name for name, each in found.items() if each.missing is Missing.ERASED} == {"own", "unknown"}
    for name in ("shared", "companion", "both"):
        assert found[name].intact
        assert "full_name" in found[name].removed
        assert b'"status":"9"' in found[name].body
        assert CANARY not in found[name].view.url
    assert (found["theirs"].body, found["theirs"].intact) == (b"theirs", True)


async def test_plan_says_what_goes_and_who_else_loses_what_and_changes_nothing(world):
    await dossier_with_everything(world)
    entries = await calls_of_every_kind(world)
    before = world.everything()

    plan = await erasure.plan(world.database, "H99-1", NOW)

    assert world.everything() == before
    assert plan.obstacles == []
    assert plan.files == [SHA]
    assert {each.table for each in plan.holds} >= {"message", "dossier", "delivery", "payment_request"}
    lost = {each.entry: (each.others, each.fields) for each in plan.shared}
    assert lost == {
        str(entries[name].id): (["H99-2"], ["identity", "full_name"]) for name in ("shared", "both")
    }


async def test_record_still_decodes_and_the_same_version_does_not_bring_it_back(world):
    await dossier_with_everything(world)
    [(digest,)] = world.rows("SELECT digest FROM dossier WHERE code = 'H99-1'")

    await erasure.erase(world.database, order())

    [(record, after)] = world.rows("SELECT record, digest FROM dossier WHERE code = 'H99-1'")
    kept = msgspec.json.decode(bytes(record), type=Dossier)
    assert (kept.status, kept.version, kept.agency.code) == ("returned", 3, "H99.14")
    assert bytes(after) != bytes(digest)


@pytest.mark.parametrize(
    "status", sorted(set(Status) - {"refused", "withdrawn", "stopped", "finished", "returned"})
)
async def test_open_dossier_is_refused(world, status):
    await world.add_dossier("H99-1", name=CANARY, status=Status(status))

    with pytest.raises(ConflictError, match="is not over"):
        await erasure.erase(world.database, order())
    assert CANARY.encode() in world.everything()["dossier"]


async def test_dossier_with_something_on_its_way_is_refused_until_it_has_arrived(world):
    await dossier_with_everything(world)
    await world.execute("UPDATE delivery SET state = 'waiting', settled_at = NULL, due_at = 1")

    with pytest.raises(ConflictError, match="not settled"):
        await erasure.erase(world.database, order())
    await world.execute("UPDATE delivery SET state = 'delivered', settled_at = 3")
    assert (await erasure.erase(world.database, order())).dossier == "H99-1"


async def test_unknown_dossier_is_not_found(world):
    with pytest.raises(NotFoundError):
        await erasure.erase(world.database, order())


async def test_second_person_is_needed_where_that_is_required(world):
    await dossier_with_everything(world)
    await calls_of_every_kind(world)
    world.database.oversight = oversight(["dossier.erase"], 3600)

    with pytest.raises(ApprovalRequired) as asked:
        await erasure.erase(world.database, order())
    assert CANARY.encode() in world.everything()["dossier"]
    word = Word(
        approval=int(asked.value.approval), verdict="approved", actor="cli:minh", reason="seen", now=NOW
    )
    await world.database.write(lambda transaction: decide(transaction, word))
    done = await erasure.erase(world.database, order())

    assert done.approved_by == "cli:minh"
    [(detail,)] = world.rows("SELECT detail FROM operator_action WHERE action = 'erase'")
    assert msgspec.json.decode(detail)["approved_by"] == "cli:minh"
    assert CANARY.encode() not in b"".join(world.everything().values())


async def test_key_of_the_dossier_is_gone_from_the_process_too(world):
    await dossier_with_everything(world)
    entries = await calls_of_every_kind(world)
    [(number,)] = world.rows("SELECT id FROM content_key WHERE scope = 'dossier:H99-1'")
    assert (await world.reading.fetch(str(entries["own"].id))).intact

    await erasure.erase(world.database, order())

    assert number not in world.database.contents._known
    assert world.rows("SELECT wrapped FROM content_key WHERE scope = 'dossier:H99-1'") == [(None,)]


async def test_old_bytes_of_a_shared_call_cannot_be_opened_any_more(world):
    """As they would lie in an archive or a backup."""
    await dossier_with_everything(world)
    entries = await calls_of_every_kind(world)
    owner = entries["shared"].id
    [(key, old)] = world.rows("SELECT key_id, body FROM message_body WHERE message_id = :owner", owner=owner)

    await erasure.erase(world.database, order())
    await world.execute(f"UPDATE message_body SET key_id = {key} WHERE message_id = {owner}")  # noqa: S608

    assert bytes(old)
    assert (await world.reading.fetch(str(owner))).missing is Missing.ERASED


async def test_erasing_the_other_dossier_afterwards_works(world):
    await dossier_with_everything(world)
    entries = await calls_of_every_kind(world)
    await erasure.erase(world.database, order())

    second = msgspec.structs.replace(order(), dossier="H99-2")
    await erasure.erase(world.database, second)

    assert (await world.reading.fetch(str(entries["theirs"].id))).missing is Missing.ERASED
    await world.seal()
    assert verify(world.database).faults == ()


async def test_erased_dossier_is_not_compared_with_a_partner_s_record_any_more(world):
    await dossier_with_everything(world)
    await calls_of_every_kind(world)
    codes = ["H99-1", "H99-2"]
    assert world.database.ask(lambda connection: erased_among(connection, codes)) == set()

    await erasure.erase(world.database, order())

    assert world.database.ask(lambda connection: erased_among(connection, codes)) == {"H99-1"}


async def test_form_1_and_contents_in_clear_go_too(world):
    await world.add_dossier("H99-1", name=CANARY)
    world.database.contents = None
    first, second = world.request("H99-1", body()), world.request("H99-1", body(), shared=True)
    await world.write(first, second, world.companion("H99-2", second))
    await world.seal()

    await erasure.erase(world.database, order())

    found = await world.reading.fetch(str(first.id))
    kept = await world.reading.fetch(str(second.id))
    assert (found.missing, kept.intact, kept.removed) == (Missing.ERASED, True, ["full_name"])
    assert CANARY.encode() not in b"".join(world.everything().values())


async def test_sqlite_file_holds_nothing_of_it_once_it_is_closed(sqlite_url, tmp_path):
    from gateway.storage.database import Database

    world = EvidenceWorld(Database(sqlite_url), tmp_path / "keys")
    await dossier_with_everything(world)
    await calls_of_every_kind(world)
    await erasure.erase(world.database, order())
    world.database.close()

    files = list(tmp_path.glob("lienthong.db*"))
    assert files
    assert not [path.name for path in files if CANARY.encode() in path.read_bytes()]


@st.composite
def contents(draw):
    text = draw(st.binary(max_size=400))
    marks = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pairs = zip(marks[::2], marks[1::2], strict=False)
    cuts = [Cut(start, end - start, f"f{n}") for n, (start, end) in enumerate(pairs) if end > start]
    return Content(draw(st.binary(min_size=32, max_size=32)), cuts, text)


HEAD = head_of("POST", "https://portal.example/x", "[]")


def shifted(content):
    return msgspec.structs.replace(
        content, cuts=[cut._replace(start=cut.start + len(HEAD)) for cut in content.cuts]
    )


def stored(content):
    return StoredBody(owner=1, encoding="clear", body=pack_redacted(content))


@given(contents())
def test_redacted_content_proves_and_is_read_back_as_it_was(content):
    content = shifted(content)
    digest = committed(HEAD + content.body, content.cuts, content.seed)
    left = content.redacted(HEAD)

    found = read(stored(left), len(content.body), None)
    assert found == left
    assert isinstance(found, Redacted)
    assert found.gives(2, digest, BLANK_HEAD)
    assert not found.gives(2, digest, HEAD)
    assert found.head == HEAD
    assert verify_content(digest, found.parts(b"")) == tuple(cut.label for cut in content.cuts)
    assert verify_content(digest, content.parts(HEAD)) == ()


@given(contents(), st.data())
def test_nothing_in_a_redacted_content_can_be_changed_unseen(content, data):
    content = shifted(content)
    digest = committed(HEAD + content.body, content.cuts, content.seed)
    packed = bytearray(pack_redacted(content.redacted(HEAD)))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= 1 << data.draw(st.integers(0, 7))

    found = read(StoredBody(owner=1, encoding="clear", body=bytes(packed)), len(content.body), None)
    same = isinstance(found, Redacted) and found == content.redacted(
        HEAD
    )  # a flip that zstd does not look at
    assert same or not getattr(found, "gives", lambda *_: False)(2, digest, BLANK_HEAD)


@given(contents())
def test_no_removed_value_is_in_what_is_kept(content):
    marked = b"".join(b"\xff\xfe%d\xfe\xff" % n for n in range(3))
    whole = Content(
        content.seed, [Cut(len(HEAD) + len(content.body), len(marked), "f")], content.body + marked
    )
    assert marked not in whole.redacted(HEAD).frame
