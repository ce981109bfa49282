"""A ministry whose answers are hostile, and a whole gateway in a process of its own, over real sockets.

The ministry takes every application it gets and keeps it; only what it answers is wrong, once for each dossier, to the
application itself or to the question what became of it. Whatever the answer, nothing is filed twice, nothing that was
not said counts as said, and the process stays small.
"""

import asyncio
import functools
import re
import sys
from dataclasses import dataclass

import msgspec

from adapters import construction
from adapters.construction.simulator import ConstructionSimulator
from gateway.cli.demo.store import stored
from gateway.port import SimulatedRequest
from tests.construction_lane import FILES, SAMPLES
from tests.e2e.hostile_process import START, Ended, Errand
from tests.unit.soap_answers import HOSTILE, TEXT_XML, V12, wrapped
from tests.wire.raw_server import RawServer

MOST_GROWTH_MB = 250
SECONDS = 120
NAMESPACE = "http://www.moc.gov.vn/capphepxaydung/1.0"
CALL = "c" * 36  # stands for the id of the call, which is as long
FILED, ASKED = "NopHoSo", "TraCuuTrangThai"
FOUND, TAKEN = ("delivered", "found_at_partner"), ("delivered", "accepted")
_OPERATION = re.compile(rb"<(?:\w+:)?Body[^>]*><(\w+)")
_CODE = re.compile(rb"<MaHoSo>([^<]+)<")
_CALL = re.compile(rb"<MaYeuCau>([^<]+)<")


@dataclass(frozen=True, kw_only=True)
class Case:
    """``answer``: raw bytes of the answer to the call that they are made for; ``endless``: repeated behind them until
    nobody listens. ``on``: the operation. ``end``: state and code of the delivery; ``filed``: how often it was sent."""

    answer: bytes
    endless: bytes = b""
    on: str = FILED
    end: tuple[str, str] = FOUND
    filed: int = 1


def http(body, kind=TEXT_XML, status=200, more="connection: close\r\n"):
    typed = f"content-type: {kind}\r\n" if kind else ""
    return f"HTTP/1.1 {status} X\r\n{typed}content-length: {len(body)}\r\n{more}\r\n".encode() + body


def said(operation, *, call=CALL, state="1", error="", more="", space=NAMESPACE):
    code = f"<MaLoi>{error}</MaLoi><MoTaLoi>Lời của bộ</MoTaLoi>" if error else ""
    return wrapped(
        f'<{operation}Response xmlns="{space}"><KetQua><MaYeuCau>{call}</MaYeuCau><TrangThai>{state}</TrangThai>'
        f"<MoTa>Mô tả</MoTa>{code}<ThoiDiem>2026-11-26T16:00:00+07:00</ThoiDiem></KetQua>{more}</{operation}Response>"
    )


def fault(code, *, call=CALL, details=1):
    detail = (
        f'<LoiDichVu xmlns="{NAMESPACE}"><MaYeuCau>{call}</MaYeuCau><MaLoi>{code}</MaLoi><MoTaLoi>Lỗi</MoTaLoi>'
        "</LoiDichVu>"
    )
    return wrapped(
        f"<s:Fault><faultcode>s:Client</faultcode><faultstring>Lỗi</faultstring><detail>{detail * details}</detail>"
        "</s:Fault>"
    )


OTHER_STATE = (
    "<TrangThaiHoSo><MaHoSo>H99.99.99-261125-9999</MaHoSo><TrangThaiXuLy>4</TrangThaiXuLy>"
    "<ThoiDiem>2026-11-26T15:30:00+07:00</ThoiDiem></TrangThaiHoSo>"
)
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ntransfer-encoding: chunked\r\n\r\n"
TO_BOTH = {
    **{f"{name}, HTTP 200": http(body, kind) for name, (body, kind, _) in HOSTILE.items()},
    **{
        f"{name}, HTTP 500": http(HOSTILE[name][0], HOSTILE[name][1], 500)
        for name in ("billion laughs", "external entity", "mime junk around the envelope", "two bodies")
    },
    "a fault without a detail": http(
        wrapped("<s:Fault><faultcode>s:Server</faultcode><faultstring>x</faultstring></s:Fault>")
    ),
    "a fault with two details": http(fault("500", details=2)),
    "a fault of a code that nobody agreed on": http(fault("999")),
    "a fault to another call": http(fault("500", call="3f0c2b5e-0000-4a0e-9a10-000000000000"), status=500),
    "a document of the other version": http(wrapped("<a/>", space=V12), "application/soap+xml"),
    "cut short before its length": http(fault("500"))[:-30],
    "longer than its length": http(b"<a/>") + b"<b/>",
    "closed in the head": b"HTTP/1.1 200 OK\r\ncontent-ty",
    "nothing at all": b"",
    "no HTTP": b"220 mail.example ESMTP\r\n",
    "length and chunks": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "junk for a chunk": CHUNKED + b"zz\r\n<a/>\r\n0\r\n\r\n",
    "an immense chunk": CHUNKED + b"ffffffffffffffff\r\n<a/>",
    "chunks without an end": CHUNKED + b"4\r\n<a/>\r\n",
    "an immense length": b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: 99999999999999\r\n\r\n<a/>",
    "a length that is none": b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n<a/>",
    "gzip that is none": http(b"<a/>", "text/xml\r\ncontent-encoding: gzip"),
    "a redirection": b"HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
}
WITHOUT_END = {
    "a body": (CHUNKED, b"10000\r\n" + b"<a/>" * 0x4000 + b"\r\n"),
    "a body without a length": (b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\n\r\n", b" " * 65536),
    "a header": (b"HTTP/1.1 200 OK\r\nx: ", b"y" * 65536),
    "interim answers": (b"", b"HTTP/1.1 103 X\r\n\r\n" * 4000),
}
CASES = {
    **{
        f"{name}, to {on}": Case(answer=answer, on=on)
        for name, answer in TO_BOTH.items()
        for on in (FILED, ASKED)
    },
    **{
        f"{name} without an end, to {on}": Case(answer=head, endless=piece, on=on)
        for name, (head, piece) in WITHOUT_END.items()
        for on in (FILED, ASKED)
    },
    # what looks like success
    "success of another call": Case(answer=http(said(FILED, call="3f0c2b5e-0000-4a0e-9a10-000000000000"))),
    "success with an error": Case(answer=http(said(FILED, error="500"))),
    "success with HTTP 500": Case(answer=http(said(FILED), status=500)),
    "success in another namespace": Case(answer=http(said(FILED, space="urn:nobody"))),
    "success of another operation": Case(answer=http(said("RutHoSo"))),
    "success with what the schema forbids": Case(answer=http(said(FILED, more="<La>x</La>"))),
    "success twice": Case(answer=http(said(FILED).replace(b"</KetQua>", b"</KetQua><KetQua/>"))),
    # what looks as if the dossier were not there, so that it would be filed again
    "the state of another dossier": Case(on=ASKED, answer=http(said(ASKED, more=OTHER_STATE))),
    "absent, to another call": Case(
        on=ASKED,
        answer=http(said(ASKED, call="3f0c2b5e-0000-4a0e-9a10-000000000000", state="0", error="201")),
    ),
    "absent, with HTTP 500": Case(on=ASKED, answer=http(said(ASKED, state="0", error="201"), status=500)),
    "absent, and yet success": Case(on=ASKED, answer=http(said(ASKED, error="201"))),
    "absent, of another operation": Case(on=ASKED, answer=http(said("LayKetQua", state="0", error="201"))),
    # what counts, though its form is odd
    "a fault with HTTP 200": Case(answer=http(fault("500")), end=("rejected", "500")),
    "a fault that passes, with HTTP 200": Case(answer=http(fault("503")), end=TAKEN, filed=2),
    "a gateway that counts calls": Case(answer=http(b"<html/>", "text/html", 429), end=TAKEN, filed=2),
}


class Ministry:
    """Takes what it gets; once for each dossier its answer is the one of the case."""

    def __init__(self, cases):
        self.cases, self.filed = cases, dict.fromkeys(cases, 0)
        own = construction.Settings(url="http://bxd.example/service", unit="H99.99.99")
        self._simulator: ConstructionSimulator = construction.simulate(own)
        self._spent: set[str] = set()

    async def serve(self, peer):
        while await self._answered(peer, await peer.read_request()):
            pass

    async def _answered(self, peer, request):
        """Whether the connection may be used again."""
        operation = _OPERATION.search(request)[1].decode()
        code = (_CODE.search(request) or ("", b""))[1].decode()
        honest = self._answer(request)
        case = self.cases.get(code)
        if operation == FILED and case is not None:
            self.filed[code] += 1
        if case is None or code in self._spent or (operation, case.on) == (ASKED, FILED):
            await peer.write(honest)
            return True
        if operation != case.on:
            return False  # the answer is lost, so that the question comes
        self._spent.add(code)
        await peer.write(case.answer.replace(CALL.encode(), _CALL.search(request)[1]))
        while case.endless:
            await peer.write(case.endless)
        return False

    def _answer(self, request):
        head, _, body = request.partition(b"\r\n\r\n")
        headers = tuple(tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")[1:])
        received = SimulatedRequest(
            method="POST", path="/service", query="", headers=headers, body=body, now=START
        )
        answer = self._simulator.handle(received)
        return http(answer.body, dict(answer.headers)["content-type"], answer.status, more="")


def record(store, number):
    """The first sample under a number of its own, its attachments in the store."""
    sample = msgspec.to_builtins(SAMPLES["01"])
    for each in sample["declaration"]["attachments"]:
        each["file"] = msgspec.to_builtins(store.put(FILES[each["file"]["sha256"]]))
    return {**sample, "code": f"H99.99.99-261125-{number:04}"}


@functools.cache
def _numbered():
    return {f"H99.99.99-261125-{number:04}": name for number, name in enumerate(CASES, 1001)}


async def _ended(folder):
    ministry = Ministry({code: CASES[name] for code, name in _numbered().items()})
    async with stored() as store, RawServer(ministry.serve) as server:
        records = [record(store, number) for number in range(1000, 1001 + len(CASES))]
        errand = Errand(
            database=f"sqlite:///{folder}/gateway.db",
            url=server.url,
            store=store.host,
            records=[msgspec.Raw(msgspec.json.encode(each)) for each in records],
        )
        (folder / "errand.json").write_bytes(msgspec.json.encode(errand))
        words = (sys.executable, "-m", "tests.e2e.hostile_process", str(folder / "errand.json"))
        process = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(SECONDS):
                _, log = await process.communicate()
        except TimeoutError:
            process.kill()
            _, log = await process.communicate()
            raise AssertionError(log[-3000:].decode()) from None
    assert process.returncode == 0, log[-3000:].decode()
    return msgspec.json.decode((folder / "errand.ended").read_bytes(), type=Ended), ministry


async def test_every_hostile_answer_has_its_right_end_and_the_process_stays_small(tmp_path):
    ended, ministry = await _ended(tmp_path)

    wrong = {
        name: (ended.deliveries.get(code), ministry.filed[code])
        for code, name in _numbered().items()
        if (ended.deliveries.get(code), ministry.filed[code]) != (CASES[name].end, CASES[name].filed)
    }
    assert wrong == {}
    assert ended.grown_mb < MOST_GROWTH_MB, ended.grown_mb


def test_there_are_enough_of_them():
    assert len(CASES) > 100
