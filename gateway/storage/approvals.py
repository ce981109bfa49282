"""A second person for what cannot be taken back (four eyes): asking, deciding, and using what was decided.

Whoever is about to do something dangerous calls ``approved`` in the transaction of what it does. Invariants: a row is
decided once, by another person than the one who asked; it allows exactly the action, target and parameters that were
asked for, once, until it expires; every step is written down in its own transaction.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from gateway.domain.errors import ApprovalRequired, ConflictError, NotFoundError
from gateway.domain.persons import same_person
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.operator_log import write_action
from gateway.storage.orders import Instruction
from gateway.storage.oversight import Action, Dangerous
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

ApprovalState: TypeAlias = Literal["requested", "approved", "declined", "expired", "carried_out"]
Decision: TypeAlias = Literal["approved", "declined"]


class Wanted(Instruction, frozen=True, kw_only=True):
    """What somebody is about to do. ``parameters``: all that decides what it does, also the state that it is judged
    by: with another state it is another thing, and needs another approval."""

    action: Dangerous
    target: str
    parameters: dict[str, Any]

    @property
    def digest(self) -> str:
        """What is approved, in 64 hexadecimal digits."""
        return digest_of(self.action.value, self.target, self.parameters)


class Permit(msgspec.Struct, frozen=True, kw_only=True):
    """It may be done. ``approval`` None: the configuration asks for no second person (``approvals.required``)."""

    approval: str | None = None
    requested_by: str | None = None
    approved_by: str | None = None

    @property
    def detail(self) -> dict[str, str]:
        """What the record of the action says of it."""
        if self.approval is None:
            return {}
        told = msgspec.structs.asdict(self)
        return {name: str(value) for name, value in told.items()}


class Word(Instruction, frozen=True, kw_only=True):
    """What the second person says. ``digest``: of what that person has seen; another one is refused."""

    approval: int
    verdict: Decision
    digest: str | None = None


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One request for a second person, as it is kept. ``expires_at`` None: never. ``digest``: of action, target and
    parameters."""

    id: str
    action: str
    target: str
    parameters: dict[str, Any]
    digest: str
    state: ApprovalState
    requested_by: str
    reason: str
    requested_at: datetime
    expires_at: datetime | None
    decided_by: str | None = None
    decided_reason: str | None = None
    decided_at: datetime | None = None
    carried_out_by: str | None = None
    carried_out_at: datetime | None = None


COLUMNS = Approval.__struct_fields__
_LISTED = ", ".join(COLUMNS)
_LIVE = Statement(f"""
    SELECT {_LISTED} FROM approval WHERE digest = :digest AND state IN ('requested', 'approved') FOR_UPDATE
""")  # noqa: S608 - our own names
_ONE = Statement(f"SELECT {_LISTED} FROM approval WHERE id = :approval FOR_UPDATE")  # noqa: S608 - as above
_ASK = insert(
    "approval",
    (
        *("id", "action", "target", "parameters", "digest", "state", "requested_by", "reason"),
        *("requested_at", "expires_at"),
    ),
)
_EXPIRE = Statement("""
    UPDATE approval SET state = 'expired' WHERE id = :approval AND state IN ('requested', 'approved')
""")
_DECIDE = Statement("""
    UPDATE approval SET state = :state, decided_by = :actor, decided_reason = :reason, decided_at = :now
    WHERE id = :approval AND state = 'requested'
""")
_USE = Statement("""
    UPDATE approval SET state = 'carried_out', carried_out_by = :actor, carried_out_at = :now
    WHERE id = :approval AND state = 'approved'
""")


def digest_of(action: str, target: str, parameters: dict[str, Any]) -> str:
    """What stands for exactly this, in 64 hexadecimal digits."""
    return hashlib.sha256(msgspec.json.encode([action, target, parameters], order="sorted")).hexdigest()


def approved(transaction: Transaction, wanted: Wanted) -> Permit | ApprovalRequired:
    """Whether ``wanted`` may be done now; a permit is used up with this transaction.

    Otherwise it is asked for, once: return what you get from the transaction's unit, so that the request is committed and
    its caller is told. Do it before anything is changed, and in the transaction that changes it.
    """
    if wanted.action not in transaction.oversight.required:
        return Permit()
    found = _live(transaction, wanted)
    if found is None:
        found = _ask(transaction, wanted)
    if found.state == "requested":
        return ApprovalRequired(_waiting(found), found.id)
    transaction.run(_USE, {"approval": int(found.id), "actor": wanted.actor, "now": to_micros(wanted.now)})
    return Permit(approval=found.id, requested_by=found.requested_by, approved_by=found.decided_by)


def _live(transaction: Transaction, wanted: Wanted) -> Approval | None:
    row = transaction.one(_LIVE, {"digest": wanted.digest})
    if row is None:
        return None
    found = approval_of(row)
    if not _is_over(found, wanted.now):
        return found
    transaction.run(_EXPIRE, {"approval": int(found.id)})
    return None


def _ask(transaction: Transaction, wanted: Wanted) -> Approval:
    made = Approval(
        id=str(transaction.identifiers.next()),
        action=wanted.action.value,
        target=wanted.target,
        parameters=wanted.parameters,
        digest=wanted.digest,
        state="requested",
        requested_by=wanted.actor,
        reason=wanted.reason,
        requested_at=wanted.now,
        expires_at=wanted.now + transaction.oversight.lifetime,
    )
    transaction.run(
        _ASK,
        {
            "id": int(made.id),
            "action": made.action,
            "target": made.target,
            "parameters": msgspec.json.encode(made.parameters, order="sorted").decode(),
            "digest": made.digest,
            "state": made.state,
            "requested_by": made.requested_by,
            "reason": made.reason,
            "requested_at": to_micros(made.requested_at),
            "expires_at": to_micros(wanted.now + transaction.oversight.lifetime),
        },
    )
    _write_down(transaction, wanted, made, "approval.request")
    return made


def _is_over(found: Approval, now: datetime) -> bool:
    return found.expires_at is not None and found.expires_at <= now


def _waiting(found: Approval) -> str:
    return (
        f"{found.action} of {found.target} needs a second person: approval {found.id}, asked for by "
        f"{found.requested_by}, is good until {found.expires_at:%Y-%m-%d %H:%M} UTC; "
        f"somebody else: lienthong approvals approve {found.id}"
    )


def decide(transaction: Transaction, word: Word) -> Approval | ConflictError:
    """The second person's word; the same word of the same person again does nothing.

    ConflictError: it is decided or expired already, the actor asked for it, or has seen something else. NotFoundError.
    """
    row = transaction.one(_ONE, {"approval": word.approval})
    if row is None:
        raise NotFoundError(f"there is no approval {word.approval}")
    found = approval_of(row)
    if found.decided_by == word.actor and _says(found) == word.verdict:
        return found
    if found.state != "requested":
        return ConflictError(f"approval {found.id} is {found.state} already{_by(found)}")
    if _is_over(found, word.now):
        transaction.run(_EXPIRE, {"approval": int(found.id)})
        return ConflictError(f"approval {found.id} has expired; whoever still wants it asks again")
    if word.digest not in {None, found.digest}:
        return ConflictError(
            f"approval {found.id} is of something else than what you have seen; look: lienthong approvals show {found.id}"
        )
    if why := not_a_second_person(found, word.actor):
        return ConflictError(f"approval {found.id}: {why}")
    told = {"state": word.verdict, "actor": word.actor, "reason": word.reason, "now": to_micros(word.now)}
    transaction.run(_DECIDE, {**told, "approval": int(found.id)})
    verb = "approval.approve" if word.verdict == "approved" else "approval.decline"
    _write_down(transaction, word, found, verb)
    return msgspec.structs.replace(
        found,
        state=word.verdict,
        decided_by=word.actor,
        decided_reason=word.reason,
        decided_at=word.now,
    )


def not_a_second_person(about: Approval, actor: str) -> str:
    """Why ``actor`` may not decide; empty when it may: who asked may not, nor whom it gives rights."""
    why = same_person(about.requested_by, actor)
    account = str(about.parameters.get("account", ""))
    if why or about.action != Dangerous.GRANT or not same_person(f"console/{account}", actor):
        return why
    return f"it gives roles to account {account}; somebody else must decide about it"


def _says(found: Approval) -> Decision:
    return "declined" if found.state == "declined" else "approved"


def _by(found: Approval) -> str:
    return f", by {found.decided_by}" if found.decided_by else ""


def _write_down(transaction: Transaction, said: Instruction, about: Approval, verb: str) -> None:
    detail = {
        "approval": about.id,
        "action": about.action,
        "parameters": about.parameters,
        "digest": about.digest,
    }
    write_action(
        transaction,
        Action(
            actor=said.actor, verb=verb, target=about.target, reason=said.reason, now=said.now, detail=detail
        ),
    )


def approval_of(row: Row) -> Approval:
    """A row of ``COLUMNS``."""
    values = dict(zip(COLUMNS, row, strict=True))
    values["id"] = str(values["id"])
    values["parameters"] = msgspec.json.decode(values["parameters"])
    for name in ("requested_at", "expires_at", "decided_at", "carried_out_at"):
        values[name] = None if values[name] is None else from_micros(values[name])
    return Approval(**values)
