"""What people and jobs have left in a province's database beside its dossiers: trouble, histories, samples, decisions.

Invariant: every state that a page lists is there, as many of each as after a bad week.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.deadlines.instants import day_number_of
from gateway.statussync.lag import TARGET
from gateway.storage.lag_days import measure, open_days
from gateway.storage.tables import metadata
from gateway.storage.urgency import SHIFT

PORTAL, PLATFORM = "national_portal", "payment_platform"
DESTINATIONS = (PORTAL, PLATFORM, "construction", "judicial_records")
TROUBLE = {"rejected": 400, "in_doubt": 200, "parked": 200, "waiting": 200, "pending": 2_000}
_LANE = {
    "rejected": "blocked",
    "parked": "blocked",
    "in_doubt": "waiting",
    "waiting": "waiting",
    "pending": "ready",
}
_CODES = ("-2", "http_503", "unknown_procedure", "schema")
_MINUTE = 60_000_000
_DAY = 86_400_000_000
_PORTION = 20_000
JOBS = ("catalogues", "deadline-sweep", "drift", "payment-sweep", "payment-reconciliation", "tidy", "report")
_SUMMARY: dict[str, Any] = {
    **dict.fromkeys(("looked_at", "looked", "asked", "applied", "ours", "theirs"), 100),
    "open": 0,
    "open_in_all": 0,
    "difference": 0,
    "days": [],
    "classes": {"matched": 100},
}
_KINDS = ("FIELDS_DIFFER", "STATUS_DIFFERS", "STEPS_MISSING", "MISSING_THERE", "DUE_DIFFERS", "END_MISSING")
Rows = Iterator[dict[str, Any]]


def furnish(url: str) -> None:
    """Add all of it to the database at ``url``, whose dossiers are there."""
    engine = sa.create_engine(sa.make_url(url).set(drivername=_driver(url)))
    now = time.time_ns() // 1000
    with engine.begin() as connection:
        codes = [
            row[0]
            for row in connection.execute(sa.text("SELECT code FROM dossier ORDER BY code LIMIT 20000"))
        ]
        _calm(connection)
        _trouble(connection, now)
        connection.execute(sa.text("DELETE FROM backlog_sample"))
        for table, rows in (
            ("account", _accounts(now)),
            ("console_session", _sessions(now)),
            ("operator_action", _actions(now, codes)),
            ("job_run", _runs(now)),
            ("backlog_sample", _samples(now)),
            ("drift", _drift(now, codes)),
            ("approval", _approvals(now, codes)),
            ("reconciliation", _reconciliation(now)),
            ("payment_orphan", _orphans(now)),
        ):
            _insert(connection, table, rows)
        _retries(connection, now)
        _refunds(connection, now)
        _lag_days(connection, now)
        last = connection.execute(sa.text("SELECT max(position) FROM event")).scalar()
        connection.execute(sa.text("UPDATE follower SET position = :last"), {"last": last})
    _settle(engine)


def _calm(connection: sa.Connection) -> None:
    """As the sweep leaves lanes within minutes of what they had to tell; the demo ends before it comes round."""
    connection.execute(
        sa.text(
            "UPDATE lane SET promise_at = promise_at + :shift WHERE promise_at < 0 AND state = 'idle' "
            "AND acknowledged_status NOT IN ('registered', 'received', 'processing')"
        ),
        {"shift": SHIFT},
    )


def _driver(url: str) -> str:
    return "sqlite" if url.startswith("sqlite") else "postgresql+psycopg"


def _settle(engine: sa.Engine) -> None:
    """As upkeep would have left it."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM (ANALYZE)"))
    engine.dispose()


def _insert(connection: sa.Connection, table: str, rows: Rows) -> None:
    portion: list[dict[str, Any]] = []
    for row in rows:
        portion.append(row)
        if len(portion) == _PORTION:
            connection.execute(metadata.tables[table].insert(), portion)
            portion = []
    if portion:
        connection.execute(metadata.tables[table].insert(), portion)


def identifier(at: int, place: int) -> int:
    """As the gateway makes them (``gateway.storage.identity``), of an instant in microseconds."""
    return ((at // 1000 - 1_735_689_600_000) << 22) | (900 << 12) | (place & 4095)


def _trouble(connection: sa.Connection, now: int) -> None:
    """The last deliveries of some lanes have not arrived."""
    most = sum(TROUBLE.values())
    found = connection.execute(
        sa.text(
            "SELECT l.id, d.id, d.position FROM (SELECT id FROM lane WHERE destination = :portal AND state = 'idle' "
            "ORDER BY id DESC LIMIT :most) AS l JOIN delivery AS d ON d.lane_id = l.id AND d.state <> 'superseded' "
            "WHERE d.state = 'delivered' ORDER BY l.id, d.position"
        ),
        {"portal": PORTAL, "most": most},
    )
    rows = {lane: delivery for lane, delivery, _ in found}  # the last one of each counts
    states = [state for state, count in TROUBLE.items() for _ in range(count)]
    lane, delivery = metadata.tables["lane"], metadata.tables["delivery"]
    for place, ((lane_id, delivery_id), state) in enumerate(zip(rows.items(), states, strict=False)):
        code = None if state == "pending" else _CODES[place % len(_CODES)]
        doubts = {"doubts": 1} if state == "in_doubt" else {}
        connection.execute(
            delivery.update().where(delivery.c.id == delivery_id),
            {
                "state": state,
                "settled_at": None,
                "code": code,
                "reason": None if code is None else "Mã lỗi -2: dữ liệu không hợp lệ",
                "due_at": now + 3600 * 1_000_000 if state in {"waiting", "in_doubt"} else None,
                **doubts,
            },
        )
        held = place % 20 == 0 and state in {"rejected", "parked", "pending"}
        connection.execute(
            lane.update().where(lane.c.id == lane_id),
            {
                "state": "held" if held else _LANE[state],
                "held_by": "console/lan" if held else None,
                "held_reason": "chờ xác minh" if held else None,
                "due_at": now + 3600 * 1_000_000,
            },
        )


def _lag_days(connection: sa.Connection, now: int) -> None:
    """Days that are over are kept, as the lag's follower does."""
    rows = [
        msgspec.structs.asdict(spread)
        for day in open_days(connection, before=day_number_of(now))
        for spread in measure(connection, day, target=TARGET)
    ]
    _insert(connection, "sync_lag_day", iter(rows))


def _accounts(now: int) -> Rows:
    for place in range(300):
        yield {
            "name": f"can.bo.{place:03d}",
            "display_name": f"Cán bộ {place}",
            "password_hash": "-",
            "roles": ("role:operator", "role:auditor", "role:submitter")[place % 3],
            "failures": 0,
            "must_change": False,
            "created_at": now - 200 * _DAY,
        }


def _sessions(now: int) -> Rows:
    for place in range(6_000):
        begun = now - place * 20 * _MINUTE
        yield {
            "word_hash": hashlib.sha256(str(place).encode()).hexdigest(),
            "id": identifier(begun, place),
            "account": f"can.bo.{place % 300:03d}",
            "created_at": begun,
            "seen_at": begun + _MINUTE,
            "expires_at": begun + _DAY // 2,
            "ended_at": begun + 10 * _MINUTE if place > 20 else None,
            "peer": "10.1.2.3",
            "agent": "Mozilla/5.0",
        }


def _actions(now: int, codes: list[str]) -> Rows:
    verbs = (
        "retry",
        "hold",
        "release",
        "delivery.resolve",
        "account.sign_in",
        "destination.pause",
        "message.read",
    )
    for place in range(60_000):
        at = now - place * 8 * _MINUTE
        yield {
            "id": identifier(at, place),
            "at": at,
            "actor": f"console/can.bo.{place % 300:03d}",
            "action": verbs[place % len(verbs)],
            "target": f"{PORTAL}/{codes[place % len(codes)]}",
            "reason": "theo văn bản số 12/UBND",
            "detail": json.dumps({"count": place}),
        }


def _runs(now: int) -> Rows:
    for place in range(50_000):
        began = now - (place + 1) * 10 * _MINUTE
        failed = place % 97 == 0
        yield {
            "id": identifier(began, place),
            "job": JOBS[place % len(JOBS)],
            "trigger": "schedule",
            "actor": "schedule",
            "dry_run": False,
            "parameters": "{}",
            "worker": 1,
            "state": "failed" if failed else "done",
            "started_at": began,
            "ended_at": began + _MINUTE,
            "done": 100,
            "total": 100,
            "summary": json.dumps(_SUMMARY),
            "failure": "đối tác không trả lời" if failed else None,
        }


def _samples(now: int) -> Rows:
    last = now // _MINUTE * _MINUTE
    for place in range(14 * 24 * 60):
        for name in DESTINATIONS:
            at = last - (place + 1) * _MINUTE
            failed = 600 if name == PORTAL else 0
            yield {
                "destination": name,
                "at": at,
                "waiting": 3000 - place % 700,
                "in_doubt": failed // 3,
                "failed": failed,
                "oldest_at": at - 3600 * 1_000_000,
            }


def _drift(now: int, codes: list[str]) -> Rows:
    for place in range(8_000):
        at = now - place * 5 * _MINUTE
        gone = place % 2
        yield {
            "id": identifier(at, place),
            "run_id": identifier(at, 0),
            "destination": PORTAL,
            "dossier_code": codes[place % len(codes)],
            "kind": _KINDS[place % len(_KINDS)],
            "field": f"/field{place % 12}",
            "ours": "received",
            "theirs": "returned",
            "repair": None,
            "state": "gone" if gone else "tolerated" if place % 40 == 0 else "open",
            "found_at": at,
            "seen_at": at,
            "gone_at": at if gone else None,
        }


def _approvals(now: int, codes: list[str]) -> Rows:
    for place in range(2_000):
        at = now - place * 30 * _MINUTE
        waiting = place < 120
        yield {
            "id": identifier(at, place),
            "action": "delivery.skip",
            "target": f"{PORTAL}/{codes[place % len(codes)]}",
            "parameters": json.dumps({"delivery": str(place)}),
            "digest": hashlib.sha256(str(place).encode()).hexdigest(),
            "state": "requested" if waiting else ("carried_out", "declined", "expired")[place % 3],
            "requested_by": "console/can.bo.001",
            "reason": "theo văn bản",
            "requested_at": at,
            "expires_at": at + 3 * _DAY,
            "decided_by": None if waiting else "console/can.bo.002",
            "decided_reason": None if waiting else "đồng ý",
            "decided_at": None if waiting else at + _MINUTE,
            "carried_out_by": "console/can.bo.001" if not waiting and place % 3 == 0 else None,
            "carried_out_at": at + 2 * _MINUTE if not waiting and place % 3 == 0 else None,
        }


def _reconciliation(now: int) -> Rows:
    today = now // _DAY
    kinds = ("amount_differs", "paid_there_not_here", "orphan", "duplicate", "unanswered")
    for place in range(20_000):
        matched = place % 40 != 0
        at = now - place * 3 * _MINUTE
        yield {
            "id": identifier(at, place),
            "run_id": identifier(at, 0),
            "destination": PLATFORM,
            "day": today - 1 - place % 60,
            "kind": "matched" if matched else kinds[place % 5],
            "partner": "DEMOH99",
            "reference": f"PG{place:014d}",
            "difference": 0 if matched else 50_000,
            "state": "resolved" if matched or place % 80 == 0 else "open",
            "repair": "none" if matched else "ask_platform",
            "ours_amount": 250_000,
            "theirs_amount": 250_000 if matched else 200_000,
            "asked": 1,
            "at": at,
        }


def _orphans(now: int) -> Rows:
    for place in range(1_000):
        at = now - place * 30 * _MINUTE
        yield {
            "id": identifier(at, place),
            "destination": PLATFORM,
            "partner": "DEMOH99",
            "reference": f"XX{place:014d}",
            "transaction_no": f"XP{place:014d}",
            "amount": 250_000,
            "currency": "VND",
            "source": "query",
            "evidence": b"{}",
            "at": at,
            "matched_at": None if place < 100 else at + _MINUTE,
        }


def _retries(connection: sa.Connection, now: int) -> None:
    """Runs that ended, with their lists."""
    found = connection.execute(
        sa.text("SELECT id, lane_id FROM delivery WHERE destination = :portal ORDER BY id DESC LIMIT 20000"),
        {"portal": PORTAL},
    ).all()
    runs = range(100)
    numbers = [identifier(now - run * 600 * _MINUTE, run) for run in runs]
    selection = json.dumps(
        {"causes": [{"destination": PORTAL, "operation": "step", "state": "rejected", "code": "-2"}]}
    )
    _insert(
        connection,
        "retry_run",
        (
            {
                "id": numbers[run],
                "destination": PORTAL,
                "actor": "console/can.bo.001",
                "reason": "đối tác đã sửa",
                "selection": selection,
                "per_minute": 60,
                "state": "done",
                "total": 200,
                "created_at": now - run * 600 * _MINUTE,
                "next_at": now - run * 600 * _MINUTE,
                "ended_at": now - run * 600 * _MINUTE + 5 * _MINUTE,
            }
            for run in runs
        ),
    )
    _insert(
        connection,
        "retry_item",
        (
            {
                "run_id": numbers[place // 200],
                "place": place % 200,
                "delivery_id": row.id,
                "lane_id": row.lane_id,
                "state": "sent",
            }
            for place, row in enumerate(found)
        ),
    )


def _refunds(connection: sa.Connection, now: int) -> None:
    found = connection.execute(
        sa.text(
            "SELECT id, request_id, amount FROM payment_attempt WHERE state = 'paid' ORDER BY id DESC LIMIT 200"
        )
    ).all()
    _insert(
        connection,
        "refund",
        (
            {
                "id": identifier(now - place * _MINUTE, place),
                "request_id": row.request_id,
                "attempt_id": row.id,
                "amount": row.amount,
                "reason": "nộp thừa",
                "document": f"QD-{place}",
                "requested_by": "console/can.bo.001",
                "requested_at": now - place * _MINUTE,
            }
            for place, row in enumerate(found)
        ),
    )
