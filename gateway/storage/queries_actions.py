"""What readers ask about people's actions: a list that is narrowed by person, kind, target, dossier and time.

Reads only. Invariant: what narrows the list has an index that ends in time, so that no question reads the table from end
to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.storage.instants import from_micros, to_micros
from gateway.storage.operator_log import dossier_of, lane_target
from gateway.storage.queries import within
from gateway.storage.schema import lane, operator_action

ActionKey: TypeAlias = tuple[int, int]


class ActionView(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did. ``target``: ``destination/dossier``, a destination, ``job:name`` and the like. ``detail``: what
    decided it, and its effect. ``message``: its entry in the message log; null for what was done before the log had it."""

    id: str
    at: datetime
    actor: str
    action: str
    target: str
    dossier: str | None
    reason: str
    detail: dict[str, Any]
    message: str | None


class ActionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which actions. ``actor``: as it stands in the history, or the bare name of a person at the console or a terminal.
    Instants: from (inclusive), before (exclusive). ``destinations``: where a dossier may have targets beside those of
    its lanes."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    dossier: str | None = None
    destinations: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


def actions(
    connection: sa.Connection, wanted: ActionFilter, before: ActionKey | None, limit: int
) -> list[ActionView]:
    """Up to ``limit`` actions, newest first, behind the key of ``action_key``."""
    columns = operator_action.c
    where = within(columns.at, wanted.since, wanted.until)
    if wanted.actor is not None:
        where.append(columns.actor.in_(_names(wanted.actor)))
    for column, value in (
        (columns.action, wanted.action),
        (columns.target, wanted.target),
    ):
        if value is not None:
            where.append(column == value)
    if wanted.dossier is not None:
        where.append(columns.target.in_(_targets(connection, wanted.dossier, wanted.destinations)))
    order = (columns.at, columns.id)
    question = sa.select(operator_action).where(*where)
    if before is not None:
        question = question.where(sa.tuple_(*order) < sa.tuple_(*map(sa.literal, before)))
    rows = connection.execute(question.order_by(columns.at.desc(), columns.id.desc()).limit(limit))
    return [_view(row) for row in rows]


def action_key(last: ActionView) -> ActionKey:
    """The place of ``last``, to go on behind it."""
    return to_micros(last.at), int(last.id)


def _names(actor: str) -> list[str]:
    """How ``actor`` may stand in the history: as it is, and a bare name as a person at the console or a terminal."""
    bare = "/" not in actor and ":" not in actor
    return [actor, f"console/{actor}", f"cli:{actor}"] if bare else [actor]


def _targets(connection: sa.Connection, dossier: str, destinations: Sequence[str]) -> list[str]:
    of_lanes = connection.execute(sa.select(lane.c.destination).where(lane.c.dossier_code == dossier))
    names = {*of_lanes.scalars(), *destinations}
    return [dossier, *(lane_target(name, dossier) for name in sorted(names))]


def _view(row: sa.Row[Any]) -> ActionView:
    return ActionView(
        id=str(row.id),
        at=from_micros(row.at),
        actor=row.actor,
        action=row.action,
        target=row.target,
        dossier=dossier_of(row.target),
        reason=row.reason,
        detail=msgspec.json.decode(row.detail, type=dict[str, Any]),
        message=None if row.message_id is None else str(row.message_id),
    )
