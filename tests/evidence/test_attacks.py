"""What somebody would do to an evidence bundle: everything is refused by a code of its own, and nothing ends in a traceback.

Two kinds of attackers: an outsider, who has a bundle and no key; and a dishonest gateway, which signs what it likes with the
evidence key but cannot change what the log has signed.
"""

import asyncio
import base64
import copy
import json
import struct
import tracemalloc
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.proof import lienthong_verify as verifier
from gateway.proof.note import Signer, checkpoint_text, signed
from gateway.signing.containers import sealed
from gateway.storage import migrate
from gateway.storage.database import Database
from tests.bundle_world import NOW, OTHER, SIGNED_AT, BundleWorld

BUNDLE, NOTE = verifier.BUNDLE, verifier.CHECKPOINT_FILE
ONE, NEXT = "messages/000000001", "messages/000000002"


class Target:
    """A good bundle (``files``, ``told``), a redacted one, and the key of the gateway that signed both."""

    def __init__(self, world):
        self.world, self.trust = world, world.keys()
        self.container = world.bundle()
        self.files = verifier.read_container(self.container)
        self.redacted = verifier.read_container(world.bundle("full_name"))
        self.told = json.loads(self.files[BUNDLE])

    def outside(self, **changed):
        """The files with some others, under the old signature."""
        files = {
            name: each for name, each in (self.files | changed).items() if not name.startswith("META-INF/")
        }
        files[verifier.MANIFEST] = verifier.manifest(files)
        files[verifier.SIGNATURES] = changed.get(verifier.SIGNATURES, self.files[verifier.SIGNATURES])
        return verifier.write_container(files)

    def inside(self, changed, *, files=None, at=SIGNED_AT):
        """The files with some others, signed again by the dishonest gateway."""
        whole = (files or self.files) | changed
        return sealed(
            {n: c for n, c in whole.items() if not n.startswith("META-INF/")}, self.world.key, at
        ).container()

    def told_with(self, change, *, files=None, **rest):
        """bundle.json after ``change``, signed again by the dishonest gateway."""
        told = json.loads((files or self.files)[BUNDLE])
        change(told)
        return self.inside({BUNDLE: verifier.json_text(told), **rest}, files=files)

    def written(self, text):
        return self.inside({BUNDLE: text if isinstance(text, bytes) else text.encode()})

    @property
    def bundle(self):
        return self.files[BUNDLE].decode()


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacks")
    url = f"sqlite:///{folder / 'lienthong.db'}"
    migrate.upgrade(url)
    database = Database(url)

    async def filled():
        world = BundleWorld(database, folder / "keys")
        await world.exchange()
        await world.exchange(OTHER, at=NOW + timedelta(minutes=1))
        await world.checkpoint()
        return world

    yield Target(asyncio.run(filled()))
    database.close()


# Containers: an outsider, a ZIP file and what two readers might see in it


def patched(data, find, offset, form, *values):
    """``data`` with ``values`` written ``offset`` bytes from the last ``find``."""
    out = bytearray(data)
    struct.pack_into(form, out, data.rindex(find) + offset, *values)
    return bytes(out)


def with_central(data, change):
    """``data`` with another central directory, its end record fitting."""
    end = data.rindex(b"PK\x05\x06")
    begin = struct.unpack_from("<I", data, end + 16)[0]
    directory = change(data[begin:end])
    fixed = bytearray(data[end:])
    struct.pack_into("<I", fixed, 12, len(directory))
    return data[:begin] + directory + bytes(fixed)


def zip64(data):
    """With the records of ZIP64 before the end, and an end that points to them."""
    end = data.rindex(b"PK\x05\x06")
    count, size, begin = struct.unpack_from("<H2I", data, end + 10)
    record = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, begin)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    return (
        data[:end]
        + record
        + locator
        + patched(data[end:], b"PK\x05\x06", 10, "<H2I", 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    )


def with_extra(data):
    """A field in a local header that other readers skip, with a second name of the file in it (Info-ZIP Unicode path)."""
    place = data.index(b"bundle.json") - 30
    extra = struct.pack("<2HBI", 0x7075, 5 + 8, 1, 0) + b"evil.raw"
    return (
        patched(data[: place + 30], b"PK\x03\x04", 28, "<H", len(extra))
        + data[place + 30 :][:11]
        + extra
        + data[place + 41 :]
    )


CONTAINERS = {
    "bytes before it": (lambda data: b"#!/bin/sh\n" + data, "CONTAINER_MALFORMED"),
    "bytes behind it": (lambda data: data + b"\n", "CONTAINER_MALFORMED"),
    "a comment": (lambda data: patched(data, b"PK\x05\x06", 20, "<H", 5) + b"hello", "CONTAINER_MALFORMED"),
    "two containers": (lambda data: data + data, "CONTAINER_MALFORMED"),
    "half of it": (lambda data: data[: len(data) // 2], "CONTAINER_DAMAGED"),
    "no directory": (lambda data: data[: data.index(b"PK\x01\x02")], "CONTAINER_MALFORMED"),
    "records of ZIP64": (zip64, "CONTAINER_MALFORMED"),
    "a field with a second name": (with_extra, "CONTAINER_REFUSED"),
    "a data descriptor": (
        lambda data: (
            patched(data[: data.index(b"bundle.json")], b"PK\x03\x04", 6, "<H", 8)
            + data[data.index(b"bundle.json") :]
        ),
        "CONTAINER_REFUSED",
    ),
    "compressed": (
        lambda data: (
            patched(data[: data.index(b"bundle.json")], b"PK\x03\x04", 8, "<H", 8)
            + data[data.index(b"bundle.json") :]
        ),
        "CONTAINER_REFUSED",
    ),
    "another name in the directory": (
        lambda data: with_central(data, lambda found: found.replace(b"report.html", b"evil00.html")),
        "CONTAINER_MALFORMED",
    ),
    "a directory that leaves one out": (
        lambda data: with_central(data, lambda found: found[: found.rindex(b"PK\x01\x02")]),
        "CONTAINER_MALFORMED",
    ),
    "a directory that lists one twice": (
        lambda data: with_central(data, lambda found: found + found[found.rindex(b"PK\x01\x02") :]),
        "CONTAINER_MALFORMED",
    ),
    "another place in the directory": (
        lambda data: patched(data, b"PK\x01\x02", 42, "<I", 0),
        "CONTAINER_MALFORMED",
    ),
    "a link": (lambda data: patched(data, b"PK\x01\x02", 38, "<I", 0xA1FF << 16), "CONTAINER_MALFORMED"),
    "a file that was changed late": (
        lambda data: patched(data, b"PK\x01\x02", 12, "<H", 1),
        "CONTAINER_MALFORMED",
    ),
}
NAMES = (
    *("../x.raw", "/x.raw", "a/./x.raw", "a\\x.raw", "C:x.raw", "x.raw\x00.pdf", "X.raw", "x.raw ", "x.exe"),
    *(
        "caf\u00e9.raw",
        "cafe\u0301.raw",
        "\u202ewar.raw",
        "\u200bx.raw",
        "ﬁ.raw",
        "META-INF/signatures1.xml",
        "mimetype.raw/",
    ),
)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_that_could_be_read_in_two_ways_is_refused(target, name):
    change, code = CONTAINERS[name]
    judged(target, change(target.container), code)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_not_for_files_is_refused(target, name):
    files = dict(target.files)
    data = verifier.write_container(files | {"xx.raw": b""})
    raw = name.encode()
    place = data.rindex(b"PK\x03\x04")
    local = patched(data[place : data.index(b"PK\x01\x02")], b"PK\x03\x04", 26, "<H", len(raw))
    judged(target, data[:place] + local[:30] + raw, "CONTAINER_REFUSED")


@pytest.mark.parametrize("name", [BUNDLE, verifier.SIGNATURES, NOTE, verifier.TOKEN_FILE])
def test_what_is_taken_apart_is_not_larger_than_it_can_be(target, name):
    container = verifier.write_container(
        {"mimetype": target.files["mimetype"], name: bytes(verifier._MOST_BYTES[name] + 1)}
    )
    judged(target, container, "CONTAINER_REFUSED")


# bundle.json: a dishonest gateway that signs what two readers of JSON would read differently


def first(field, value):
    """Another value of ``field`` in the first entry."""
    return lambda told: told["entries"][0].__setitem__(field, value)


def edited(change):
    return lambda target: target.told_with(change)


def of_one_file(told):
    told["entries"][1]["content"]["file"] = told["entries"][0]["content"]["file"]


def headed(change):
    """Another header of the first entry."""

    def edit(told):
        entry = told["entries"][0]
        entry["header"] = change(entry["header"])

    return edit


def spelled(told):
    """The same bytes of a proof in another spelling of base64."""
    proof = told["entries"][0]["proof"]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    proof[0] = proof[0][:-2] + letters[letters.index(proof[0][-2]) + 1] + "="


def far_cut(told):
    told["entries"][0]["content"]["cuts"][0][:2] = [int("9" * 18), int("9" * 18)]


JSONS = {
    "a name twice": lambda target: target.written(
        target.bundle.replace('"dossier":', '"dossier": "H99-2",\n "dossier":', 1)
    ),
    "a name twice deep inside": lambda target: target.written(
        target.bundle.replace('"number":', '"number": 7, "number":', 1)
    ),
    "NaN": lambda target: target.written(target.bundle.replace("{", '{"x": NaN,', 1)),
    "Infinity": lambda target: target.written(target.bundle.replace("{", '{"x": -Infinity,', 1)),
    "a number of many digits": lambda target: target.written(
        target.bundle.replace("{", '{"x": %s,' % ("9" * 20), 1)
    ),
    "a number of very many digits": lambda target: target.written(
        target.bundle.replace("{", '{"x": %s,' % ("9" * 9000), 1)
    ),
    "deep lists": lambda target: target.written('{"format":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "deep objects": lambda target: target.written('{"a":' * 100_000 + "1" + "}" * 100_000),
    "UTF-16": lambda target: target.written(target.bundle.encode("utf-16")),
    "a byte order mark": lambda target: target.written(b"\xef\xbb\xbf" + target.files[BUNDLE]),
    "not UTF-8": lambda target: target.written(target.files[BUNDLE].replace(b"{", b'{"x": "\xff",', 1)),
    "something behind it": lambda target: target.written(target.bundle + "{}"),
    "very many lists": lambda target: target.written('{"x": [' + "[]," * 5_000_000 + "0]}"),
    "a list": lambda target: target.written("[]"),
    "nothing": lambda target: target.written(""),
    "another format": edited(lambda told: told.update(format="lienthong-evidence/2")),
    "a format that is none": edited(lambda told: told.update(format=["x" * 10_000])),
    "a dossier that is no text": edited(lambda told: told.update(dossier=7)),
    "entries by name": edited(lambda told: told.update(entries={"0": told["entries"][0]})),
    "no entries": edited(lambda told: told.update(entries=[])),
    "a number that is true": edited(first("number", True)),
    "a number with a fraction": edited(first("number", 1.0)),
    "number nought": edited(first("number", 0)),
    "a header that is no text": edited(first("header", [2, 1])),
    "a header of half a sign": edited(
        headed(lambda header: header.replace('"POST"', '"\ud800"').replace("[2", '["\ud800"'))
    ),
    "a deep header": edited(headed(lambda _: "[" * 100_000)),
    "lists in a header": edited(headed(lambda header: header.replace("null", "[]", 1))),
    "a proof in another spelling": edited(spelled),
    "white space in base64": edited(
        lambda told: told["entries"][0]["proof"].__setitem__(0, told["entries"][0]["proof"][0] + "\n")
    ),
    "entries swapped": edited(lambda told: told["entries"].reverse()),
    "an entry twice": edited(lambda told: told["entries"].insert(0, told["entries"][0])),
    "a cut that is no number": edited(
        lambda told: told["entries"][0]["content"]["cuts"][0].__setitem__(0, True)
    ),
    "nothing said of why it is not shown": lambda target: target.told_with(hide),
}


def hide(told):
    """Two entries whose contents are gone; the first does not say why."""
    told["entries"][0]["content"] = {"missing": "nobody knows"}


@pytest.mark.parametrize("name", JSONS)
def test_bundle_json_that_could_be_read_in_two_ways_is_refused(target, name):
    judged(target, JSONS[name](target), "BUNDLE_MALFORMED", "BUNDLE_FILES")


# What a bundle claims: a dishonest gateway against what the log has signed


def swap(field):
    def edit(told):
        one, other = told["entries"][:2]
        one[field], other[field] = other[field], one[field]

    return edit


def other_commitment(told):
    """Another commitment in the place of a value that was taken out."""
    values = next(
        e["content"]["values"] for e in told["entries"] if "commitment:" in str(e["content"].get("values"))
    )
    place = next(n for n, each in enumerate(values) if each.startswith("commitment:"))
    values[place] = "commitment:" + base64.b64encode(bytes(32)).decode()


def left_out(told):
    del told["entries"][1]


CLAIMS = {
    "proof of another entry": (edited(swap("proof")), "INCLUSION_WRONG"),
    "no proof": (edited(first("proof", [])), "PROOF_MALFORMED"),
    "two numbers swapped": (edited(swap("header")), "INCLUSION_WRONG"),
    "an entry beyond the checkpoint": (
        edited(lambda told: told["entries"][-1].update(number=10**17)),
        "PROOF_OUT_OF_RANGE",
    ),
    "a message left out": (edited(left_out), "BUNDLE_FILES"),
    "one file for two messages": (edited(of_one_file), "BUNDLE_FILES"),
    "a cut far away": (edited(far_cut), "CONTENT_MALFORMED"),
    "another commitment": (
        lambda target: target.told_with(other_commitment, files=target.redacted),
        "CONTENT_WRONG",
    ),
    "another dossier": (edited(lambda told: told.update(dossier="H99-2")), "ENTRY_OF_OTHER_DOSSIER"),
    "the same dossier in other letters": (
        edited(lambda told: told.update(dossier=told["dossier"] + "\u200f")),
        "ENTRY_OF_OTHER_DOSSIER",
    ),
    "a view that says something else": (lambda target: target.inside({f"{ONE}.json": b"{}"}), "VIEW_WRONG"),
    "contents swapped": (
        lambda target: target.inside(
            {f"{ONE}.raw": target.files[f"{NEXT}.raw"], f"{NEXT}.raw": target.files[f"{ONE}.raw"]}
        ),
        "CONTENT_",
    ),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_what_the_log_has_not_signed_is_not_proven(target, name):
    attack, code = CLAIMS[name]
    judged(target, attack(target), code)


# Checkpoints


def older(target):
    """An older checkpoint of the same log, which does not have all of it yet."""
    row = verifier.read_checkpoint(verifier.read_note(target.files[NOTE]).text)
    return signed(checkpoint_text(row.origin, 1, row.root, at=NOW), target.world.signer)


NOTES = {
    "CRLF": (lambda target: target.files[NOTE].replace(b"\n", b"\r\n"), "NOTE_MALFORMED"),
    "a line more in the text": (
        lambda target: target.files[NOTE].replace(b"\n\n", b"\nx y\n\n"),
        "SIGNATURE_WRONG",
    ),
    "a second text": (
        lambda target: target.files[NOTE].replace(b"\n\n", b"\n\nx\n\n"),
        "CHECKPOINT_MALFORMED",
    ),
    "text behind the signatures": (lambda target: target.files[NOTE] + b"x\n", "NOTE_MALFORMED"),
    "no end of line": (lambda target: target.files[NOTE][:-1], "NOTE_MALFORMED"),
    "white space in base64": (
        lambda target: target.files[NOTE][:-3] + b" " + target.files[NOTE][-3:],
        "NOTE_MALFORMED",
    ),
    "nothing": (lambda _: b"", "NOTE_MALFORMED"),
    "an older one": (older, "PROOF_OUT_OF_RANGE"),
    "a name in another normal form": (
        lambda target: target.files[NOTE].replace(b"log.", b"lo\xcc\x87g."),
        "NOTE_UNSIGNED",
    ),
}


@pytest.mark.parametrize("name", NOTES)
def test_another_spelling_of_a_checkpoint_is_refused(target, name):
    attack, code = NOTES[name]
    judged(target, target.inside({NOTE: attack(target)}), code)


def test_one_witness_under_two_names_is_one_witness(target):
    private = Ed25519PrivateKey.from_private_bytes(b"\7" * 32)
    witnesses = [Signer.of_witness(name, private) for name in ("one.h99.example", "two.h99.example")]
    text = verifier.read_note(target.files[NOTE]).text
    note = signed(text, target.world.signer, *witnesses, at=NOW)
    pinned = json.loads(target.trust) | {"witnesses": [each.key.text for each in witnesses]}
    judged(target, target.inside({NOTE: note}), "WITNESSES_MISSING", pinned={**pinned, "witnesses_needed": 2})


def test_a_wrong_cosignature_of_a_pinned_witness_is_refused_though_none_is_needed(target):
    witness = Signer.of_witness("one.h99.example", Ed25519PrivateKey.from_private_bytes(b"\7" * 32))
    text = verifier.read_note(target.files[NOTE]).text
    other = verifier.read_note(signed(text + "x y\n", witness, at=NOW)).signatures[0]
    line = f"— {other.name} {base64.b64encode(other.id + other.value).decode()}\n"
    pinned = json.loads(target.trust) | {"witnesses": [witness.key.text]}
    judged(
        target, target.inside({NOTE: target.files[NOTE] + line.encode()}), "SIGNATURE_WRONG", pinned=pinned
    )


# Seals


def seal_of(target):
    return target.files[verifier.SIGNATURES].decode()


def wrapped(target):
    """The signature that holds, moved into an object of another that says more (signature wrapping)."""
    whole = seal_of(target)
    begin, end = whole.index("<ds:Signature "), whole.index("</ds:Signature>") + len("</ds:Signature>")
    inner = whole[begin:end]
    forged = inner.replace("</ds:Signature>", f"<ds:Object>{inner}</ds:Object></ds:Signature>", 1)
    return whole[:begin] + forged + whole[end:]


SEALS = {
    "wrapped": (wrapped, "SEAL_MALFORMED"),
    "twice": (
        lambda t: seal_of(t).replace(
            "</asic:", seal_of(t)[seal_of(t).index("<ds:Signature ") :][:-1] + "</asic:", 1
        ),
        "SEAL_MALFORMED",
    ),
    "an entity": (
        lambda t: seal_of(t).replace("<asic:", '<!DOCTYPE x [<!ENTITY y "z">]><asic:', 1),
        "SEAL_MALFORMED",
    ),
    "a transform": (
        lambda t: seal_of(t).replace(
            "<ds:DigestMethod", "<ds:Transforms></ds:Transforms><ds:DigestMethod", 1
        ),
        "SEAL_MALFORMED",
    ),
    "one reference fewer": (
        lambda t: (
            seal_of(t)[: seal_of(t).index("<ds:Reference Id")]
            + seal_of(t)[seal_of(t).index("</ds:Reference>") + 15 :]
        ),
        "SEAL_MALFORMED",
    ),
    "a certificate more": (
        lambda t: seal_of(t).replace(
            "</ds:X509Data>", "<ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data>"
        ),
        "SEAL_CHAIN",
    ),
    "its own certificate again": (
        lambda t: seal_of(t).replace(
            "</ds:X509Data>",
            seal_of(t)[seal_of(t).index("<ds:X509Certificate>") : seal_of(t).index("</ds:X509Data>")] * 2
            + "</ds:X509Data>",
        ),
        "SEAL_CHAIN",
    ),
    "another algorithm": (lambda t: seal_of(t).replace("ecdsa-sha256", "hmac-sha256"), "SEAL_ALGORITHM"),
    "nothing": (lambda _: "", "SEAL_MALFORMED"),
}


@pytest.mark.parametrize("name", SEALS)
def test_a_seal_that_says_more_than_it_signed_is_refused(target, name):
    attack, code = SEALS[name]
    judged(target, target.outside(**{verifier.SIGNATURES: attack(target).encode()}), code)


def test_a_seal_that_is_older_than_the_checkpoint_under_it_is_refused(target):
    judged(target, target.inside({}, at=NOW - timedelta(days=1)), "SEAL_BACKDATED", "SEAL_EXPIRED")


# Pinned keys: who has mistyped them would ask for less than he believes


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"witnesses_needed"', '"witness_needed"'),
        lambda text: text.replace("{", '{"witnesses_needed": 3,', 1),
        lambda text: text.replace('"witnesses_needed": 0', '"witnesses_needed": NaN'),
        lambda text: text.replace('"witnesses_needed": 0', '"witnesses_needed": 1e999'),
        lambda text: text.replace('"witnesses_needed": 0', '"witnesses_needed": true'),
        lambda text: text.replace('"witnesses_needed": 0', '"witnesses_needed": 0.5'),
        lambda text: text.replace('"witnesses": []', '"witnesses": {}'),
        lambda text: "[" * 100_000,
        lambda text: "\ufeff" + text,
    ],
)
def test_pinned_keys_that_could_be_read_in_two_ways_are_refused(target, change, tmp_path):
    text = target.trust.decode()
    assert change(text) != text
    with pytest.raises(verifier.Fault) as caught:
        verifier.read_trust(change(text).encode())
    assert caught.value.code == "TRUST_MALFORMED"


# Bodies: the log has what a partner sent, whatever that is


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"{}," * 3_000_000 + b"0]",
        b"<a>" + b"<b/>" * 3_000_000 + b"</a>",
        b"&".join([b"a=1"] * 3_000_000),
        b'{"a":' * 2_000_000,
    ],
    ids=["json", "xml", "form", "deep"],
)
def test_a_body_of_many_values_costs_no_more_than_its_size(body):
    tracemalloc.start()
    try:
        assert verifier.decoded(body) == ("text", body.decode())
        assert tracemalloc.get_traced_memory()[1] < 4 * len(body)
    finally:
        tracemalloc.stop()


def judged(target, container, *codes, pinned=None):
    """``container`` does not hold, and one of the faults found begins like one of ``codes``; what was found can be printed."""
    trust = verifier.read_trust(target.trust if pinned is None else json.dumps(pinned).encode())
    report = verifier.verify_bundle(container, trust)
    found = [each.fault for each in report.findings if each.fault]
    assert not report.holds
    assert any(fault.startswith(codes) for fault in found), found
    for finding in report.findings:
        assert verifier.printable(str(finding)).isprintable()


def test_the_target_of_these_attacks_holds(target):
    for files in (target.files, target.redacted):
        report = verifier.verify_bundle(verifier.write_container(files), verifier.read_trust(target.trust))
        assert report.holds, [str(each) for each in report.findings if each.fault]
    assert copy.deepcopy(target.told) == json.loads(target.bundle)
    assert verifier.verify_bundle(target.outside(), verifier.read_trust(target.trust)).holds
    assert verifier.verify_bundle(target.inside({}), verifier.read_trust(target.trust)).holds
