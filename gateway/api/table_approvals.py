"""Rows of the table: what needs a second person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.api.approval_detail import ApprovalDetail, get_approval
from gateway.api.approvals import (
    ApprovalPage,
    ApprovalQuery,
    SecondWord,
    approve,
    approve_grant,
    decline,
    decline_grant,
    list_approvals,
)
from gateway.api.delivery_edit import FieldDifference
from gateway.api.privacy import PersonalQuery
from gateway.api.route import Body, Route, Success
from gateway.api.table_operations import action
from gateway.domain.delivery import DeliveryState
from gateway.oversight.approvals import Decided
from gateway.storage.approvals import Approval, digest_of
from gateway.storage.clients import Scope
from gateway.storage.queries_approval_subjects import ToldDelivery

_AT = datetime(2026, 9, 28, 1, 5, tzinfo=UTC)
_PARAMETERS = {"delivery": "250228600404447232", "state": "parked", "attempts": 7}
_EDIT = {
    "delivery": "250228600404447232",
    "state": "rejected",
    "attempts": 3,
    "shown": "a" * 64,
    "edit": "b" * 64,
    "pointers": ["/applicant/phone", "/channel"],
}
_TARGET = "national_portal/H99.14-260928-0007"
_EXAMPLE = Approval(
    id="250367648418762752",
    action="delivery.skip",
    target=_TARGET,
    parameters=_PARAMETERS,
    digest=digest_of("delivery.skip", _TARGET, _PARAMETERS),
    state="requested",
    requested_by="console/tran.thi.mau",
    reason="the paper was handed over by post",
    requested_at=_AT,
    expires_at=_AT + timedelta(days=3),
)
_DETAIL = ApprovalDetail(
    id="250367648418762753",
    action="delivery.edit",
    target=_TARGET,
    parameters=_EDIT,
    digest=digest_of("delivery.edit", _TARGET, _EDIT),
    state="requested",
    requested_by="console/tran.thi.mau",
    reason="the applicant has corrected the number at the counter",
    requested_at=_AT,
    expires_at=_AT + timedelta(days=3),
    changes=[
        FieldDifference(pointer="/applicant/phone", before="•••", after="•••", masked=True),
        FieldDifference(pointer="/channel", before="counter", after="online", masked=False),
    ],
    deliveries=[
        ToldDelivery(
            id="250228600404447232",
            destination="national_portal",
            dossier="H99.14-260928-0007",
            operation="dossier",
            key="v2",
            position=1,
            state=DeliveryState.REJECTED,
            content="a" * 64,
        )
    ],
)
_WORD = Body(kind=SecondWord, example={"reason": "seen in the post book, line 14", "digest": _EXAMPLE.digest})
_GRANT_WORD = Body(kind=SecondWord, example={"reason": "she begins on Monday, decision 12/QĐ-VP"})
_DESCRIPTION = (
    "By another person than the one who asked: another name, however it is spelt, and another client unless both times "
    "`X-Operator` names somebody. Refunds and decisions about payments need scope payments:approve besides, roles "
    "that an administrator lacks clients:manage."
)

APPROVALS: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/approvals",
        name="list_approvals",
        tag="approvals",
        scope=Scope.APPROVALS_READ,
        summary="List what needs a second person",
        description=(
            "Newest first, whatever it is about: deliveries, repairs, erasure, keys, roles, refunds and decisions "
            "about payments. `state=requested` is what waits."
        ),
        handler=list_approvals,
        query=ApprovalQuery,
        successes=(
            Success(
                status=200,
                description="A page of them.",
                kind=ApprovalPage,
                example=ApprovalPage(items=[_EXAMPLE], next=None),
            ),
        ),
    ),
    Route(
        method="GET",
        path="/v1/approvals/{approval}",
        name="get_approval",
        tag="approvals",
        scope=Scope.APPROVALS_READ,
        summary="Read what needs a second person",
        description=(
            "With exactly the parameters that it is about, and what exactly would be done: the changes of a correction "
            "(`delivery.edit`) field by field, deliveries, differences and money as they stand now, each for whoever may read "
            "them where they stand. Personal values are masked unless `personal` asks for them, with a reason."
        ),
        handler=get_approval,
        query=PersonalQuery,
        successes=(Success(status=200, description="It.", kind=ApprovalDetail, example=_DETAIL),),
    ),
    action(
        "/v1/approvals/{approval}/approve",
        "approve",
        approve,
        summary="Approve it",
        description=(
            _DESCRIPTION
            + " It is done at once where it can be; else `trouble` says why not, and the same order, given "
            "again, does it while the approval is good."
        ),
        scope=Scope.APPROVALS_DECIDE,
        body=_WORD,
        done=Decided,
    ),
    action(
        "/v1/approvals/{approval}/decline",
        "decline",
        decline,
        summary="Decline it",
        description=_DESCRIPTION + " Nothing happens then.",
        scope=Scope.APPROVALS_DECIDE,
        body=_WORD,
        done=Decided,
    ),
    action(
        "/v1/grants/{approval}/approve",
        "approve_grant",
        approve_grant,
        summary="Approve roles that an administrator lacks",
        description=(
            "By another administrator than the one who asked, and not by the person who is to have them. `approval` is one of "
            "action `account.grant`; the roles are given at once."
        ),
        tag="approvals",
        scope=Scope.CLIENTS_MANAGE,
        body=_GRANT_WORD,
        done=Decided,
    ),
    action(
        "/v1/grants/{approval}/decline",
        "decline_grant",
        decline_grant,
        summary="Decline roles that an administrator lacks",
        description="As approving them; the account keeps the roles that it has.",
        tag="approvals",
        scope=Scope.CLIENTS_MANAGE,
        body=_GRANT_WORD,
        done=Decided,
    ),
)
