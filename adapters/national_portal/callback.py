"""What the portal sends to the province: online dossiers, promotion notices, tax notices (national_portal §7).

Invariant: pure; the hub answers ``first`` only once the report is stored, and ``again`` to a repetition (§14.12). What
cannot be read is refused with the contract's ``-1``, never with an exception.
"""

from __future__ import annotations

import re
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
_SEARCH = "search/call"  # §7.1, U17: neither question nor answer is public
_FILES = "downloadfile/"
_FILE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)  # §7.1: 36 characters
_FORWARD = "RestService/forward/"
_LONGEST_REASON = 300


def read(
    request: CallbackRequest, context: Context, settings: Settings, codes: Mapping[str, CodeTable]
) -> Callback:
    """What an inbound call means and how to answer it."""
    path = request.path.strip("/").rpartition(_FORWARD)[2]
    reader = _READERS.get(path)
    if reader is None:
        return _nothing_in(path, request.method.upper(), settings)
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
        corrects=filed.corrects,
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


def _nothing_in(path: str, method: str, settings: Settings) -> Refusal:
    """A call that brings nothing in: for a file, for a look-up, or for nobody."""
    if path.startswith(_FILES):
        return _file(path.removeprefix(_FILES), method, settings)
    if path.startswith(_SEARCH):
        return _refused("not_offered", "search not offered", 501)
    return _refused("unknown_path", "service not found", 404)


def _file(name: str, method: str, settings: Settings) -> Refusal:
    """A call for a file: nothing comes in, so it ends here; the bytes lie in the province's own store (U22)."""
    if settings.serve_files == "no":
        return _refused("not_offered", "downloadfile not offered", 501)
    if method != "GET":
        return _refused("method", f"method {method[:20]}", 405)
    if _FILE.fullmatch(name) is None:
        return _refused("no_such_file", "file not found", 404)
    where = (("location", settings.store_base_url + name.lower()), ("cache-control", "no-store"))
    return Refusal(
        code="redirected",
        reason=f"file {name.lower()} lies in the province's store",
        answer=WireResponse(status=307, headers=where, body=b""),
    )


def _refused(code: str, reason: str, status: int = 200) -> Refusal:
    told = " ".join(reason.split())[:_LONGEST_REASON]
    plain = answer(-1, told)
    return Refusal(
        code=code,
        reason=told,
        answer=WireResponse(status=status, headers=plain.headers, body=plain.body),
    )
