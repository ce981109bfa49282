"""Kept connections: what ends an answer, when a connection serves again, what is never written.

What a broken exchange is called is in test_client.py; here it is about bytes and connections.
"""

import asyncio
import re
import ssl
import time

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.port import Capacity, WireRequest
from gateway.wire.client import Answered, HttpClient, NoAnswer, NotSent
from gateway.wire.connections import Connections
from tests.wire.raw_server import OK, RawServer
from tests.wire.test_client import CAPACITY, certificate, post


@pytest.fixture
async def client():
    opened = HttpClient(CAPACITY)
    yield opened
    await opened.close()


def saying(*answers):
    """Gives one of ``answers`` to each request of a connection, then waits for its end."""

    async def behaviour(peer):
        for answer in answers:
            await peer.read_request()
            await peer.write(answer)
        await peer.until_closed()

    return behaviour


def then_closing(answer):
    async def behaviour(peer):
        await peer.read_request()
        await peer.write(answer)

    return behaviour


# where an answer ends


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"],
)
async def test_answer_without_a_length_ends_with_the_connection(client, head):
    async with RawServer(then_closing(head + b'{"a": 1}')) as server:
        result = await client.exchange(post(server.url))

    assert isinstance(result, Answered)
    assert result.response.body == b'{"a": 1}'


async def test_answer_without_a_length_ends_with_the_connection_over_tls(tmp_path):
    serving, chain = certificate(tmp_path, name="127.0.0.1")
    client = HttpClient(CAPACITY, verify=ssl.create_default_context(cafile=str(chain)))
    async with RawServer(then_closing(b"HTTP/1.0 200 OK\r\n\r\n{}"), tls=serving) as server:
        result = await client.exchange(post(server.url))
        await client.close()

    assert isinstance(result, Answered)
    assert result.response.body == b"{}"


async def test_connection_that_breaks_is_no_end(client):
    async def break_off(peer):
        await peer.read_request()
        await peer.write(b"HTTP/1.1 200 OK\r\n\r\n{")
        await asyncio.sleep(0.02)
        peer.reset()

    async with RawServer(break_off) as server:
        result = await client.exchange(post(server.url))

    assert isinstance(result, NoAnswer)
    assert result.code == "answer_broken"


async def test_interim_answers_are_not_the_answer(client):
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    async with RawServer(saying(interim + OK)) as server:
        result = await client.exchange(post(server.url))

    assert isinstance(result, Answered)
    assert (result.response.status, result.response.headers) == (200, (("content-length", "2"),))


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_status_without_a_body_ends_with_its_head(client, status):
    async with RawServer(saying(b"HTTP/1.1 %s\r\n\r\n" % status)) as server:
        result = await client.exchange(post(server.url))

    assert isinstance(result, Answered)
    assert result.response.body == b""


async def test_answer_to_head_has_no_body(client):
    async with RawServer(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")) as server:
        result = await client.exchange(post(server.url, method="HEAD"))

    assert isinstance(result, Answered)
    assert result.response.body == b""


async def test_chunks_are_joined_and_trailers_left_out(client):
    chunked = (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\nx-late: 1\r\n\r\n"
    )
    async with RawServer(saying(chunked)) as server:
        result = await client.exchange(post(server.url))

    assert isinstance(result, Answered)
    assert result.response.body == b"{}"
    assert result.response.headers == (("transfer-encoding", "chunked"),)


async def test_change_of_protocol_is_no_answer(client):
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
    async with RawServer(saying(upgrade)) as server:
        assert isinstance(await client.exchange(post(server.url)), NoAnswer)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 90), max_size=6), chunked=st.booleans())
async def test_answer_is_the_same_in_whatever_pieces_it_comes(cuts, chunked):
    framing = b'transfer-encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n0\r\n\r\n'
    whole = b"HTTP/1.1 200 OK\r\nx-a: b\r\n" + (framing if chunked else b'content-length: 8\r\n\r\n{"a": 1}')
    places = sorted({cut for cut in cuts if cut < len(whole)})

    async def in_pieces(peer):
        await peer.read_request()
        for start, end in zip([0, *places], [*places, len(whole)], strict=True):
            await peer.write(whole[start:end])
            await asyncio.sleep(0)
        await peer.until_closed()

    client = HttpClient(CAPACITY)
    async with RawServer(in_pieces) as server:
        result = await client.exchange(post(server.url))
        await client.close()

    assert isinstance(result, Answered)
    assert result.response.body == b'{"a": 1}'
    assert result.response.headers[0] == ("x-a", "b")


# when a connection serves again


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        OK + OK,
        OK + b"x",
    ],
    ids=["close", "1.0", "two answers", "a byte too many"],
)
async def test_connection_that_may_not_serve_again_does_not(client, answer):
    async with RawServer(saying(answer, answer)) as server:
        results = [await client.exchange(post(server.url)) for _ in range(2)]

        assert [item.response.body for item in results] == [b"{}", b"{}"]
        assert len(server.peers) == 2


async def test_bytes_that_nobody_asked_for_close_the_connection(client):
    """An answer to nothing must not become the answer to the next request."""
    spoken = asyncio.Event()

    async def speak_unasked(peer):
        await peer.read_request()
        await peer.write(OK)
        await asyncio.sleep(0.01)
        if peer.number == 0:
            await peer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{"b":1}')
            spoken.set()
        await peer.until_closed()

    async with RawServer(speak_unasked) as server:
        await client.exchange(post(server.url))
        await spoken.wait()
        await asyncio.sleep(0.01)
        again = await client.exchange(post(server.url))

        assert isinstance(again, Answered)
        assert again.response.body == b"{}"
        assert len(server.peers) == 2


LARGE = b"x" * 20_000_000


async def test_connection_with_an_unwritten_rest_does_not_serve_again():
    client = HttpClient(Capacity(read_timeout=5.0))

    async def refuse_early(peer):
        if peer.number:
            await peer.read_request()
            await peer.write(OK)
            return
        await peer.read_head()
        await peer.write(b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\n\r\n")
        await asyncio.sleep(2)

    async with RawServer(refuse_early) as server, asyncio.timeout(10):
        first = await client.exchange(post(server.url, body=LARGE))
        second = await client.exchange(post(server.url))
        await client.close()

    assert (first.response.status, second.response.status) == (413, 200)


async def test_request_that_is_still_leaving_is_not_silence():
    """The partner takes longer to read it than it may be silent."""

    async def read_slowly(peer):
        head = await peer.read_head()
        missing = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        while missing > 0:
            missing -= len(await peer.read(2_000_000))
            await asyncio.sleep(0.01)
        await peer.write(OK)

    transport = Connections(CAPACITY)
    timeout = {"connect": 1.0, "read": 0.3, "pool": 1.0, "whole": 60.0}
    async with RawServer(read_slowly) as server:
        request = httpx.Request(
            "POST", server.url, stream=httpx.ByteStream(LARGE), extensions={"timeout": timeout}
        )
        begun = time.monotonic()
        response = await transport.handle_async_request(request)
        await transport.aclose()

    assert response.status_code == 200
    assert time.monotonic() - begun > timeout["read"]


async def test_connection_at_rest_for_long_is_closed():
    transport = Connections(CAPACITY, rest=0.05)
    client = HttpClient(CAPACITY, transport=transport)
    ended = asyncio.Event()

    async def wait_for_the_end(peer):
        await peer.read_request()
        await peer.write(OK)
        await peer.until_closed()
        ended.set()

    async with RawServer(wait_for_the_end) as server, asyncio.timeout(5):
        await client.exchange(post(server.url))
        await ended.wait()

        assert isinstance(await client.exchange(post(server.url)), Answered)
        assert len(server.peers) == 2
        await client.close()


async def test_no_more_connections_than_the_capacity_and_two():
    client = HttpClient(Capacity(concurrency=1, connect_timeout=1.0, read_timeout=5.0))
    async with RawServer(saying(*[OK] * 20)) as server:
        results = await asyncio.gather(*(client.exchange(post(server.url)) for _ in range(20)))
        await client.close()

        assert {type(item) for item in results} == {Answered}
        assert len(server.peers) == 3


async def test_connections_to_several_hosts_are_kept_apart(client):
    async with RawServer(saying(OK, OK)) as one, RawServer(saying(OK, OK)) as other:
        for server in (one, other, one, other):
            assert isinstance(await client.exchange(post(server.url)), Answered)

        assert (len(one.peers), len(other.peers)) == (1, 1)


# what is never written


@pytest.mark.parametrize(
    "header",
    [
        ("x-a", "1\r\nx-injected: 1"),
        ("x-a", "1\nx"),
        ("x-a", "\0"),
        ("x-a", "ký"),
        ("x a", "1"),
        ("", "1"),
        ("x:a", "1"),
        ("Content-Length", "5"),
        ("transfer-encoding", "chunked"),
    ],
)
async def test_header_that_cannot_be_written_as_it_is_is_not_sent(client, header):
    async with RawServer(saying(OK)) as server:
        request = WireRequest(method="POST", url=server.url, headers=(header,), body=b"{}")

        assert isinstance(await client.exchange(request), NotSent)
        assert server.received == b""
        assert isinstance(await client.exchange(post(server.url)), Answered)


async def test_user_name_in_an_address_is_not_sent(client):
    async with RawServer(saying(OK)) as server:
        url = server.url.replace("//", "//user:secret@")
        result = await client.exchange(post(url))

        assert isinstance(result, NotSent)
        assert "secret" not in result.reason
        assert server.received == b""


async def test_host_that_was_given_is_the_only_one(client):
    async with RawServer(saying(OK)) as server:
        headers = (("Host", "portal.example"),)
        await client.exchange(WireRequest(method="GET", url=server.url, headers=headers, body=b""))

        assert server.received == b"GET /service HTTP/1.1\r\nHost: portal.example\r\n\r\n"


async def test_query_and_path_leave_as_they_were_given(client):
    async with RawServer(saying(OK)) as server:
        await client.exchange(
            WireRequest(method="GET", url=server.url + "/a%2Fb?q=%20x&p=1+2", headers=(), body=b"")
        )

        assert server.received.startswith(b"GET /service/a%2Fb?q=%20x&p=1+2 HTTP/1.1\r\n")


async def test_empty_body_has_a_length_where_one_is_expected(client):
    async with RawServer(saying(OK)) as server:
        await client.exchange(WireRequest(method="POST", url=server.url, headers=(), body=b""))

        assert b"\r\nContent-Length: 0\r\n" in server.received


# where to


async def test_second_address_is_tried_when_the_first_refuses(client):
    """The server listens on one of the addresses that localhost may have."""
    async with RawServer(saying(OK)) as server:
        result = await client.exchange(post(server.url.replace("127.0.0.1", "localhost")))

    assert isinstance(result, Answered)


async def test_address_that_is_refused_is_not_connected_to():
    client = HttpClient(CAPACITY, judge=lambda host, address: f"{host} leads to {address}, which is ours")
    async with RawServer(saying(OK)) as server:
        result = await client.exchange(post(server.url.replace("127.0.0.1", "localhost")))
        await client.close()

        assert isinstance(result, NotSent)
        assert "which is ours" in result.reason
        assert server.peers == []
