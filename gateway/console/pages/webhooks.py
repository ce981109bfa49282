"""Where events are pushed to: how far each endpoint is, what is wrong with it, a test, sending again.

Invariant: what an endpoint's address may carry as a key is not shown, and no secret is made here: registering, new
secrets and deleting are the receiving program's, which alone can hold them.
"""

from __future__ import annotations

import re
from typing import Any

from gateway.api.events import WebhookList
from gateway.console.asking import ask
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.console.reasons import Reasoned
from gateway.domain.errors import NotFoundError
from gateway.inbound.addresses import masked
from gateway.inbound.webhooks import Endpoint, Tested
from gateway.storage.clients import Scope

LIST = "/console/webhooks"
_ANSWERED = "the endpoint answered HTTP "
TROUBLES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(beginning))
    for name, beginning in (
        ("gone", _ANSWERED + "410"),
        ("key", _ANSWERED + "40[13]"),
        ("missing", _ANSWERED + "40[45]"),
        ("many", _ANSWERED + "429"),
        ("moved", _ANSWERED + "3"),
        ("refused", _ANSWERED + "4"),
        ("fault", _ANSWERED),
        ("address", "address refused: "),
        ("certificate", "not_sent: .*(?i:certificate|ssl|tls)"),
        ("name", "not_sent: .*(?i:getaddrinfo|name resolution|name or service|no address|resolve)"),
        ("unreached", "not_sent: "),
        ("silent", "timeout: "),
        ("broken", "connection_lost: |answer_"),
    )
)
"""What the courier says of a failure (``gateway.inbound.courier``), by how it begins; the first that fits counts."""


async def show_webhooks(visit: Visit) -> Response:
    """Every endpoint; what needs somebody stands first."""
    found = (await ask(visit, "list_webhooks", WebhookList)).items
    values = {
        "rows": sorted(map(_row, found), key=lambda row: _STATES.index(row["state"])),
        "may_manage": visit.viewer.may(Scope.WEBHOOKS_MANAGE),
        "now": visit.now,
    }
    return Shown(template="webhooks/list.html", values=values)


async def test(visit: Visit) -> Response:
    """Send a test event, and say what came of it."""
    name = str(visit.path["webhook"])
    tested = await ask(visit, "test_webhook", Tested, path={"webhook": name})
    found = (await ask(visit, "list_webhooks", WebhookList)).items
    endpoint = next((each for each in found if each.id == name), None)
    if endpoint is None:
        raise NotFoundError(f"there is no webhook {name!r}")
    values = {
        "title": "webhooks.test_title",
        "tested": tested,
        "endpoint": endpoint,
        "address_shown": masked(endpoint.url),
        "trouble": trouble(tested.reason),
    }
    return Shown(template="webhooks/tested.html", values=values)


async def enable(visit: Visit) -> Response:
    """Send again, at once, from where it stood."""
    reason = visit.form_as(Reasoned).reason
    done = await ask(visit, "enable_webhook", Endpoint, path=visit.path, body={"reason": reason})
    told = {"name": masked(done.url), "count": str(done.behind)}
    return Moved(to=LIST, message="webhooks.was_enabled", values=told)


_STATES = ("disabled", "failing", "behind", "well")


def _row(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.disabled_at is not None:
        state = "disabled"
    elif endpoint.failing_since is not None:
        state = "failing"
    else:
        state = "behind" if endpoint.behind else "well"
    return {
        "endpoint": endpoint,
        "address": masked(endpoint.url),
        "state": state,
        "trouble": trouble(endpoint.last_failure or ""),
    }


def trouble(failure: str) -> str:
    """What kind of failure it was, of ``TROUBLES``; "other" for what nobody has described, "" for none."""
    if not failure:
        return ""
    return next((name for name, beginning in TROUBLES if beginning.match(failure)), "other")


PAGES: tuple[Page, ...] = (
    Page(
        path=LIST,
        name="webhooks",
        title="webhooks.title",
        scope=Scope.WEBHOOKS_READ,
        view=show_webhooks,
        group="people",
    ),
)
_ONE, _MANAGE = LIST + "/{webhook}", Scope.WEBHOOKS_MANAGE
ACTIONS: tuple[Action, ...] = (
    Action(path=f"{_ONE}/test", name="webhooks", scope=_MANAGE, view=test),
    Action(path=f"{_ONE}/enable", name="webhooks", scope=_MANAGE, view=enable, form=Reasoned),
)
