"""WS-Security 1.1 with an X.509 token (construction §6, recommendation 2).

Signed are the Body, the Timestamp and the token itself. Invariants: what is verified is *the* Body and *the* Timestamp of
the envelope, whatever the references are called, so that nothing can be wrapped around them; what comes out is an
envelope made of the digested bytes of the Body, and nothing of the header.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from lxml import etree

from gateway.codec import Unreadable
from gateway.codec.xml import Element, local
from gateway.signing import instants
from gateway.signing.documents import (
    DS,
    WSSE,
    WSU,
    WSU_ID,
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
    Target,
    certificate_in,
    digested,
    judge_value,
    new_signature,
    references_of,
    sign_value,
    signed_info,
    xml_algorithm,
)

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
X509_V3 = f"{_OASIS}-x509-token-profile-1.0#X509v3"
BASE64 = f"{_OASIS}-soap-message-security-1.0#Base64Binary"
_BODY_ID, _TIMESTAMP_ID, _TOKEN_ID = "signed-body", "signed-timestamp", "signing-token"


def sign(body: bytes, key: SigningKey, *, now: datetime, lifetime: float = 300.0) -> bytes:
    """The SOAP message ``body`` with a Security header. Raises CannotSign for what is no SOAP envelope."""
    envelope = envelope_of(body)
    soap = etree.QName(envelope).namespace or ""
    algorithm = xml_algorithm(key)
    content = _part(envelope, soap, "Body")
    if content.get(WSU_ID) is None:
        content.set(WSU_ID, _BODY_ID)
    security = security_header(envelope, soap)
    token = child(security, f"{{{WSSE}}}BinarySecurityToken", text64(der(key.certificate)))
    token.set("EncodingType", BASE64)
    token.set("ValueType", X509_V3)
    token.set(WSU_ID, _TOKEN_ID)
    timestamp = child(security, f"{{{WSU}}}Timestamp")
    timestamp.set(WSU_ID, _TIMESTAMP_ID)
    child(timestamp, f"{{{WSU}}}Created", instants.written(now))
    child(timestamp, f"{{{WSU}}}Expires", instants.written(now + timedelta(seconds=lifetime)))
    signature = new_signature(security)
    targets = [
        Target(uri=f"#{node.get(WSU_ID)}", digested=canonical(node)) for node in (content, timestamp, token)
    ]
    info = signed_info(signature, algorithm, targets)
    sign_value(signature, info, key, algorithm)
    reference = child(child(signature, f"{{{DS}}}KeyInfo"), f"{{{WSSE}}}SecurityTokenReference")
    child(reference, f"{{{WSSE}}}Reference", URI=f"#{_TOKEN_ID}", ValueType=X509_V3)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def security_header(envelope: Element, soap: str) -> Element:
    """A new Security header that must be understood. CannotSign when the message has one."""
    header = envelope.find(f"{{{soap}}}Header")
    if header is None:
        header = etree.Element(f"{{{soap}}}Header")
        envelope.insert(0, header)
    if header.find(f"{{{WSSE}}}Security") is not None:
        raise CannotSign("signed_already", "the message has a Security header already")
    security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE, "wsu": WSU})
    security.set(f"{{{soap}}}mustUnderstand", "1" if soap == SOAP11 else "true")
    return security


def verify(body: bytes, expected: Expectation) -> Verified | Refused:
    """The envelope with nothing but the signed Body, or why not."""
    return conclude(lambda exam: _examine(exam, body, expected))


def _examine(exam: Examination, body: bytes, expected: Expectation) -> Verified:
    envelope = read_plain(exam, body)
    soap = _soap_of(exam, envelope)
    ids = by_id(exam, envelope)
    content = only(exam, envelope, f"{{{soap}}}Body", "no_body")
    security = _security(exam, envelope, soap)
    timestamp = only(exam, security, f"{{{WSU}}}Timestamp", "no_timestamp")
    signature = only(exam, security, f"{{{DS}}}Signature", "unsigned")
    token = _token(exam, signature, security)
    certificate = certificate_in(exam, token)
    references = references_of(exam, signature, ids)
    nodes = [reference.node for reference in references]
    header = security.getparent()
    for reference in references:
        node = reference.node
        if reference.enveloped:
            exam.stop(f"reference {reference.uri}", "transform_refused", "nothing is enveloped here")
        if node is not content and node.getparent() is not security and node.getparent() is not header:
            where = "/".join(local(each) for each in [*reversed(list(node.iterancestors())), node])
            exam.stop(f"reference {reference.uri}", "wrapped", f"it points at {where}, not at the Body")
    for part, wanted in (("Body", content), ("Timestamp", timestamp)):
        if not any(node is wanted for node in nodes):
            exam.stop(part, "not_covered", f"the signature does not cover the {part}")
    judge_value(exam, signature, certificate, expected)
    written = {id(reference.node): digested(exam, reference) for reference in references}
    created = _judge_timestamp(exam, timestamp, expected)
    return Verified(
        content=b'<soap:Envelope xmlns:soap="%b">%b</soap:Envelope>' % (soap.encode(), written[id(content)]),
        claims=tuple(exam.claims),
        signer=subject_of(certificate),
        signed_at=created,
    )


def _soap_of(exam: Examination, envelope: Element) -> str:
    name = etree.QName(envelope)
    exam.insist(
        "envelope",
        name.localname == "Envelope" and name.namespace in {SOAP11, SOAP12},
        "not_soap",
        f"the root is {envelope.tag!s:.120}",
    )
    strangers = [local(each) for each in envelope if each.tag not in _parts(name.namespace or "")]
    if strangers:
        exam.stop("envelope", "wrapped", f"{strangers[0]} stands beside Header and Body")
    return name.namespace or ""


def _parts(soap: str) -> tuple[str, str]:
    return f"{{{soap}}}Header", f"{{{soap}}}Body"


def _security(exam: Examination, envelope: Element, soap: str) -> Element:
    header = only(exam, envelope, f"{{{soap}}}Header", "unsigned")
    return only(exam, header, f"{{{WSSE}}}Security", "unsigned")


def _token(exam: Examination, signature: Element, security: Element) -> Element:
    """The BinarySecurityToken that KeyInfo names, which lies in the same Security header."""
    info = only(exam, signature, f"{{{DS}}}KeyInfo", "certificate_unnamed")
    named = info.find(f"{{{WSSE}}}SecurityTokenReference/{{{WSSE}}}Reference")
    uri = "" if named is None else named.get("URI", "")
    for token in security.findall(f"{{{WSSE}}}BinarySecurityToken"):
        if uri == f"#{token.get(WSU_ID)}" and token.get("ValueType") == X509_V3:
            return token
    told = f"{uri[:80] or 'KeyInfo'} is no X.509 token in the Security header"
    return exam.stop("certificate", "certificate_unnamed", told)


def _judge_timestamp(exam: Examination, timestamp: Element, expected: Expectation) -> datetime | None:
    created = instants.read(only(exam, timestamp, f"{{{WSU}}}Created", "time_missing").text)
    expires = instants.read(only(exam, timestamp, f"{{{WSU}}}Expires", "time_missing").text)
    if expires is None:
        exam.note("expires", holds=False, code="time_missing", found="no readable instant")
    instants.judge(exam, created, expires, expected)
    return created


def envelope_of(body: bytes) -> Element:
    """The root of a SOAP message that is to be signed. CannotSign for anything else."""
    try:
        envelope = read(body)
    except Unreadable as fault:
        raise CannotSign("not_soap", f"what is to be signed is no XML: {fault}") from fault
    if etree.QName(envelope).localname != "Envelope" or etree.QName(envelope).namespace not in {
        SOAP11,
        SOAP12,
    }:
        raise CannotSign("not_soap", f"what is to be signed is no SOAP envelope but {envelope.tag!s:.80}")
    return envelope


def _part(envelope: Element, soap: str, name: str) -> Element:
    found = envelope.find(f"{{{soap}}}{name}")
    if found is None:
        raise CannotSign("not_soap", f"the SOAP envelope has no {name}")
    return found
