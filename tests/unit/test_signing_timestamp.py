"""RFC 3161: the sandbox's authority is believed by openssl and by the client library, and neither believes forgeries."""

import hashlib
from datetime import timedelta

import pytest
from cryptography import x509

from gateway.port import WireResponse
from gateway.signing import der, timestamp
from gateway.signing.authority import TimestampAuthority
from gateway.signing.findings import CannotSign, Examination
from tests.unit.signing_world import DAY, NOW, openssl, pem, private, timestamp_certificate

DATA = b"the value of a signature"


def stamp(kind="rsa", data=DATA, at=NOW):
    root, own = timestamp_certificate(private(kind, 91))
    question = timestamp.question("https://tsa.example/stamp", data)
    return root, question, TimestampAuthority(private(kind, 91), own).answer(question.body, at)


def judged(token, data, roots, now=NOW):
    exam = Examination()
    seen = timestamp.judge(exam, token, data, roots, now)
    return seen, exam.refused()


def token_of(answer):
    return timestamp.token_of(WireResponse(status=200, body=answer))


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_openssl_believes_the_authority(tmp_path, kind):
    root, question, answer = stamp(kind)
    for name, content in {
        "data": DATA,
        "reply": answer,
        "question": question.body,
        "root": pem(root),
    }.items():
        (tmp_path / name).write_bytes(content)
    at = int(NOW.timestamp())
    trust = ("-CAfile", tmp_path / "root", "-attime", at)

    assert openssl("ts", "-verify", "-data", tmp_path / "data", "-in", tmp_path / "reply", *trust)[0] == 0
    by_query = ("ts", "-verify", "-queryfile", tmp_path / "question", "-in", tmp_path / "reply")
    assert openssl(*by_query, *trust)[0] == 0
    (tmp_path / "data").write_bytes(DATA + b".")
    code, said = openssl("ts", "-verify", "-data", tmp_path / "data", "-in", tmp_path / "reply", *trust)
    assert code != 0
    assert b"imprint" in said


def test_the_authority_answers_what_openssl_asks(tmp_path):
    """With a nonce, SHA-512 and without a wish for the certificate."""
    (tmp_path / "data").write_bytes(DATA)
    openssl("ts", "-query", "-data", tmp_path / "data", "-sha512", "-out", tmp_path / "question")
    root, own = timestamp_certificate(private("rsa", 91))
    answer = TimestampAuthority(private("rsa", 91), own).answer((tmp_path / "question").read_bytes(), NOW)
    for name, content in {"reply": answer, "root": pem(root), "own": pem(own)}.items():
        (tmp_path / name).write_bytes(content)

    code, said = openssl(
        "ts", "-verify", "-queryfile", tmp_path / "question", "-in", tmp_path / "reply",
        "-CAfile", tmp_path / "root", "-untrusted", tmp_path / "own", "-attime", int(NOW.timestamp()),
    )  # fmt: skip

    assert code == 0, said


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_the_client_believes_the_authority(kind):
    root, _, answer = stamp(kind)

    assert judged(token_of(answer), DATA, (root,)) == (NOW.replace(microsecond=0), None)


def test_other_data_another_root_and_a_changed_token_are_refused():
    root, _, answer = stamp()
    token = token_of(answer)
    other, _ = timestamp_certificate(private("p256", 93), root=94)

    assert judged(token, b"other", (root,))[1].code == "timestamp_of_other_data"
    assert judged(token, DATA, ())[1].code == "timestamp_untrusted"
    assert judged(token, DATA, (other,))[1] is not None
    later = token.replace(b"20261126020000Z", b"20261126030000Z")
    assert later != token
    assert judged(later, DATA, (root,), NOW + timedelta(days=1))[1].code == "timestamp_untrusted"
    assert judged(b"junk", DATA, (root,))[1].code == "timestamp_unreadable"


@pytest.mark.parametrize(
    "wrong",
    [
        {"use": x509.ExtendedKeyUsageOID.SERVER_AUTH},
        {"critical": False},
        {"ends": NOW - DAY},
        {"begins": NOW + DAY},
    ],
    ids=["for servers", "for stamping besides", "ended before", "begins afterwards"],
)
def test_a_certificate_that_is_not_for_stamping_then_is_refused(wrong):
    root, own = timestamp_certificate(private("p256", 91), **wrong)
    question = timestamp.question("https://tsa.example/stamp", DATA)
    token = token_of(TimestampAuthority(private("p256", 91), own).answer(question.body, NOW))

    assert judged(token, DATA, (root,), NOW + 2 * DAY)[1].code == "timestamp_untrusted"


def test_no_changed_byte_moves_the_time():
    """Some bytes of the envelope mean nothing (CMS signs the attributes, not what surrounds them)."""
    root, _, answer = stamp("p256")
    token = token_of(answer)
    believed = 0
    for place in range(0, len(token), 7):
        changed = bytearray(token)
        changed[place] ^= 0x41
        seen, refused = judged(bytes(changed), DATA, (root,))
        assert refused is not None or seen == NOW.replace(microsecond=0), place
        believed += refused is None

    assert believed <= 3


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (b"", "too early"),
        (b"junk", ""),
        (
            der.sequence(
                der.integer(2), der.sequence(der.algorithm("2.16.840.1.101.3.4.2.1"), der.octets(bytes(32)))
            ),
            "version",
        ),
        (
            der.sequence(der.integer(1), der.sequence(der.algorithm("1.3.14.3.2.26"), der.octets(bytes(20)))),
            "SHA-256",
        ),
        (
            der.sequence(
                der.integer(1), der.sequence(der.algorithm("2.16.840.1.101.3.4.2.1"), der.octets(b"x"))
            ),
            "SHA-256",
        ),
    ],
)
def test_the_authority_says_what_it_does_not_stamp(question, said):
    _, own = timestamp_certificate(private("p256", 91))
    answer = TimestampAuthority(private("p256", 91), own).answer(question, NOW)

    with pytest.raises(CannotSign, match="status 2") as refused:
        token_of(answer)

    assert said in refused.value.reason


@pytest.mark.parametrize(("status", "body"), [(500, b""), (200, b"<html/>"), (200, b""), (404, b"x")])
def test_an_answer_without_a_token_is_told(status, body):
    with pytest.raises(CannotSign) as refused:
        timestamp.token_of(WireResponse(status=status, body=body))

    assert refused.value.code == "no_timestamp"


def test_the_question_is_the_same_for_the_same_data():
    asked = timestamp.question("https://tsa.example/", DATA)

    assert asked == timestamp.question("https://tsa.example/", DATA)
    assert hashlib.sha256(DATA).digest() in asked.body
    assert asked.headers[0] == ("content-type", "application/timestamp-query")


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, 2**64, 2**159])
def test_integers_are_written_as_openssl_reads_them(tmp_path, number):
    code, said = openssl("asn1parse", "-inform", "DER", stdin=der.integer(number))

    assert code == 0
    assert said.decode().strip().rpartition(":")[2] == f"{number:02X}".zfill(
        2 * ((len(f"{number:X}") + 1) // 2)
    )


@pytest.mark.parametrize(
    "broken", [b"", b"0", b"\x30\x80", b"\x30\x85\1\1\1\1\1", b"\x30\x05\1", b"\x30\x81"]
)
def test_broken_der_is_an_error_and_nothing_else(broken):
    with pytest.raises(ValueError, match="DER"):
        der.read(broken)
