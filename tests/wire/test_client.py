"""What an exchange ends in, against a server that misbehaves byte by byte.

The one rule that must never break: ``NotSent`` only when nothing of the request can have reached the partner, and a
request reaches the partner at most once.
"""

import asyncio
import contextlib
import datetime as dt
import gzip
import ipaddress
import itertools
import socket
import ssl
import tracemalloc
import zlib

import httpx
import pytest
import respx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.port import Capacity, WireRequest
from gateway.wire.client import Answered, HttpClient, NoAnswer, NotSent, unpack
from tests.wire.raw_server import OK, RawServer, refusing_port

CAPACITY = Capacity(concurrency=4, connect_timeout=0.5, read_timeout=0.2, max_response_bytes=100_000)
BODY = b'{"step": 1}'


def post(url, *, method="POST", body=BODY, timeout=None):
    headers = (("content-type", "application/json"), ("x-request", "7"))
    return WireRequest(method=method, url=url, headers=headers, body=body, timeout=timeout)


@pytest.fixture
async def client():
    opened = HttpClient(CAPACITY)
    yield opened
    await opened.close()


async def close_at_once(peer):
    return


async def reset_at_once(peer):
    peer.reset()


async def reset_after_some_bytes(peer):
    await peer.read(10)
    peer.reset()


async def reset_after_head(peer):
    await peer.read_head()
    peer.reset()


async def reset_after_request(peer):
    await peer.read_request()
    peer.reset()


async def close_after_request(peer):
    await peer.read_request()


async def never_answer(peer):
    await peer.read_request()
    await peer.until_closed()


async def half_a_status_line(peer):
    await peer.read_request()
    await peer.write(b"HTTP/1.1 20")


async def half_the_headers(peer):
    await peer.read_request()
    await peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-")


async def headers_by_drops(peer):
    await peer.read_request()
    await peer.drip(b"HTTP/1.1 200 OK\r\n" + b"x-filler: 1\r\n" * 100, 0.05)


async def body_by_drops(peer):
    await peer.read_request()
    await peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")
    await peer.drip(b"x" * 500, 0.05)


async def packed_body_by_drops(peer):
    """Bytes keep coming, but unpacked they are nothing yet."""
    await peer.read_request()
    await peer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 500\r\n\r\n")
    await peer.drip(gzip.compress(b"")[:10] + b"\x00" * 490, 0.05)


async def body_shorter_than_said(peer):
    await peer.read_request()
    await peer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"error_code": 0}')


async def last_chunk_missing(peer):
    await peer.read_request()
    await peer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n")


async def chunk_size_is_no_number(peer):
    await peer.read_request()
    await peer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")


async def two_lengths(peer):
    await peer.read_request()
    await peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 7\r\n\r\n{}")


async def length_is_negative(peer):
    await peer.read_request()
    await peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}")


async def not_http(peer):
    await peer.read_request()
    await peer.write(b"220 mail.example ESMTP\r\n")


async def endless_header(peer):
    await peer.read_request()
    await peer.write(b"HTTP/1.1 200 OK\r\nx-filler: " + b"y" * 200_000)
    await peer.until_closed()


async def endless_headers(peer):
    await peer.read_request()
    await peer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(5000):
        await peer.write(b"x-%d: y\r\n" % number)
    await peer.until_closed()


async def only_continue(peer):
    await peer.read_request()
    await peer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def body_too_large(peer):
    await peer.read_request()
    await peer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n" + b"x" * 200_000)


async def body_without_end(peer):
    await peer.read_request()
    await peer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await peer.write(b"x" * 65536)


BOMB = gzip.compress(b"\0" * 50_000_000)  # not in the loop that the client's limits run in


async def bomb(peer):
    await peer.read_request()
    head = (
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
        % len(BOMB)
    )
    await peer.write(head + BOMB)


BROKEN = {
    close_at_once: "connection_lost",
    reset_at_once: "connection_lost",
    reset_after_some_bytes: "connection_lost",
    reset_after_head: "connection_lost",
    reset_after_request: "connection_lost",
    close_after_request: "connection_lost",
    never_answer: "timeout",
    half_a_status_line: "connection_lost",
    half_the_headers: "connection_lost",
    headers_by_drops: "answer_too_slow",
    body_by_drops: "answer_too_slow",
    packed_body_by_drops: "answer_too_slow",
    body_shorter_than_said: "answer_broken",
    last_chunk_missing: "answer_broken",
    chunk_size_is_no_number: "answer_broken",
    two_lengths: "connection_lost",
    length_is_negative: "connection_lost",
    not_http: "connection_lost",
    endless_header: "connection_lost",
    endless_headers: "connection_lost",
    only_continue: "connection_lost",
    body_too_large: "answer_too_large",
    body_without_end: "answer_too_large",
    bomb: "answer_too_large",
}


DRIPS = (headers_by_drops, body_by_drops, packed_body_by_drops)


@pytest.mark.parametrize("behaviour", DRIPS, ids=lambda item: item.__name__)
async def test_answer_that_never_ends_is_given_up(behaviour):
    """Every byte starts the read timeout anew; the whole exchange has a limit of its own."""
    client = HttpClient(Capacity(connect_timeout=0.5, read_timeout=1.0))
    async with RawServer(behaviour) as server, asyncio.timeout(10):
        result = await client.exchange(post(server.url))
        await client.close()

    assert isinstance(result, NoAnswer)
    assert result.code == "answer_too_slow"


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
@pytest.mark.parametrize("behaviour", BROKEN, ids=lambda item: item.__name__)
async def test_broken_exchange_is_no_answer_and_reaches_the_partner_once(client, behaviour, method):
    async with RawServer(behaviour) as server:
        result = await client.exchange(post(server.url, method=method))

        assert isinstance(result, NoAnswer)
        # a busy machine may take a drip for silence
        assert result.code == BROKEN[behaviour] or behaviour in DRIPS
        assert len(server.peers) == 1
        assert server.received.count(b" /service ") <= 1


@pytest.mark.parametrize("behaviour", BROKEN, ids=lambda item: item.__name__)
async def test_client_works_again_after_a_broken_exchange(client, behaviour):
    async def first_broken_then_right(peer):
        if peer.number == 0:
            await behaviour(peer)
        else:
            await peer.read_request()
            await peer.write(OK)

    async with RawServer(first_broken_then_right) as server:
        await client.exchange(post(server.url))
        again = await client.exchange(post(server.url))

        assert isinstance(again, Answered)
        assert again.response.body == b"{}"


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
async def test_partner_that_takes_the_request_and_dies_is_no_answer(client, method):
    """Aiohttp repeats a PUT by itself; the refused second connection would look as if nothing had been sent."""

    async def take_and_die(peer):
        await peer.read_request()
        server.stop_listening()

    async with RawServer(take_and_die) as server:
        result = await client.exchange(post(server.url, method=method))

        assert isinstance(result, NoAnswer)
        assert server.received.count(BODY) == 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_kept_connection_that_breaks_is_no_answer_and_is_not_repeated(client, method):
    async def second_request_breaks(peer):
        await peer.read_request()
        await peer.write(OK)
        await peer.read_request()
        peer.reset()

    async with RawServer(second_request_breaks) as server:
        first = await client.exchange(post(server.url, method=method))
        second = await client.exchange(post(server.url, method=method))

        assert isinstance(first, Answered)
        assert isinstance(second, NoAnswer)
        assert server.received.count(BODY) == 2


async def test_idle_connection_closed_by_the_partner_is_replaced(client):
    closed = asyncio.Event()

    async def close_when_idle(peer):
        await peer.read_request()
        await peer.write(OK)
        if peer.number == 0:
            closed.set()
            return
        await peer.until_closed()

    async with RawServer(close_when_idle) as server:
        await client.exchange(post(server.url))
        await closed.wait()
        await asyncio.sleep(0.01)  # the FIN is read by the loop before the next call
        again = await client.exchange(post(server.url))

        assert isinstance(again, Answered)
        assert len(server.peers) == 2


async def test_connection_is_kept_between_calls(client):
    async def always_right(peer):
        while True:
            await peer.read_request()
            await peer.write(OK)

    async with RawServer(always_right) as server:
        for _ in range(5):
            assert isinstance(await client.exchange(post(server.url)), Answered)

        assert len(server.peers) == 1


async def test_refused_connection_is_not_sent(client):
    with refusing_port() as port:
        result = await client.exchange(post(f"http://127.0.0.1:{port}/service"))

    assert isinstance(result, NotSent)


async def test_refused_connection_is_tried_again_at_once(client):
    async def right(peer):
        await peer.read_request()
        await peer.write(OK)

    with refusing_port() as port:
        call = asyncio.create_task(client.exchange(post(f"http://127.0.0.1:{port}/service")))
        await asyncio.sleep(0.01)
    async with RawServer(right) as server:
        server.stop_listening()
        listener = await asyncio.start_server(server._serve, "127.0.0.1", port)
        result = await call
        listener.close()

    assert isinstance(result, Answered)


@pytest.mark.parametrize(
    "url",
    [
        "http://no-such-host.invalid/",
        "ftp://127.0.0.1/service",
        "/service",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http:///service",
    ],
)
async def test_address_that_leads_nowhere_is_not_sent(client, url):
    assert isinstance(await client.exchange(post(url)), NotSent)


async def test_connection_that_is_never_accepted_is_not_sent():
    """The backlog is full, so the SYN is dropped; the connect limit ends it."""
    client = HttpClient(Capacity(connect_timeout=0.1, read_timeout=0.3))
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        result = await client.exchange(post(f"http://127.0.0.1:{listener.getsockname()[1]}/service"))

    assert isinstance(result, NotSent)
    assert "no connection within" in result.reason
    await client.close()


async def test_early_answer_to_a_large_request_is_an_answer():
    """The partner refuses by the headers and does not read the rest."""
    client = HttpClient(Capacity(read_timeout=5.0))

    async def refuse_early(peer):
        await peer.read_head()
        await peer.write(b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 2\r\n\r\n{}")
        await asyncio.sleep(5)

    async with RawServer(refuse_early) as server, asyncio.timeout(10):
        result = await client.exchange(post(server.url, body=b"x" * 20_000_000))
        await client.close()

    assert isinstance(result, Answered)
    assert result.response.status == 413


async def test_partner_that_stops_reading_is_no_answer(client):
    async def stop_reading(peer):
        await peer.read_head()
        await asyncio.sleep(5)

    async with RawServer(stop_reading) as server, asyncio.timeout(3):
        result = await client.exchange(post(server.url, body=b"x" * 20_000_000))

    assert isinstance(result, NoAnswer)


async def test_what_leaves_is_what_was_logged(client):
    async def right(peer):
        await peer.read_request()
        await peer.write(OK)

    async with RawServer(right) as server:
        await client.exchange(post(server.url))

        head, _, body = server.received.partition(b"\r\n\r\n")
        names = {line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
        assert names == {b"host", b"content-length", b"content-type", b"x-request"}
        assert body == BODY


async def test_address_leaves_as_it_was_logged(client):
    """A partner may sign what it finds there, and the message log is the proof of what was asked."""

    async def right(peer):
        await peer.read_request()
        await peer.write(OK)

    target = "/a%2Fb/x%20y?file=%2Ftmp%3Aa%3Bb&plus=1%2B2&space=a%20b+c&is=%3D"
    async with RawServer(right) as server:
        await client.exchange(post(server.url.removesuffix("/service") + target))

        assert server.received.split(b" ")[1] == target.encode()


@pytest.mark.parametrize(
    "answer",
    [
        b"Nguyen Van A\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: session=Nguyen\r\nX-Cut",
        b"HTTP/1.1 200 OK\r\nContent-Length: Nguyen\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nNguyen\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nNguyen\r\n",
    ],
)
async def test_reason_of_a_failure_quotes_neither_the_query_nor_the_partner(client, answer):
    """It goes into the program log and into events."""

    async def garbled(peer):
        await peer.read_request()
        await peer.write(answer)

    async with RawServer(garbled) as server:
        result = await client.exchange(post(server.url + "/x?token=canary"))

    assert isinstance(result, NoAnswer)
    assert "Nguyen" not in result.reason
    assert "canary" not in result.reason


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/?token=canary", "http:///x?token=canary"])
async def test_reason_of_an_address_that_cannot_be_used_leaves_out_its_query(client, url):
    result = await client.exchange(post(url))

    assert isinstance(result, NotSent)
    assert "canary" not in result.reason


async def test_reason_of_a_connection_that_takes_too_long_leaves_out_the_query(client):
    async def silent(peer):
        await asyncio.sleep(5)

    async with RawServer(silent) as server:
        result = await client.exchange(post(server.url.replace("http:", "https:") + "/x?token=canary"))

    assert isinstance(result, NotSent)
    assert "no connection within" in result.reason
    assert "canary" not in result.reason


async def test_header_names_leave_as_they_were_logged(client):
    async def right(peer):
        await peer.read_request()
        await peer.write(OK)

    async with RawServer(right) as server:
        headers = (("SOAPAction", '"x"'), ("X-Road-Client", "H99"), ("content-type", "text/xml"))
        await client.exchange(WireRequest(method="POST", url=server.url, headers=headers, body=BODY))

        head, _, _ = server.received.partition(b"\r\n\r\n")
        assert b'\r\nSOAPAction: "x"\r\nX-Road-Client: H99\r\ncontent-type: text/xml\r\n' in head


async def test_answer_keeps_headers_in_order_and_bytes_as_they_came(client):
    async def right(peer):
        await peer.read_request()
        await peer.write(
            b"HTTP/1.1 200 OK\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\nset-cookie: session=1\r\n"
            b"content-type: text/plain; charset=windows-1258\r\ncontent-length: 4\r\n\r\n\xd0\xf0\xff\x00"
        )

    async with RawServer(right) as server:
        result = await client.exchange(post(server.url))
        await client.exchange(post(server.url))

        assert isinstance(result, Answered)
        assert result.response.body == b"\xd0\xf0\xff\x00"
        assert result.response.headers[:3] == (("X-B", "1"), ("x-a", "2"), ("X-B", "3"))
        assert b"cookie" not in server.received.lower()


async def test_redirect_is_an_answer_and_is_not_followed(client):
    async def redirect(peer):
        await peer.read_request()
        await peer.write(
            b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"
        )

    async with RawServer(redirect) as server:
        result = await client.exchange(post(server.url))

        assert isinstance(result, Answered)
        assert result.response.status == 307
        assert server.received.count(BODY) == 1


async def test_request_may_have_a_longer_read_limit(client):
    async def slow(peer):
        await peer.read_request()
        await asyncio.sleep(0.5)
        await peer.write(OK)

    async with RawServer(slow) as server:
        assert isinstance(await client.exchange(post(server.url, timeout=2.0)), Answered)


async def test_two_thousand_cancelled_calls_lose_no_slot():
    """Nothing in the gateway cancels a call; should it ever happen, the pool must not shrink."""
    client = HttpClient(Capacity(concurrency=4, connect_timeout=1.0, read_timeout=5.0))

    async def slow(peer):
        while True:
            await peer.read_request()
            await asyncio.sleep(0.002)
            await peer.write(OK)

    async with RawServer(slow) as server:
        pauses = itertools.cycle([0.0, 0.0005, 0.001, 0.002, 0.003])
        for _ in range(40):
            calls = [asyncio.create_task(client.exchange(post(server.url))) for _ in range(50)]
            await asyncio.sleep(next(pauses))
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        async with asyncio.timeout(5):
            results = await asyncio.gather(*(client.exchange(post(server.url)) for _ in range(50)))

        assert [type(result) for result in results] == [Answered] * 50
        await client.close()


async def test_close_and_use_again(client):
    async def right(peer):
        await peer.read_request()
        await peer.write(OK)

    async with RawServer(right) as server:
        await client.exchange(post(server.url))
        await client.close()

        assert isinstance(await client.exchange(post(server.url)), Answered)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    taken=st.integers(0, 200),
    given_back=st.integers(0, len(OK)),
    hard=st.booleans(),
    method=st.sampled_from(["POST", "PUT", "GET"]),
)
async def test_whenever_bytes_arrived_the_request_is_never_called_unsent(taken, given_back, hard, method):
    """Any number of bytes read, any part of an answer written, then FIN or RST."""

    async def break_off(peer):
        await peer.read(taken) if taken else None
        await peer.write(OK[:given_back])
        if hard:
            peer.reset()

    client = HttpClient(CAPACITY)
    async with RawServer(break_off) as server:
        result = await client.exchange(post(server.url, method=method))
        await client.close()

        assert len(server.peers) == 1
        assert not (isinstance(result, NotSent) and server.received)


# content codings

PLAIN = b'{"error_code": "0"}' * 10


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(PLAIN, mtime=0)),
        ("X-GZIP", gzip.compress(PLAIN, mtime=0)),
        ("deflate", zlib.compress(PLAIN)),
    ],
)
def test_packed_answer_is_unpacked(coding, packed):
    assert unpack(coding, packed, 1000) == PLAIN


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("", PLAIN),
        ("identity", PLAIN),
        ("br", b"\x1b\x0e"),
        ("gzip, gzip", gzip.compress(gzip.compress(PLAIN, mtime=0), mtime=0)),
        ("gzip", b"not packed at all"),
        ("gzip", gzip.compress(PLAIN, mtime=0)[:-9]),
        ("gzip", b""),
    ],
)
def test_what_cannot_be_unpacked_is_handed_over_as_it_came(coding, body):
    assert unpack(coding, body, 1000) == body


def test_unpacking_stops_at_the_limit():
    limit = 1_000_000
    packed = zlib.compress(b"\0" * 200_000_000, 9)
    tracemalloc.start()
    try:
        assert unpack("deflate", packed, limit) is None
        assert tracemalloc.get_traced_memory()[1] < 3 * limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("spare", "expected"), [(0, b"x" * 5000), (-1, None)])
def test_unpacked_answer_may_be_exactly_as_long_as_the_limit(spare, expected):
    assert unpack("gzip", gzip.compress(b"x" * 5000, mtime=0), 5000 + spare) == expected


# TLS


def certificate(tmp_path, *, name, issuer=None, days=1):
    """A self-signed certificate for 127.0.0.1, and a context that serves it."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    host = x509.IPAddress(ipaddress.ip_address("127.0.0.1")) if name == "127.0.0.1" else x509.DNSName(name)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=10))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(chain, secret)
    return serving, chain


async def answer(peer):
    await peer.read_request()
    await peer.write(OK)


async def test_trusted_certificate_is_taken(tmp_path):
    serving, chain = certificate(tmp_path, name="127.0.0.1")
    client = HttpClient(CAPACITY, verify=ssl.create_default_context(cafile=str(chain)))
    async with RawServer(answer, tls=serving) as server:
        assert isinstance(await client.exchange(post(server.url)), Answered)
        await client.close()


@pytest.mark.parametrize(
    ("name", "days", "trusted"),
    [("127.0.0.1", 1, False), ("portal.example", 1, True), ("127.0.0.1", -1, True)],
    ids=["unknown issuer", "wrong name", "expired"],
)
async def test_wrong_certificate_is_not_sent(tmp_path, name, days, trusted):
    serving, chain = certificate(tmp_path, name=name, days=days)
    client = HttpClient(CAPACITY, verify=ssl.create_default_context(cafile=str(chain)) if trusted else None)
    async with RawServer(answer, tls=serving) as server:
        result = await client.exchange(post(server.url))

        assert isinstance(result, NotSent)
        assert "certificate" in result.reason.lower()
        assert server.received == b""
        await client.close()


async def test_plain_partner_behind_an_https_address_is_not_sent(client):
    async def plain(peer):
        await peer.read(1000)
        await peer.write(OK)

    async with RawServer(plain) as server:
        result = await client.exchange(post(server.url.replace("http:", "https:")))

        assert isinstance(result, NotSent)
        assert BODY not in server.received


async def test_partner_that_wants_a_client_certificate_is_no_answer(tmp_path):
    """TLS 1.3 lets the client write before the partner has refused it: not provably unsent."""
    serving, chain = certificate(tmp_path, name="127.0.0.1")
    serving.verify_mode = ssl.CERT_REQUIRED
    serving.load_verify_locations(chain)
    client = HttpClient(CAPACITY, verify=ssl.create_default_context(cafile=str(chain)))
    async with RawServer(answer, tls=serving) as server:
        assert isinstance(await client.exchange(post(server.url)), NoAnswer)
        await client.close()


# an injected transport, as tests of adapters and of delivery use it

MAPPED = {
    httpx.ConnectError: NotSent,
    httpx.UnsupportedProtocol: NotSent,
    httpx.LocalProtocolError: NotSent,
    httpx.ConnectTimeout: NoAnswer,
    httpx.ReadTimeout: NoAnswer,
    httpx.WriteTimeout: NoAnswer,
    httpx.PoolTimeout: NoAnswer,
    httpx.ReadError: NoAnswer,
    httpx.WriteError: NoAnswer,
    httpx.CloseError: NoAnswer,
    httpx.RemoteProtocolError: NoAnswer,
    httpx.ProxyError: NoAnswer,
    httpx.DecodingError: NoAnswer,
    httpx.TooManyRedirects: NoAnswer,
}


def leaves(kind):
    below = kind.__subclasses__()
    return {kind} if not below else set().union(*(leaves(item) for item in below))


def test_every_error_of_httpx_is_in_the_table():
    """Fails when httpx grows an exception that nobody has classified."""
    assert {
        item
        for item in leaves(httpx.TransportError) | leaves(httpx.RequestError)
        if item.__module__.startswith("httpx")
    } == set(MAPPED)


@pytest.mark.parametrize("fault", MAPPED, ids=lambda item: item.__name__)
async def test_error_of_an_injected_transport_is_classified(fault):
    router = respx.Router()
    router.post("https://portal.example/service").mock(side_effect=fault("broken"))
    client = HttpClient(CAPACITY, transport=httpx.MockTransport(router.async_handler))

    result = await client.exchange(post("https://portal.example/service"))

    assert type(result) is MAPPED[fault]
    router.post("https://portal.example/service").mock(return_value=httpx.Response(200, content=b"{}"))
    assert isinstance(await client.exchange(post("https://portal.example/service")), Answered)
    await client.close()
