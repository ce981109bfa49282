"""A partner, or somebody on the way to it, that wants more than an answer: memory, time, another request's answer.

Each server is raw bytes over a real socket; what an honest exchange looks like is in test_connections.py.
"""

import asyncio
import contextlib
import gzip
import socket
import ssl
import threading
import time
import tracemalloc

import pytest

from gateway.port import Capacity, WireRequest
from gateway.wire.client import Answered, HttpClient, NoAnswer, NotSent, unpack
from tests.wire.raw_server import OK, RawServer
from tests.wire.test_client import certificate, post

PATIENT = Capacity(concurrency=4, connect_timeout=1.0, read_timeout=5.0, max_response_bytes=1_000_000)


@pytest.fixture
async def patient():
    opened = HttpClient(PATIENT)
    yield opened
    await opened.close()


# memory and time


def without_end(head, piece):
    async def behaviour(peer):
        await peer.read_request()
        await peer.write(head)
        while True:
            await peer.write(piece)
            behaviour.written += len(piece)

    behaviour.written = 0
    return behaviour


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (CHUNKED + b"2\r\n{}\r\n0\r\nx-late: ", b"y" * 65536),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", b"x-late: y\r\n" * 6000),
        (CHUNKED + b"2;", b"y" * 65536),
        (b"", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 1500),
        (b"HTTP/1.1 200 ", b"y" * 65536),
        (b"HTTP/1.1 200 OK\r\n", b"y" * 65536),
    ],
    ids=["trailer", "trailers", "extension of a chunk", "interim answers", "status line", "name of a header"],
)
async def test_what_surrounds_the_body_has_a_limit_too(patient, head, piece):
    behaviour = without_end(head, piece)
    async with RawServer(behaviour) as server:
        result = await patient.exchange(post(server.url))

    assert isinstance(result, NoAnswer)
    assert "exceeds" in result.reason or "not HTTP" in result.reason
    assert behaviour.written < 20_000_000, "what the sockets hold, not what five seconds bring"


async def test_body_in_tiny_pieces_takes_no_more_memory_than_a_whole_one(patient):
    pieces = CHUNKED + b"2\r\nab\r\n" * 400_000 + b"0\r\n\r\n"

    async def crumbs(peer):
        await peer.read_request()
        await peer.write(pieces)
        await peer.until_closed()

    async with RawServer(crumbs) as server:
        tracemalloc.start()
        try:
            result = await patient.exchange(post(server.url))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert isinstance(result, Answered)
    assert result.response.body == b"ab" * 400_000
    assert peak < len(pieces) + 5_000_000, "the server's own buffer, and a few copies of the body"


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_exchange_that_drips_ends_in_time(before):
    client = HttpClient(Capacity(connect_timeout=0.5, read_timeout=0.4))

    async def drip(peer):
        await peer.read_request()
        await peer.write(before + CHUNKED + b"2\r\n{}\r\n0\r\n")
        await peer.drip(b"x-late: y\r\n" * 100, 0.02)

    async with RawServer(drip) as server:
        begun = time.monotonic()
        result = await client.exchange(post(server.url))
        await client.close()

    assert isinstance(result, NoAnswer)
    assert time.monotonic() - begun < 5


# where an answer ends, when somebody wants it to be misread

AMBIGUOUS = {
    "length and chunks": b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks and length": b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "two different lengths": b"content-length: 2\r\ncontent-length: 20\r\n\r\n{}",
    "a list of lengths": b"content-length: 2, 2\r\n\r\n{}",
    "a signed length": b"content-length: +2\r\n\r\n{}",
    "a length in hex": b"content-length: 0x2\r\n\r\n{}",
    "an immense length": b"content-length: 18446744073709551618\r\n\r\n{}",
    "space before the colon": b"content-length : 2\r\n\r\n{}",
    "chunked twice": b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunked is not last": b"transfer-encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "nearly chunked": b"transfer-encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a chunk that is longer than said": CHUNKED[17:] + b"2\r\n{}}\r\n0\r\n\r\n",
    "an immense chunk": CHUNKED[17:] + b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED[17:] + b"-2\r\n{}\r\n0\r\n\r\n",
    "a line feed alone": b"content-length: 2\n\n{}",
    "a carriage return alone": b"content-length: 2\rx: y\r\n\r\n{}",
    "a folded header": b"content-length: 2\r\nx: y\r\n transfer-encoding: chunked\r\n\r\n{}",
    "a zero byte": b"content-length: 2\r\nx: \0\r\n\r\n{}",
}
SMUGGLED = b'HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{"smuggled": 1}'


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_answer_whose_end_is_open_to_question_never_becomes_the_next_ones(patient, name):
    """Whatever is made of it, the next request gets its own answer."""

    async def ambiguous(peer):
        await peer.read_request()
        if peer.number == 0:
            await peer.write(b"HTTP/1.1 200 OK\r\n" + AMBIGUOUS[name] + SMUGGLED)
            await asyncio.sleep(0.05)
            return
        await peer.write(OK)
        await peer.until_closed()

    async with RawServer(ambiguous) as server:
        first = await patient.exchange(post(server.url))
        second = await patient.exchange(post(server.url))

        assert len(server.peers) == 2
    assert isinstance(first, NoAnswer) or b"smuggled" not in first.response.body
    assert isinstance(second, Answered)
    assert second.response.body == b"{}"


@pytest.mark.parametrize(
    "rest",
    [b"H", b"HTTP/1.1 200 OK\r\ncontent-le", b"\r\n" + SMUGGLED, b"\0", SMUGGLED[:-1]],
    ids=["a letter", "half a head", "empty line", "zero", "nearly an answer"],
)
@pytest.mark.parametrize(
    "answer",
    [OK, b"HTTP/1.1 204 No Content\r\ncontent-length: 15\r\n\r\n", CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"],
    ids=["length", "no content", "chunks"],
)
async def test_bytes_behind_an_answer_end_the_connection(patient, answer, rest):
    async def talkative(peer):
        await peer.read_request()
        await peer.write(answer + rest)
        await peer.until_closed()

    async with RawServer(talkative) as server:
        results = [await patient.exchange(post(server.url)) for _ in range(2)]

        assert len(server.peers) == 2
    assert {item.response.body for item in results} <= {b"{}", b""}


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified", b"200 OK"])
async def test_body_that_may_not_be_there_is_nobodys_answer(patient, status):
    """The length of an answer without a body says nothing about the bytes behind it (RFC 9112 §6.3)."""

    async def with_body(peer):
        await peer.read_request()
        await peer.write(b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n" % (status, len(SMUGGLED)))
        await asyncio.sleep(0.02)
        await peer.write(SMUGGLED)
        await peer.until_closed()

    async with RawServer(with_body) as server:
        results = [await patient.exchange(post(server.url, method="HEAD")) for _ in range(2)]

        assert len(server.peers) == 2
    assert [item.response.body for item in results] == [b"", b""]


class Blocking:
    """A server in a thread of its own: it goes on while the client's loop stands still."""

    def __init__(self, *connections, tls=None):
        self._connections = connections
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}/service"
        self.ready = threading.Event()
        self.go = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.go.set()
        self._thread.join()
        self._listener.close()

    def _serve(self):
        self._listener.settimeout(5)
        for play in self._connections:
            peer, _ = self._listener.accept()
            with peer if self._tls is None else self._tls.wrap_socket(peer, server_side=True) as taken:
                taken.settimeout(5)
                play(self, taken)


def read_one(peer):
    seen = b""
    while not seen.endswith(b'{"step": 1}'):
        piece = peer.recv(65536)
        if not piece:
            return
        seen += piece


def honest(server, peer):
    read_one(peer)
    peer.sendall(OK)


@pytest.mark.parametrize("last", [SMUGGLED, b""], ids=["an answer to nothing", "the end"])
async def test_what_came_before_the_request_is_seen_before_it_is_written(patient, last):
    """It lies in the socket while the loop is busy: no answer to what is not yet asked, and no reason to doubt."""

    def play(server, peer):
        read_one(peer)
        peer.sendall(OK)
        server.go.wait(5)
        peer.sendall(last) if last else peer.shutdown(socket.SHUT_WR)
        server.ready.set()
        with contextlib.suppress(ConnectionError):  # the client has closed it, with our words unread
            read_one(peer)

    with Blocking(play, honest) as server:
        assert isinstance(await patient.exchange(post(server.url)), Answered)
        server.go.set()
        server.ready.wait(5)  # the loop stands still
        time.sleep(0.02)  # noqa: ASYNC251 - as above
        second = await patient.exchange(post(server.url))

    assert isinstance(second, Answered)
    assert second.response.body == b"{}"


async def test_cancelled_exchange_never_gives_its_connection_back(patient):
    heard = asyncio.Event()

    async def late(peer):
        await peer.read_request()
        if peer.number == 0:
            heard.set()
            await asyncio.sleep(0.05)
            await peer.write(SMUGGLED)
            await peer.until_closed()
        await peer.write(OK)

    async with RawServer(late) as server:
        call = asyncio.create_task(patient.exchange(post(server.url)))
        await heard.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await asyncio.sleep(0.1)
        after = await patient.exchange(post(server.url))

        assert len(server.peers) == 2
    assert after.response.body == b"{}"


async def test_closing_the_client_lets_an_exchange_end(patient):
    heard = asyncio.Event()

    async def slow(peer):
        await peer.read_request()
        heard.set()
        await asyncio.sleep(0.05)
        await peer.write(OK)
        await peer.until_closed()

    async with RawServer(slow) as server:
        call = asyncio.create_task(patient.exchange(post(server.url)))
        await heard.wait()
        await patient.close()

        assert isinstance(await call, Answered)


# TLS


async def test_end_that_is_not_the_partners_is_no_end_of_an_answer(tmp_path):
    """RFC 9112 §9.8: without a closure alert anybody on the way may have ended the connection."""

    def cut(server, peer):
        read_one(peer)
        peer.sendall(b'HTTP/1.1 200 OK\r\n\r\n{"error_code": 0')  # and a FIN, as ssl's sockets close

    serving, chain = certificate(tmp_path, name="127.0.0.1")
    client = HttpClient(PATIENT, verify=ssl.create_default_context(cafile=str(chain)))
    with Blocking(cut, tls=serving) as server:
        result = await client.exchange(post(server.url))
        await client.close()

    assert isinstance(result, NoAnswer)
    assert result.code == "answer_broken"


async def test_name_and_protocol_are_said_in_the_handshake(tmp_path):
    said = []
    serving, chain = certificate(tmp_path, name="localhost")
    serving.set_alpn_protocols(["h2", "http/1.1"])
    serving.sni_callback = lambda connection, name, context: said.append(name)

    async def right(peer):
        said.append(peer._writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await peer.read_request()
        await peer.write(OK)

    client = HttpClient(PATIENT, verify=ssl.create_default_context(cafile=str(chain)))
    async with RawServer(right, tls=serving) as server:
        result = await client.exchange(post(server.url.replace("127.0.0.1", "localhost")))
        await client.close()

    assert isinstance(result, Answered)
    assert said == ["localhost", "http/1.1"]


async def test_large_request_over_tls_that_is_still_leaving_is_not_silence(tmp_path):
    """The partner takes longer to read it than it may be silent."""
    large = b"x" * 20_000_000

    async def read_slowly(peer):
        await peer.read_head()
        missing = len(large)
        while missing > 0:
            missing -= len(await peer.read(500_000))
            await asyncio.sleep(0.02)
        await peer.write(OK)

    serving, chain = certificate(tmp_path, name="127.0.0.1")
    client = HttpClient(
        Capacity(connect_timeout=1.0, read_timeout=60.0), verify=ssl.create_default_context(cafile=str(chain))
    )
    async with RawServer(read_slowly, tls=serving) as server:
        begun = time.monotonic()
        result = await client.exchange(post(server.url, body=large, timeout=0.5))
        await client.close()

    assert isinstance(result, Answered) or result.code == "answer_too_slow", result
    assert time.monotonic() - begun > 0.5


# where to


async def test_proxies_of_the_environment_are_ignored(patient, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def right(peer):
        await peer.read_request()
        await peer.write(OK)

    async with RawServer(right) as server:
        assert isinstance(await patient.exchange(post(server.url)), Answered)
        assert server.received.startswith(b"POST /service HTTP/1.1\r\n")


async def test_second_address_is_not_tried_once_the_first_was_written_to(patient, monkeypatch):
    heard = []

    def at(address, answer):
        async def serve(reader, writer):
            heard.append((address, await reader.readuntil(b"\r\n\r\n")))
            writer.write(answer)
            writer.close()

        return serve

    first = await asyncio.start_server(at("127.0.0.2", b""), "127.0.0.2", 0)
    port = first.sockets[0].getsockname()[1]
    second = await asyncio.start_server(at("127.0.0.3", OK), "127.0.0.3", port)

    async def both(*_, **__):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{end}", port)) for end in (2, 3)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    async with first, second:
        lost = await patient.exchange(post(f"http://portal.example:{port}/service"))
        first.close()
        await first.wait_closed()
        found = await patient.exchange(post(f"http://portal.example:{port}/service"))

    assert isinstance(lost, NoAnswer)
    assert isinstance(found, Answered)
    assert [address for address, _ in heard] == ["127.0.0.2", "127.0.0.3"]


@pytest.mark.parametrize("end", ["\r\nx-injected: 1", "\n", "\r", "\0", " HTTP/1.1\r\n\r\nGET /", "\ud800"])
async def test_address_cannot_bring_a_line_of_its_own(patient, end):
    async def right(peer):
        await peer.read_request()
        await peer.write(OK)

    async with RawServer(right) as server:
        result = await patient.exchange(WireRequest(method="GET", url=server.url + end))

        assert isinstance(result, NotSent) or server.received.count(b"\r\n") == 3
        assert b"injected" not in server.received


# content codings

PLAIN = b'{"error_code": "0"}'


def test_answer_packed_in_parts_is_unpacked_whole():
    """RFC 9110 §8.4.1.3, RFC 1952 §2.2: a file of gzip is a series of members."""
    packed = gzip.compress(PLAIN[:9], mtime=0) + gzip.compress(PLAIN[9:], mtime=0)

    assert unpack("gzip", packed, 1000) == PLAIN
    assert unpack("gzip", packed, len(PLAIN)) == PLAIN
    assert unpack("gzip", packed, len(PLAIN) - 1) is None


@pytest.mark.parametrize(
    "rest", [b"x", gzip.compress(PLAIN, mtime=0)[:-1], gzip.compress(b"", mtime=0) * 5000]
)
def test_rest_that_is_no_part_leaves_the_answer_as_it_came(rest):
    """Half of an answer must not pass for the whole."""
    packed = gzip.compress(PLAIN, mtime=0) + rest

    assert unpack("gzip", packed, 1000) == packed
