"""``lienthong destinations``: looking at one, testing it, fetching a catalogue, and what a pause would stop.

Invariant: each command asks what the API and the console ask, by the same function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import AsJson, Changing, Way, examples, spread

if TYPE_CHECKING:
    from gateway.storage.queries_pace import PauseEffect

Name = Annotated[str, typer.Argument(help="A destination of the configuration.")]
SHOW_EXAMPLES = examples(
    "lienthong destinations show national_portal", "lienthong destinations show national_portal --json"
)
TEST_EXAMPLES = examples(
    "lienthong destinations test national_portal --reason 'new certificate'",
    "lienthong destinations test national_portal --reason 'is it back' --url http://127.0.0.1:8787 --key-file ops.key",
)
BACKLOG_EXAMPLES = examples(
    "lienthong destinations backlog",
    "lienthong destinations backlog --destination national_portal --hours 168",
)
ANSWERS_EXAMPLES = examples("lienthong destinations answers national_portal --days 30")
CERTIFICATES_EXAMPLES = examples("lienthong destinations certificates")
REFRESH_EXAMPLES = examples(
    "lienthong destinations refresh national_portal procedures --reason 'a new procedure'",
    "lienthong destinations refresh national_portal forms --parameter procedure=1.004203 --reason 'new form'",
)


@spread
def show(name: Name, *, way: Way, as_json: AsJson = False) -> None:
    """Show a destination's health, limits, maintenance, certificates and catalogues."""
    from gateway.api.destination_desk import DestinationDesk
    from gateway.api.destinations import DestinationDetail
    from gateway.cli.calling import Asked, answer
    from gateway.cli.screen import console, print_json, table

    path = {"destination": name}
    detail = answer(way, Asked("get_destination", path), DestinationDetail)
    desk = answer(way, Asked("get_destination_desk", path), DestinationDesk)
    if as_json:
        print_json({"destination": detail.destination, "cached": detail.cached, "desk": desk})
        return
    view, capacity, out = detail.destination, desk.capacity, console()
    out.print(f"{view.name}: {view.title} ({view.title_vi}), adapter {view.adapter}", markup=False)
    facts = (
        ("paused by", f"{view.paused_by}: {view.paused_reason}" if view.paused_by else "nobody"),
        ("breaker", view.breaker),
        ("lost since", view.lost_since if view.breaker != "closed" else None),
        ("next probe", view.next_probe_at),
        ("last success", view.last_success_at),
        ("last failure", view.last_failure),
        ("open", ", ".join(f"{state} {count:,}" for state, count in sorted(view.backlog.items())) or "none"),
        (
            "lanes",
            ", ".join(f"{state} {count:,}" for state, count in sorted(view.lanes.items())) or "all idle",
        ),
        ("at the same time", f"at most {capacity.concurrency}"),
        ("rate", "no limit" if capacity.rate is None else f"{capacity.rate:g} a second"),
        ("pace", f"{capacity.pace:g} requests a second"),
        ("closed until", desk.closed_until),
    )
    out.print(table(("", ""), facts))
    windows = [
        (each.start, each.end, "daily" if each.daily else "once", each.reason) for each in desk.maintenance
    ]
    out.print(table(("maintenance from", "to", "", "why"), windows))
    rows = [(each.use, each.name, each.until, f"{each.days:.0f}") for each in desk.certificates]
    out.print(table(("certificate", "name", "until", "days left"), rows))
    kept = [
        (each.name, each.parameters, each.fetched_at, each.entries, each.failure) for each in detail.cached
    ]
    out.print(table(("catalogue", "of", "fetched", "entries", "failure"), kept))


@spread
def test(name: Name, *, by: Changing) -> None:
    """Ask a destination something harmless, and say what came of it. Exit code 1: it does not work."""
    from gateway.cli.calling import Asked, answer
    from gateway.cli.exits import NO
    from gateway.cli.orders import require_reason
    from gateway.cli.screen import console, print_json
    from gateway.delivery.trial import Trial

    body = {"reason": require_reason(by.reason)}
    wanted = Asked("test_destination", {"destination": name}, body=body)
    trial = answer(by.way, wanted, Trial, operator=by.actor)
    if by.as_json:
        print_json(trial)
    else:
        asked = f"{trial.way.replace('_', ' ')} {trial.asked}".strip()
        told = "it works" if trial.good else f"it does not work: {trial.code} {trial.reason}".rstrip()
        entries = "" if trial.entries is None else f", {trial.entries:,} entries"
        console().print(f"{name}: {asked}, {trial.seconds * 1000:.0f} ms{entries}: {told}", markup=False)
    if not trial.good:
        raise typer.Exit(NO)


@spread
def refresh(
    name: Name,
    catalogue: Annotated[str, typer.Argument(help="One of the destination's catalogues.")],
    *,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="What the question needs; repeat the option.", show_default=False
        ),
    ] = None,
    by: Changing,
) -> None:
    """Fetch a catalogue now. Exit code 1: the partner did not give it; the old one stays in use."""
    from gateway.cli.calling import Asked, answer
    from gateway.cli.exits import NO
    from gateway.cli.screen import console, print_json
    from gateway.delivery.catalogues import Refreshed

    pairs = [each.partition("=") for each in parameter or ()]
    if any(not equals for _, equals, _ in pairs):
        raise typer.BadParameter("--parameter is NAME=VALUE")
    path = {"destination": name, "catalogue": catalogue}
    body = {"parameters": {key: value for key, _, value in pairs}}
    done = answer(by.way, Asked("refresh_catalogue", path, body=body), Refreshed, operator=by.actor)
    if by.as_json:
        print_json(done)
    else:
        told = f"not fetched: {done.failure}" if done.failure else f"{done.entries:,} entries"
        console().print(f"{name} {catalogue}: {told}", markup=False)
    if done.failure:
        raise typer.Exit(NO)


@spread
def backlog(
    *,
    destination: Annotated[
        str | None, typer.Option(help="Only this destination.", show_default=False)
    ] = None,
    hours: Annotated[int, typer.Option(min=1, max=168, help="So far back.")] = 24,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Show what the backlog was, sampled once a minute."""
    from gateway.api.alarms import BacklogTrends
    from gateway.cli.calling import Asked, answer
    from gateway.cli.screen import console, print_json, table

    query = {"destination": destination, "hours": hours}
    found = answer(way, Asked("get_backlog", query=query), BacklogTrends)
    if as_json:
        print_json(found)
        return
    rows = [
        (trend.destination, each.at, each.waiting, each.in_doubt, each.failed, each.oldest_at)
        for trend in found.items
        for each in trend.samples
    ]
    console().print(table(("destination", "from", "open", "in doubt", "failed", "oldest"), rows))


@spread
def answers(
    name: Name,
    *,
    days: Annotated[int, typer.Option(min=1, max=30, help="So far back.")] = 7,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Count a destination's answers that its contract does not describe. Exit code 1: there are some."""
    from gateway.cli.calling import Asked, answer
    from gateway.cli.exits import NO
    from gateway.cli.screen import console, print_json, table
    from gateway.storage.queries_contract import Drifted

    found = answer(way, Asked("get_off_contract", {"destination": name}, {"days": days}), Drifted)
    if as_json:
        print_json(found)
    else:
        rows = [
            (each.code, each.operation, each.count, each.first_at, each.last_at, each.example)
            for each in found.kinds
        ]
        console().print(table(("code", "operation", "count", "first", "latest", "log entry"), rows))
        if not found.complete:
            console().print("only the latest 2,000 troubles of each kind were counted")
    if found.kinds:
        raise typer.Exit(NO)


@spread
def certificates(*, way: Way, as_json: AsJson = False) -> None:
    """List keys and certificates, the one that expires first at the head."""
    from gateway.api.destination_desk import CertificateList
    from gateway.cli.calling import Asked, answer
    from gateway.cli.screen import console, print_json, table

    found = answer(way, Asked("list_certificates"), CertificateList)
    if as_json:
        print_json(found)
        return
    rows = [(each.use, each.name, each.subject, each.until, f"{each.days:.0f}") for each in found.items]
    console().print(table(("use", "name", "subject", "until", "days left"), rows))


def pause_effect(way: Way, name: str) -> PauseEffect:
    """What a pause of ``name`` would stop."""
    from gateway.cli.calling import Asked, answer
    from gateway.storage.queries_pace import PauseEffect

    return answer(way, Asked("get_pause_effect", {"destination": name}), PauseEffect)


def told(effect: PauseEffect) -> str:
    """The effect in words."""
    return (
        f"{effect.destination}: {effect.lanes:,} lanes would stop ({effect.under_way:,} at work finish first); "
        f"{effect.due_soon:,} are promised within {effect.soon_hours} hours, {effect.overdue:,} are past their promise"
    )
