"""A province platform's "document" service in place of the portal: the stand-in of the LGSP twin (national_portal §9).

What it takes lies in the portal's own ledger, under the portal's names where §9 says which corresponds to which, so
that order, repetitions and times are seen the same way. Invariant: pure and total like the rest of the stand-in; what
was not complained about is stored exactly once, whatever it was called before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

from adapters.national_portal import simulator_answers as words
from adapters.national_portal.simulator_answers import Answer, refusal, success
from adapters.national_portal.simulator_ledger import Entry
from adapters.national_portal.simulator_model import Call, State
from adapters.national_portal.simulator_rules import (
    SHOWN_PROBLEMS,
    TOLERATED_FUTURE,
    VIETNAM,
    Item,
    rows_of,
    text_of,
)
from adapters.national_portal.simulator_writes import REPLAY_HEADER
from gateway.port.wire import header

DOCUMENT, TRACES = "SyncDocument", "UpdateDocumentTraces"
BAD, UNKNOWN = "400", "404"
"""Statuses of refusals; §9 knows only that 200 is a success."""

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z\Z")
_LONGEST_CODE = 50

Check: TypeAlias = Callable[[object], bool]


class Element(NamedTuple):
    """One element: whether it must be there, what it may be, or what its rows are made of."""

    name: str
    required: bool
    check: Check
    rows: tuple[Element, ...] = ()


def _text(value: object) -> bool:
    return isinstance(value, str)


def _word(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _code(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST_CODE


def _truth(value: object) -> bool:
    return isinstance(value, bool)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _among(*numbers: int) -> Check:
    return lambda value: _whole(value) and value in numbers


def _instant(value: object) -> bool:
    return isinstance(value, str) and _parsed(value) is not None


def _list(value: object) -> bool:
    return isinstance(value, list)


def _parsed(text: str) -> datetime | None:
    if not _INSTANT.match(text):
        return None
    try:
        return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        return None


_FEES = (Element("FeeName", True, _word), Element("FeeType", True, _whole), Element("Price", True, _amount))
_PAPERS = (
    Element("PaperName", True, _word),
    Element("Amount", True, _whole),
    Element("PaperType", True, _whole),
)
_ROUNDS = (
    Element("SupplementaryId", True, _whole),
    Element("SendUser", True, _word),
    Element("SendComment", True, _word),
    Element("SendDate", True, _instant),
    Element("ReceivedUser", False, _text),
    Element("ReceivedComment", False, _text),
    Element("ReceivedDate", False, _instant),  # M in the schema, and unknown until it is received
    Element("IsReceived", True, _truth),
    Element("OldDateAppointed", False, _instant),  # a dossier without an appointment has no old one either
    Element("NewDateAppointed", False, _instant),
)
_ATTACHMENTS = (
    Element("Attachmentld", True, _whole),  # spelt so in the schema
    Element("AttachmentName", True, _word),
    Element("IsDeleted", False, _truth),
    Element("Base64", True, _text),
    Element("IsVerified", True, _truth),
)
# §9 marks the dates of the end as mandatory; a document that has not ended cannot have them, see `_end_problems`.
DOCUMENT_ELEMENTS: tuple[Element, ...] = (
    Element("DocTypeCode", True, _code),
    Element("DocTypeName", True, _word),
    Element("DocCode", True, _code),
    Element("CitizenName", True, _word),
    Element("CitizenInfo", False, _text),
    Element("ApplicantsId", True, _text),
    Element("ApplicantsType", True, _among(1, 2, 3, 4)),
    Element("Address", False, _text),
    Element("Email", False, _text),
    Element("Phone", True, _text),
    Element("Compendium", False, _text),
    Element("DateReceived", True, _instant),
    Element("DateAppointed", False, _instant),
    Element("IsSuccess", True, _truth),
    Element("SuccessDate", False, _instant),
    Element("ApproverName", False, _text),
    Element("ApproverPosition", False, _text),
    Element("SuccessNote", False, _text),
    Element("IsReturned", True, _truth),
    Element("ReturnedDate", False, _instant),
    Element("ReturnNote", False, _text),
    Element("ReturnedType", True, _among(0, 1)),
    Element("FinishedDate", False, _instant),
    Element("Status", True, _among(1, 2)),
    Element("ProcessingOrganName", True, _word),
    Element("HasSupplementary", False, _truth),
    Element("RequireSupplementaryDate", False, _instant),
    Element("Note", False, _text),
    Element("Attachments", False, _list, _ATTACHMENTS),
    Element("DocFees", False, _list, _FEES),
    Element("DocPapers", False, _list, _PAPERS),
    Element("Supplementaries", False, _list, _ROUNDS),
    Element("OrganInchargeIdLevel1", True, _text),
    Element("OrganInchargeName", True, _text),
)
TRACE_ELEMENTS: tuple[Element, ...] = (
    Element("DocumentId", True, _code),
    Element("DocCode", True, _code),
    Element("UserName", True, _word),
    Element("UserPosition", True, _text),
    Element("DateCreated", True, _instant),
    Element("Comment", False, _text),
    Element("Status", False, _whole),
    Element("OrganizationInchargeIdLevel1", True, _text),
    Element("OrganizationInchargeName", True, _text),
)
_ELEMENTS: Mapping[str, tuple[Element, ...]] = {DOCUMENT: DOCUMENT_ELEMENTS, TRACES: TRACE_ELEMENTS}

# The portal's name of an element, as §9 has them correspond; instants are told as the portal writes them.
_CORRESPONDING: Mapping[str, Mapping[str, str]] = {
    DOCUMENT: {
        "MaHoSo": "DocCode",
        "MaTTHC": "DocTypeCode",
        "TenTTHC": "DocTypeName",
        "ChuHoSo": "CitizenName",
        "LoaiDoiTuong": "ApplicantsType",
        "TrichYeuHoSo": "Compendium",
        "NgayTiepNhan": "DateReceived",
        "NgayHenTra": "DateAppointed",
        "NgayKetThucXuLy": "SuccessDate",
        "NgayTra": "ReturnedDate",
        "HinhThuc": "ReturnedType",
    },
    TRACES: {
        "MaHoSo": "DocCode",
        "NguoiXuLy": "UserName",
        "ThoiDiemXuLy": "DateCreated",
        "NoiDungXuLy": "Comment",
        "TrangThai": "Status",
    },
}


def serve_twin(call: Call, state: State) -> Answer:
    """Take a document or a trace, and answer."""
    elements = _ELEMENTS[call.service]
    given = {each.name: call.document[each.name] for each in elements if each.name in call.document}
    entry = Entry(
        service=call.service,
        item=_in_the_portals_words(call.service, given, state),
        updating=True,  # §9 knows no difference between creating and updating
        replayed=header(call.request.headers, REPLAY_HEADER) is not None,
    )
    refused = _refused(call, given, entry, state)
    if refused is not None:
        state.ledger.refuse(entry, str(refused.code), refused.message or "")
        return refused
    if call.service == TRACES:
        state.ledger.store_step(entry)
        return success(call.service, words.PROGRESS_TAKEN)
    known = entry.dossier in state.ledger.dossiers
    state.ledger.store_dossier(entry)
    return success(call.service, words.UPDATED if known else words.CREATED)


def _refused(call: Call, given: Item, entry: Entry, state: State) -> Answer | None:
    problems = list(_element_problems(given, _ELEMENTS[call.service]))
    if not problems:
        problems = list(_sense_problems(call, given, state))
    if problems:
        told = words.INVALID.format(code=entry.dossier, problems="; ".join(problems[:SHOWN_PROBLEMS]))
        return refusal(call.service, told, BAD)
    if call.service == TRACES and entry.dossier not in state.ledger.dossiers:
        return refusal(call.service, words.MISSING.format(code=entry.dossier), UNKNOWN)
    return None


def _element_problems(item: Item, elements: tuple[Element, ...], where: str = "") -> Iterator[str]:
    for element in elements:
        value = item.get(element.name)
        place = f"{where}{element.name}"
        if value is None:
            if element.required:
                yield f"thiếu trường bắt buộc {place}"
        elif not element.check(value):
            yield f"trường {place} không hợp lệ"
        elif element.rows:
            if len(rows_of(item, element.name)) != len(item[element.name]):
                yield f"trường {place} phải là danh sách đối tượng"
            for index, row in enumerate(rows_of(item, element.name)):
                yield from _element_problems(row, element.rows, f"{place}[{index}].")


def _sense_problems(call: Call, item: Item, state: State) -> Iterator[str]:
    instants = {
        name: value for name, value in item.items() if isinstance(value, str) and _INSTANT.match(value)
    }
    latest = call.request.now + TOLERATED_FUTURE
    for name in ("DateReceived", "SuccessDate", "ReturnedDate", "DateCreated"):
        moment = _moment(instants.get(name), state)
        if moment is not None and moment > latest:
            yield f"{name} ở tương lai: {instants[name]}"
    if call.service != DOCUMENT:
        return
    if item["DocTypeCode"] not in state.procedures:
        yield f"DocTypeCode {item['DocTypeCode']} không có trong danh mục thủ tục hành chính"
    for name in ("DateAppointed", "SuccessDate", "ReturnedDate"):
        if name in instants and instants[name] < item["DateReceived"]:  # of one form, so they sort as text
            yield f"{name} ({instants[name]}) trước DateReceived ({item['DateReceived']})"
    yield from _end_problems(item)


def _end_problems(item: Item) -> Iterator[str]:
    for flag, date in (("IsSuccess", "SuccessDate"), ("IsReturned", "ReturnedDate")):
        if item[flag] and not item.get(date):
            yield f"thiếu trường bắt buộc {date} khi {flag}"


def _moment(text: str | None, state: State) -> datetime | None:
    """An instant as it is meant: UTC, or local time that says Z (§9) where the stand-in is told so."""
    found = None if text is None else _parsed(text)
    if found is None or state.config.twin_dates == "utc":
        return found
    return found - (VIETNAM.utcoffset(None) or timedelta())


def _in_the_portals_words(service: str, given: Item, state: State) -> Item:
    corresponding: Item = {}
    for ours, theirs in _CORRESPONDING[service].items():
        text = text_of(given.get(theirs)) or ""
        moment = _moment(text, state)
        corresponding[ours] = text if moment is None else moment.astimezone(VIETNAM).strftime("%Y%m%d%H%M%S")
    return {**given, **corresponding}
