"""Signatures judged, and answers signed, by strangers: python-xmlsec, or the xmlsec1 program where it does not load.

A ``Proof`` for the ministry's stand-in (adapters.construction.simulator_proof), written from the standards with lxml,
hashlib and xmlsec, without a line of ``gateway.signing``. Digests are computed here once more, so that a refusal can name
the part that was changed; the value itself is judged by libxmlsec.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from lxml import etree

from adapters.construction.simulator_proof import Judged

try:
    import xmlsec
except ImportError:  # its libxml2 is not the one of lxml
    xmlsec = None

_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
WSSE, WSU = f"{_OASIS}-wssecurity-secext-1.0.xsd", f"{_OASIS}-wssecurity-utility-1.0.xsd"
DS, XADES = "http://www.w3.org/2000/09/xmldsig#", "http://uri.etsi.org/01903/v1.3.2#"
SPACE = "http://www.moc.gov.vn/capphepxaydung/1.0"
SOAPS = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256": hashlib.sha256,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashlib.sha384,
    "http://www.w3.org/2001/04/xmlenc#sha512": hashlib.sha512,
}
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
SIGNATURES = frozenset(
    f"{_MORE}{name}" for name in ("rsa-sha256", "ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512")
)
SKEW, OLDEST = timedelta(seconds=60), timedelta(seconds=300)
BASE64 = f"{_OASIS}-soap-message-security-1.0#Base64Binary"
X509_V3 = f"{_OASIS}-x509-token-profile-1.0#X509v3"
PASSWORD_DIGEST = f"{_OASIS}-username-token-profile-1.0#PasswordDigest"


class Forged(Exception):
    """Why a signature is refused."""


class MinistryProof:
    """What each operation must bear: ``wsse_x509``, ``wsse_username``, ``xades`` or nothing.

    ``demands``: by operation, ``*`` for all others. ``trusted``: certificates of callers. ``accounts``: passwords by user.
    ``own``: key and certificate, both PEM, that sign answers. ``program``: let xmlsec1 judge instead of python-xmlsec.
    """

    def __init__(
        self,
        demands: Mapping[str, str],
        *,
        trusted: Iterable[x509.Certificate] = (),
        accounts: Mapping[str, str] | None = None,
        own: tuple[bytes, bytes] | None = None,
        program: bool = xmlsec is None,
    ) -> None:
        self._demands = demands
        self._trusted = {each.public_bytes(serialization.Encoding.DER): each for each in trusted}
        self._accounts = dict(accounts or {})
        self._own = own
        self._program = program
        self._nonces: set[str] = set()

    def judge(self, body: bytes, *, operation: str, now: datetime) -> Judged:
        demand = self._demands.get(operation, self._demands.get("*", ""))
        checks = {"wsse_x509": self._token, "wsse_username": self._user, "xades": self._dossier}
        if demand not in checks:
            return Judged()
        try:
            return Judged(signer=checks[demand](_parsed(body), now))
        except Forged as fault:
            return Judged(refusal=str(fault))

    def seal(self, body: bytes, *, operation: str, now: datetime) -> bytes:
        return body if self._own is None else sign(body, *self._own, now=now)

    # WS-Security, X.509

    def _token(self, envelope: etree._Element, now: datetime) -> str:
        security = _security(envelope)
        body = _one(envelope, f"{{{_soap(envelope)}}}Body", "no Body")
        timestamp = _one(security, f"{{{WSU}}}Timestamp", "no Timestamp")
        signature = _one(security, f"{{{DS}}}Signature", "unsigned: no Signature")
        ids = _ids(envelope)
        reference = signature.find(f"{{{DS}}}KeyInfo/{{{WSSE}}}SecurityTokenReference/{{{WSSE}}}Reference")
        token = ids.get((reference.get("URI") or "")[1:]) if reference is not None else None
        if token is None or token.tag != f"{{{WSSE}}}BinarySecurityToken":
            raise Forged("no certificate: KeyInfo names no BinarySecurityToken")
        certificate = self._certificate(token.text or "", now)
        nodes = self._references(signature, ids)
        for name, wanted in (("Body", body), ("Timestamp", timestamp)):
            if not any(node is wanted for node in nodes):
                raise Forged(f"not covered: the signature does not cover the {name} of the envelope")
        self._value(signature, certificate, nodes)
        _young(timestamp, now)
        return certificate.subject.rfc4514_string()

    # WS-Security, UsernameToken

    def _user(self, envelope: etree._Element, now: datetime) -> str:
        token = _one(_security(envelope), f"{{{WSSE}}}UsernameToken", "unsigned: no UsernameToken")
        name = token.findtext(f"{{{WSSE}}}Username") or ""
        password = token.find(f"{{{WSSE}}}Password")
        nonce, created = token.findtext(f"{{{WSSE}}}Nonce") or "", token.findtext(f"{{{WSU}}}Created") or ""
        if name not in self._accounts:
            raise Forged("unknown user")
        if password is None or not nonce or not created:
            raise Forged("incomplete: no password, no nonce or no time")
        known = self._accounts[name]
        if password.get("Type") == PASSWORD_DIGEST:
            said = _bytes(nonce) + created.encode() + known.encode()
            known = base64.b64encode(hashlib.sha1(said, usedforsecurity=False).digest()).decode()
        if password.text != known:
            raise Forged("wrong password")
        at = _instant(created)
        if not now - OLDEST <= at <= now + SKEW:
            raise Forged("stale: the token was not made in the last five minutes")
        if nonce in self._nonces:
            raise Forged("replayed: the nonce has been used")
        self._nonces.add(nonce)
        return name

    # XAdES on the dossier

    def _dossier(self, envelope: etree._Element, now: datetime) -> str:
        soap = _soap(envelope)
        content = _one(envelope, f"{{{soap}}}Body", "no Body")
        wrapper = _one(content, f"{{{SPACE}}}NopHoSo", "no dossier")
        dossier = _one(wrapper, f"{{{SPACE}}}HoSo", "no dossier")
        if len(list(envelope.iter(f"{{{SPACE}}}HoSo"))) != 1:
            raise Forged("wrapped: more than one HoSo")
        signature = _one(dossier, f"{{{DS}}}Signature", "unsigned: no Signature in HoSo")
        written = signature.findtext(f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate")
        certificate = self._certificate(written or "", now)
        nodes = self._references(signature, _ids(envelope))
        if not any(node is dossier for node in nodes):
            raise Forged("not covered: the signature does not cover the HoSo that it stands in")
        path = f"{{{DS}}}Object/{{{XADES}}}QualifyingProperties/{{{XADES}}}SignedProperties"
        properties = signature.find(path)
        if properties is None or not any(node is properties for node in nodes):
            raise Forged("not covered: the signature does not cover its SignedProperties")
        inside = f"{{{XADES}}}SignedSignatureProperties"
        cited = properties.findtext(
            f"{inside}/{{{XADES}}}SigningCertificateV2/{{{XADES}}}Cert/{{{XADES}}}CertDigest/{{{DS}}}DigestValue"
        )
        if cited != _digest(hashlib.sha256, certificate.public_bytes(serialization.Encoding.DER)):
            raise Forged("certificate swapped: not the one among the signed properties")
        self._value(signature, certificate, nodes)
        signed_at = _instant(properties.findtext(f"{inside}/{{{XADES}}}SigningTime") or "")
        if signed_at > now + SKEW:
            raise Forged("signed in the future")
        return certificate.subject.rfc4514_string()

    # What all have in common

    def _certificate(self, written: str, now: datetime) -> x509.Certificate:
        found = self._trusted.get(_bytes(written))
        if found is None:
            raise Forged("unknown certificate")
        if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
            raise Forged("certificate expired, or not valid yet")
        return found

    def _references(self, signature: etree._Element, ids: dict[str, etree._Element]) -> list[etree._Element]:
        """Everything that the signature covers, its digest being right."""
        info = _one(signature, f"{{{DS}}}SignedInfo", "malformed: no SignedInfo")
        method = _one(info, f"{{{DS}}}SignatureMethod", "malformed").get("Algorithm", "")
        if method not in SIGNATURES:
            raise Forged(f"weak algorithm: {method.rpartition('#')[2]}")
        if _one(info, f"{{{DS}}}CanonicalizationMethod", "malformed").get("Algorithm") != EXC:
            raise Forged("canonical form refused")
        nodes = []
        for reference in info.findall(f"{{{DS}}}Reference"):
            node = ids.get((reference.get("URI") or "")[1:])
            if node is None:
                raise Forged("broken reference: it points at nothing")
            _check_digest(reference, node, signature)
            nodes.append(node)
        return nodes

    def _value(
        self, signature: etree._Element, certificate: x509.Certificate, nodes: list[etree._Element]
    ) -> None:
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        good = _by_program(signature, pem, nodes) if self._program else _by_library(signature, pem, nodes)
        if not good:
            raise Forged("wrong value: SignatureValue was not made with this certificate's key")


def sign(body: bytes, key: bytes, certificate: bytes, *, now: datetime) -> bytes:
    """``body``, a SOAP message, with a signed Body and Timestamp, made by python-xmlsec. ``key``, ``certificate``: PEM."""
    envelope = _parsed(body)
    soap = _soap(envelope)
    header = envelope.find(f"{{{soap}}}Header")
    if header is None:
        header = etree.Element(f"{{{soap}}}Header")
        envelope.insert(0, header)
    security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE, "wsu": WSU})
    token = etree.SubElement(
        security, f"{{{WSSE}}}BinarySecurityToken", ValueType=X509_V3, EncodingType=BASE64
    )
    token.set(f"{{{WSU}}}Id", "X509")
    loaded = x509.load_pem_x509_certificate(certificate)
    token.text = base64.b64encode(loaded.public_bytes(serialization.Encoding.DER)).decode()
    timestamp = etree.SubElement(security, f"{{{WSU}}}Timestamp")
    timestamp.set(f"{{{WSU}}}Id", "TS")
    for name, at in (("Created", now), ("Expires", now + OLDEST)):
        etree.SubElement(timestamp, f"{{{WSU}}}{name}").text = at.astimezone(UTC).strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        )
    content = envelope.find(f"{{{soap}}}Body")
    content.set(f"{{{WSU}}}Id", "B")
    signature = xmlsec.template.create(
        envelope, xmlsec.Transform.EXCL_C14N, xmlsec.Transform.RSA_SHA256, ns="ds"
    )
    security.append(signature)
    context = xmlsec.SignatureContext()
    for node, name in ((content, "B"), (timestamp, "TS"), (token, "X509")):
        context.register_id(node, "Id", WSU)
        reference = xmlsec.template.add_reference(signature, xmlsec.Transform.SHA256, uri=f"#{name}")
        xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
    info = xmlsec.template.ensure_key_info(signature)
    named = etree.SubElement(info, f"{{{WSSE}}}SecurityTokenReference")
    etree.SubElement(named, f"{{{WSSE}}}Reference", URI="#X509", ValueType=X509_V3)
    context.key = xmlsec.Key.from_memory(key, xmlsec.KeyFormat.PEM)
    context.sign(signature)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def _parsed(body: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        return etree.fromstring(body, parser)
    except etree.XMLSyntaxError as fault:
        raise Forged("not XML") from fault


def _bytes(written: str) -> bytes:
    try:
        return base64.b64decode("".join(written.split()))
    except ValueError as fault:
        raise Forged("malformed: not base64") from fault


def _soap(envelope: etree._Element) -> str:
    name = etree.QName(envelope)
    if name.localname != "Envelope" or name.namespace not in SOAPS:
        raise Forged("not SOAP")
    return name.namespace


def _security(envelope: etree._Element) -> etree._Element:
    header = _one(envelope, f"{{{_soap(envelope)}}}Header", "unsigned: no Header")
    return _one(header, f"{{{WSSE}}}Security", "unsigned: no Security header")


def _one(parent: etree._Element, tag: str, reason: str) -> etree._Element:
    found = parent.findall(tag)
    if len(found) > 1:
        raise Forged(f"ambiguous: more than one {etree.QName(tag).localname}")
    if not found:
        raise Forged(reason)
    return found[0]


def _ids(envelope: etree._Element) -> dict[str, etree._Element]:
    """Elements by what references call them; a name that two have is a trap."""
    found: dict[str, etree._Element] = {}
    for element in envelope.iter(etree.Element):
        for name in ("Id", f"{{{WSU}}}Id", "ID", "id"):
            value = element.get(name)
            if value is None:
                continue
            if value in found and found[value] is not element:
                raise Forged("ambiguous: two elements of one Id")
            found[value] = element
    return found


def _check_digest(reference: etree._Element, node: etree._Element, signature: etree._Element) -> None:
    place = etree.QName(node).localname
    steps = reference.findall(f"{{{DS}}}Transforms/{{{DS}}}Transform")
    algorithms = [each.get("Algorithm") for each in steps]
    if algorithms not in ([EXC], [ENVELOPED, EXC]):
        raise Forged(f"transform refused: on {place}")
    method = _one(reference, f"{{{DS}}}DigestMethod", "malformed").get("Algorithm", "")
    if method not in DIGESTS:
        raise Forged(f"weak algorithm: {method.rpartition('#')[2]}")
    prefixes = steps[-1].find(f"{{{EXC}}}InclusiveNamespaces")
    inclusive = None if prefixes is None else (prefixes.get("PrefixList") or "").split()
    with _without(signature if ENVELOPED in algorithms else None):
        data = etree.tostring(
            node,
            method="c14n",
            exclusive=True,
            with_comments=False,
            inclusive_ns_prefixes=inclusive,
            with_tail=False,
        )
    if _digest(DIGESTS[method], data) != "".join((reference.findtext(f"{{{DS}}}DigestValue") or "").split()):
        raise Forged(f"changed: the digest of {place} differs")


@contextlib.contextmanager
def _without(signature: etree._Element | None) -> Iterator[None]:
    """The enveloped-signature transform: the element goes, the text behind it stays."""
    if signature is None:
        yield
        return
    parent, before, tail = signature.getparent(), signature.getprevious(), signature.tail
    place = parent.index(signature)
    kept = parent.text if before is None else before.tail
    parent.remove(signature)
    if before is None:
        parent.text = (kept or "") + (tail or "")
    else:
        before.tail = (kept or "") + (tail or "")
    yield
    if before is None:
        parent.text = kept
    else:
        before.tail = kept
    parent.insert(place, signature)
    signature.tail = tail


def _digest(algorithm: object, data: bytes) -> str:
    return base64.b64encode(algorithm(data).digest()).decode()


def _by_library(signature: etree._Element, pem: bytes, nodes: list[etree._Element]) -> bool:
    context = xmlsec.SignatureContext()
    for node in nodes:
        if node.get(f"{{{WSU}}}Id") is not None:
            context.register_id(node, "Id", WSU)
        else:
            context.register_id(node, "Id")
    context.key = xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.CERT_PEM)
    try:
        context.verify(signature)
    except xmlsec.Error:
        return False
    return True


def _by_program(signature: etree._Element, pem: bytes, nodes: list[etree._Element]) -> bool:
    path = shutil.which("xmlsec1")
    if path is None:
        raise Forged("nobody to judge: neither python-xmlsec nor xmlsec1 is on this machine")
    public = x509.load_pem_x509_certificate(pem).public_key()
    written = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with tempfile.TemporaryDirectory() as folder:
        document, key = Path(folder, "document.xml"), Path(folder, "key.pem")
        document.write_bytes(etree.tostring(signature.getroottree()))
        key.write_bytes(written)
        names = [word for each in nodes for word in ("--id-attr:Id", etree.QName(each).localname)]
        command = [path, "--verify", "--pubkey-pem", str(key), *names, str(document)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _young(timestamp: etree._Element, now: datetime) -> None:
    created = _instant(timestamp.findtext(f"{{{WSU}}}Created") or "")
    expires = _instant(timestamp.findtext(f"{{{WSU}}}Expires") or "")
    if created > now + SKEW:
        raise Forged("made in the future")
    if expires < now - SKEW or expires - created > OLDEST + SKEW:
        raise Forged("expired: the Timestamp is over, or is good for too long")


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as fault:
        raise Forged("no time: unreadable") from fault
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
