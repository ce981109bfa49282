"""Instants as signatures write them (xsd:dateTime with a zone), and whether a signature is fresh.

Invariant: a signature without a time, or with one that cannot be read, is not fresh.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from gateway.signing.expectation import Expectation
from gateway.signing.findings import Examination

# xsd:dateTime; a zone is required, or the instant would depend on the reader
_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def written(instant: datetime) -> str:
    """``instant`` in UTC, to the millisecond."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def read(text: str | None) -> datetime | None:
    """The instant in ``text``, or None."""
    text = (text or "").strip()
    if not _FORM.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def judge(
    exam: Examination, created: datetime | None, expires: datetime | None, expected: Expectation
) -> None:
    """Claims that now lies between ``created`` and ``expires``, and that the signature is not older than is believed,
    whatever it says itself."""
    now, allowed = expected.now, timedelta(seconds=expected.skew)
    if created is None:
        exam.note("created", holds=False, code="time_missing", found="no readable instant")
        return
    exam.note(
        "created", created <= now + allowed, "created_in_future", f"{written(created)}, now {written(now)}"
    )
    ends = created + timedelta(seconds=expected.lifetime)
    if expires is not None:
        exam.note(
            "lifetime", expires >= created, "time_reversed", f"from {written(created)} to {written(expires)}"
        )
        ends = min(ends, expires)
    exam.note("expires", now <= ends + allowed, "expired", f"{written(ends)}, now {written(now)}")
