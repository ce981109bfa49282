"""Everything that can be done with payments, in one place, as ``Gateway.payments`` hands it out.

Invariant: the parts share one database, one clock and one set of destinations; none of them settles by itself.
"""

from __future__ import annotations

import msgspec

from gateway.payments.cashier import Cashier
from gateway.payments.desk import PaymentDesk
from gateway.payments.gauges import PaymentGauges
from gateway.payments.questions import Questions
from gateway.payments.receipts import Receipts
from gateway.payments.reconcile import Reconciliation
from gateway.payments.sweep import Sweep
from gateway.rounds.following import Follower


class Payments(msgspec.Struct, frozen=True, kw_only=True):
    """``cashier`` asks for money, ``desk`` takes people's orders, ``follower`` learns what became of INIT, ``questions``
    asks the platform about one attempt, ``sweep`` about all that have waited long enough, ``receipts`` fetches them,
    ``reconciliation`` compares the books; ``gauges`` count."""

    cashier: Cashier
    desk: PaymentDesk
    follower: Follower[int]
    questions: Questions
    sweep: Sweep
    receipts: Receipts
    reconciliation: Reconciliation
    gauges: PaymentGauges
