"""A stand-in for the Ministry of Construction: thirteen operations over SOAP 1.1 and 1.2 (construction §4, §7).

A pure state machine on the sandbox's clock, and an independent reading of the contract. Invariants: whatever comes in and
whatever goes out is valid against the pinned schema; a call that is refused changes nothing; the same MaYeuCau for the same
dossier has the same answer; neither contents of files nor secrets are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from adapters.construction.simulator_admin import administer
from adapters.construction.simulator_answers import (
    Said,
    answer_tree,
    description,
    findings,
    misunderstood,
    plain,
    written,
    xroad_blocks,
)
from adapters.construction.simulator_course import advance
from adapters.construction.simulator_faults import FAULTS, Row
from adapters.construction.simulator_message import (
    OPERATIONS,
    XROAD,
    Asked,
    Envelope,
    Misunderstood,
    NotSoap,
    asked,
    call_id,
    call_named,
    opened,
    operation_named,
    require_member,
    version_of,
)
from adapters.construction.simulator_model import SimulatorConfig, World
from adapters.construction.simulator_record import Heard, note, record
from adapters.construction.simulator_registers import LOOKUPS
from adapters.construction.simulator_services import SERVICES
from adapters.construction.simulator_spoilt import BYTES, TREES
from adapters.construction.simulator_words import CODES, Refused, outcome
from gateway.access.stand_in import Doorkeeper
from gateway.codec.soap import Version
from gateway.codec.tree import Tree
from gateway.codec.xml import local
from gateway.port import SimulatedRequest, SimulatedResponse

__all__ = ["ConstructionSimulator", "SimulatorConfig"]

_WORK = {**SERVICES, **LOOKUPS}
_REPEATABLE = frozenset({"NopHoSo", "NopBoSung", "RutHoSo", "YeuCauThongTinQuyHoach"})


class ConstructionSimulator:
    """The ministry in memory."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        self._config = config or SimulatorConfig()
        self._door = Doorkeeper(self._config.access, base=self._config.base)
        self._token_path = _path(getattr(self._config.access, "token_url", ""))
        self._world = World(self._config, self._config.day_seconds)

    @property
    def faults(self) -> Sequence[str]:
        """What ``twist`` knows."""
        return ("session_expired", *FAULTS)

    def service(self, request: SimulatedRequest) -> str:
        """The operation that a request names; nothing is checked and nothing changes."""
        return operation_named(request)

    def handle(self, request: SimulatedRequest) -> SimulatedResponse:
        """Admit, check, change the state, answer."""
        outside = self._outside(request)
        if outside is not None:
            return outside
        answer = self._answered(request)
        return self._leaves(answer, request) if isinstance(answer, Said) else answer

    def twist(self, fault: str, request: SimulatedRequest) -> SimulatedResponse | None:
        """Answer in the way of ``fault``; None when it does not fit this request."""
        if fault == "session_expired":
            return self.handle(request) if self._door.expire() else None
        row = FAULTS.get(fault)
        if row is None or operation_named(request) not in row.services or self._outside(request) is not None:
            return None
        if row.effect:
            return self._spoilt(fault, row, request)
        try:
            said = Said(
                operation=operation_named(request), version=version_of(request), call=call_named(request)
            )
        except NotSoap:
            return None
        note(self._world, request, Heard(operation=said.operation, outcome=fault))
        answer = row.instead(said, request) if row.instead is not None else None
        return None if answer is None else self._sealed(answer, request)

    def record(self) -> dict[str, Any]:
        """What the ministry holds, by dossier, and every call in its order."""
        return record(self._world)

    def administer(self, action: str, body: bytes) -> dict[str, Any]:
        """Admin actions, by name; NotFoundError names them all, RecordError tells what is wrong with ``body``."""
        if action == "reset":
            self._world = World(self._config, self._world.day_seconds)
            return {"reset": True}
        if action == "expire_sessions":
            return {"tokens": self._door.expire()}
        return administer(self._world, action, body)

    def _spoilt(self, fault: str, row: Row, request: SimulatedRequest) -> SimulatedResponse | None:
        """The call works, and its answer is what ``fault`` makes of it; None for one that ends in a
        fault anyway."""
        if fault == "header_order" and XROAD.encode() not in request.body:
            return None
        said = self._answered(request)
        if not isinstance(said, Said) or said.content is None:
            return None
        if row.instead is not None:
            answer = row.instead(said, request)
        elif fault == "header_order":
            answer = written(replace(said, headers=said.headers[::-1]))
        elif fault in TREES:
            content = TREES[fault](said.content)
            if content is None:
                return None
            answer = written(replace(said, content=content))
        else:
            return BYTES[fault](self._leaves(said, request))
        self._write_down(said, request)
        return self._sealed(answer, request)

    def _write_down(self, said: Said, request: SimulatedRequest) -> None:
        if said.heard is not None:
            note(self._world, request, said.heard)

    def _answered(self, request: SimulatedRequest) -> Said | SimulatedResponse:
        """What is said to ``request``, the call being carried out; an answer as it is where no SOAP fits."""
        advance(self._world, request.now)
        try:
            version = version_of(request)
        except NotSoap as fault:
            return plain(fault.status, str(fault))
        return self._spoken(request, version)

    def _outside(self, request: SimulatedRequest) -> SimulatedResponse | None:
        """What is answered before the service: tokens, its description, wrong addresses, callers without a token."""
        paths = (self._config.path_11, self._config.path_12)
        if self._token_path and request.path == self._token_path:
            return self._door.token(request)
        if (described := description(request, paths)) is not None:
            return described
        if request.path not in paths:
            return plain(404, "Not Found")
        if request.method.upper() != "POST":
            return plain(405, "Method Not Allowed")
        return self._door.admits(request)

    def _spoken(self, request: SimulatedRequest, version: Version) -> Said | SimulatedResponse:
        try:
            self._require_binding(request, version)
            envelope = opened(request, version)
        except Misunderstood as fault:
            note(self._world, request, Heard(operation=operation_named(request), outcome=fault.code))
            return misunderstood(version, fault.code, str(fault))
        except Refused as refused:
            heard = Heard(operation=operation_named(request), outcome=refused.code, reason=refused.reason)
            return Said(operation="unknown", version=version, refused=refused, heard=heard)
        return self._served(request, envelope)

    def _require_binding(self, request: SimulatedRequest, version: Version) -> None:
        """Each port speaks one version, unless both bindings have one address."""
        own = self._config.path_11 if version is Version.SOAP_11 else self._config.path_12
        if request.path != own:
            raise Misunderstood("VersionMismatch", f"SOAP {version} không được hỗ trợ tại địa chỉ này")

    def _served(self, request: SimulatedRequest, envelope: Envelope) -> Said:
        name = local(envelope.content)
        name = name if name in OPERATIONS else "unknown"
        call: Asked | None = None
        content, refused, signature = None, None, "none"
        try:
            signature = self._signature(request, envelope, name)
            require_member(self._config.access, envelope, name)
            call = asked(request, envelope)
            content = self._carried_out(call)
        except Refused as fault:
            refused = fault
        heard = Heard(
            operation=name,
            outcome=refused.code if refused else "1",
            reason=refused.reason if refused else "",
            call=call,
            signature=signature,
        )
        if call is not None and refused is not None and CODES[refused.code].side is None:
            content, refused = self._business(call, refused), None
        return Said(
            operation=name,
            version=envelope.version,
            call=call_id(envelope.content),
            content=content,
            refused=refused,
            headers=xroad_blocks(envelope.headers),
            heard=heard,
        )

    def _signature(self, request: SimulatedRequest, envelope: Envelope, name: str) -> str:
        """Who signed, for the record. Raises Refused with the reason of the proof."""
        proof = self._config.proof
        if proof is None:
            return "unchecked" if envelope.is_signed else "none"
        judged = proof.judge(request.body, operation=name, now=request.now)
        if judged.refusal:
            raise Refused("401", judged.refusal)
        return judged.signer or "none"

    def _carried_out(self, call: Asked) -> Tree:
        agencies = self._config.agencies
        if agencies and not any(call.unit == each or call.unit.startswith(f"{each}.") for each in agencies):
            raise Refused("106")
        place, dossiers = (call.operation, call.id), " ".join(call.dossiers)
        known = self._world.answers.get(place)
        if known is not None:
            if known[0] != dossiers:
                reason = "Mã yêu cầu đã dùng cho hồ sơ khác"
                raise Refused("500", fields=[("ThongTinChung/MaYeuCau", reason)])
            return known[1]
        parts = _WORK[call.operation](self._world, call)
        content = answer_tree(call.operation, (outcome(call.id, call.now), *parts))
        if call.operation in _REPEATABLE:
            self._world.answers[place] = (dossiers, content)
        return content

    def _business(self, call: Asked, refused: Refused) -> Tree:
        """§4.3: KetQua with TrangThai 0; the feed's answer has one more mandatory part."""
        return answer_tree(
            call.operation, (outcome(call.id, call.now, refused), *_MANDATORY.get(call.operation, ()))
        )

    def _leaves(self, said: Said, request: SimulatedRequest) -> SimulatedResponse:
        """The bytes of an answer: checked against the schema, and signed where that is configured."""
        self._write_down(said, request)
        if said.content is not None and (found := findings(said.content)):
            self._world.outcomes["invalid_answer"] += 1
            wrong = Refused("503", f"Câu trả lời không hợp lệ: {found[0]}")
            said = Said(operation=said.operation, version=said.version, call=said.call, refused=wrong)
        return self._sealed(written(said, fault_status=self._config.fault_status), request)

    def _sealed(self, answer: SimulatedResponse, request: SimulatedRequest) -> SimulatedResponse:
        if self._config.proof is None:
            return answer
        body = self._config.proof.seal(answer.body, operation=answer.service, now=request.now)
        return SimulatedResponse(
            status=answer.status, headers=answer.headers, body=body, service=answer.service
        )


_MANDATORY: dict[str, tuple[Tree, ...]] = {"LayDanhSachThayDoi": (("ConDuLieu", "false", ""),)}


def _path(url: str) -> str:
    """The path of an address."""
    return "/" + url.partition("://")[2].partition("/")[2] if "/" in url.partition("://")[2] else ""
