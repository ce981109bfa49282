"""Judging everything again, after a change of the calendar or of a rule.

Three rounds: versions whose accounts were never kept are handed to the assessor; dossiers that could not be judged are
tried again; every dossier that other rules or another calendar judged is judged anew. Cheap when nothing has changed,
so it runs every night. Invariants: no promise that the one-door system declared is moved; a dossier that is judged by
its assessor meanwhile is left to it; an interrupted run goes on from its last dossier.
"""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Sequence

import msgspec
import structlog

from gateway.codec import trusted
from gateway.deadlines.account import Account, account_of
from gateway.domain.dossier import Dossier
from gateway.domain.job import Job, Parameter, RunContext, Summary
from gateway.statussync.desk import Desk
from gateway.statussync.judgement import ASSESSMENT_FAILED, Bench, judge_again
from gateway.statussync.periods import refreshed
from gateway.statussync.rules import Rules
from gateway.storage import queries_standings
from gateway.storage.database import Transaction
from gateway.storage.standings import (
    Adopted,
    Refreshed,
    StandingRow,
    adopt_versions,
    record_assessments,
    refresh_standings,
)

log = structlog.get_logger(__name__)
NAME = "reassess"
AT_ONCE = 500
WRITTEN_AT_ONCE = 100  # on SQLite statements run on the event loop, which others need
_accounts = msgspec.json.Decoder(Account)
_dossiers = trusted.decoder(Dossier)


class Reassessment:
    """The job."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def job(self) -> Job:
        """Every night, and on demand after a change."""
        return Job(
            name=NAME,
            title="Judge deadlines again",
            title_vi="Tính lại thời hạn hồ sơ",
            run=self.run,
            cron="30 2 * * *",
            parameters=(
                Parameter(
                    name="scope",
                    help="changed: what other rules or another calendar judged; all: everything, from its first version",
                    pattern="changed|all",
                    default="changed",
                ),
            ),
            can_dry_run=True,
        )

    async def run(self, context: RunContext) -> Summary:
        """Judge again; the counts. The watermark is the last dossier that is done with."""
        counted: Counter[str] = Counter()
        if context.watermark is None and not context.dry_run:
            counted["adopted"] = await self._adopt()
            counted["tried_again"] = await self._try_again()
        total = await self._desk.database.read(queries_standings.count_open)
        after, done = context.watermark or "", 0
        everything = context.parameters.get("scope") == "all"
        while page := await self._desk.database.read(
            functools.partial(queries_standings.page, after=after, most=AT_ONCE)
        ):
            counted.update(await self._judge(page, everything=everything, dry_run=context.dry_run))
            after = page[-1][0].dossier_code
            done += len(page)
            await context.report(done, total=max(total, done), watermark=None if context.dry_run else after)
        if not context.dry_run:
            await context.report(done, total=done, watermark="")
        return {"looked_at": done, **counted}

    async def _judge(
        self, page: Sequence[tuple[StandingRow, bytes | None]], *, everything: bool, dry_run: bool
    ) -> Counter[str]:
        """Judge a page anew: lightly where only the class can change, else from the first version on."""
        rules = self._desk.rules
        stale = [(row, account) for row, account in page if everything or not _is_current(row, rules)]
        deep = [row for row, account in stale if everything or _has_checks(account, rules)]
        chosen = {row.id for row in deep}
        light = [row for row, _ in stale if row.id not in chosen]
        if not dry_run:
            await self._refresh(light)
            await self._replay([row.dossier_code for row in deep])
        return Counter(judged_again=len(light), judged_from_the_start=len(deep))

    async def _refresh(self, rows: Sequence[StandingRow]) -> None:
        now, rules = self._desk.now(), self._desk.rules
        for start in range(0, len(rows), WRITTEN_AT_ONCE):
            items = [refreshed(row, now, rules) for row in rows[start : start + WRITTEN_AT_ONCE]]
            await self._desk.database.write(functools.partial(_write, items))

    async def _replay(self, codes: Sequence[str]) -> None:
        """Everything that was ever said, judged again in its order."""
        if not codes:
            return
        database, bench = self._desk.database, self._bench(await self._desk.start())
        said = await database.read(functools.partial(queries_standings.judged_versions, codes=codes))
        known = await database.read(functools.partial(queries_standings.known, codes=codes))
        for start in range(0, len(codes), WRITTEN_AT_ONCE):
            items = [
                judge_again(bench, code, said[code], known[code])
                for code in codes[start : start + WRITTEN_AT_ONCE]
                if code in said
            ]
            await asyncio.gather(
                *(database.apply(record_assessments, item) for item in items if item.standings)
            )

    async def _try_again(self) -> int:
        """Dossiers with a version that could not be judged; the defect may be gone with this release."""
        after, count = 0, 0
        while found := await self._desk.database.read(
            functools.partial(queries_standings.unjudged, kind=ASSESSMENT_FAILED, after=after, most=AT_ONCE)
        ):
            after = found[-1][0]
            codes = sorted({code for _, code in found})
            await self._replay(codes)
            count += len(codes)
        return count

    async def _adopt(self) -> int:
        """Dossiers that were stored by a release that kept no accounts."""
        after, count = "", 0
        while found := await self._desk.database.read(
            functools.partial(queries_standings.without_account, after=after, most=AT_ONCE)
        ):
            after = found[-1][0]
            items = [
                item for code, at, record in found if (item := self._adopted(code, at, record)) is not None
            ]
            await self._desk.database.write(functools.partial(_adopt, items))
            count += len(items)
        return count

    def _adopted(self, code: str, at: int, record: bytes) -> Adopted | None:
        try:
            account = account_of(_dossiers.decode(record))
        except (msgspec.DecodeError, ValueError):
            log.exception("record_could_not_be_read", dossier=code)
            return None
        return Adopted(
            id=self._desk.database.identifiers.next(),
            dossier_code=code,
            version=account.version,
            at=at,
            account=msgspec.json.encode(account),
        )

    def _bench(self, start: int | None) -> Bench:
        return Bench(
            rules=self._desk.rules,
            now=self._desk.now(),
            identifier=self._desk.database.identifiers.next,
            start=start,
        )


def _is_current(row: StandingRow, rules: Rules) -> bool:
    """Whether ``row`` was judged by these rules and this calendar."""
    return (
        row.rule_version == rules.version
        and row.calendar_version == rules.calendar_of(row.agency_code).version
    )


def _has_checks(account: bytes | None, rules: Rules) -> bool:
    """Whether the calendar decides more than the class: papers, supplements, a known duration (R5, R12, R15)."""
    if account is None:
        return False
    try:
        said = _accounts.decode(account)
    except msgspec.DecodeError:
        return False  # its own judgement has said so
    return bool(said.supplements or said.reappointments or rules.policy_of(said).duration is not None)


def _write(items: Sequence[Refreshed], transaction: Transaction) -> None:
    refresh_standings(transaction, items)


def _adopt(items: Sequence[Adopted], transaction: Transaction) -> None:
    adopt_versions(transaction, items)
