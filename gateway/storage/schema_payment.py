"""The tables of payments: requests for money, attempts, settlements, what the platform said, receipts, refunds.

Same conventions as ``gateway.storage.schema``; money is ``BIGINT`` đồng. Invariants of the schema (payment_platform
§11.3): one open attempt per request, one settlement per request, one settlement per transaction of a partner, one row
per distinct callback.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.domain.payment import MOST_VND, OPEN, AttemptState, RequestState
from gateway.storage.schema import _Id, _partial, metadata

_REQUEST_STATES = "', '".join(sorted(RequestState))
_ATTEMPT_STATES = "', '".join(sorted(AttemptState))
_OPEN_STATES = "', '".join(sorted(OPEN))

payment_request = Table(
    "payment_request",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("destination", Text, nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("purpose", Text, nullable=False),  # what is paid for: the same purpose is asked for once
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("refunded", BigInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False),
    Column("terms", LargeBinary, nullable=False),  # JSON: items, payer, procedure, agency, beneficiary
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("ended_at", BigInteger),
    CheckConstraint(f"state IN ('{_REQUEST_STATES}')", name="state"),
    CheckConstraint(f"amount > 0 AND amount <= {MOST_VND}", name="amount"),
    CheckConstraint("refunded >= 0 AND refunded <= amount", name="refunded"),
)
payment_request.append_constraint(
    _partial(
        "uq_payment_request_purpose",
        "destination",
        "dossier_code",
        "purpose",
        where="state <> 'cancelled'",
        unique=True,
    )
)
Index("ix_payment_request_dossier_code", payment_request.c.dossier_code)
Index("ix_payment_request_created_at", payment_request.c.created_at)
Index("ix_payment_request_state", payment_request.c.state, payment_request.c.created_at, payment_request.c.id)
Index(
    "ix_payment_request_amount", payment_request.c.amount, payment_request.c.created_at, payment_request.c.id
)

payment_attempt = Table(
    "payment_attempt",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("request_id", BigInteger, ForeignKey("payment_request.id"), nullable=False),
    Column("destination", Text, nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("partner", Text, nullable=False),  # MaDoiTac
    Column("reference", Text, nullable=False),  # MaThamChieu
    Column("asked_at", Text, nullable=False),  # ThoiGianGD, verbatim: questions need this very string
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("pay_url", Text),
    Column("transaction_no", Text),  # MaGiaoDich
    Column("bank", Text),
    Column("paid_at", Text),  # the platform's own time, verbatim
    Column("code", Text),
    Column("reason", Text),
    Column("delivery_id", BigInteger, ForeignKey("delivery.id")),
    Column("questions", Integer, nullable=False, server_default="0"),
    Column("next_question_at", BigInteger),
    Column("absent_since", BigInteger),  # the platform's first word that it does not know the attempt
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    CheckConstraint(f"state IN ('{_ATTEMPT_STATES}')", name="state"),
    UniqueConstraint("partner", "reference"),
)
for _index in (
    _partial("uq_payment_attempt_open", "request_id", where=f"state IN ('{_OPEN_STATES}')", unique=True),
    _partial(
        "ix_payment_attempt_question", "destination", "next_question_at", where="next_question_at IS NOT NULL"
    ),
    # for the metrics, which count what is not over once a minute
    _partial(
        "ix_payment_attempt_standing",
        "destination",
        "state",
        "created_at",
        where="state NOT IN ('expired', 'failed', 'paid')",
    ),
    _partial("ix_payment_attempt_delivery_id", "delivery_id", where="delivery_id IS NOT NULL"),
):
    payment_attempt.append_constraint(_index)
Index("ix_payment_attempt_request_id", payment_attempt.c.request_id)
Index("ix_payment_attempt_created_at", payment_attempt.c.created_at)
Index("ix_payment_attempt_state", payment_attempt.c.state, payment_attempt.c.request_id)
Index("ix_payment_attempt_reference", payment_attempt.c.reference)
payment_attempt.append_constraint(
    _partial("ix_payment_attempt_transaction_no", "transaction_no", where="transaction_no IS NOT NULL")
)

settlement = Table(
    "settlement",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("request_id", BigInteger, ForeignKey("payment_request.id"), nullable=False, unique=True),
    Column("attempt_id", BigInteger, ForeignKey("payment_attempt.id"), nullable=False, unique=True),
    Column("partner", Text, nullable=False),
    Column("transaction_no", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("claimed_at", Text, nullable=False),
    Column("message_id", BigInteger),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("partner", "transaction_no"),
    CheckConstraint("source IN ('callback', 'query', 'file', 'operator')", name="source"),
)
Index("ix_settlement_at", settlement.c.at)

# when a settled payment was made: what ends a dossier's wait for it, for the assessor to read
payment_clock = Table(
    "payment_clock",
    metadata,
    Column("settlement_id", BigInteger, ForeignKey("settlement.id"), primary_key=True, autoincrement=False),
    Column("request_id", BigInteger, ForeignKey("payment_request.id"), nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("paid_at", BigInteger, nullable=False),
    Column("heard_at", BigInteger, nullable=False),
    Column("assessed", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("paid_at <= heard_at", name="heard"),
)
payment_clock.append_constraint(
    _partial("ix_payment_clock_unassessed", "settlement_id", where="NOT assessed")
)
Index("ix_payment_clock_dossier_code", payment_clock.c.dossier_code)

# every distinct callback with a good code, and how often it came; forged ones cost no row
payment_callback = Table(
    "payment_callback",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("destination", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("alarm", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("deliveries", Integer, nullable=False, server_default="1"),
    Column("message_id", BigInteger),
    Column("at", BigInteger, nullable=False),
    Column("again_at", BigInteger),
)
Index("ix_payment_callback_reference", payment_callback.c.partner, payment_callback.c.reference)

# paid evidence that fits no attempt: kept, told, and matched again (§11.5)
payment_orphan = Table(
    "payment_orphan",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("destination", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("transaction_no", Text, nullable=False),
    Column("amount", BigInteger),
    Column("currency", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("matched_at", BigInteger),
    Column("attempt_id", BigInteger),
    Column("refunded_at", BigInteger),  # two people have given it back
    UniqueConstraint("partner", "reference", "transaction_no"),
)
payment_orphan.append_constraint(_partial("ix_payment_orphan_open", "id", where="matched_at IS NULL"))

receipt = Table(
    "receipt",
    metadata,
    Column("attempt_id", BigInteger, ForeignKey("payment_attempt.id"), primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_at", BigInteger),
    Column("url", Text),
    Column("sha256", LargeBinary),
    Column("size", BigInteger),
    Column("body", LargeBinary),
    Column("failure", Text),
    Column("at", BigInteger),
    Column("since", BigInteger),  # from when on it was asked for again; null: since the settlement
    CheckConstraint("state IN ('wanted', 'kept', 'given_up')", name="state"),
)
receipt.append_constraint(_partial("ix_receipt_next_at", "next_at", where="state = 'wanted'"))
receipt.append_constraint(_partial("ix_receipt_given_up", "attempt_id", where="state = 'given_up'"))

# receipts themselves, once each however many attempts have the same
receipt_file = Table(
    "receipt_file",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)

refund = Table(
    "refund",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("request_id", BigInteger, ForeignKey("payment_request.id"), nullable=False),
    Column("attempt_id", BigInteger, ForeignKey("payment_attempt.id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("approved_by", Text),
    Column("approved_at", BigInteger),
    Column("declined_by", Text),
    Column("declined_at", BigInteger),
    Column("decided_reason", Text),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("approved_by IS NULL OR approved_by <> requested_by", name="four_eyes"),
)
Index("ix_refund_request_id", refund.c.request_id)
refund.append_constraint(
    _partial("ix_refund_waiting", "id", where="approved_by IS NULL AND declined_by IS NULL")
)
# one paper gives money back once
refund.append_constraint(
    _partial("uq_refund_document", "attempt_id", "document", where="declined_at IS NULL", unique=True)
)

# what one person proposes about an attempt and another decides (four eyes, payment_platform §13): ``settle`` by hand,
# ``accept`` or ``reject`` what is in quarantine, ``adopt`` an orphan, ``excess``: money once more through it,
# ``give_up`` what nobody ends; ``refund_orphan`` is about an orphan alone
payment_decision = Table(
    "payment_decision",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("dossier_code", Text),
    Column("request_id", BigInteger, ForeignKey("payment_request.id")),
    Column("attempt_id", BigInteger, ForeignKey("payment_attempt.id")),
    Column("orphan_id", BigInteger, ForeignKey("payment_orphan.id")),
    Column("amount", BigInteger, nullable=False),  # that came in, as the paper says
    Column("transaction_no", Text, nullable=False),
    Column("bank", Text, nullable=False),
    Column("claimed_at", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", BigInteger),
    Column("decided_reason", Text),
    Column("effect", Text),
    CheckConstraint("amount >= 0", name="amount"),
    CheckConstraint("decided_by IS NULL OR decided_by <> requested_by", name="four_eyes"),
    CheckConstraint("(state = 'requested') = (decided_by IS NULL)", name="decided"),
    CheckConstraint(
        "kind IN ('settle', 'accept', 'reject', 'adopt', 'excess', 'give_up', 'refund_orphan')", name="kind"
    ),
    CheckConstraint("state IN ('requested', 'approved', 'declined')", name="state"),
    CheckConstraint("(kind IN ('adopt', 'refund_orphan')) = (orphan_id IS NOT NULL)", name="orphan"),
    CheckConstraint(
        "CASE WHEN kind = 'refund_orphan' THEN attempt_id IS NULL AND request_id IS NULL AND dossier_code IS NULL "
        "ELSE attempt_id IS NOT NULL AND request_id IS NOT NULL AND dossier_code IS NOT NULL END",
        name="about",
    ),
)
for _index in (
    _partial("ix_payment_decision_waiting", "id", where="state = 'requested'"),
    _partial("uq_payment_decision_attempt", "attempt_id", where="state = 'requested'", unique=True),
    _partial(
        "uq_payment_decision_orphan",
        "orphan_id",
        where="state <> 'declined' AND orphan_id IS NOT NULL",
        unique=True,
    ),
):
    payment_decision.append_constraint(_index)
Index("ix_payment_decision_request_id", payment_decision.c.request_id)
Index("ix_payment_decision_attempt_id", payment_decision.c.attempt_id)

reconciliation = Table(
    "reconciliation",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("run_id", BigInteger, nullable=False),
    Column("destination", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("attempt_id", BigInteger),
    Column("partner", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("ours", Text),
    Column("theirs", Text),
    Column("difference", BigInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False),
    Column("repair", Text),
    Column("dossier_code", Text),
    Column("ours_amount", BigInteger, nullable=False, server_default="0"),
    Column("theirs_amount", BigInteger),  # null: nobody has answered
    Column("transaction_no", Text),
    Column("code", Text),
    Column("asked", Integer, nullable=False, server_default="0"),
    Column("applied", Integer, nullable=False, server_default="0"),
    Column("at", BigInteger, nullable=False),
    Column("ended_by", Text),
    Column("ended_reason", Text),
    Column("ended_at", BigInteger),
    UniqueConstraint("destination", "day", "partner", "reference", "kind"),
    CheckConstraint("state IN ('open', 'resolved')", name="state"),
)
reconciliation.append_constraint(
    _partial("ix_reconciliation_open", "destination", "id", where="state = 'open'")
)
Index("ix_reconciliation_reference", reconciliation.c.destination, reconciliation.c.reference)
Index("ix_reconciliation_day", reconciliation.c.day)
Index("ix_reconciliation_state", reconciliation.c.state, reconciliation.c.id)

land_notice = Table(
    "land_notice",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("destination", Text, nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("tax_code", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("version", Integer, nullable=False),  # the same notice with another amount is a further version
    Column("issued_on", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("known_dossier", Integer, nullable=False),
    Column("message_id", BigInteger),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("dossier_code", "tax_code", "number", "version"),
)

land_evidence = Table(
    "land_evidence",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("destination", Text, nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("tax_code", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("paid_at", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("paid", Integer, nullable=False),
    Column("url", Text, nullable=False),
    Column("message_id", BigInteger),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("dossier_code", "tax_code", "number", "paid_at", "amount"),
)
