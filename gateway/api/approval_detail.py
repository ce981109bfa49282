"""What a second person is shown before it says yes or no: the request, and what exactly would be done.

Invariant: nothing is shown here that its reader could not read where it stands: deliveries and differences with
deliveries:read, money with payments:read, persons masked as everywhere.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from gateway.api.delivery_edit import FieldDifference, correction, sight_of
from gateway.api.privacy import PersonalQuery, sees_people
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.oversight.approvals import proposal_of
from gateway.storage.approvals import Approval
from gateway.storage.clients import Scope
from gateway.storage.delivery_edits import edits_of, stored_content
from gateway.storage.oversight import Dangerous
from gateway.storage.queries_approval_subjects import (
    ToldDelivery,
    ToldDrift,
    ToldMoney,
    told_deliveries,
    told_drifts,
    told_money,
)
from gateway.storage.queries_approvals import PAYMENTS


class ApprovalDetail(Approval, frozen=True, kw_only=True):
    """One request with what it is about. ``changes``: of a correction, field by field; null: it is none, it is not kept any
    more, or the caller may not read deliveries. ``deliveries``, ``drifts``, ``money``: as they stand now."""

    changes: list[FieldDifference] | None = None
    deliveries: list[ToldDelivery] = msgspec.field(default_factory=list)
    drifts: list[ToldDrift] = msgspec.field(default_factory=list)
    money: ToldMoney | None = None


async def get_approval(api: Api, call: Call) -> Answer:
    """One of them, with what exactly would be done."""
    about = await api.gateway.approvals.find(int(call.path["approval"]))
    subject: dict[str, Any] = {}
    read = api.gateway.database.read
    if call.may(Scope.DELIVERIES_READ):
        subject["deliveries"] = await read(partial(told_deliveries, parameters=about.parameters))
        subject["drifts"] = await read(partial(told_drifts, parameters=about.parameters))
        subject["changes"] = await _changes(api, call, about)
    if about.action.startswith(PAYMENTS) and call.may(Scope.PAYMENTS_READ):
        subject["money"] = await read(partial(told_money, parameters=about.parameters))
    return Answer(value=ApprovalDetail(**msgspec.structs.asdict(about), **subject))


async def _changes(api: Api, call: Call, about: Approval) -> list[FieldDifference] | None:
    """Before and after of what would be corrected, masked as the page of the delivery masks it."""
    if about.action != Dangerous.EDIT:
        return None
    number, read = int(about.parameters["delivery"]), api.gateway.database.read
    content = await read(partial(stored_content, delivery_id=number))
    kept = proposal_of(about, await read(partial(edits_of, delivery_id=number, now=api.now)))
    if content is None or kept is None:
        return None
    query = call.query_as(PersonalQuery)
    clear = await sees_people(api, call, sight_of(content), personal=query.personal, reason=query.reason)
    return correction(api, content, kept, clear=clear).changes
