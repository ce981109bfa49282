"""XAdES-B and XAdES-T (ETSI EN 319 132-1), enveloped in one element that bears an Id (construction §6, recommendation 4).

Exclusive canonical form everywhere. Invariants: the signature covers its own parent, which is the only element of that
name; the certificate that verifies is the one named among the signed properties; what comes out are the digested bytes
of the element.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from lxml import etree

from gateway.codec import Unreadable
from gateway.codec.xml import Element, local
from gateway.signing import instants, timestamp
from gateway.signing.algorithms import DIGEST_SHA256, EXC_C14N, XML_DIGESTS, refusal
from gateway.signing.documents import (
    DS,
    ID_ATTRIBUTES,
    binary,
    by_id,
    canonical,
    child,
    only,
    read,
    read_plain,
    text64,
)
from gateway.signing.expectation import Expectation
from gateway.signing.findings import CannotSign, Examination, Refused, Verified, conclude
from gateway.signing.keys import SigningKey, der, subject_of
from gateway.signing.xmldsig import (
    Reference,
    Target,
    certificate_in,
    digested,
    judge_value,
    new_signature,
    references_of,
    sign_value,
    signed_info,
    take_out,
    xml_algorithm,
)

XADES = "http://uri.etsi.org/01903/v1.3.2#"
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
_SIGNATURE_ID, _REFERENCE_ID, _PROPERTIES_ID = "xades-signature", "xades-content", "xades-properties"


class Unstamped(msgspec.Struct, frozen=True, kw_only=True):
    """A signature that an authority has to stamp. ``stamped_over``: the bytes that it has to see."""

    document: bytes
    stamped_over: bytes

    def finish(self, token: bytes) -> bytes:
        """The document as XAdES-T, with the authority's ``token``."""
        root = read(self.document)
        (signature,) = root.iter(f"{{{DS}}}Signature")
        holder = signature.find(f"{{{DS}}}Object/{{{XADES}}}QualifyingProperties")
        if holder is None:
            raise CannotSign("malformed", "the signature to be stamped has no properties")
        unsigned = child(child(holder, _name("UnsignedProperties")), _name("UnsignedSignatureProperties"))
        stamp = child(unsigned, _name("SignatureTimeStamp"))
        child(stamp, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXC_C14N)
        child(stamp, _name("EncapsulatedTimeStamp"), text64(token))
        return _written(root)


def sign(body: bytes, key: SigningKey, *, element: str, now: datetime) -> bytes:
    """The document ``body`` with a XAdES-B signature as the last child of the one ``element``. Raises CannotSign."""
    return prepare(body, key, element=element, now=now).document


def prepare(body: bytes, key: SigningKey, *, element: str, now: datetime) -> Unstamped:
    """The same as ``sign``, with what an authority has to stamp for XAdES-T."""
    root = _document(body)
    target = _element(root, element)
    algorithm = xml_algorithm(key)
    uri = f"#{_id_of(target, element)}"
    content = Target(uri=uri, digested=canonical(target), enveloped=True, name=_REFERENCE_ID)
    signature = new_signature(target, Id=_SIGNATURE_ID)
    # SignedInfo and SignatureValue come first in the document, but speak of properties that come last
    holder = child(signature, f"{{{DS}}}Object")
    properties = _properties(holder, key, now)
    signed = Target(uri=f"#{_PROPERTIES_ID}", digested=canonical(properties), kind=SIGNED_PROPERTIES)
    info = signed_info(signature, algorithm, (content, signed))
    value = sign_value(signature, info, key, algorithm)
    data = child(child(signature, f"{{{DS}}}KeyInfo"), f"{{{DS}}}X509Data")
    for certificate in (key.certificate, *key.chain):
        child(data, f"{{{DS}}}X509Certificate", text64(der(certificate)))
    signature.append(holder)
    return Unstamped(document=_written(root), stamped_over=canonical(value))


def is_there(body: bytes, *, element: str) -> bool:
    """Whether the document ``body`` has ``element`` at all. Raises CannotSign for what is no document."""
    return next(_document(body).iter(element), None) is not None


def verify(body: bytes, expected: Expectation, *, element: str) -> Verified | Refused:
    """The canonical bytes of the one ``element`` that its own signature covers, or why not."""
    return conclude(lambda exam: _examine(exam, body, expected, element))


def _examine(exam: Examination, body: bytes, expected: Expectation, element: str) -> Verified:
    root = read_plain(exam, body)
    ids = by_id(exam, root)
    target = _only_one(exam, root, element)
    signature = only(exam, target, f"{{{DS}}}Signature", "unsigned")
    certificate = _certificate(exam, signature)
    properties = _signed_properties(exam, signature)
    references = references_of(exam, signature, ids)
    content = _pick(exam, references, target, local(target))
    about = _pick(exam, references, properties, "SignedProperties")
    if len(references) != 2 or not content.enveloped or about.enveloped or about.kind != SIGNED_PROPERTIES:
        exam.stop(
            "references",
            "malformed",
            "expected one of the element, enveloped, and one of its SignedProperties",
        )
    judge_value(exam, signature, certificate, expected)
    signed_at = _judge_properties(exam, properties, certificate, expected)
    stamped_at = _judge_stamp(exam, signature, expected)
    digested(exam, about)
    take_out(signature)
    return Verified(
        content=digested(exam, content),
        claims=tuple(exam.claims),
        signer=subject_of(certificate),
        signed_at=signed_at,
        stamped_at=stamped_at,
    )


def _only_one(exam: Examination, root: Element, element: str) -> Element:
    found = list(root.iter(element))
    word = etree.QName(element).localname
    if not found:
        exam.stop(word, "no_element", "it is not in the document")
    if len(found) > 1:
        exam.stop(word, "wrapped", f"it is {len(found)} times in the document, expected once")
    return found[0]


def _pick(exam: Examination, references: list[Reference], node: Element, word: str) -> Reference:
    for reference in references:
        if reference.node is node:
            return reference
    told = ", ".join(f"{each.uri} ({local(each.node)})" for each in references)[:200]
    return exam.stop(
        word, "not_covered", f"the signature covers {told}, and not the {word} that it stands in"
    )


def _signed_properties(exam: Examination, signature: Element) -> Element:
    holder = only(exam, signature, f"{{{DS}}}Object", "properties_missing")
    qualifying = only(exam, holder, _name("QualifyingProperties"), "properties_missing")
    if qualifying.get("Target") != f"#{signature.get('Id')}":
        exam.stop("properties", "properties_missing", "QualifyingProperties are about another signature")
    return only(exam, qualifying, _name("SignedProperties"), "properties_missing")


def _certificate(exam: Examination, signature: Element) -> x509.Certificate:
    info = only(exam, signature, f"{{{DS}}}KeyInfo", "certificate_unnamed")
    found = info.findall(f"{{{DS}}}X509Data/{{{DS}}}X509Certificate")
    if not found:
        exam.stop("certificate", "certificate_unnamed", "KeyInfo brings no X.509 certificate")
    return certificate_in(exam, found[0])


def _judge_properties(
    exam: Examination, properties: Element, certificate: x509.Certificate, expected: Expectation
) -> datetime | None:
    signed = only(exam, properties, _name("SignedSignatureProperties"), "properties_missing")
    named = only(exam, signed, _name("SigningCertificateV2"), "properties_missing")
    first = named.find(f"{_name('Cert')}/{_name('CertDigest')}")
    if first is None:
        exam.stop("signing certificate", "properties_missing", "SigningCertificateV2 names none")
    method = only(exam, first, f"{{{DS}}}DigestMethod", "properties_missing").get("Algorithm", "")
    if method not in XML_DIGESTS:
        exam.stop("signing certificate", *refusal(method))
    value = binary(
        exam, only(exam, first, f"{{{DS}}}DigestValue", "properties_missing"), "signing certificate"
    )
    same = hashlib.new(XML_DIGESTS[method], der(certificate)).digest() == value
    told = "the one in KeyInfo" if same else "another than the one in KeyInfo"
    exam.note("signing certificate", same, "certificate_swapped", told)
    signed_at = instants.read(only(exam, signed, _name("SigningTime"), "time_missing").text)
    instants.judge(exam, signed_at, None, expected)
    return signed_at


def _judge_stamp(exam: Examination, signature: Element, expected: Expectation) -> datetime | None:
    path = "/".join(
        (
            f"{{{DS}}}Object",
            *map(
                _name,
                (
                    "QualifyingProperties",
                    "UnsignedProperties",
                    "UnsignedSignatureProperties",
                    "SignatureTimeStamp",
                    "EncapsulatedTimeStamp",
                ),
            ),
        )
    )
    stamps = signature.findall(path)
    if not stamps:
        if expected.timestamped:
            exam.note("time stamp", holds=False, code="timestamp_missing", found="XAdES-T is asked for")
        return None
    if not (expected.timestamped or expected.authorities):
        return None  # nobody is named whose word on the time would count
    value = only(exam, signature, f"{{{DS}}}SignatureValue", "malformed")
    token = binary(exam, stamps[0], "time stamp")
    latest = expected.now + timedelta(seconds=expected.skew)
    return timestamp.judge(exam, token, canonical(value), expected.authorities, latest)


def _properties(holder: Element, key: SigningKey, now: datetime) -> Element:
    qualifying = etree.SubElement(
        holder, _name("QualifyingProperties"), {"Target": f"#{_SIGNATURE_ID}"}, nsmap={"xades": XADES}
    )
    properties = child(qualifying, _name("SignedProperties"), Id=_PROPERTIES_ID)
    signed = child(properties, _name("SignedSignatureProperties"))
    child(signed, _name("SigningTime"), instants.written(now))
    digest = child(child(child(signed, _name("SigningCertificateV2")), _name("Cert")), _name("CertDigest"))
    child(digest, f"{{{DS}}}DigestMethod", Algorithm=DIGEST_SHA256)
    child(digest, f"{{{DS}}}DigestValue", text64(hashlib.sha256(der(key.certificate)).digest()))
    data = child(properties, _name("SignedDataObjectProperties"))
    form = child(data, _name("DataObjectFormat"), ObjectReference=f"#{_REFERENCE_ID}")
    child(form, _name("MimeType"), "text/xml")
    return properties


def _document(body: bytes) -> Element:
    try:
        return read(body)
    except Unreadable as fault:
        raise CannotSign("not_xml", f"what is to be signed is no XML: {fault}") from fault


def _element(root: Element, element: str) -> Element:
    found = list(root.iter(element))
    if len(found) != 1:
        raise CannotSign("no_element", f"{element} is {len(found)} times in the document, expected once")
    if found[0].find(f"{{{DS}}}Signature") is not None:
        raise CannotSign("signed_already", f"{element} bears a signature already")
    return found[0]


def _id_of(target: Element, element: str) -> str:
    for name in ID_ATTRIBUTES:
        if value := target.get(name):
            return value
    raise CannotSign("no_id", f"{element} has no Id by which a signature could refer to it")


def _name(word: str) -> str:
    return f"{{{XADES}}}{word}"


def _written(root: Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
