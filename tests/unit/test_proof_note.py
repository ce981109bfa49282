"""Notes, checkpoints and cosignatures: the published examples, and every other note is refused for its own reason."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.proof import note
from gateway.proof.lienthong_verify import (
    ED25519,
    EMPTY_ROOT,
    FAULTS,
    Fault,
    Key,
    cosigned_text,
    leaf_hash,
    read_checkpoint,
    read_key,
    read_note,
    verify_checkpoint,
    verify_note,
    verify_succession,
    verify_witnesses,
)

# The key, text and signatures of the reference implementation's tests (golang.org/x/mod/sumdb/note).
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
ENOCH_LINE = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
# The checkpoint in C2SP tlog-checkpoint and tlog-cosignature; its keys were not published.
SOFA = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""

AT = datetime(2026, 11, 22, 8, 30, 5, 250_000, tzinfo=UTC)
ORIGIN = "log.h99.example/lienthong"
ROOT = leaf_hash(b"first")
LOG = note.Signer.of_log(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER_LOG = note.Signer.of_log("log.h98.example", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
WITNESSES = [
    note.Signer.of_witness(f"w{number}.example", Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)))
    for number in (1, 2, 3)
]
CHECKPOINT = note.checkpoint_text(ORIGIN, 1, ROOT, at=AT)
NOTE = note.signed(CHECKPOINT, LOG)


def refused(act, *arguments):
    with pytest.raises(Fault) as fault:
        act(*arguments)
    assert fault.value.code in FAULTS
    return fault.value.code


def peter():
    return note.Signer.of_log("PeterNeumann", Ed25519PrivateKey.from_private_bytes(peter_seed()))


def peter_seed():
    # "PRIVATE+KEY+PeterNeumann+c74f20a3+…": one byte for the algorithm, then the seed
    return base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]


def test_published_keys_are_read_and_written():
    assert read_key(PETER).text == PETER
    assert read_key(ENOCH).text == ENOCH
    assert peter().key.text == PETER


def test_published_note_is_signed_byte_for_byte():
    assert note.signed(TEXT, peter()) == f"{TEXT}\n{PETER_LINE}".encode()


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ((PETER,), ["PeterNeumann"]),
        ((ENOCH,), ["EnochRoot"]),
        ((PETER, ENOCH), ["PeterNeumann", "EnochRoot"]),
    ],
)
def test_published_signatures_hold_and_those_of_unknown_keys_are_ignored(keys, names):
    read = read_note(f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}".encode())
    assert read.text == TEXT
    assert [each.key.name for each in verify_note(read, list(map(read_key, keys)))] == names


def test_a_note_that_no_pinned_key_has_signed_is_refused():
    read = read_note(f"{TEXT}\n{PETER_LINE}".encode())
    assert refused(verify_note, read, []) == "NOTE_UNSIGNED"
    assert refused(verify_note, read, [read_key(ENOCH)]) == "NOTE_UNSIGNED"


def test_every_piece_of_a_key_and_every_changed_letter_of_it_is_refused():
    """As in the reference implementation's tests."""
    for begin in range(len(PETER)):
        for end in range(begin, len(PETER) + 1):
            if end - begin < len(PETER):
                assert refused(read_key, PETER[begin:end]) == "KEY_MALFORMED"
    for at in range(len(PETER)):
        changed = PETER[:at] + chr(ord(PETER[at]) + 1) + PETER[at + 1 :]
        assert refused(read_key, changed) == "KEY_MALFORMED"


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # too long, with its own id
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # unknown type, with its own id
        PETER.replace("c74f20a3", "C74F20A3"),
        f" {PETER}",
        f"{PETER}\n",
        "",
    ],
)
def test_other_keys_are_refused(text):
    assert refused(read_key, text) == "KEY_MALFORMED"


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n{PETER_LINE[:-1]}",
        f"\x01{TEXT}\n{PETER_LINE}",
        f"{TEXT}\n— Bad Name {PETER_LINE.split()[2]}\n",
        f"{TEXT}\n— Bad+Name {PETER_LINE.split()[2]}\n",
        f"{TEXT}\n— Bad\u00a0Name {PETER_LINE.split()[2]}\n",
        f"{TEXT}\n—  {PETER_LINE.split()[2]}\n",
        f"{TEXT}\n- PeterNeumann {PETER_LINE.split()[2]}\n",
        f"{TEXT}\n{PETER_LINE}Unexpected line.\n",
        f"{TEXT}\n{PETER_LINE}\n",
        f"{TEXT}\n{PETER_LINE} ",
        f"{TEXT}\n{PETER_LINE}\x00",
        f"{TEXT}\n{PETER_LINE}".replace("\n", "\r\n"),
        f"{TEXT}\n{PETER_LINE * 101}",
        f"{TEXT}\n— PeterNeumann x08gow==\n",  # an id and nothing
        "",
    ],
)
def test_what_is_no_note_is_refused(data):
    assert refused(read_note, data.encode()) == "NOTE_MALFORMED"


def test_bytes_that_are_no_text_are_no_note():
    assert refused(read_note, b"\xff" + f"{TEXT}\n{PETER_LINE}".encode()) == "NOTE_MALFORMED"


def test_a_note_of_more_than_a_million_bytes_is_refused():
    assert len(read_note(note.signed("x" * 900_000 + "\n", LOG)).text) == 900_001
    assert refused(note.signed, "x" * 1_000_000 + "\n", LOG) == "NOTE_MALFORMED"


@pytest.mark.parametrize(
    "coded",
    [
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM",  # no padding
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAN=",  # spare bits
        "x08go_ZJkuBS9UG_SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=",  # other letters
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM==",
        "=x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM",
    ],
)
def test_base64_in_another_spelling_is_refused(coded):
    assert refused(read_note, f"{TEXT}\n— PeterNeumann {coded}\n".encode()) == "NOTE_MALFORMED"


def test_the_text_ends_at_the_last_empty_line():
    text = "a\n\nb\n"
    read = read_note(note.signed(text, LOG))
    assert read.text == text
    verify_note(read, [LOG.key])


def test_a_text_that_would_not_read_back_is_not_signed():
    with pytest.raises(ValueError, match="read back"):
        note.signed(NOTE.decode()[:-1], LOG)  # its end would be read as a signature
    assert refused(note.signed, "no newline", LOG) == "NOTE_MALFORMED"
    assert refused(note.signed, "a\rb\n", LOG) == "NOTE_MALFORMED"


@pytest.mark.parametrize("name", ["", "two words", "a+b", "tab\there", "ideographic\u3000space"])
def test_a_name_that_notes_cannot_carry_is_no_key(name):
    assert refused(note.Signer.of_log, name, LOG.private) == "KEY_MALFORMED"


def test_a_signature_of_the_right_name_and_another_key_is_ignored_and_of_the_right_id_too():
    """C2SP signed-note: name and id together name the key; one alone names nobody."""
    stranger = note.Signer.of_log(ORIGIN, OTHER_LOG.private)
    assert refused(verify_note, read_note(note.signed(CHECKPOINT, stranger)), [LOG.key]) == "NOTE_UNSIGNED"
    other_name = NOTE.replace(f"— {ORIGIN} ".encode(), "— another.example ".encode())
    assert refused(verify_note, read_note(other_name), [LOG.key]) == "NOTE_UNSIGNED"


def test_a_signature_that_names_a_pinned_key_and_is_not_of_it_refuses_the_note():
    read = read_note(note.signed(CHECKPOINT, OTHER_LOG, LOG))
    forged = replace(read, signatures=(read.signatures[0], replace(read.signatures[1], value=bytes(64))))
    assert refused(verify_note, forged, [OTHER_LOG.key, LOG.key]) == "SIGNATURE_WRONG"
    assert verify_note(forged, [OTHER_LOG.key])  # who does not know the other key ignores it


def test_a_second_signature_of_one_key_is_verified_too():
    read = read_note(NOTE)
    (first,) = read.signatures
    assert len(verify_note(replace(read, signatures=(first, first)), [LOG.key])) == 1
    forged = replace(read, signatures=(first, replace(first, value=bytes(64))))
    assert refused(verify_note, forged, [LOG.key]) == "SIGNATURE_WRONG"


@given(st.integers(0, len(NOTE) * 8 - 1))
def test_a_flipped_bit_anywhere_in_a_checkpoint_is_refused(bit):
    changed = bytearray(NOTE)
    changed[bit // 8] ^= 1 << bit % 8
    refused(verify_checkpoint, bytes(changed), [LOG.key])


@given(st.binary(max_size=200))
def test_rubbish_is_refused_as_rubbish(data):
    assert refused(verify_checkpoint, data, [LOG.key]) == "NOTE_MALFORMED"


@given(st.text(max_size=80))
def test_a_rubbish_text_is_no_checkpoint(text):
    assert refused(read_checkpoint, text) == "CHECKPOINT_MALFORMED"


def test_published_checkpoint_is_read():
    read = read_note(SOFA.encode())
    checkpoint = read_checkpoint(read.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.root.hex().startswith("0ac5186a91863e8e1d90c808014aa89b")
    assert (checkpoint.at, checkpoint.previous) == (None, None)
    assert [signature.name for signature in read.signatures] == [checkpoint.origin, "witness.example.com/w1"]
    cosignature = read.signatures[1].value
    assert len(cosignature) == 72
    assert int.from_bytes(cosignature[:8]) == 1_679_315_147  # "time 1679315147" in the specification


def test_a_checkpoint_reads_back_as_it_was_made():
    checkpoint = verify_checkpoint(NOTE, [LOG.key])
    assert (checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.at) == (ORIGIN, 1, ROOT, AT)
    assert checkpoint.previous is None
    assert checkpoint.text == CHECKPOINT
    following = note.checkpoint_text(ORIGIN, 2, ROOT, at=AT, previous=checkpoint)
    assert read_checkpoint(following).previous == checkpoint.digest


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - zone follows
def test_every_instant_reads_back_to_the_microsecond(at):
    at = at.replace(tzinfo=UTC)
    assert read_checkpoint(note.checkpoint_text(ORIGIN, 0, EMPTY_ROOT, at=at)).at == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{ORIGIN}\n1\n",
        f"{ORIGIN}\n1\n{base64.b64encode(ROOT).decode()}",
        CHECKPOINT.replace("\n1\n", "\n01\n"),
        CHECKPOINT.replace("\n1\n", "\n-1\n"),
        CHECKPOINT.replace("\n1\n", "\n+1\n"),
        CHECKPOINT.replace("\n1\n", "\n１\n"),
        CHECKPOINT.replace("\n1\n", "\n1234567890123456789\n"),
        CHECKPOINT.replace(ORIGIN, ""),
        CHECKPOINT.replace("time", "\ntime"),
        CHECKPOINT + "\n",
        CHECKPOINT.replace("2026-11", "2026-13"),
        CHECKPOINT.replace("Z\n", "+07:00\n"),
        CHECKPOINT.replace("Z\n", "\n"),
        CHECKPOINT + "time 2026-11-22T08:30:05Z\n",
        CHECKPOINT + f"previous {base64.b64encode(ROOT[:31]).decode()}\n",
        CHECKPOINT + "previous never\n",
        CHECKPOINT.replace(base64.b64encode(ROOT).decode(), base64.b64encode(ROOT[:31]).decode()),
        CHECKPOINT.replace(base64.b64encode(ROOT).decode(), base64.b64encode(ROOT).decode()[:-1]),
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    assert refused(read_checkpoint, text) == "CHECKPOINT_MALFORMED"


def test_unknown_extension_lines_are_carried_and_signed():
    text = CHECKPOINT + "weather fine\n"
    assert verify_checkpoint(note.signed(text, LOG), [LOG.key]).text == text
    changed = note.signed(text, LOG).replace(b"weather fine", b"weather foul")
    assert refused(verify_checkpoint, changed, [LOG.key]) == "SIGNATURE_WRONG"


def test_a_checkpoint_is_signed_by_the_log_that_it_names():
    borrowed = note.signed(CHECKPOINT, OTHER_LOG)
    assert refused(verify_checkpoint, borrowed, [LOG.key, OTHER_LOG.key]) == "CHECKPOINT_OF_OTHER_LOG"


def test_a_replaced_key_is_refused_until_it_is_pinned_as_well():
    renewed = note.Signer.of_log(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    data = note.signed(CHECKPOINT, renewed)
    assert refused(verify_checkpoint, data, [LOG.key]) == "NOTE_UNSIGNED"
    assert verify_checkpoint(data, [LOG.key, renewed.key]).size == 1


def test_a_witness_alone_does_not_make_a_checkpoint():
    data = note.signed(CHECKPOINT, WITNESSES[0], at=AT)
    assert refused(verify_checkpoint, data, [LOG.key, WITNESSES[0].key]) == "NOTE_UNSIGNED"


def test_witnesses_say_when_they_signed():
    lines = "".join(note.signature_line(CHECKPOINT, each, at=AT) for each in WITNESSES[:2])
    data = note.with_signatures(NOTE, lines)
    assert note.with_signatures(data, lines) == data
    assert verify_checkpoint(data, [LOG.key]).size == 1
    signed = verify_witnesses(data, [each.key for each in WITNESSES], 2)
    assert [(each.key.name, each.at) for each in signed] == [
        ("w1.example", AT.replace(microsecond=0)),
        ("w2.example", AT.replace(microsecond=0)),
    ]
    assert refused(verify_witnesses, data, [each.key for each in WITNESSES], 3) == "WITNESSES_MISSING"
    assert verify_witnesses(NOTE, [each.key for each in WITNESSES], 0) == ()


def test_one_key_under_two_names_is_one_witness():
    twice = [WITNESSES[0], note.Signer.of_witness("alias.example", WITNESSES[0].private)]
    data = note.signed(CHECKPOINT, LOG, *twice, at=AT)
    assert refused(verify_witnesses, data, [each.key for each in twice], 2) == "WITNESSES_MISSING"


def test_a_cosignature_moved_in_time_or_to_another_checkpoint_is_refused():
    read = read_note(note.signed(CHECKPOINT, LOG, WITNESSES[0], at=AT))
    value = read.signatures[1].value
    later = replace(read.signatures[1], value=(int.from_bytes(value[:8]) + 1).to_bytes(8) + value[8:])
    far = replace(read.signatures[1], value=b"\xff" * 8 + value[8:])
    short = replace(read.signatures[1], value=value[:-1])
    keys = [WITNESSES[0].key]
    for forged in (later, far, short):
        data = note.written(replace(read, signatures=(read.signatures[0], forged)))
        assert refused(verify_witnesses, data, keys, 1) == "SIGNATURE_WRONG"
    other = note.checkpoint_text(ORIGIN, 2, ROOT, at=AT)
    moved = note.with_signatures(
        note.signed(other, LOG), note.signature_line(CHECKPOINT, WITNESSES[0], at=AT)
    )
    assert refused(verify_witnesses, moved, keys, 1) == "SIGNATURE_WRONG"


def test_a_witness_that_lives_after_the_end_of_the_calendar_is_refused():
    seconds, witness = 1 << 60, WITNESSES[0]
    value = seconds.to_bytes(8) + witness.private.sign(cosigned_text(CHECKPOINT, seconds))
    read = read_note(NOTE)
    line = replace(read.signatures[0], name=witness.key.name, id=witness.key.id, value=value)
    data = note.written(replace(read, signatures=(*read.signatures, line)))
    assert refused(verify_witnesses, data, [witness.key], 1) == "SIGNATURE_WRONG"


def test_a_logs_signature_is_no_cosignature_of_the_same_key():
    both = note.Signer.of_witness(ORIGIN, LOG.private)
    assert both.key.id != LOG.key.id
    as_witness = Key(ORIGIN, ED25519, both.key.public)
    assert refused(verify_witnesses, NOTE, [as_witness], 1) == "WITNESSES_MISSING"


def test_a_witness_says_when():
    with pytest.raises(ValueError, match="has to say when"):
        note.signature_line(CHECKPOINT, WITNESSES[0])


def test_only_signature_lines_can_be_added():
    assert refused(note.with_signatures, NOTE, "") == "NOTE_MALFORMED"
    with pytest.raises(ValueError, match="only signature lines"):
        note.with_signatures(NOTE, "more text\n\n" + PETER_LINE)


FIRST = read_checkpoint(CHECKPOINT)
SECOND = read_checkpoint(
    note.checkpoint_text(ORIGIN, 2, leaf_hash(b"second"), at=AT + timedelta(seconds=5), previous=FIRST)
)


def test_a_checkpoint_follows_the_one_that_it_names():
    verify_succession(FIRST, SECOND)
    again = note.checkpoint_text(ORIGIN, 2, SECOND.root, at=SECOND.at + timedelta(hours=1), previous=SECOND)
    verify_succession(SECOND, read_checkpoint(again))


@pytest.mark.parametrize(
    ("later", "code"),
    [
        (
            note.checkpoint_text("else.example", 2, SECOND.root, at=AT, previous=FIRST),
            "CHECKPOINT_OF_OTHER_LOG",
        ),
        (note.checkpoint_text(ORIGIN, 0, EMPTY_ROOT, at=AT, previous=FIRST), "HISTORY_SHRUNK"),
        (note.checkpoint_text(ORIGIN, 1, SECOND.root, at=AT, previous=FIRST), "HISTORY_FORKED"),
        (
            note.checkpoint_text(ORIGIN, 2, SECOND.root, at=AT - timedelta(microseconds=1), previous=FIRST),
            "CLOCK_BACK",
        ),
        (note.checkpoint_text(ORIGIN, 2, SECOND.root, at=AT, previous=SECOND), "CHAIN_BROKEN"),
        (note.checkpoint_text(ORIGIN, 2, SECOND.root, at=AT), "CHAIN_BROKEN"),
    ],
)
def test_a_checkpoint_that_does_not_follow_has_its_code(later, code):
    assert refused(verify_succession, FIRST, read_checkpoint(later)) == code
