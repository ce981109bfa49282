"""Contents: whole or with values taken out, they lead to the root that the log has; anything else does not."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proof import commitment
from gateway.proof.lienthong_verify import (
    Content,
    Cut,
    Fault,
    Part,
    content_root,
    frame_commitment,
    value_commitment,
    verify_content,
)

CONTENT = 'POST https://portal.example/dossiers\n[]\n{"name":"Nguyễn Văn Thử","phone":"0900000000","fee":0}'.encode()
SEED = bytes(range(32))


def cut(word, label):
    return Cut(CONTENT.index(word.encode()), len(word.encode()), label)


CUTS = (cut("Nguyễn Văn Thử", "name"), cut("0900000000", "phone"))
SALTS = [hashlib.shake_256(SEED).digest(48)[at : at + 16] for at in (0, 16, 32)]
FRAME = Part(SALTS[0], b'POST https://portal.example/dossiers\n[]\n{"name":"","phone":"","fee":0}')
VALUES = (Part(SALTS[1], "Nguyễn Văn Thử".encode()), Part(SALTS[2], b"0900000000"))
HIDDEN = tuple(
    value_commitment(part.salt, each.label, part.content) for each, part in zip(CUTS, VALUES, strict=True)
)


def by_hand():
    """The root as the format describes it, hashed here."""
    (one, two), places = CUTS, f'[[{CUTS[0].start},19,"name"],[{CUTS[1].start},10,"phone"]]'
    frame = hashlib.sha256(b"\x10" + SALTS[0] + places.encode() + b"\n" + FRAME.content).digest()
    values = [
        hashlib.sha256(b"\x11" + SALTS[at] + each.label.encode() + b"\x00" + value).digest()
        for at, each, value in ((1, one, VALUES[0].content), (2, two, VALUES[1].content))
    ]
    return hashlib.sha256(b"\x12" + frame + b"".join(values)).digest()


ROOT = by_hand()


def verified(root, *parts):
    return verify_content(root, Content(*parts))


def refused(*arguments):
    with pytest.raises(Fault) as fault:
        verified(*arguments)
    return fault.value.code


def test_the_hashes_are_those_of_the_format():
    assert content_root(frame_commitment(SALTS[0], CUTS, FRAME.content), HIDDEN) == ROOT


def test_what_is_committed_to_is_what_is_verified():
    parts = commitment.taken_apart(CONTENT, [commitment.Cut(*each) for each in CUTS], SEED)
    assert commitment.committed(CONTENT, [commitment.Cut(*each) for each in CUTS], SEED) == ROOT
    assert verified(ROOT, CUTS, Part(*parts.frame), [Part(*each) for each in parts.values]) == ()


def test_a_whole_content_is_believed_and_nothing_is_missing():
    assert verified(ROOT, CUTS, FRAME, VALUES) == ()


def test_what_was_taken_out_is_named():
    assert verified(ROOT, CUTS, FRAME, (HIDDEN[0], VALUES[1])) == ("name",)
    assert verified(ROOT, CUTS, FRAME, HIDDEN) == ("name", "phone")


def test_a_content_without_personal_values_is_one_frame():
    frame = Part(SALTS[0], CONTENT)
    root = content_root(frame_commitment(SALTS[0], (), CONTENT), ())
    assert verified(root, (), frame, ()) == ()
    assert refused(root, (), Part(SALTS[0], CONTENT + b" "), ()) == "CONTENT_WRONG"


@given(st.data())
def test_a_flipped_bit_in_any_part_is_refused(data):
    parts = [SALTS[0], FRAME.content, SALTS[1], VALUES[0].content, HIDDEN[1], ROOT]
    which = data.draw(st.integers(0, len(parts) - 1))
    bit = data.draw(st.integers(0, len(parts[which]) * 8 - 1))
    changed = bytearray(parts[which])
    changed[bit // 8] ^= 1 << bit % 8
    parts[which] = bytes(changed)
    assert (
        refused(parts[5], CUTS, Part(parts[0], parts[1]), (Part(parts[2], parts[3]), parts[4]))
        == "CONTENT_WRONG"
    )


@pytest.mark.parametrize(
    ("cuts", "frame", "values", "code"),
    [
        (CUTS, FRAME, VALUES[::-1], "CONTENT_MALFORMED"),
        (CUTS, FRAME, HIDDEN[::-1], "CONTENT_WRONG"),
        (CUTS, FRAME, VALUES[:1], "CONTENT_MALFORMED"),
        (CUTS[:1], FRAME, VALUES[:1], "CONTENT_WRONG"),
        (CUTS[::-1], FRAME, VALUES[::-1], "CONTENT_MALFORMED"),
        ((CUTS[0]._replace(label="title"), CUTS[1]), FRAME, VALUES, "CONTENT_WRONG"),
        ((CUTS[0]._replace(label="title"), CUTS[1]), FRAME, HIDDEN, "CONTENT_WRONG"),
        ((CUTS[0]._replace(label='x",0],[9,9,"name'), CUTS[1]), FRAME, HIDDEN, "CONTENT_MALFORMED"),
        ((CUTS[0]._replace(start=CUTS[0].start - 1), CUTS[1]), FRAME, VALUES, "CONTENT_WRONG"),
        ((CUTS[0]._replace(start=-1), CUTS[1]), FRAME, VALUES, "CONTENT_MALFORMED"),
        ((CUTS[0]._replace(length=-1), CUTS[1]), FRAME, HIDDEN, "CONTENT_MALFORMED"),
        ((CUTS[0]._replace(length=99), CUTS[1]), FRAME, HIDDEN, "CONTENT_MALFORMED"),
        ((CUTS[0], CUTS[1]._replace(start=10_000)), FRAME, HIDDEN, "CONTENT_MALFORMED"),
        (CUTS, FRAME, (VALUES[0]._replace(content=b"N"), VALUES[1]), "CONTENT_MALFORMED"),
        (CUTS, FRAME, (VALUES[0]._replace(salt=b""), VALUES[1]), "CONTENT_MALFORMED"),
        (CUTS, FRAME, (HIDDEN[0][:31], VALUES[1]), "CONTENT_MALFORMED"),
        (CUTS, FRAME._replace(salt=SALTS[0] + b"["), VALUES, "CONTENT_MALFORMED"),
    ],
)
def test_parts_that_do_not_fit_have_their_code(cuts, frame, values, code):
    assert refused(ROOT, cuts, frame, values) == code
