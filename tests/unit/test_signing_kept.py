"""Keys in a whole gateway: refused at the start, shown by doctor and metrics, passwords kept out of the log."""

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization

from adapters.national_portal.adapter import build
from gateway.bootstrap import build_keyring, open_gateway
from gateway.cli.doctor.finding import Level
from gateway.cli.doctor.keys import check_keys
from gateway.domain.errors import ConfigurationError
from gateway.port.signing import Profile, SigningPolicy
from gateway.settings import DestinationSettings, Settings
from gateway.telemetry import metrics_page
from tests.unit.portal import settings as portal_settings
from tests.unit.signing_world import DAY, NOW, certificate, pem, private


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """Settings with one key, one pinned partner and one account."""
    key = private("p256", 60)
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "own.key").write_bytes(written)
    (tmp_path / "own.crt").write_bytes(pem(certificate(key, ends=NOW + 400 * DAY)))
    (tmp_path / "theirs.crt").write_bytes(pem(certificate(private("p256", 61), ends=NOW + 20 * DAY)))
    monkeypatch.setenv("PERMIT_PASSWORD", "mật khẩu của tỉnh")
    return {
        "keys": {
            "permits": [
                {"kind": "pem", "certificate": str(tmp_path / "own.crt"), "key": str(tmp_path / "own.key")}
            ]
        },
        "trusted": {"ministry": [str(tmp_path / "theirs.crt")]},
        "accounts": {"ministry": {"username": "h99", "password": {"env": "PERMIT_PASSWORD"}}},
    }


def settings_with(signing, folder=None):
    found = Settings(signing=signing)
    if folder is None:
        return found
    database = msgspec.structs.replace(found.database, url=f"sqlite:///{folder / 'lienthong.db'}")
    return msgspec.structs.replace(found, database=database)


def test_doctor_tells_what_is_good_what_ends_soon_and_what_is_over(keys):
    levels = {each.subject: each.level for each in check_keys(settings_with(keys), now=NOW)}
    assert levels == {"signing: key permits": Level.OK, "signing: trusted ministry": Level.WARN}

    later = {each.subject: each for each in check_keys(settings_with(keys), now=NOW + 21 * DAY)}
    assert later["signing: trusted ministry"].level is Level.FAIL
    assert "pin it beside the old one" in later["signing: trusted ministry"].cure
    early = [each.level for each in check_keys(settings_with(keys), now=NOW - 31 * DAY)]
    assert early == [Level.FAIL, Level.FAIL]


def test_doctor_tells_what_cannot_be_used(keys):
    keys["trusted"]["ministry"] = ["absent.crt"]

    (finding,) = check_keys(settings_with(keys), now=NOW)

    assert finding.level is Level.FAIL
    assert "absent.crt" in finding.found


def test_doctor_has_nothing_to_say_about_no_keys():
    assert list(check_keys(Settings(), now=NOW)) == []


@pytest.mark.parametrize(
    "signing",
    [
        {"kees": {}},
        {"keys": {"a": [{"kind": "paper"}]}},
        {"accounts": {"a": {"username": "u", "password": "inline"}}},
    ],
)
def test_a_section_that_is_wrong_stops_the_start_with_its_name(signing):
    with pytest.raises(ConfigurationError, match=r"^signing"):
        build_keyring(settings_with(signing))


async def test_metrics_say_until_when_and_a_gateway_has_its_keys(keys, tmp_path):
    gateway = await open_gateway(settings_with(keys, tmp_path))
    try:
        until = int((NOW + 400 * DAY).replace(microsecond=0).timestamp())
        name = 'lienthong_certificate_not_after_timestamp_seconds{name="permits",use="key"}'
        (shown,) = (each for each in metrics_page().decode().splitlines() if each.startswith(name))
        assert float(shown.rpartition(" ")[2]) == until
        assert gateway.keyring.account("ministry").password.reveal() == "mật khẩu của tỉnh"
    finally:
        await gateway.close()


class SignedPortal:
    """An adapter whose operations are to be signed."""

    def __init__(self, policy):
        self._adapter = build(portal_settings())
        manifest = self._adapter.manifest
        operations = tuple(msgspec.structs.replace(each, signing=policy) for each in manifest.operations)
        self.manifest = msgspec.structs.replace(manifest, operations=operations)

    def __getattr__(self, name):
        return getattr(self._adapter, name)


@pytest.mark.parametrize("key", ["permits", "absent"])
async def test_a_policy_without_its_key_stops_the_start(keys, tmp_path, key):
    adapter = SignedPortal(SigningPolicy(profile=Profile.WSSE_X509, key=key))
    chosen = msgspec.structs.replace(
        settings_with(keys, tmp_path), destination={"national_portal": DestinationSettings()}
    )
    if key == "absent":
        with pytest.raises(ConfigurationError, match=r"^destination.national_portal, .*'absent'"):
            await open_gateway(chosen, extra={"national_portal": adapter})
        return

    gateway = await open_gateway(chosen, extra={"national_portal": adapter})
    try:
        # an account's password may stand in a message, and the log must know it
        assert "mật khẩu của tỉnh" in gateway.destinations["national_portal"].secrets()
    finally:
        await gateway.close()
