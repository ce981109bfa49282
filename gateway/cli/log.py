"""``lienthong log``: search the message log, read an entry, verify the whole.

Invariant: what is shown is what was stored.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gateway.cli.actions import EXAMPLES as ACTION_EXAMPLES
from gateway.cli.actions import actions
from gateway.cli.keeping import archive, erase
from gateway.cli.keeping import keys as content_keys
from gateway.cli.options import Actor, AsJson, Config, Limit, Way, examples, group, spread
from gateway.cli.proving import checkpoints, keys, verify, witness
from gateway.cli.times import typed_instant

if TYPE_CHECKING:
    from gateway.messagelog.search import LogEntry, LogPage
    from gateway.settings import Settings
    from gateway.storage.queries_messages import MessageFilter, MessageView

app = group("Search the message log, read its entries, verify it.")

for _name, _command, _examples in (
    ("actions", actions, ACTION_EXAMPLES),
    ("checkpoints", checkpoints.checkpoints, checkpoints.LIST_EXAMPLES),
    ("checkpoint", checkpoints.checkpoint, checkpoints.ONE_EXAMPLES),
    ("proof", checkpoints.proof, checkpoints.PROOF_EXAMPLES),
    ("consistency", checkpoints.consistency, checkpoints.CONSISTENCY_EXAMPLES),
    ("key", keys.key, keys.KEY_EXAMPLES),
    ("rotate-key", keys.rotate_key, keys.ROTATE_EXAMPLES),
    ("witness", witness.witness, witness.EXAMPLES),
    ("verify", verify.verify, verify.EXAMPLES),
    ("erase", erase.erase, erase.EXAMPLES),
    ("rotate-master", content_keys.rotate_master, content_keys.ROTATE_EXAMPLES),
    ("encrypt", content_keys.encrypt, content_keys.ENCRYPT_EXAMPLES),
    ("archive", archive.archive, archive.ARCHIVE_EXAMPLES),
    ("archives", archive.archives, archive.LIST_EXAMPLES),
    ("restore", archive.restore, archive.RESTORE_EXAMPLES),
    ("search-archive", archive.search_archive, archive.SEARCH_EXAMPLES),
):
    app.command(_name, epilog=_examples)(_command)

Instant = Annotated[
    str | None,
    typer.Option(
        metavar="INSTANT", help="ISO 8601 with an offset: 2026-09-28T08:00:00+07:00.", show_default=False
    ),
]


@app.command(
    "list",
    epilog=examples(
        "lienthong log list --dossier H99.14-260928-0007",
        "lienthong log list --outcome in_doubt --since 2026-09-28T08:00:00+07:00",
    ),
)
def list_(
    *,
    config: Config = None,
    dossier: Annotated[str | None, typer.Option(help="Only this dossier.", show_default=False)] = None,
    channel: Annotated[
        str | None, typer.Option(help="Only this destination, or api.", show_default=False)
    ] = None,
    direction: Annotated[str | None, typer.Option(help="in or out.", show_default=False)] = None,
    outcome: Annotated[
        str | None, typer.Option(help="accepted, rejected, deferred or in_doubt.", show_default=False)
    ] = None,
    since: Instant = None,
    until: Instant = None,
    before: Annotated[
        str | None, typer.Option(metavar="ID", help="Only entries older than this one.", show_default=False)
    ] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List entries, the newest first, without their bodies."""
    from gateway.cli.opening import configured, run
    from gateway.cli.screen import console, print_json, table
    from gateway.storage.queries_messages import MessageFilter

    wanted = MessageFilter(
        dossier=dossier,
        channel=channel,
        direction=_direction(direction),
        outcome=outcome,
        since=typed_instant(since, "--since"),
        before=typed_instant(until, "--until"),
    )
    page = run(_search(configured(config), wanted, before, limit))
    if as_json:
        print_json(page)
        return
    headings = ("id", "no.", "when", "way", "channel", "what", "dossier", "answer", "bytes")
    console().print(table(headings, map(_row, page.entries)))
    if page.next:
        print(f"older ones: --before {page.next}")


async def _search(settings: Settings, wanted: MessageFilter, before: str | None, limit: int) -> LogPage:
    from gateway.cli.opening import reading
    from gateway.messagelog.search import MessageLog

    with reading(settings) as database:
        return await MessageLog(database).search(wanted, before=before, limit=limit)


def _direction(given: str | None) -> Literal["in", "out"] | None:
    match given:
        case None | "in" | "out":
            return given
        case _:
            raise typer.BadParameter(f"--direction: got {given}, expected in or out")


def _row(each: MessageView) -> tuple[Any, ...]:
    what = f"{each.operation} {each.kind}"
    answer = f"{each.status or ''} {each.outcome or ''}".strip()
    return (
        *(each.id, each.sequence, each.at, each.direction, each.channel, what, each.dossier),
        *(answer, f"{each.body_size:,}"),
    )


@app.command(
    "show",
    epilog=examples(
        "lienthong log show 250228613813637121",
        "lienthong log show 250228613813637121 --reason 'công dân hỏi vì sao bị từ chối' --as tran.thi.mau",
    ),
)
@spread
def show(
    entry: Annotated[str, typer.Argument(metavar="ID", help="An entry's id, as the list shows it.")],
    *,
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason",
            metavar="TEXT",
            help="Why its body is read; logged with your name.",
            show_default=False,
        ),
    ] = None,
    personal: Annotated[
        bool, typer.Option("--personal", help="With the personal data, which is masked else.")
    ] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The body's bytes and nothing else.")] = False,
    actor: Actor = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Show one entry with its headers and, for a reason, its body. That it was read is an entry of its own."""
    from gateway.cli.exits import NO
    from gateway.cli.log_reading import Asked, entry_of
    from gateway.cli.opening import run
    from gateway.cli.screen import print_json

    if reason is None and (raw or personal):
        raise typer.BadParameter("a body is read for a reason: give --reason")
    found = run(entry_of(way, Asked(entry=entry, reason=reason, personal=personal, actor=actor)))
    if raw:
        sys.stdout.buffer.write(found.body or b"")
        sys.stdout.flush()
    elif as_json:
        body = None if found.body is None else found.body.decode("utf-8", "replace")
        print_json(
            {
                "entry": found.view,
                "headers": found.headers,
                "body": body,
                "intact": found.intact,
                "missing": found.missing,
            }
        )
    else:
        _print(found, asked=reason is not None)
    if found.body is not None and not found.intact:
        raise typer.Exit(NO)


def _print(found: LogEntry, *, asked: bool) -> None:
    from gateway.cli.exits import complain
    from gateway.cli.screen import local, pretty

    view = found.view
    print(
        f"entry {view.id} (no. {view.sequence or '-'}), {local(view.at)} +07:00, {view.channel} {view.direction}"
    )
    if view.method:
        print(f"{view.method} {view.url}")
    if view.status:
        print(f"HTTP {view.status}  {view.outcome or ''} {view.code or ''}".rstrip())
    for name, value in found.headers:
        print(f"{name}: {value}")
    print()
    if found.body is not None:
        print(pretty(found.body), flush=True)
    else:
        print(f"(no body: {found.missing})" if asked else "(its body is shown for a --reason)", flush=True)
    if found.body is not None and not found.intact:
        complain("the stored body is not the one that was logged: its digest differs")
