"""What the portal's stand-in can be asked: catalogues, look-ups, the document store (national_portal §4, §8.1).

Invariant: a read changes nothing, and something unknown is an empty result, never an error (§12.3, §12.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from adapters.national_portal import simulator_answers as words
from adapters.national_portal import simulator_catalogue as seed
from adapters.national_portal.simulator_answers import Answer, plain, success
from adapters.national_portal.simulator_model import Call, State
from adapters.national_portal.simulator_rules import Item, rows_of, text_of
from gateway.port.simulator import SimulatedResponse

Read: TypeAlias = Callable[[Call, State], Answer]


def serve_file(call: Call, state: State) -> SimulatedResponse:
    """The document store's two calls and the facade's ``getfile`` (§7.4)."""
    if state.config.bearer != "none" and not state.bearer_holds(call):
        return _store_answer(call, "-1", words.TOKEN_REFUSED, status=401)
    if not isinstance(call.document, dict):
        return _store_answer(call, "-1", words.NOT_JSON)
    if call.service == "GetKetQuaGiayTo":
        return _stored_papers(call, call.document)
    path = text_of(call.document.get("DuongDan")) or ""
    if path not in seed.FILES:
        return _store_answer(call, "-1", words.NO_FILE)
    return plain(call.service, seed.FILES[path])


def _stored_papers(call: Call, asked: Item) -> SimulatedResponse:
    for name in ("SoDinhDanhChuSoHuu", "SoDinhDanhNguoiYeuCau", "KenhThucHien", "MaThuTuc"):
        if not text_of(asked.get(name)):
            return _store_answer(call, "-1", words.NO_PARAMETER.format(name=name))
    owner = text_of(asked["SoDinhDanhChuSoHuu"]) or ""
    wanted = {text_of(row.get("MaKetQua")) for row in rows_of(asked, "DanhSachDanhMucKetQua")}
    found = [paper for paper in seed.STORE.get(owner, ()) if not wanted or paper["MaKetQua"] in wanted]
    return _store_answer(call, "0", words.DONE, result={"DanhSachGiayToKetQua": found})


def _store_answer(
    call: Call, code: str, message: str, *, result: dict[str, Any] | None = None, status: int = 200
) -> SimulatedResponse:
    # §8.1: the store has an envelope of its own, in camel case
    body = {"errorCode": code, "message": message, "signature": "", "result": result}
    return plain(call.service, body, status)


def _procedure_list(call: Call, state: State) -> Answer:
    unit = call.parameter("maDonVi") if call.service == "LayDanhSachTTHCDonVi" else ""
    result = [
        {"MATTHC": entry["MATTHC"], "TENTTHC": entry["TENTTHC"]}
        for entry in state.procedures.values()
        if not unit or any(agency.get("MADONVI") == unit for agency in rows_of(entry, "COQUANTHUCHIEN"))
    ]
    return success(call.service, result=result)


def _procedure(call: Call, state: State) -> Answer:
    entry = state.procedures.get(call.parameter("maTTHC"))
    return success(call.service, result=[] if entry is None else [entry])


def _decision(call: Call, state: State) -> Answer:
    wanted = call.parameter("idQDCB")
    result = [
        {
            "ID": wanted,
            "SOQUYETDINH": entry["QUYETDINH"],
            "COQUANBANHANH": entry["MACOQUANCONGBO"],
            "DANHSACHTTHC": [{"MATTHC": entry["MATTHC"], "TENTTHC": entry["TENTTHC"]}],
        }
        for entry in state.procedures.values()
        if entry.get("IDQUYETDINHCONGBO") == wanted
    ]
    return success(call.service, result=result)


def _agencies(call: Call, state: State) -> Answer:
    return success(call.service, result=list(state.config.agencies))


def _fields(call: Call, state: State) -> Answer:
    return success(call.service, result=list(state.config.fields))


def _small_table(call: Call, _state: State) -> Answer:
    return success(call.service, result=list(seed.SMALL_TABLES[call.service]))


def _technical_id(call: Call, _state: State) -> Answer:
    found = seed.TECH_IDS.get(call.parameter("mstorcmnd"))
    return success(call.service, result=[{"TECHNICALID": found}] if found else [])


def _dossier(call: Call, state: State) -> Answer:
    # U15: the item's shape is documented nowhere, so the stored dossier is echoed with its progress
    code = call.parameter("mahoso")
    known = state.ledger.dossiers.get(code)
    if known is None:
        return success(call.service, result=_filed_here(code, state))
    fields = known.fields or {"MaHoSo": code}
    return success(call.service, result=[{**fields, "TienDo": state.ledger.steps_by_time(code)}])


def _filed_here(code: str, state: State) -> list[Item]:
    """A dossier that was filed at the portal: it is known, with the state that was reported last (§7.5)."""
    if code not in state.online:
        return []
    reports = state.ledger.reports.get(code, [])
    told = text_of(reports[-1].get("TrangThai")) if reports else "1"
    return [{"MaHoSo": code, "TrangThaiHoSo": "3" if told == "11" else told}]


READS: Mapping[str, Read] = {
    "LayDanhSachTTHC": _procedure_list,
    "LayDanhSachTTHCDonVi": _procedure_list,
    "LayThuTuc": _procedure,
    "LayQDCB": _decision,
    "LayDanhMucCoQuan": _agencies,
    "LayDanhMucLinhVuc": _fields,
    **dict.fromkeys(seed.SMALL_TABLES, _small_table),
    "TraCuuTechID": _technical_id,
    "TraCuuHoSo": _dossier,
}
