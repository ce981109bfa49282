"""Traces over a whole journey, to a collector on a real socket: accepted, delivered, called back, in one trace."""

import asyncio
import json
import socket
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import msgspec
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from gateway.bootstrap import open_gateway
from gateway.port import Secret
from gateway.settings import DestinationSettings, TracingSettings
from gateway.storage.schema import delivery
from gateway.telemetry import configure_logging
from gateway.telemetry.tracing import OFF
from tests.api_world import BOARD, Board, Partner, World, record, settings
from tests.collector import attributes, collecting

CORRELATION = "one-door-4711"
THEIRS = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
PATIENCE = 30


class FirstCardFails(Partner):
    """Answers the first card with 500, all others and every question with 200."""

    async def handle_async_request(self, request):
        is_card = request.method == "POST" and request.url.path.endswith("/card")
        earlier = [each for each in self.requests if each.url.path == request.url.path]
        self.status = 500 if is_card and not earlier else 200
        return await super().handle_async_request(request)


@asynccontextmanager
async def traced(tmp_path, *, destination=None, partner=None, **tracing):
    """A gateway with its worker running and traces on."""
    partner = partner or Partner()
    wanted = settings(f"sqlite:///{tmp_path}/gateway.db")
    wanted = msgspec.structs.replace(
        wanted,
        tracing=TracingSettings(**tracing),
        destination={BOARD: destination or DestinationSettings()},
    )
    gateway = await open_gateway(wanted, transports={BOARD: partner}, extra={BOARD: Board()})
    world = World(gateway, partner)
    await world.add_client("all")
    working = asyncio.create_task(gateway.worker.run())
    try:
        await gateway.worker.registered()
        yield world
    finally:
        gateway.worker.stop()
        await working
        await world.close()


async def settled(world, count=2):
    async with asyncio.timeout(PATIENCE):
        while (await states(world)).count("delivered") < count:  # noqa: ASYNC110 - it is the tables that say so
            await asyncio.sleep(0.05)


async def states(world):
    rows = await world.gateway.database.read(lambda connection: connection.execute(delivery.select()).all())
    return [row.state for row in rows]


async def put(world, code="H99-1", **headers):
    answer = await world.call("PUT", f"/v1/dossiers/{code}", json=record(code), headers=headers)
    assert answer.status_code == 202
    return answer


async def test_journey_is_one_trace_with_one_correlation_id(tmp_path, capfd):
    configure_logging("info", "json")
    with collecting() as collector:
        async with traced(
            tmp_path,
            endpoint=collector.endpoint,
            headers={"authorization": Secret("Bearer of-the-collector")},
            service_name="lienthong-h99",
        ) as world:
            await put(world, **{"x-correlation-id": CORRELATION, "traceparent": THEIRS})
            await settled(world)
            answer = await world.call("POST", "/in/board/door", client=None, content=b"knock")
            assert answer.status_code == 200

    (accepted,) = collector.named("PUT /v1/dossiers/{code}")
    (callback,) = collector.named("callback board")
    journey = [span for span in collector.spans if span.trace_id == accepted.trace_id]
    by_name = {span.name: span for span in journey}

    assert accepted.trace_id.hex() == THEIRS.split("-")[1], "it goes on with the one-door system's trace"
    assert accepted.parent_span_id.hex() == THEIRS.split("-")[2]
    assert accepted.kind == Span.SPAN_KIND_SERVER
    assert set(by_name) == {
        "PUT /v1/dossiers/{code}",
        "deliver board card",
        "send board card",
        "deliver board line",
        "send board line",
        "callback board",
    }
    for operation in ("card", "line"):
        delivery, attempt = by_name[f"deliver board {operation}"], by_name[f"send board {operation}"]
        assert delivery.parent_span_id == accepted.span_id
        assert attempt.parent_span_id == delivery.span_id
        assert attempt.kind == Span.SPAN_KIND_CLIENT
        assert delivery.start_time_unix_nano <= attempt.start_time_unix_nano
        assert attempt.start_time_unix_nano <= attempt.end_time_unix_nano <= delivery.end_time_unix_nano
        told = attributes(attempt)
        assert told["lienthong.destination"] == "board"
        assert told["lienthong.operation"] == operation
        assert told["lienthong.outcome"] == "accepted"
        assert told["http.response.status_code"] == 200
    assert callback.parent_span_id == accepted.span_id
    (link,) = callback.links
    (request,) = collector.named("POST /in/{destination}")
    assert (link.trace_id, link.span_id) == (request.trace_id, request.span_id)
    assert request.trace_id != accepted.trace_id, "nobody has proved yet what a call is about"
    assert {attributes(span)["lienthong.correlation_id"] for span in journey} == {CORRELATION}

    assert collector.services == {"lienthong-h99"}
    assert {headers["authorization"] for headers in collector.headers} == {"Bearer of-the-collector"}
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    known = [line for line in lines if line.get("trace_id") == accepted.trace_id.hex()]
    assert {line["event"] for line in known} == {"request_answered", "callback_answered"}
    assert {line["correlation"] for line in known} == {CORRELATION}


async def test_nothing_of_what_was_sent_stands_in_a_trace(tmp_path):
    with collecting() as collector:
        async with traced(tmp_path, endpoint=collector.endpoint) as world:
            await put(world)
            await settled(world)
            await world.call("GET", "/v1/dossiers?agency=Nguyễn+Văn+Thí+Dụ", client="all")
        sent = "".join(str(span) for span in collector.spans)

    secrets = ("session-of-the-board", "open-sesame", "Basic hidden", *world.keys.values())
    for word in ("Nguyễn", "Thí Dụ", "Trích lục", "board.example", "authorization", *secrets):
        assert word not in sent


@pytest.mark.parametrize("sends", [True, False])
async def test_partner_gets_the_place_only_where_that_is_configured(tmp_path, sends):
    with collecting() as collector:
        async with traced(
            tmp_path, endpoint=collector.endpoint, destination=DestinationSettings(send_traceparent=sends)
        ) as world:
            await put(world, traceparent=THEIRS)
            await settled(world)
        given = [request.headers.get("traceparent") for request in world.partner.requests]

    calls = {f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01" for span in collector.named("send board")}
    assert len(calls) == 2
    assert {each for each in given if each} == (calls if sends else set())


async def test_caller_that_is_not_known_does_not_choose_the_trace(tmp_path):
    with collecting() as collector:
        async with traced(tmp_path, endpoint=collector.endpoint) as world:
            for path in ("/v1/dossiers/H99-1", "/livez"):
                await world.call("GET", path, client=None, headers={"traceparent": THEIRS})
            await world.call(
                "POST", "/in/board/door", client=None, content=b"?", headers={"traceparent": THEIRS}
            )

    assert len(collector.spans) == 3
    assert THEIRS.split("-")[1] not in {span.trace_id.hex() for span in collector.spans}


async def test_what_the_one_door_system_does_not_record_is_not_recorded(tmp_path):
    with collecting() as collector:
        async with traced(tmp_path, endpoint=collector.endpoint) as world:
            await put(world, traceparent=THEIRS[:-2] + "00")
            await settled(world)
            assert await world.count("journey") == 0

    assert not [span for span in collector.spans if "H99-1" in str(attributes(span))]


async def test_failed_attempts_are_told_with_their_codes_and_belong_to_one_delivery(tmp_path):
    partner = FirstCardFails()  # the board calls it odd: in doubt, and asked about
    with collecting() as collector:
        async with traced(tmp_path, endpoint=collector.endpoint, partner=partner) as world:
            await put(world)
            await settled(world)

    (failed,) = [span for span in collector.named("send board card") if span.status.code]
    assert attributes(failed)["lienthong.outcome"] == "in_doubt"
    assert attributes(failed)["error.type"] == "odd"
    assert attributes(failed)["http.response.status_code"] == 500
    (delivery,) = collector.named("deliver board card")
    asked = collector.named("query board card")
    assert asked
    assert {span.parent_span_id for span in (failed, *asked)} == {delivery.span_id}


async def test_collector_that_is_away_harms_nothing_and_is_told_once(tmp_path, capfd):
    configure_logging("info", "json")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}/v1/traces"
    async with AsyncExitStack() as until_the_end, traced(tmp_path, endpoint=endpoint, queue=5) as world:
        await put(world)
        await settled(world)
        async with asyncio.timeout(PATIENCE):
            while "trace_collector_was_lost" not in (told := capfd.readouterr().err):  # noqa: ASYNC110 - a thread tells
                await asyncio.sleep(0.1)
        for _ in range(20):
            await world.call("GET", "/livez", client=None)
        collector = until_the_end.enter_context(collecting(port))
        async with asyncio.timeout(PATIENCE):
            while not collector.arrived.is_set():
                await world.call("GET", "/livez", client=None)
                await asyncio.sleep(0.1)
        page = (await world.call("GET", "/metrics", client=None)).text
    told += capfd.readouterr().err

    assert told.count("trace_collector_was_lost") == 1
    assert told.count("trace_collector_is_back") == 1
    assert "library_spoke" not in told
    lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert float(lines['lienthong_spans_total{result="dropped"}']) > 0
    assert float(lines['lienthong_spans_total{result="exported"}']) > 0


async def test_process_ends_soon_whatever_the_collector_does(tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"
        async with traced(tmp_path, endpoint=endpoint) as world:
            await put(world)
            await settled(world)
            tracing = world.gateway.hub.tracing
        began = asyncio.get_running_loop().time()
        await asyncio.to_thread(tracing.close)  # again, which is harmless
        assert asyncio.get_running_loop().time() - began < PATIENCE


async def test_without_an_endpoint_nothing_is_traced(tmp_path):
    async with traced(tmp_path) as world:
        answer = await put(world, traceparent=THEIRS)
        await settled(world)
        assert world.gateway.hub.tracing is OFF
        assert await world.count("journey") == 0
        assert all("traceparent" not in request.headers for request in world.partner.requests)
    assert isinstance(answer, httpx.Response)
