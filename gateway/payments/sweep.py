"""The job ``payment-sweep``: every attempt that is due is asked about.

State is in the rows: an attempt whose time has come is asked, and its answer says when it is asked next. Invariants: a
failed answer stops nobody else's question and is never remembered as a result; a dry run changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gateway.domain.job import Job, Parameter, RunContext, Summary
from gateway.payments.questions import Questions
from gateway.storage.database import Database

PARAMETERS = (
    Parameter(name="destination", help="only this destination", pattern=r"[^\s]{1,100}"),
    Parameter(name="concurrency", help="questions at once", pattern="[1-9][0-9]?", default="4"),
    Parameter(name="limit", help="at most so many questions", pattern="[1-9][0-9]{0,6}", default="2000"),
)


class Sweep:
    """Asks about what is due."""

    def __init__(self, database: Database, questions: Questions, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._questions = questions
        self._clock = clock

    def job(self) -> Job:
        """The job, for the list of all jobs."""
        return Job(
            name="payment-sweep",
            title="Ask the payment platform about payments without a result",
            title_vi="Hỏi lại nền tảng thanh toán về giao dịch chưa có kết quả",
            run=self.run,
            cron="* * * * *",
            parameters=PARAMETERS,
            can_dry_run=True,
        )

    async def run(self, context: RunContext) -> Summary:
        """One sweep: ask about everything that is due, once."""
        raise NotImplementedError
