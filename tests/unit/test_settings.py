"""Configuration: one file, overridden by variables, secrets by reference, every mistake named before the start."""

import math

import msgspec
import pytest

from gateway.domain.errors import ConfigurationError
from gateway.port import Capacity, Secret
from gateway.settings import (
    DatabaseSettings,
    DeliverySettings,
    DestinationSettings,
    RetrySettings,
    Settings,
    database_url,
    decode,
    load,
)


def written(tmp_path, text):
    path = tmp_path / "lienthong.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_file_and_variables_there_are_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert load(environment={}) == Settings()
    assert load(environment={}).database.url == "sqlite:///lienthong.db"


def test_file_is_read(tmp_path):
    path = written(tmp_path, "[api]\nport = 9000\n[destination.portal]\nconcurrency = 3\n")

    settings = load(path, {})

    assert settings.api.port == 9000
    assert settings.destination["portal"].concurrency == 3


def test_file_that_is_named_must_exist(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no file"):
        load(tmp_path / "missing.toml", {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[api]\nport = 'many'", r"\$\.api\.port"),
        ("[api]\nport = 70000", r"\$\.api\.port"),
        ("[api]\nprot = 9000", "prot"),
        ("[delivery.retry]\nfirst = -1", r"\$\.delivery\.retry\.first"),
        ("[delivery.retry]\nfirst = 0", r"\$\.delivery\.retry\.first"),
        ("[delivery.retry]\nlongest = inf", r"\$\.delivery\.retry\.longest"),
        ("[delivery.retry]\nlongest = nan", r"\$\.delivery\.retry\.longest"),
        ("[delivery.retry]\nfactor = 1e9", r"\$\.delivery\.retry\.factor"),
        ("[delivery]\nbeat = 5.0\ndead_after = 6.0", "three beats"),
        ("[destination.portal]\nrate = 0", r"\$\.destination\[\.\.\.\]\.rate"),
        ("[destination.portal]\nread_timeout = 0", r"\$\.destination\[\.\.\.\]\.read_timeout"),
        ("[log]\nformat = 'xml'", r"\$\.log\.format"),
        ("not toml at all", "lienthong.toml"),
        ("[api]\nport = 1\nport = 2", "lienthong.toml"),
    ],
)
def test_mistake_is_named_with_its_place(tmp_path, text, told):
    with pytest.raises(ConfigurationError, match=told):
        load(written(tmp_path, text), {})


def test_file_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "lienthong.toml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigurationError, match=r"lienthong\.toml"):
        load(path, {})


# variables


@pytest.mark.parametrize(
    ("variable", "value", "found"),
    [
        ("LIENTHONG_API__PORT", "9001", lambda settings: settings.api.port == 9001),
        (
            "LIENTHONG_DATABASE__URL",
            "postgresql://gateway@db.example/gateway",
            lambda settings: settings.database.url == "postgresql://gateway@db.example/gateway",
        ),
        (
            "LIENTHONG_DELIVERY__RETRY__FIRST",
            "0.5",
            lambda settings: settings.delivery.retry.first == 0.5,
        ),
        (
            "LIENTHONG_DESTINATION__PORTAL__ENABLED",
            "false",
            lambda settings: settings.destination["portal"].enabled is False,
        ),
        (
            "LIENTHONG_DESTINATION__PORTAL__SETTINGS__MADONVI",
            '"000"',
            lambda settings: settings.destination["portal"].settings == {"madonvi": "000"},
        ),
        (
            "LIENTHONG_DATABASE__PASSWORD",
            '{ env = "DB_PASSWORD" }',
            lambda settings: settings.database.password == Secret("s3cret"),
        ),
    ],
)
def test_variable_overrides_the_file(tmp_path, variable, value, found):
    path = written(tmp_path, "[api]\nport = 9000\n[destination.portal]\n")

    assert found(load(path, {variable: value, "DB_PASSWORD": "s3cret"}))


def test_variables_of_others_are_left_alone(tmp_path):
    path = written(tmp_path, "")

    assert load(path, {"LIENTHONG_HOME": "/x", "PATH": "/bin", "API__PORT": "1"}) == Settings()


def test_variable_for_an_unknown_key_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="prot"):
        load(written(tmp_path, ""), {"LIENTHONG_API__PROT": "1"})


def test_variable_below_a_plain_value_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="port is not a section"):
        load(written(tmp_path, "[api]\nport = 9000\n"), {"LIENTHONG_API__PORT__X": "1"})


# secrets


class Account(msgspec.Struct, frozen=True, kw_only=True):
    password: Secret


def test_secret_comes_from_the_environment_or_a_file(tmp_path):
    (tmp_path / "password").write_text("s3cret\n")

    by_name = decode({"password": {"env": "PW"}}, Account, {"PW": "s3cret"})
    by_file = decode({"password": {"file": str(tmp_path / "password")}}, Account, {})

    assert by_name.password.reveal() == by_file.password.reveal() == "s3cret"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("inline-s3cret", "by reference"),
        ({"env": "MISSING"}, "MISSING is not set"),
        ({"file": "/no/such/file"}, "cannot read the secret"),
        ({"env": "A", "file": "B"}, "by reference"),
        (7, "by reference"),
        ({}, "by reference"),
    ],
)
def test_secret_that_is_not_a_reference_is_refused_without_being_shown(value, told):
    with pytest.raises(ConfigurationError, match=told) as caught:
        decode({"password": value}, Account, {})

    assert "inline-s3cret" not in str(caught.value)


def test_secret_is_never_shown():
    account = Account(password=Secret("s3cret"))

    assert (
        "s3cret" not in f"{account} {account!r} {account.password} {account.password!r} {[account.password]}"
    )


@pytest.mark.parametrize("password", ["plain", "p@ss:w/ord?#[]", "mật khẩu", "100%", " "])
def test_password_with_any_character_reaches_the_driver(password):
    from sqlalchemy.engine import make_url

    settings = DatabaseSettings(
        url="postgresql://gateway@db.example:5433/gw?sslmode=require", password=Secret(password)
    )

    url = make_url(database_url(settings))

    assert (url.username, url.password, url.host, url.port) == ("gateway", password, "db.example", 5433)
    assert url.query == {"sslmode": "require"}


def test_password_without_a_user_is_refused():
    with pytest.raises(ConfigurationError, match="needs a user"):
        database_url(DatabaseSettings(url="postgresql:///gw", password=Secret("x")))


# what the sections mean


def test_destination_overrides_the_manifests_capacity_only_where_it_says_so():
    plain = Capacity(concurrency=8, rate=None, connect_timeout=10.0, read_timeout=60.0)

    assert DestinationSettings().capacity(plain) == plain
    changed = DestinationSettings(concurrency=2, rate=1.5, read_timeout=5.0).capacity(plain)
    assert (changed.concurrency, changed.rate, changed.connect_timeout, changed.read_timeout) == (
        2,
        1.5,
        10.0,
        5.0,
    )


def test_defaults_keep_their_own_rules():
    """Whatever is changed here by hand must still be what a file may say."""
    again = msgspec.convert(msgspec.to_builtins(Settings()), Settings)

    assert again == Settings()
    assert DeliverySettings().dead_after >= 3 * DeliverySettings().beat
    assert math.isfinite(RetrySettings().longest)
