"""The sandbox over real sockets: every fault as a client meets it, repeatable plans, outages, admin door."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.national_portal.simulator import FAULTS, PortalSimulator
from adapters.national_portal.simulator_catalogue import DSTCODE
from gateway.domain.errors import RecordError
from gateway.port.simulator import SimulatedRequest, SimulatedResponse
from gateway.sandbox import (
    ANY,
    APPLICATION_FAULTS,
    CONTROL,
    PRESETS,
    SOCKET_FAULTS,
    FaultPlan,
    FaultRule,
    Latency,
    PushOrder,
    Sandbox,
    calm,
    decide,
    five_percent,
    serve_sandbox,
    storm,
)
from gateway.sandbox.http import BODY_LIMIT
from gateway.sandbox.stand import REPLAY_HEADER

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2024, 1, 31, 9, 0, tzinfo=UTC)
PORTAL = "national_portal"
FORWARD = "/XrdAdapter/RestService/forward"
CODE = "H99.14-240115-0007"
DOSSIER = {
    "MaHoSo": CODE,
    "MaTTHC": "1.009901.000.00.00.H99",
    "TenTTHC": "Cấp giấy xác nhận thử nghiệm",
    "MaLinhVuc": "G99-TN01",
    "TenLinhVuc": "Thử nghiệm",
    "KenhThucHien": "2",
    "NoiNopHoSo": "2",
    "ChuHoSo": "Nguyễn Văn Thử",
    "LoaiDoiTuong": "1",
    "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "099000000001"}],
    "TrichYeuHoSo": "Đề nghị cấp giấy xác nhận",
    "NgayNopHoSo": "20240114213000",
    "NgayTiepNhan": "20240115080500",
    "NgayHenTra": "20240122080500",
    "TrangThaiHoSo": "2",
    "HinhThuc": "0",
    "DonViXuLy": "Sở Thử nghiệm",
    "DuocThanhToanTrucTuyen": "1",
}
STEP = {
    "MaHoSo": CODE,
    "NguoiXuLy": "Cán bộ một cửa",
    "ThoiDiemXuLy": "20240115080500",
    "NoiDungXuLy": "Tiếp nhận hồ sơ",
    "TrangThai": "2",
}


class Reply:
    """Everything that came back on one connection, as bytes, and how the connection ended."""

    def __init__(self, data: bytes, end: str) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.data = data
        self.end = end
        self.status = int(lines[0].split()[1]) if data else 0
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }

    def json(self) -> Any:
        return json.loads(self.body)


async def exchange(url: str, data: bytes) -> Reply:
    """Send raw bytes, half-close nothing, read until the other side is done with us."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    received, end = b"", "closed"
    try:
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        while chunk := await asyncio.wait_for(reader.read(65_536), 20):
            received += chunk
    except ConnectionResetError:
        end = "reset"
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return Reply(received, end)


def request(
    path: str, body: bytes = b"", *, method: str = "POST", headers: Mapping[str, str] | None = None
) -> bytes:
    fields = {
        "host": "sandbox",
        "dstcode": DSTCODE,
        "connection": "close",
        "content-length": str(len(body)),
        **(headers or {}),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def send(url: str, path: str, document: Any = None, *, method: str = "POST") -> Reply:
    body = b"" if document is None else json.dumps(document).encode()
    return await exchange(url, request(path, body, method=method))


async def login(sandbox: Sandbox) -> str:
    credentials = {"username": "h99_gateway", "password": "mat-khau-mo-phong"}
    return (await send(sandbox.url(PORTAL), f"{FORWARD}/mapi/login", credentials)).json()["session"]


async def call(sandbox: Sandbox, session: str, service: str, **parameters: Any) -> Reply:
    envelope = {"session": session, "madonvi": "H99", "service": service, **parameters}
    return await send(sandbox.url(PORTAL), f"{FORWARD}/mapi/g", envelope)


async def create(sandbox: Sandbox, session: str, **changes: Any) -> Reply:
    data = [{**DOSSIER, **changes}]
    return await call(sandbox, session, "DongBoHoSoMC", isUpdating="False", data=data)


async def progress(sandbox: Sandbox, session: str, *steps: dict[str, Any]) -> Reply:
    return await call(sandbox, session, "CapNhatTienDoHoSoMC", data=list(steps))


def rules(*faults: FaultRule, seed: int = 1) -> FaultPlan:
    return FaultPlan(seed=seed, rules=faults)


def once(fault: str, service: str = "*", **options: Any) -> FaultPlan:
    return rules(FaultRule(fault=fault, first_n=1, service=service, **options))


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with serve_sandbox({PORTAL: PortalSimulator()}, clock=lambda: NOW) as running:
        yield running


# Without faults


async def test_a_dossier_goes_in_and_is_found_in_the_record(sandbox: Sandbox) -> None:
    session = await login(sandbox)
    reply = await create(sandbox, session)
    assert (reply.status, reply.json()) == (200, {"error_code": "0", "message": "Đồng bộ thành công"})
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    await progress(sandbox, session, STEP)
    record = sandbox.record(PORTAL)
    assert record["dossiers"][CODE]["fields"]["ChuHoSo"] == "Nguyễn Văn Thử"
    assert len(record["dossiers"][CODE]["steps"]) == 1
    assert sandbox.injected(PORTAL)["counts"] == {}
    assert sandbox.injected(PORTAL)["requests"] == {
        "login": 1,
        "DongBoHoSoMC": 1,
        "CapNhatTienDoHoSoMC": 1,
    }


async def test_only_the_loopback_interface_is_served(sandbox: Sandbox) -> None:
    assert sandbox.url(PORTAL).startswith("http://127.0.0.1:")
    assert sandbox.control_url.startswith("http://127.0.0.1:")


async def test_connection_is_kept_for_several_requests(sandbox: Sandbox) -> None:
    health = request("/-/health", method="GET", headers={"connection": "keep-alive"})
    last = request("/-/health", method="GET")
    reply = await exchange(sandbox.url(PORTAL), health + health + last)
    assert reply.data.count(b"HTTP/1.1 200") == 3
    assert reply.end == "closed"


async def test_chunked_body_and_expect_continue_are_understood(sandbox: Sandbox) -> None:
    body = json.dumps({"username": "h99_gateway", "password": "mat-khau-mo-phong"}).encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:10], body[10:]))
    head = (
        f"POST {FORWARD}/mapi/login HTTP/1.1\r\nhost: s\r\ndstcode: {DSTCODE}\r\nconnection: close\r\n"
        "transfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n"
    ).encode()
    host, port = sandbox.url(PORTAL).removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head)
    assert (await reader.readline()).startswith(b"HTTP/1.1 100")
    assert await reader.readline() == b"\r\n"
    writer.write(chunks + b"0\r\n\r\n")
    assert b'"session"' in await reader.read()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n"]
)
async def test_malformed_request_gets_400_and_the_next_client_is_served(
    data: bytes, sandbox: Sandbox
) -> None:
    reply = await exchange(sandbox.url(PORTAL), data)
    assert (reply.status, reply.end) == (400, "closed")
    assert await login(sandbox)


async def test_huge_body_is_refused(sandbox: Sandbox) -> None:
    reply = await exchange(sandbox.url(PORTAL), request(f"{FORWARD}/mapi/g", b" " * (BODY_LIMIT + 100_000)))
    assert reply.status in {413, 0}  # the refusal may overtake a client that is still sending
    assert sandbox.injected(PORTAL)["total"] == 0
    assert await login(sandbox)


async def test_client_that_goes_away_in_mid_request_changes_nothing(sandbox: Sandbox) -> None:
    host, port = sandbox.url(PORTAL).removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(request(f"{FORWARD}/mapi/g", b"{" * 100)[:-50])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await login(sandbox)
    assert sandbox.injected(PORTAL)["requests"] == {"login": 1}


# Every socket-level fault, as the client meets it

DONE = {"error_code": "0", "message": "Đồng bộ thành công"}


def is_whole(reply: Reply) -> bool:
    return reply.status == 200 and reply.json() == DONE and reply.end == "closed"


def is_reset(reply: Reply) -> bool:
    return (reply.data, reply.end) == (b"", "reset")


def is_cut(reply: Reply) -> bool:
    return reply.status == 200 and 0 < len(reply.body) < int(reply.headers["content-length"])


def is_half_json(reply: Reply) -> bool:
    with contextlib.suppress(ValueError):
        return bool(json.loads(reply.body.decode())) and False
    return len(reply.body) == int(reply.headers["content-length"]) > 0


def is_undecodable(reply: Reply) -> bool:
    with contextlib.suppress(UnicodeDecodeError):
        return bool(reply.body.decode("utf-8")) and False
    return reply.status == 200 and "utf-8" in reply.headers["content-type"]


def is_empty(reply: Reply) -> bool:
    return (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "0")


def is_page(status: int) -> Any:
    return lambda reply: (reply.status, reply.body[:15]) == (status, b"<!DOCTYPE html>")


def is_text(status: int, retry_after: str | None = None) -> Any:
    return lambda reply: (reply.status, reply.headers.get("retry-after")) == (status, retry_after)


def is_duplicate(reply: Reply) -> bool:
    return "đã tồn tại" in reply.json()["message"]


SEEN: dict[str, Any] = {
    "refused": is_reset,
    "reset_before": is_reset,
    "lost_reply": is_reset,
    "slow": is_whole,
    "slow_headers": is_whole,
    "truncated_body": is_cut,
    "truncated_json": is_half_json,
    "empty_body": is_empty,
    "wrong_charset": is_undecodable,
    "wrong_charset_legacy": is_undecodable,
    "html_200": is_page(200),
    "html_502": is_page(502),
    "html_503": is_page(503),
    "http_502": is_text(502),
    "http_502_after": is_text(502),
    "http_429": is_text(429, "3"),
    "http_503": is_text(503, "3"),
    "duplicate_ack": is_duplicate,
}


def test_every_socket_fault_is_exercised() -> None:
    assert set(SEEN) == set(SOCKET_FAULTS)


@pytest.mark.parametrize("fault", sorted(SOCKET_FAULTS))
async def test_socket_fault_is_seen_by_the_client_and_the_next_call_is_clean(
    fault: str, sandbox: Sandbox
) -> None:
    session = await login(sandbox)
    sandbox.use_plan(PORTAL, once(fault, "DongBoHoSoMC", seconds=0.2, retry_after=3))
    reply = await create(sandbox, session)
    assert SEEN[fault](reply), (reply.status, reply.end, reply.data)
    assert sandbox.injected(PORTAL)["counts"] == {fault: 1}
    processed = SOCKET_FAULTS[fault].processed
    assert sandbox.record(PORTAL)["writes"] == processed
    await sandbox.restore(PORTAL)
    again = (await create(sandbox, session)).json()
    assert again == DONE if processed == 0 else "đã tồn tại" in again["message"]
    assert sandbox.record(PORTAL)["dossiers"][CODE]["snapshots"] == 1


@pytest.mark.parametrize("fault", ["slow", "slow_headers"])
async def test_slow_answer_takes_the_time_that_the_rule_says(fault: str, sandbox: Sandbox) -> None:
    sandbox.use_plan(PORTAL, once(fault, seconds=0.4))
    started = time.monotonic()
    await login(sandbox)
    assert 0.35 < time.monotonic() - started < 3
    started = time.monotonic()
    await login(sandbox)
    assert time.monotonic() - started < 0.3


async def test_slow_headers_dribble(sandbox: Sandbox) -> None:
    sandbox.use_plan(PORTAL, once("slow_headers", seconds=0.4))
    host, port = sandbox.url(PORTAL).removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request("/token"))
    pieces = []
    while chunk := await reader.read(65_536):
        pieces.append(chunk)
    writer.close()
    await writer.wait_closed()
    assert len(pieces) >= 4
    assert b"\r\n\r\n" not in pieces[0]


async def test_replay_by_the_sandbox_is_marked_for_the_stand_in(sandbox: Sandbox) -> None:
    session = await login(sandbox)
    await create(sandbox, session)
    sandbox.use_plan(PORTAL, once("duplicate_ack"))
    reply = await progress(sandbox, session, STEP)
    assert reply.json()["error_code"] == "0"
    record = sandbox.record(PORTAL)
    assert (len(record["dossiers"][CODE]["steps"]), record["duplicates"], len(record["replays"])) == (
        1,
        [],
        1,
    )


# Every application-level fault


def test_default_list_of_application_faults_is_the_portals() -> None:
    assert set(APPLICATION_FAULTS) == set(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
async def test_application_fault_reaches_the_client_and_can_be_recovered_from(
    fault: str, sandbox: Sandbox
) -> None:
    session = await login(sandbox)
    second = {**STEP, "ThoiDiemXuLy": "20240117090000", "TrangThai": "5"}
    of_steps = fault in {"progress_rejected", "partial_failure", "session_expired_midway"}
    if of_steps:
        await create(sandbox, session)
    sandbox.use_plan(PORTAL, once(fault))
    normal = {"error_code": "0", "message": "Cập nhật tiến độ thành công"} if of_steps else DONE
    if of_steps:
        reply = await progress(sandbox, session, STEP, second)
    else:
        reply = await create(sandbox, session)
    assert sandbox.injected(PORTAL)["counts"] == {fault: 1}
    if fault == "file_unreachable":
        assert reply.json() == normal
    elif fault.startswith("soap_fault"):
        assert reply.body.startswith(b"<?xml")
    else:
        assert reply.json() != normal
    sandbox.use_plan(PORTAL, calm())
    session = await login(sandbox)
    await create(sandbox, session)
    await call(sandbox, session, "DongBoHoSoMC", isUpdating="True", data=[DOSSIER])
    await progress(sandbox, session, STEP, second)
    record = sandbox.record(PORTAL)
    assert record["dossiers"][CODE]["snapshots"] == 1
    assert [step["TrangThai"] for step in record["dossiers"][CODE]["steps"]] == ["2", "5"]


async def test_fault_that_does_not_fit_is_passed_over(sandbox: Sandbox) -> None:
    sandbox.use_plan(PORTAL, rules(FaultRule(fault="progress_rejected", probability=1.0)))
    assert await login(sandbox)
    report = sandbox.injected(PORTAL)
    assert (report["counts"], report["passed_over"]) == ({}, {"progress_rejected": 1})


# Plans


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        (FaultRule(fault="slow", every_nth=3), [3, 6, 9]),
        (FaultRule(fault="slow", first_n=2), [1, 2]),
        (FaultRule(fault="slow", first_n=2, after=4), [5, 6]),
        (FaultRule(fault="slow", every_nth=2, after=3, before=8), [5, 7]),
        (FaultRule(fault="slow", probability=1.0, after=8), [9, 10]),
        (FaultRule(fault="slow", probability=0.0), []),
        (FaultRule(fault="slow", first_n=10, service="Lay*"), []),
        (FaultRule(fault="slow", first_n=1, service="DongBo*"), [1]),
    ],
)
def test_rule_strikes_the_requests_it_names(rule: FaultRule, struck: list[int]) -> None:
    plan = rules(rule)
    hit = [n for n in range(1, 11) if decide(plan, ("slow",), "DongBoHoSoMC", n) is not None]
    assert hit == struck


@pytest.mark.parametrize(
    "criteria", [{}, {"probability": 0.5, "first_n": 1}, {"every_nth": 0}, {"first_n": -1}]
)
def test_rule_needs_exactly_one_criterion(criteria: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        FaultRule(fault="slow", **criteria)


def decisions(plan: FaultPlan, service: str = "TraCuuHoSo", count: int = 4000) -> list[tuple[int, str]]:
    catalogue = sorted({*SOCKET_FAULTS, *FAULTS})
    found = [decide(plan, catalogue, service, ordinal) for ordinal in range(1, count)]
    return [(each.ordinal, each.faults[0]) for each in found if each is not None]


def test_same_seed_same_decisions_and_another_seed_others() -> None:
    assert decisions(five_percent(7)) == decisions(five_percent(7))
    assert decisions(five_percent(7)) != decisions(five_percent(8))
    assert decisions(five_percent(7)) != decisions(five_percent(7), service="LayThuTuc")
    assert decisions(calm()) == []


def test_five_percent_is_five_percent_of_the_whole_catalogue() -> None:
    found = decisions(five_percent(7), count=20_001)
    assert 900 < len(found) < 1100
    assert {fault for _, fault in found} == {*SOCKET_FAULTS, *FAULTS}


def test_storm_is_worse_and_shuts_the_port_now_and_then() -> None:
    found = decisions(storm(3))
    assert len(found) > 1400
    assert sum(fault == "refused" for _, fault in found) >= 26
    assert set(PRESETS) == {"calm", "five_percent", "storm"}


async def test_first_rule_that_strikes_wins_and_a_misspelt_fault_is_refused(sandbox: Sandbox) -> None:
    sandbox.use_plan(
        PORTAL, rules(FaultRule(fault="html_502", every_nth=2), FaultRule(fault="http_429", every_nth=1))
    )
    seen = [(await send(sandbox.url(PORTAL), "/token")).status for _ in range(4)]
    assert seen == [429, 502, 429, 502]
    with pytest.raises(RecordError, match="lost_repply"):
        sandbox.use_plan(PORTAL, once("lost_repply"))


async def sync_all(sandbox: Sandbox, codes: list[str]) -> None:
    """A small client that survives everything: asks first, sends what is missing, until all is in."""
    session, missing = "", list(codes)
    for _ in range(3000):
        if not missing:
            return
        try:
            session = session or await login(sandbox)
            found = (await call(sandbox, session, "TraCuuHoSo", mahoso=missing[0])).json()["result"]
            if not found or len(found[0]) <= 2:
                updating = "True" if found else "False"
                data = [{**DOSSIER, "MaHoSo": missing[0]}]
                await call(sandbox, session, "DongBoHoSoMC", isUpdating=updating, data=data)
            elif not found[0]["TienDo"]:
                await progress(sandbox, session, {**STEP, "MaHoSo": missing[0]})
            else:
                missing.pop(0)
        except (OSError, ValueError, KeyError, TypeError):
            session = ""
            await asyncio.sleep(0.01)
    raise AssertionError(f"not in after 3000 tries: {missing}")


@pytest.mark.parametrize("plan", [five_percent(11), storm(11)], ids=["five_percent", "storm"])
async def test_careful_client_gets_everything_in_once_under(plan: FaultPlan) -> None:
    codes = [f"H99.14-240115-{number:04d}" for number in range(40)]
    async with serve_sandbox({PORTAL: PortalSimulator()}, plan=plan, clock=lambda: NOW) as sandbox:
        await sync_all(sandbox, codes)
        record, report = sandbox.record(PORTAL), sandbox.injected(PORTAL)
    assert sorted(record["dossiers"]) == codes
    assert [len(kept["steps"]) for kept in record["dossiers"].values()] == [1] * len(codes)
    assert (record["duplicates"], record["out_of_order"]) == ([], [])
    assert sum(report["counts"].values()) == len(report["injected"]) > 3


async def test_same_run_twice_injects_the_same_faults() -> None:
    async def run() -> list[dict[str, Any]]:
        plan = rules(FaultRule(fault=ANY, probability=0.4, seconds=0.01), seed=5)
        async with serve_sandbox({PORTAL: PortalSimulator()}, plan=plan, clock=lambda: NOW) as sandbox:
            for _ in range(40):
                with contextlib.suppress(ConnectionError):
                    await send(sandbox.url(PORTAL), f"{FORWARD}/mapi/login", {})
                await sandbox.restore(PORTAL)
            return sandbox.injected(PORTAL)["injected"]

    first = await run()
    assert first == await run()
    assert len(first) > 8


# Outages


async def refused(url: str) -> bool:
    try:
        await send(url, "/-/health", method="GET")
    except ConnectionRefusedError:
        return True
    return False


async def until_served(url: str) -> None:
    for _ in range(500):
        if not await refused(url):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("still refused after five seconds")


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within five seconds")


async def test_outage_refuses_connections_until_told_and_keeps_the_port(sandbox: Sandbox) -> None:
    url = sandbox.url(PORTAL)
    idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    await login(sandbox)
    await sandbox.outage(PORTAL)
    assert await refused(url)
    with pytest.raises(ConnectionResetError):
        await idle_reader.read()
    idle_writer.close()
    control = await send(sandbox.control_url, f"/{PORTAL}/-/health", method="GET")
    assert control.json() == {"status": "ok", "name": PORTAL, "open": False}
    reply = await send(sandbox.control_url, f"/{PORTAL}/-/outage", {"seconds": 0})
    assert reply.json()["open"] is True
    assert sandbox.url(PORTAL) == url
    assert await login(sandbox)
    assert sandbox.injected(PORTAL)["outages"] == 1


async def test_outage_ends_by_itself(sandbox: Sandbox) -> None:
    await sandbox.outage(PORTAL, 0.2)
    assert await refused(sandbox.url(PORTAL))
    await until_served(sandbox.url(PORTAL))
    assert await login(sandbox)


async def test_request_in_work_is_answered_when_an_outage_begins(sandbox: Sandbox) -> None:
    sandbox.use_plan(PORTAL, once("slow", seconds=0.3))
    working = asyncio.create_task(login(sandbox))
    await until(lambda: sandbox.record(PORTAL)["logins"] > 0)
    await sandbox.outage(PORTAL)
    assert await working


async def test_refused_fault_shuts_the_port_for_a_while(sandbox: Sandbox) -> None:
    sandbox.use_plan(PORTAL, once("refused", seconds=0.3))
    reply = await send(sandbox.url(PORTAL), f"{FORWARD}/mapi/login", {})
    assert reply.end == "reset"
    assert await refused(sandbox.url(PORTAL))
    await until_served(sandbox.url(PORTAL))


# Latency, clock, several stand-ins


async def test_latency_is_spread_over_its_range_and_repeats() -> None:
    latency = Latency(low=10, high=30)
    waits = [latency.seconds(turn) for turn in range(100)]
    assert all(0.010 <= wait <= 0.030 for wait in waits)
    assert max(waits) - min(waits) > 0.018
    assert waits == [latency.seconds(turn) for turn in range(100)]
    assert Latency(low=20, high=20).seconds(7) == pytest.approx(0.020)
    async with serve_sandbox({PORTAL: PortalSimulator()}, latency=Latency(low=80, high=80)) as sandbox:
        started = time.monotonic()
        await login(sandbox)
        assert time.monotonic() - started >= 0.078


class Echo:
    """The least that a stand-in can be; it says neither its services nor its faults."""

    def __init__(self) -> None:
        self.seen: list[SimulatedRequest] = []

    def handle(self, request: SimulatedRequest) -> SimulatedResponse:
        self.seen.append(request)
        first = sum(each.body == request.body for each in self.seen) == 1
        return SimulatedResponse(body=json.dumps({"error_code": 0 if first else 1}).encode())

    def twist(self, fault: str, request: SimulatedRequest) -> SimulatedResponse | None:
        return None

    def record(self) -> dict[str, Any]:
        return {"seen": len(self.seen)}

    def administer(self, action: str, body: bytes) -> dict[str, Any]:
        self.seen.clear()
        return {"action": action}


async def test_several_stand_ins_have_their_own_ports_plans_and_latencies() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    echo = Echo()
    async with serve_sandbox(
        {PORTAL: PortalSimulator(), "echo": echo},
        plan={"echo": once("html_503", "orders")},
        latency={"echo": Latency(low=1, high=2)},
        ports={"echo": port},
    ) as sandbox:
        assert sandbox.url("echo") == f"http://127.0.0.1:{port}"
        assert sandbox.names == (PORTAL, "echo")
        assert sandbox.simulator("echo") is echo
        assert [(await send(sandbox.url("echo"), "/v1/orders", {})).status for _ in range(2)] == [503, 200]
        assert sandbox.injected("echo")["requests"] == {"orders": 2}
        assert sandbox.injected(PORTAL)["requests"] == {}
        health = (await send(sandbox.control_url, "/-/health", method="GET")).json()
        assert health["stands"] == {name: sandbox.url(name) for name in sandbox.names}
        unknown = await send(sandbox.control_url, "/nobody/-/record", method="GET")
        assert (unknown.status, "/echo/-/" in unknown.json()["error"]) == (404, True)
    with pytest.raises(ConnectionRefusedError):
        await send(f"http://127.0.0.1:{port}", "/")


async def test_port_that_is_taken_leaves_nothing_open() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"echo": taken.getsockname()[1]}
        with pytest.raises(OSError, match=r"[Aa]ddress"):
            async with serve_sandbox({PORTAL: PortalSimulator(), "echo": Echo()}, ports=ports):
                raise AssertionError("it must not start")


async def test_control_is_no_name_for_a_stand_in() -> None:
    with pytest.raises(ValueError, match=CONTROL):
        async with serve_sandbox({CONTROL: Echo()}):
            raise AssertionError("it must not start")


# The admin door


async def admin(sandbox: Sandbox, method: str, path: str, document: Any = None) -> tuple[int, Any]:
    reply = await send(sandbox.url(PORTAL), f"/-/{path}", document, method=method)
    return reply.status, reply.json()


async def test_admin_door_shows_and_changes(sandbox: Sandbox) -> None:
    session = await login(sandbox)
    await create(sandbox, session)
    assert await admin(sandbox, "GET", "health") == (
        200,
        {"status": "ok", "name": PORTAL, "open": True},
    )
    assert await admin(sandbox, "GET", "record") == (200, sandbox.record(PORTAL))
    plan = {"seed": 9, "rules": [{"fault": "html_502", "first_n": 1, "service": "TraCuu*"}]}
    assert (await admin(sandbox, "POST", "faults", plan))[0] == 200
    assert (await call(sandbox, session, "TraCuuHoSo", mahoso=CODE)).status == 502
    assert (await call(sandbox, session, "TraCuuHoSo", mahoso=CODE)).status == 200
    status, report = await admin(sandbox, "GET", "faults")
    assert (status, report) == (200, sandbox.injected(PORTAL))
    assert report["injected"] == [{"fault": "html_502", "service": "TraCuuHoSo", "ordinal": 1}]
    assert (await admin(sandbox, "POST", "faults", {"preset": "storm", "seed": 4}))[0] == 200
    assert sandbox.injected(PORTAL)["plan"]["seed"] == 4
    assert (await admin(sandbox, "POST", "faults", {"preset": "calm"}))[0] == 200
    assert await admin(sandbox, "POST", "admin/expire_sessions") == (200, {"sessions": 1, "tokens": 0})
    assert (await admin(sandbox, "POST", "reset"))[0] == 200
    assert sandbox.record(PORTAL)["writes"] == 0
    assert sandbox.injected(PORTAL)["total"] == 0


async def test_clock_of_a_stand_in_can_be_moved(sandbox: Sandbox) -> None:
    session = await login(sandbox)
    assert (await create(sandbox, session)).json() == DONE
    assert (await admin(sandbox, "POST", "clock", {"offset_seconds": 3600}))[0] == 200
    assert "session" in (await create(sandbox, session)).json()["message"]
    assert (await admin(sandbox, "POST", "clock", {}))[1] == {"offset_seconds": 0.0}
    assert "đã tồn tại" in (await create(sandbox, session)).json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "document", "status"),
    [
        ("GET", "nothing", None, 404),
        ("DELETE", "record", None, 404),
        ("POST", "admin/nothing", None, 404),
        ("POST", "admin/configure", {"profile": "1999"}, 400),
        ("POST", "faults", {"preset": "hurricane"}, 400),
        ("POST", "faults", {"rules": [{"fault": "slow"}]}, 400),
        ("POST", "faults", {"rules": [{"fault": "slwo", "first_n": 1}]}, 400),
        ("POST", "faults", [], 400),
        ("POST", "outage", {"second": 1}, 400),
        ("POST", "push", {"url": "http://198.51.100.7/", "kind": "push_online"}, 400),
        ("POST", "push", {"url": "http://127.0.0.1:1", "kind": "journal"}, 400),
    ],
)
async def test_bad_admin_request_is_told_why(
    method: str, path: str, document: Any, status: int, sandbox: Sandbox
) -> None:
    got, answer = await admin(sandbox, method, path, document)
    assert got == status
    assert answer["error"]
    assert (await admin(sandbox, "GET", "health"))[0] == 200


async def test_admin_door_is_spared_by_every_plan(sandbox: Sandbox) -> None:
    sandbox.use_plan(PORTAL, rules(FaultRule(fault="lost_reply", probability=1.0)))
    assert (await admin(sandbox, "GET", "health"))[0] == 200
    assert sandbox.injected(PORTAL)["total"] == 0


async def test_deliveries_are_posted_twice_to_the_byte_and_the_answers_come_back() -> None:
    province = Echo()
    async with serve_sandbox({PORTAL: PortalSimulator(), "province": province}) as sandbox:
        target = f"{sandbox.url('province')}/callbacks/national_portal/"
        order = PushOrder(url=target, kind="push_online", order={"count": 2, "copies": 2})
        receipts = await sandbox.push(PORTAL, order)
        assert [json.loads(each.body)["error_code"] for each in receipts] == [0, 1, 0, 1]
        assert {each.path for each in receipts} == {"/callbacks/national_portal/nhanhsdvcqg"}
        assert province.seen[0].body == province.seen[1].body
        assert json.loads(province.seen[0].body)["service"] == "NhanHoSoDVCQG"
        assert sandbox.record(PORTAL)["online"] == ["G22.99-240115-000001", "G22.99-240115-000002"]
        over_http = {"url": target, "kind": "push_promotion", "order": {}}
        status, answer = await admin(sandbox, "POST", "push", over_http)
        assert (status, [each["status"] for each in answer["answers"]]) == (200, [200])
        await sandbox.outage("province")
        (lost,) = await sandbox.push(PORTAL, PushOrder(url=target, kind="push_search"))
        assert (lost.status, "ConnectionRefusedError" in lost.body) == (0, True)


async def test_replayed_request_differs_only_by_the_mark() -> None:
    echo = Echo()
    async with serve_sandbox({"echo": echo}, plan=once("duplicate_ack"), clock=lambda: NOW) as sandbox:
        await send(sandbox.url("echo"), "/v1/orders", {"a": 1})
    first, second = echo.seen
    assert second.headers == (*first.headers, (REPLAY_HEADER, "1"))
    assert (first.body, first.now, first.path) == (second.body, second.now, second.path)


# A process of its own

PROGRAM = """
from adapters.national_portal.simulator import PortalSimulator
from gateway.sandbox import five_percent, run_sandbox
run_sandbox(
    {"national_portal": PortalSimulator()},
    lambda sandbox: print(sandbox.url("national_portal"), sandbox.control_url, flush=True),
    plan=five_percent(1),
)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_sandbox_runs_in_a_process_of_its_own_until_told_to_stop(number: signal.Signals) -> None:
    process = await asyncio.to_thread(
        subprocess.Popen,
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    try:
        assert process.stdout is not None
        url, control = (await asyncio.to_thread(process.stdout.readline)).split()
        health = await send(control, "/-/health", method="GET")
        assert health.json()["stands"] == {PORTAL: url}
        assert (await send(url, "/-/record", method="GET")).json()["writes"] == 0
        process.send_signal(number)
        assert await asyncio.to_thread(process.wait, 10) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def test_many_connections_at_once_are_served(sandbox: Sandbox) -> None:
    session = await login(sandbox)
    codes = [f"H99.14-240115-{number:04d}" for number in range(100)]
    replies = await asyncio.gather(*(create(sandbox, session, MaHoSo=code) for code in codes))
    assert [reply.json() for reply in replies] == [DONE] * 100
    assert sorted(sandbox.record(PORTAL)["dossiers"]) == codes


async def test_closing_ends_requests_in_work_at_once() -> None:
    async with serve_sandbox({PORTAL: PortalSimulator()}, plan=once("slow", seconds=60)) as sandbox:
        working = asyncio.create_task(send(sandbox.url(PORTAL), f"{FORWARD}/mapi/login", {}))
        await until(lambda: sandbox.injected(PORTAL)["total"] > 0)
    started = time.monotonic()
    assert (await working).end == "reset"
    assert time.monotonic() - started < timedelta(seconds=2).total_seconds()
