"""Keys from files and tokens: opened, paired, judged, rotated with overlap, and never shown."""

import logging
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from gateway.domain.errors import ConfigurationError
from gateway.port import Secret
from gateway.signing import jws, wsse
from gateway.signing.findings import CannotSign
from gateway.signing.keyring import (
    Account,
    AuthoritySettings,
    Keyring,
    PemFiles,
    Pkcs12File,
    SigningSettings,
    TokenKey,
    load,
)
from gateway.signing.keys import local_key
from tests.unit.signing_world import DAY, NOW, bad, certificate, expecting, good, message, pem, private, tool

PASSPHRASE = Secret("câu mở khoá rất bí mật")


def written(key, passphrase=None):
    sealed = serialization.BestAvailableEncryption(passphrase.reveal().encode()) if passphrase else None
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed or serialization.NoEncryption()
    )


@pytest.fixture
def files(tmp_path):
    key = private("p256")
    own = certificate(key)
    (tmp_path / "certificate.pem").write_bytes(pem(own) + pem(certificate(private("p256", 1), name="Gốc")))
    (tmp_path / "certificate.der").write_bytes(own.public_bytes(serialization.Encoding.DER))
    (tmp_path / "open.pem").write_bytes(written(key))
    (tmp_path / "sealed.pem").write_bytes(written(key, PASSPHRASE))
    (tmp_path / "key.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"k", key, own, None, serialization.BestAvailableEncryption(PASSPHRASE.reveal().encode())
        )
    )
    return tmp_path


def pem_files(folder, key="open.pem", *, passphrase=None, named="certificate.pem"):
    return PemFiles(certificate=str(folder / named), key=str(folder / key), passphrase=passphrase)


def ring(source):
    return load(SigningSettings(keys={"permit": [source]}))


@pytest.mark.parametrize("kind", ["open", "sealed", "der", "pkcs12"])
def test_a_key_is_loaded_from_every_kind_of_file_and_signs(files, kind):
    sources = {
        "open": pem_files(files),
        "sealed": pem_files(files, "sealed.pem", passphrase=PASSPHRASE),
        "der": pem_files(files, named="certificate.der"),
        "pkcs12": Pkcs12File(file=str(files / "key.p12"), passphrase=PASSPHRASE),
    }
    key = ring(sources[kind]).key("permit", NOW)

    good(wsse.verify(wsse.sign(message(), key, now=NOW), expecting(key)))


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (lambda folder: pem_files(folder, "sealed.pem"), "passphrase"),
        (lambda folder: pem_files(folder, "sealed.pem", passphrase=Secret("sai")), "passphrase"),
        (lambda folder: pem_files(folder, "absent.pem"), "No such file"),
        (lambda folder: pem_files(folder, "certificate.der"), "PEM"),
        (lambda folder: pem_files(folder, named="open.pem"), "no certificate"),
        (lambda folder: pem_files(folder, "other.pem"), "does not belong"),
        (lambda folder: Pkcs12File(file=str(folder / "key.p12"), passphrase=Secret("sai")), "passphrase"),
        (lambda folder: Pkcs12File(file=str(folder / "open.pem")), "PKCS#12"),
    ],
)
def test_a_key_that_cannot_be_used_stops_the_start_with_what_to_do(files, source, told):
    (files / "other.pem").write_bytes(written(private("p256", 1)))

    with pytest.raises(ConfigurationError, match=told) as refused:
        ring(source(files))

    assert PASSPHRASE.reveal() not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("kind", ["rsa1024", "secp256k1"])
def test_a_weak_key_is_refused_when_it_is_loaded(kind):
    with pytest.raises(ConfigurationError, match="stronger"):
        local_key("permit", private(kind), certificate(private(kind)))


def test_a_certificate_that_is_not_for_signatures_is_refused():
    flags = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
        ),
        False,
    )
    usage = x509.KeyUsage(**flags, key_encipherment=True, encipher_only=False, decipher_only=False)

    with pytest.raises(ConfigurationError, match="not issued for signatures"):
        local_key("permit", private("p256"), certificate(private("p256"), extensions=((usage, True),)))


def rotation():
    """The old key until the fifth day from now, the new one from yesterday on, the next one from the third day on."""
    spans = {0: (-30, 5), 1: (-1, 40), 2: (3, 80)}
    return [
        local_key(
            "permit",
            private("p256", number),
            certificate(private("p256", number), begins=NOW + a * DAY, ends=NOW + b * DAY),
        )
        for number, (a, b) in spans.items()
    ]


def test_the_newest_valid_key_signs_and_all_verify():
    old, new, following = rotation()
    keyring = Keyring(keys={"permit": [old, new, following]})
    trusted = expecting(old, new, following)

    assert keyring.key("permit", NOW) is new
    assert keyring.key("permit", NOW - 2 * DAY) is old
    assert keyring.key("permit", NOW + 4 * DAY) is following
    for key in (old, new):
        good(jws.verify(jws.sign(b"x", key, now=NOW), b"x", trusted))
    bad(jws.verify(jws.sign(b"x", following, now=NOW), b"x", trusted), "certificate_not_yet_valid")


def test_no_valid_key_is_a_fault_that_names_the_cure():
    keyring = Keyring(keys={"permit": rotation()[:1]})

    with pytest.raises(CannotSign, match=r"expired on 2026-12-01; install") as refused:
        keyring.key("permit", NOW + 6 * DAY)
    assert refused.value.code == "key_expired"
    with pytest.raises(CannotSign, match="is not valid before"):
        keyring.key("permit", NOW - 60 * DAY)
    with pytest.raises(CannotSign, match="has no key 'other'"):
        keyring.key("other", NOW)


def test_names_that_are_missing_are_told():
    empty = Keyring()

    for ask in (empty.account, empty.authority):
        with pytest.raises(CannotSign, match="'moc'"):
            ask("moc")
    with pytest.raises(ConfigurationError, match="pin"):
        empty.trusted("moc")


def test_validities_tell_until_when_each_name_works(files):
    settings = SigningSettings(
        keys={"permit": [pem_files(files)]},
        trusted={"moc": [str(files / "certificate.pem")]},
        authorities={
            "tsa": AuthoritySettings(url="https://tsa.example/", roots=[str(files / "certificate.der")])
        },
        accounts={"moc": Account(username="u", password=Secret("p"))},
    )

    keyring = load(settings)
    found = {(each.use, each.name): each for each in keyring.validities()}

    assert set(found) == {("key", "permit"), ("trusted", "moc"), ("authority", "tsa")}
    assert all(each.until == (NOW + 30 * DAY).replace(microsecond=0) for each in found.values())
    assert found["trusted", "moc"].certificates == 2
    assert keyring.account("moc").username == "u"
    assert keyring.secrets() == ("p",)
    assert keyring.authority("tsa").url == "https://tsa.example/"


def test_nothing_secret_is_shown(files, caplog):
    caplog.set_level(logging.DEBUG)
    settings = SigningSettings(
        keys={"permit": [pem_files(files, "sealed.pem", passphrase=PASSPHRASE)]},
        accounts={"moc": Account(username="u", password=PASSPHRASE)},
    )
    keyring = load(settings)
    key = keyring.key("permit", NOW)
    scalar = str(private("p256").private_numbers().private_value)

    shown = f"{settings!r}{keyring!r}{key!r}{keyring.account('moc')!r}{caplog.text}"

    assert PASSPHRASE.reveal() not in shown
    assert scalar not in shown
    assert "permit" in shown


# --- PKCS#11


MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
PIN = Secret("87654321")


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory):
    """A token with an RSA and a P-256 key, each beside its certificate, or why there is none."""
    pkcs11 = pytest.importorskip(
        "pkcs11", reason="python-pkcs11 is not installed (pip install lienthong[hsm])"
    )
    module = next((path for path in MODULES if Path(path).exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip(
            "SoftHSM is not on this machine (Debian: apt-get install softhsm2); no token to sign with"
        )
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        start = ["--init-token", "--free", "--label", "h99", "--pin", PIN.reveal(), "--so-pin", "12345678"]
        subprocess.run([tool("softhsm2-util"), *start], check=True, capture_output=True)
        library = pkcs11.lib(module)
        library.reinitialize()
        for kind in ("rsa", "p256"):
            _import(library, module, folder, kind)
        yield module


def _import(library, module, folder, kind):
    import pkcs11

    key = private(kind, 40)
    (folder / f"{kind}.pem").write_bytes(written(key))
    words = [
        "--import",
        str(folder / f"{kind}.pem"),
        "--token",
        "h99",
        "--label",
        kind,
        "--id",
        "01" if kind == "rsa" else "02",
    ]
    subprocess.run(
        [tool("softhsm2-util"), *words, "--pin", PIN.reveal(), "--module", module],
        check=True,
        capture_output=True,
    )
    library.reinitialize()
    with library.get_token(token_label="h99").open(user_pin=PIN.reveal(), rw=True) as session:
        der = certificate(key).public_bytes(serialization.Encoding.DER)
        session.create_object(
            {
                pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
                pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                pkcs11.Attribute.LABEL: kind,
                pkcs11.Attribute.TOKEN: True,
                pkcs11.Attribute.SUBJECT: b"0",
                pkcs11.Attribute.VALUE: der,
            }
        )


def token_key(own_module, **changes):
    fields = {"module": own_module, "token": "h99", "label": "rsa", "pin": PIN} | changes
    return TokenKey(**fields)


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_a_token_signs_and_the_key_stays_in_it(softhsm, kind):
    key = ring(token_key(softhsm, label=kind)).key("permit", NOW)

    good(wsse.verify(wsse.sign(message(), key, now=NOW), expecting(key)))
    good(jws.verify(jws.sign(b"x", key, now=NOW), b"x", expecting(key)))
    assert PIN.reveal() not in repr(key)


def test_a_session_that_breaks_is_opened_anew(softhsm):
    key = ring(token_key(softhsm)).key("permit", NOW)
    key.sign(key.algorithm("xml"), b"one")
    key.signer.__self__._session.close()

    assert key.sign(key.algorithm("xml"), b"two")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"pin": Secret("0000")}, "does not open"),
        ({"token": "absent"}, "does not open"),
        ({"label": "absent"}, "does not open|no certificate"),
        ({"module": "/nowhere/libtoken.so"}, "does not open"),
    ],
)
def test_a_token_that_does_not_open_stops_the_start(softhsm, changes, told):
    import pkcs11

    pkcs11.lib(softhsm).reinitialize()  # a process logs in to a token once, whoever has the PIN right first
    with pytest.raises(ConfigurationError, match=told) as refused:
        ring(token_key(softhsm, **changes))

    assert "0000" not in str(refused.value)


def test_a_token_that_fails_later_is_a_fault_of_signing(softhsm, files):
    key = ring(token_key(softhsm, label="gone", certificate=str(files / "certificate.pem"))).key(
        "permit", NOW
    )

    with pytest.raises(CannotSign, match="does not sign") as refused:
        key.sign(key.algorithm("xml"), b"x")

    assert refused.value.code == "token_unavailable"


def test_validity_is_counted_from_now(softhsm):
    key = ring(token_key(softhsm)).key("permit", NOW + timedelta(days=29))

    assert key.good_at(NOW)
