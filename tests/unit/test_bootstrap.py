"""Secrets of the configuration are known to redaction, however deep they stand."""

from __future__ import annotations

import msgspec
import pytest

from gateway.bootstrap import secrets_in
from gateway.port import Secret
from tests.log_reading import logged_bodies


class Inner(msgspec.Struct):
    key: Secret
    name: str = "not a secret"


class Outer(msgspec.Struct):
    password: Secret
    inner: Inner
    more: dict[str, Secret]
    listed: list[Inner]
    none: Secret | None = None


def test_every_secret_of_a_section_is_found():
    section = Outer(
        password=Secret("one-1111"),
        inner=Inner(key=Secret("two-2222")),
        more={"x": Secret("three-33")},
        listed=[Inner(key=Secret("four-444"))],
    )

    assert list(secrets_in(section)) == ["one-1111", "two-2222", "three-33", "four-444"]


async def test_password_that_a_partner_echoes_is_not_stored(tmp_path, monkeypatch):
    import httpx

    from gateway.bootstrap import open_gateway
    from gateway.delivery.catalogues import ask
    from gateway.settings import Settings, decode

    monkeypatch.setenv("ECHO_PASSWORD", "mat-khau-rat-dai")
    document = {
        "database": {"url": f"sqlite:///{tmp_path}/x.db"},
        "destination": {
            "national_portal": {
                "settings": {
                    "adapter_url": "http://portal.example/forward",
                    "username": "u",
                    "password": {"env": "ECHO_PASSWORD"},
                    "madonvi": "H99",
                    "province_code": "H99",
                    "agency_name": "A",
                }
            }
        },
    }
    echo = httpx.MockTransport(lambda request: httpx.Response(500, content=b"<p>you said " + request.content))
    gateway = await open_gateway(decode(document, Settings), transports={"national_portal": echo})
    try:
        await ask(gateway.destinations["national_portal"], "procedures", {})
        bodies = logged_bodies(gateway.database)
        assert any(b"you said" in body for body in bodies)
        assert all(b"mat-khau-rat-dai" not in body for body in bodies)
    finally:
        await gateway.close()


@pytest.mark.parametrize(
    ("peer", "networks", "taken"),
    [
        ("127.0.0.1", ["127.0.0.0/8"], True),
        ("10.20.3.4", ["127.0.0.0/8"], False),
        ("10.20.3.4", ["127.0.0.0/8", "10.20.0.0/16"], True),
        ("::ffff:10.20.3.4", ["10.20.0.0/16"], True),
        ("::1", ["::1/128"], True),
        ("", ["0.0.0.0/0"], False),
        ("testclient", ["0.0.0.0/0"], False),
        ("10.20.3.4", [], False),
    ],
)
def test_partner_is_known_by_its_network(peer, networks, taken):
    from gateway.api.callbacks import is_within

    assert is_within(peer, networks) is taken


async def test_unreadable_network_stops_the_start(tmp_path):
    from gateway.bootstrap import open_gateway
    from gateway.domain.errors import ConfigurationError
    from gateway.settings import Settings, decode

    document = {
        "database": {"url": f"sqlite:///{tmp_path}/x.db"},
        "destination": {"national_portal": {"inbound_from": ["10.20.0.0/99"]}},
    }

    with pytest.raises(ConfigurationError, match="inbound_from"):
        await open_gateway(decode(document, Settings))
