"""Evidence bundles on both engines: they prove themselves to a stranger, and whatever is done to them is named."""

import base64
import io
import json
import random
import stat
import zipfile
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lxml import etree

from gateway.domain.errors import ConfigurationError, ConflictError, NotFoundError
from gateway.evidence.exporting import EvidenceUnsound, checked
from gateway.messagelog.content import head_of, pack_redacted, read
from gateway.messagelog.entry import leaf_of
from gateway.messagelog.proofs import LogBroken
from gateway.port import WireResponse
from gateway.proof import lienthong_verify as verifier
from gateway.proof.note import Signer, checkpoint_text, signed
from gateway.signing.authority import new_authority
from gateway.signing.containers import sealed
from gateway.signing.evidence import evidence_keys, own_evidence_key
from gateway.signing.findings import CannotSign
from gateway.signing.keys import local_key
from gateway.signing.timestamp import question, token_of
from gateway.storage.checkpoints import anchor, newest_checkpoint
from gateway.storage.instants import to_micros
from gateway.storage.queries_messages import stored_message
from tests.bundle_world import CODE, IDENTITY, NAME, NOW, OTHER, SIGNED_AT, BundleWorld, faults
from tests.unit.signing_world import certificate, openssl, private, python_xmlsec, tool

DS = "{http://www.w3.org/2000/09/xmldsig#}"


@pytest.fixture
def world(database, tmp_path):
    return BundleWorld(database, tmp_path / "keys")


@pytest.fixture
async def full(world):
    """A log with two dossiers, everything under a checkpoint."""
    await world.exchange()
    await world.exchange(OTHER, at=NOW + timedelta(minutes=1))
    await world.exchange(at=NOW + timedelta(minutes=2))
    await world.checkpoint()
    return world


def files_in(bundle):
    return verifier.read_container(bundle)


def told_in(bundle):
    return json.loads(files_in(bundle)["bundle.json"])


def repacked(files):
    """A container with these files and the signature that it had."""
    payload = {name: content for name, content in files.items() if not name.startswith("META-INF/")}
    kept = {**payload, verifier.MANIFEST: verifier.manifest(payload)}
    return verifier.write_container({**kept, verifier.SIGNATURES: files[verifier.SIGNATURES]})


def resealed(world, files, **told):
    """A container of a dishonest gateway: other files, signed by its own key."""
    payload = {name: content for name, content in files.items() if not name.startswith("META-INF/")}
    if told:
        payload["bundle.json"] = verifier.json_text(told)
    return sealed(payload, world.key, SIGNED_AT).container()


async def test_a_bundle_proves_itself_to_a_stranger(full):
    bundle = full.bundle()
    report = full.verified(bundle)
    assert report.holds, [str(each) for each in report.findings if each.fault]
    found = [each.check for each in report.findings]
    assert set(found) == {
        "CONTAINER",
        "SEAL_FORM",
        "SEAL",
        "FILE",
        "CHECKPOINT",
        "BUNDLE",
        "ENTRY",
        "INCLUSION",
        "CONTENT",
        "VIEW",
    }
    assert found.count("ENTRY") == 8
    numbers = [entry["number"] for entry in told_in(bundle)["entries"]]
    assert numbers == [1, 2, 3, 4, 9, 10, 11, 12]  # those between are the other dossier's


async def test_raw_and_decoded_stand_side_by_side(full):
    files = files_in(full.bundle())
    raw, view = files["messages/000000001.raw"], json.loads(files["messages/000000001.json"])
    assert raw.endswith(b"}")
    assert NAME.encode() in raw
    assert (view["method"], view["body_is"]) == ("POST", "json")
    assert view["body"] == {
        "dossier": CODE,
        "full_name": NAME,
        "identity": int(IDENTITY),
        "note": "hẹn trả 28/09/2026",
    }
    answer = json.loads(files["messages/000000002.json"])
    assert answer["body"]["a:Ho"]["full_name"] == NAME
    asked = json.loads(files["messages/000000003.json"])
    assert asked["body"] == [["full_name", "Nobody There"], ["state", "9"]]


async def test_the_same_dossier_gives_the_same_files(full):
    first, second = files_in(full.bundle()), files_in(full.bundle())
    assert first[verifier.SIGNATURES] != second[verifier.SIGNATURES]  # ECDSA has a random part
    del first[verifier.SIGNATURES], second[verifier.SIGNATURES]
    assert first == second
    assert next(iter(first)) == "mimetype"


async def test_python_xmlsec_verifies_the_signature(full, tmp_path, monkeypatch):
    xmlsec = python_xmlsec()
    with zipfile.ZipFile(io.BytesIO(full.bundle())) as archive:
        archive.extractall(tmp_path / "out")
    monkeypatch.chdir(tmp_path / "out")

    def verify():
        root = etree.parse("META-INF/signatures0.xml").getroot()
        xmlsec.tree.add_ids(root, ["Id"])
        judge = xmlsec.SignatureContext()
        judge.key = xmlsec.Key.from_file("certificates/evidence.pem", xmlsec.KeyFormat.CERT_PEM)
        judge.verify(root.find(f"{DS}Signature"))

    verify()
    written = tmp_path / "out" / "bundle.json"
    written.write_bytes(written.read_bytes() + b" ")
    with pytest.raises(xmlsec.VerificationError):
        verify()


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521"])
async def test_keys_of_every_accepted_kind_sign(full, kind):
    full.key = signer_of(kind)
    assert full.verified(full.bundle()).holds


def signer_of(kind):
    key = private(kind)
    day = timedelta(days=1)
    return local_key("h99", key, certificate(key, begins=SIGNED_AT - day, ends=SIGNED_AT + day))


async def test_an_ed25519_key_is_refused_with_the_reason(full):
    full.key = signer_of("ed25519")
    with pytest.raises(CannotSign, match="RSA or with ECDSA"):
        full.bundle()


async def test_time_stamps_of_checkpoint_and_signature_are_checked_and_openssl_agrees(full, tmp_path):
    authority, pem = new_authority(NOW)
    roots = verifier.x509.load_pem_x509_certificates(pem)

    def stamp(data, at):
        asked = question("http://tsa.example/", data)
        return token_of(WireResponse(status=200, body=authority.answer(asked.body, at)))

    row = full.database.ask(newest_checkpoint)
    text = verifier.read_note(row.note.encode()).text.encode()
    seen = NOW + timedelta(minutes=4)
    token = stamp(text, seen)
    await full.database.write(lambda tx: anchor(tx, row.number, token, to_micros(seen)))
    sealed_files = full.sealed()
    bundle = sealed_files.container(stamp(sealed_files.stamped_over, SIGNED_AT))

    class Pinned:
        def __init__(self):
            self.roots = roots

    report = full.verified(bundle, Pinned())
    assert report.holds, [str(each) for each in report.findings if each.fault]
    assert {"TIMESTAMP", "SEAL_TIME"} <= {each.check for each in report.findings}
    # without the stamp of the checkpoint, or with that of something else, it does not hold any more
    files = files_in(bundle)
    del files[verifier.TOKEN_FILE]
    assert "TIMESTAMP_MALFORMED" in faults(full.verified(resealed(full, files), Pinned()))
    other = sealed_files.container(stamp(b"something else", SIGNED_AT))
    assert faults(full.verified(other, Pinned())) == {"TIMESTAMP_OF_OTHER_DATA"}
    tool("openssl")
    (tmp_path / "root.pem").write_bytes(pem)
    seal = verifier.read_seal(files_in(bundle)[verifier.SIGNATURES])
    for name, data, given in (
        ("checkpoint", text, files_in(bundle)[verifier.TOKEN_FILE]),
        ("seal", verifier.signature_value(seal).encode(), seal.token),
    ):
        (tmp_path / f"{name}.txt").write_bytes(data)
        (tmp_path / f"{name}.tst").write_bytes(given)
        words = (
            "ts",
            "-verify",
            "-token_in",
            "-in",
            str(tmp_path / f"{name}.tst"),
            "-CAfile",
            str(tmp_path / "root.pem"),
        )
        assert openssl(*words, "-data", str(tmp_path / f"{name}.txt"))[0] == 0
        assert openssl(*words, "-data", str(tmp_path / "root.pem"))[0] != 0


EXPECTED = {
    verifier.SIGNATURES: {
        "SEAL_MALFORMED",
        "SEAL_WRONG",
        "SEAL_UNTRUSTED",
        "SEAL_ALGORITHM",
        "FILE_CHANGED",
        "FILE_MISSING",
        "FILE_UNSIGNED",
    },
    verifier.MANIFEST: {"CONTAINER_MALFORMED"},
    "mimetype": {"CONTAINER_MALFORMED"},
}


async def test_every_flipped_byte_is_detected_and_named(full):
    files = files_in(full.bundle())
    trust = verifier.read_trust(full.keys())
    places = [(name, place) for name, content in files.items() for place in range(len(content))]
    dice = random.Random(6)
    for name, place in dice.sample(places, 300):
        changed = bytearray(files[name])
        changed[place] ^= 1 << dice.randrange(8)
        report = verifier.verify_bundle(verifier.write_container({**files, name: bytes(changed)}), trust)
        assert not report.holds
        found = faults(report)
        if name in EXPECTED:
            assert found & EXPECTED[name], (name, place, found)
        else:
            assert "FILE_CHANGED" in found, (name, place, found)
            (told,) = [each for each in report.findings if each.check == "FILE" and each.fault]
            assert told.subject == name


async def test_every_flipped_byte_of_a_signature_is_detected(full):
    files = files_in(full.bundle())
    trust = verifier.read_trust(full.keys())
    written = files[verifier.SIGNATURES]
    for place in range(0, len(written), 7):
        changed = bytearray(written)
        changed[place] ^= 2
        report = verifier.verify_bundle(
            verifier.write_container({**files, verifier.SIGNATURES: bytes(changed)}), trust
        )
        assert faults(report) & EXPECTED[verifier.SIGNATURES], place


async def test_removed_added_and_renamed_files_are_named(full):
    files = files_in(full.bundle())
    without = {name: content for name, content in files.items() if name != "messages/000000009.raw"}
    assert {"FILE_MISSING", "BUNDLE_FILES"} == faults(full.verified(repacked(without)))
    assert {"FILE_UNSIGNED", "BUNDLE_FILES"} == faults(
        full.verified(repacked({**files, "messages/more.raw": b"x"}))
    )
    renamed = {
        ("messages/other.raw" if name == "messages/000000009.raw" else name): content
        for name, content in files.items()
    }
    assert {"FILE_MISSING", "FILE_UNSIGNED", "BUNDLE_FILES"} == faults(full.verified(repacked(renamed)))
    assert "BUNDLE_FILES" in faults(full.verified(resealed(full, {**files, "messages/more.raw": b"x"})))
    assert "BUNDLE_FILES" in faults(full.verified(resealed(full, without)))
    assert faults(full.verified(repacked({**files, verifier.SIGNATURES: b""}))) == {"SEAL_MALFORMED"}


async def test_swapped_messages_are_named(full):
    files = files_in(full.bundle())
    one, other = "messages/000000001.raw", "messages/000000002.raw"
    swapped = {**files, one: files[other], other: files[one]}
    assert "FILE_CHANGED" in faults(full.verified(repacked(swapped)))
    assert faults(full.verified(resealed(full, swapped))) & {"CONTENT_WRONG", "CONTENT_MALFORMED"}
    told = told_in(full.bundle())
    told["entries"][0]["content"], told["entries"][4]["content"] = (
        told["entries"][4]["content"],
        told["entries"][0]["content"],
    )
    assert faults(full.verified(resealed(full, files, **told))) >= {"CONTENT_WRONG"}


async def test_the_proof_of_another_entry_proves_nothing(full):
    files, told = files_in(full.bundle()), told_in(full.bundle())
    first, second = told["entries"][:2]
    first["proof"], second["proof"] = second["proof"], first["proof"]
    assert faults(full.verified(resealed(full, files, **told))) == {"INCLUSION_WRONG"}
    first["proof"] = []
    assert "PROOF_MALFORMED" in faults(full.verified(resealed(full, files, **told)))


async def test_an_edited_header_is_named(full):
    files, told = files_in(full.bundle()), told_in(full.bundle())
    entry = told["entries"][1]
    entry["header"] = entry["header"].replace("200,", "500,")
    assert faults(full.verified(resealed(full, files, **told))) == {"INCLUSION_WRONG"}


async def test_an_entry_of_another_dossier_is_named(full):
    files, told = files_in(full.bundle()), told_in(full.bundle())
    foreign = files_in(full.bundle(dossier=OTHER))
    theirs = told_in(full.bundle(dossier=OTHER))["entries"][0]
    told["entries"].insert(4, theirs)
    together = {
        **files,
        **{name: foreign[name] for name in foreign if name.startswith("messages/000000005.")},
    }
    assert faults(full.verified(resealed(full, together, **told))) == {"ENTRY_OF_OTHER_DOSSIER"}
    told["entries"] = sorted(told["entries"], key=lambda entry: -entry["number"])
    assert "BUNDLE_MALFORMED" in faults(full.verified(resealed(full, together, **told)))


async def test_the_checkpoint_of_another_log_is_refused(full):
    files = files_in(full.bundle())
    mine = verifier.read_checkpoint(verifier.read_note(files[verifier.CHECKPOINT_FILE]).text)
    stranger = Signer.of_log("log.h99.example/other", Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
    other = signed(checkpoint_text("log.h99.example/other", mine.size, mine.root, at=NOW), stranger)
    assert "NOTE_UNSIGNED" in faults(
        full.verified(resealed(full, {**files, verifier.CHECKPOINT_FILE: other}))
    )
    smaller = signed(checkpoint_text(mine.origin, 4, mine.root, at=NOW), full.signer)
    report = full.verified(resealed(full, {**files, verifier.CHECKPOINT_FILE: smaller}))
    assert {"PROOF_OUT_OF_RANGE", "PROOF_MALFORMED"} & faults(report)


async def test_a_bundle_under_keys_that_are_not_pinned_is_refused(full, tmp_path):
    bundle = full.bundle()
    pinned = json.loads(full.keys())
    stranger = own_evidence_key(tmp_path / "stranger", NOW)
    full.key = stranger
    assert faults(full.verified(bundle)) == {"SEAL_UNTRUSTED"}
    trust = verifier.read_trust(json.dumps({**pinned, "logs": []}).encode())
    assert faults(verifier.verify_bundle(bundle, trust)) == {"NOTE_UNSIGNED"}
    trust = verifier.read_trust(json.dumps({"logs": pinned["logs"]}).encode())
    assert faults(verifier.verify_bundle(bundle, trust)) == {"SEAL_UNTRUSTED"}


async def test_a_signature_after_its_certificate_has_expired_is_refused(full):
    late = sealed(
        {n: c for n, c in files_in(full.bundle()).items() if not n.startswith("META")},
        full.key,
        SIGNED_AT + timedelta(days=5000),
    )
    assert faults(full.verified(late.container())) == {"SEAL_EXPIRED"}


@pytest.mark.parametrize("view", [b"{}", b"not even json"])
async def test_a_view_that_says_something_else_is_named(full, view):
    files = files_in(full.bundle())
    assert faults(full.verified(resealed(full, {**files, "messages/000000001.json": view}))) == {"VIEW_WRONG"}


@pytest.mark.parametrize("name", ["full_name", "personal"])
async def test_what_is_redacted_is_nowhere_and_the_rest_proves(full, name):
    bundle = full.bundle(name)
    report = full.verified(bundle)
    assert report.holds, [str(each) for each in report.findings if each.fault]
    for spelled in (NAME.encode(), json.dumps(NAME)[1:-1].encode(), b"Nobody", "Lựu".encode()):
        assert spelled not in bundle
    shown = {each.subject: each.found for each in report.findings if each.check == "CONTENT"}
    assert "full_name" in shown["entry 2"]
    assert told_in(bundle)["redacted"] == [name]
    assert verifier.REMOVED in files_in(bundle)["messages/000000002.json"]
    assert "full_name" in files_in(bundle)["report.html"].decode()


async def test_a_field_that_cannot_be_cut_takes_its_message_with_it(full):
    bundle = full.bundle("note")
    assert full.verified(bundle).holds
    assert b'28/09/2026"' not in bundle
    first, second = told_in(bundle)["entries"][:2]
    assert first["content"]["removed"] == "field note stands where it cannot be cut out"
    assert "file" not in first["content"]
    assert "file" in second["content"]


async def test_without_bodies_only_commitments_are_left(full):
    bundle = full.bundle("body")
    report = full.verified(bundle)
    assert report.holds
    assert not [name for name in files_in(bundle) if name.startswith("messages/")]
    assert {each.found for each in report.findings if each.check == "CONTENT"} == {"not shown: body"}
    told = told_in(bundle)
    told["entries"][0]["content"]["commitments"][0] = told["entries"][0]["content"]["commitments"][1]
    assert faults(full.verified(resealed(full, files_in(bundle), **told))) == {"CONTENT_WRONG"}


async def test_attachments_go_and_the_rest_stays(world):
    file = base64.b64encode(bytes(range(256)) * 20)
    call = world.request(CODE, b'{"file": "' + file + b'"}')
    plain = world.request(CODE, b'{"state": 9}')
    await world.write(call, plain)
    await world.checkpoint()
    bundle = world.bundle("attachments")
    assert world.verified(bundle).holds
    assert file not in bundle
    first, second = told_in(bundle)["entries"]
    assert first["content"]["removed"] == "attachments"
    assert "file" in second["content"]


async def test_a_forged_value_in_the_place_of_a_redacted_one_is_named(full):
    bundle = full.bundle("full_name")
    files, told = files_in(bundle), told_in(bundle)
    entry = next(
        each
        for each in told["entries"]
        if any(v.startswith("commitment:") for v in each["content"].get("values", ()))
    )
    start, length, _ = entry["content"]["cuts"][0]
    name = entry["content"]["file"]
    files[name] = files[name][:start] + b"F" * length + files[name][start:]
    entry["content"]["values"][0] = "salt:AAAAAAAAAAAAAAAAAAAAAA=="
    assert "CONTENT_WRONG" in faults(full.verified(resealed(full, files, **told)))


async def test_an_erased_content_is_shown_as_erased(full):
    await full.execute("UPDATE content_key SET wrapped = NULL, destroyed_at = 1")
    bundle = full.bundle()
    report = full.verified(bundle)
    assert report.holds
    assert {each.found for each in report.findings if each.check == "CONTENT"} == {"not shown: erased"}
    assert "đã xóa theo Luật Bảo vệ dữ liệu cá nhân" in files_in(bundle)["report.html"].decode()


async def test_nobody_says_erased_of_what_he_shows(full):
    files, told = files_in(full.bundle()), told_in(full.bundle())
    told["entries"][0]["content"]["missing"] = "erased"
    assert "BUNDLE_MALFORMED" in faults(full.verified(resealed(full, files, **told)))


async def test_a_call_for_several_dossiers_shows_nobodys_values(world):
    both = b'{"items": [{"full_name": "Nguyen Van An"}, {"full_name": "Tran Thi Binh"}]}'
    call = world.request(CODE, both, shared=True)
    companion = world.companion(OTHER, call)
    await world.write(call, companion, world.answer(CODE, call, both), world.answer(OTHER, companion, both))
    await world.checkpoint()
    for code in (CODE, OTHER):
        bundle = world.bundle(dossier=code)
        assert world.verified(bundle).holds
        assert b"Nguyen Van An" not in bundle
        assert b"Tran Thi Binh" not in bundle
        assert len(told_in(bundle)["entries"]) == 2


async def test_an_edited_log_is_not_exported(full):
    await full.execute("UPDATE message SET status = 500 WHERE seq = 2")
    assert full.bundle()
    with pytest.raises(EvidenceUnsound, match="INCLUSION_WRONG"):
        checked(full.bundle(), full.keys())
    await full.execute("UPDATE message SET leaf = body_digest WHERE seq = 1")
    with pytest.raises(LogBroken, match=r"no\. 1"):
        full.bundle()


async def test_what_no_checkpoint_covers_is_not_exported(full):
    await full.exchange()
    with pytest.raises(ConflictError, match="in no checkpoint yet"):
        full.bundle()
    await full.seal()
    with pytest.raises(ConflictError, match="in no checkpoint yet"):
        full.bundle()
    await full.checkpoint()
    assert full.verified(full.bundle()).holds


async def test_an_unknown_dossier_has_no_evidence(full):
    with pytest.raises(NotFoundError):
        full.bundle(dossier="H99-none")
    with pytest.raises(ConfigurationError, match="names of fields"):
        full.bundle("a field")


async def test_what_stands_in_a_header_cannot_be_taken_out(full):
    row = full.request(CODE, f'{{"full_name": "{CODE}"}}'.encode())
    await full.write(row)
    await full.checkpoint()
    with pytest.raises(ConflictError, match="header"):
        full.bundle("full_name")


async def test_an_entry_of_before_contents_could_be_erased_proves_too(world):
    body = '{"full_name": "Nguyễn Thị Lựu"}'.encode()
    digest = verifier.hashlib.sha256(body).digest()
    row = msgspec.structs.replace(
        world.request(CODE), form=1, body=body, body_size=len(body), body_digest=digest
    )
    row = msgspec.structs.replace(row, leaf=leaf_of(row))
    await world.write(row)
    await world.execute("UPDATE message SET form = 1")
    world.database.contents = None
    await world.execute("UPDATE message_body SET encoding = 'identity', key_id = NULL")
    await store(world, row.id, body)
    await world.checkpoint()
    assert world.verified(world.bundle()).holds
    hidden = world.bundle("full_name")
    assert world.verified(hidden).holds
    assert "Lựu".encode() not in hidden


async def store(world, entry, body):
    sql = "UPDATE message_body SET body = {} WHERE message_id = {}"
    value = f"X'{body.hex()}'" if world.database.dialect == "sqlite" else f"'\\x{body.hex()}'"
    await world.execute(sql.format(value, entry))


def test_the_key_of_evidence_is_made_once_and_kept_for_its_owner(tmp_path):
    first = own_evidence_key(tmp_path / "keys", NOW)
    assert own_evidence_key(tmp_path / "keys", NOW).certificate == first.certificate
    path = tmp_path / "keys" / "evidence-1.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    later = own_evidence_key(tmp_path / "keys", NOW + timedelta(days=4000))
    assert later.certificate != first.certificate
    assert len(evidence_keys(tmp_path / "keys")) == 2
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        own_evidence_key(tmp_path / "keys", NOW)


@pytest.mark.parametrize(
    "told",
    [
        b"", b"[]", b"{}", b'"x"', b'{"format": "x"}', b'{"format": "lienthong-evidence/1", "entries": 1, "dossier": "x"}',
        b'{"format": "lienthong-evidence/1", "entries": [], "dossier": "x"}',
        b'{"format": "lienthong-evidence/1", "entries": [{}], "dossier": "x"}',
        b'{"format": "lienthong-evidence/1", "entries": [{"header": "[1]", "number": 1, "proof": [], "content": {}, "view": null}], "dossier": "x"}',
        b"[" * 100_000,
    ],
)  # fmt: skip
async def test_another_bundle_json_is_refused(full, told):
    files = files_in(full.bundle())
    report = full.verified(resealed(full, {**files, "bundle.json": told}))
    assert "BUNDLE_MALFORMED" in faults(report)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cuts", [[0, 1]]), ("cuts", None), ("cuts", [[-1, 1, "x"]]), ("cuts", [[0, 10**9, "x"]]), ("salt", "?"), ("salt", ""),
        ("values", []), ("values", ["salt:"]), ("values", [1]), ("file", "messages/none.raw"), ("commitments", []), ("missing", "x"),
    ],
)  # fmt: skip
async def test_another_content_is_refused(full, key, value):
    files, told = files_in(full.bundle()), told_in(full.bundle())
    told["entries"][1]["content"][key] = value
    report = full.verified(resealed(full, files, **told))
    assert faults(report) & {"BUNDLE_MALFORMED", "BUNDLE_FILES", "CONTENT_MALFORMED", "CONTENT_WRONG"}


async def test_whatever_a_dishonest_gateway_writes_has_an_answer(full):
    """Any value in any place of bundle.json: it holds or it does not, and nothing breaks."""
    files = files_in(full.bundle())
    trust = verifier.read_trust(full.keys())
    dice = random.Random(9)
    values = (
        None,
        True,
        0,
        -1,
        2**70,
        1.5,
        "",
        "x",
        "[2]",
        [],
        [1],
        {},
        {"a": []},
        "messages/000000001.raw",
        [["a"]],
    )
    for _ in range(200):
        told = told_in(full.bundle()) if dice.random() < 0.02 else json.loads(files["bundle.json"])
        place = told
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = dice.choice(keys)
            inner = place[key]
            if not isinstance(inner, dict | list) or not inner or dice.random() < 0.2:
                break
            place = inner
        place[key] = dice.choice(values)
        report = verifier.verify_bundle(resealed(full, files, **told), trust)
        assert all(each.fault in verifier.FAULTS for each in report.findings if each.fault)


async def test_a_field_that_stands_nowhere_is_a_mistake(full):
    with pytest.raises(ConflictError, match="has a field fullname;"):
        full.bundle("full_name", "fullname")


def explained(_connection):
    """What is known of a deadline, with a name of an official and a citizen's in it."""
    said = {"version": 1, "status": "received", "message": None, "submitted_at": None, "finished_at": None}
    claim = {**said, "received_at": "2026-09-28T08:00:00+07:00"}
    period = {"since": "2026-09-28T08:00:00+07:00", "until": None, "status": "received", "due_at": None}
    classes = dict.fromkeys(("by_date", "by_instant", "original_by_date", "original_by_instant"), "IN_TIME")
    return {
        "rule_version": "2026-11-22",
        "calendar_version": "vn-2026.1",
        "judged_by_rules": None,
        "judged_by_calendar": None,
        "claims": [claim],
        "periods": [{**period, "by_date": "IN_TIME", "unit": "Phòng Một cửa", "officer": "Tran Van Canbo"}],
        "dues": dict.fromkeys(("original", "holds", "declared")),
        "classes": {**classes, "sentence": f"Đang giải quyết, còn trong hạn ({NAME})."},
        "lateness": None,
        "flags": [],
        "changes": [],
        "pauses": [],
        "destinations": [],
    }


async def test_the_story_and_the_report_are_redacted_too(full):
    whole = full.bundle(explain=explained)
    assert b"Tran Van Canbo" in whole
    assert NAME in files_in(whole)["report.html"].decode()
    bundle = full.bundle("officer", "full_name", explain=explained)
    assert full.verified(bundle).holds
    for gone in (b"Tran Van Canbo", NAME.encode()):
        assert gone not in bundle
    assert "còn trong hạn (███)" in files_in(bundle)["report.html"].decode()


async def test_what_was_left_of_a_call_after_an_erasure_proves_too(full):
    """As ``gateway.messagelog.erasure`` leaves a call for several dossiers when one of them is erased."""
    (first,) = full.rows("SELECT id, method, url, headers FROM message WHERE seq = 1")
    entry, method, url, headers = first
    stored = full.database.ask(lambda connection: stored_message(connection, entry))
    content = read(stored.stored, stored.view.body_size, full.database.contents)
    kept = pack_redacted(content.redacted(head_of(method, url, headers)))
    await full.execute("UPDATE message SET method = NULL, url = NULL, headers = '[]' WHERE seq = 1")
    await full.execute(
        "UPDATE message_body SET encoding = 'clear', key_id = NULL"
        " WHERE message_id = (SELECT id FROM message WHERE seq = 1)"
    )
    await store(full, entry, kept)
    bundle = full.bundle()
    report = full.verified(bundle)
    assert report.holds, [str(each) for each in report.findings if each.fault]
    assert "full_name" in next(each.found for each in report.findings if each.check == "CONTENT")
    assert json.loads(files_in(bundle)["messages/000000001.json"])["body"]["full_name"] == "███"
