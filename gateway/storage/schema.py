"""The tables, once, for both engines.

Instants are ``BIGINT`` microseconds since the Unix epoch, UTC: the same type, order and arithmetic in both engines.
Money is ``BIGINT`` đồng. Identifiers of hot rows are made by the gateway (``gateway.storage.identity``), so that
rows can be written in bulk. Invariant: ``settled_at`` is set exactly when a delivery's state is final.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.domain.delivery import MOVES, LaneState

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_Id = BigInteger().with_variant(Integer, "sqlite")


def one_of(column: str, values: Iterable[str]) -> str:
    """The condition that ``column`` is one of ``values``.

    Spelt out: for an IN of more than two, SQLite builds a temporary table for every row that it checks, which was
    half the time of an update of ``delivery`` (24 µs of 35).
    """
    return " OR ".join(f"{column} = '{value}'" for value in values)


_FINAL = sorted(state for state, targets in MOVES.items() if not targets)
STUCK = ("rejected", "parked", "in_doubt", "skipped")
"""States in which a delivery has an index of its own; a query that is to use it names all of them, in this order."""
TROUBLED = ("rejected", "parked", "in_doubt", "waiting")
"""States that have a cause, and another index; a query that is to use it names all of them, in this order."""


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    clause = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=clause, postgresql_where=clause)


worker = Table(
    "worker",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("beat", BigInteger, nullable=False, server_default="0"),
    Column("started_at", BigInteger, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    # the name of the process's writing connections, so that those of a dead worker can be cut off
    Column("session", Text),
    sqlite_autoincrement=True,
)

destination = Table(
    "destination",
    metadata,
    Column("name", Text, primary_key=True),
    Column("paused_by", Text),
    Column("paused_reason", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("openings", Integer, nullable=False, server_default="0"),
    Column("open_until", BigInteger),
    Column("probe_owner", BigInteger),  # the worker that has the one probe of an open breaker
    Column("opened_at", BigInteger),
    Column("last_success_at", BigInteger),
    Column("last_failure", Text),
)

dossier = Table(
    "dossier",
    metadata,
    Column("code", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("procedure_code", Text, nullable=False),
    Column("agency_code", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("submitted_at", BigInteger),
    Column("received_at", BigInteger),
    Column("due_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("digest", LargeBinary, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
Index("ix_dossier_status_due_at", dossier.c.status, dossier.c.due_at)
Index("ix_dossier_agency_code_code", dossier.c.agency_code, dossier.c.code)
Index("ix_dossier_updated_at", dossier.c.updated_at)

lane = Table(
    "lane",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("destination", Text, nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="idle"),
    Column("due_at", BigInteger, nullable=False, server_default="0"),
    Column("promise_at", BigInteger, nullable=False),
    Column("hasten", Boolean, nullable=False, server_default=text("false")),
    Column("lease_owner", BigInteger),
    Column("lease_token", BigInteger, nullable=False, server_default="0"),
    Column("next_position", BigInteger, nullable=False, server_default="1"),
    Column("memory", Text, nullable=False, server_default="{}"),
    Column("partner_code", Text),
    Column("acknowledged_status", Text),
    Column("acknowledged_version", BigInteger),
    Column("acknowledged_at", BigInteger),
    Column("held_by", Text),
    Column("held_reason", Text),
    UniqueConstraint("destination", "dossier_code"),
    CheckConstraint(one_of("state", sorted(LaneState)), name="state"),
    CheckConstraint("(state = 'leased') = (lease_owner IS NOT NULL)", name="leased_has_owner"),
)
for _index in (
    _partial(
        "uq_lane_partner_code", "destination", "partner_code", where="partner_code IS NOT NULL", unique=True
    ),
    _partial("ix_lane_ready", "destination", "promise_at", where="state = 'ready'"),
    _partial("ix_lane_waiting", "destination", "due_at", where="state = 'waiting'"),
    _partial("ix_lane_leased", "lease_owner", where="state = 'leased'"),
    _partial("ix_lane_stopped", "destination", "state", where="state IN ('blocked', 'held')"),
):
    lane.append_constraint(_index)
Index("ix_lane_dossier_code", lane.c.dossier_code)

delivery = Table(
    "delivery",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("lane_id", BigInteger, ForeignKey("lane.id"), nullable=False),
    Column("destination", Text, nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("doubts", Integer, nullable=False, server_default="0"),
    Column("due_at", BigInteger),
    Column("code", Text),
    Column("reason", Text),
    Column("actor", Text),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("event_at", BigInteger),  # when what it tells has happened, if the adapter knows
    Column("sent_at", BigInteger),
    Column("settled_at", BigInteger),
    Column("retried_at", BigInteger),  # when a person last had it sent again: its patience counts from then
    # it may have left after the backup that this database was restored from: the partner is asked before it is sent
    Column("ask_first", Boolean, nullable=False, server_default=text("false")),
    Column("payload", LargeBinary, nullable=False),
    Column("edited_at", BigInteger),  # when a person last corrected what it says (``delivery_edit``)
    CheckConstraint(one_of("state", sorted(MOVES)), name="state"),
    CheckConstraint(f"({one_of('state', _FINAL)}) = (settled_at IS NOT NULL)", name="final_is_settled"),
)
for _index in (
    _partial("uq_delivery_key", "lane_id", "operation", "key", where="state <> 'superseded'", unique=True),
    _partial("uq_delivery_position", "lane_id", "position", where="settled_at IS NULL", unique=True),
    _partial(
        "ix_delivery_stuck",
        "destination",
        "state",
        "id",
        where=one_of("state", STUCK),
    ),
    # causes are counted from this index alone; what goes well never comes into it
    _partial(
        "ix_delivery_troubled",
        *("destination", "state", "operation", "code", "sent_at", "created_at", "retried_at", "id"),
        where=one_of("state", TROUBLED),
    ),
    _partial("ix_delivery_doubted", "destination", "id", where="doubts > 0"),
    # the two questions about the past that no other index answers; neither costs the hot path a row
    _partial("ix_delivery_superseded", "lane_id", "id", where="state = 'superseded'"),
):
    delivery.append_constraint(_index)

attempt = Table(
    "attempt",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("lane_id", BigInteger, ForeignKey("lane.id"), nullable=False),
    Column("destination", Text, nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("deliveries", Text, nullable=False),
    Column("worker", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("outcome", Text),
    Column("code", Text),
    Column("reason", Text),
    CheckConstraint("kind IN ('send', 'query')", name="kind"),
)
for _index in (
    # one exchange in flight per lane: an invariant of the schema, not a hope
    _partial("uq_attempt_in_flight", "lane_id", where="ended_at IS NULL", unique=True),
):
    attempt.append_constraint(_index)
Index("ix_attempt_lane_id_id", attempt.c.lane_id, attempt.c.id)

message = Table(
    "message",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("seq", BigInteger),
    Column("at", BigInteger, nullable=False),
    Column("direction", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("dossier_code", Text),
    Column("attempt_id", BigInteger),
    Column("request_id", BigInteger),
    Column("method", Text),
    Column("url", Text),
    Column("status", Integer),
    Column("headers", Text, nullable=False),
    Column("body_digest", LargeBinary, nullable=False),
    Column("body_size", BigInteger, nullable=False),
    Column("outcome", Text),
    Column("code", Text),
    Column("leaf", LargeBinary, nullable=False),
    Column("form", Integer, nullable=False, server_default="1"),
    CheckConstraint("direction IN ('out', 'in')", name="direction"),
    CheckConstraint(one_of("kind", ("request", "response", "no_answer")), name="kind"),
)
for _index in (
    _partial("uq_message_seq", "seq", where="seq IS NOT NULL", unique=True),
    _partial("ix_message_unsealed", "id", where="seq IS NULL"),
    _partial("ix_message_dossier_code", "dossier_code", "id", where="dossier_code IS NOT NULL"),
    _partial("ix_message_trouble", "outcome", "id", where="outcome <> 'accepted'"),
):
    message.append_constraint(_index)
Index("ix_message_channel_id", message.c.channel, message.c.id)

message_body = Table(
    "message_body",
    metadata,
    Column("message_id", _Id, primary_key=True, autoincrement=False),
    Column("encoding", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("key_id", BigInteger),
)

content_key = Table(
    "content_key",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("scope", Text, nullable=False),
    Column("wrapped", LargeBinary),
    Column("master", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("destroyed_at", BigInteger),
    CheckConstraint("(wrapped IS NULL) = (destroyed_at IS NOT NULL)", name="destroyed"),
)
content_key.append_constraint(
    _partial("uq_content_key_scope", "scope", where="destroyed_at IS NULL", unique=True)
)
Index("ix_content_key_master", content_key.c.master)
# which dossiers were erased
content_key.append_constraint(_partial("ix_content_key_destroyed", "scope", where="destroyed_at IS NOT NULL"))

event = Table(
    "event",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("position", BigInteger),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("dossier_code", Text),
    Column("destination", Text),
    Column("data", Text, nullable=False),
)
for _index in (
    _partial("uq_event_position", "position", where="position IS NOT NULL", unique=True),
    _partial("ix_event_unsealed", "id", where="position IS NULL"),
):
    event.append_constraint(_index)
Index("ix_event_dossier_code", event.c.dossier_code, event.c.id)

catalogue = Table(
    "catalogue",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("entry", Text, nullable=False),
    Column("fetched_at", BigInteger, nullable=False),
)

catalogue_fetch = Table(
    "catalogue_fetch",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("parameters", Text, primary_key=True),
    Column("fetched_at", BigInteger),
    Column("entries", Integer),
    Column("failed_at", BigInteger),
    Column("failure", Text),
)

callback = Table(
    "callback",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("repeats", Integer, nullable=False, server_default="0"),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    # what a repetition is answered, where the contract wants other bytes than the first time
    Column("again_status", Integer),
    Column("again_headers", Text),
    Column("again_answer", LargeBinary),
    Column("digest", LargeBinary, nullable=False),
    Column("repeated_at", BigInteger),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("client", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)
Index("ix_idempotency_at", idempotency.c.at)

client = Table(
    "client",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("secret_hash", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("rate", Integer),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
)

token = Table(
    "token",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("client", Text, ForeignKey("client.id"), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
Index("ix_token_expires_at", token.c.expires_at)

webhook = Table(
    "webhook",
    metadata,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    # the secret before it, which signs, too, until then
    Column("former_secret", Text),
    Column("former_until", BigInteger),
    Column("kinds", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", BigInteger),
    Column("next_at", BigInteger, nullable=False, server_default="0"),
    Column("lease_owner", BigInteger),
    Column("last_failure", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
)

job = Table(
    "job",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next_at", BigInteger, nullable=False, server_default="0"),
    # of migration 0001, and never written: runs, their owners and their watermarks are rows of job_run
    Column("lease_owner", BigInteger),
    Column("watermark", Text),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("outcome", Text),
    # what an operator has set over the configured schedule; null: as configured
    Column("cron", Text),
    Column("time_zone", Text),
    Column("missed", Text),
    Column("enabled", Boolean),
    Column("changed_by", Text),
    # the schedule that ``next_at`` was worked out with: another one starts afresh, and makes up for nothing
    Column("schedule", Text),
)

operator_action = Table(
    "operator_action",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default="{}"),
    Column("message_id", BigInteger),  # its entry in the message log
)
Index("ix_operator_action_target", operator_action.c.target, operator_action.c.id)
# who did what and when: each narrows, and then goes by time
Index("ix_operator_action_at", operator_action.c.at, operator_action.c.id)
Index("ix_operator_action_actor", operator_action.c.actor, operator_action.c.at, operator_action.c.id)
Index("ix_operator_action_action", operator_action.c.action, operator_action.c.at, operator_action.c.id)
