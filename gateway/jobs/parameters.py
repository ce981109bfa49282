"""What a run is asked for, checked against what its job declares.

Invariant: a job never sees a parameter that it did not declare, nor a value that does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from gateway.domain.errors import RecordError
from gateway.domain.job import Job, Parameter
from gateway.domain.violation import Violation, shown

MOST_PARAMETERS = 50
LONGEST_VALUE = 200


def checked(job: Job, given: Mapping[str, str], *, dry_run: bool) -> dict[str, str]:
    """The parameters of a run, with the defaults of those that were not given.

    RecordError lists everything that is wrong; pointers ``/parameters/<name>`` and ``/dry_run``.
    """
    found = [*_dry_run(job, dry_run=dry_run), *_wrong(job, given)]
    if found:
        raise RecordError(f"job {job.name} cannot be run like that", found)
    defaults = {item.name: item.default for item in job.parameters if item.default is not None}
    return {**defaults, **given}


def written(parameters: Mapping[str, str]) -> str:
    """The one text for a set of parameters: a run goes on where the last one of the same text stopped."""
    return msgspec.json.encode(parameters, order="sorted").decode()


def _dry_run(job: Job, *, dry_run: bool) -> list[Violation]:
    if not dry_run or job.can_dry_run:
        return []
    return [
        Violation(
            pointer="/dry_run",
            code="dry_run",
            got="true",
            expected="false: this job has no dry run",
            advice="leave it out",
        )
    ]


def _wrong(job: Job, given: Mapping[str, str]) -> list[Violation]:
    if len(given) > MOST_PARAMETERS:
        return [
            Violation(
                pointer="/parameters",
                code="parameters",
                got=f"{len(given)} parameters",
                expected=f"at most {MOST_PARAMETERS}",
                advice="leave out those that the job does not have",
            )
        ]
    declared = {item.name: item for item in job.parameters}
    return [fault for name, value in given.items() if (fault := _judged(name, value, declared)) is not None]


def _judged(name: str, value: str, declared: Mapping[str, Parameter]) -> Violation | None:
    pointer = f"/parameters/{shown(name).replace('~', '~0').replace('/', '~1')}"
    parameter = declared.get(name)
    if parameter is None:
        return Violation(
            pointer=pointer,
            code="unknown",
            got=shown(value),
            expected="one of " + (", ".join(sorted(declared)) or "none at all"),
            advice="remove it, or spell it as the job does",
        )
    if len(value) > LONGEST_VALUE or "\0" in value or not re.fullmatch(parameter.pattern, value):
        return Violation(
            pointer=pointer,
            code="value",
            got=shown(value),
            expected=f"{parameter.help} ({parameter.pattern}, at most {LONGEST_VALUE} characters)",
            advice="correct the value",
        )
    return None
