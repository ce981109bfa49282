"""Which kind of trouble an attempt met, in a director's terms: a table over the codes of attempts.

Invariant: a code that the table does not know is counted as other, never dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from gateway.storage.tallies import AttemptCount, DoubtCount

_KIND: dict[str, str] = {
    "not_sent": "no_connection",
    "timeout": "no_answer",
    "connection_lost": "no_answer",
    "answer_broken": "no_answer",
    "answer_too_slow": "no_answer",
    "answer_too_large": "no_answer",
    "worker_lost": "no_answer",
    "http_too_many": "busy",
    "http_unavailable_until": "busy",
    "transient_code": "busy",
    "transient_text": "busy",
    "failed_try_later": "busy",
    "http_other": "broken_page",
    "http_not_reached": "broken_page",
    "markup_body": "broken_page",
    "empty_body": "unreadable",
    "unreadable_body": "unreadable",
    "uncoded_body": "unreadable",
    "session_code": "session",
    "session_text": "session",
    "http_unauthorized": "session",
    "token_text": "session",
    "exists": "turned",
    "missing": "turned",
    "batch_refused": "refused",
    "dossier_unknown": "refused",
    "technical_text": "technical",
    "partly_done": "technical",
    "success_with_other_text": "technical",
    "duplicate_update_success": "technical",
}
KINDS = tuple(dict.fromkeys(_KIND.values()))


class Doubts(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries that were in doubt, by how that ended."""

    found: int = 0
    resent: int = 0
    replaced: int = 0
    open: int = 0

    @property
    def settled(self) -> int:
        """How many are settled."""
        return self.found + self.resent + self.replaced


def troubles(attempts: Iterable[AttemptCount]) -> dict[str, int]:
    """Attempts to send that did not end in an acceptance, by kind, the most frequent first."""
    found: Counter[str] = Counter()
    for each in attempts:
        if each.kind == "send" and each.outcome != "accepted":
            found[_KIND.get(each.code, "other")] += each.count
    return dict(found.most_common())


def calls(attempts: Iterable[AttemptCount]) -> int:
    """Every call about a dossier, questions included."""
    return sum(each.count for each in attempts)


ENDINGS = Doubts.__struct_fields__


def settled_doubts(rows: Iterable[DoubtCount]) -> Doubts:
    """How doubts ended."""
    found: Counter[str] = Counter()
    for row in rows:
        found[_ending(row)] += row.count
    return Doubts(**found)


def _ending(row: DoubtCount) -> str:
    match row.state, row.code:
        case "delivered", "found_at_partner":
            return "found"
        case "delivered", _:
            return "resent"
        case "superseded", _:
            return "replaced"
        case _:
            return "open"
