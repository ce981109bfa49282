"""``lienthong status``: every destination at a glance, or one dossier's story.

Invariant: it reads, and takes no lock; a running gateway does not notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import AsJson, Config, examples

if TYPE_CHECKING:
    from gateway.evidence.traffic import Evidence
    from gateway.settings import Settings
    from gateway.storage.queries import LaneView, StoredDossier
    from gateway.storage.queries_payments import PaymentTroubles
    from gateway.storage.queries_status import DestinationRow
    from gateway.storage.queries_timeline import LagView, StoredEntry

EXAMPLES = examples("lienthong status", "lienthong status H99.14-260928-0007", "lienthong status --json")
STORY_ENTRIES = 1000


def status(
    dossier: Annotated[
        str | None, typer.Argument(help="A dossier's number; without it, everything.", show_default=False)
    ] = None,
    *,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show where everything stands, or the story of one dossier."""
    from gateway.cli.opening import configured, reading

    settings = configured(config)
    with reading(settings) as database:
        if dossier is None:
            health = partial(_health, settings=settings)
            _overview(database.ask(health), as_json=as_json)
        else:
            _story(database.ask(partial(_told, code=dossier)), as_json=as_json)


def _health(connection: Any, settings: Settings) -> dict[str, Any]:
    from gateway.evidence.traffic import at_once
    from gateway.settings import keys_folder
    from gateway.statussync.lag_report import headline, query_of
    from gateway.statussync.lag_troubles import policy_of
    from gateway.storage import queries_status
    from gateway.storage.queries_payments import payment_troubles

    now = datetime.now(UTC)
    backlogs = queries_status.backlogs(connection)
    lanes = queries_status.lane_counts(connection)
    names = sorted({*settings.destination, *backlogs})
    rows = queries_status.destination_rows(connection, names)
    return {
        "now": now,
        "destinations": [
            {
                **_fields(rows[name]),
                "breaker": _breaker(rows[name], now),
                "backlog": backlogs[name].deliveries if name in backlogs else {},
                "oldest_at": backlogs[name].oldest_at if name in backlogs else None,
                "lanes": lanes.get(name, {}),
            }
            for name in names
        ],
        "totals": queries_status.totals(connection, now),
        "payments": payment_troubles(connection, now),
        # what each showed late in 30 days, and what of that is only ours to blame
        "late": headline(connection, query_of(names, now=now, policy=policy_of(settings))),
        "evidence": at_once(connection, settings.evidence, now) if keys_folder(settings) else None,
    }


def _fields(row: DestinationRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _breaker(row: DestinationRow, now: datetime) -> str:
    if row.open_until is None:
        return "closed"
    return "open" if row.open_until > now else "probing"


def _overview(found: dict[str, Any], *, as_json: bool) -> None:
    from gateway.cli.lag import headline
    from gateway.cli.screen import age, console, print_json, table

    if as_json:
        print_json(found)
        return
    now, totals = found["now"], found["totals"]
    rows = [
        (
            each["name"],
            f"paused by {each['paused_by']}" if each["paused_by"] else each["breaker"],
            _counts(each["backlog"]),
            age((now - each["oldest_at"]).total_seconds()) if each["oldest_at"] else "",
            each["backlog"].get("in_doubt", 0),
            each["lanes"].get("blocked", 0),
            each["last_success_at"],
            each["last_failure"] if each["breaker"] != "closed" else "",
        )
        for each in found["destinations"]
    ]
    headings = ("destination", "breaker", "open", "oldest", "in doubt", "blocked", "last success", "trouble")
    out = console()
    out.print(table(headings, rows))
    out.print(
        f"dossiers {sum(totals.dossiers.values()):,} ({_counts(totals.dossiers)}), overdue {totals.overdue:,}; "
        f"log entries {totals.messages:,}; events {totals.events:,}; workers {len(totals.workers)}",
        markup=False,
        soft_wrap=True,
    )
    if (money := _money(found["payments"])) is not None:
        out.print(money, markup=False, soft_wrap=True)
    if (evidence := found["evidence"]) is not None:
        out.print(_evidence(evidence), markup=False, soft_wrap=True)
    for each in found["late"]:
        out.print(f"in 30 days {headline(each)}", markup=False, soft_wrap=True)


def _money(troubles: PaymentTroubles) -> str | None:
    """Payments in one line; None where there is nothing to say of them."""
    counts = {name.replace("_", " "): getattr(troubles, name) for name in troubles.__struct_fields__}
    standing = {name: count for name, count in counts.items() if count}
    if not standing:
        return None
    told = ", ".join(f"{name} {count:,}" for name, count in standing.items())
    cure = "" if set(standing) == {"open"} else "; see: lienthong payments waiting"
    return f"payments: {told}{cure}"


def _evidence(found: Evidence) -> str:
    """The proof of the message log in one line."""
    from gateway.cli.screen import age

    told = f"evidence: {found.proven:,} entries proven"
    if not found.delay:
        return told
    stopped = "; TRAFFIC IS STOPPED" if found.stopped else ""
    return f"{told}; none for {age(found.delay)}: {found.reason}{stopped}"


def _counts(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def _told(connection: Any, code: str) -> tuple[StoredDossier, list[StoredEntry]]:
    from gateway.domain.errors import NotFoundError
    from gateway.storage.queries import stored_dossier
    from gateway.storage.queries_timeline import timeline

    found = stored_dossier(connection, code)
    if found is None:
        raise NotFoundError(f"there is no dossier {code}; check its number, or the configuration")
    return found, timeline(connection, code, None, STORY_ENTRIES)


def _story(told: tuple[StoredDossier, list[StoredEntry]], *, as_json: bool) -> None:
    from gateway.cli.screen import console, local, print_json, table

    found, entries = told
    if as_json:
        print_json(_document(found, entries))
        return
    out = console()
    out.print(
        f"dossier {found.code}, version {found.version}, last changed {local(found.updated_at)} (times: +07:00)",
        markup=False,
    )
    out.print(table(("destination", "lane", "open", "acknowledged", "held"), map(_lane, found.lanes)))
    out.print(table(("when", "what", "where", "detail"), map(_entry, entries)))


def _lane(lane: LaneView) -> tuple[Any, ...]:
    acknowledged = f"version {lane.acknowledged_version}" if lane.acknowledged_version else "nothing yet"
    held = f"{lane.held_by}: {lane.held_reason}" if lane.held_by else ""
    number = f" as {lane.partner_code}" if lane.partner_code else ""
    return f"{lane.destination}{number}", lane.state, _counts(lane.open), acknowledged, held


def _entry(entry: StoredEntry) -> tuple[Any, ...]:  # noqa: PLR0911 - one for each kind of entry
    """One line of the story; bodies and names of people stay in the message log."""
    from gateway.storage import queries_timeline as kinds

    match entry:
        case kinds.ReceivedVersion():
            return entry.at, "version received", "", f"log entry {entry.id}"
        case kinds.DeliveryEntry(delivery=each, lag=lag):
            last = f"{each.code or ''} {each.reason or ''}".strip()
            detail = f"{each.state}  {last}{'' if lag is None else _took(lag)}"
            return entry.at, f"{each.operation} {each.key}", each.destination, detail
        case kinds.AttemptEntry(attempt=each):
            what = f"{'asked about' if each.kind == 'query' else 'sent'} {entry.operation}"
            return entry.at, what, entry.destination, f"{each.outcome or 'under way'}  {each.reason or ''}"
        case kinds.MessageEntry(message=each):
            return entry.at, f"log: {each.kind}", each.channel, f"entry {each.id}, {each.body_size:,} bytes"
        case kinds.EventEntry():
            return entry.at, f"event {entry.event}", entry.destination, ""
        case kinds.PaymentEntry(payment=each):
            return (
                entry.at,
                f"payment {each.purpose}",
                each.destination,
                f"{each.amount:,} đồng, now {each.state}",
            )
        case kinds.SettlementEntry(settlement=each):
            detail = f"{each.amount:,} đồng, transaction {each.transaction}, told by {each.source}"
            return entry.at, "paid", each.partner, detail
        case kinds.ActionEntry():
            return entry.at, f"{entry.action} by {entry.actor}", entry.destination, entry.reason


def _took(lag: LagView) -> str:
    """How long it took the partner to know, and what it showed meanwhile."""
    from gateway.cli.screen import age

    since = lag.event_at or lag.received_at
    known = "after the event" if lag.event_at is not None else "after we heard"
    through = "before the start" if lag.late_cause == "before_start" else f"through the {lag.late_cause}"
    wrongly = f"; shown late {through}" if lag.late_cause is not None else ""
    return f"; known there {age((lag.acknowledged_at - since).total_seconds())} {known}{wrongly}"


def _document(found: StoredDossier, entries: list[StoredEntry]) -> dict[str, Any]:
    from gateway.storage.queries_timeline import ReceivedVersion

    return {
        "code": found.code,
        "version": found.version,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "lanes": found.lanes,
        "story": [
            {"kind": "version", "id": entry.id, "at": entry.at}
            if isinstance(entry, ReceivedVersion)
            else entry
            for entry in entries
        ],
    }
