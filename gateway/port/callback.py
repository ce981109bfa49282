"""What a partner sends to us, and what an adapter makes of it."""

from __future__ import annotations

import msgspec

from gateway.domain.dossier import Dossier
from gateway.domain.status import Status
from gateway.port.payment import LandTaxReport, PaymentLookup, PaymentReport
from gateway.port.wire import Headers, WireResponse


class CallbackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An inbound call: ``path`` is what follows the adapter's mount point, without a leading slash. ``peer``: the
    address that the connection comes from, empty where nobody knows."""

    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = b""
    peer: str = ""


class BroughtFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file inside a call. The hub keeps the bytes by their SHA-256 before it answers."""

    content: bytes
    media_type: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is understood.

    ``key`` identifies the message for ever: the same key again is a repetition and has no second effect.
    ``kind`` names the event for the one-door system; ``data`` is its JSON document.
    ``dossier`` is set when the partner delivers a dossier that was filed with it; the hub sets its version.
    ``corrects``: False for one that is filed for the first time, which replaces nothing that its partner has told since.
    ``status`` is the state that the partner reports; without it, that of ``dossier``. One that would move the
    dossier backwards is recorded and ignored.
    ``first`` answers a new message once it is stored, ``again`` a repeated one, ``ignored`` one that would have moved
    the dossier backwards, where the contract has an answer of its own for that. ``files``: kept by their digest, which
    is how ``dossier`` refers to them.
    """

    key: str
    kind: str
    dossier_code: str
    data: bytes
    first: WireResponse
    again: WireResponse
    dossier: Dossier | None = None
    corrects: bool = True
    status: Status | None = None
    ignored: WireResponse | None = None
    files: tuple[BroughtFile, ...] = ()


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is refused, with the contract's own answer and a reason for our log."""

    code: str
    reason: str
    answer: WireResponse


Callback = Report | Refusal | PaymentReport | PaymentLookup | LandTaxReport
