"""What waits for a second person, of every kind: exactly what will be done, who asked, and the word of the second one.

Invariant: what is approved is what was shown, by its digest; one's own request is shown and cannot be approved, and it is
said why.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from gateway.api.approval_detail import ApprovalDetail
from gateway.api.approvals import ApprovalPage
from gateway.console.asking import ask
from gateway.console.links import chosen, link
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.console.pages.delivery_edit import Sight
from gateway.console.pages.drift import spoken_value
from gateway.oversight.approvals import Decided
from gateway.storage.approvals import Approval, not_a_second_person
from gateway.storage.clients import Scope
from gateway.storage.operator_log import dossier_of
from gateway.storage.oversight import Dangerous
from gateway.storage.queries_approvals import PAYMENTS

LIST = "/console/approvals"
_GRANT = "/console/grants"
STATES = ("requested", "approved", "carried_out", "declined", "expired")
KINDS = {
    "requested": "warn",
    "approved": "warn",
    "carried_out": "good",
    "declined": "plain",
    "expired": "plain",
}
MONEY = ("refund", "settle", "accept", "reject", "adopt", "excess", "give_up", "refund_orphan")
ACTIONS_OF_TWO = (*(each.value for each in Dangerous), *(PAYMENTS + each for each in MONEY))
Text = Annotated[str, Meta(max_length=1000)]
Verdict: TypeAlias = Literal["approve", "decline", "approve_grant", "decline_grant"]
LINKS = {
    "delivery": "/console/deliveries/{}",
    "payment": "/console/payments/{}",
    "request": "/console/payments/{}",
    "orphan": "/console/payments/orphans/{}",
    "dossier": "/console/dossiers/{}",
    "account": "/console/accounts/{}",
}
# by parameter, what of the detail shows it in full
SHOWN_BENEATH = {"pointers": "changes", "drifts": "drifts", "deliveries": "deliveries"}
MONEY_FIELDS = frozenset({"amount"})
ROLE_FIELDS = frozenset({"roles", "before"})


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which; those that wait, without ``state``."""

    state: Text = "requested"
    kind: Text = ""
    cursor: Text = ""


class WordForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the second person says, of what was shown."""

    reason: Text
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of what will be done. ``href``: where more of it stands; ``roles``: of an account."""

    name: str
    value: str
    amount: int | None = None
    href: str = ""
    roles: tuple[str, ...] = ()


def may_decide(visit: Visit, about: Approval) -> bool:
    """Whether this person's rights reach so far; whose request it is stands aside."""
    if about.action == Dangerous.GRANT:
        return visit.viewer.may(Scope.CLIENTS_MANAGE)
    decides = visit.viewer.may(Scope.APPROVALS_DECIDE)
    return decides and (not about.action.startswith(PAYMENTS) or visit.viewer.may(Scope.PAYMENTS_APPROVE))


def own(visit: Visit, about: Approval) -> bool:
    """Whether the viewer could be who asked, or whom it is for."""
    return bool(not_a_second_person(about, visit.viewer.principal.client))


def facts(about: ApprovalDetail) -> list[Fact]:
    """The parameters, one by one, in words as far as there are any; what is shown in full beneath is left out."""
    found, names = [], _names(about)
    beneath = {name for name, shown in SHOWN_BENEATH.items() if getattr(about, shown)}
    for name, value in about.parameters.items():
        if name in beneath:
            continue
        href = LINKS[name].format(value) if name in LINKS and value else ""
        plain = names.get(name) or value if isinstance(value, str) else msgspec.json.encode(value).decode()
        amount = value if name in MONEY_FIELDS and isinstance(value, int) else None
        if plain not in {"", "null"}:
            roles = tuple(value) if name in ROLE_FIELDS and isinstance(value, list) else ()
            found.append(Fact(name=name, value=plain, amount=amount, href=href, roles=roles))
    return found


def _names(about: ApprovalDetail) -> dict[str, str | None]:
    """What people call the things that the parameters number."""
    money = about.money
    return {} if money is None else {"attempt": money.reference, "orphan": money.orphan}


async def approvals(visit: Visit) -> Response:
    """What waits, or what became of it."""
    choice = visit.query_as(Choice)
    query = {
        "state": "" if choice.state == "all" else choice.state,
        "action": choice.kind,
        "cursor": choice.cursor,
    }
    page = await ask(visit, "list_approvals", ApprovalPage, query=query)
    return Shown(
        template="approvals/list.html",
        values={
            "page": page,
            "choice": choice,
            "states": STATES,
            "kinds": KINDS,
            "actions": ACTIONS_OF_TWO,
            "own": {each.id for each in page.items if own(visit, each)},
            "dossier_of": dossier_of,
            "live": link(LIST, chosen(choice)),
            "following": page.next and link(LIST, {**chosen(choice, "cursor"), "cursor": page.next}),
        },
    )


async def approval(visit: Visit) -> Response:
    """One of them, with what exactly would be done."""
    number, query = int(visit.path["approval"]), visit.query_as(Sight)
    wanted: dict[str, object] = {"personal": True, "reason": query.reason} if query.personal else {}
    found = await ask(visit, "get_approval", ApprovalDetail, path={"approval": number}, query=wanted)
    waits = found.state == "requested"
    return Shown(
        template="approvals/one.html",
        values={
            "approval": found,
            "facts": facts(found),
            "data": msgspec.json.format(
                msgspec.json.encode(found.parameters, order="sorted"), indent=2
            ).decode(),
            "kinds": KINDS,
            "own": own(visit, found),
            "may": waits and may_decide(visit, found) and not own(visit, found),
            "reaches": may_decide(visit, found),
            "dossier": dossier_of(found.target),
            "waits": waits,
            "hidden": visit.viewer.may(Scope.PERSONAL_READ) and _hides(found),
            "corrects": found.action == Dangerous.EDIT and visit.viewer.may(Scope.DELIVERIES_READ),
            "erases": found.action == Dangerous.ERASE,
            "said": partial(spoken_value, visit.language),
            "target": _GRANT if found.action == Dangerous.GRANT else LIST,
        },
    )


def _hides(found: ApprovalDetail) -> bool:
    """Whether a change of a person's data stands there that is masked."""
    return any(each.masked for each in found.changes or ())


async def approve(visit: Visit) -> Response:
    """The second person says yes."""
    return await _say(visit, "approve")


async def decline(visit: Visit) -> Response:
    """The second person says no."""
    return await _say(visit, "decline")


async def approve_grant(visit: Visit) -> Response:
    """The second administrator says yes."""
    return await _say(visit, "approve_grant")


async def decline_grant(visit: Visit) -> Response:
    """The second administrator says no."""
    return await _say(visit, "decline_grant")


async def _say(visit: Visit, verdict: Verdict) -> Response:
    number, form = int(visit.path["approval"]), visit.form_as(WordForm)
    body = {"reason": form.reason, "digest": form.digest}
    done = await ask(visit, verdict, Decided, path={"approval": number}, body=body)
    result = "declined" if verdict.startswith("decline") else "done" if done.done else "not_done"
    return Moved(
        to=f"{LIST}/{number}",
        message=f"approvals.{result}",
        values={"trouble": done.trouble or ""},
    )


PAGES = (
    Page(
        path=LIST,
        name="approvals",
        title="approvals.title",
        scope=Scope.APPROVALS_READ,
        view=approvals,
        query=Choice,
        group="people",
    ),
    Page(
        path=LIST + "/{approval}",
        name="approval",
        title="approvals.one",
        scope=Scope.APPROVALS_READ,
        view=approval,
        query=Sight,
    ),
)
ACTIONS = (
    Action(
        path=LIST + "/{approval}/approve",
        name="approval",
        scope=Scope.APPROVALS_DECIDE,
        view=approve,
        form=WordForm,
    ),
    Action(
        path=LIST + "/{approval}/decline",
        name="approval",
        scope=Scope.APPROVALS_DECIDE,
        view=decline,
        form=WordForm,
    ),
    Action(
        path=_GRANT + "/{approval}/approve",
        name="approval",
        scope=Scope.CLIENTS_MANAGE,
        view=approve_grant,
        form=WordForm,
    ),
    Action(
        path=_GRANT + "/{approval}/decline",
        name="approval",
        scope=Scope.CLIENTS_MANAGE,
        view=decline_grant,
        form=WordForm,
    ),
)
