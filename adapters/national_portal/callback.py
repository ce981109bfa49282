"""What the portal sends to the province: online dossiers, promotion notices, tax notices (national_portal §7).

Invariant: pure; the hub answers ``first`` only once the report is stored, and ``again`` to a repetition (§14.12). What
cannot be read is refused with the contract's ``-1``, never with an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapters.national_portal.settings import Settings
from gateway.codec import Unreadable, canonical, json
from gateway.mapping import CodeTable
from gateway.port import Callback, CallbackRequest, Context, Refusal, Report, WireResponse
from mappings.national_portal import nhan_hs_dvcqg, thong_bao_khuyen_mai, thong_bao_thue
from mappings.national_portal.inbound import TAKEN, TAKEN_AGAIN, Body, Filed, Household, NotTaken, answer

_READERS: Mapping[str, Callable[[Body, Household], Filed]] = {
    nhan_hs_dvcqg.PATH: nhan_hs_dvcqg.read,
    thong_bao_khuyen_mai.PATH: thong_bao_khuyen_mai.read,
    thong_bao_thue.PATH: thong_bao_thue.read,
}
# §7.1 names these paths too; what they carry is not public, and an adapter has no records and no files to answer with.
_NOT_OFFERED = ("search/call", "downloadfile/")
_FORWARD = "RestService/forward/"
_LONGEST_REASON = 300


def read(
    request: CallbackRequest, context: Context, settings: Settings, codes: Mapping[str, CodeTable]
) -> Callback:
    """What an inbound call means and how to answer it."""
    path = request.path.strip("/").rpartition(_FORWARD)[2]
    reader = _READERS.get(path)
    if reader is None:
        return _unknown(path)
    if request.method.upper() != "POST":
        return _refused("method", f"method {request.method[:20]}", 405)
    try:
        body = json.read(request.body, limit=settings.max_callback_bytes)
    except Unreadable as fault:
        return _refused(fault.code, f"data invalid: {fault.reason}")
    if not isinstance(body, dict):
        return _refused("not_an_object", "data empty")
    try:
        filed = reader(body, _household(context, settings, codes))
    except NotTaken as fault:
        return _refused("refused", fault.reason)
    return Report(
        key=filed.key,
        kind=filed.kind,
        dossier_code=filed.code,
        data=canonical.encode(filed.data),
        first=answer(0, TAKEN.format(code=filed.code)),
        again=answer(1, TAKEN_AGAIN.format(code=filed.code)),
        dossier=filed.dossier,
    )


def _household(context: Context, settings: Settings, codes: Mapping[str, CodeTable]) -> Household:
    return Household(
        agency_code=settings.madonvi,
        agency_name=settings.agency_name or settings.madonvi,
        codes=codes,
        catalogues=context.catalogues,
        identity_codes=settings.identity_codes,
        max_bytes=settings.max_inbound_file_bytes,
    )


def _unknown(path: str) -> Refusal:
    if path.startswith(_NOT_OFFERED):
        return _refused("not_offered", f"{path.partition('/')[0]} not offered", 501)
    return _refused("unknown_path", "service not found", 404)


def _refused(code: str, reason: str, status: int = 200) -> Refusal:
    told = " ".join(reason.split())[:_LONGEST_REASON]
    plain = answer(-1, told)
    return Refusal(
        code=code,
        reason=told,
        answer=WireResponse(status=status, headers=plain.headers, body=plain.body),
    )
