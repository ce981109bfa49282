"""Mutual TLS with pinned authorities: real handshakes on this machine, and what is refused in them, on both sides."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.cli.doctor.certificates import check_certificates
from gateway.cli.doctor.finding import Level
from gateway.domain.errors import ConfigurationError
from gateway.port import Capacity, Secret, WireRequest
from gateway.settings import DestinationSettings, Settings, TlsSettings, decode
from gateway.wire.certificate import Invalid, Valid, certificate_of
from gateway.wire.client import Answered, HttpClient, NotSent
from gateway.wire.tls import certificates_of, tls_context

CAPACITY = Capacity(concurrency=2, connect_timeout=2.0, read_timeout=2.0)
CANARY = "canary-password-91"


@dataclass
class Holder:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self, password=None):
        sealed = (
            serialization.NoEncryption()
            if password is None
            else serialization.BestAvailableEncryption(password.encode())
        )
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, sealed).decode()


def made(name, issuer=None, *, days=30, host=None):
    """A certificate for ``name``, by ``issuer`` or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=60))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if host is not None:
        address = x509.IPAddress(ipaddress.ip_address(host))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    signer = key if issuer is None else issuer.key
    return Holder(builder.sign(signer, hashes.SHA256()), key)


@pytest.fixture(scope="module")
def authority():
    return made("CA của đối tác thử nghiệm")


@pytest.fixture(scope="module")
def other_authority():
    return made("CA khác")


@pytest.fixture(scope="module")
def serving(authority):
    return made("partner", authority, host="127.0.0.1")


@pytest.fixture(scope="module")
def ours(authority):
    return made("H99 gateway", authority)


class Partner:
    """A server that wants a certificate by ``trusts``; ``heard`` are the requests that got through."""

    def __init__(self, tmp_path, holder, trusts):
        self.heard = []
        chain = tmp_path / f"serving-{holder.certificate.serial_number}.pem"
        chain.write_text(holder.pem + holder.key_pem())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain)
        self.context.load_verify_locations(cadata=trusts.pem)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.shown = []

    async def serve(self, reader, writer):
        try:
            self.heard.append(await reader.readuntil(b"\r\n\r\n"))
            self.shown.append(writer.get_extra_info("peercert"))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@pytest.fixture
async def partner(tmp_path, serving, authority):
    opened = Partner(tmp_path, serving, authority)
    running = await asyncio.start_server(opened.serve, "127.0.0.1", 0, ssl=opened.context)
    opened.port = running.sockets[0].getsockname()[1]
    async with running:
        yield opened


def pinned(tmp_path, authority, holder=None, password=None, **more):
    file = tmp_path / f"ca-{authority.certificate.serial_number}.pem"
    file.write_text(authority.pem)
    if holder is not None:
        more |= {"certificate": Secret(holder.pem), "key": Secret(holder.key_pem(password))}
    if password is not None:
        more |= {"key_password": Secret(password)}
    return TlsSettings(ca_file=str(file), **more)


async def called(partner, settings):
    client = HttpClient(CAPACITY, verify=tls_context(settings, "ministry"))
    try:
        return await client.exchange(WireRequest(method="GET", url=f"https://127.0.0.1:{partner.port}/"))
    finally:
        await client.close()


async def test_both_sides_know_each_other(tmp_path, partner, authority, ours):
    result = await called(partner, pinned(tmp_path, authority, ours))

    assert isinstance(result, Answered)
    assert partner.shown[0]["subject"] == ((("commonName", "H99 gateway"),),)


async def test_key_with_a_password_is_opened(tmp_path, partner, authority, ours):
    result = await called(partner, pinned(tmp_path, authority, ours, CANARY))

    assert isinstance(result, Answered)


async def test_without_our_certificate_nothing_gets_through(tmp_path, partner, authority):
    result = await called(partner, pinned(tmp_path, authority))

    assert not isinstance(result, Answered)
    assert partner.heard == []


async def test_certificate_of_another_authority_is_refused_by_the_partner(
    tmp_path, partner, authority, other_authority
):
    stranger = made("H99 gateway", other_authority)

    result = await called(partner, pinned(tmp_path, authority, stranger))

    assert not isinstance(result, Answered)
    assert partner.heard == []


async def test_expired_certificate_of_ours_is_refused_by_the_partner(tmp_path, partner, authority):
    expired = made("H99 gateway", authority, days=-1)

    result = await called(partner, pinned(tmp_path, authority, expired))

    assert not isinstance(result, Answered)
    assert partner.heard == []


async def test_partner_of_another_authority_is_refused_by_us(tmp_path, partner, other_authority, ours):
    result = await called(partner, pinned(tmp_path, other_authority, ours))

    assert isinstance(result, NotSent)
    assert "CERTIFICATE_VERIFY_FAILED" in result.reason
    assert partner.heard == []


async def test_partner_under_another_name_is_refused_by_us(tmp_path, authority, ours):
    elsewhere = Partner(tmp_path, made("partner", authority, host="127.0.0.9"), authority)
    running = await asyncio.start_server(elsewhere.serve, "127.0.0.1", 0, ssl=elsewhere.context)
    elsewhere.port = running.sockets[0].getsockname()[1]
    async with running:
        result = await called(elsewhere, pinned(tmp_path, authority, ours))

    assert isinstance(result, NotSent)
    assert elsewhere.heard == []


async def test_pinned_authority_replaces_those_of_the_system(tmp_path, authority):
    context = tls_context(pinned(tmp_path, authority), "ministry")

    assert context is not None
    assert [dict(part[0] for part in each["subject"])["commonName"] for each in context.get_ca_certs()] == [
        "CA của đối tác thử nghiệm"
    ]
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.check_hostname


def test_nothing_configured_is_the_shared_context():
    assert tls_context(TlsSettings(), "ministry") is None


async def test_doctors_question_uses_the_destinations_own_tls(tmp_path, partner, authority, ours):
    context = tls_context(pinned(tmp_path, authority, ours), "ministry")

    trusted = await certificate_of("127.0.0.1", partner.port, context=context)
    untrusted = await certificate_of("127.0.0.1", partner.port)

    assert isinstance(trusted, Valid)
    assert isinstance(untrusted, Invalid)


def wrong_key(tmp_path, authority, ours):
    return pinned(
        tmp_path, authority, certificate=Secret(ours.pem), key=Secret(made("other", authority).key_pem())
    )


def no_pem(tmp_path, authority, ours):
    return pinned(tmp_path, authority, certificate=Secret(CANARY), key=Secret(CANARY))


def wrong_password(tmp_path, authority, ours):
    return TlsSettings(
        certificate=Secret(ours.pem), key=Secret(ours.key_pem(CANARY)), key_password=Secret(f"{CANARY}-not")
    )


def no_password(tmp_path, authority, ours):
    return TlsSettings(certificate=Secret(ours.pem), key=Secret(ours.key_pem(CANARY)))


def missing_file(tmp_path, authority, ours):
    return TlsSettings(ca_file=str(tmp_path / "nowhere.pem"))


def no_authority(tmp_path, authority, ours):
    (tmp_path / "empty.pem").write_text("no certificate")
    return TlsSettings(ca_file=str(tmp_path / "empty.pem"))


@pytest.mark.parametrize(
    "build", [wrong_key, no_pem, wrong_password, no_password, missing_file, no_authority]
)
def test_what_cannot_be_used_stops_the_start_and_quotes_no_secret(tmp_path, authority, ours, build):
    settings = build(tmp_path, authority, ours)

    with pytest.raises(ConfigurationError, match=r"destination\.ministry\.tls") as fault:
        tls_context(settings, "ministry")

    told = f"{fault.value} {fault.value.__cause__} {settings!r}"
    assert CANARY not in told
    assert "PRIVATE KEY" not in told


@pytest.mark.parametrize(
    "tls",
    [{"certificate": {"env": "C"}}, {"key": {"env": "C"}}, {"key_password": {"env": "C"}}, {"key": "inline"}],
)
def test_settings_that_do_not_fit_together_stop_the_start(tls):
    with pytest.raises(ConfigurationError):
        decode({"destination": {"ministry": {"tls": tls}}}, Settings, {"C": "x"})


def test_certificate_and_key_come_by_file_or_variable(tmp_path, authority, ours):
    (tmp_path / "ours.pem").write_text(ours.pem)
    document = {"tls": {"certificate": {"file": str(tmp_path / "ours.pem")}, "key": {"env": "KEY"}}}

    section = decode(document, DestinationSettings, {"KEY": ours.key_pem()})

    assert tls_context(section.tls, "ministry") is not None
    [found] = certificates_of(section.tls, "ministry")
    assert (found.role, found.subject) == ("client", "CN=H99 gateway")


@pytest.mark.parametrize(("days", "level"), [(300, Level.OK), (5, Level.WARN), (-1, Level.FAIL)])
def test_doctor_tells_until_when_our_certificate_is_valid(tmp_path, authority, days, level):
    tls = pinned(tmp_path, made("CA", days=300), made("H99 gateway", authority, days=days))
    settings = Settings(destination={"ministry": DestinationSettings(tls=tls)})

    [client, trusted] = check_certificates(settings)

    assert (client.level, trusted.level) == (level, Level.OK)
    assert "H99 gateway" in client.found
    assert bool(client.cure) == (level is not Level.OK)


def test_doctor_tells_of_a_key_that_does_not_fit(tmp_path, authority, ours):
    settings = Settings(destination={"m": DestinationSettings(tls=wrong_key(tmp_path, authority, ours))})

    [finding] = check_certificates(settings)

    assert finding.level is Level.FAIL
