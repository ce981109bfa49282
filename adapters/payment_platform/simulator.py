"""A stand-in for the payment platform: checks, takes money, tells the agency, and lies as payment_platform §15 says.

Invariant: a pure state machine. Same requests at the same times, same answers, same notices and same ledger; no
socket, no sleep, no clock of its own, and no bytes that make it raise. One call at a time: any thread may call.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from adapters.payment_platform import simulator_answers as words
from adapters.payment_platform.simulator_admin import Admin
from adapters.payment_platform.simulator_faults import FAULTS as ROWS
from adapters.payment_platform.simulator_faults import MARKS, read_fault
from adapters.payment_platform.simulator_ledger import record
from adapters.payment_platform.simulator_model import Partner, SimulatorConfig, State, Transaction
from adapters.payment_platform.simulator_notices import due, heard
from adapters.payment_platform.simulator_payer import ACTIONS, act, button, look, press
from adapters.payment_platform.simulator_platform import KINDS, accept, bill, opened, receipt, refusal, status
from adapters.payment_platform.simulator_recon import settlement_file
from adapters.payment_platform.simulator_rules import find
from gateway.port.simulator import OutgoingCall, SimulatedRequest, SimulatedResponse
from gateway.port.wire import header

__all__ = ["FAULTS", "Partner", "PaymentSimulator", "SimulatorConfig"]

FAULTS: tuple[str, ...] = tuple(ROWS)
"""Every application-level fault that ``PaymentSimulator.twist`` knows: the list of §15."""

_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_PLATFORM = re.compile(r"(?:/.{0,200})?/platform(?:/(init|query|bill))?/?", re.DOTALL)
_PAGE = re.compile(r"/t/([0-9a-f]{16})")
_FILE = re.compile(r"/bill/([0-9a-f]{16})\.pdf")
_DAY = re.compile(r"[0-9]{8}")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was routed. ``kind``: LoaiBanTin of a message; ``token``: of a page or a file."""

    service: str
    request: SimulatedRequest
    kind: str = ""
    message: Any = None
    token: str = ""


class PaymentSimulator:
    """The platform, as an agency, a payer's browser and an accountant can see it."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        self._lock = threading.RLock()
        self._first_config = config or SimulatorConfig()
        self._begin(self._first_config)

    def _begin(self, config: SimulatorConfig) -> None:
        self._state = State(config)
        self._admin = Admin(self._state, self._restart)

    def _restart(self) -> None:
        # What partners have registered is no traffic: it outlives a reset.
        self._begin(msgspec.structs.replace(self._first_config, partners=self._state.config.partners))

    @property
    def faults(self) -> tuple[str, ...]:
        """What ``twist`` knows."""
        return FAULTS

    def service(self, request: SimulatedRequest) -> str:
        """The operation that ``request`` names, for fault rules; nothing is checked and nothing changes."""
        return self._read(request).service

    def handle(self, request: SimulatedRequest) -> SimulatedResponse:
        """Check in the order of §15, change the state, answer."""
        with self._lock:
            call = self._read(self._timed(request))
            self._state.requests[call.service] += 1
            return self._serve(call)

    def twist(self, fault: str, request: SimulatedRequest) -> SimulatedResponse | None:
        """Answer in the way of ``fault`` (one of ``FAULTS``, a number in brackets behind it); None when it does not
        fit this request."""
        with self._lock:
            named = read_fault(fault, self._state.config)
            call = self._read(self._timed(request))
            if named is None or call.service not in ROWS[named[0]].services:
                return None
            answer = self._twisted(named[0], named[1], call)
            self._state.requests[call.service] += answer is not None
            return answer

    def outgoing(self, now: datetime) -> Sequence[OutgoingCall]:
        """The notices that are due."""
        with self._lock:
            self._state.now = now + self._state.offset
            return due(self._state, self._state.now)

    def answered(self, call: str, status: int, body: bytes) -> None:
        """What came back for a notice; of one that was forgotten meanwhile, nothing is kept."""
        with self._lock:
            notice = self._state.notices.get(call)
            if notice is not None and notice.in_flight:
                heard(notice, self._state, status, body)

    def record(self) -> dict[str, Any]:
        """What was really paid, what was asked, and what the agency was told."""
        with self._lock:
            return record(self._state)

    def administer(self, action: str, body: bytes) -> dict[str, Any]:
        """Admin actions, by name; NotFoundError names them all, RecordError tells what is wrong with ``body``."""
        with self._lock:
            return self._admin.administer(action, body)

    # Routing

    def _timed(self, request: SimulatedRequest) -> SimulatedRequest:
        now = request.now + self._state.offset
        self._state.now = now
        return msgspec.structs.replace(request, now=now) if self._state.offset != timedelta(0) else request

    def _read(self, request: SimulatedRequest) -> Call:
        path = unquote(request.path)
        if match := _PLATFORM.fullmatch(path):
            return self._read_message(request, match[1] or "")
        posts = request.method.upper() == "POST"
        if match := _PAGE.fullmatch(path):
            return Call(service="pay" if posts else "page", request=request, token=match[1])
        if match := _FILE.fullmatch(path):
            return Call(service="file", request=request, token=match[1])
        return Call(service="recon" if path == "/recon" else "unknown", request=request)

    def _read_message(self, request: SimulatedRequest, alias: str) -> Call:
        try:
            message = msgspec.json.decode(request.body)
        except _NOT_JSON:
            message = None
        said = message.get("LoaiBanTin") if isinstance(message, dict) else None
        kind = said if isinstance(said, str) and said in KINDS else ""
        fits = not alias or KINDS.get(kind) == alias
        service = KINDS.get(kind) or alias or "unknown"
        return Call(service=service, request=request, kind=kind if fits else "", message=message)

    # Serving

    def _serve(self, call: Call) -> SimulatedResponse:
        if call.token:
            return self._serve_token(call)
        if call.service == "recon":
            return self._serve_recon(call)
        if not _PLATFORM.fullmatch(unquote(call.request.path)):
            return words.plain("unknown", 404, "404")
        if call.request.method.upper() != "POST":
            return words.plain(call.service, 405, "405")
        return self._refused(call) or self._accepted(call)

    def _refused(self, call: Call) -> SimulatedResponse | None:
        if not isinstance(call.message, dict):
            return self._refuse(call, words.NOT_JSON)
        if not call.kind:
            return self._refuse(call, words.NO_KIND)
        if not self._bears(call):
            self._state.refuse(call.service, words.NO_TOKEN)
            return words.plain(call.service, 401, words.NO_TOKEN)
        reason = refusal(call.kind, call.message, self._state)
        return None if reason is None else self._refuse(call, reason)

    def _refuse(self, call: Call, reason: str) -> SimulatedResponse:
        self._state.refuse(call.service, reason)
        return words.write(call.service, words.refusal(reason), wrapped=self._wraps(call.service))

    def _bears(self, call: Call) -> bool:
        """§3: a static token, where one was agreed on with this partner."""
        partner = self._state.partners.get(str(call.message.get("MaDoiTac")))
        if partner is None or not partner.bearer:
            return True
        return header(call.request.headers, "authorization") == f"Bearer {partner.bearer}"

    def _accepted(self, call: Call) -> SimulatedResponse:
        """The answer to a message that was not refused."""
        transaction = (
            accept(call.message, self._state, call.request)
            if call.kind == "INIT"
            else find(call.message, self._state)
        )
        if transaction is None:
            return self._refuse(call, words.NOT_FOUND)
        if call.kind == "GET_BILL":
            return bill(transaction, self._state, call.request)
        if call.kind == "INIT" and "callback_before_init_reply" in transaction.faults:
            act(transaction, self._state, call.request, "pay")
        answer = opened if call.kind == "INIT" else status
        fields = answer(transaction, self._state, call.request)
        return words.write(call.service, fields, wrapped=self._wraps(call.service))

    def _wraps(self, service: str) -> bool:
        mode = self._state.config.answers
        return mode == "wrapper_all" or (mode == "wrapper_init" and service == "init")

    def _serve_token(self, call: Call) -> SimulatedResponse:
        transaction = self._state.tokens.get(call.token)
        if transaction is None:
            return words.plain(call.service, 404, "404")
        if call.service == "file":
            until = transaction.bill_until
            if until is None or until < call.request.now:
                return words.plain("file", 404, "404")
            return words.pdf_file("file", receipt(transaction))
        turn = press if call.service == "pay" else look
        return turn(transaction, self._state, call.request)

    def _serve_recon(self, call: Call) -> SimulatedResponse:
        query = {name: values[-1] for name, values in parse_qs(call.request.query).items()}
        partner = self._state.partners.get(query.get("MaDoiTac", next(iter(self._state.partners), "")))
        day, kind = query.get("date", ""), query.get("kind", "PAY")
        if partner is None or not _DAY.fullmatch(day) or kind not in {"PAY", "REFUND"}:
            return words.plain("recon", 400, "date=yyyyMMdd, kind=PAY|REFUND, MaDoiTac")
        return words.write("recon", settlement_file(self._state, partner, day, kind), wrapped=False)

    # Faults

    def _twisted(self, fault: str, number: float, call: Call) -> SimulatedResponse | None:
        """The answer with ``fault``; None, and nothing changed, for a request that would be refused anyway."""
        if call.service == "pay":
            transaction = self._state.tokens.get(call.token)
            if transaction is None or transaction.state != "open" or button(call.request) not in ACTIONS:
                return None
            transaction.faults[fault] = number
            return self._serve(call)
        if self._would_refuse(call):
            return None
        return self._marked(fault, number, call) if fault in MARKS else self._broken(fault, number, call)

    def _broken(self, fault: str, number: float, call: Call) -> SimulatedResponse:
        """A fault of one reply: only ``init_5xx`` has not worked on the message."""
        if fault == "init_5xx":
            return words.broken_page("init", 500)
        accepted = self._accepted(call)
        if fault == "non_json":
            return words.broken_page(call.service)
        return msgspec.structs.replace(accepted, hold_seconds=number)

    def _marked(self, fault: str, number: float, call: Call) -> SimulatedResponse | None:
        transaction: Transaction | None = find(call.message, self._state)
        if call.kind == "INIT":
            if transaction is not None and transaction.state != "open":
                return None
            if transaction is None:
                transaction = self._state.open(call.message, call.request.now)
                transaction.inits = 0  # the serving below counts it
        if transaction is None:
            return None
        transaction.faults[fault] = number
        return self._accepted(call)

    def _would_refuse(self, call: Call) -> bool:
        spoken = call.kind and isinstance(call.message, dict) and call.request.method.upper() == "POST"
        return (
            not spoken or not self._bears(call) or refusal(call.kind, call.message, self._state) is not None
        )
