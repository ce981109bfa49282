"""The operations that concern a dossier: filing, supplement, state, result, feed, acknowledgement, withdrawal (§4).

Each takes a valid call and gives the parts of the answer behind KetQua, or raises ``Refused``. Invariant: a call that is
refused has changed nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence

from adapters.construction import simulator_rules as rules
from adapters.construction.simulator_course import begin, script_for, supplied
from adapters.construction.simulator_elements import (
    every,
    kept,
    parts,
    path,
    read_day,
    read_instant,
    text,
    whole,
)
from adapters.construction.simulator_files import papers
from adapters.construction.simulator_message import Asked
from adapters.construction.simulator_model import (
    PERMIT,
    PLANNING,
    WITHDRAWABLE,
    Case,
    World,
    open_case,
    own_number,
)
from adapters.construction.simulator_words import Refused, instant, leaf, node
from gateway.codec.tree import Tree
from gateway.codec.xml import Element

Parts = Sequence[Tree]
Service = Callable[[World, Asked], Parts]


def file_permit(world: World, asked: Asked) -> Parts:
    """NopHoSo."""
    (record,) = every(asked.element, "HoSo")
    _require_new(world, text(record, "MaHoSo"))
    _require_place(world, record, "DiaDiem")
    if found := rules.filing(record, asked.unit):
        raise Refused("500", fields=found)
    for name in ("NgayCap", "NgayHetHieuLucKhoiCong"):
        place = f"NoiDungDeNghi/GiayPhepGoc/{name}"
        if text(record, place):
            read_day(text(record, place), f"HoSo/{place}")
    attached = papers(asked, "HoSo/TepDinhKem", world.config.files)
    owner = text(record, "ChuDauTu/SoDinhDanh") or text(record, "ChuDauTu/MaSoDoanhNghiep")
    number, request = text(record, "MaHoSo"), text(record, "LoaiThuTuc")
    case = Case(
        number=number,
        own_number=own_number(world, asked.now),
        kind=PERMIT,
        request=request,
        unit=asked.unit,
        told=kept(record),
        received_at=asked.now,
        promised_at=read_instant(text(record, "NgayHenTra"), "HoSo/NgayHenTra"),
        script=script_for(owner, world, number),
        days=_promise(world, record, request),
        papers=list(attached),
        doubts=rules.doubts(record),
    )
    begin(world, open_case(world, case, asked.now), asked.now)
    return (leaf("MaHoSoBXD", case.own_number),)


def ask_planning(world: World, asked: Asked) -> Parts:
    """YeuCauThongTinQuyHoach: a dossier of its own."""
    (record,) = every(asked.element, "YeuCau")
    _require_new(world, text(record, "MaHoSo"))
    _require_place(world, record, "ViTri")
    if found := rules.planning(record):
        raise Refused("500", fields=found)
    attached = papers(asked, "YeuCau/TepDinhKem", world.config.files)
    number = text(record, "MaHoSo")
    case = Case(
        number=number,
        own_number=own_number(world, asked.now),
        kind=PLANNING,
        request="",
        unit=asked.unit,
        told=kept(record),
        received_at=asked.now,
        promised_at=read_instant(text(record, "NgayHenTra"), "YeuCau/NgayHenTra"),
        script=world.scripts.get(number, ""),
        days=world.config.planning_days,
        papers=list(attached),
    )
    begin(world, open_case(world, case, asked.now), asked.now)
    return (leaf("MaHoSoBXD", case.own_number),)


def states(world: World, asked: Asked) -> Parts:
    """TraCuuTrangThai: what is not known is left out, unless nothing is known."""
    known = [world.cases[number] for number in asked.dossiers if number in world.cases]
    if not known:
        raise Refused("201")
    return [case.latest for case in known if case.latest is not None]


def changes(world: World, asked: Asked) -> Parts:
    """LayDanhSachThayDoi: without a cursor, from the first change that nobody has acknowledged."""
    cursor = text(asked.element, "ConTro")
    most = whole(text(asked.element, "SoBanGhi")) or world.config.page
    start = _position(world, cursor) if cursor else 0
    rows: list[Tree] = []
    while start < len(world.log) and len(rows) < most:
        change = world.log[start]
        if cursor or start >= world.read_up_to.get(change.case, 0):
            rows.append(change.row)
        start += 1
    more = start < len(world.log)
    return [*rows, leaf("ConTroTiepTheo", _cursor(world, start)), leaf("ConDuLieu", str(more).lower())]


def notice(world: World, asked: Asked) -> Parts:
    """LayYeuCauBoSung."""
    told = _known(world, asked).notice
    if told is None:
        raise Refused("204")
    wanted = [
        node("GiayToCanBoSung", leaf("MaGiayTo", kind), leaf("TenGiayTo", title), leaf("LyDo", "Chưa nộp"))
        for kind, title in told.papers
    ]
    return (
        node(
            "YeuCauBoSung",
            leaf("MaYeuCauBoSung", told.number),
            leaf("NgayYeuCau", instant(told.at)),
            leaf("HanBoSung", instant(told.until)),
            leaf("NoiDung", told.reason),
            *wanted,
        ),
    )


def supplement(world: World, asked: Asked) -> Parts:
    """NopBoSung: once, in time, to the notice that it names."""
    case = _known(world, asked)
    told = case.notice
    if told is None or text(asked.element, "MaYeuCauBoSung") != told.number:
        raise Refused("204")
    if case.state != "5" or asked.now > told.until:
        raise Refused("203", "Hồ sơ không còn chờ bổ sung hoặc đã quá hạn bổ sung")
    request = asked.element.find(path("NoiDungDeNghi"))
    if found := rules.amendment(request, case.request):
        raise Refused("500", fields=found)
    brought = papers(asked, "TepDinhKem", world.config.files)
    case.papers.extend(brought)
    if request is not None:
        case.told = _amended(case.told, kept(request))
    case.supplements.append(
        {
            "notice": told.number,
            "explanation": text(asked.element, "GiaiTrinh"),
            "papers": [each.kind for each in brought],
            "request": request is not None,
        }
    )
    supplied(world, case, asked.now, {each.kind for each in brought})
    return ()


def result(world: World, asked: Asked) -> Parts:
    """LayKetQua: the permit, or the refusal."""
    case = _known(world, asked)
    if case.kind != PERMIT:
        raise Refused("201")
    return (_decision(case),)


def planning(world: World, asked: Asked) -> Parts:
    """LayThongTinQuyHoach."""
    case = _known(world, asked)
    if case.kind != PLANNING:
        raise Refused("201")
    return (_decision(case),)


def acknowledge(world: World, asked: Asked) -> Parts:
    """XacNhanDaNhan: as often as the caller likes; a result that was received is one that was handed over (10)."""
    kind = text(asked.element, "LoaiThongTin")
    known = [world.cases[number] for number in asked.dossiers if number in world.cases]
    if not known:
        raise Refused("201")
    for case in known:
        if kind in {"3", "4"} and case.decision is None:
            raise Refused("200")
        if kind == "2" and case.notice is None:
            raise Refused("204")
    for case in known:
        case.acknowledged[kind] += 1
        world.read_up_to[case.number] = len(world.log)
        if kind in {"3", "4"} and case.state == "9":
            case.turn += 1
            world.plan(case, asked.now + world.days(1), "return")
    return ()


def withdraw(world: World, asked: Asked) -> Parts:
    """RutHoSo."""
    case = _known(world, asked)
    if case.state not in WITHDRAWABLE:
        raise Refused("203")
    case.turn += 1
    case.withdrawn = text(asked.element, "LyDo")
    world.move(case, "7", asked.now, reason=case.withdrawn)
    return ()


SERVICES: Mapping[str, Service] = {
    "NopHoSo": file_permit,
    "TraCuuTrangThai": states,
    "LayDanhSachThayDoi": changes,
    "LayYeuCauBoSung": notice,
    "NopBoSung": supplement,
    "LayKetQua": result,
    "XacNhanDaNhan": acknowledge,
    "RutHoSo": withdraw,
    "YeuCauThongTinQuyHoach": ask_planning,
    "LayThongTinQuyHoach": planning,
}


def _require_new(world: World, number: str) -> None:
    if number in world.cases:
        raise Refused("202")


def _require_place(world: World, record: Element, place: str) -> None:
    allowed = world.config.provinces
    if allowed and text(record, f"{place}/DiaChi/MaTinh") not in allowed:
        raise Refused("108")


def _promise(world: World, record: Element, request: str) -> float:
    """§4: by the kind of request, the group of the works and their grade."""
    config = world.config
    works = every(record, "NoiDungDeNghi/CongTrinh")
    if request in {"6", "7"}:
        return config.change_days
    if all(text(work, "NhomCongTrinh") == rules.HOUSE for work in works):
        return config.house_days
    grand = any(text(work, "CapCongTrinh") in {"DB", "I", "II"} for work in works)
    return config.grand_days if grand else config.work_days


def _known(world: World, asked: Asked) -> Case:
    case = world.cases.get(asked.dossiers[0])
    if case is None:
        raise Refused("201")
    return case


def _decision(case: Case) -> Tree:
    if case.decision is not None:
        return case.decision
    # §4: state 3 is a refusal before acceptance, 7 and 8 end without a decision; neither will ever be complete
    raise Refused("203" if case.state in {"3", "7", "8"} else "200")


def _amended(told: Tree, request: Tree) -> Tree:
    return (told[0], tuple(request if each[0] == "NoiDungDeNghi" else each for each in parts(told)), "")


def _cursor(world: World, position: int) -> str:
    return base64.urlsafe_b64encode(f"{world.epoch}:{position}".encode()).decode()


def _position(world: World, cursor: str) -> int:
    try:
        epoch, _, position = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        known = int(epoch) == world.epoch and 0 <= int(position) <= len(world.log)
    except (binascii.Error, ValueError) as fault:
        raise Refused("302", "Con trỏ không hợp lệ") from fault
    if not known:
        raise Refused("302", "Con trỏ đã hết hạn")
    return int(position)
