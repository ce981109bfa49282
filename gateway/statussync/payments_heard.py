"""Which payments a version of a dossier is judged with: those that we had heard of by then.

Pure. Invariant: the same versions and payments give the same accounts, whether they are judged one by one as they come
in or all again from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.deadlines.account import Account
from gateway.deadlines.instants import from_micros, to_micros
from gateway.deadlines.paid import Payment, resumed, undated
from gateway.statussync.rules import Rules
from gateway.storage.payment_clock import PaymentRow
from gateway.storage.queries_standings import Known, VersionRow

_accounts = msgspec.json.Decoder(Account)


class Payments:
    """The payments of one dossier, while its versions are heard. ``unassessed``: settlements judged for the first
    time."""

    def __init__(self, known: Known, rules: Rules) -> None:
        self._rules = rules
        rows = [row for row in known.payments if row.clears]
        self._cleared = [_payment(row) for row in rows]
        self._judged = [_payment(row) for row in rows if row.assessed]
        self._fresh = [_payment(row) for row in rows if not row.assessed]
        self.unassessed = tuple(row.settlement for row in known.payments if not row.assessed)
        last = known.said[-1] if known.said else None
        self._version = None if last is None else last.id
        self._said_at = None if last is None else from_micros(last.at)
        self._waiting_since = self._first_told(known.said) if self._cleared else None

    def before(self, account: Account) -> Account:
        """The ``account`` that the open period rests on, as it was judged then."""
        return self._resumed(account, self._judged, unsaid=True)

    def within(self, account: Account, version: VersionRow) -> Account:
        """The account of ``version``, heard now, as it is judged."""
        if not self._cleared:
            return account
        self._hear(account, version)
        return self._resumed(account, self._heard_by(version), unsaid=False)

    def heard(self, account: Account, version: VersionRow) -> Account:
        """The account of ``version`` as what comes next is compared with it."""
        return self._resumed(account, self._heard_by(version), unsaid=True)

    def news(self, after: int | None) -> int | None:
        """When we heard of the last payment ``after`` that instant (None: that was never judged); None: of none."""
        payments = self._fresh if after is None else self._cleared
        heard = [to_micros(payment.heard_at) for payment in payments]
        return max((at for at in heard if after is None or at > after), default=None)

    def _hear(self, account: Account, version: VersionRow) -> None:
        if version.id != self._version:  # else the same one once more
            self._version, self._said_at = version.id, from_micros(version.at)
        if not undated(account, self._rules.policy_of(account)):
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = from_micros(version.at)

    def _heard_by(self, version: VersionRow) -> list[Payment]:
        at = from_micros(version.at)
        return [payment for payment in self._cleared if payment.heard_at <= at]

    def _resumed(self, account: Account, payments: Sequence[Payment], *, unsaid: bool) -> Account:
        if not self._cleared:
            return account
        return resumed(
            account,
            payments,
            self._rules.policy_of(account),
            waiting_since=self._waiting_since,
            said_at=self._said_at if unsaid else None,
        )

    def _first_told(self, said: Sequence[VersionRow]) -> datetime | None:
        """Since when versions without a break have told of a wait that they do not date."""
        first = None
        for version in reversed(said):
            try:
                account = _accounts.decode(version.account)
                if not undated(account, self._rules.policy_of(account)):
                    break
            except (msgspec.DecodeError, ValueError):
                break  # it could not be judged either
            first = from_micros(version.at)
        return first


def _payment(row: PaymentRow) -> Payment:
    return Payment(at=from_micros(row.paid_at), heard_at=from_micros(row.heard_at))
