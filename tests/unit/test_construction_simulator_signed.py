"""Signatures at the ministry's door: strangers sign and strangers judge, and every forgery is refused for its reason.

zeep with its own plug-ins and python-xmlsec make requests, ``tests.ministry_proof`` judges them (python-xmlsec, and xmlsec1
where that is asked for); what ``gateway.signing`` makes has to stand before the same judge, and the judge's answers before
``gateway.signing``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from datetime import UTC, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from lxml import etree
from zeep.exceptions import Fault
from zeep.wsse import Compose
from zeep.wsse.signature import BinarySignature
from zeep.wsse.username import UsernameToken
from zeep.wsse.utils import ensure_id, get_security_header

from adapters.construction.simulator import SimulatorConfig
from adapters.construction.simulator_proof import Judged
from gateway.port import Secret
from gateway.port.signing import PasswordKind
from gateway.signing import username, wsse, xades
from gateway.signing.keyring import Account
from gateway.signing.keys import SigningKey, local_key
from tests import ministry_proof as proof
from tests.ministry_proof import DS, SPACE, WSSE, WSU, MinistryProof
from tests.ministry_world import NOW, NUMBER, Ministry, house, ministry
from tests.unit.signing_world import certificate, expecting, good, private, python_xmlsec, tool
from tests.unit.test_construction_simulator_refusals import code, common, states, told, wrapped

CALLER = local_key("mot-cua", private("rsa"), certificate(private("rsa"), name="Sở Xây dựng H99"))
STRANGER = local_key("la", private("rsa", 1), certificate(private("rsa", 1), name="Người lạ"))
OVER = local_key(
    "het-han",
    private("rsa"),
    certificate(private("rsa"), begins=NOW - timedelta(days=30), ends=NOW - timedelta(days=1)),
)
MINISTRY = local_key("bo", private("rsa", 2), certificate(private("rsa", 2), name="Bộ Xây dựng"))
ACCOUNT = Account(username="mot-cua", password=Secret("mat-khau-mau"))
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
HOSO = f"{{{SPACE}}}HoSo"
FIRST = f"{{{SOAP}}}Body"


@pytest.fixture(params=["python-xmlsec", "xmlsec1"])
def program(request) -> bool:
    """Who judges the value of a signature."""
    if request.param == "xmlsec1":
        tool("xmlsec1")
        return True
    python_xmlsec()
    return False


def pem(key: SigningKey, number: int) -> tuple[bytes, bytes]:
    """Private key and certificate."""
    written = private("rsa", number).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return written, key.certificate.public_bytes(serialization.Encoding.PEM)


def demanding(kind: str, **changes: Any) -> SimulatorConfig:
    """A ministry that wants a signature of that kind: on applications for XAdES, on everything else otherwise."""
    demands = {"NopHoSo": kind} if kind == "xades" else {"*": kind}
    fields = {
        "trusted": [CALLER.certificate, OVER.certificate],
        "accounts": {ACCOUNT.username: ACCOUNT.password.reveal()},
        **changes,
    }
    return SimulatorConfig(proof=MinistryProof(demands, **fields))


def filing(number: str = NUMBER) -> bytes:
    """A complete application, as bytes; the dossier has an Id."""
    from tests.ministry_world import HOUSE_PAPERS

    papers = "".join(
        f"<TepDinhKem><MaGiayTo>{kind}</MaGiayTo><TenGiayTo>Giấy tờ</TenGiayTo><TenTep>a.pdf</TenTep>"
        f"<LoaiTep>application/pdf</LoaiTep><KichThuoc>1</KichThuoc>"
        f"<MaBamSHA256>{hashlib.sha256(b'x').hexdigest()}</MaBamSHA256><NoiDung>eA==</NoiDung></TepDinhKem>"
        for kind in HOUSE_PAPERS
    )
    person = "<SoDinhDanh>000000000001</SoDinhDanh><SoDienThoai>0900000001</SoDienThoai>"
    content = (
        f'<NopHoSo xmlns="{SPACE}">{common()}<HoSo Id="ho-so"><MaHoSo>{number}</MaHoSo><MaTTHC>1.013225</MaTTHC>'
        "<LoaiThuTuc>1</LoaiThuTuc><NguonDangKy>1</NguonDangKy><NgayTiepNhan>2026-11-25T08:00:00+07:00</NgayTiepNhan>"
        "<NgayHenTra>2026-12-04T17:00:00+07:00</NgayHenTra><KinhGui>UBND phường Mẫu</KinhGui>"
        f"<NguoiNop><LoaiDoiTuong>1</LoaiDoiTuong><HoVaTen>NGUYỄN VĂN MẪU</HoVaTen>{person}"
        "<LaNguoiDuocUyQuyen>false</LaNguoiDuocUyQuyen></NguoiNop>"
        f"<ChuDauTu><LoaiChuDauTu>1</LoaiChuDauTu><Ten>NGUYỄN VĂN MẪU</Ten>{person}</ChuDauTu>"
        "<DiaDiem><DiaChi><MaXa>00001</MaXa><MaTinh>99</MaTinh></DiaChi><ThuaDat><DienTich>120.50</DienTich></ThuaDat></DiaDiem>"
        "<LapThietKe><Loai>1</Loai><Ten>CÔNG TY MẪU</Ten></LapThietKe>"
        "<NoiDungDeNghi><CongTrinh><SoThuTu>1</SoThuTu><TenCongTrinh>Nhà</TenCongTrinh><NhomCongTrinh>5</NhomCongTrinh>"
        "<CapCongTrinh>III</CapCongTrinh><DienTichXayDung>80</DienTichXayDung><CotXayDung>0.4</CotXayDung>"
        "<TongDienTichSan>240</TongDienTichSan><ChieuCao>11</ChieuCao><SoTang>3</SoTang></CongTrinh>"
        "<ThoiGianHoanThanhThang>10</ThoiGianHoanThanhThang></NoiDungDeNghi>"
        f"<NhanKetQua><HinhThuc>1</HinhThuc></NhanKetQua>{papers}<NgayLamDon>2026-11-24</NgayLamDon></HoSo></NopHoSo>"
    )
    return wrapped(content)


def refusal(answer: Any) -> str:
    """What a fault of code 401 says behind its token."""
    assert code(answer) == "401", answer.text
    return told(answer).findtext(f".//{{{SPACE}}}MoTaLoi").removeprefix("SIGNATURE_INVALID - ")


# zeep signs


class Timestamped:
    """zeep signs a Timestamp only where somebody has put one."""

    def __init__(self, world: Ministry) -> None:
        self._world = world

    def apply(self, envelope: Any, headers: Any) -> tuple[Any, Any]:
        timestamp = etree.SubElement(get_security_header(envelope), f"{{{WSU}}}Timestamp")
        now = self._world.clock.now
        for name, at in (("Created", now), ("Expires", now + timedelta(seconds=300))):
            etree.SubElement(timestamp, f"{{{WSU}}}{name}").text = at.astimezone(UTC).strftime(
                "%Y-%m-%dT%H:%M:%SZ"
            )
        ensure_id(timestamp)
        return envelope, headers

    def verify(self, envelope: Any) -> Any:
        return envelope


class Unverified(BinarySignature):
    """zeep's plug-in as it signs; answers are not signed here."""

    def verify(self, envelope: Any) -> Any:
        return envelope


def zeep_signature(folder: Any, key: SigningKey = CALLER, number: int = 0, **changes: Any) -> BinarySignature:
    xmlsec = python_xmlsec()
    for name, content in zip(("key.pem", "cert.pem"), pem(key, number), strict=True):
        (folder / name).write_bytes(content)
    methods = {
        "signature_method": xmlsec.Transform.RSA_SHA256,
        "digest_method": xmlsec.Transform.SHA256,
        **changes,
    }
    return Unverified(str(folder / "key.pem"), str(folder / "cert.pem"), **methods)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
async def test_zeep_with_its_own_plug_in_is_let_in(tmp_path, program, version):
    async with ministry(demanding("wsse_x509", program=program)) as world:
        signing = Compose([Timestamped(world), zeep_signature(tmp_path)])
        answer = await world.ask("NopHoSo", version=version, wsse=signing, HoSo=house())

        assert answer.KetQua.TrangThai == "1"
        (entry,) = world.record()["calls"]["journal"]
        assert entry["signature"] == "CN=Sở Xây dựng H99"


async def test_zeep_without_a_timestamp_a_signature_or_with_sha1_is_refused(tmp_path, program):
    async with ministry(demanding("wsse_x509", program=program)) as world:
        xmlsec = python_xmlsec()
        weak = zeep_signature(
            tmp_path, signature_method=xmlsec.Transform.RSA_SHA1, digest_method=xmlsec.Transform.SHA1
        )
        reasons = []
        for signing in (zeep_signature(tmp_path), None, Compose([Timestamped(world), weak])):
            with pytest.raises(Fault) as refused:
                await world.ask("NopHoSo", wsse=signing, HoSo=house())
            reasons.append(refused.value.message)

        assert reasons == [
            "SIGNATURE_INVALID - no Timestamp",
            "SIGNATURE_INVALID - unsigned: no Header",
            "SIGNATURE_INVALID - weak algorithm: rsa-sha1",
        ]
        assert world.record()["order"] == []


async def test_zeep_with_a_password_digest_is_let_in_once():
    async with ministry(demanding("wsse_username")) as world:
        nonce = base64.b64encode(os.urandom(20)).decode()
        token = UsernameToken(
            ACCOUNT.username, ACCOUNT.password.reveal(), use_digest=True, nonce=nonce, created=world.clock.now
        )
        assert (await world.ask("NopHoSo", wsse=token, HoSo=house())).KetQua.TrangThai == "1"
        with pytest.raises(Fault, match="replayed"):
            await world.ask("TraCuuTrangThai", wsse=token, MaHoSo=[NUMBER])
        wrong = UsernameToken(ACCOUNT.username, "khac", use_digest=True, created=world.clock.now)
        with pytest.raises(Fault, match="wrong password"):
            await world.ask("TraCuuTrangThai", wsse=wrong, MaHoSo=[NUMBER])


# What our own signing makes


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521"])
async def test_our_envelope_stands_before_a_stranger(program, kind):
    key = local_key(kind, private(kind), certificate(private(kind)))
    async with ministry(demanding("wsse_x509", trusted=[key.certificate], program=program)) as world:
        assert code(await world.post(wsse.sign(filing(), key, now=NOW))) == "ok"


@pytest.mark.parametrize("kind", ["rsa", "p256"])
async def test_our_signature_on_the_dossier_stands_before_a_stranger(program, kind):
    key = local_key(kind, private(kind), certificate(private(kind)))
    async with ministry(demanding("xades", trusted=[key.certificate], program=program)) as world:
        made = xades.prepare(filing(), key, element=HOSO, now=NOW)
        assert code(await world.post(made.document)) == "ok"
        assert code(await world.post(wrapped(states()))) == "ok"  # nothing else is signed


@pytest.mark.parametrize("kind", list(PasswordKind))
async def test_our_user_name_token_stands_before_a_stranger(kind):
    async with ministry(demanding("wsse_username")) as world:
        made = username.sign(filing(), ACCOUNT, kind=kind, nonce=os.urandom(20), now=NOW)
        assert code(await world.post(made)) == "ok"
        assert refusal(await world.post(made)) == "replayed: the nonce has been used"


async def test_answers_are_signed_with_the_ministrys_own_key():
    python_xmlsec()
    async with ministry(demanding("", own=pem(MINISTRY, 2))) as world:
        for body, expected in ((filing(), b"BXD-2026-0000001"), (wrapped(states(number="x")), b"LoiDichVu")):
            answer = await world.post(body)
            found = good(wsse.verify(answer.content, expecting(MINISTRY, now=NOW)))
            assert expected in found.content
            assert not hasattr(wsse.verify(answer.content, expecting(CALLER, now=NOW)), "content")


async def test_an_answer_that_was_changed_after_signing_is_seen():
    python_xmlsec()
    async with ministry(demanding("", own=pem(MINISTRY, 2))) as world:
        await world.post(filing())
        world.inject("changed_after_signing", "TraCuuTrangThai")
        refused = wsse.verify((await world.post(wrapped(states()))).content, expecting(MINISTRY, now=NOW))
        assert refused.code == "digest_mismatch"
        whole = wsse.verify((await world.post(wrapped(states()))).content, expecting(MINISTRY, now=NOW))
        assert good(whole)


# Forgeries


def changed(document: bytes, *changes: Any) -> bytes:
    root = etree.fromstring(document)
    for change in changes:
        change(root)
    return etree.tostring(root)


def _one(root: Any, tag: str) -> Any:
    return next(root.iter(tag))


def _wrap_body(root: Any) -> None:
    """The signed Body goes into the header, another takes its place (XML signature wrapping)."""
    body = root.find(FIRST)
    etree.SubElement(root.find(f"{{{SOAP}}}Header"), "{urn:x}Kept").append(body)
    other = etree.fromstring(wrapped(states(number="H99-261125-9999"))).find(FIRST)
    other.set(f"{{{WSU}}}Id", "other")
    root.append(other)


def _same_id(root: Any) -> None:
    _wrap_body(root)
    root.find(FIRST).set(f"{{{WSU}}}Id", next(root.iter("{urn:x}Kept"))[0].get(f"{{{WSU}}}Id"))


def _set_text(tag: str, text: str) -> Any:
    return lambda root: setattr(_one(root, tag), "text", text)


def _set(tag: str, name: str, value: str) -> Any:
    return lambda root: _one(root, tag).set(name, value)


def _drop(tag: str) -> Any:
    def change(root: Any) -> None:
        element = _one(root, tag)
        element.getparent().remove(element)

    return change


def _drop_reference(position: int) -> Any:
    def change(root: Any) -> None:
        reference = list(root.iter(f"{{{DS}}}Reference"))[position]
        reference.getparent().remove(reference)

    return change


def _copy(tag: str, into: str) -> Any:
    import copy

    return lambda root: _one(root, into).append(copy.deepcopy(_one(root, tag)))


def _token_of(key: SigningKey) -> Any:
    der = key.certificate.public_bytes(serialization.Encoding.DER)
    return _set_text(f"{{{WSSE}}}BinarySecurityToken", base64.b64encode(der).decode())


SIGNED = wsse.sign(filing(), CALLER, now=NOW)
REFERENCE, MORE = f"{{{WSSE}}}Reference", "http://www.w3.org/2001/04/xmldsig-more#"
ENVELOPES: dict[str, tuple[bytes, str]] = {
    "unsigned": (filing(), "unsigned: no Security header"),
    "stripped": (changed(SIGNED, _drop(f"{{{DS}}}Signature")), "unsigned: no Signature"),
    "changed body": (SIGNED.replace(b"120.50", b"920.50"), "changed: the digest of Body differs"),
    "changed time": (
        SIGNED.replace(b"<wsu:Expires>2026-11-25T01:10", b"<wsu:Expires>2026-11-25T01:09"),
        "changed: the digest of Timestamp differs",
    ),
    "changed value": (
        changed(SIGNED, _set_text(f"{{{DS}}}SignatureValue", base64.b64encode(b"x" * 256).decode())),
        "wrong value: SignatureValue was not made with this certificate's key",
    ),
    "wrapped": (
        changed(SIGNED, _wrap_body),
        "not covered: the signature does not cover the Body of the envelope",
    ),
    "wrapped under one name": (changed(SIGNED, _same_id), "ambiguous: two elements of one Id"),
    "body not covered": (
        changed(SIGNED, _drop_reference(0)),
        "not covered: the signature does not cover the Body of the envelope",
    ),
    "time not covered": (
        changed(SIGNED, _drop_reference(1)),
        "not covered: the signature does not cover the Timestamp of the envelope",
    ),
    "weak signature": (
        changed(SIGNED, _set(f"{{{DS}}}SignatureMethod", "Algorithm", f"{DS}rsa-sha1")),
        "weak algorithm: rsa-sha1",
    ),
    "weak digest": (
        changed(SIGNED, _set(f"{{{DS}}}DigestMethod", "Algorithm", f"{DS}sha1")),
        "weak algorithm: sha1",
    ),
    "secret for a key": (
        changed(SIGNED, _set(f"{{{DS}}}SignatureMethod", "Algorithm", f"{MORE}hmac-sha256")),
        "weak algorithm: hmac-sha256",
    ),
    "other transform": (
        changed(
            SIGNED, _set(f"{{{DS}}}Transform", "Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")
        ),
        "transform refused: on Body",
    ),
    "inclusive form": (
        changed(
            SIGNED,
            _set(
                f"{{{DS}}}CanonicalizationMethod",
                "Algorithm",
                "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
            ),
        ),
        "canonical form refused",
    ),
    "stranger": (wsse.sign(filing(), STRANGER, now=NOW), "unknown certificate"),
    "stranger under our certificate": (
        changed(wsse.sign(filing(), STRANGER, now=NOW), _token_of(CALLER)),
        "changed: the digest of BinarySecurityToken differs",
    ),
    "certificate over": (wsse.sign(filing(), OVER, now=NOW), "certificate expired, or not valid yet"),
    "expired": (
        wsse.sign(filing(), CALLER, now=NOW - timedelta(minutes=10)),
        "expired: the Timestamp is over, or is good for too long",
    ),
    "good for a day": (
        wsse.sign(filing(), CALLER, now=NOW, lifetime=86_400),
        "expired: the Timestamp is over, or is good for too long",
    ),
    "of tomorrow": (wsse.sign(filing(), CALLER, now=NOW + timedelta(days=1)), "made in the future"),
    "no certificate": (
        changed(SIGNED, _set(REFERENCE, "URI", "#nowhere")),
        "no certificate: KeyInfo names no BinarySecurityToken",
    ),
    "dangling": (
        changed(SIGNED, _set(f"{{{DS}}}Reference", "URI", "#nowhere")),
        "broken reference: it points at nothing",
    ),
    "two signatures": (
        changed(SIGNED, _copy(f"{{{DS}}}Signature", f"{{{WSSE}}}Security")),
        "ambiguous: more than one Signature",
    ),
    "two headers": (
        changed(SIGNED, _copy(f"{{{WSSE}}}Security", f"{{{SOAP}}}Header")),
        "ambiguous: more than one Security",
    ),
}


@pytest.mark.parametrize("name", ENVELOPES)
async def test_a_forged_envelope_is_refused_for_its_own_reason(program, name):
    body, expected = ENVELOPES[name]
    async with ministry(demanding("wsse_x509", program=program)) as world:
        answer = await world.post(body)

        assert refusal(answer) == expected
        assert answer.status_code == 500
        assert world.record()["order"] == []
        assert code(await world.post(SIGNED)) == "ok"


def _dossier() -> bytes:
    return xades.prepare(filing(), CALLER, element=HOSO, now=NOW).document


XADES = _dossier()
OF_XADES = "{http://uri.etsi.org/01903/v1.3.2#}"


def _wrap_dossier(root: Any) -> None:
    """The signed dossier goes into the header, another stands in the call."""
    dossier = _one(root, HOSO)
    parent, place = dossier.getparent(), dossier.getparent().index(dossier)
    other = _one(etree.fromstring(filing("H99-261125-9999")), HOSO)
    etree.SubElement(root.find(f"{{{SOAP}}}Header"), "{urn:x}Kept").append(dossier)
    parent.insert(place, other)


def _another_certificate(root: Any) -> None:
    der = OVER.certificate.public_bytes(serialization.Encoding.DER)
    _set_text(f"{{{DS}}}X509Certificate", base64.b64encode(der).decode())(root)


DOSSIERS: dict[str, tuple[bytes, str]] = {
    "unsigned": (filing(), "unsigned: no Signature in HoSo"),
    "changed": (XADES.replace(b"120.50", b"920.50"), "changed: the digest of HoSo differs"),
    "changed file": (XADES.replace(b"eA==", b"eQ==", 1), "changed: the digest of HoSo differs"),
    "changed time": (
        changed(XADES, _set_text(f"{OF_XADES}SigningTime", "2026-11-24T01:05:00Z")),
        "changed: the digest of SignedProperties differs",
    ),
    "changed value": (
        changed(XADES, _set_text(f"{{{DS}}}SignatureValue", base64.b64encode(b"x" * 256).decode())),
        "wrong value: SignatureValue was not made with this certificate's key",
    ),
    "wrapped": (changed(XADES, _wrap_dossier), "wrapped: more than one HoSo"),
    "stranger": (xades.prepare(filing(), STRANGER, element=HOSO, now=NOW).document, "unknown certificate"),
    "certificate over": (changed(XADES, _another_certificate), "certificate expired, or not valid yet"),
    "weak": (
        changed(XADES, _set(f"{{{DS}}}SignatureMethod", "Algorithm", f"{DS}rsa-sha1")),
        "weak algorithm: rsa-sha1",
    ),
    "of tomorrow": (
        xades.prepare(filing(), CALLER, element=HOSO, now=NOW + timedelta(days=1)).document,
        "signed in the future",
    ),
    "dossier not covered": (
        changed(XADES, _drop_reference(0)),
        "not covered: the signature does not cover the HoSo that it stands in",
    ),
    "properties not covered": (
        changed(XADES, _drop_reference(1)),
        "not covered: the signature does not cover its SignedProperties",
    ),
}


@pytest.mark.parametrize("name", DOSSIERS)
async def test_a_forged_dossier_is_refused_for_its_own_reason(program, name):
    body, expected = DOSSIERS[name]
    async with ministry(demanding("xades", program=program)) as world:
        answer = await world.post(body)

        assert refusal(answer) == expected
        assert world.record()["order"] == []
        assert code(await world.post(XADES)) == "ok"


async def test_a_certificate_swapped_for_another_of_the_same_key_is_seen(program):
    twin = certificate(private("rsa"), name="Sở Xây dựng H99, chứng thư khác")
    der = base64.b64encode(twin.public_bytes(serialization.Encoding.DER)).decode()
    async with ministry(demanding("xades", trusted=[CALLER.certificate, twin], program=program)) as world:
        answer = await world.post(changed(XADES, _set_text(f"{{{DS}}}X509Certificate", der)))
        assert refusal(answer) == "certificate swapped: not the one among the signed properties"


def _named(name: str) -> bytes:
    account = Account(username=name, password=ACCOUNT.password)
    return username.sign(filing(), account, kind=PasswordKind.DIGEST, nonce=os.urandom(20), now=NOW)


TOKENS: dict[str, tuple[Any, str]] = {
    "none": (filing, "unsigned: no Security header"),
    "somebody": (lambda: _named("ai-do"), "unknown user"),
    "old": (
        lambda: username.sign(
            filing(), ACCOUNT, kind=PasswordKind.DIGEST, nonce=os.urandom(20), now=NOW - timedelta(minutes=6)
        ),
        "stale: the token was not made in the last five minutes",
    ),
    "no nonce": (
        lambda: changed(_named(ACCOUNT.username), _drop(f"{{{WSSE}}}Nonce")),
        "incomplete: no password, no nonce or no time",
    ),
    "other time": (
        lambda: changed(_named(ACCOUNT.username), _set_text(f"{{{WSU}}}Created", "2026-11-25T01:05:01Z")),
        "wrong password",
    ),
}


@pytest.mark.parametrize("name", TOKENS)
async def test_a_forged_user_name_token_is_refused_for_its_own_reason(name):
    make, expected = TOKENS[name]
    async with ministry(demanding("wsse_username")) as world:
        assert refusal(await world.post(make())) == expected
        assert code(await world.post(_named(ACCOUNT.username))) == "ok"


async def test_without_a_proof_nothing_is_checked_and_the_record_says_so():
    async with ministry() as world:
        forged = SIGNED.replace(b"120.50", b"920.50")
        assert code(await world.post(forged)) == "ok"
        assert [each["signature"] for each in world.record()["calls"]["journal"]] == ["unchecked"]


def test_any_bytes_are_judged():
    judge = MinistryProof(
        {"*": "wsse_x509", "NopHoSo": "xades", "RutHoSo": "wsse_username"}, trusted=[CALLER.certificate]
    )
    bodies = (
        b"",
        b"\xff",
        b"<a/>",
        filing(),
        SIGNED,
        XADES,
        SIGNED[:-50],
        wrapped(""),
        b"<!DOCTYPE a [<!ENTITY e '1'>]><a/>",
    )
    for operation in ("NopHoSo", "RutHoSo", "LayKetQua", "unknown"):
        for body in bodies:
            assert isinstance(judge.judge(body, operation=operation, now=NOW), Judged)


async def test_a_signature_of_xmlsec_is_one_to_openssl(tmp_path):
    """The judge's own signatures, judged by openssl over the canonical form."""
    python_xmlsec()
    root = etree.fromstring(proof.sign(filing(), *pem(MINISTRY, 2), now=NOW))
    info, value = _one(root, f"{{{DS}}}SignedInfo"), _one(root, f"{{{DS}}}SignatureValue").text
    public = x509.load_pem_x509_certificate(pem(MINISTRY, 2)[1]).public_key()
    (tmp_path / "key.pem").write_bytes(
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "info").write_bytes(etree.tostring(info, method="c14n", exclusive=True, with_comments=False))
    (tmp_path / "value").write_bytes(base64.b64decode(value))
    words = ["dgst", "-sha256", "-verify", "key.pem", "-signature", "value", "info"]
    done = await asyncio.create_subprocess_exec(tool("openssl"), *words, cwd=tmp_path)
    assert await done.wait() == 0
