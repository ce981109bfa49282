"""Carrying out an operator's order: on the database, or through the API of a gateway that has it open.

Invariant: an order has its actor and its reason either way; through the API the actor is the key's client, with
the person that ``--as`` names.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.cli.opening import actor_name, run, writing
from gateway.cli.options import Changing, Way
from gateway.cli.remote import api_of
from gateway.cli.screen import print_json
from gateway.domain.errors import ConfigurationError
from gateway.settings import Settings
from gateway.storage.operators import operate
from gateway.storage.orders import (
    AskAgain,
    BulkDone,
    BulkRetry,
    DeliveryDone,
    DestinationDone,
    Done,
    Hold,
    LaneDone,
    Order,
    Pause,
    Resolve,
    Resume,
    Retry,
    Skip,
    Unhold,
)

SHORTEST_REASON = 3


def actor_of(given: str | None) -> str:
    """Who is acting, as it stands in the history."""
    return f"cli:{actor_name(given)}"


def require_reason(reason: str) -> str:
    """A reason that somebody will understand later; ConfigurationError when it is too short."""
    if len(reason.strip()) < SHORTEST_REASON:
        raise ConfigurationError("--reason: say why in a few words; it stands in the history for good")
    return reason.strip()


def carry_out(way: Way, order: Order, operator: str | None = None) -> Done:
    """The order's outcome. Raises ConflictError and NotFoundError, and what stands in the way of reaching it."""
    if way.url is not None:
        return run(_through_api(way, order, operator))
    return run(_on_database(way.settings, order))


async def _on_database(settings: Settings, order: Order) -> Done:
    with writing(settings, instead="give the order through its API: --url URL --key-file FILE") as database:
        done: Done = await database.apply(operate, order)
        return done


class _Call(NamedTuple):
    path: str
    body: dict[str, Any]
    kind: type[Done]


def _call(order: Order) -> _Call:
    """The API's request for an order."""
    body: dict[str, Any] = {"reason": order.reason}
    match order:
        case Retry() | Skip() | Resolve():
            verb = type(order).__name__.lower()
            path, kind = f"/v1/deliveries/{order.delivery}/{verb}", DeliveryDone
            body |= {"verdict": order.verdict} if isinstance(order, Resolve) else {}
            return _Call(path, body, kind)
        case AskAgain():
            return _Call(f"/v1/deliveries/{order.delivery}/ask", body, DeliveryDone)
        case Hold() | Unhold():
            verb = "hold" if isinstance(order, Hold) else "release"
            return _Call(f"/v1/lanes/{order.destination}/{order.dossier}/{verb}", body, LaneDone)
        case Pause() | Resume():
            verb = type(order).__name__.lower()
            return _Call(f"/v1/destinations/{order.destination}/{verb}", body, DestinationDone)
        case BulkRetry():
            names = ("destination", "state", "code", "dossier", "limit", "dry_run")
            body |= {name: getattr(order, name) for name in names}
            return _Call("/v1/deliveries:retry", body, BulkDone)


async def _through_api(way: Way, order: Order, operator: str | None) -> Done:
    call = _call(order)
    async with api_of(way, operator) as remote:
        return await remote.post(call.path, call.body, call.kind)


def lines_of(done: Done) -> list[str]:
    """What a person reads about an outcome."""
    match done:
        case DeliveryDone():
            moved = f"delivery {done.delivery} of {done.dossier}: {done.before} -> {done.after}"
            return [f"{moved}; lane to {done.destination} is {done.lane_state}"]
        case LaneDone():
            word = "held" if done.held else "released"
            return [f"lane of {done.dossier} to {done.destination}: {word}, now {done.state}"]
        case DestinationDone():
            return [f"{done.destination} is {'paused' if done.paused else 'resumed'}"]
        case BulkDone():
            verb = "would be retried" if done.dry_run else "will be retried"
            lines = [f"{len(done.deliveries)} deliveries {verb}"]
            lines += [f"  {delivery}" for delivery in done.deliveries[:20]]
            lines += [f"{len(done.busy)} are at work and were left alone"] if done.busy else []
            return lines + (["there are more: repeat the command"] if done.more else [])


def print_done(by: Changing, order: Order) -> None:
    """Carry the order out and print its outcome."""
    done = carry_out(by.way, order, by.actor)
    if by.as_json:
        print_json(done)
    else:
        print("\n".join(lines_of(done)))
