"""The core of an XML signature (W3C xmldsig-core1): making SignedInfo, judging references and the signature value.

Only exclusive canonical form, only references by Id inside the document, no transform but the enveloped one. Invariant:
what is returned as signed are the very bytes that were digested, with the node that they were taken from.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

import msgspec
from cryptography import x509
from lxml import etree

from gateway.codec.xml import Element, local
from gateway.signing.algorithms import (
    BY_XML,
    DIGEST_SHA256,
    ENVELOPED,
    EXC_C14N,
    XML_DIGESTS,
    Algorithm,
    judge_key,
    refusal,
    verifies,
)
from gateway.signing.documents import DS, EC, binary, canonical, child, only, text64
from gateway.signing.expectation import Expectation
from gateway.signing.findings import CannotSign, Examination
from gateway.signing.keys import SigningKey, judge_certificate, readable

_SHOWN = 120


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a reference to be made points at. ``digested``: its canonical bytes."""

    uri: str
    digested: bytes
    enveloped: bool = False
    name: str = ""
    kind: str = ""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A reference that was found. ``inclusive``: prefixes of InclusiveNamespaces."""

    uri: str
    node: Element
    digest: str
    expected: bytes
    enveloped: bool
    inclusive: list[str]
    kind: str


def xml_algorithm(key: SigningKey) -> Algorithm:
    """What ``key`` signs XML with. CannotSign for a key that XML signatures have no name for."""
    try:
        return key.algorithm("xml")
    except KeyError:
        raise CannotSign("key_unsuitable", f"key {key.name}: XML signatures need RSA or ECDSA") from None


def signed_info(signature: Element, algorithm: Algorithm, targets: Sequence[Target]) -> Element:
    """SignedInfo over ``targets``, as a new child of ``signature``."""
    info = child(signature, f"{{{DS}}}SignedInfo")
    child(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXC_C14N)
    child(info, f"{{{DS}}}SignatureMethod", Algorithm=algorithm.xml)
    for target in targets:
        reference = child(info, f"{{{DS}}}Reference")
        for name, value in (("Id", target.name), ("Type", target.kind), ("URI", target.uri)):
            if value:
                reference.set(name, value)
        transforms = child(reference, f"{{{DS}}}Transforms")
        if target.enveloped:
            child(transforms, f"{{{DS}}}Transform", Algorithm=ENVELOPED)
        child(transforms, f"{{{DS}}}Transform", Algorithm=EXC_C14N)
        child(reference, f"{{{DS}}}DigestMethod", Algorithm=DIGEST_SHA256)
        child(reference, f"{{{DS}}}DigestValue", text64(hashlib.sha256(target.digested).digest()))
    return info


def sign_value(signature: Element, info: Element, key: SigningKey, algorithm: Algorithm) -> Element:
    """SignatureValue over ``info``, as a new child of ``signature``."""
    value = child(signature, f"{{{DS}}}SignatureValue")
    value.text = text64(key.sign(algorithm, canonical(info)))
    return value


def references_of(exam: Examination, signature: Element, ids: Mapping[str, Element]) -> list[Reference]:
    """Every reference of ``signature``, resolved by Id, its transforms and digest allowed."""
    info = only(exam, signature, f"{{{DS}}}SignedInfo", "malformed")
    found = info.findall(f"{{{DS}}}Reference")
    if not found:
        exam.stop("references", "malformed", "SignedInfo refers to nothing")
    return [_reference(exam, each, ids) for each in found]


def _reference(exam: Examination, element: Element, ids: Mapping[str, Element]) -> Reference:
    uri = element.get("URI", "")
    subject = f"reference {uri[:_SHOWN] or '(whole document)'}"
    node = ids.get(uri[1:]) if uri.startswith("#") else None
    if node is None:
        exam.stop(subject, "reference_unresolved", "it points at no node of this document by its Id")
    enveloped, inclusive = _transforms(exam, subject, element)
    method = only(exam, element, f"{{{DS}}}DigestMethod", "malformed").get("Algorithm", "")
    if method not in XML_DIGESTS:
        exam.stop(subject, *refusal(method))
    return Reference(
        uri=uri,
        node=node,
        digest=XML_DIGESTS[method],
        expected=binary(exam, only(exam, element, f"{{{DS}}}DigestValue", "malformed"), subject),
        enveloped=enveloped,
        inclusive=inclusive,
        kind=element.get("Type", ""),
    )


def _transforms(exam: Examination, subject: str, reference: Element) -> tuple[bool, list[str]]:
    """Whether the signature is left out, and the prefixes that count as used."""
    holder = only(exam, reference, f"{{{DS}}}Transforms", "transform_refused")
    steps = [each.get("Algorithm", "") for each in holder]
    if steps not in ([EXC_C14N], [ENVELOPED, EXC_C14N]):
        exam.stop(subject, "transform_refused", f"transforms {', '.join(steps)[:_SHOWN] or '(none)'}")
    return steps[0] == ENVELOPED, _inclusive(exam, holder[-1])


def _inclusive(exam: Examination, method: Element) -> list[str]:
    names = method.find(f"{{{EC}}}InclusiveNamespaces")
    prefixes = [] if names is None else names.get("PrefixList", "").split()
    if "#default" in prefixes:
        exam.stop(
            "canonical form", "canonical_form_refused", "a list of prefixes with #default is not understood"
        )
    return prefixes


def digested(exam: Examination, reference: Reference) -> bytes:
    """The canonical bytes of the referenced node, judged against the digest. An enveloped signature must have been
    taken out of the node already."""
    written = canonical(reference.node, reference.inclusive)
    got = hashlib.new(reference.digest, written).digest()
    holds = hmac.compare_digest(got, reference.expected)
    found = (
        "as signed" if holds else f"digest {text64(got)}, signed was {text64(reference.expected)[:_SHOWN]}"
    )
    exam.note(f"reference {reference.uri} ({local(reference.node)})", holds, "digest_mismatch", found)
    return written


def judge_value(
    exam: Examination,
    signature: Element,
    certificate: x509.Certificate,
    expected: Expectation,
) -> None:
    """Claims about the signature value, its algorithm and its certificate. Call it before a node is taken out."""
    info = only(exam, signature, f"{{{DS}}}SignedInfo", "malformed")
    form = only(exam, info, f"{{{DS}}}CanonicalizationMethod", "malformed")
    if form.get("Algorithm") != EXC_C14N:
        exam.stop("canonical form", "canonical_form_refused", form.get("Algorithm", "")[:_SHOWN])
    method = only(exam, info, f"{{{DS}}}SignatureMethod", "malformed").get("Algorithm", "")
    algorithm = BY_XML.get(method)
    if algorithm is None:
        exam.stop("algorithm", *refusal(method))
    judge_certificate(exam, certificate, expected.trusted, expected.now)
    key = certificate.public_key()
    if judge_key(exam, algorithm, key):
        value = binary(exam, only(exam, signature, f"{{{DS}}}SignatureValue", "malformed"), "signature value")
        written = canonical(info, _inclusive(exam, form))
        holds = verifies(key, algorithm, value, written)
        found = f"{algorithm.jose} {'holds' if holds else 'does not hold for this key and SignedInfo'}"
        exam.note("signature value", holds, "signature_invalid", found)


def certificate_in(exam: Examination, holder: Element) -> x509.Certificate:
    """The certificate whose Base64 is the text of ``holder``."""
    certificate = readable(binary(exam, holder, "certificate"))
    if certificate is None:
        exam.stop("certificate", "certificate_unreadable", f"{local(holder)} holds no X.509 certificate")
    return certificate


def take_out(signature: Element) -> None:
    """Remove ``signature`` from its parent and leave the text around it (the enveloped transform)."""
    parent = signature.getparent()
    if parent is None:
        return
    before = signature.getprevious()
    if signature.tail:
        if before is not None:
            before.tail = (before.tail or "") + signature.tail
        else:
            parent.text = (parent.text or "") + signature.tail
    parent.remove(signature)


def new_signature(parent: Element, **attributes: str) -> Element:
    """An empty Signature, the last child of ``parent``."""
    return etree.SubElement(parent, f"{{{DS}}}Signature", attributes, nsmap={"ds": DS})
