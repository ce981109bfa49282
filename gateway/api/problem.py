"""Refusals as problem documents (RFC 9457): one table of kinds, one way from our own faults to an answer.

Invariant: a problem says what was wrong and what to do; it never carries a stack trace, an address of a database or
another client's data.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.domain.errors import (
    ApprovalRequired,
    CannotEncode,
    ConflictError,
    GatewayError,
    NotFoundError,
    PartnerUnavailable,
    RecordError,
    StorageUnavailable,
)
from gateway.domain.violation import Violation

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:lienthong:problem:"
_INSTANCE = "urn:lienthong:request:"
STORAGE_RETRY_SECONDS = 2
# `gateway.codec.json` says with these that the bytes are no JSON document at all
_UNREADABLE = frozenset(
    {"empty", "not_json", "not_utf8", "too_deep", "too_large", "repeated_key", "not_finite"}
)


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A refusal. ``instance`` names this very answer in the log. ``error``: the code of RFC 6749 §5.2 where the
    refusal is one of the token endpoint. ``approval``: what waits for a second person."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    violations: list[Violation] = []
    error: str | None = None
    error_description: str | None = None
    approval: str | None = None


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of refusal."""

    code: str
    status: int
    title: str


KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind(code="unreadable", status=400, title="The request cannot be read"),
        Kind(code="unauthorised", status=401, title="Not known, or not known any more"),
        Kind(code="forbidden", status=403, title="Known, but not allowed to do this"),
        Kind(code="not_found", status=404, title="There is no such thing"),
        Kind(code="method_not_allowed", status=405, title="This address does not take the method"),
        Kind(code="not_acceptable", status=406, title="Nothing of what is accepted can be answered"),
        Kind(code="timeout", status=408, title="The request did not arrive in time"),
        Kind(code="conflict", status=409, title="The state does not allow it"),
        Kind(code="precondition_failed", status=412, title="It is not the version that was named"),
        Kind(code="too_large", status=413, title="The request is too large"),
        Kind(code="unsupported_media_type", status=415, title="The body's type is not taken here"),
        Kind(code="invalid", status=422, title="The request is understood and wrong"),
        # RFC 6585 §3: repeat it once the condition is fulfilled, here another person's approval
        Kind(code="approval_required", status=428, title="A second person has to approve it first"),
        Kind(code="too_many_requests", status=429, title="Too many requests"),
        Kind(code="headers_too_large", status=431, title="The header is too large"),
        Kind(code="internal", status=500, title="A fault of the gateway"),
        Kind(code="unavailable", status=503, title="Not at the moment"),
    )
}


class Refused(GatewayError):
    """The request is refused; ``kind`` and ``headers`` say how the answer looks. ``approval``: what waits for a second
    person."""

    approval: str | None = None

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        violations: Sequence[Violation] = (),
        headers: Sequence[tuple[str, str]] = (),
        error: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = KINDS[code]
        self.detail = detail
        self.violations = list(violations)
        self.headers = tuple(headers)
        self.error = error

    def document(self, correlation: str) -> Problem:
        """The problem as it is answered."""
        return Problem(
            type=_TYPE + self.kind.code,
            title=self.kind.title,
            status=self.kind.status,
            detail=self.detail,
            instance=_INSTANCE + correlation if correlation else "",
            violations=self.violations,
            error=self.error,
            error_description=self.detail if self.error else None,
            approval=self.approval,
        )


_PLAIN: tuple[tuple[type[GatewayError], str], ...] = (
    (ConflictError, "conflict"),
    (NotFoundError, "not_found"),
    (PartnerUnavailable, "unavailable"),
)


def refusal_of(fault: GatewayError) -> Refused:
    """How a fault of ours is answered."""
    match fault:
        case Refused():
            return fault
        case ApprovalRequired(approval=approval):
            refused = Refused("approval_required", str(fault))
            refused.approval = approval or None
            return refused
        case RecordError(violations=violations) | CannotEncode(violations=violations):
            return _of_record(str(fault), violations)
        case StorageUnavailable():
            retry = ("retry-after", str(STORAGE_RETRY_SECONDS))
            return Refused(
                "unavailable",
                "the database does not answer; what was asked may or may not be done, so repeat it as it is",
                headers=(retry,),
            )
        case _:
            code = next((code for kind, code in _PLAIN if isinstance(fault, kind)), None)
            return internal() if code is None else Refused(code, str(fault))


def _of_record(detail: str, violations: Sequence[Violation]) -> Refused:
    unreadable = len(violations) == 1 and not violations[0].pointer and violations[0].code in _UNREADABLE
    return Refused("unreadable" if unreadable else "invalid", detail, violations=violations)


def internal() -> Refused:
    """The answer to what should never happen; the log has the rest, under the same instance."""
    return Refused(
        "internal", "this is a defect of the gateway; tell its operators the instance of this problem"
    )


def invalid(detail: str, *violations: Violation) -> Refused:
    """The refusal of something readable and wrong."""
    return Refused("invalid", detail, violations=violations)
