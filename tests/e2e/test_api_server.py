"""The API on a real socket: bounds, odd requests, streams, signals."""

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
from pathlib import Path

import httpx
import msgspec
import pytest

from gateway.api import protocol
from gateway.api.server import serve_api
from gateway.domain.errors import ConfigurationError
from tests.api_world import lines, open_world, record
from tests.e2e.api_process import process


@contextlib.asynccontextmanager
async def served(url, *, worker=False, **api):
    """A world whose API listens; its address is ``base``."""
    async with open_world(url, **api) as world:
        address = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve_api(world.api, worker=worker, started=address.set_result))
        world.base = await asyncio.wait_for(address, 10)
        world.port = int(world.base.rsplit(":", 1)[1])
        world.headers = {"authorization": f"Bearer {world.keys['all']}"}
        try:
            yield world
        finally:
            world.api.stopping.set()
            await asyncio.wait_for(serving, 20)


@pytest.fixture
async def world(sqlite_url):
    async with served(sqlite_url) as opened:
        yield opened


async def talk(world, raw, *, more=()):
    """Send bytes as they are; everything that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    reading = asyncio.create_task(_until_closed(reader))
    writer.write(raw)
    with contextlib.suppress(ConnectionError):
        for part in more:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
    got = await asyncio.wait_for(reading, 5)
    writer.close()
    return got


async def _until_closed(reader):
    got = b""
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65536):
            got += part
    return got


def head(world, line, *headers, keep=False):
    own = ["host: x", f"authorization: {world.headers['authorization']}"]
    listed = [f"{line} HTTP/1.1", *own, *([] if keep else ["connection: close"]), *headers]
    return ("\r\n".join(listed) + "\r\n\r\n").encode()


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/../v1/status", "/v1/./status", "/v1/dossiers/../../metrics", "/in/board/../../v1/status"),
        *("/v1/dossiers/%2e%2e", "/v1/dossiers/..%2F..%2Fmetrics", "/docs/..;/v1/status", "//evil.example/"),
        *("/v1/dossiers/%00", "/v1/dossiers/%c0%ae%c0%ae", "/v1/dossiers/%ff", "/%2e%2e/%2e%2e/etc/passwd"),
    ],
)
async def test_path_that_climbs_leads_nowhere(world, path):
    assert b" 404 " in await talk(world, head(world, f"GET {path}"))


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS to a plain port
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PUT /v1/dossiers/a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        b"PUT /v1/dossiers/a HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"PUT /v1/dossiers/a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_and_the_next_client_served(world, raw):
    got = await talk(world, raw)

    assert b" 400 " in got or b" 401 " in got
    assert b" 500 " not in got
    assert b" 200 " in await talk(world, head(world, "GET /livez"))


async def test_head_without_end_is_cut_off(world):
    got = await talk(world, b"GET /v1/status HTTP/1.1\r\nx: ", more=[b"y" * 30_000] * 20)

    assert b" 431 " in got


async def test_large_head_is_refused(world):
    assert b" 431 " in await talk(world, head(world, "GET /v1/status", f"x: {'y' * 40_000}"))


async def test_slow_head_and_slow_body_are_cut_off(sqlite_url, monkeypatch):
    for name in ("HEAD_SECONDS", "PIECE_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(protocol, name, 0.2)
    async with served(sqlite_url) as world:
        silent = await talk(world, b"")
        slow_head = await talk(world, b"GET /v1/status HTTP/1.1\r\nhost: x\r\n")
        slow_body = await talk(world, head(world, "PUT /v1/dossiers/H99-1", "content-length: 100") + b"{")

        assert b" 408 " in silent
        assert b" 408 " in slow_head
        assert b" 408 " in slow_body
        assert b" 200 " in await talk(world, head(world, "GET /livez"))


async def test_refused_body_does_not_spoil_the_connection_for_its_problem(sqlite_url):
    """The client sends ten megabytes before it reads; it must see the refusal, not a reset."""
    async with served(sqlite_url, max_body_bytes=1000) as world, httpx.AsyncClient() as http:
        body = b"x" * (10 * 1024 * 1024)
        address = f"{world.base}/v1/dossiers/H99-1"

        announced = await http.put(address, content=body, headers=world.headers)
        chunked = await http.put(address, content=_pieces(body), headers=world.headers)
        good = await http.get(address, headers=world.headers)

    assert (announced.status_code, chunked.status_code) == (413, 413)
    assert good.status_code == 404


async def _pieces(body, size=50_000):
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def test_pipelined_requests_are_answered_in_order(world):
    got = await talk(world, head(world, "GET /livez", keep=True) + head(world, "GET /nowhere"))

    assert re.findall(rb"HTTP/1.1 (\d+)", got) == [b"200", b"404"]


async def test_client_that_waits_for_leave_to_send_gets_it(world):
    body = msgspec.json.encode(record())
    request = head(world, "PUT /v1/dossiers/H99-1", f"content-length: {len(body)}", "expect: 100-continue")
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(request)
    assert b"100 Continue" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.write(body)
    assert b" 202 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()


async def test_client_without_a_key_is_refused_before_it_sends_its_body(world):
    request = b"PUT /v1/dossiers/a HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n"

    got = await talk(world, request)

    assert got.startswith(b"HTTP/1.1 401 ")


async def test_answer_names_no_software(world):
    got = (await talk(world, head(world, "GET /nowhere"))).lower()

    assert b"server:" not in got
    assert b"uvicorn" not in got
    assert b"python" not in got


async def test_import_reaches_a_client_that_reads_only_afterwards(world):
    """Most clients send everything first; tiny buffers on both sides would be full long before the end."""
    count = 4000
    body = lines(*(b'{"code":"H99-%d"}' % number for number in range(count)))

    got = await asyncio.wait_for(asyncio.to_thread(_send_then_read, world, body), 60)

    answers = [json.loads(line) for line in got.splitlines()]
    assert [answer["line"] for answer in answers] == list(range(1, count + 1))
    assert {answer["status"] for answer in answers} == {422}
    assert len(got) > 4 * 1024 * 1024  # more than all buffers on the way hold


def _send_then_read(world, body):
    import http.client
    import socket

    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.request(
        "POST", "/v1/dossiers:import", body=_slices(body), headers=world.headers, encode_chunked=True
    )
    with contextlib.closing(connection):
        return connection.getresponse().read()


def _slices(body, size=20_000):
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def test_client_that_breaks_an_import_off_leaves_the_server_well(world):
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(head(world, "POST /v1/dossiers:import", "transfer-encoding: chunked"))
    line = lines(record("H99-1")) + b"\n"
    writer.write(b"%x\r\n%s\r\n" % (len(line), line))
    await asyncio.wait_for(reader.readuntil(b'"status":202'), 10)
    writer.transport.abort()

    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{world.base}/v1/dossiers/H99-1", headers=world.headers)
    assert answer.status_code == 200


async def test_port_in_use_is_said_before_anything_starts(world, sqlite_url, tmp_path):
    other = f"sqlite:///{tmp_path / 'other.db'}"
    async with open_world(other) as second:
        second.api.settings = msgspec.structs.replace(second.api.settings, port=world.port)
        with pytest.raises(ConfigurationError, match="choose another port"):
            await serve_api(second.api, worker=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_ends_the_process_in_order(sqlite_url, number):
    with process(sqlite_url) as running:
        async with httpx.AsyncClient(base_url=running.address, headers=running.headers, timeout=30) as http:
            assert (await http.put("/v1/dossiers/H99-1", json=record())).status_code == 202
            await _delivered(http, "H99-1", 2)
            position = (await http.get("/v1/events")).json()["next"]
            waiting = asyncio.create_task(http.get(f"/v1/events?after={position}&wait=30&kinds=never"))
            importing = asyncio.create_task(
                http.post("/v1/dossiers:import", content=_import_around(running, number))
            )
            answer = await waiting
            imported = await importing

        assert (answer.status_code, answer.json()["events"]) == (200, [])
        assert [json.loads(line)["status"] for line in imported.text.splitlines()] == [202, 202]
        code, sent = await asyncio.to_thread(running.wait)
        assert code == 0
        assert sent >= 2
        assert "Traceback" not in running.told()
        assert '"event": "api_stopped"' in running.told()


async def _import_around(running, number):
    """One line before the signal, one after it: what was begun is finished."""
    yield lines(record("H99-2")) + b"\n"
    await asyncio.sleep(0.2)
    os.kill(running.pid, number)
    await asyncio.sleep(0.3)
    yield lines(record("H99-3")) + b"\n"


async def _delivered(http, code, count):
    async with asyncio.timeout(20):
        while True:
            lane = (await http.get(f"/v1/dossiers/{code}")).json()["destinations"][0]
            if lane["state"] == "idle":
                return
            await asyncio.sleep(0.05)


async def test_import_stays_flat_in_memory(sqlite_url):
    """Sent as fast as it goes; answers are read only afterwards."""
    with process(sqlite_url) as running:
        async with httpx.AsyncClient(base_url=running.address, headers=running.headers, timeout=120) as http:
            await http.post("/v1/dossiers:import", content=_bad_lines(2000))
            before = _resident(running.pid)
            answer = await http.post("/v1/dossiers:import", content=_bad_lines(30_000))
            after = _resident(running.pid)

    assert answer.text.count("\n") == 30_000
    assert len(answer.content) > 30 * 1024 * 1024
    assert after - before < 20 * 1024 * 1024


async def _bad_lines(count):
    piece = b'{"code":"H99-1","channel":"pigeon"}\n' * 100
    for _ in range(count // 100):
        yield piece


def _resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
