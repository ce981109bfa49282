"""WS-Security with an X.509 token: strangers verify ours, and every forgery is refused for its own reason."""

import base64
import copy
from datetime import timedelta

import pytest
from lxml import etree

from gateway.signing import wsse
from gateway.signing.findings import CannotSign
from tests.unit.signing_world import (
    DOSSIER,
    DS,
    NOW,
    SOAP11,
    SOAP12,
    WSU_ID,
    bad,
    certificate,
    der64,
    edited,
    expecting,
    good,
    message,
    one,
    openssl,
    pem,
    private,
    python_xmlsec,
    signing_key,
    xmlsec1,
)

WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
BODY, HEADER, SECURITY = f"{{{SOAP11}}}Body", f"{{{SOAP11}}}Header", f"{WSSE}Security"
KEY = signing_key()


def signed(**changes):
    return wsse.sign(message(**changes), KEY, now=NOW)


def verify(document, **changes):
    return wsse.verify(document, expecting(KEY, **changes))


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521"])
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_what_is_signed_here_verifies_here(kind, soap):
    key = signing_key(kind)

    found = good(wsse.verify(wsse.sign(message(soap), key, now=NOW), expecting(key)))

    assert found.signed_at == NOW
    assert found.signer.endswith("H99")
    assert all(claim.holds for claim in found.claims)


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521"])
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_xmlsec1_verifies_what_is_signed_here(tmp_path, kind, soap):
    key = signing_key(kind)
    document = wsse.sign(message(soap, header="<soap:Header/>"), key, now=NOW)
    parts = ("Body", "Timestamp", "BinarySecurityToken")

    assert xmlsec1(tmp_path, document, key.public, *parts)
    assert not xmlsec1(tmp_path, document.replace(b"125.50", b"925.50"), key.public, *parts)


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_openssl_verifies_the_signature_value(tmp_path, kind):
    key = signing_key(kind)
    root = etree.fromstring(wsse.sign(message(), key, now=NOW))
    value = base64.b64decode(one(root, f"{DS}SignatureValue").text)
    if kind == "p256":  # XML has two numbers side by side, openssl wants them in DER
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        value = encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))
    (tmp_path / "key").write_bytes(pem(key.public))
    (tmp_path / "value").write_bytes(value)
    info = etree.tostring(one(root, f"{DS}SignedInfo"), method="c14n", exclusive=True)
    words = ("dgst", "-sha256", "-verify", tmp_path / "key", "-signature", tmp_path / "value")

    assert openssl(*words, stdin=info)[0] == 0
    assert openssl(*words, stdin=info + b" ")[0] != 0


def test_python_xmlsec_verifies_what_is_signed_here():
    xmlsec = python_xmlsec()
    root = etree.fromstring(signed())
    for name in (BODY, f"{WSU}Timestamp", f"{WSSE}BinarySecurityToken"):
        xmlsec.tree.add_ids(one(root, name), ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pem(KEY.certificate), xmlsec.constants.KeyDataFormatCertPem, None)

    context.verify(one(root, f"{DS}Signature"))

    one(root, f"{{{DOSSIER[1:].partition('}')[0]}}}Area").text = "1"
    with pytest.raises(xmlsec.Error):
        context.verify(one(root, f"{DS}Signature"))


def test_only_the_body_comes_out():
    found = good(verify(signed(header="<soap:Header><p:Unsigned/></soap:Header>")))

    root = etree.fromstring(found.content)
    assert [child.tag for child in root] == [BODY]
    assert one(root, DOSSIER).get("kind") == "new"
    assert one(root, "{urn:example:permit}Owner").text == "Nguyễn Văn Thử & con"


def test_the_same_message_and_time_are_the_same_bytes_with_rsa():
    key = signing_key("rsa")

    assert wsse.sign(message(), key, now=NOW) == wsse.sign(message(), key, now=NOW)


def test_zeep_verifies_what_is_signed_here_and_is_verified(tmp_path):
    from zeep.wsse import signature as zeep_signature

    xmlsec = python_xmlsec()
    from cryptography.hazmat.primitives import serialization

    key = signing_key("rsa")
    written = private("rsa").private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(written)
    (tmp_path / "certificate.pem").write_bytes(pem(key.certificate))
    plugin = zeep_signature.BinarySignature(
        str(tmp_path / "key.pem"),
        str(tmp_path / "certificate.pem"),
        signature_method=xmlsec.Transform.RSA_SHA256,
        digest_method=xmlsec.Transform.SHA256,
    )
    made = etree.fromstring(message(header=_zeep_header()))
    plugin.apply(made, {})

    good(wsse.verify(etree.tostring(made), expecting(key)))
    zeep_signature._verify_envelope_with_key(
        etree.fromstring(wsse.sign(message(), key, now=NOW)),
        xmlsec.Key.from_memory(pem(key.certificate), xmlsec.constants.KeyDataFormatCertPem, None),
    )


def _zeep_header():
    begins, ends = (f"{NOW + timedelta(seconds=each):%Y-%m-%dT%H:%M:%SZ}" for each in (0, 300))
    return (
        f'<soap:Header><w:Security xmlns:w="{WSSE[1:-1]}" xmlns:u="{WSU[1:-1]}"><u:Timestamp>'
        f"<u:Created>{begins}</u:Created><u:Expires>{ends}</u:Expires></u:Timestamp></w:Security></soap:Header>"
    )


def test_inclusive_namespaces_of_other_signers_are_honoured(tmp_path):
    """WSS4J lists prefixes that count as used; xmlsec1 is the judge of what that means."""
    document = _with_inclusive_namespaces(["soap", "p"])
    parts = ("Body", "Timestamp", "BinarySecurityToken")

    good(verify(document))
    assert xmlsec1(tmp_path, document, KEY.public, *parts)


def test_the_default_prefix_in_a_list_is_refused_rather_than_misread():
    bad(verify(_with_inclusive_namespaces(["#default"])), "canonical_form_refused")


def _with_inclusive_namespaces(prefixes):
    """Our own message, its Body digested with a PrefixList, and signed again."""
    import hashlib

    from gateway.signing import documents, xmldsig

    root = etree.fromstring(signed())
    body = one(root, BODY)
    reference = one(root, f"{DS}SignedInfo").find(f"{DS}Reference")
    transform = reference.find(f"{DS}Transforms/{DS}Transform")
    etree.SubElement(transform, f"{{{documents.EC}}}InclusiveNamespaces", PrefixList=" ".join(prefixes))
    digest = hashlib.sha256(documents.canonical(body, prefixes)).digest()
    reference.find(f"{DS}DigestValue").text = base64.b64encode(digest).decode()
    signature = one(root, f"{DS}Signature")
    signature.remove(one(root, f"{DS}SignatureValue"))
    value = xmldsig.sign_value(signature, one(root, f"{DS}SignedInfo"), KEY, KEY.algorithm("xml"))
    signature.insert(1, value)
    return etree.tostring(root)


@pytest.mark.parametrize(
    "body", [b"no xml", b"<a/>", b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"/>']
)
def test_what_is_no_envelope_is_not_signed(body):
    with pytest.raises(CannotSign) as refused:
        wsse.sign(body, KEY, now=NOW)

    assert refused.value.code == "not_soap"


def test_a_signed_message_is_not_signed_again():
    with pytest.raises(CannotSign, match="already"):
        wsse.sign(signed(), KEY, now=NOW)


def test_a_key_that_xml_has_no_name_for_does_not_sign():
    with pytest.raises(CannotSign, match="RSA or ECDSA"):
        wsse.sign(message(), signing_key("ed25519"), now=NOW)


# --- forgeries: what an attacker may do to a message that was signed, and why it is refused


def forged_body(root):
    forged = copy.deepcopy(one(root, BODY))
    forged.set(WSU_ID, "another")
    one(forged, DOSSIER).attrib.pop("Id")
    one(forged, "{urn:example:permit}Area").text = "999"
    return forged


def wrapped(root):
    """The signed Body goes into a header; a Body of the attacker's own takes its place."""
    body, forged = one(root, BODY), forged_body(root)
    root.replace(body, forged)
    etree.SubElement(one(root, HEADER), "{urn:evil}Wrapper").append(body)


def wrapped_as_header(root):
    """The same, the signed Body a direct child of the header."""
    body = one(root, BODY)
    root.replace(body, forged_body(root))
    one(root, HEADER).append(body)


def wrapped_beside(root):
    body = one(root, BODY)
    root.replace(body, forged_body(root))
    etree.SubElement(root, "{urn:evil}Attic").append(body)


def two_bodies(root):
    root.append(forged_body(root))


def duplicate_ids(root):
    etree.SubElement(one(root, HEADER), "{urn:evil}Twin").set(WSU_ID, "signed-body")


def duplicate_ids_of_another_kind(root):
    etree.SubElement(one(root, HEADER), "{urn:evil}Twin").set("ID", "signed-body")


def two_ids_on_one(root):
    one(root, BODY).set("Id", "second")


def stripped(root):
    one(root, HEADER).remove(one(root, SECURITY))


def signature_stripped(root):
    one(root, SECURITY).remove(one(root, f"{DS}Signature"))


def header_stripped(root):
    root.remove(one(root, HEADER))


def timestamp_stripped(root):
    one(root, SECURITY).remove(one(root, f"{WSU}Timestamp"))


def moved(root):
    """The signature leaves its Security header."""
    one(root, HEADER).append(one(root, f"{DS}Signature"))


def moved_into_the_body(root):
    one(root, DOSSIER).append(one(root, f"{DS}Signature"))


def reordered(root):
    """Two elements change places, every text stays."""
    dossier = one(root, DOSSIER)
    dossier.append(dossier[0])


def changed(root):
    one(root, "{urn:example:permit}Area").text = "925.50"


def attribute_changed(root):
    one(root, DOSSIER).set("kind", "renewal")


def time_changed(root):
    one(root, f"{WSU}Expires").text = "2026-11-26T12:00:00.000Z"


def weak_signature(root):
    one(root, f"{DS}SignatureMethod").set("Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1")


def shared_secret(root):
    one(root, f"{DS}SignatureMethod").set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")


def no_algorithm(root):
    one(root, f"{DS}SignatureMethod").set("Algorithm", "none")


def md5(root):
    one(root, f"{DS}SignatureMethod").set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5")


def unknown_algorithm(root):
    one(root, f"{DS}SignatureMethod").set("Algorithm", "urn:evil:best")


def weak_digest(root):
    one(root, f"{DS}SignedInfo").find(f"{DS}Reference/{DS}DigestMethod").set(
        "Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1"
    )


def rsa_for_ecdsa(root):
    one(root, f"{DS}SignatureMethod").set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")


def other_canonical_form(root):
    one(root, f"{DS}CanonicalizationMethod").set(
        "Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    )


def xslt(root):
    one(root, f"{DS}SignedInfo").find(f"{DS}Reference/{DS}Transforms/{DS}Transform").set(
        "Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116"
    )


def no_transforms(root):
    reference = one(root, f"{DS}SignedInfo").find(f"{DS}Reference")
    reference.remove(reference.find(f"{DS}Transforms"))


def body_not_covered(root):
    info = one(root, f"{DS}SignedInfo")
    info.remove(info.find(f"{DS}Reference"))


def timestamp_not_covered(root):
    info = one(root, f"{DS}SignedInfo")
    info.remove(info.findall(f"{DS}Reference")[1])


def nothing_covered(root):
    info = one(root, f"{DS}SignedInfo")
    for reference in info.findall(f"{DS}Reference"):
        info.remove(reference)


def external_reference(root):
    one(root, f"{DS}SignedInfo").find(f"{DS}Reference").set("URI", "file:///etc/hostname")


def whole_document(root):
    one(root, f"{DS}SignedInfo").find(f"{DS}Reference").set("URI", "")


def pointer(root):
    one(root, f"{DS}SignedInfo").find(f"{DS}Reference").set("URI", "#xpointer(id('signed-body'))")


def xpath_transform(root):
    one(root, f"{DS}SignedInfo").find(f"{DS}Reference/{DS}Transforms/{DS}Transform").set(
        "Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116"
    )


def one_more_transform(root):
    transforms = one(root, f"{DS}SignedInfo").find(f"{DS}Reference/{DS}Transforms")
    etree.SubElement(transforms, f"{DS}Transform", Algorithm="http://www.w3.org/2000/09/xmldsig#base64")


def id_of_another_namespace(root):
    """A Body whose own Id nobody resolves, and the signed one elsewhere."""
    body, forged = one(root, BODY), forged_body(root)
    forged.attrib.pop(WSU_ID)
    forged.set("{urn:evil}Id", "signed-body")
    root.replace(body, forged)
    etree.SubElement(one(root, HEADER), "{urn:evil}Wrapper").append(body)


def old_timestamp_put_away(root):
    """The signed Timestamp goes into the header, one that is always young takes its place."""
    timestamp = one(root, f"{WSU}Timestamp")
    forged = copy.deepcopy(timestamp)
    forged.set(WSU_ID, "another")
    timestamp.getparent().replace(timestamp, forged)
    one(root, HEADER).append(timestamp)


def two_timestamps(root):
    timestamp = one(root, f"{WSU}Timestamp")
    forged = copy.deepcopy(timestamp)
    forged.set(WSU_ID, "another")
    timestamp.addprevious(forged)


def body_of_the_other_version(root):
    body = one(root, BODY)
    forged = forged_body(root)
    forged.tag = f"{{{SOAP12}}}Body"
    body.addprevious(forged)


def second_header(root):
    root.append(copy.deepcopy(one(root, HEADER)))


def token_of_another_header(root):
    one(root, HEADER).append(one(root, f"{WSSE}BinarySecurityToken"))


def two_signatures(root):
    one(root, SECURITY).append(copy.deepcopy(one(root, f"{DS}Signature")))


def two_security_headers(root):
    one(root, HEADER).append(etree.Element(SECURITY))


def signature_value_cut(root):
    value = one(root, f"{DS}SignatureValue")
    value.text = base64.b64encode(base64.b64decode(value.text)[:-1]).decode()


def signature_value_no_base64(root):
    one(root, f"{DS}SignatureValue").text = "%%%"


def other_certificate(root):
    one(root, f"{WSSE}BinarySecurityToken").text = der64(signing_key("p256", 1).certificate)


def no_certificate(root):
    one(root, f"{WSSE}BinarySecurityToken").text = base64.b64encode(b"nothing").decode()


def key_info_elsewhere(root):
    one(root, f"{WSSE}Reference").set("URI", "#signed-body")


def comment_in_a_value(root):
    area = one(root, "{urn:example:permit}Area")
    area.text = "125"
    area.append(etree.Comment(" "))
    area[0].tail = ".50"


def instruction_in_a_value(root):
    one(root, "{urn:example:permit}Area").append(etree.ProcessingInstruction("x", "y"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (wrapped, "wrapped"),
        (wrapped_as_header, "not_covered"),
        (wrapped_beside, "wrapped"),
        (two_bodies, "repeated"),
        (duplicate_ids, "duplicate_id"),
        (duplicate_ids_of_another_kind, "duplicate_id"),
        (two_ids_on_one, "duplicate_id"),
        (stripped, "unsigned"),
        (signature_stripped, "unsigned"),
        (header_stripped, "unsigned"),
        (timestamp_stripped, "no_timestamp"),
        (moved, "unsigned"),
        (moved_into_the_body, "unsigned"),
        (reordered, "digest_mismatch"),
        (changed, "digest_mismatch"),
        (attribute_changed, "digest_mismatch"),
        (time_changed, "digest_mismatch"),
        (weak_signature, "weak_algorithm"),
        (md5, "weak_algorithm"),
        (weak_digest, "weak_algorithm"),
        (shared_secret, "shared_secret"),
        (no_algorithm, "no_algorithm"),
        (unknown_algorithm, "unknown_algorithm"),
        (rsa_for_ecdsa, "key_mismatch"),
        (other_canonical_form, "canonical_form_refused"),
        (xslt, "transform_refused"),
        (no_transforms, "transform_refused"),
        (body_not_covered, "not_covered"),
        (timestamp_not_covered, "not_covered"),
        (nothing_covered, "malformed"),
        (external_reference, "reference_unresolved"),
        (whole_document, "reference_unresolved"),
        (pointer, "reference_unresolved"),
        (xpath_transform, "transform_refused"),
        (one_more_transform, "transform_refused"),
        (id_of_another_namespace, "wrapped"),
        (old_timestamp_put_away, "not_covered"),
        (two_timestamps, "repeated"),
        (body_of_the_other_version, "wrapped"),
        (second_header, "duplicate_id"),
        (token_of_another_header, "certificate_unnamed"),
        (two_signatures, "repeated"),
        (two_security_headers, "repeated"),
        (signature_value_cut, "signature_invalid"),
        (signature_value_no_base64, "not_base64"),
        (other_certificate, "untrusted_certificate"),
        (no_certificate, "certificate_unreadable"),
        (key_info_elsewhere, "certificate_unnamed"),
        (comment_in_a_value, "comment"),
        (instruction_in_a_value, "instruction"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_forged_message_is_refused_for_its_own_reason(change, code):
    genuine = signed(header="<soap:Header><p:Trace/></soap:Header>")
    good(verify(genuine))

    refused = bad(verify(edited(genuine, change)), code)

    assert refused.reason
    assert not refused.claims[-1].holds or any(not claim.holds for claim in refused.claims)


def test_document_type_is_refused_before_anything_else():
    document = signed().replace(b"<soap:Envelope", b'<!DOCTYPE x [<!ENTITY a "b">]><soap:Envelope', 1)

    bad(verify(document), "document_type")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda it: it.replace(b"125.50", b"&area;"), "not_xml"),
        (
            lambda it: b'<!DOCTYPE x [<!ENTITY area "125.50">]>' + it.replace(b"125.50", b"&area;"),
            "document_type",
        ),
        (lambda it: it.replace(b"125.50", b"<![CDATA[925.50]]>"), "digest_mismatch"),
        (lambda it: it.replace(b"125.50", b"&#49;25.5&#48;0"), "digest_mismatch"),
        (lambda it: it.replace(b'"UTF-8"', b'"UTF-7"').replace(b"'UTF-8'", b"'UTF-7'"), "not_utf8"),
        (lambda it: it.decode().replace("UTF-8", "UTF-16").encode("utf-16"), "not_utf8"),
    ],
)
def test_another_way_of_writing_it_is_refused(damage, code):
    genuine = signed()
    good(verify(genuine))
    body = damage(
        genuine.removeprefix(b"<?xml version='1.0' encoding='UTF-8'?>\n")
        if code == "document_type"
        else genuine
    )

    bad(verify(body), code)


@pytest.mark.parametrize("junk", [b"", b"\x00\xff", b"<a>", b"{}", b"<a/>", b"<html><body/></html>"])
def test_junk_is_refused(junk):
    assert verify(junk).code in {"not_xml", "not_soap", "not_utf8"}


def test_another_key_under_the_same_name_is_refused():
    forged = wsse.sign(message(), signing_key("p256", 1), now=NOW)

    refused = bad(verify(forged), "untrusted_certificate")

    assert [claim.subject for claim in refused.claims if not claim.holds] == ["certificate"]


@pytest.mark.parametrize(
    ("seconds", "code"), [(-61, "created_in_future"), (301 + 60, "expired"), (90_000, "expired")]
)
def test_message_out_of_its_time_is_refused_and_in_time_taken(seconds, code):
    bad(verify(signed(), now=NOW + timedelta(seconds=seconds)), code)
    good(verify(signed(), now=NOW + timedelta(seconds=299)))


def test_a_long_life_that_the_message_claims_for_itself_is_not_believed():
    document = wsse.sign(message(), KEY, now=NOW, lifetime=90_000)

    bad(verify(document, now=NOW + timedelta(seconds=1000)), "expired")


def test_a_certificate_out_of_its_time_is_refused():
    from gateway.signing.keys import local_key

    key = private("p256", 7)
    short = local_key("short", key, certificate(key, ends=NOW + timedelta(seconds=10)))
    document = wsse.sign(message(), short, now=NOW)

    good(wsse.verify(document, expecting(short)))
    bad(wsse.verify(document, expecting(short, now=NOW + timedelta(seconds=11))), "certificate_expired")
    bad(wsse.verify(document, expecting(short, now=NOW - timedelta(days=31))), "certificate_not_yet_valid")


@pytest.mark.parametrize("kind", ["rsa1024", "secp256k1"])
def test_a_weak_key_is_refused_even_when_it_is_pinned(kind):
    key = private(kind)
    weak = certificate(key)
    document = edited(
        signed(), lambda root: setattr(one(root, f"{WSSE}BinarySecurityToken"), "text", der64(weak))
    )
    from gateway.signing.expectation import Expectation

    refused = wsse.verify(document, Expectation(trusted=(weak,), now=NOW))

    bad(refused, "weak_key")


def test_every_claim_that_fails_is_told():
    """Changed, late and by another key: all three are there, the first names the refusal."""
    document = wsse.sign(message(), signing_key("p256", 1), now=NOW).replace(b"125.50", b"925.50")

    refused = bad(verify(document, now=NOW + timedelta(hours=1)), "untrusted_certificate")

    failed = {claim.code for claim in refused.claims if not claim.holds}
    assert failed == {"untrusted_certificate", "digest_mismatch", "expired"}
    digest = next(claim for claim in refused.claims if claim.code == "digest_mismatch" and not claim.holds)
    assert digest.subject == "reference #signed-body (Body)"
    assert "signed was" in digest.found
