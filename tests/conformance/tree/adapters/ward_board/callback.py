"""Calls that the board makes to us: somebody looked at a card (ward_board §7)."""

from gateway.codec import Json, Unreadable, canonical
from gateway.codec.json import read
from gateway.port import Callback, CallbackRequest, Refusal, Report, WireResponse

_HEADERS = (("content-type", "application/json"),)
_TAKEN = WireResponse(status=200, headers=_HEADERS, body=b'{"code":"ok"}')
_REFUSED = WireResponse(status=400, headers=_HEADERS, body=b'{"code":"invalid"}')
_LONGEST = 100


def read_callback(request: CallbackRequest) -> Callback:
    """A report for ``POST seen`` with an id and a number, a refusal for anything else."""
    try:
        document = read(request.body)
    except Unreadable as unreadable:
        return Refusal(code=unreadable.code, reason=unreadable.reason, answer=_REFUSED)
    told = document if isinstance(document, dict) else {}
    mark, number = _text(told.get("id")), _text(told.get("number"))
    if (request.method, request.path) != ("POST", "seen") or not mark or not number:
        return Refusal(code="not_understood", reason="not a POST of id and number", answer=_REFUSED)
    data = canonical.encode({"id": mark, "number": number})
    return Report(key=mark, kind="card_seen", dossier_code=number, data=data, first=_TAKEN, again=_TAKEN)


def _text(value: Json) -> str:
    fits = isinstance(value, str) and len(value) <= _LONGEST and value.isprintable()
    return str(value) if fits else ""
