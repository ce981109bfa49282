"""XAdES-B and -T: strangers verify ours, time stamps are of a pinned authority, forgeries are refused."""

import base64
import copy
from datetime import timedelta

import pytest
from lxml import etree

from gateway.port import WireResponse
from gateway.signing import timestamp, xades
from gateway.signing.authority import TimestampAuthority
from gateway.signing.findings import CannotSign
from tests.unit.signing_world import (
    DOSSIER,
    DS,
    NOW,
    bad,
    der64,
    edited,
    expecting,
    good,
    message,
    one,
    private,
    python_xmlsec,
    signing_key,
    timestamp_certificate,
    xmlsec1,
)

KEY = signing_key()
AREA = "{urn:example:permit}Area"
XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
SIGNATURE = f"{DS}Signature"


def signed():
    return xades.sign(message(), KEY, element=DOSSIER, now=NOW)


def verify(document, key=KEY, **changes):
    return xades.verify(document, expecting(key, **changes), element=DOSSIER)


def stamped(at=NOW + timedelta(seconds=5), kind="rsa"):
    root, own = timestamp_certificate(private(kind, 91))
    unstamped = xades.prepare(message(), KEY, element=DOSSIER, now=NOW)
    question = timestamp.question("https://tsa.example/", unstamped.stamped_over)
    answer = TimestampAuthority(private(kind, 91), own).answer(question.body, at)
    return root, unstamped.finish(timestamp.token_of(WireResponse(status=200, body=answer)))


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521"])
def test_what_is_signed_here_verifies_here_and_with_xmlsec1(tmp_path, kind):
    key = signing_key(kind)
    document = xades.sign(message(), key, element=DOSSIER, now=NOW)

    found = good(verify(document, key))

    assert found.signed_at == NOW
    assert found.stamped_at is None
    assert found.content == etree.tostring(
        one(etree.fromstring(message()), DOSSIER), method="c14n", exclusive=True
    )
    assert xmlsec1(tmp_path, document, key.public, "Dossier", "SignedProperties")
    changed = document.replace(b"125.50", b"925.50")
    assert not xmlsec1(tmp_path, changed, key.public, "Dossier", "SignedProperties")


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_signxml_verifies_what_is_signed_here(kind):
    from signxml.xades import XAdESVerifier

    key = signing_key(kind)
    document = xades.sign(message(), key, element=DOSSIER, now=NOW)

    found = XAdESVerifier().verify(etree.fromstring(document), x509_cert=key.certificate, expect_references=2)

    assert {each.signed_xml.tag for each in found} == {DOSSIER, f"{XADES}SignedProperties"}


def test_python_xmlsec_verifies_what_is_signed_here():
    xmlsec = python_xmlsec()
    root = etree.fromstring(signed())
    for name in (DOSSIER, f"{XADES}SignedProperties"):
        xmlsec.tree.add_ids(one(root, name), ["Id"])
    context = xmlsec.SignatureContext()
    from tests.unit.signing_world import pem

    context.key = xmlsec.Key.from_memory(pem(KEY.certificate), xmlsec.constants.KeyDataFormatCertPem, None)

    context.verify(one(root, SIGNATURE))


def test_what_signxml_signs_verifies_here_only_in_our_canonical_form():
    """The XAdES signer of signxml is sound with canonical XML 1.1 only, which we do not take: refused, and told why."""
    from cryptography.hazmat.primitives import serialization
    from signxml.xades import XAdESSigner

    from tests.unit.signing_world import pem

    key = private("p256").private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    dossier = one(etree.fromstring(message()), DOSSIER)
    made = XAdESSigner(signature_algorithm="ecdsa-sha256").sign(
        dossier, key=key, cert=pem(KEY.certificate).decode(), reference_uri="#dossier-1"
    )

    assert verify(etree.tostring(made)).code in {"transform_refused", "canonical_form_refused", "malformed"}


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_a_time_stamp_of_a_pinned_authority_makes_it_t(tmp_path, kind):
    root, document = stamped(kind=kind)

    found = good(verify(document, authorities=(root,), timestamped=True, now=NOW + timedelta(minutes=1)))

    assert found.stamped_at == (NOW + timedelta(seconds=5)).replace(microsecond=0)
    assert xmlsec1(tmp_path, document, KEY.public, "Dossier", "SignedProperties")


def test_a_time_stamp_that_is_asked_for_and_missing_is_refused():
    root, _ = stamped()

    bad(verify(signed(), authorities=(root,), timestamped=True), "timestamp_missing")


def test_a_time_stamp_of_a_stranger_is_refused():
    _, document = stamped()
    from tests.unit.signing_world import certificate

    stranger = certificate(private("p256", 92), name="Gốc lạ")

    bad(verify(document, authorities=(stranger,), now=NOW + timedelta(minutes=1)), "timestamp_untrusted")


def test_a_time_stamp_of_another_signature_is_refused():
    root, document = stamped()
    token = one(etree.fromstring(document), f"{XADES}EncapsulatedTimeStamp").text
    other = xades.prepare(message(value="Người khác"), KEY, element=DOSSIER, now=NOW)

    found = verify(other.finish(base64.b64decode(token)), authorities=(root,), now=NOW + timedelta(minutes=1))

    bad(found, "timestamp_of_other_data")


def test_a_time_stamp_of_tomorrow_is_refused():
    root, document = stamped(at=NOW + timedelta(days=1))

    bad(verify(document, authorities=(root,)), "timestamp_in_future")


def test_an_authority_whose_clock_is_a_little_ahead_is_believed():
    root, document = stamped(at=NOW + timedelta(seconds=59))

    good(verify(document, authorities=(root,)))
    bad(verify(document, authorities=(root,), skew=30.0), "timestamp_in_future")


def test_a_time_stamp_that_is_none_is_refused():
    root, _ = stamped()
    unstamped = xades.prepare(message(), KEY, element=DOSSIER, now=NOW)

    bad(verify(unstamped.finish(b"0"), authorities=(root,)), "timestamp_unreadable")


# --- forgeries


def changed(root):
    one(root, AREA).text = "1"


def reordered(root):
    dossier = one(root, DOSSIER)
    dossier.insert(0, dossier[1])


def stripped(root):
    one(root, DOSSIER).remove(one(root, SIGNATURE))


def moved(root):
    root[0].append(one(root, SIGNATURE))


def moved_deeper(root):
    one(root, AREA).append(one(root, SIGNATURE))


def wrapped(root):
    """The signed dossier is put away, another stands in its place and bears its signature."""
    dossier = one(root, DOSSIER)
    forged = copy.deepcopy(dossier)
    forged.set("Id", "another")
    one(forged, AREA).text = "1"
    parent = dossier.getparent()
    parent.replace(dossier, forged)
    dossier.remove(dossier.find(SIGNATURE))
    etree.SubElement(root, "{urn:evil}Attic").append(dossier)


def wrapped_under_another_name(root):
    dossier = one(root, DOSSIER)
    forged = copy.deepcopy(dossier)
    forged.set("Id", "another")
    one(forged, AREA).text = "1"
    dossier.getparent().replace(dossier, forged)
    dossier.remove(dossier.find(SIGNATURE))
    attic = etree.SubElement(root, "{urn:evil}Attic", Id="dossier-1")
    attic.extend(dossier)


def duplicate_id(root):
    etree.SubElement(root, "{urn:evil}Twin", Id="dossier-1")


def certificate_swapped(root):
    one(root, f"{DS}X509Certificate").text = der64(signing_key("p256", 1).certificate)


def time_changed(root):
    one(root, f"{XADES}SigningTime").text = "2026-11-26T02:01:00Z"


def properties_stripped(root):
    one(root, SIGNATURE).remove(one(root, f"{DS}Object"))


def properties_not_covered(root):
    info = one(root, f"{DS}SignedInfo")
    info.remove(info.findall(f"{DS}Reference")[1])


def content_not_covered(root):
    info = one(root, f"{DS}SignedInfo")
    info.remove(info.findall(f"{DS}Reference")[0])


def kind_dropped(root):
    del one(root, f"{DS}SignedInfo").findall(f"{DS}Reference")[1].attrib["Type"]


def not_enveloped(root):
    transforms = one(root, f"{DS}SignedInfo").find(f"{DS}Reference/{DS}Transforms")
    transforms.remove(transforms[0])


def weak(root):
    one(root, f"{DS}SignatureMethod").set("Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1")


def weak_certificate_digest(root):
    one(root, f"{XADES}CertDigest")[0].set("Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1")


def of_another_signature(root):
    one(root, f"{XADES}QualifyingProperties").set("Target", "#other")


def comment(root):
    one(root, AREA).append(etree.Comment("0"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (changed, "digest_mismatch"),
        (reordered, "digest_mismatch"),
        (stripped, "unsigned"),
        (moved, "unsigned"),
        (moved_deeper, "unsigned"),
        (wrapped, "wrapped"),
        (wrapped_under_another_name, "not_covered"),
        (duplicate_id, "duplicate_id"),
        (certificate_swapped, "untrusted_certificate"),
        (time_changed, "digest_mismatch"),
        (properties_stripped, "properties_missing"),
        (properties_not_covered, "not_covered"),
        (content_not_covered, "not_covered"),
        (kind_dropped, "malformed"),
        (not_enveloped, "malformed"),
        (weak, "weak_algorithm"),
        (weak_certificate_digest, "weak_algorithm"),
        (of_another_signature, "properties_missing"),
        (comment, "comment"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_forged_document_is_refused_for_its_own_reason(change, code):
    genuine = signed()
    good(verify(genuine))

    bad(verify(edited(genuine, change)), code)


def test_document_type_is_refused():
    bad(verify(signed().replace(b"<soap:Envelope", b"<!DOCTYPE x><soap:Envelope", 1)), "document_type")


def test_an_old_signature_is_refused():
    bad(verify(signed(), now=NOW + timedelta(hours=1)), "expired")


def test_a_swapped_certificate_of_the_same_key_is_seen():
    """The key verifies, but the signed properties name another certificate."""
    from tests.unit.signing_world import certificate

    twin = certificate(private("p256"), name="Người khác, cùng khoá")
    document = edited(signed(), lambda root: setattr(one(root, f"{DS}X509Certificate"), "text", der64(twin)))
    expected = expecting(KEY)
    import msgspec

    both = msgspec.structs.replace(expected, trusted=(*expected.trusted, twin))

    bad(xades.verify(document, both, element=DOSSIER), "certificate_swapped")


@pytest.mark.parametrize(
    ("body", "element", "code"),
    [
        (b"no xml", DOSSIER, "not_xml"),
        (message(), "{urn:example:permit}Absent", "no_element"),
        (message(), AREA, "no_id"),
        (signed(), DOSSIER, "signed_already"),
        (message().replace(b"</p:Submit>", b'<p:Dossier Id="b"/></p:Submit>'), DOSSIER, "no_element"),
    ],
    ids=["junk", "absent", "without-id", "signed", "twice"],
)
def test_what_cannot_be_signed_is_told(body, element, code):
    with pytest.raises(CannotSign) as refused:
        xades.sign(body, KEY, element=element, now=NOW)

    assert refused.value.code == code
