"""One dossier's new versions judged in their order, as rows to be written.

Pure apart from the identifiers that it is lent. Invariants: a version that cannot be judged is said to be so and costs
neither the versions after it nor other dossiers anything; what was told before is not told again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog

from gateway.deadlines.account import Account
from gateway.deadlines.classes import Flag
from gateway.deadlines.history import assess
from gateway.deadlines.instants import from_micros, maybe_from_micros, maybe_micros
from gateway.deadlines.standing import Anomaly, Cause, DueChange, Standing
from gateway.statussync.payments_heard import Payments
from gateway.statussync.periods import followed, look_at, period_of, standing_of, written_flags
from gateway.statussync.risk import urgency
from gateway.statussync.rules import Rules
from gateway.storage.queries_standings import Known, VersionRow
from gateway.storage.rows import EventRow
from gateway.storage.standings import AnomalyRow, Assessed, DueChangeRow, StandingRow

log = structlog.get_logger(__name__)
ASSESSMENT_FAILED = "ASSESSMENT_FAILED"
_accounts = msgspec.json.Decoder(Account)


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What judging needs besides the dossier: the rules, the instant, identifiers.

    ``start``: before it nobody had to synchronise anything; None: it always was so.
    """

    rules: Rules
    now: int
    identifier: Callable[[], int]
    start: int | None = None


def read_account(version: VersionRow) -> Account:
    """What a stored version says about time. Raises msgspec.DecodeError when it cannot be read."""
    return _accounts.decode(version.account)


def judge_versions(bench: Bench, code: str, versions: Sequence[VersionRow], known: Known) -> Assessed:
    """Everything that ``versions``, in their order, make of dossier ``code``, of which ``known`` is written.

    A payment that was heard of after the last version makes that version be judged once more: the wait that it tells
    of is over.
    """
    try:
        judging = _Judging(bench, code, known)
        for version in versions:
            judging.hear_or_fail(version)
        if (last := versions[-1] if versions else next(reversed(known.said), None)) is not None:
            judging.hear_payments(last, whole=bool(versions))
        return judging.result(versions)
    except Exception:  # why: what is known of one dossier must not stop the others, whatever is wrong with it
        log.exception("assessment_failed", dossier=code)
        return failed(bench, code, versions, known)


def judge_again(bench: Bench, code: str, versions: Sequence[VersionRow], known: Known) -> Assessed:
    """Everything that was judged of a dossier, judged from the start; what was told stays told.

    No standings when it cannot be judged: then what is written stays.
    """
    fresh = msgspec.structs.replace(known, standing=None, account=None, said=())
    found = judge_versions(bench, code, versions, fresh)
    basis = None if known.standing is None else known.standing.id
    return msgspec.structs.replace(found, basis=basis, versions=(), whole=True)


def failed(bench: Bench, code: str, versions: Sequence[VersionRow], known: Known) -> Assessed:
    """``versions`` as ones that could not be judged: done with, and said to be so."""
    judging = _Judging(bench, code, msgspec.structs.replace(known, standing=None, account=None))
    for version in versions:
        judging.fail(version)
    basis = None if known.standing is None else known.standing.id
    return msgspec.structs.replace(judging.result(versions), basis=basis)


class _Judging:
    """One dossier at work: what was known, and what has come since."""

    def __init__(self, bench: Bench, code: str, known: Known) -> None:
        self._bench = bench
        self._code = code
        self._basis = known.standing
        self._before = None if known.standing is None else standing_of(known.standing)
        self._payments = Payments(known, bench.rules)
        self._earlier = (
            None if known.account is None else self._payments.before(_accounts.decode(known.account))
        )
        self._told = set(known.due_changes)
        self._noted = set(known.anomalies)
        self._periods: list[StandingRow] = []
        self._changes: list[DueChangeRow] = []
        self._anomalies: list[AnomalyRow] = []
        self._events: list[EventRow] = []

    def hear_or_fail(self, version: VersionRow) -> None:
        """Judge one more version, or write down that it cannot be judged."""
        try:
            self.hear(version)
        except Exception:  # why: a defect about one version must not cost the next one its judgement
            log.exception("assessment_failed", dossier=self._code, version=version.version)
            self.fail(version)

    def hear(self, version: VersionRow) -> None:
        """Judge one more version; when it cannot be judged, nothing of it is kept."""
        said = read_account(version)
        rules = self._bench.rules
        account = self._payments.within(said, version)
        found = assess(
            self._before,
            account,
            heard_at=from_micros(version.at),
            policy=rules.policy_of(account),
            calendar=rules.calendar_of(account.agency_code),
            as_of=from_micros(max(self._bench.now, version.at)),
            earlier=self._earlier,
            options=rules.options,
            start=maybe_from_micros(self._bench.start),
        )
        periods = [self._period(standing) for standing in found.standings]
        changes = [self._change(version, each) for each in found.due_changes if each.key not in self._told]
        anomalies = [self._anomaly(version, each) for each in found.anomalies if each.key not in self._noted]
        self._before, self._earlier = found.now, self._payments.heard(said, version)
        self._periods = followed(self._periods, periods)
        self._keep(version, changes, anomalies)

    def hear_payments(self, last: VersionRow, *, whole: bool) -> None:
        """Judge the last version once more, if there are payments that it was not judged with."""
        at = self._payments.news(last.at if whole else None)
        if at is not None:
            self.hear_or_fail(msgspec.structs.replace(last, at=max(at, last.at)))

    def fail(self, version: VersionRow) -> None:
        """Write down that a version could not be judged, unless it is written already."""
        key = f"{ASSESSMENT_FAILED}:{version.version}"
        if key in self._noted:
            return
        row = AnomalyRow(
            **self._about(version),
            kind=ASSESSMENT_FAILED,
            field="",
            first_value=None,
            later_value=None,
            key=key,
        )
        self._keep(version, [], [row])

    def result(self, versions: Sequence[VersionRow]) -> Assessed:
        """Everything, as one item to be written."""
        last = self._periods[-1] if self._periods else None
        if last is not None:
            last = self._periods[-1] = msgspec.structs.replace(
                last, look_at=look_at(last, self._bench.now, self._bench.rules)
            )
        return Assessed(
            code=self._code,
            basis=None if self._basis is None else self._basis.id,
            versions=tuple(version.id for version in versions),
            payments=self._payments.unassessed,
            standings=tuple(self._periods),
            due_changes=tuple(self._changes),
            anomalies=tuple(self._anomalies),
            events=tuple(self._events),
            urge=None if last is None else urgency(last),
        )

    def _keep(
        self, version: VersionRow, changes: Sequence[DueChangeRow], anomalies: Sequence[AnomalyRow]
    ) -> None:
        for change in changes:
            self._told.add(change.key)
            if change.cause != Cause.FIRST:  # the first promise is no change of one
                self._tell(version, "dossier.due_changed", _told_change(change))
        for row in anomalies:
            self._noted.add(row.key)
            self._tell(version, "dossier.anomaly", {"kind": row.kind, "field": row.field})
        self._changes += changes
        self._anomalies += anomalies

    def _tell(self, version: VersionRow, kind: str, data: dict[str, Any]) -> None:
        """Events carry codes, instants and numbers of papers; never a name (national_portal §14.9)."""
        self._events.append(
            EventRow(
                id=self._bench.identifier(),
                at=self._bench.now,
                kind=kind,
                data=msgspec.json.encode({"version": version.version, **data}).decode(),
                dossier_code=self._code,
            )
        )

    def _about(self, version: VersionRow) -> dict[str, Any]:
        return {
            "id": self._bench.identifier(),
            "dossier_code": self._code,
            "version": version.version,
            "recorded_at": version.at,
            "message_id": version.message_id,
        }

    def _change(self, version: VersionRow, change: DueChange) -> DueChangeRow:
        return DueChangeRow(
            **self._about(version),
            old_due_at=maybe_micros(change.old_due_at),
            new_due_at=maybe_micros(change.new_due_at),
            cause=change.cause.value,
            document_number=change.document_number,
            signer=change.signer,
            issued_at=maybe_micros(change.issued_at),
            applied=change.applied,
            flags=written_flags(change.flags),
            key=change.key,
        )

    def _anomaly(self, version: VersionRow, anomaly: Anomaly) -> AnomalyRow:
        return AnomalyRow(
            **self._about(version),
            kind=anomaly.kind.value,
            field=anomaly.field,
            first_value=anomaly.first_value,
            later_value=anomaly.later_value,
            key=anomaly.key,
        )

    def _period(self, standing: Standing) -> StandingRow:
        if any(key.startswith(f"{Flag.BULK_EDIT}:") for key in self._noted):  # no version shows it by itself
            standing = msgspec.structs.replace(standing, flags=standing.flags | {Flag.BULK_EDIT})
        return period_of(
            standing, code=self._code, identifier=self._bench.identifier(), rules=self._bench.rules
        )


def _told_change(change: DueChangeRow) -> dict[str, Any]:
    return {
        "cause": change.cause,
        "applied": change.applied,
        "old_due_at": maybe_from_micros(change.old_due_at),
        "new_due_at": maybe_from_micros(change.new_due_at),
        "document_number": change.document_number,
        "issued_at": maybe_from_micros(change.issued_at),
        "flags": msgspec.Raw(change.flags.encode()),
    }
