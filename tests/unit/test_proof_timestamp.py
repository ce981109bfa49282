"""Time stamps: the house's authority and openssl's are believed, and every other token is refused for its own reason."""

import functools
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from gateway.proof.lienthong_verify import FAULTS, Fault, verify_timestamp
from gateway.signing import der, timestamp
from gateway.signing.authority import TimestampAuthority, new_authority
from tests.unit.signing_world import openssl, private, timestamp_certificate, tool

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
DAY = timedelta(days=1)
DATA = b"log.h99.example\n1\nroot\n"
SHA1, SHA256, SHA384, SHA512 = (
    "1.3.14.3.2.26",
    "2.16.840.1.101.3.4.2.1",
    "2.16.840.1.101.3.4.2.2",
    "2.16.840.1.101.3.4.2.3",
)
RSA, RSA_SHA256, RSA_SHA512 = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.13"
ECDSA_SHA256, ECDSA_SHA384 = "1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3"
TST_INFO, SIGNED_DATA = "1.2.840.113549.1.9.16.1.4", "1.2.840.113549.1.7.2"
NAMES = {SHA1: "sha1", SHA256: "sha256", SHA384: "sha384", SHA512: "sha512"}
STAMPING = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])


@functools.cache
def key(number=0):
    return ec.generate_private_key(ec.SECP256R1()) if number < 90 else rsa.generate_private_key(65537, 2048)


def certificate(name, subject_key, issuer=None, *, ca=False, ends=NOW + DAY, extensions=(), path=None):
    """``issuer``: its certificate and key."""
    above, signing = issuer or (None, subject_key)
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(above.subject if above else named)
        .public_key(subject_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 30 * DAY)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path), critical=True)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signing, hashes.SHA256())


ROOT = certificate("Gốc thử", key(1), ca=True)


def own(subject_key=None, issuer=None, extensions=((STAMPING, True),), **changes):
    issuer = issuer or (ROOT, key(1))
    return certificate("Cấp dấu thử", subject_key or key(2), issuer, extensions=extensions, **changes)


OWN = own()


def encoded(cert):
    return cert.public_bytes(Encoding.DER)


def attribute(oid, *values):
    return der.sequence(der.object_id(oid), der.set_of(*values))


def tst_info(data=DATA, *, digest=SHA256, at=b"20261122083000Z", version=1, extra=b""):
    imprint = der.sequence(der.algorithm(digest), der.octets(hashlib.new(NAMES[digest], data).digest()))
    return der.sequence(
        der.integer(version), der.object_id("1.2.3.4"), imprint, der.integer(7), der.value(0x18, at), extra
    )


def named_certificate(cert=OWN, digest=SHA256):
    algorithm = b"" if digest == SHA256 else der.algorithm(digest)
    named = der.sequence(algorithm, der.octets(hashlib.new(NAMES[digest], encoded(cert)).digest()))
    return attribute("1.2.840.113549.1.9.16.2.47", der.sequence(der.sequence(named)))


def forge(
    info=None,
    *,
    content_type=TST_INFO,
    digest=SHA256,
    digested=None,
    named=None,
    attributes=None,
    signer=None,
    algorithm=ECDSA_SHA256,
    signing=None,
    hashed=hashes.SHA256,
    certificates=(OWN,),
    outer=SIGNED_DATA,
    inner=TST_INFO,
    signers=1,
    identifier=None,
    attributes_tag=0,
):
    """A token in which one thing can be another than it should be."""
    info = info or tst_info()
    signer, signing = signer or OWN, signing or key(2)
    if attributes is None:
        told = hashlib.new(NAMES[digest], digested or info).digest()
        attributes = (
            attribute("1.2.840.113549.1.9.3", der.object_id(content_type)),
            attribute("1.2.840.113549.1.9.4", der.octets(told)),
            named or named_certificate(signer),
        )
    signed = der.set_of(*attributes)
    if isinstance(signing, rsa.RSAPrivateKey):
        signature = signing.sign(signed, padding.PKCS1v15(), hashed())
    else:
        signature = signing.sign(signed, ec.ECDSA(hashed()))
    signer_info = der.sequence(
        der.integer(1),
        identifier or der.sequence(signer.issuer.public_bytes(), der.integer(signer.serial_number)),
        der.algorithm(digest),
        der.tagged(attributes_tag, b"".join(sorted(attributes))) if attributes else b"",
        der.algorithm(algorithm, null=algorithm.startswith("1.2.840.113549")),
        der.octets(signature),
    )
    content = der.sequence(der.object_id(inner), der.tagged(0, der.octets(info)))
    return der.sequence(
        der.object_id(outer),
        der.tagged(
            0,
            der.sequence(
                der.integer(3),
                der.set_of(der.algorithm(digest)),
                content,
                der.tagged(0, b"".join(map(encoded, certificates))) if certificates else b"",
                der.value(der.SET, signer_info * signers),
            ),
        ),
    )


def refused(token, data=DATA, roots=(ROOT,)):
    with pytest.raises(Fault) as fault:
        verify_timestamp(token, data, roots)
    assert fault.value.code in FAULTS
    return fault.value.code


def token_in(answer):
    """The token in a TimeStampResp."""
    _, content, _ = der.read(answer)
    (_, status, _), (_, _, token) = der.members(content)
    assert status == der.integer(0)
    return token


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_the_house_authority_is_believed(kind):
    root, certificate_ = timestamp_certificate(private(kind, 91))
    authority = TimestampAuthority(private(kind, 91), certificate_)
    at = certificate_.not_valid_before_utc + timedelta(hours=1)

    token = token_in(authority.answer(timestamp.question("https://tsa.example/", DATA).body, at))
    stamp = verify_timestamp(token, DATA, [root])

    assert (stamp.at, stamp.serial, stamp.accuracy) == (at.replace(microsecond=0), 1, timedelta(0))
    assert "Cơ quan cấp dấu thời gian thử" in stamp.authority
    assert refused(token, DATA + b".", [root]) == "TIMESTAMP_OF_OTHER_DATA"
    assert refused(token, DATA, [ROOT]) == "TIMESTAMP_UNTRUSTED"
    assert refused(token, DATA, []) == "TIMESTAMP_UNTRUSTED"


def test_a_fresh_authority_of_the_sandbox_is_believed():
    authority, root = new_authority(NOW)
    token = token_in(authority.answer(timestamp.question("https://tsa.example/", DATA).body, NOW))
    assert verify_timestamp(token, DATA, x509.load_pem_x509_certificates(root)).at == NOW


def test_a_token_without_the_certificate_is_believed_when_the_signer_is_pinned():
    token = forge(certificates=())
    assert refused(token) == "TIMESTAMP_NO_CERTIFICATE"
    assert verify_timestamp(token, DATA, [ROOT, OWN]).at == NOW


OPENSSL_CONFIGURATION = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
crypto_device = builtin
signer_digest = {digest}
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = {ess}
"""


@pytest.mark.parametrize(
    ("number", "digest", "ess"), [(2, "sha256", "sha256"), (92, "sha256", "sha256"), (92, "sha512", "sha512")]
)
def test_openssl_is_believed(tmp_path, number, digest, ess):
    tool("openssl")
    cert = own(key(number), ends=datetime.now(UTC) + 3650 * DAY, extensions=((STAMPING, True), SIGNS))
    root = certificate("Gốc thử", key(1), ca=True, ends=datetime.now(UTC) + 3650 * DAY)
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "serial").write_text("2A")
    (tmp_path / "own.pem").write_bytes(cert.public_bytes(Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key(number).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (tmp_path / "cnf").write_text(OPENSSL_CONFIGURATION.format(folder=tmp_path, digest=digest, ess=ess))
    asked = ("ts", "-query", "-data", tmp_path / "data", f"-{digest}", "-cert", "-out", tmp_path / "question")
    assert openssl(*asked)[0] == 0
    answered = openssl(
        *("ts", "-reply", "-config", tmp_path / "cnf", "-section", "own"),
        *(
            "-queryfile",
            tmp_path / "question",
            "-signer",
            tmp_path / "own.pem",
            "-inkey",
            tmp_path / "key.pem",
        ),
        *("-token_out", "-out", tmp_path / "token"),
    )
    assert answered[0] == 0, answered[1]

    stamp = verify_timestamp((tmp_path / "token").read_bytes(), DATA, [root])

    assert abs(stamp.at - datetime.now(UTC)) < timedelta(minutes=5)
    assert stamp.accuracy == timedelta(seconds=1, milliseconds=500, microseconds=100)
    assert (stamp.serial, stamp.policy) == (0x2B, "1.2.3.4.1")
    assert refused((tmp_path / "token").read_bytes(), DATA + b"!", [root]) == "TIMESTAMP_OF_OTHER_DATA"


SIGNS = (
    x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    ),
    True,
)
ISSUES_NOTHING = SIGNS
RSA_OWN = own(key(92))
MIDDLE = certificate("Trung gian thử", key(4), (ROOT, key(1)), ca=True)
UNDER_MIDDLE = own(key(5), (MIDDLE, key(4)))
WITH_IDENTIFIER = own(
    key(6), extensions=((STAMPING, True), (x509.SubjectKeyIdentifier(b"twenty bytes of name"), False))
)

BELIEVED = {
    "as it should be": (forge(), (ROOT,)),
    "sha-384": (
        forge(tst_info(digest=SHA384), digest=SHA384, algorithm=ECDSA_SHA384, hashed=hashes.SHA384),
        (ROOT,),
    ),
    "certificate named by sha-512": (forge(named=named_certificate(digest=SHA512)), (ROOT,)),
    "rsa": (forge(signer=RSA_OWN, signing=key(92), algorithm=RSA, certificates=(RSA_OWN,)), (ROOT,)),
    "rsa with sha-512": (
        forge(
            signer=RSA_OWN,
            signing=key(92),
            algorithm=RSA_SHA512,
            hashed=hashes.SHA512,
            certificates=(ROOT, RSA_OWN),
        ),
        (ROOT,),
    ),
    "under an intermediate": (
        forge(signer=UNDER_MIDDLE, signing=key(5), certificates=(MIDDLE, UNDER_MIDDLE)),
        (ROOT,),
    ),
    "an intermediate is pinned": (
        forge(signer=UNDER_MIDDLE, signing=key(5), certificates=(UNDER_MIDDLE,)),
        (MIDDLE,),
    ),
    "the signer itself is pinned": (forge(), (OWN,)),
    "named by its key": (
        forge(
            signer=WITH_IDENTIFIER,
            signing=key(6),
            certificates=(OWN, WITH_IDENTIFIER),
            identifier=der.value(0x80, b"twenty bytes of name"),
        ),
        (ROOT,),
    ),
    "a nonce and what else may follow": (
        forge(
            tst_info(
                extra=der.sequence(der.integer(1), der.value(0x80, b"\x01"))
                + der.value(0x01, b"\xff")
                + der.integer(2**63)
            )
        ),
        (ROOT,),
    ),
}


@pytest.mark.parametrize(("token", "roots"), BELIEVED.values(), ids=BELIEVED)
def test_tokens_in_every_dress_are_believed(token, roots):
    assert verify_timestamp(token, DATA, roots).at == NOW


def test_a_fraction_of_a_second_is_read():
    assert verify_timestamp(forge(tst_info(at=b"20261122083000.25Z")), DATA, [ROOT]).at == NOW + timedelta(
        milliseconds=250
    )


def with_usage(*usages, critical=True):
    cert = own(key(7), extensions=((x509.ExtendedKeyUsage(usages), critical),))
    return forge(signer=cert, signing=key(7), certificates=(cert,))


def under(issuer, **changes):
    cert = own(key(8), issuer, **changes)
    return forge(signer=cert, signing=key(8), certificates=(cert, issuer[0]))


def by(cert, signing, **changes):
    return forge(signer=cert, signing=signing, certificates=(cert,), **changes)


TYPE, DIGEST = (
    attribute("1.2.840.113549.1.9.3", der.object_id(TST_INFO)),
    attribute("1.2.840.113549.1.9.4", der.octets(hashlib.sha256(tst_info()).digest())),
)
LOOK_ALIKE = own()
PLAIN = certificate("Không phải gốc", key(9), (ROOT, key(1)))
EXPIRED_MIDDLE = certificate("Trung gian cũ", key(10), (ROOT, key(1)), ca=True, ends=NOW - DAY)
MUTE_MIDDLE = certificate("Không được cấp", key(11), (ROOT, key(1)), ca=True, extensions=(ISSUES_NOTHING,))
SHORT_ROOT = certificate("Gốc ngắn", key(12), ca=True, path=0)
BELOW_SHORT = certificate("Dưới gốc ngắn", key(13), (SHORT_ROOT, key(12)), ca=True)
STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
SMALL_CURVE = ec.generate_private_key(ec.SECP224R1())

REFUSED = {
    "about other data": (forge(tst_info(DATA + b".")), "TIMESTAMP_OF_OTHER_DATA"),
    "sha-1 of the data": (forge(tst_info(digest=SHA1)), "TIMESTAMP_ALGORITHM"),
    "sha-1 of the info": (forge(digest=SHA1), "TIMESTAMP_ALGORITHM"),
    "sha-1 of the certificate": (forge(named=named_certificate(digest=SHA1)), "TIMESTAMP_ALGORITHM"),
    "an unknown signature algorithm": (forge(algorithm="1.2.840.10045.4.1"), "TIMESTAMP_ALGORITHM"),
    "the algorithm of another kind of key": (forge(algorithm=RSA_SHA256), "TIMESTAMP_ALGORITHM"),
    "a short curve": (by(own(SMALL_CURVE), SMALL_CURVE), "TIMESTAMP_ALGORITHM"),
    "another info than was signed": (forge(digested=tst_info(at=b"20200101000000Z")), "TIMESTAMP_CHANGED"),
    "another content than was signed": (forge(content_type="1.2.840.113549.1.7.1"), "TIMESTAMP_CHANGED"),
    "another key's signature": (forge(signing=key(3)), "TIMESTAMP_SIGNATURE"),
    "another digest in the signature": (forge(hashed=hashes.SHA384), "TIMESTAMP_SIGNATURE"),
    "without its certificate": (forge(certificates=(MIDDLE,)), "TIMESTAMP_NO_CERTIFICATE"),
    "another certificate of the same key": (
        forge(signer=LOOK_ALIKE, named=named_certificate(OWN), certificates=(LOOK_ALIKE,)),
        "TIMESTAMP_OTHER_CERTIFICATE",
    ),
    "for servers": (with_usage(ExtendedKeyUsageOID.SERVER_AUTH), "TIMESTAMP_PURPOSE"),
    "for servers too": (
        with_usage(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.SERVER_AUTH),
        "TIMESTAMP_PURPOSE",
    ),
    "for stamping, not critically": (
        with_usage(ExtendedKeyUsageOID.TIME_STAMPING, critical=False),
        "TIMESTAMP_PURPOSE",
    ),
    "for nothing said": (by(own(key(7), extensions=()), key(7)), "TIMESTAMP_PURPOSE"),
    "after its end": (by(own(key(7), ends=NOW - DAY), key(7)), "TIMESTAMP_EXPIRED"),
    "before its beginning": (forge(tst_info(at=b"20200101000000Z")), "TIMESTAMP_EXPIRED"),
    "by itself": (
        by(certificate("Tự cấp", key(7), extensions=((STAMPING, True),)), key(7)),
        "TIMESTAMP_UNTRUSTED",
    ),
    "under a false root of the same name": (
        by(own(key(7), (certificate("Gốc thử", key(3), ca=True), key(3))), key(7)),
        "TIMESTAMP_UNTRUSTED",
    ),
    "under a missing intermediate": (by(UNDER_MIDDLE, key(5)), "TIMESTAMP_UNTRUSTED"),
    "under one that is no authority": (under((PLAIN, key(9))), "TIMESTAMP_UNTRUSTED"),
    "under an expired authority": (under((EXPIRED_MIDDLE, key(10))), "TIMESTAMP_UNTRUSTED"),
    "under one that may not issue": (under((MUTE_MIDDLE, key(11))), "TIMESTAMP_UNTRUSTED"),
    "too far below its root": (under((BELOW_SHORT, key(13))), "TIMESTAMP_UNTRUSTED"),
    "with a critical extension that nobody knows": (
        by(own(key(7), extensions=((STAMPING, True), (STRANGE, True))), key(7)),
        "TIMESTAMP_UNTRUSTED",
    ),
    "no SignedData": (forge(outer="1.2.840.113549.1.7.1"), "TIMESTAMP_MALFORMED"),
    "no TSTInfo": (forge(inner="1.2.840.113549.1.7.1"), "TIMESTAMP_MALFORMED"),
    "no signer": (forge(signers=0), "TIMESTAMP_MALFORMED"),
    "two signers": (forge(signers=2), "TIMESTAMP_MALFORMED"),
    "no signed attributes": (forge(attributes=()), "TIMESTAMP_MALFORMED"),
    "attributes in another place": (forge(attributes_tag=1), "TIMESTAMP_MALFORMED"),
    "an attribute that is a set": (
        forge(
            attributes=(TYPE, DIGEST, named_certificate(), b"\x31" + attribute("1.2.3", der.octets(b""))[1:])
        ),
        "TIMESTAMP_MALFORMED",
    ),
    "an attribute of no name": (
        forge(
            attributes=(
                TYPE,
                DIGEST,
                named_certificate(),
                der.sequence(der.value(der.OBJECT_ID, b""), der.set_of()),
            )
        ),
        "TIMESTAMP_MALFORMED",
    ),
    "an attribute of an endless name": (
        forge(
            attributes=(
                TYPE,
                DIGEST,
                named_certificate(),
                der.sequence(der.value(der.OBJECT_ID, b"\x2a\x81"), der.set_of()),
            )
        ),
        "TIMESTAMP_MALFORMED",
    ),
    "no certificate signed": (forge(attributes=(TYPE, DIGEST)), "TIMESTAMP_MALFORMED"),
    "no digest signed": (forge(attributes=(TYPE, named_certificate())), "TIMESTAMP_MALFORMED"),
    "no type signed": (forge(attributes=(DIGEST, named_certificate())), "TIMESTAMP_MALFORMED"),
    "an attribute twice": (
        forge(attributes=(TYPE, TYPE, DIGEST, named_certificate())),
        "TIMESTAMP_MALFORMED",
    ),
    "version 2": (forge(tst_info(version=2)), "TIMESTAMP_MALFORMED"),
    "local time": (forge(tst_info(at=b"20261122083000+0700")), "TIMESTAMP_MALFORMED"),
    "no such day": (forge(tst_info(at=b"20261199083000Z")), "TIMESTAMP_MALFORMED"),
    "more than a TSTInfo": (forge(tst_info(extra=der.octets(b"more"))), "TIMESTAMP_MALFORMED"),
    "a million values": (
        der.sequence(
            der.object_id(SIGNED_DATA),
            der.tagged(
                0,
                der.sequence(
                    der.integer(3),
                    der.set_of(),
                    der.sequence(der.object_id(TST_INFO), der.tagged(0, der.octets(tst_info()))),
                    der.tagged(0, b"\x05\x00" * 1_000_000),
                ),
            ),
        ),
        "TIMESTAMP_MALFORMED",
    ),
    "an endless number": (
        der.sequence(der.value(der.OBJECT_ID, b"\xff" * 1_000_000 + b"\x01")),
        "TIMESTAMP_MALFORMED",
    ),
    "bytes after the token": (forge() + b"\x00", "TIMESTAMP_MALFORMED"),
    "half a token": (forge()[: len(forge()) // 2], "TIMESTAMP_MALFORMED"),
    "nothing": (b"", "TIMESTAMP_MALFORMED"),
    "a length of indefinite form": (b"\x30\x80" + forge()[4:] + b"\x00\x00", "TIMESTAMP_MALFORMED"),
    "a byte less than it says": (forge(tst_info(extra=der.octets(b"")))[:-1], "TIMESTAMP_MALFORMED"),
    "a signature shorter than it says": (der.value(der.SEQUENCE, forge()[4:-1]), "TIMESTAMP_MALFORMED"),
    "a length that is too long": (b"\x30\x83\x00" + forge()[2:], "TIMESTAMP_MALFORMED"),
    "a broken certificate": (
        forge().replace(encoded(OWN)[:5], encoded(OWN)[:4] + b"\x31"),
        "TIMESTAMP_MALFORMED",
    ),
}


@pytest.mark.parametrize(("token", "code"), REFUSED.values(), ids=REFUSED)
def test_a_forged_token_has_its_code(token, code):
    roots = (SHORT_ROOT,) if token == REFUSED["too far below its root"][0] else (ROOT,)
    assert refused(token, roots=roots) == code


def test_every_code_of_time_stamps_is_forged_here():
    codes = {code for code in FAULTS if code.startswith("TIMESTAMP_")}
    assert codes == {code for _, code in REFUSED.values()} | {
        "TIMESTAMP_BEFORE_CHECKPOINT"
    }  # test_proof_report


TOKEN = forge()


@given(st.integers(0, len(TOKEN) * 8 - 1))
def test_a_flipped_bit_is_refused_or_changes_nothing_that_is_said(bit):
    """What is not signed (versions, the list of digest algorithms, NULL parameters) may change; the stamp may not."""
    changed = bytearray(TOKEN)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        stamp = verify_timestamp(bytes(changed), DATA, [ROOT])
    except Fault:
        return
    assert stamp == verify_timestamp(TOKEN, DATA, [ROOT])


def test_few_bits_of_a_token_may_change():
    """All bytes, one bit each: what may change is counted, so that nobody forgets to check something new."""
    believed = []
    for at in range(len(TOKEN)):
        changed = bytearray(TOKEN)
        changed[at] ^= 1
        try:
            verify_timestamp(bytes(changed), DATA, [ROOT])
        except Fault:
            continue
        believed.append(at)
    assert len(believed) == 19  # two versions, the list of digest algorithms, one NULL


@given(st.binary(max_size=300))
def test_rubbish_is_no_token(data):
    assert refused(data) == "TIMESTAMP_MALFORMED"
