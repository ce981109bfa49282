"""When an attempt is asked about: the schedule of payment_platform §11.6, as pure functions.

Invariant: an attempt that could still be paid is asked about until somebody has said how it ended or until a person must
look; a question that failed is asked again soon, and never ends anything. Instants in microseconds.
"""

from __future__ import annotations

from gateway.domain.payment import ENDED, OPEN, AttemptState
from gateway.port import PaymentTerms

SECOND = 1_000_000
RETRY_SECONDS = 300.0


def next_question(terms: PaymentTerms, state: AttemptState, since: int, now: int) -> int | None:
    """When to ask next, after an answer at ``now``; None: nobody is asked by itself any more.

    ``since``: when the payer could first pay, or when the attempt ended, which is watched for as long (§11.4).
    """
    if state in OPEN:
        steps = (since + round(step * SECOND) for step in terms.schedule)
        planned = next((step for step in steps if step > now), None)
    elif state in ENDED:
        planned = None
    else:
        return None  # settled, or a person decides
    if planned is None and now < since + round(terms.until * SECOND):
        planned = now + round(terms.every * SECOND)
    return planned


def ask_again(terms: PaymentTerms, state: AttemptState, since: int, now: int) -> int | None:
    """When to ask next, after a question at ``now`` that got no usable answer."""
    if state not in OPEN | ENDED:
        return None
    planned = next_question(terms, state, since, now)
    if planned is None:  # past the schedule's end, and still nobody has answered: silence is no answer
        return now + round(terms.every * SECOND)
    return min(planned, now + round(min(RETRY_SECONDS, terms.every) * SECOND))
