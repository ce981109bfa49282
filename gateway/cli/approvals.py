"""``lienthong approvals``: what needs a second person, and what that person says.

Invariant: a name is a person's word; on the database itself it is as good as the trust in whoever may open that database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import AsJson, Changing, Limit, Way, examples, group, spread

if TYPE_CHECKING:
    from gateway.api.approval_detail import ApprovalDetail
    from gateway.bootstrap import Gateway
    from gateway.oversight.approvals import Decided
    from gateway.storage.approvals import Approval, ApprovalState, Decision

app = group("What needs a second person (four eyes): list, show, approve and decline it.")
PATH = "/v1/approvals"
GRANTS = "/v1/grants"
ApprovalId = Annotated[
    int, typer.Argument(metavar="ID", min=1, help="An approval's id, as the list shows it.")
]
DigestOption = Annotated[
    str | None,
    typer.Option("--digest", help="Of what you have seen; anything else is refused.", show_default=False),
]
_SUBJECT = {
    "changes": ("pointer", "before", "after"),
    "deliveries": ("id", "operation", "key", "state", "content"),
    "drifts": ("id", "kind", "field", "ours", "theirs"),
    "money": ("asked", "refunded", "reference", "state", "transaction", "orphan", "orphan_amount"),
}
"""What is shown of what it is about, beneath the approval itself."""
STATES = ("requested", "approved", "declined", "expired", "carried_out")


@app.command(
    "list", epilog=examples("lienthong approvals list", "lienthong approvals list --state carried_out")
)
@spread
def list_(
    *,
    state: Annotated[str, typer.Option(help=f"{', '.join(STATES)}, or all.")] = "requested",
    limit: Limit = 100,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """List what waits for a second person, the newest first: deliveries, repairs, erasure, keys, money."""
    from gateway.cli.exits import complain
    from gateway.cli.opening import run
    from gateway.cli.screen import console, print_json, table

    found = (
        run(_listed(way, _state(state), limit)) if way.url is not None else _here(way, _state(state), limit)
    )
    if as_json:
        print_json(found)
        return
    headings = ("id", "what", "of", "state", "asked for by", "why", "until", "decided by")
    console().print(table(headings, map(_row, found)))
    if way.url is None and (alone := _by_one_person(way)):
        complain(f"no second person is asked for (approvals.required): {', '.join(alone)}")


def _state(given: str) -> ApprovalState | None:
    if given == "all":
        return None
    if given not in STATES:
        raise typer.BadParameter(f"--state: got {given}, expected all or one of {', '.join(STATES)}")
    return given  # type: ignore[return-value] # judged above


def _here(way: Way, state: ApprovalState | None, limit: int) -> list[Approval]:
    from gateway.cli.opening import ask
    from gateway.storage.queries_approvals import ApprovalFilter, approvals

    wanted = ApprovalFilter(now=datetime.now(UTC), state=state, limit=limit)
    return ask(way.config, partial(approvals, wanted=wanted))


async def _listed(way: Way, state: ApprovalState | None, limit: int) -> list[Approval]:
    from gateway.api.approvals import ApprovalPage
    from gateway.cli.remote import api_of

    async with api_of(way) as remote:
        return await remote.gather(PATH, {"state": state}, ApprovalPage, most=limit)


def _row(each: Approval) -> tuple[Any, ...]:
    return (
        *(each.id, each.action, each.target, each.state, each.requested_by, each.reason[:60]),
        *(each.expires_at, each.decided_by),
    )


def _by_one_person(way: Way) -> list[str]:
    from gateway.storage.oversight import Dangerous

    return sorted(set(Dangerous) - set(way.settings.approvals.required))


@app.command(
    "show",
    epilog=examples(
        "lienthong approvals show 250367648418762752",
        "lienthong approvals show 250367648418762752 --personal --reason 'compared with the paper'",
    ),
)
@spread
def show(
    approval: ApprovalId,
    *,
    personal: Annotated[
        bool, typer.Option("--personal", help="Show personal values; who asks and why is logged.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option(help="Why personal values are read.", show_default=False)
    ] = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Show one, with exactly what would be done: its parameters, and before and after of every corrected field."""
    from gateway.cli.screen import print_json

    if personal and reason is None:
        raise typer.BadParameter("--personal needs --reason: who reads personal values, and why, is logged")
    found = _found(way, approval, {"personal": "true", "reason": reason} if personal else {})
    if as_json:
        print_json(found)
    else:
        _print(found)


def _found(
    way: Way, number: int, query: dict[str, Any] | None = None, operator: str | None = None
) -> ApprovalDetail:
    from gateway.api.approval_detail import ApprovalDetail
    from gateway.cli.calling import Asked, answer

    asked = Asked("get_approval", path={"approval": str(number)}, query=query or {})
    return answer(way, asked, ApprovalDetail, operator=operator)


def _print(found: ApprovalDetail) -> None:
    import json

    from gateway.cli.screen import console, table

    fields = {name: getattr(found, name) for name in found.__struct_fields__ if name not in _SUBJECT}
    fields["parameters"] = json.dumps(found.parameters, ensure_ascii=False, indent=1)
    console().print(table(("approval", ""), fields.items()))
    for name, headings in _SUBJECT.items():
        if about := getattr(found, name):
            rows = about if isinstance(about, list) else [about]
            console().print(
                table(headings, [tuple(getattr(each, part) for part in headings) for each in rows])
            )


@app.command(
    "approve",
    epilog=examples(
        "lienthong approvals approve 250367648418762752 --reason 'seen in the post book' --as tran.thi.mau"
    ),
)
@spread
def approve(approval: ApprovalId, *, digest: DigestOption = None, by: Changing) -> None:
    """Say yes; it is done at once where it can be. Exit code 1: it is approved, and not done."""
    _say(by, approval, "approved", digest)


@app.command(
    "decline",
    epilog=examples("lienthong approvals decline 250367648418762752 --reason 'the portal has it after all'"),
)
@spread
def decline(approval: ApprovalId, *, digest: DigestOption = None, by: Changing) -> None:
    """Say no; nothing happens."""
    _say(by, approval, "declined", digest)


def _path_of(about: Approval) -> str:
    """Where the API takes the second person's word: about roles from administrators."""
    from gateway.storage.oversight import Dangerous

    return GRANTS if about.action == Dangerous.GRANT else PATH


@app.command("reject", hidden=True)
@spread
def reject(approval: ApprovalId, *, digest: DigestOption = None, by: Changing) -> None:
    """Say no, as `decline` does."""
    _say(by, approval, "declined", digest)


def _say(by: Changing, number: int, verdict: Decision, digest: str | None) -> None:
    from gateway.cli.exits import NO, complain
    from gateway.cli.giving import give
    from gateway.cli.opening import run
    from gateway.cli.screen import print_json
    from gateway.oversight.approvals import Decided
    from gateway.storage.approvals import Word

    word = Word(approval=number, verdict=verdict, digest=digest, **by.instruction)

    async def here(gateway: Gateway) -> Decided:
        return await gateway.approvals.say(word)

    body: dict[str, Any] = {"reason": word.reason} | ({"digest": digest} if digest else {})
    verb = "approve" if verdict == "approved" else "decline"
    path = PATH if by.way.url is None else _path_of(_found(by.way, number, operator=by.actor))
    decided = run(give(by.way, here, f"{path}/{number}/{verb}", body, Decided, operator=by.actor))
    if by.as_json:
        print_json(decided)
    else:
        about = decided.approval
        print(f"{about.action} of {about.target}: {about.state} by {about.decided_by}")
    if decided.trouble is not None:
        complain(f"approved, not done: {decided.trouble}")
        raise typer.Exit(NO)
