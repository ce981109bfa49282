"""Receipts: fetched from listed hosts at judged addresses only, kept once by their digest, never forgotten."""

import asyncio
import base64
import contextlib
import hashlib
import json
import socket
from datetime import timedelta
from types import SimpleNamespace

import msgspec
import pytest

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.domain.payment_order import BillAnswer
from gateway.payments.receipt_fetching import Errand, Fetcher, Missed, refused, refused_address
from gateway.payments.receipts import Receipts
from gateway.port import CannotRead, GivesReceipts, Read
from gateway.storage.payment_orders import AskAgain
from gateway.wire.asking import Unasked
from tests.storage.builders import later
from tests.storage.payment_till import ASKED_AT, PLATFORM, Till
from tests.unit import payment_world

PDF = b"%PDF-1.7\n" + b"receipt " * 50
METADATA = "169.254.169.254"


class Server:
    """A web server on this machine that answers as it is told; ``heard`` are the paths that were asked for."""

    def __init__(self):
        self.heard = []
        self.answers = {}
        self.port = 0

    async def serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        self.heard.append(path)
        answer = self.answers.get(path, answered(404, b"nothing"))
        with contextlib.suppress(ConnectionError):
            if callable(answer):
                await answer(writer)
            else:
                writer.write(answer)
                await writer.drain()
        writer.close()

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def url(self, path="/bill.pdf"):
        return f"http://{self.host}{path}"


def answered(status, body, *headers):
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def moved(target, status=302):
    return answered(status, b"", f"location: {target}")


@pytest.fixture
async def server():
    made = Server()
    running = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = running.sockets[0].getsockname()[1]
    async with running:
        yield made


class Platform:
    """GET_BILL, answered as told; ``asked``: by which times."""

    def __init__(self):
        self.told = CannotRead(code="not_ready", reason="the receipt is not ready")
        self.asked = []
        self.by_time = {}

    async def read(self, name, parameters, dossier):
        assert (name, dossier[:4]) == ("bill", "H99.")
        self.asked.append(parameters["asked_at"])
        return self.by_time.get(parameters["asked_at"], self.told)


def bill(**fields):
    return Read(entries={"bill": msgspec.to_builtins(BillAnswer(**fields))})


class Run:
    """What a job is lent."""

    def __init__(self, *, dry_run=False, **parameters):
        self.dry_run = dry_run
        self.parameters = parameters
        self.reported = []

    async def report(self, done, *, total=None, watermark=None):
        self.reported.append((done, total))


class Office:
    """A till, a platform, and the job between them."""

    def __init__(self, database, server):
        self.till = Till(database)
        self.server = server
        self.now = later(minutes=10)
        self.platform = Platform()
        self.adapter = payment_world.adapter(
            receipt_hosts=["pay.example.test", server.host], plain_http_hosts=[server.host]
        )
        self.receipts = Receipts(
            database,
            {PLATFORM: SimpleNamespace(adapter=self.adapter)},
            self.asker,
            lambda: self.now,
        )

    def asker(self, name):
        if name != PLATFORM:
            raise NotFoundError(f"there is no destination {name}")
        return self.platform

    async def run(self, **parameters):
        return await self.receipts.run(Run(**parameters))

    def row(self):
        (row,) = self.till.rows("SELECT state, tries, failure, next_at FROM receipt")
        return row

    def state(self):
        return self.row()[0], self.row()[1]

    def point_to(self, url):
        self.platform.told = bill(url=url)

    def told(self):
        return self.till.events("payment.receipt", "payment.receipt_given_up")


@pytest.fixture
def office(database, server):
    return Office(database, server)


# The job


async def test_receipt_is_fetched_kept_by_its_digest_and_told_once(office, server):
    await office.till.paid()
    server.answers["/bill.pdf"] = answered(200, PDF, "content-type: application/pdf")
    office.point_to(server.url())

    first = await office.run()
    second = await office.run()

    assert (first, second) == ({"due": 1, "kept": 1}, {"due": 0})
    assert office.state() == ("kept", 1)
    digest = hashlib.sha256(PDF).digest()
    kept = office.till.rows(
        "SELECT r.sha256, r.size, f.body FROM receipt r JOIN receipt_file f USING (sha256)"
    )
    assert [tuple(map(_plain, row)) for row in kept] == [(digest, len(PDF), PDF)]
    assert office.told() == ["payment.receipt"]
    (data,) = office.till.rows("SELECT data FROM event WHERE kind = 'payment.receipt'")
    assert json.loads(data[0])["sha256"] == digest.hex()


async def test_two_payments_with_the_same_receipt_store_one_file(office):
    await office.till.paid("H99.15-1")
    await office.till.paid("H99.15-2")
    office.platform.told = bill(file=base64.b64encode(PDF).decode())

    assert (await office.run())["kept"] == 2
    assert office.till.rows("SELECT count(*) FROM receipt_file") == [(1,)]
    assert office.told() == ["payment.receipt", "payment.receipt"]


async def test_exchange_with_the_receipt_host_is_logged_both_ways(office, server):
    await office.till.paid()
    server.answers["/bill.pdf?token=k3y"] = answered(200, PDF)
    office.point_to(server.url("/bill.pdf?token=k3y"))

    await office.run()

    rows = office.till.rows(
        "SELECT kind, url, status FROM message WHERE operation = 'receipt' AND dossier_code = 'H99.15-1' ORDER BY id"
    )
    assert [(kind, status) for kind, _, status in rows] == [("request", None), ("response", 200)]
    assert "k3y" not in rows[0][1]
    assert server.heard == ["/bill.pdf?token=k3y"]


async def test_address_of_the_callback_is_tried_before_the_platform_is_asked(office, server):
    opened = await office.till.paid()
    await _set_url(office, opened, server.url("/from-confirm.pdf"))
    server.answers["/from-confirm.pdf"] = answered(200, PDF)

    await office.run()

    assert office.state()[0] == "kept"
    assert office.platform.asked == []


async def test_bad_address_of_the_callback_falls_back_to_the_platform(office):
    opened = await office.till.paid()
    await _set_url(office, opened, f"http://{METADATA}/latest")
    office.platform.told = bill(file=base64.b64encode(PDF).decode())

    await office.run()

    assert office.state()[0] == "kept"
    assert office.till.rows("SELECT count(*) FROM message WHERE operation = 'receipt'") == [(0,)]


async def test_refused_time_is_tried_once_with_that_of_the_confirmation(office):
    await office.till.paid(claimed_at="20260928080212")
    office.platform.by_time["20260928080212"] = bill(file=base64.b64encode(PDF).decode())

    await office.run()

    assert office.platform.asked == [ASKED_AT, "20260928080212"]
    assert office.state()[0] == "kept"


async def test_failure_backs_off_in_the_row_and_recovers(office):
    await office.till.paid()

    pauses = []
    for _ in range(7):
        await office.run()
        due = office.row()[3]
        pauses.append(round((due - _micros(office.now)) / 1e6))
        assert (await office.run())["due"] == 0  # not before its time
        office.now += timedelta(seconds=pauses[-1])
    office.platform.told = bill(file=base64.b64encode(PDF).decode())
    await office.run()

    assert pauses == [60, 300, 900, 3600, 10_800, 21_600, 21_600]
    assert office.state() == ("kept", 8)
    assert office.told() == ["payment.receipt"]


async def test_after_a_week_it_is_given_up_told_once_and_may_be_asked_for_again(office):
    opened = await office.till.paid()
    await office.run()
    office.now = later(days=7, minutes=6)

    summary = await office.run()
    office.now += timedelta(days=1)
    nothing = await office.run()
    order = AskAgain(actor="lan", reason="công dân cần", now=office.now, attempt=opened.attempt)
    asked = await office.receipts.ask_again(order)
    missed = await office.run()
    office.platform.told = bill(file=base64.b64encode(PDF).decode())
    office.now += timedelta(hours=1)
    kept = await office.run()
    again = await office.receipts.ask_again(order)

    assert (summary["given_up"], nothing["due"]) == (1, 0)
    assert asked.state == "wanted"
    assert missed["missed"] == 1  # the week begins anew
    assert kept["kept"] == 1
    assert (again.state, again.action) == ("kept", None)
    assert office.told() == ["payment.receipt_given_up", "payment.receipt"]
    assert office.till.actions() == [("lan", "receipt.ask_again")]


async def test_destination_that_is_shut_costs_no_try(office):
    await office.till.paid()
    office.platform.told = Unasked(code="shut", reason="shut for now", wait=200.0, shut=True)

    await office.run()

    state, tries, failure, next_at = office.row()
    assert (state, tries, failure) == ("wanted", 0, "shut: shut for now")
    assert next_at == _micros(office.now) + 200_000_000


async def test_destination_that_is_switched_off_keeps_its_receipts_wanted(office):
    await office.till.paid()
    receipts = Receipts(office.till.database, {}, office.asker, lambda: office.now)

    await receipts.run(Run())

    assert office.state() == ("wanted", 0)


async def test_one_bad_receipt_stops_no_other(office, server):
    await office.till.paid("H99.15-1")
    await office.till.paid("H99.15-2")
    bad = office.till.rows("SELECT id FROM payment_attempt ORDER BY id")[0][0]
    await _set_url(office, SimpleNamespace(attempt=bad), server.url("/html"))
    server.answers["/html"] = answered(200, b"<html>")

    async def read(name, parameters, dossier):
        if dossier == "H99.15-1":
            return CannotRead(code="not_ready", reason="x")
        return bill(file=base64.b64encode(PDF).decode())

    office.platform.read = read
    summary = await office.run(concurrency="2")

    assert summary == {"due": 2, "missed": 1, "kept": 1}


async def test_dry_run_changes_nothing(office):
    await office.till.paid()

    assert await office.run(dry_run=True) == {"due": 1}
    assert office.state() == ("wanted", 0)
    assert office.platform.asked == []


async def test_only_what_was_paid_has_a_receipt_to_ask_for(office):
    opened = await office.till.failed()

    with pytest.raises(ConflictError, match="only what is paid"):
        await office.receipts.ask_again(
            AskAgain(actor="lan", reason="x", now=office.now, attempt=opened.attempt)
        )


async def test_money_that_came_twice_may_have_its_receipt_asked_for(office):
    first = await office.till.failed()
    await office.till.paid()
    await office.till.hear(first.reference, transaction="FT-LATE")

    order = AskAgain(actor="lan", reason="hoàn tiền", now=office.now, attempt=first.attempt)
    assert (await office.receipts.ask_again(order)).state == "wanted"
    office.platform.told = bill(file=base64.b64encode(PDF).decode())
    assert (await office.run())["kept"] == 2


def test_job_can_be_tried_without_effect(office):
    job = office.receipts.job()

    assert (job.name, job.can_dry_run, job.cron) == ("payment-receipts", True, "* * * * *")


# What a receipt is


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (base64.b64encode(b"<html>the session has expired").decode(), "not_pdf"),
        ("%%% no base64", "not_pdf"),
        (base64.b64encode(b"").decode(), "not_pdf"),
    ],
)
async def test_answer_that_holds_no_pdf_is_not_kept(office, file, code):
    await office.till.paid()
    office.platform.told = bill(file=file, url="")

    await office.run()

    assert office.state() == ("wanted", 1)
    assert office.row()[2].startswith(code)
    assert office.till.rows("SELECT count(*) FROM receipt_file") == [(0,)]


async def fetched(office, url, **changes):
    adapter = office.adapter if not changes else payment_world.adapter(**changes)
    errand = Errand(destination=PLATFORM, dossier="H99.15-1", rules=adapter)
    return await Fetcher(office.till.database, lambda: office.now).fetch(errand, url)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (answered(200, b"<html><body>%PDF-1.7"), "not_pdf"),
        (answered(200, b""), "not_pdf"),
        (answered(500, PDF), "http_status"),
        (answered(404, PDF), "http_status"),
        (answered(206, PDF), "http_status"),
    ],
)
async def test_what_is_no_pdf_is_refused(office, server, answer, code):
    server.answers["/bill.pdf"] = answer

    assert (await fetched(office, server.url())).code == code


async def test_body_without_end_is_cut_off(office, server):
    sent = 0

    async def endless(writer):
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\n\r\n%PDF-1.7\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    server.answers["/bill.pdf"] = endless
    local = {"receipt_hosts": [server.host], "plain_http_hosts": [server.host], "max_bill_bytes": 500_000}

    found = await fetched(office, server.url(), **local)

    assert found.code == "answer_too_large"
    assert sent < 50_000_000


async def test_body_that_unpacks_to_more_than_the_limit_is_refused(office, server):
    import zlib

    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    body = packer.compress(PDF + b"\0" * 5_000_000) + packer.flush()
    server.answers["/bill.pdf"] = answered(200, body, "content-encoding: gzip")
    local = {"receipt_hosts": [server.host], "plain_http_hosts": [server.host], "max_bill_bytes": 500_000}

    assert (await fetched(office, server.url(), **local)).code == "answer_too_large"


def test_largest_receipt_is_ten_megabytes_unless_set(office):
    assert isinstance(office.adapter, GivesReceipts)
    assert office.adapter.receipt_limit == 10 * 1024 * 1024


# Where it may come from


@pytest.mark.parametrize(
    "url",
    [
        f"http://{METADATA}/latest/meta-data",
        f"https://{METADATA}/",
        "https://[::1]/bill.pdf",
        "https://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://2852039166/latest",  # 169.254.169.254 as one number
        "https://0xa9fea9fe/latest",
        "https://0xa9.0xfe.0xa9.0xfe/",
        "https://0251.0376.0251.0376/",
        "https://127.1/",
        "https://localhost/",
        "https://other.example.test/bill.pdf",
        "https://pay.example.test.evil.example/bill.pdf",
        "https://pay.example.test@evil.example/",
        "https://evil.example\\@pay.example.test/",
        "https://pay.example.test:8443/bill.pdf",
        "http://pay.example.test/bill.pdf",
        "file:///etc/passwd",
        "gopher://pay.example.test/",
        "ftp://pay.example.test/bill.pdf",
        "//pay.example.test/bill.pdf",
        "",
    ],
)
async def test_address_off_the_list_is_never_connected_to(office, url):
    found = await fetched(office, url)

    assert isinstance(found, Missed)
    assert found.code == "foreign_host"
    assert office.till.rows("SELECT count(*) FROM message") == [(0,)]


@pytest.mark.parametrize(
    "address",
    [
        METADATA,
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "172.16.0.9",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - judged, not bound
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fc00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "224.0.0.1",
        "100.100.100.200",
    ],
)
async def test_listed_name_that_resolves_to_the_inside_is_not_connected_to(office, monkeypatch, address):
    async def rebound(host, port, **_):
        assert host == "pay.example.test"
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebound)

    found = await fetched(office, "https://pay.example.test/bill.pdf")

    assert found.code == "not_sent"
    assert "pay.example.test leads to" in found.reason


async def test_name_is_judged_again_at_every_connection(office, server, monkeypatch):
    """DNS rebinding: harmless for the check, internal for the connection."""
    answers = iter(["203.0.113.1", "127.0.0.1"])
    assert (
        refused_address(office.adapter, "pay.example.test", next(answers)) is not None
    )  # a documentation network
    assert refused(office.adapter, "https://pay.example.test/bill.pdf") is None

    async def rebound(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebound)
    assert (await fetched(office, "https://pay.example.test/bill.pdf")).code == "not_sent"
    assert server.heard == []


def test_private_address_needs_the_operators_own_word(office):
    inside = payment_world.adapter(
        receipt_hosts=["bill.h99.example", "10.20.0.7"], plain_http_hosts=["vxp.h99.example:8080"]
    )

    assert refused_address(inside, "vxp.h99.example", "10.20.0.5") is None
    assert refused_address(inside, "10.20.0.7", "10.20.0.7") is None
    assert refused_address(inside, "bill.h99.example", "10.20.0.5") is not None
    assert refused_address(inside, "bill.h99.example", "93.184.216.34") is None
    assert refused_address(inside, "vxp.h99.example", METADATA) is not None
    assert refused_address(inside, "vxp.h99.example", "fe80::1") is not None


def test_rewritten_address_is_judged_by_what_it_becomes():
    rules = payment_world.adapter(
        receipt_hosts=["bill.h99.example"],
        url_rewrites={"http://internal.dvcqg/": "https://bill.h99.example/"},
    )

    assert rules.receipt_address("http://internal.dvcqg/x.pdf") == "https://bill.h99.example/x.pdf"
    assert rules.receipt_address("http://internal.other/x.pdf") is None


# Redirects


async def test_redirect_on_the_same_host_is_followed(office, server):
    server.answers["/bill.pdf"] = moved("/files/7.pdf")
    server.answers["/files/7.pdf"] = answered(200, PDF)

    assert await fetched(office, server.url()) == PDF


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target",
    [
        f"http://{METADATA}/latest/meta-data",
        "https://pay.example.test/bill.pdf",
        "//127.0.0.1/bill.pdf",
        "http://[::1]/",
        "file:///etc/passwd",
        "http://[bad/",
    ],
)
async def test_redirect_elsewhere_is_not_followed(office, server, target, status):
    server.answers["/bill.pdf"] = moved(target, status)

    found = await fetched(office, server.url())

    assert found.code == "redirect"
    assert server.heard == ["/bill.pdf"]


async def test_redirects_in_a_circle_end(office, server):
    server.answers["/bill.pdf"] = moved("/bill.pdf")

    assert (await fetched(office, server.url())).code == "redirects"
    assert len(server.heard) == 4


async def _set_url(office, opened, url):
    from gateway.storage.sql import Statement

    statement = Statement("UPDATE receipt SET url = :url WHERE attempt_id = :attempt")
    await office.till.database.write(
        lambda transaction: transaction.run(statement, {"url": url, "attempt": opened.attempt})
    )


def _micros(instant):
    from gateway.storage.instants import to_micros

    return to_micros(instant)


def _plain(value):
    return bytes(value) if isinstance(value, memoryview) else value
