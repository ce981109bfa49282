"""Who did what, when, why, to what, with which effect; also as a file.

Invariant: what is shown is the history as it was written; nothing can be changed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.api.actions import ActionPage
from gateway.console.asking import answered, ask
from gateway.console.links import chosen, day_of, link, morning
from gateway.console.page import Download, Page, Response, Shown, Visit
from gateway.storage.clients import Scope
from gateway.storage.queries_actions import ActionView

LIST = "/console/actions"
Text = Annotated[str, Meta(max_length=300)]
VERBS = (
    *("retry", "ask", "edit", "skip", "resolve", "hold", "release", "pause", "resume", "test"),
    *("retry_run.begin", "retry_run.pause", "retry_run.resume", "retry_run.stop"),
    *("repair", "tolerate", "reschedule", "stop"),
    *("payment.propose", "payment.approve", "payment.decline", "payment.cancel"),
    *("refund.request", "refund.approve", "refund.decline", "receipt.ask_again"),
    *("approval.request", "approval.approve", "approval.decline"),
    *("erase", "rotate", "rotate_master", "database.restore"),
    *("client.create", "client.rotate", "client.disable"),
    *("webhook.create", "webhook.rotate", "webhook.enable", "webhook.test", "webhook.delete"),
    *("account.sign_in", "account.sign_out", "account.refuse", "account.lock", "account.unlock"),
    *("account.create", "account.roles", "account.password", "account.disable", "account.enable"),
    *("account.revoke",),
)
LINKS = {
    "delivery": "/console/deliveries/{}",
    "payment": "/console/payments/{}",
    "decision": "/console/approvals/{}",
    "refund": "/console/approvals/{}",
    "approval": "/console/approvals/{}",
    "item": "/console/payments/reconciliation/items/{}",
    "orphan": "/console/payments/orphans/{}",
    "run": "/console/failures/runs/{}",
}


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which. ``from`` and ``to``: days, both inclusive."""

    actor: Text = ""
    action: Text = ""
    dossier: Text = ""
    target: Text = ""
    start: Text = msgspec.field(name="from", default="")
    end: Text = msgspec.field(name="to", default="")
    cursor: Text = ""


class FileChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which, for the file."""

    actor: Text = ""
    action: Text = ""
    dossier: Text = ""
    target: Text = ""
    start: Text = msgspec.field(name="from", default="")
    end: Text = msgspec.field(name="to", default="")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that decided an action or came of it. ``href``: where more of it stands."""

    name: str
    value: str
    href: str = ""


def parts(action: ActionView) -> list[Part]:
    """The detail of an action, part by part; what is empty is left out."""
    return [
        Part(name=name, value=plain, href=LINKS[name].format(value) if name in LINKS else "")
        for name, value in action.detail.items()
        if name not in {"digest", "parameters"} and (plain := _plain(value))
    ]


def _plain(value: object) -> str:
    match value:
        case None | "" | [] | {}:
            return ""
        case str():
            return value
        case list() if all(isinstance(each, str) for each in value):
            return ", ".join(value)
        case list() if all(isinstance(each, dict) for each in value):
            return "; ".join(
                " ".join(str(part) for part in each.values() if part is not None) for each in value
            )
        case _:
            return msgspec.json.encode(value).decode()


def target_link(action: ActionView) -> str:
    """Where what was acted on stands; empty where no page has it."""
    kind, _, name = action.target.partition(":")
    match kind:
        case "job":
            return f"/console/jobs/{name}"
        case "account":
            return f"/console/accounts/{name}" if name != "-" else ""
        case "client":
            return "/console/clients"
        case _ if action.target.startswith("wh_"):
            return "/console/webhooks"
        case _ if ":" in action.target or "/" in action.target:
            return ""
        case _:
            return f"/console/destinations/{action.target}"


def _query(choice: Choice | FileChoice) -> Mapping[str, Any]:
    return {
        **chosen(choice, "from", "to"),
        "from": morning(day_of(choice.start, "from")),
        "to": morning(day_of(choice.end, "to"), after=1),
    }


async def actions(visit: Visit) -> Response:
    """The list, newest first."""
    choice = visit.query_as(Choice)
    page = await ask(visit, "list_actions", ActionPage, query=_query(choice))
    return Shown(
        template="actions/list.html",
        values={
            "page": page,
            "choice": choice,
            "verbs": VERBS,
            "parts": parts,
            "target_link": target_link,
            "export": link(f"{LIST}/file", chosen(choice, "cursor")),
            "by": lambda actor: link(LIST, {"actor": actor}),
            "reads_log": visit.viewer.may(Scope.MESSAGES_READ),
            "following": page.next and link(LIST, {**chosen(choice, "cursor"), "cursor": page.next}),
            "first": link(LIST, chosen(choice, "cursor")) if choice.cursor else "",
        },
    )


async def export(visit: Visit) -> Response:
    """The same as a file."""
    answer = await answered(visit, "export_actions", query=_query(visit.query_as(FileChoice)))
    name = f"thao-tac-{visit.now:%Y%m%d-%H%M}.csv"
    return Download(content=answer.content or b"", media_type=answer.media_type, filename=name)


PAGES = (
    Page(
        path=LIST,
        name="actions",
        title="actions.title",
        scope=Scope.LOG_READ,
        view=actions,
        query=Choice,
        group="people",
    ),
    Page(
        path=LIST + "/file",
        name="actions_file",
        title="actions.file",
        scope=Scope.LOG_READ,
        view=export,
        query=FileChoice,
    ),
)
