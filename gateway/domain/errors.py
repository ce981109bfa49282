"""Our own faults, named by what the caller must do.

    GatewayError
    ├── ConfigurationError     change the configuration, then start again
    ├── RecordError            change the record (carries every violation found)
    ├── ConflictError          read the current state, then decide again
    │   └── ApprovalRequired   have somebody else approve it, then ask again
    ├── NotFoundError          check the identifier
    ├── CannotEncode           change the record or the mapping table; nothing was sent
    ├── LeaseLost              stop work on the lane: somebody else owns it
    ├── PartnerUnavailable     wait; what was done so far is kept, and can be gone on with
    └── StorageUnavailable     wait; nothing was accepted, nothing was sent

What a *partner* answers is never an exception: see ``gateway.domain.outcome``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.domain.violation import Violation


FILE = "file"
"""What ``CannotEncode.missing`` calls a file whose bytes are needed."""


class GatewayError(Exception):
    """Any fault of our own; the message says what, which dossier or row, and what to do."""


class ConfigurationError(GatewayError):
    """The configuration cannot be used as it is; the message names the key and the cure."""


class RecordError(GatewayError):
    """A record cannot be accepted; ``violations`` lists everything that is wrong with it."""

    def __init__(self, message: str, violations: Sequence[Violation] = ()) -> None:
        super().__init__(message)
        self.violations = tuple(violations)


class ConflictError(GatewayError):
    """The state has moved on (version, idempotency key, illegal move); read it and decide again."""


class ApprovalRequired(ConflictError):
    """It needs a second person, and waits for one as ``approval`` (empty: nobody was asked yet); nothing was done."""

    def __init__(self, message: str, approval: str = "") -> None:
        super().__init__(message)
        self.approval = approval


class NotFoundError(GatewayError):
    """There is no such thing; check the identifier."""


class CannotEncode(GatewayError):
    """A delivery cannot be put into the partner's format; nothing was sent and no attempt was spent.

    ``missing``: (catalogue, parameters) of reference data that may make it possible; the hub fetches it and tries
    once more. A file's bytes are asked for in the same way, as (``FILE``, parameters): ``sha256`` (lower-case) and
    ``url``, and where they are known ``size`` and ``most`` (the largest that the partner takes), in bytes as decimal
    text.
    """

    def __init__(
        self,
        message: str,
        violations: Sequence[Violation] = (),
        *,
        missing: Sequence[tuple[str, Mapping[str, str]]] = (),
    ) -> None:
        super().__init__(message)
        self.violations = tuple(violations)
        self.missing = tuple(missing)


class LeaseLost(GatewayError):
    """The lane was taken over by another worker; drop it without touching anything."""


class PartnerUnavailable(GatewayError):
    """A partner does not answer questions; wait, then go on where the work stopped."""


class StorageUnavailable(GatewayError):
    """The database did not answer; whether the last write took effect is unknown, so repeat it by its key."""
