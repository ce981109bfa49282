"""What the platform's answers mean (payment_platform §5.3, §5.6, §11.4), first match wins.

``calls`` say what stands in the answer: whether an INIT's has an address that may be used, which state a QUERY's has.
Invariant: an INIT is accepted by nothing but success with an address on the list, and refused by nothing but a code
that the settings call a sure refusal; whatever else comes is unknown, because a second INIT could be paid twice.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.mapping import ResponseTable, Row, Shape


class Verdict(StrEnum):
    """accepted: the payer can pay. refused: it surely was not taken. paid, pending, failed: what the platform knows of
    a payment; strange: a state that nobody has documented. absent: the question itself failed, or nothing is known.
    unknown: nobody can tell."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    PAID = "paid"
    PENDING = "pending"
    FAILED = "failed"
    STRANGE = "strange"
    ABSENT = "absent"
    UNKNOWN = "unknown"


INIT = "init"
INIT_BARE = "init_without_url"
INIT_FOREIGN = "init_foreign_url"
QUERY_PAID = "query_paid"
QUERY_PENDING = "query_pending"
QUERY_FAILED = "query_failed"
QUERY_STRANGE = "query_strange"
OTHER = "other_payment"
UNPROVED = "unproved"

_INITS = frozenset({INIT, INIT_BARE, INIT_FOREIGN})


def _row(name: str, verdict: Verdict, why: str, *calls: str, codes: str = "") -> Row:
    return Row(name=name, verdict=verdict, why=why, calls=frozenset(calls), codes=codes)


_ROWS = (
    Row(
        name="http_status",
        verdict=Verdict.UNKNOWN,
        statuses=((0, 199), (201, 999)),
        why="§5.3, §3: success is decided by the body of an answer that arrived; anything else is unknown",
    ),
    Row(name="empty_body", verdict=Verdict.UNKNOWN, shapes=frozenset({Shape.EMPTY}), why="§11.4: unreadable"),
    Row(
        name="markup_body",
        verdict=Verdict.UNKNOWN,
        shapes=frozenset({Shape.MARKUP}),
        why="§11.4: a fault or page of what stands in front; the platform may have it",
    ),
    Row(
        name="unreadable_body",
        verdict=Verdict.UNKNOWN,
        shapes=frozenset({Shape.UNREADABLE}),
        why="§11.4: not JSON, or JSON that two readers read differently",
    ),
    Row(
        name="uncoded_body",
        verdict=Verdict.UNKNOWN,
        shapes=frozenset({Shape.UNCODED}),
        why="§5.3: neither MaLoi nor a wrapper that says success",
    ),
    _row(
        "other_payment", Verdict.UNKNOWN, "§5.6: an answer about another payment says nothing of this", OTHER
    ),
    _row(
        "unproved_answer", Verdict.UNKNOWN, "§14 U2: response_mac demands a check code that holds", UNPROVED
    ),
    _row("init_accepted", Verdict.ACCEPTED, "§5.3", INIT, codes="success_codes"),
    _row(
        "init_foreign_url",
        Verdict.UNKNOWN,
        "§5.3: no payer is sent to a host that is not on the list; the platform has it all the same",
        INIT_FOREIGN,
        codes="success_codes",
    ),
    _row(
        "init_without_url",
        Verdict.UNKNOWN,
        "§5.3: success needs an address",
        INIT_BARE,
        codes="success_codes",
    ),
    _row(
        "init_refused",
        Verdict.REFUSED,
        "§14 U8: a code that the operator has named as a sure refusal",
        *_INITS,
        codes="refusal_codes",
    ),
    _row("init_error", Verdict.UNKNOWN, "§5.3, §11.4: any other code; the platform is asked first", *_INITS),
    _row("query_paid", Verdict.PAID, "§5.6: 00 and 1", QUERY_PAID, codes="success_codes"),
    _row("query_pending", Verdict.PENDING, "§5.6: 00 and 3", QUERY_PENDING, codes="success_codes"),
    _row("query_failed", Verdict.FAILED, "§5.6: 00 and 4", QUERY_FAILED, codes="success_codes"),
    _row(
        "query_strange",
        Verdict.STRANGE,
        "§5.6, U9: 00 and another state; as 3, and told",
        QUERY_STRANGE,
        codes="success_codes",
    ),
    Row(
        name="query_not_answered",
        verdict=Verdict.ABSENT,
        why="§5.6: the question itself failed (not found, bad code, system); never a payment's result",
    ),
)

RESPONSES = ResponseTable(name="payment_platform", clause="payment_platform §5.3, §5.6, §11.4", rows=_ROWS)
WORD_LISTS = ("success_codes", "refusal_codes")
ABSENT_CODES = tuple(row.name for row in _ROWS if row.verdict is Verdict.ABSENT)
