"""Reading where dossiers stand: what is still to be assessed, and what is known of a dossier so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec
import sqlalchemy as sa

from gateway.storage import payment_clock
from gateway.storage.payment_clock import PaymentRow
from gateway.storage.schema import dossier, worker
from gateway.storage.schema_status import STILL, anomaly, crossing, dossier_version, due_change, standing
from gateway.storage.standings import AnomalyRow, DueChangeRow, StandingRow

_Struct = TypeVar("_Struct", bound=msgspec.Struct)
Connection: TypeAlias = sa.Connection
"""What ``Database.read`` lends."""
_PORTION = 500
# in the words of the partial indexes, so that both engines see that they may use them
_UNASSESSED: sa.ColumnElement[bool] = sa.literal_column("NOT dossier_version.assessed")
_OPEN: sa.ColumnElement[bool] = sa.literal_column(f"standing.effective_to = {STILL}")


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one version says about time (``account``: JSON), and when we heard it."""

    id: int
    dossier_code: str
    version: int
    at: int
    message_id: int | None
    account: bytes
    assessed: bool


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is written of a dossier already: its open period, the account that this rests on (JSON), the keys of its
    due changes and anomalies; its payments, and where there are any, every version that was judged, oldest first."""

    standing: StandingRow | None = None
    account: bytes | None = None
    due_changes: frozenset[str] = frozenset()
    anomalies: frozenset[str] = frozenset()
    payments: tuple[PaymentRow, ...] = ()
    said: tuple[VersionRow, ...] = ()


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """Versions and payments not assessed yet. ``oldest_at``: when the one that waits longest came in. ``leader``: the worker that
    has been here longest; None when there is none."""

    waiting: int
    oldest_at: int | None
    leader: int | None


class CrossingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold that a dossier has crossed; ``due_at``: the limit that it belongs to."""

    dossier_code: str
    kind: str
    due_at: int
    at: int


def unassessed(connection: sa.Connection, most: int) -> list[VersionRow]:
    """Some versions that nobody has assessed, by dossier and version.

    Of each dossier there is everything from its oldest one on, so a version is never met before its predecessor;
    the dossiers are those of the ``most`` versions that wait longest.
    """
    oldest = (
        sa.select(dossier_version.c.dossier_code)
        .where(_UNASSESSED)
        .order_by(dossier_version.c.id)
        .limit(most)
    ).subquery()
    question = (
        sa.select(*_columns(dossier_version, VersionRow))
        .where(_UNASSESSED, dossier_version.c.dossier_code.in_(sa.select(oldest.c.dossier_code)))
        .order_by(dossier_version.c.dossier_code, dossier_version.c.version)
        .limit(2 * most)
    )
    return structs_of(connection, question, VersionRow)


def backlog(connection: sa.Connection, most: int = 10_000) -> Backlog:
    """How many versions wait, counted up to ``most``."""
    some = sa.select(dossier_version.c.id).where(_UNASSESSED).limit(most).subquery()
    oldest = sa.select(dossier_version.c.at).where(_UNASSESSED).order_by(dossier_version.c.id).limit(1)
    payers = payment_clock.unassessed_payers(connection, most)
    since = (connection.execute(oldest).scalar(), payment_clock.oldest_unassessed(connection))
    waiting = int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())
    return Backlog(
        waiting=waiting + len(payers),
        oldest_at=min((each for each in since if each is not None), default=None),
        leader=connection.execute(sa.select(sa.func.min(worker.c.id))).scalar(),
    )


def known(connection: sa.Connection, codes: Iterable[str]) -> dict[str, Known]:
    """What is written of each dossier; one that nothing is written of has an empty entry."""
    wanted = list(codes)
    periods = {row.dossier_code: row for row in standings_of(connection, wanted)}
    accounts = _accounts(connection, wanted)
    changes, oddities = _keys(connection, due_change, wanted), _keys(connection, anomaly, wanted)
    payments = payment_clock.payments_of(connection, wanted)
    said = judged_versions(connection, sorted(payments)) if payments else {}
    return {
        code: Known(
            standing=periods.get(code),
            account=accounts.get(code),
            due_changes=frozenset(changes.get(code, ())),
            anomalies=frozenset(oddities.get(code, ())),
            payments=tuple(payments.get(code, ())),
            said=tuple(said.get(code, ())),
        )
        for code in wanted
    }


def standings_of(connection: sa.Connection, codes: Sequence[str]) -> list[StandingRow]:
    """The period in which each of ``codes`` is now; a dossier that was never assessed has none."""
    found: list[StandingRow] = []
    for some in _portions(codes):
        question = sa.select(*_columns(standing, StandingRow)).where(standing.c.dossier_code.in_(some), _OPEN)
        found += structs_of(connection, question, StandingRow)
    return found


def open_standing(connection: sa.Connection, code: str) -> StandingRow | None:
    """The period in which dossier ``code`` is now; None when it was never assessed."""
    return next(iter(standings_of(connection, [code])), None)


def page(connection: sa.Connection, after: str, most: int) -> list[tuple[StandingRow, bytes | None]]:
    """The open periods of the next dossiers after ``after``, by code, each with the account that it rests on."""
    question = (
        sa.select(*_columns(standing, StandingRow), dossier_version.c.account)
        .join(
            dossier_version,
            sa.and_(
                standing.c.dossier_code == dossier_version.c.dossier_code,
                standing.c.version == dossier_version.c.version,
            ),
            isouter=True,
        )
        .where(_OPEN, standing.c.dossier_code > after)
        .order_by(standing.c.dossier_code)
        .limit(most)
    )
    names = StandingRow.__struct_fields__
    return [
        (StandingRow(**dict(zip(names, row[:-1], strict=True))), None if row[-1] is None else bytes(row[-1]))
        for row in connection.execute(question)
    ]


def count_open(connection: sa.Connection) -> int:
    """How many dossiers were ever judged."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(standing).where(_OPEN)).scalar_one())


def without_account(connection: sa.Connection, after: str, most: int) -> list[tuple[str, int, bytes]]:
    """(code, when it was stored, record) of the next dossiers after ``after`` whose accounts were never kept."""
    kept = sa.exists().where(dossier_version.c.dossier_code == dossier.c.code)
    question = (
        sa.select(dossier.c.code, dossier.c.updated_at, dossier.c.record)
        .where(dossier.c.code > after, ~kept)
        .order_by(dossier.c.code)
        .limit(most)
    )
    return [(row[0], int(row[1]), bytes(row[2])) for row in connection.execute(question)]


def unjudged(connection: sa.Connection, kind: str, after: int, most: int) -> list[tuple[int, str]]:
    """(identifier, dossier) of the next anomalies of ``kind`` after identifier ``after`` whose version is newer than
    everything that could be judged of the dossier."""
    judged = sa.exists().where(
        standing.c.dossier_code == anomaly.c.dossier_code, _OPEN, standing.c.version >= anomaly.c.version
    )
    question = (
        sa.select(anomaly.c.id, anomaly.c.dossier_code)
        .where(anomaly.c.kind == kind, anomaly.c.id > after, ~judged)
        .order_by(anomaly.c.id)
        .limit(most)
    )
    return [(int(row[0]), row[1]) for row in connection.execute(question)]


def judged_versions(connection: sa.Connection, codes: Sequence[str]) -> dict[str, list[VersionRow]]:
    """Every version of each dossier that was judged already, oldest first."""
    question = (
        sa.select(*_columns(dossier_version, VersionRow))
        .where(dossier_version.c.dossier_code.in_(codes), dossier_version.c.assessed)
        .order_by(dossier_version.c.dossier_code, dossier_version.c.version)
    )
    found: dict[str, list[VersionRow]] = {}
    for row in structs_of(connection, question, VersionRow):
        found.setdefault(row.dossier_code, []).append(row)
    return found


def versions(connection: sa.Connection, code: str) -> list[VersionRow]:
    """Everything that the one-door system has said about the dossier's times, oldest first."""
    return _of_dossier(connection, VersionRow, code, dossier_version.c.version)


def periods(connection: sa.Connection, code: str) -> list[StandingRow]:
    """Where the dossier stood from when to when, oldest first."""
    return _of_dossier(connection, StandingRow, code, standing.c.effective_from)


def due_changes(connection: sa.Connection, code: str) -> list[DueChangeRow]:
    """Every promise that moved, or was to move, in the order in which we learnt of it."""
    return _of_dossier(connection, DueChangeRow, code, due_change.c.id)


def anomalies(connection: sa.Connection, code: str) -> list[AnomalyRow]:
    """Everything that does not fit, in the order in which we learnt of it."""
    return _of_dossier(connection, AnomalyRow, code, anomaly.c.id)


def crossings(connection: sa.Connection, code: str) -> list[CrossingRow]:
    """Every threshold that the dossier has crossed, oldest first."""
    return _of_dossier(connection, CrossingRow, code, crossing.c.at, crossing.c.kind)


def _of_dossier(
    connection: sa.Connection, kind: type[_Struct], code: str, *order: sa.Column[Any]
) -> list[_Struct]:
    """Every row of dossier ``code`` in the table that ``order`` is of."""
    table = order[0].table
    question = sa.select(*_columns(table, kind)).where(table.c.dossier_code == code).order_by(*order)
    return structs_of(connection, question, kind)


def _accounts(connection: sa.Connection, codes: Sequence[str]) -> dict[str, bytes]:
    """The account that each dossier's open period rests on."""
    found: dict[str, bytes] = {}
    for some in _portions(codes):
        question = (
            sa.select(dossier_version.c.dossier_code, dossier_version.c.account)
            .join(
                standing,
                sa.and_(
                    standing.c.dossier_code == dossier_version.c.dossier_code,
                    standing.c.version == dossier_version.c.version,
                ),
            )
            .where(standing.c.dossier_code.in_(some), _OPEN)
        )
        found |= {code: bytes(account) for code, account in connection.execute(question)}
    return found


def _keys(connection: sa.Connection, table: sa.Table, codes: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for some in _portions(codes):
        question = sa.select(table.c.dossier_code, table.c.key).where(table.c.dossier_code.in_(some))
        for code, key in connection.execute(question):
            found.setdefault(code, []).append(key)
    return found


def _portions(codes: Sequence[str]) -> Iterable[Sequence[str]]:
    return (codes[start : start + _PORTION] for start in range(0, len(codes), _PORTION))


def _columns(table: sa.Table, kind: type[msgspec.Struct]) -> list[sa.Column[Any]]:
    return [table.c[name] for name in kind.__struct_fields__]


def structs_of(connection: sa.Connection, question: sa.Select[Any], kind: type[_Struct]) -> list[_Struct]:
    """The rows of a question for the columns of ``kind``, in its order."""
    names = kind.__struct_fields__
    return [kind(**dict(zip(names, row, strict=True))) for row in connection.execute(question)]
