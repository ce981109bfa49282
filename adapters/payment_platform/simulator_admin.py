"""Admin actions at the stand-in, outside the contract's messages: payers by command, faults, forgeries, land (§15).

Invariant: an action with a body that does not fit changes nothing and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Literal, TypeVar

import msgspec

from adapters.payment_platform.simulator_answers import BAD, OK
from adapters.payment_platform.simulator_faults import FAULTS, MARKS, read_fault
from adapters.payment_platform.simulator_land import LETTERS
from adapters.payment_platform.simulator_ledger import notice_row, payment_row, record, transaction_row
from adapters.payment_platform.simulator_mac import sealed
from adapters.payment_platform.simulator_model import (
    Notice,
    SimulatorConfig,
    State,
    Transaction,
)
from adapters.payment_platform.simulator_notices import Plan, announce, post, settle
from adapters.payment_platform.simulator_recon import settlement_file
from adapters.payment_platform.simulator_variants import Scene, body_of
from gateway.domain.errors import NotFoundError, RecordError

_T = TypeVar("_T")
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class RegisterOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """§3: what a partner hands over at onboarding. ``partner`` left out: every partner."""

    partner: str = ""
    callback_url: str | None = None
    return_url: str | None = None


class TargetOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which transactions: by ``reference`` (MaThamChieu), by ``dossier`` (MaHoSo), or every open one."""

    reference: str = ""
    dossier: str = ""


class FaultOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Faults by name, with a number in brackets where they take one: on a transaction, or on the ``next`` ones."""

    faults: tuple[str, ...]
    reference: str = ""
    next: int = 0


class SendOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A CONFIRM by hand, forged or replayed. ``fields`` replace those of the honest one; ``mac``: of the changed
    fields (valid), of the honest ones (original), a wrong one (bad), none (missing). ``times``: copies."""

    reference: str
    code: Literal["00", "99"] = "00"
    fields: dict[str, Any] = {}
    mac: Literal["valid", "original", "bad", "missing"] = "valid"
    times: int = 1
    after_seconds: float = 0.0


class ClockOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far the platform's clock runs ahead of the one that it is given."""

    offset_seconds: float = 0.0


class RefundOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money that went back by hand (§12); ``number`` is the MaGiaoDich of the payment."""

    number: str
    amount: int


class ReconOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settlement file of a day (yyyyMMdd)."""

    date: str
    partner: str = ""
    kind: Literal["PAY", "REFUND"] = "PAY"


class Admin:
    """The actions on one state."""

    def __init__(self, state: State, restart: Callable[[], None]) -> None:
        self._state = state
        self._restart = restart
        self._actions: Mapping[str, Callable[[bytes], dict[str, Any]]] = {
            "reset": self._reset,
            "configure": self._configure,
            "register": self._register,
            "pay": lambda body: self._act(body, "pay"),
            "fail": lambda body: self._act(body, "fail"),
            "leave": lambda body: self._act(body, "leave"),
            "resend": self._resend,
            "send": self._send,
            "faults": self._faults,
            "clock": self._clock,
            "refund": self._refund,
            "recon": self._recon,
            "dump": self._dump,
        }

    def administer(self, action: str, body: bytes) -> dict[str, Any]:
        if action in LETTERS:
            type_, build = LETTERS[action]
            letters = build(_decoded(body, type_), self._state.config)
            return {"deliveries": [_shown(letter) for letter in letters]}
        if action not in self._actions:
            known = ", ".join(sorted((*self._actions, *LETTERS)))
            raise NotFoundError(f"admin action: got {action!r}, expected one of {known}")
        return self._actions[action](body)

    def _reset(self, _body: bytes) -> dict[str, Any]:
        self._restart()
        return {"reset": True}

    def _configure(self, body: bytes) -> dict[str, Any]:
        changes = _decoded(body, dict[str, Any])
        merged = {**msgspec.to_builtins(self._state.config), **changes}
        try:
            config = msgspec.convert(merged, SimulatorConfig)
        except msgspec.ValidationError as error:
            raise RecordError(f"configure: {error}") from error
        self._state.use(config)
        return {"configured": sorted(changes)}

    def _register(self, body: bytes) -> dict[str, Any]:
        order = _decoded(body, RegisterOrder)
        config = self._state.config
        if order.partner and order.partner not in self._state.partners:
            raise RecordError(f"register: no partner {order.partner!r}")
        told = {
            name: value
            for name, value in (("callback_url", order.callback_url), ("return_url", order.return_url))
            if value is not None
        }
        partners = tuple(
            msgspec.structs.replace(each, **told) if order.partner in {"", each.code} else each
            for each in config.partners
        )
        self._state.use(msgspec.structs.replace(config, partners=partners))
        return {"registered": [each.code for each in partners if order.partner in {"", each.code}]}

    def _act(self, body: bytes, action: str) -> dict[str, Any]:
        now = self._now()
        acted = []
        for transaction in self._targets(_decoded(body, TargetOrder)):
            if transaction.state != "open" or self._state.is_over(transaction, now):
                continue
            if action != "leave":
                settle(transaction, self._state, now, paid=action == "pay")
            acted.append(transaction.reference)
        return {"references": acted}

    def _targets(self, order: TargetOrder) -> list[Transaction]:
        every = list(self._state.transactions.values())
        if order.reference:
            return [self._transaction(order.reference)]
        if order.dossier:
            return [each for each in every if each.bill.get("MaHoSo") == order.dossier]
        return every

    def _transaction(self, reference: str) -> Transaction:
        for transaction in self._state.transactions.values():
            if transaction.reference == reference:
                return transaction
        raise RecordError(f"no transaction with reference {reference!r}")

    def _resend(self, body: bytes) -> dict[str, Any]:
        """The result once more, honestly; a transaction without a result has nothing to send."""
        sent = []
        for transaction in self._targets(_decoded(body, TargetOrder)):
            if transaction.state == "open":
                continue
            code = OK if transaction.state == "paid" else BAD
            plan = Plan(code=code, number=transaction.number, due_at=self._now(), variant="resent")
            honest = msgspec.structs.replace(transaction, faults={})
            sent.append(announce(plan, honest, self._state).id)
        return {"callbacks": sent}

    def _send(self, body: bytes) -> dict[str, Any]:
        order = _decoded(body, SendOrder)
        transaction = self._transaction(order.reference)
        due_at = self._now() + timedelta(seconds=order.after_seconds)
        data = self._by_hand(order, transaction)
        sent = [
            post(
                Notice(
                    id=self._state.next_id(),
                    partner=transaction.partner,
                    reference=transaction.reference,
                    code=order.code,
                    variant=f"sent:{order.mac}",
                    bodies=(data,),
                    due_at=due_at,
                    repeats=False,
                ),
                self._state,
            ).id
            for _ in range(order.times)
        ]
        return {"callbacks": sent, "body": data.decode()}

    def _by_hand(self, order: SendOrder, transaction: Transaction) -> bytes:
        number = transaction.number or (self._state.next_number(self._now()) if order.code == OK else "")
        scene = Scene(state=self._state, transaction=transaction, code=order.code, number=number)
        honest: dict[str, Any] = msgspec.json.decode(body_of(scene))
        fields = {**honest, **order.fields}
        if order.mac == "valid":
            partner = (
                self._state.partners.get(str(fields["MaDoiTac"])) or self._state.partners[transaction.partner]
            )
            try:
                fields["MaXacThuc"] = sealed("CONFIRM", fields, partner.secrets[0])
            except ValueError as error:
                raise RecordError(f"send: {error}; use mac original") from error
        elif order.mac == "bad":
            fields["MaXacThuc"] = "0" * 64
        elif order.mac == "missing":
            del fields["MaXacThuc"]
        return msgspec.json.encode(fields)

    def _faults(self, body: bytes) -> dict[str, Any]:
        order = _decoded(body, FaultOrder)
        named: dict[str, float] = {}
        for text in order.faults:
            fault = read_fault(text, self._state.config)
            if fault is None or fault[0] not in MARKS:
                known = ", ".join(name for name in FAULTS if name in MARKS)
                raise RecordError(f"faults: got {text!r}, expected some of {known}")
            named[fault[0]] = fault[1]
        if order.reference:
            self._transaction(order.reference).faults.update(named)
        self._state.armed.extend(dict(named) for _ in range(order.next))
        return {"faults": named, "armed": len(self._state.armed)}

    def _clock(self, body: bytes) -> dict[str, Any]:
        self._state.offset = timedelta(seconds=_decoded(body, ClockOrder).offset_seconds)
        return {"offset_seconds": self._state.offset.total_seconds()}

    def _refund(self, body: bytes) -> dict[str, Any]:
        order = _decoded(body, RefundOrder)
        payment = next((each for each in self._state.payments if each.number == order.number), None)
        if payment is None:
            raise RecordError(f"refund: no payment {order.number!r}")
        before = sum(each["SoTien"] for each in self._state.refunds if each["MaGiaoDich"] == order.number)
        if not 0 < order.amount <= payment.amount - before:
            raise RecordError(f"refund: got {order.amount}, expected 1 to {payment.amount - before}")
        refund = {
            "MaDoiTac": payment.partner,
            "MaThamChieu": payment.reference,
            "MaGiaoDich": payment.number,
            "SoTien": order.amount,
            "at": self._now(),
        }
        self._state.refunds.append(refund)
        return {**refund, "at": refund["at"].isoformat(), "payment": payment_row(payment)}

    def _recon(self, body: bytes) -> dict[str, Any]:
        order = _decoded(body, ReconOrder)
        code = order.partner or next(iter(self._state.partners))
        if code not in self._state.partners:
            raise RecordError(f"recon: no partner {code!r}")
        return settlement_file(self._state, self._state.partners[code], order.date, order.kind)

    def _dump(self, _body: bytes) -> dict[str, Any]:
        state = self._state
        return {
            **record(state),
            "messages": {
                f"{partner}/{reference}": {**transaction_row(each), "INIT": each.message}
                for (partner, reference), each in state.transactions.items()
            },
            "bodies": {
                notice.id: {**notice_row(notice), "bodies": [body.decode() for body in notice.bodies]}
                for notice in state.notices.values()
            },
        }

    def _now(self) -> Any:
        if self._state.now is None:
            raise RecordError("the stand-in has not been told the time yet: send it a request first")
        return self._state.now


def _shown(letter: Any) -> dict[str, Any]:
    return {
        "path": letter.path,
        "body": letter.body.decode(),
        "headers": [list(pair) for pair in letter.headers],
    }


def _decoded(body: bytes, type_: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body or b"{}", type=type_)
    except _NOT_JSON as error:
        raise RecordError(f"admin body: {error}") from error
