"""Commitments to contents: what is taken apart can be put together, and nothing can be changed unseen."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messagelog.content import Content, Missing, Unreadable, head_of, pack, read
from gateway.messagelog.personal import MOST_CUTS, cutter
from gateway.proof.commitment import committed, put_together, taken_apart
from gateway.proof.lienthong_verify import Cut, content_root, frame_commitment, value_commitment
from gateway.storage.log import StoredBody

SEED = bytes(range(32))
NAMES = ("full_name", "name", "SoDinhDanh", "phone", "Email")


@st.composite
def cut_contents(draw):
    content = draw(st.binary(max_size=300))
    marks = sorted(draw(st.lists(st.integers(0, len(content)), max_size=12)))
    pairs = zip(marks[::2], marks[1::2], strict=False)
    cuts = tuple(Cut(start, end - start, f"f{n}") for n, (start, end) in enumerate(pairs) if end > start)
    return content, cuts


@given(cut_contents())
def test_what_is_taken_apart_is_put_together(given_content):
    content, cuts = given_content
    parts = taken_apart(content, cuts, SEED)

    assert put_together(parts.frame.content, cuts, [part.content for part in parts.values]) == content
    assert len({part.salt for part in (parts.frame, *parts.values)}) == 1 + len(cuts)


@given(cut_contents())
def test_root_follows_from_the_commitments_alone(given_content):
    content, cuts = given_content
    parts = taken_apart(content, cuts, SEED)
    frame = frame_commitment(parts.frame.salt, cuts, parts.frame.content)
    values = [
        value_commitment(part.salt, cut.label, part.content)
        for cut, part in zip(cuts, parts.values, strict=True)
    ]

    assert content_root(frame, values) == committed(content, cuts, SEED)


@given(cut_contents(), st.data())
def test_one_changed_byte_gives_another_root(given_content, data):
    content, cuts = given_content
    if not content:
        return
    place = data.draw(st.integers(0, len(content) - 1))
    other = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]

    assert committed(other, cuts, SEED) != committed(content, cuts, SEED)


def test_root_is_what_the_description_says():
    content, cuts = b"abcdefgh", (Cut(2, 3, "x"),)
    salts = hashlib.shake_256(SEED).digest(32)
    frame = hashlib.sha256(b"\x10" + salts[:16] + b'[[2,3,"x"]]\n' + b"abfgh").digest()
    value = hashlib.sha256(b"\x11" + salts[16:] + b"x\x00" + b"cde").digest()

    assert committed(content, cuts, SEED) == hashlib.sha256(b"\x12" + frame + value).digest()


def test_moving_a_cut_or_its_name_gives_another_root():
    whole = committed(b"abcdefgh", (Cut(2, 3, "x"),), SEED)

    assert whole != committed(b"abcdefgh", (Cut(2, 4, "x"),), SEED)
    assert whole != committed(b"abcdefgh", (Cut(2, 3, "y"),), SEED)
    assert whole != committed(b"abcdefgh", (), SEED)


def found(body, *, head=b"POST https://h/x\n[]\n\n"):
    content = head + body
    return [
        (cut.label, content[cut.start : cut.start + cut.length])
        for cut in cutter(NAMES).cuts(content, len(head))
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"full_name":"An"}', [("full_name", b"An")]),
        (b'{"name" : "A\\"n", "phone":84912}', [("name", b'A\\"n'), ("phone", b"84912")]),
        (b'{"names":"An","x_name":"B","nam":"C"}', []),
        (b'{"name":"","phone":null,"Email":{"a":1}}', []),
        (
            b'[{"SoDinhDanh":"0123"},{"SoDinhDanh":"0456"}]',
            [("SoDinhDanh", b"0123"), ("SoDinhDanh", b"0456")],
        ),
        (b"<a><p:SoDinhDanh x='1'>0123</p:SoDinhDanh><Email/></a>", [("SoDinhDanh", b"0123")]),
        (b"<SoDinhDanhKhac>1</SoDinhDanhKhac><name></name>", []),
        (b"name=An&x=1&phone=84", [("name", b"An"), ("phone", b"84")]),
        (b"", []),
        (b'{"name":"An', []),
        (b'{"name":"' + "Nguyễn Văn An".encode() + b'"}', [("name", "Nguyễn Văn An".encode())]),
    ],
)
def test_personal_fields_are_found(body, expected):
    assert found(body) == expected


def test_personal_fields_in_an_address_are_found():
    head = b"GET https://h/x?phone=84912&y=1\n[]\n\n"

    assert found(b'{"name":"An"}', head=head) == [("phone", b"84912"), ("name", b"An")]


def test_cuts_are_limited_and_names_must_be_names():
    assert len(found(b'{"name":"An"},' * (MOST_CUTS + 5), head=b"POST x\n[]\n\n[")) == MOST_CUTS
    assert cutter(()) is None
    with pytest.raises(ValueError, match="names of personal fields"):
        cutter(("a b",))


@given(st.binary(max_size=400))
def test_cuts_never_overlap_whatever_the_bytes(body):
    head = b"POST /x?name=1\n[]\n\n"
    content = head + body
    end = 0
    for cut in cutter(NAMES).cuts(content, len(head)):
        assert cut.start >= end
        assert cut.length > 0
        end = cut.start + cut.length
    assert end <= len(content)


@given(st.binary(max_size=2000))
def test_packed_content_is_read_again(body):
    head = head_of("POST", "https://h/x", "[]")
    packed = pack(SEED, (), body)
    content = read(StoredBody(owner=1, encoding="clear", body=packed), len(body), None)

    assert isinstance(content, Content)
    assert content.body == body
    assert content.gives(2, committed(head + body, (), SEED), head)
    assert not content.gives(2, committed(head + body, (), SEED), head_of("PUT", "https://h/x", "[]"))


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (StoredBody(owner=1), Missing.ABSENT),
        (StoredBody(owner=1, encoding="encrypted", body=b"x", key=3), Missing.ERASED),
        (
            StoredBody(owner=1, encoding="encrypted", body=b"x", key=3, wrapped=b"w", master="m"),
            Missing.LOCKED,
        ),
        (StoredBody(owner=1, encoding="clear", body=b"\xff\xff"), Missing.DAMAGED),
        (StoredBody(owner=1, encoding="rot13", body=b"x"), Missing.DAMAGED),
    ],
)
def test_content_that_cannot_be_shown_says_why(stored, why):
    found = read(stored, 5, None)

    assert isinstance(found, Unreadable)
    assert found.why is why
