"""A dossier at the ministry of construction: the adapter, its stand-in, a lane's memory and a clock, without the hub."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from adapters.construction.adapter import build
from adapters.construction.settings import Settings
from adapters.construction.stand_in import simulate
from gateway.domain.declarations.construction import Attachment, PaperKind
from gateway.domain.dossier import Document, Dossier, FileReference, Step, Supplement
from gateway.domain.errors import CannotEncode
from gateway.port import WireRequest, WireResponse
from gateway.port.progress import FeedPage, Progress, ProgressReport
from tests.stand_in_lane import StandInLane

HOME = Path("adapters/construction/spec")
SETTINGS = Settings(url="https://lgsp.h99.example/moc/capphepxaydung/1.0", unit="H99.99.99")
SAMPLES = {
    sample.code[-2:]: sample
    for sample in (
        msgspec.json.decode(line, type=Dossier) for line in (HOME / "samples.jsonl").read_bytes().splitlines()
    )
}
FILES = {hashlib.sha256(path.read_bytes()).hexdigest(): path.read_bytes() for path in HOME.glob("files/*")}
START = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
NEW_PAPER = b"%PDF-1.4\n% Ban cam ket da ky (mau)\n%%EOF\n"


class Lane(StandInLane):
    """One dossier on its way; ``day`` is the length of a working day at the stand-in."""

    def __init__(self, sample: str = "01", settings: Settings = SETTINGS, **changes: Any) -> None:
        super().__init__(build(settings), simulate(settings), replace(SAMPLES[sample], **changes), START)
        self.files = {**FILES, hashlib.sha256(NEW_PAPER).hexdigest(): NEW_PAPER}
        self.calls: list[str] = []

    def later(self, days: float) -> None:
        """Let working days pass at the stand-in, where one takes ten seconds."""
        self.now += timedelta(seconds=10 * days)

    def call(self, request: WireRequest, fault: str = "") -> WireResponse:
        self.calls.append(operation_of(request))
        return super().call(request, fault)

    def send(self, operation: str = "submit", fault: str = "") -> Any:
        """Send the delivery that this version calls for."""
        (delivery,) = self.deliveries(operation)
        return self.deliver(delivery, fault)

    def settle(self, operation: str = "submit") -> Any:
        """Ask what became of it."""
        (delivery,) = self.deliveries(operation)
        response = self.call(self.adapter.encode_query([delivery], self.context))
        (outcome,) = self.adapter.interpret_query([delivery], response, self.context)
        return outcome

    def ask(self, fault: str = "", **later: float) -> Any:
        """One question about progress, from which the lane learns."""
        told = super().ask(fault, **later)
        if isinstance(told, Progress):
            self.memory = {k: v for k, v in {**self.memory, **told.learned}.items() if v}
        return told

    def follow(self) -> tuple[list[ProgressReport], bool]:
        """Ask until there is nothing to ask at once: what was told, and whether that is all."""
        reports: list[ProgressReport] = []
        for _ in range(8):
            told = self.ask()
            assert isinstance(told, Progress), told
            reports += told.reports
            if not told.again:
                return reports, told.done
        raise AssertionError("it asks without end")

    def feed(self, cursor: str = "") -> FeedPage:
        response = self.call(self.adapter.encode_feed(cursor, self.context))
        page = self.adapter.interpret_feed(cursor, response, self.context)
        assert isinstance(page, FeedPage), page
        return page

    def answered(self, **changes: Any) -> Dossier:
        """The dossier with an answered supplement that brings one paper."""
        file = FileReference(
            url="https://kho.h99.example/cam-ket.pdf",
            sha256=hashlib.sha256(NEW_PAPER).hexdigest(),
            size=len(NEW_PAPER),
            media_type="application/pdf",
        )
        supplement = Supplement(
            id=1,
            requested_at=self.now,
            requested_by="Bộ Xây dựng",
            reason="Thiếu bản cam kết",
            received_at=self.now,
            received_note="Nộp bản cam kết đã ký",
            documents=[Document(id="bs-1", name="Bản cam kết", component_code="CAM_KET", file=file)],
        )
        return replace(
            self.dossier, version=self.dossier.version + 1, **{"supplements": [supplement], **changes}
        )

    def step(self, status: str, **fields: Any) -> Dossier:
        """The next version, one step on."""
        step = Step(id=f"s-{status}", at=self.now, status=status, **fields)
        return replace(
            self.dossier,
            version=self.dossier.version + 1,
            status=status,
            steps=[*self.dossier.steps, step],
        )


def operation_of(request: WireRequest) -> str:
    """The body's element."""
    match = re.search(rb"<(?:\w+:)?Body[^>]*><(\w+)", request.body)
    assert match is not None
    return match[1].decode()


def element(body: bytes, name: str) -> list[str]:
    """The texts of every element called ``name``."""
    return [each.decode() for each in re.findall(rf"<{name}>([^<]*)</{name}>".encode(), body)]


def without_files(lane: Lane) -> CannotEncode:
    """What an encoding without any file says."""
    (delivery,) = lane.deliveries()
    try:
        lane.adapter.encode([delivery], replace(lane.context, files={}))
    except CannotEncode as fault:
        return fault
    raise AssertionError("it was encoded without its files")


def paper_of(kind: PaperKind, content: bytes) -> Attachment:
    """An attachment with other bytes."""
    return Attachment(
        id=f"{kind}-2",
        kind=kind,
        title="Giấy tờ mẫu",
        file_name="mau.pdf",
        file=FileReference(
            url="https://kho.h99.example/mau.pdf",
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            media_type="application/pdf",
        ),
    )
