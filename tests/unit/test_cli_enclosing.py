"""What ``lienthong encode`` puts into a call besides the record: the bytes of files, and a signature that is good."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.enclosing import ROUNDS, files_at, signed, with_files
from gateway.domain.errors import FILE, CannotEncode, ConfigurationError, NotFoundError
from gateway.port import Context, WireRequest
from gateway.port.signing import UNSIGNED, Answers, Profile, SigningPolicy
from gateway.sandbox import Authority
from gateway.settings import DatabaseSettings, Settings
from gateway.signing import wsse, xades
from gateway.signing.expectation import Expectation
from gateway.signing.findings import Verified
from gateway.signing.keys import certificates_in

NOW = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)
SOAP = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    b'<g:Nop xmlns:g="urn:thu"><g:HoSo Id="hs1"><g:Ma>1</g:Ma></g:HoSo></g:Nop></s:Body></s:Envelope>'
)
REQUEST = WireRequest(method="POST", url="https://bo.h99.example/ws", body=SOAP)
WSSE = SigningPolicy(profile=Profile.WSSE_X509, key="permits")
XADES = SigningPolicy(profile=Profile.XADES, key="permits", element="{urn:thu}HoSo")


def keyed(folder: Path) -> Settings:
    """Settings whose keyring has the key ``permits``."""
    holder = Authority(NOW).signer("H99 gateway")
    (folder / "own.pem").write_bytes(holder.certificate)
    (folder / "own.key").write_bytes(holder.key)
    source = {"kind": "pem", "certificate": str(folder / "own.pem"), "key": str(folder / "own.key")}
    return Settings(signing={"keys": {"permits": [source]}})


def expected(folder: Path) -> Expectation:
    return Expectation(trusted=tuple(certificates_in(folder / "own.pem")), now=NOW)


def test_a_call_is_shown_with_a_signature_that_verifies(tmp_path) -> None:
    made = signed(REQUEST, WSSE, keyed(tmp_path), NOW)
    found = wsse.verify(made.body, expected(tmp_path))
    assert isinstance(found, Verified)
    assert b"HoSo" in found.content


def test_a_signature_that_awaits_a_time_stamp_is_shown_without_it_and_says_so(tmp_path, capsys) -> None:
    settings = keyed(tmp_path)
    (tmp_path / "root.pem").write_bytes(Authority(NOW).root)
    authority = {"url": "http://127.0.0.1:1/", "roots": [str(tmp_path / "root.pem")]}
    stamped = Settings(signing={**settings.signing, "authorities": {"stamps": authority}})
    policy = SigningPolicy(
        **{name: getattr(XADES, name) for name in ("profile", "key", "element")}, timestamp="stamps"
    )
    made = signed(REQUEST, policy, stamped, NOW)
    assert isinstance(xades.verify(made.body, expected(tmp_path), element=XADES.element), Verified)
    assert "without its time stamp" in capsys.readouterr().err


def test_nothing_is_signed_where_the_contract_asks_for_nothing() -> None:
    assert signed(REQUEST, UNSIGNED, Settings(), NOW) is REQUEST
    assert signed(REQUEST, SigningPolicy(answers=Answers()), Settings(), NOW) is REQUEST


@pytest.mark.parametrize("policy", [WSSE, XADES])
def test_without_a_key_it_is_said_and_nothing_is_shown_as_signed(policy) -> None:
    with pytest.raises(ConfigurationError, match=r"'permits'.*--unsigned"):
        signed(REQUEST, policy, Settings(), NOW)


# Files

FILE_A, FILE_B = b"%PDF-1.4 a", b"%PDF-1.4 b"
DIGESTS = {hashlib.sha256(each).hexdigest(): each for each in (FILE_A, FILE_B)}


class Adapter:
    """Asks for one file after the other."""

    def __init__(self, *wanted: str) -> None:
        self.wanted = wanted

    def encode(self, context: Context) -> WireRequest:
        for digest in self.wanted:
            if digest not in context.files:
                missing = [(FILE, {"sha256": digest, "url": f"https://kho.h99.example/{digest}"})]
                raise CannotEncode("a file is still to be fetched", missing=missing)
        return WireRequest(method="POST", url="https://bo.h99.example", body=b"".join(context.files.values()))


def found_in(files: dict[str, bytes]) -> Any:
    return lambda wanted: {digest: files[digest] for digest in wanted & files.keys()}


def test_files_are_lent_until_the_call_is_whole() -> None:
    made = with_files(Adapter(*DIGESTS).encode, Context(now=NOW), found_in(DIGESTS))
    assert made.body == FILE_A + FILE_B


def test_a_file_that_is_not_there_is_named_with_its_digest_and_its_address() -> None:
    lost = hashlib.sha256(FILE_B).hexdigest()
    with pytest.raises(NotFoundError, match=rf"--files.*\n +{lost} +https://kho.h99.example/{lost}"):
        with_files(Adapter(*DIGESTS).encode, Context(now=NOW), found_in({lost[::-1]: b""} | _only(FILE_A)))


def test_an_adapter_that_never_has_enough_ends() -> None:
    asked = []

    def encode(context: Context) -> WireRequest:
        asked.append(len(context.files))
        raise CannotEncode(
            "more", missing=[(FILE, {"sha256": f"{len(asked):064}", "url": "https://kho.h99.example"})]
        )

    with pytest.raises(CannotEncode, match="more"):
        with_files(encode, Context(now=NOW), lambda wanted: dict.fromkeys(wanted, b""))
    assert asked == list(range(ROUNDS + 1))


def test_what_cannot_be_encoded_for_another_reason_is_told_as_it_is() -> None:
    def encode(context: Context) -> WireRequest:
        raise CannotEncode("the name is too long")

    with pytest.raises(CannotEncode, match="too long"):
        with_files(encode, Context(now=NOW), found_in({}))


def test_files_of_a_folder_are_found_by_what_is_in_them(tmp_path) -> None:
    (tmp_path / "bat-ky.pdf").write_bytes(FILE_A)
    (tmp_path / "folder").mkdir()
    assert files_at(Settings(), tmp_path, set(DIGESTS)) == _only(FILE_A)


def test_without_a_folder_and_a_database_there_are_no_files(tmp_path) -> None:
    settings = Settings(database=DatabaseSettings(url=f"sqlite:///{tmp_path / 'none.db'}"))
    assert files_at(settings, None, set(DIGESTS)) == {}
    assert not (tmp_path / "none.db").exists()


def _only(body: bytes) -> dict[str, bytes]:
    return {hashlib.sha256(body).hexdigest(): body}
