"""What needs a second person, over HTTP: what waits, and what the second person says.

Invariant: who asks and who approves are two people; what is approved is done at once where it can be, and otherwise when
the same order comes again.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.access import require_scope
from gateway.api.deliveries import Reason
from gateway.api.inputs import Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.errors import NotFoundError
from gateway.storage import approvals
from gateway.storage.approvals import Approval, ApprovalState, Decision
from gateway.storage.clients import Scope
from gateway.storage.oversight import Dangerous
from gateway.storage.queries_approvals import PAYMENTS, ApprovalFilter

_LIST = "approvals"
Digest = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}$(?!\n)",
        description="Of what has been seen; anything else is refused.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]


class ApprovalQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which. ``mine`` false: only those that the caller (with ``X-Operator``) has not asked for and may decide about."""

    state: ApprovalState | None = None
    action: Word | None = None
    mine: bool = True
    cursor: Cursor | None = None
    limit: Limit = 50


class ApprovalPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some approvals, newest first. ``next`` null: these were the last."""

    items: list[Approval]
    next: str | None


class SecondWord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the second person says, and of what."""

    reason: Reason
    digest: Digest | None = None


async def list_approvals(api: Api, call: Call) -> Answer:
    """What waits for a second person, and what became of it."""
    query = call.query_as(ApprovalQuery)
    key = key_of(_LIST, query.cursor, tuple[int])
    wanted = ApprovalFilter(
        now=api.now,
        state=query.state,
        action=query.action,
        not_by=None if query.mine else call.actor,
        before=None if key is None else key[0],
        limit=query.limit,
    )
    items = await api.gateway.approvals.search(wanted)
    last = (int(items[-1].id),) if items else None
    return Answer(value=ApprovalPage(items=items, next=next_cursor(_LIST, items, query.limit, last)))


async def approve(api: Api, call: Call) -> Answer:
    """The second person says yes."""
    return await _say(api, call, "approved")


async def decline(api: Api, call: Call) -> Answer:
    """The second person says no."""
    return await _say(api, call, "declined")


async def approve_grant(api: Api, call: Call) -> Answer:
    """The second administrator says yes."""
    return await _say_of_grant(api, call, "approved")


async def decline_grant(api: Api, call: Call) -> Answer:
    """The second administrator says no."""
    return await _say_of_grant(api, call, "declined")


async def _say_of_grant(api: Api, call: Call, verdict: Decision) -> Answer:
    about = await api.gateway.approvals.find(int(call.path["approval"]))
    if about.action != Dangerous.GRANT:
        raise NotFoundError(f"approval {about.id} is not about roles but {about.action}")
    return await _say(api, call, verdict)


async def _say(api: Api, call: Call, verdict: Decision) -> Answer:
    number, body = int(call.path["approval"]), call.body_as(SecondWord)
    about = await api.gateway.approvals.find(number)
    if call.principal is not None and about.action.startswith(PAYMENTS):
        require_scope(call.principal, Scope.PAYMENTS_APPROVE)
    if call.principal is not None and about.action == Dangerous.GRANT:
        require_scope(call.principal, Scope.CLIENTS_MANAGE)
    word = approvals.Word(
        actor=call.actor,
        reason=body.reason,
        now=api.now,
        approval=number,
        verdict=verdict,
        digest=body.digest,
    )
    decided = await api.gateway.approvals.say(word)
    if about.action == Dangerous.GRANT:
        api.access.forget_accounts()
    return Answer(value=decided)
