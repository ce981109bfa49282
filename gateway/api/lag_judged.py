"""One judgement of the lag for everybody who asks about the same days within a moment: report, list, front page.

Invariant: what is shown beside each other was judged at once, so the list has as many dossiers as the report counts.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from gateway.statussync.lag_report import lag_of
from gateway.statussync.lag_views import Lag, Query

if TYPE_CHECKING:
    from gateway.api.service import Api


async def judged_lag(api: Api, question: Query, *, max_age: float) -> Lag:
    """The lag of the days of ``question``, judged at most ``max_age`` seconds ago. Raises StorageUnavailable."""
    same = ("lag", *question.destinations, question.first, question.last)
    compute = functools.partial(api.compute, functools.partial(lag_of, query=question))
    found: Lag = await api.recent.get(same, max_age, compute)
    return found
