"""The tables of status synchronisation: what was claimed, where every dossier stood when, jobs, lag and drift.

Same conventions as ``gateway.storage.schema``: instants are microseconds UTC; days are counted since 1970-01-01 in
Viet Nam's time, so that the official comparison by date is one of integers. Invariant: nothing here overwrites what a
system said; a later value is a later row.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.storage.schema import _Id, _partial, lane, metadata, one_of

STILL = 2**62
"""``effective_to`` of the period that still holds."""

# the inputs of every judgement about time: what the one-door system said in one version, and when we heard it
dossier_version = Table(
    "dossier_version",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("dossier_code", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("message_id", BigInteger),
    Column("account", LargeBinary, nullable=False),
    Column("assessed", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("dossier_code", "version"),
)
dossier_version.append_constraint(_partial("ix_dossier_version_unassessed", "id", where="NOT assessed"))

# where a dossier stood from one instant to the next, by the time at which things happened, so that a report can be
# computed as of any cut-off; ``effective_to`` is 2^62 in the row that still holds
standing = Table(
    "standing",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("dossier_code", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("effective_from", BigInteger, nullable=False),
    Column("effective_to", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("status", Integer, nullable=False),  # national number, 1 to 10
    Column("channel", Text, nullable=False),
    Column("agency_code", Text, nullable=False),
    Column("field_code", Text),
    Column("procedure_code", Text, nullable=False),
    Column("unit", Text),
    Column("officer", Text),
    Column("submitted_at", BigInteger),
    Column("received_at", BigInteger),
    Column("received_day", Integer),
    Column("due_at", BigInteger),  # the promise that holds: moved only by a lawful cause
    Column("due_day", Integer),
    Column("due_original_at", BigInteger),
    Column("due_declared_at", BigInteger),  # what the one-door system says now
    Column("ended_at", BigInteger),  # finished, stopped for good or withdrawn
    Column("ended_day", Integer),
    Column("waiting_since", BigInteger),
    Column("by_date", Text, nullable=False),  # classes against the promise that holds, as of ``recorded_at``
    Column("by_instant", Text, nullable=False),
    Column("original_by_date", Text, nullable=False),
    Column("original_by_instant", Text, nullable=False),
    Column("late_calendar_days", Integer, nullable=False, server_default="0"),
    Column("late_working_days", Integer, nullable=False, server_default="0"),
    Column("late_working_minutes", Integer, nullable=False, server_default="0"),
    Column("flags", Text, nullable=False, server_default="[]"),
    Column("rule_version", Text, nullable=False),
    Column("calendar_version", Text, nullable=False),
    Column("look_at", BigInteger),  # when time alone next changes something about it; null: nothing to come
    CheckConstraint("status BETWEEN 1 AND 10", name="status"),
    CheckConstraint("effective_from < effective_to", name="period"),
)
_OPEN = f"effective_to = {STILL}"
for _index in (
    _partial("uq_standing_now", "dossier_code", where=_OPEN, unique=True),
    _partial("ix_standing_due_at", "due_at", where=f"{_OPEN} AND status IN (2, 4)"),
    _partial("ix_standing_look_at", "look_at", where=f"{_OPEN} AND look_at IS NOT NULL"),
    # reports as of a cut-off: what ran or waited then; what had ended in the period, with all that 06a looks at, so
    # that a year is counted without touching the rows; what cannot be counted
    _partial("ix_standing_running", "effective_to", "effective_from", where="status NOT IN (7, 9, 10)"),
    _partial(
        "ix_standing_ended",
        *("ended_day", "effective_to", "effective_from", "status", "channel", "received_day", "due_day"),
        *("agency_code", "field_code", "procedure_code"),
        where="status IN (7, 9, 10)",
    ),
    _partial("ix_standing_data_error", "effective_to", where="by_date = 'DATA_ERROR'"),
):
    standing.append_constraint(_index)
# lanes that go before all others, because the partner does not know yet that the dossier has ended or waits
lane.append_constraint(_partial("ix_lane_urgent", "dossier_code", where="promise_at < 0"))
Index("ix_standing_dossier_code", standing.c.dossier_code, standing.c.effective_from)

due_change = Table(
    "due_change",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("dossier_code", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("old_due_at", BigInteger),
    Column("new_due_at", BigInteger),
    Column("cause", Text, nullable=False),
    Column("document_number", Text),
    Column("signer", Text),
    Column("issued_at", BigInteger),
    Column("message_id", BigInteger),
    Column("applied", Boolean, nullable=False),
    Column("flags", Text, nullable=False, server_default="[]"),
    Column("key", Text, nullable=False),  # what makes it one change, whichever version shows it again
    CheckConstraint(
        "cause IN ('first', 'supplement', 'payment', 'reappointment', 'calendar', 'correction', 'none')",
        name="cause",
    ),
    UniqueConstraint("dossier_code", "key"),
)

# what does not fit: a time that was rewritten, a promise that moved without a paper, a state that jumped
anomaly = Table(
    "anomaly",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("dossier_code", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("field", Text, nullable=False, server_default=text("''")),
    Column("first_value", Text),
    Column("later_value", Text),
    Column("message_id", BigInteger),
    Column("key", Text, nullable=False),
    UniqueConstraint("dossier_code", "key"),
)
Index("ix_anomaly_kind", anomaly.c.kind, anomaly.c.id)
Index("ix_anomaly_recorded_at", anomaly.c.recorded_at)

# thresholds that a dossier has crossed as time passed; each is told once
crossing = Table(
    "crossing",
    metadata,
    Column("dossier_code", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("due_at", BigInteger, primary_key=True),
    Column("at", BigInteger, nullable=False),
    CheckConstraint("kind IN ('near_due', 'due_today', 'overdue', 'at_risk', 'reception_late')", name="kind"),
)

# event -> received by us -> sent -> acknowledged, one row a delivery; filled from the feed, beside the hot path
sync_lag = Table(
    "sync_lag",
    metadata,
    Column("delivery_id", _Id, primary_key=True, autoincrement=False),
    Column("destination", Text, nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("day", Integer, nullable=False),  # of the acknowledgement
    Column("event_at", BigInteger),  # null: not known, or told before
    Column("received_at", BigInteger, nullable=False),  # when we first heard of it
    Column("sent_at", BigInteger),
    Column("acknowledged_at", BigInteger, nullable=False),
    # of a delivery that tells the end of a dossier: which end, against which promise, what the partner showed meanwhile
    Column("ended_at", BigInteger),
    Column("due_at", BigInteger),
    Column("by_date", Text),
    Column("by_instant", Text),
    # why the partner showed it late although it ended in time
    Column("late_cause", Text),
    Column("late_cause_by_instant", Text),
    Column("late", Boolean, nullable=False, server_default=text("false")),  # by date or by instant
    # what it tells happened before anybody could synchronise it
    Column("before_start", Boolean, nullable=False, server_default=text("false")),
    *(
        CheckConstraint(one_of(name, values), name=name)
        for name, values in {
            "by_date": ("in_time", "late", "sync_late"),
            "by_instant": ("in_time", "late", "sync_late"),
            "late_cause": ("gateway", "source", "partner", "before_start"),
            "late_cause_by_instant": ("gateway", "source", "partner", "before_start"),
        }.items()
    ),
    CheckConstraint("(COALESCE(by_date, '') = 'sync_late') = (late_cause IS NOT NULL)", name="caused"),
)
Index("ix_sync_lag_day", sync_lag.c.destination, sync_lag.c.day)
Index("ix_sync_lag_dossier_code", sync_lag.c.dossier_code)
sync_lag.append_constraint(_partial("ix_sync_lag_late", "destination", "day", where="late"))

# percentiles of days that are over, so that a report of a year reads a few hundred rows; gone when a row comes late
sync_lag_day = Table(
    "sync_lag_day",
    metadata,
    Column("day", Integer, primary_key=True),
    Column("destination", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("p50", BigInteger, nullable=False),
    Column("p90", BigInteger, nullable=False),
    Column("p99", BigInteger, nullable=False),
    Column("longest", BigInteger, nullable=False),
    Column("kept", BigInteger, nullable=False),
)

# when a destination was away: from the opening of its breaker to the first answer after it
outage = Table(
    "outage",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("began_at", BigInteger, primary_key=True),
    Column("ended_at", BigInteger),
    Column("failure", Text, nullable=False),
)
outage.append_constraint(_partial("uq_outage_open", "destination", where="ended_at IS NULL", unique=True))

# when a worker of ours was there to send: a stretch for each worker, longer with every beat; what no stretch covers is
# time in which nobody can say that a partner was away
presence = Table(
    "presence",
    metadata,
    Column("worker", BigInteger, primary_key=True, autoincrement=False),
    Column("began_at", BigInteger, primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
)
Index("ix_presence_seen_at", presence.c.seen_at)

# who reads the feed for the gateway itself: how far he is, and which worker does it
follower = Table(
    "follower",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False, server_default="0"),
    Column("lease_owner", BigInteger),
)

job_run = Table(
    "job_run",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("job", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False, server_default=text("false")),
    Column("parameters", Text, nullable=False, server_default="{}"),
    Column("worker", BigInteger),  # whose process has it; null: nobody's yet
    Column("state", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),
    Column("watermark", Text),
    Column("summary", Text, nullable=False, server_default="{}"),
    Column("failure", Text),
    Column("stop_by", Text),  # who wants it to end
    CheckConstraint("state IN ('running', 'done', 'failed', 'interrupted')", name="state"),
    CheckConstraint("\"trigger\" IN ('schedule', 'operator', 'missed')", name="trigger"),
    CheckConstraint("(state = 'running') = (ended_at IS NULL)", name="ended"),
)
# one run of a job at a time, whatever the number of processes and machines
job_run.append_constraint(_partial("uq_job_run_running", "job", where="state = 'running'", unique=True))
Index("ix_job_run_job", job_run.c.job, job_run.c.id)

drift = Table(
    "drift",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("run_id", BigInteger, nullable=False),
    Column("destination", Text, nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("field", Text, nullable=False, server_default=text("''")),
    Column("ours", Text),
    Column("theirs", Text),
    Column("repair", Text),  # JSON: the proposed deliveries in their order; null when a human must decide
    Column("state", Text, nullable=False),
    Column("found_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("applied_at", BigInteger),
    Column("applied_by", Text),
    Column("applied_reason", Text),
    Column("gone_at", BigInteger),
    Column("tolerated_until", BigInteger),  # null: as long as neither of its values changes
    CheckConstraint("state IN ('open', 'repairing', 'gone', 'tolerated')", name="state"),
)
for _index in (
    _partial(
        "uq_drift_open", "destination", "dossier_code", "kind", "field", where="state <> 'gone'", unique=True
    ),
    _partial("ix_drift_open", "destination", "state", "id", where="state <> 'gone'"),
):
    drift.append_constraint(_index)
Index("ix_drift_dossier_code", drift.c.dossier_code)

# what the last full comparison that found a lane in step followed from, as digests of both sides
drift_agreement = Table(
    "drift_agreement",
    metadata,
    Column("lane_id", _Id, primary_key=True, autoincrement=False),
    Column("ours", LargeBinary, nullable=False),
    Column("theirs", LargeBinary, nullable=False),
    Column("compared_at", BigInteger, nullable=False),
)
