"""A ministry on a real socket, and zeep as a client that knows nothing of ours but the address of its description."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import requests
import zeep
from zeep.transports import Transport
from zeep.wsdl import Document

import adapters.construction.simulator as stand_in
from adapters.construction.simulator import ConstructionSimulator, SimulatorConfig
from gateway.sandbox import FaultPlan, FaultRule, Sandbox, serve_sandbox

NAME = "ministry"
SPEC = Path(stand_in.__file__).with_name("spec")
SPACE = "http://www.moc.gov.vn/capphepxaydung/1.0"
Q = f"{{{SPACE}}}"
NOW = datetime(2026, 11, 25, 1, 5, tzinfo=UTC)
VIETNAM = timezone(timedelta(hours=7))
NUMBER = "H99.99.99-261125-0001"
PLANNING_NUMBER = "H99.17-261125-0007"
CONTENT = b"PDF-GIA-LAP"
ADDRESS = {
    "DuongPho": "đường Mẫu",
    "MaXa": "00001",
    "TenXa": "phường Mẫu",
    "MaTinh": "99",
    "TenTinh": "tỉnh Mẫu",
}
HOUSE_PAPERS = ("DON", "DAT", "BAN_VE_NHA_O", "CAM_KET")
ENDS = {"1.1": "/bxd/CapPhepXayDung", "1.2": "/bxd/CapPhepXayDung12"}


class Clock:
    """The sandbox's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def days(self, number: float) -> None:
        """So many working days later, at ten seconds each."""
        self.now += timedelta(seconds=10 * number)


class Ministry:
    """One stand-in with its clients."""

    def __init__(self, sandbox: Sandbox, clock: Clock) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self._clients: dict[int, zeep.Client] = {}
        self._transport = Transport(session=session(), cache=None)
        self._http = httpx.AsyncClient(trust_env=False)

    @property
    def url(self) -> str:
        return self.sandbox.url(NAME)

    def record(self) -> dict[str, Any]:
        return self.sandbox.record(NAME)

    def case(self, number: str = NUMBER) -> dict[str, Any]:
        return self.record()["dossiers"][number]

    def order(self, action: str, **body: Any) -> dict[str, Any]:
        import msgspec

        return self.sandbox.simulator(NAME).administer(action, msgspec.json.encode(body))

    def inject(self, fault: str, service: str = "*", **changes: Any) -> None:
        rule = FaultRule(fault=fault, service=service, **{"first_n": 1, **changes})
        self.sandbox.use_plan(NAME, FaultPlan(rules=(rule,)))

    def client(self, version: str = "1.1", wsse: Any = None) -> Any:
        """Zeep's proxy of the port at the ministry's address."""
        if id(wsse) not in self._clients:
            self._clients[id(wsse)] = zeep.Client(description(), transport=self._transport, wsse=wsse)
        binding = f"{Q}CapPhepXayDungSoap{version.replace('.', '')}Binding"
        return self._clients[id(wsse)].create_service(binding, self.url + ENDS[version])

    async def ask(
        self, operation: str, *, version: str = "1.1", call: str = "", wsse: Any = None, **body: Any
    ) -> Any:
        """Call an operation with zeep; ``call``: MaYeuCau, a fresh one where none is given."""
        proxy = self.client(version, wsse)
        return await asyncio.to_thread(proxy[operation], ThongTinChung=self.caller(call), **body)

    def caller(self, call: str = "", unit: str = "H99.99.99") -> dict[str, Any]:
        return {
            "MaYeuCau": call or str(uuid.uuid4()),
            "MaDVC": "1.013225",
            "MaDonVi": unit,
            "ThoiDiemGui": self.clock.now.astimezone(VIETNAM),
        }

    async def post(self, body: bytes, *, version: str = "1.1", **headers: str) -> httpx.Response:
        """Raw bytes to the port of a version."""
        kinds = {"1.1": "text/xml; charset=utf-8", "1.2": "application/soap+xml; charset=utf-8"}
        sent = {"content-type": kinds[version], **({"soapaction": '""'} if version == "1.1" else {})}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        return await self._http.post(self.url + ENDS[version], content=body, headers=sent, timeout=60)

    async def close(self) -> None:
        await self._http.aclose()
        self._transport.session.close()


@cache
def description() -> Document:
    """Zeep's reading of the pinned description, once a run; a test of its own loads the one that the ministry serves."""
    transport = Transport(session=session(), cache=None)
    read = Document(str(SPEC / "CapPhepXayDung.wsdl"), transport)
    transport.session.close()
    return read


def session() -> requests.Session:
    """One that looks at no settings of this machine."""
    made = requests.Session()
    made.trust_env = False
    return made


@contextlib.asynccontextmanager
async def ministry(
    config: SimulatorConfig | None = None, clock: Callable[[], datetime] | None = None
) -> AsyncIterator[Ministry]:
    """A ministry until the block ends."""
    hand = Clock()
    simulator = ConstructionSimulator(config)
    async with serve_sandbox({NAME: simulator}, clock=clock or hand) as sandbox:
        world = Ministry(sandbox, hand)
        try:
            yield world
        finally:
            await world.close()


def paper(kind: str, content: bytes = CONTENT, **changes: Any) -> dict[str, Any]:
    """An attachment."""
    fields = {
        "MaGiayTo": kind,
        "TenGiayTo": "Giấy tờ mẫu",
        "TenTep": f"{kind.lower()}.pdf",
        "LoaiTep": "application/pdf",
        "KichThuoc": len(content),
        "MaBamSHA256": hashlib.sha256(content).hexdigest(),
        "NoiDung": content,
    }
    return {**fields, **changes}


def house(**changes: Any) -> dict[str, Any]:
    """HoSo of a new permit for a private house, complete; ``owner``: last digit of the investor's number (§7)."""
    owner = f"00000000000{changes.pop('owner', 1)}"
    kinds = changes.pop("papers", HOUSE_PAPERS)
    record = {
        "MaHoSo": NUMBER,
        "MaTTHC": "1.013225",
        "LoaiThuTuc": "1",
        "NguonDangKy": "1",
        "NgayTiepNhan": NOW.astimezone(VIETNAM),
        "NgayHenTra": datetime(2026, 12, 4, 17, tzinfo=VIETNAM),
        "KinhGui": "UBND phường Mẫu, tỉnh Mẫu",
        "NguoiNop": {
            "LoaiDoiTuong": "1",
            "HoVaTen": "NGUYỄN VĂN MẪU",
            "SoDinhDanh": "000000000001",
            "SoDienThoai": "0900000001",
            "LaNguoiDuocUyQuyen": False,
        },
        "ChuDauTu": {
            "LoaiChuDauTu": "1",
            "Ten": "NGUYỄN VĂN MẪU",
            "SoDinhDanh": owner,
            "SoDienThoai": "0900000001",
        },
        "DiaDiem": {
            "DiaChi": ADDRESS,
            "ThuaDat": [{"ThuaDatSo": "12", "ToBanDoSo": "34", "DienTich": Decimal("120.50")}],
        },
        "LapThietKe": {
            "Loai": "1",
            "Ten": "CÔNG TY THIẾT KẾ MẪU",
            "MaSoDoanhNghiep": "0000000001",
            "MaSoChungChi": "XXX-00000001",
        },
        "NoiDungDeNghi": {"PhamViCap": "1", "CongTrinh": [work()], "ThoiGianHoanThanhThang": 10},
        "NhanKetQua": {"HinhThuc": "1"},
        "LePhi": {"SoTien": 75000, "DaNop": True},
        "TepDinhKem": [paper(kind) for kind in kinds],
        "NgayLamDon": date(2026, 11, 24),
    }
    return {**record, **changes}


def work(**changes: Any) -> dict[str, Any]:
    """A house of three storeys."""
    fields = {
        "SoThuTu": 1,
        "TenCongTrinh": "Nhà ở riêng lẻ",
        "NhomCongTrinh": "5",
        "LoaiCongTrinh": "1",
        "CapCongTrinh": "III",
        "DienTichXayDung": Decimal("80.00"),
        "CotXayDung": Decimal("0.450"),
        "TongDienTichSan": Decimal("240.00"),
        "ChieuCao": Decimal("11.400"),
        "SoTang": 3,
    }
    return {**fields, **changes}


def change(kind: str, permit: Mapping[str, Any], number: str, **content: Any) -> dict[str, Any]:
    """HoSo of kinds 5 to 7, about an issued ``permit``."""
    told = {"GiayPhepGoc": permit, **content}
    papers = ("DON_DIEU_CHINH", "GPXD_DA_CAP", *(("BAN_VE_NHA_O",) if kind == "5" else ()))
    made = house(MaHoSo=number, LoaiThuTuc=kind, NoiDungDeNghi=told, papers=papers)
    del made["LapThietKe"]
    return made


def question(**changes: Any) -> dict[str, Any]:
    """YeuCau for planning information about one parcel, with its outline."""
    corners = [("2190000", "580000"), ("2190010", "580000"), ("2190010", "580012.050")]
    fields = {
        "MaHoSo": PLANNING_NUMBER,
        "MaTTHC": "1.008455",
        "NgayTiepNhan": NOW.astimezone(VIETNAM),
        "NgayHenTra": datetime(2026, 12, 16, 17, tzinfo=VIETNAM),
        "NguoiYeuCau": house()["NguoiNop"],
        "ViTri": {
            "DiaChi": ADDRESS,
            "ThuaDat": [{"ThuaDatSo": "12", "ToBanDoSo": "34", "DienTich": Decimal("120.50")}],
            "RanhGioi": {
                "HeToaDo": "VN-2000",
                "KinhTuyenTruc": "105-00",
                "Diem": [{"X": Decimal(x), "Y": Decimal(y)} for x, y in corners],
            },
        },
        "NoiDungYeuCau": ["1", "2", "3"],
        "NhanKetQua": {"HinhThuc": "1"},
    }
    return {**fields, **changes}


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
