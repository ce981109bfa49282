"""The payment door as the platform meets it: over the API of a gateway that was built from a configuration."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.api.app import build_app
from gateway.bootstrap import open_gateway
from gateway.domain.errors import ConfigurationError
from gateway.port import WireResponse
from gateway.settings import Settings, decode
from tests.payment_door_world import NAME, DoorWorld, told
from tests.unit.payment_world import CONFIRM, SECRET

DOOR = f"/in/{NAME}/confirm"


def configuration(url, settings=None, **section):
    address = "https://lgsp.h99.example/platform"
    partner = {
        "secret": {"env": "PAYMENT_SECRET"},
        **dict.fromkeys(("init_url", "query_url", "bill_url"), address),
        "ip": "203.0.113.10",
    }
    own = {
        "partners": {"DEMOH99": partner},
        "payment_hosts": ["pay.example.test"],
        "receipt_hosts": ["pay.example.test"],
        **(settings or {}),
    }
    document = {
        "database": {"url": url},
        "api": {"port": 0},
        "destination": {NAME: {"settings": own, **section}},
    }
    return decode(document, Settings)


@asynccontextmanager
async def open_door(url, settings=None, **section):
    gateway = await open_gateway(configuration(url, settings, **section))
    door = DoorWorld(gateway.database)
    await door.open()

    async def tell(document, peer="127.0.0.1", path=DOOR, method="POST"):
        transport = httpx.ASGITransport(build_app(gateway), client=(peer, 40_000))
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
            headers = {"content-type": "application/json"}
            return await client.request(method, path, content=content, headers=headers)

    try:
        yield door, tell
    finally:
        await gateway.close()


def said(answer):
    return told(WireResponse(status=answer.status_code, body=answer.content))


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("PAYMENT_SECRET", SECRET)


async def test_report_over_the_api_settles_and_its_repetition_gets_the_same_bytes(sqlite_url):
    async with open_door(sqlite_url) as (door, tell):
        first, second = await tell(CONFIRM), await tell(CONFIRM)

        assert said(first) == (200, "00")
        assert first.content == second.content
        assert first.headers["content-type"] == "application/json; charset=utf-8"
        assert door.state() == "paid"
        assert len(door.settlements()) == 1


async def test_only_networks_of_both_lists_may_settle(sqlite_url):
    lists = {"settings": {"callback_networks": ["10.20.1.0/24"]}, "inbound_from": ["10.20.0.0/16"]}
    async with open_door(sqlite_url, **lists) as (door, tell):
        before = door.money()
        assert (await tell(CONFIRM, "127.0.0.1")).status_code == 403
        assert said(await tell(CONFIRM, "10.20.2.9")) == (403, "99")
        assert door.money() == before
        assert said(await tell(CONFIRM, "10.20.1.9")) == (200, "00")


async def test_as_many_refusals_are_kept_as_the_configuration_says(sqlite_url):
    async with open_door(sqlite_url, refusals_logged=2) as (door, tell):
        for _ in range(9):
            assert said(await tell({**CONFIRM, "MaXacThuc": "0" * 64})) == (401, "99")
        assert [row[2] for row in door.log()] == [None, "refused"] * 2


async def test_no_refusal_is_kept_where_none_is_wanted(sqlite_url):
    async with open_door(sqlite_url, refusals_logged=0) as (door, tell):
        assert said(await tell(b"\xff")) == (400, "99")
        assert door.log() == []


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_other_methods_are_refused_in_the_contracts_shape(sqlite_url, method):
    async with open_door(sqlite_url) as (door, tell):
        assert said(await tell(CONFIRM, method=method)) == (405, "99")
        assert door.state() == "created"


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/nhantbthuedvcqg", "/dptracuuthanhtoanhs"])
async def test_doors_that_are_not_configured_are_closed(sqlite_url, path):
    async with open_door(sqlite_url) as (door, tell):
        before = door.money()
        assert (await tell(CONFIRM, path=f"/in/{NAME}{path}")).status_code == 404
        assert door.money() == before


async def test_browser_that_returns_sees_what_the_report_has_made_of_it(sqlite_url):
    async with open_door(sqlite_url) as (_, tell):
        page = f"/payments/return/DEMOH99?data={CONFIRM['MaThamChieu']}&responseCode=00"
        assert "Đang chờ xác nhận" in (await tell(b"", path=page, method="GET")).text
        await tell(CONFIRM)
        assert "<h1>Đã thanh toán</h1>" in (await tell(b"", path=page, method="GET")).text


@pytest.mark.parametrize("network", ["10.20.0.0/99", "platform.example", "10.20.0.1/16"])
async def test_network_that_is_none_stops_the_start(sqlite_url, network):
    with pytest.raises(ConfigurationError, match="callback_networks"):
        await open_gateway(configuration(sqlite_url, {"callback_networks": [network]}))
