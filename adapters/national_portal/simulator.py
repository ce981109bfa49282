"""A stand-in for the National Public Service Portal: checks, stores and answers as national_portal §13 says.

Invariant: a pure state machine. Same requests in the same order, same answers and same record; no socket, no sleep, no
clock of its own, and no bytes that make it raise. One call at a time: any thread may call.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote

import msgspec

from adapters.national_portal import simulator_answers as words
from adapters.national_portal.simulator_access import Account, client_of, may_speak_for, token_answer
from adapters.national_portal.simulator_answers import Answer, Dialect, plain, refusal, success, write
from adapters.national_portal.simulator_faults import TWISTS, Stage
from adapters.national_portal.simulator_inbound import PUSHES, PushOrder, deliveries
from adapters.national_portal.simulator_indicators import classify, statutory_time
from adapters.national_portal.simulator_model import UNREADABLE, WRITES, Call, Door, SimulatorConfig, State
from adapters.national_portal.simulator_reads import READS, serve_file
from adapters.national_portal.simulator_rules import parse_date14, text_of
from adapters.national_portal.simulator_tampering import TamperOrder, tamper
from adapters.national_portal.simulator_twin import BAD, DOCUMENT, TRACES, serve_twin
from adapters.national_portal.simulator_writes import serve_write
from gateway.domain.errors import NotFoundError, RecordError
from gateway.port.simulator import SimulatedRequest, SimulatedResponse
from gateway.port.wire import header

__all__ = ["FAULTS", "Account", "PortalSimulator", "SimulatorConfig"]

FAULTS: tuple[str, ...] = tuple(TWISTS)
"""Every application-level fault that ``PortalSimulator.twist`` knows."""

_T = TypeVar("_T")
_FORWARD = re.compile(r"/(?:XrdAdapter|VXPAdapter)/RestService/forward/(.+)\Z")
_DOORS = (
    (re.compile(r"/KetNoiMotCuaQuocGia/(\w{1,60})\Z"), Door.FACADE),
    (re.compile(r"/api/SynsTTHCC/(\w{1,60})\Z"), Door.QUERY_FACADE),
    (re.compile(r"/kho/(GetKetQuaGiayTo|GetGiayToByUrl)\Z"), Door.STORE),
    (re.compile(r"/(token)\Z"), Door.TOKEN),
    (re.compile(rf"/Document/({DOCUMENT}|{TRACES})\Z"), Door.TWIN),
)
_ALIASES = {"LayDanhMucTTHC": "LayDanhSachTTHC"}  # U21
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Peek(msgspec.Struct, frozen=True):
    service: str = ""


class PortalSimulator:
    """The portal, as far as a province can see it."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        self._first_config = config or SimulatorConfig()
        self._state = State(self._first_config)
        self._lock = threading.RLock()
        self._actions: Mapping[str, Callable[[bytes], dict[str, Any]]] = {
            "reset": self._reset,
            "configure": self._configure,
            "expire_sessions": self._expire_sessions,
            "dossier": self._dossier,
            "journal": self._journal,
            "online": self._add_online,
            "unreachable": self._set_unreachable,
            "indicators": self._indicators,
            "tamper": self._tamper,
        }

    @property
    def faults(self) -> tuple[str, ...]:
        """What ``twist`` knows."""
        return FAULTS

    def service(self, request: SimulatedRequest) -> str:
        """The operation that ``request`` names, for fault rules; nothing is checked and nothing changes."""
        door, name = self._route(request.path)
        if door is Door.MAPI:
            try:
                name = msgspec.json.decode(request.body, type=_Peek).service
            except _NOT_JSON:
                name = ""
        name, _ = self._state.facade_names.get(name, (name, ""))
        name = _ALIASES.get(name, name)
        own = not door.speaks or door is Door.TWIN  # only names that are routed lead there
        known = own or name in READS or name in WRITES or name == "getfile"
        return name if known else "unknown"

    def handle(self, request: SimulatedRequest) -> SimulatedResponse:
        """Check in the order of §13.1, change the state, answer."""
        with self._lock:
            return self._serve(self._read(request))

    def twist(self, fault: str, request: SimulatedRequest) -> SimulatedResponse | None:
        """Answer in the way of ``fault`` (one of ``FAULTS``); None when it does not fit this request."""
        with self._lock:
            if fault not in TWISTS:
                return None
            call = self._read(request)
            return TWISTS[fault](
                Stage(call=call, state=self._state, serve=self._serve, refuse=self._refuse_caller)
            )

    def record(self) -> dict[str, Any]:
        """Everything received and kept."""
        with self._lock:
            state = self._state
            passes = {"logins": state.sessions.issued, "tokens": state.tokens.issued}
            return {**state.ledger.record(), **passes, "online": sorted(state.online)}

    def administer(self, action: str, body: bytes) -> dict[str, Any]:
        """Admin actions, by name; NotFoundError names them all, RecordError tells what is wrong with ``body``."""
        with self._lock:
            if action in PUSHES:
                return self._push(action, body)
            if action not in self._actions:
                known = ", ".join(sorted((*self._actions, *PUSHES)))
                raise NotFoundError(f"admin action: got {action!r}, expected one of {known}")
            return self._actions[action](body)

    # Routing

    def _route(self, path: str) -> tuple[Door, str]:
        """Where a path leads, and the service that it names (the portal's own doors name it in the body)."""
        path = unquote(path)
        if match := _FORWARD.match(path):
            if match[1] == "mapi/login":
                return Door.LOGIN, "login"
            if match[1] in self._state.config.data_paths:
                return Door.MAPI, ""
        for pattern, door in _DOORS:
            if match := pattern.match(path):
                return door, match[1]
        return Door.NOWHERE, "unknown"

    def _read(self, request: SimulatedRequest) -> Call:
        door, name = self._route(request.path)
        query = {key: values[-1] for key, values in parse_qs(request.query, keep_blank_values=True).items()}
        document: object = None
        if request.body and door is not Door.TOKEN:
            try:
                document = msgspec.json.decode(request.body)
            except _NOT_JSON:
                document = UNREADABLE
        if door is Door.MAPI and isinstance(document, dict):
            name = (text_of(document.get("service")) or "")[:60]
        if door is Door.FACADE and name in self._state.facade_names:
            name, query["isUpdating"] = self._state.facade_names[name]
        name = _ALIASES.get(name, name)
        posts = door is not Door.FACADE or name in WRITES or name == "getfile"
        return Call(door=door, posts=posts, service=name, request=request, query=query, document=document)

    def _serve(self, call: Call, change: Callable[[Answer], Answer] | None = None) -> SimulatedResponse:
        """The answer; ``change`` is applied between deciding and writing it."""
        if call.door is Door.NOWHERE:
            path = words.NO_ENDPOINT.format(path=call.request.path[:100])
            return write(refusal("unknown", path, status=404), Dialect.MAPI)
        if call.request.method.upper() != ("POST" if call.posts else "GET"):
            method = words.NO_METHOD.format(method=call.request.method[:20])
            return write(refusal(call.service, method, status=405), call.door.dialect)
        if call.door is Door.TOKEN:
            return self._grant(call)
        if call.door is Door.STORE or call.service == "getfile":
            return serve_file(call, self._state)
        answer = self._decide(call)
        return write(answer if change is None else change(answer), call.door.dialect)

    # The checks of §13.1, in their order

    def _decide(self, call: Call) -> Answer:
        if (refused := self._refuse_caller(call)) is not None:
            return refused
        if call.door is Door.LOGIN:
            return self._login(call)
        if call.door is Door.TWIN:
            return serve_twin(call, self._state)
        if call.service in WRITES:
            return serve_write(call, self._state)
        if call.service not in READS:
            return refusal(call.service, words.NO_SERVICE.format(service=call.service))
        return READS[call.service](call, self._state)

    def _refuse_caller(self, call: Call) -> Answer | None:
        """Why the caller is not let in; None when he is."""
        doors = {"none": (), "facades": (Door.FACADE, Door.QUERY_FACADE, Door.TWIN), "all": tuple(Door)}
        if call.door in doors[self._state.config.bearer] and not self._state.bearer_holds(call):
            return refusal(call.service, words.TOKEN_REFUSED, status=401)
        if call.door is Door.FACADE or call.door is Door.QUERY_FACADE:
            return self._refuse_at_facade(call)
        if call.door is Door.TWIN:
            return None if isinstance(call.document, dict) else refusal(call.service, words.NOT_JSON, BAD)
        if not self._addressed(call):
            return refusal(call.service, words.ADDRESS_REFUSED)
        if not isinstance(call.document, dict):
            return refusal(call.service, words.NOT_JSON)
        return None if call.door is Door.LOGIN else self._refuse_session(call)

    def _refuse_session(self, call: Call) -> Answer | None:
        config = self._state.config
        account = config.accounts.get(self._state.session_holder(call.document.get("session"), call) or "")
        if account is None:
            return refusal(call.service, words.SESSION_REFUSED, config.session_error_code)
        unit = call.parameter("madonvi")
        if not may_speak_for(account, unit):
            return refusal(call.service, words.UNIT_REFUSED.format(unit=unit[:50]))
        return None

    def _refuse_at_facade(self, call: Call) -> Answer | None:
        if call.document is UNREADABLE or (call.service in WRITES and call.document is None):
            return refusal(call.service, words.NOT_JSON)
        if call.door is Door.QUERY_FACADE:
            unit = call.query.get("MaDinhDanhDV", "")
            if not any(may_speak_for(account, unit) for account in self._state.config.accounts.values()):
                return refusal(call.service, words.UNIT_REFUSED.format(unit=unit[:50]))
        return None

    def _addressed(self, call: Call) -> bool:
        # U2: either place will do, but two different addresses will not
        given = (header(call.request.headers, "dstcode"), call.query.get("dstcode"))
        return {value for value in given if value} == {self._state.config.dstcode}

    def _login(self, call: Call) -> Answer:
        name = call.parameter("username")
        account = self._state.config.accounts.get(name)
        if account is None or call.document.get("password") != account.password:
            return msgspec.structs.replace(refusal("login", words.LOGIN_REFUSED), extra={"session": ""})
        return success("login", words.DONE, session=self._state.sessions.issue(name, call.request.now))

    def _grant(self, call: Call) -> SimulatedResponse:
        authorization = header(call.request.headers, "authorization") or ""
        client, secret, form = client_of(authorization, call.request.body)
        if form.get("grant_type") != "client_credentials":
            return plain("token", {"error": "unsupported_grant_type"}, 400)
        if not secret or self._state.config.clients.get(client) != secret:
            return plain("token", {"error": "invalid_client"}, 401)
        token = self._state.tokens.issue(client, call.request.now)
        return plain("token", token_answer(token, self._state.config.token_lifetime))

    # Administration

    def _push(self, kind: str, body: bytes) -> dict[str, Any]:
        built = deliveries(kind, _decoded(body, PushOrder), self._state.config.inbound_prefix)
        if kind != "push_search":
            self._state.online.update(delivery.code for delivery in built)
        return {
            "deliveries": [
                {
                    "method": "POST",
                    "path": each.path,
                    "headers": [list(pair) for pair in each.headers],
                    "body": each.body.decode(),
                    "MaHoSo": each.code,
                }
                for each in built
            ]
        }

    def _reset(self, _body: bytes) -> dict[str, Any]:
        self._state = State(self._first_config)
        return {"reset": True}

    def _configure(self, body: bytes) -> dict[str, Any]:
        changes = _decoded(body, dict[str, Any])
        whole = {**msgspec.to_builtins(self._state.config), **changes}
        try:
            self._state.use(msgspec.convert(whole, SimulatorConfig))
        except msgspec.ValidationError as error:
            raise RecordError(f"configure: {error}") from error
        return {"configured": sorted(changes)}

    def _expire_sessions(self, _body: bytes) -> dict[str, Any]:
        return {"sessions": self._state.sessions.drop_all(), "tokens": self._state.tokens.drop_all()}

    def _dossier(self, body: bytes) -> dict[str, Any]:
        code = _decoded(body, _DossierOrder).MaHoSo
        known = self._state.ledger.dossiers.get(code)
        if known is None:
            raise NotFoundError(f"dossier {code!r}: the stand-in never stored it")
        history = [
            {"arrival": each.arrival, "digest": each.digest, "item": msgspec.json.decode(each.body)}
            for each in known.history
        ]
        return {"fields": known.fields, "steps": list(known.steps), "history": history}

    def _journal(self, body: bytes) -> dict[str, Any]:
        order = _decoded(body, _JournalOrder)
        return {"lines": self._state.ledger.lines(order.after, order.limit)}

    def _add_online(self, body: bytes) -> dict[str, Any]:
        self._state.online.update(_decoded(body, _CodesOrder).codes)
        return {"online": len(self._state.online)}

    def _set_unreachable(self, body: bytes) -> dict[str, Any]:
        self._state.unreachable = _decoded(body, _FilesOrder).parts
        return {"unreachable": list(self._state.unreachable)}

    def _tamper(self, body: bytes) -> dict[str, Any]:
        return tamper(_decoded(body, TamperOrder), self._state.ledger)

    def _indicators(self, body: bytes) -> dict[str, Any]:
        text = _decoded(body, _PeriodOrder).period_end
        end = parse_date14(text)
        if end is None:
            raise RecordError(f"indicators: got period_end {text!r}, expected yyyyMMddHHmmss")
        verdicts = {}
        for code, known in self._state.ledger.dossiers.items():
            procedure = self._state.procedures.get(text_of(known.fields.get("MaTTHC")) or "")
            steps = self._state.ledger.steps_by_time(code)
            verdicts[code] = classify(known.fields, steps, end, statutory_time(procedure))
        return {"verdicts": verdicts}


class _DossierOrder(msgspec.Struct, frozen=True):
    MaHoSo: str


class _JournalOrder(msgspec.Struct, frozen=True):
    after: int = 0
    limit: int = 1000


class _CodesOrder(msgspec.Struct, frozen=True):
    codes: tuple[str, ...]


class _FilesOrder(msgspec.Struct, frozen=True):
    parts: tuple[str, ...]


class _PeriodOrder(msgspec.Struct, frozen=True):
    period_end: str


def _decoded(body: bytes, type_: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body or b"{}", type=type_)
    except _NOT_JSON as error:
        raise RecordError(f"admin body: {error}") from error
