"""Where events may be sent, and where never."""

import pytest

from gateway.domain.errors import RecordError
from gateway.inbound.addresses import AddressGuard, masked
from gateway.settings import WebhookSettings

OPEN = AddressGuard(["*"], [])
CLOSED = AddressGuard([], [])


@pytest.mark.parametrize(
    "url",
    [
        "https://motcua.h99.example/events",
        "https://motcua.h99.example:8443/events?token=x",
        "https://10.1.2.3/events",
        "http://localhost:8000/events",
        "http://127.0.0.1:8000/events",
        "http://[::1]:8000/events",
    ],
)
def test_usual_endpoint_may_be_registered(url):
    OPEN.require(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://motcua.h99.example/events",
        "http://10.1.2.3/events",
        "ftp://motcua.h99.example/events",
        "file:///etc/passwd",
        "https:///events",
        "motcua.h99.example/events",
        "",
        "https://u:p@motcua.h99.example/",
        "https://motcua.h99.example/#x",
        "https://motcua.h99.example/a b",
        "https://motcua.h99.example/\n",
        "https://mộtcửa.example/",
        "https://motcua.h99.example:99999/",
        "https://[::1/",
        "https://h99.example/" + "x" * 2000,
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[fd00:ec2::254]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://100.100.100.200/",
    ],
)
def test_wrong_endpoint_is_refused_with_a_reason(url):
    with pytest.raises(RecordError) as fault:
        OPEN.require(url)

    (violation,) = fault.value.violations
    assert violation.pointer == "/url"
    assert violation.advice


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:169.254.1.1",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "0.0.0.0",  # noqa: S104 - the address, not a socket
        "::",
        "224.0.0.251",
        "ff02::1",
        "100.100.100.200",
        "fd00:ec2::254",
    ],
)
def test_address_of_no_one_door_system_is_never_connected_to(address):
    guard = AddressGuard(["*", "169.254.0.0/16", "::/0", "0.0.0.0/0"], ["*"])

    assert "never" in guard.refuse_address("motcua.h99.example", address)


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "192.168.1.1", "172.16.0.1", "127.0.0.1", "::1", "fd12::1", "100.64.0.1"]
)
def test_private_address_needs_the_operator_s_word(address):
    assert "webhooks.allow" in CLOSED.refuse_address("motcua.h99.example", address)
    assert OPEN.refuse_address("motcua.h99.example", address) is None


@pytest.mark.parametrize("address", ["203.113.1.1", "2402:800::1"])
def test_public_address_needs_nobody_s_word(address):
    assert CLOSED.refuse_address("motcua.h99.example", address) is None


@pytest.mark.parametrize(
    ("allow", "host", "address", "allowed"),
    [
        (["*.h99.example"], "motcua.h99.example", "10.1.2.3", True),
        (["*.H99.example"], "MotCua.h99.example", "10.1.2.3", True),
        (["*.h99.example"], "h99.example.invalid", "10.1.2.3", False),
        (["10.1.0.0/16"], "motcua.h99.example", "10.1.2.3", True),
        (["10.1.0.0/16"], "motcua.h99.example", "10.2.2.3", False),
        (["10.1.2.3"], "motcua.h99.example", "10.1.2.3", True),
        (["10.1.0.0/16"], "motcua.h99.example", "fd12::1", False),
        (["10.1.0.0/16"], "motcua.h99.example", "::ffff:10.1.2.3", True),
    ],
)
def test_private_address_is_allowed_by_host_or_network(allow, host, address, allowed):
    assert (AddressGuard(allow, []).refuse_address(host, address) is None) is allowed


def test_host_may_be_addressed_without_tls_when_the_operator_says_so():
    guard = AddressGuard(["*"], ["*.noibo.h99.example"])

    guard.require("http://motcua.noibo.h99.example/events")
    with pytest.raises(RecordError):
        guard.require("http://motcua.h99.example/events")


def test_address_in_the_text_is_judged_like_a_resolved_one():
    with pytest.raises(RecordError):
        CLOSED.require("https://10.1.2.3/events")
    AddressGuard(["10.0.0.0/8"], []).require("https://10.1.2.3/events")


def test_nothing_but_public_addresses_is_called_unless_the_settings_say_so():
    settings = WebhookSettings()
    guard = AddressGuard(settings.allow, settings.allow_http)

    guard.require("https://motcua.h99.example/events")
    assert guard.refuse_address("motcua.h99.example", "203.113.1.1") is None
    for private in ("10.1.2.3", "127.0.0.1", "::1", "fd12::1", "192.168.0.9"):
        assert "webhooks.allow" in guard.refuse_address("motcua.h99.example", private)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://motcua.h99.example/hooks/lienthong", "https://motcua.h99.example/hooks/lienthong"),
        ("https://motcua.h99.example:8443/h?token=mat-khau", "https://motcua.h99.example:8443/h?…"),
        (
            "https://chat.h99.example/services/0123456789abcdef01234/x",
            "https://chat.h99.example/services/…/x",
        ),
        ("https://u:mat-khau@motcua.h99.example/", "https://motcua.h99.example/"),
        ("https://[::1/", "…"),
    ],
)
def test_address_is_shown_without_what_may_be_a_key(url, shown):
    assert masked(url) == shown
