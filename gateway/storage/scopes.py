"""What a client may be allowed to do, one by one (scopes) and by the work it does (roles).

Invariant: the auditor's role has no scope that changes anything but what is logged of its reading; no single role has both
what makes clients and what moves dossiers or money.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """What a client may be allowed to do; everything else is refused."""

    DOSSIERS_WRITE = "dossiers:write"
    DOSSIERS_READ = "dossiers:read"
    PERSONAL_READ = "personal:read"
    DELIVERIES_READ = "deliveries:read"
    DELIVERIES_OPERATE = "deliveries:operate"
    PAYMENTS_READ = "payments:read"
    PAYMENTS_WRITE = "payments:write"
    PAYMENTS_APPROVE = "payments:approve"
    APPROVALS_READ = "approvals:read"
    APPROVALS_DECIDE = "approvals:decide"
    MESSAGES_READ = "messages:read"
    LOG_READ = "log:read"
    LOG_WITNESS = "log:witness"
    EVENTS_READ = "events:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_MANAGE = "webhooks:manage"
    DESTINATIONS_OPERATE = "destinations:operate"
    JOBS_OPERATE = "jobs:operate"
    METRICS_READ = "metrics:read"
    CLIENTS_READ = "clients:read"
    CLIENTS_MANAGE = "clients:manage"


class Role(StrEnum):
    """What a client is for."""

    SUBMITTER = "submitter"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


_S = Scope
READING = frozenset(
    {
        *(_S.DOSSIERS_READ, _S.PERSONAL_READ, _S.DELIVERIES_READ, _S.PAYMENTS_READ, _S.APPROVALS_READ),
        *(_S.MESSAGES_READ, _S.LOG_READ, _S.EVENTS_READ, _S.WEBHOOKS_READ, _S.METRICS_READ, _S.CLIENTS_READ),
    }
)
"""Everything that changes nothing."""
ROLES: dict[Role, frozenset[Scope]] = {
    Role.SUBMITTER: frozenset(
        {
            *(_S.DOSSIERS_WRITE, _S.DOSSIERS_READ, _S.PERSONAL_READ, _S.DELIVERIES_READ),
            *(_S.PAYMENTS_READ, _S.PAYMENTS_WRITE, _S.EVENTS_READ),
        }
    ),
    Role.OPERATOR: READING - {_S.CLIENTS_READ}
    | {
        *(_S.DELIVERIES_OPERATE, _S.DESTINATIONS_OPERATE, _S.JOBS_OPERATE, _S.APPROVALS_DECIDE),
        *(_S.PAYMENTS_WRITE, _S.PAYMENTS_APPROVE),
    },
    Role.AUDITOR: READING,
    Role.ADMINISTRATOR: frozenset(
        {
            *(_S.CLIENTS_READ, _S.CLIENTS_MANAGE, _S.WEBHOOKS_READ, _S.WEBHOOKS_MANAGE, _S.METRICS_READ),
            *(_S.APPROVALS_READ, _S.DELIVERIES_READ, _S.LOG_READ),
        }
    ),
}
IMPLIED: dict[Scope, frozenset[Scope]] = {
    _S.WEBHOOKS_MANAGE: frozenset({_S.WEBHOOKS_READ}),
    _S.CLIENTS_MANAGE: frozenset({_S.CLIENTS_READ}),
    _S.APPROVALS_DECIDE: frozenset({_S.APPROVALS_READ}),
    _S.PAYMENTS_APPROVE: frozenset({_S.APPROVALS_READ}),
}
_ROLE = "role:"
_SCOPES = {scope.value: scope for scope in Scope}
_NAMED = {_ROLE + role.value: role for role in Role}


def allowed(words: Iterable[str]) -> frozenset[Scope]:
    """The scopes that ``words`` (scopes, and roles as ``role:auditor``) give; what this release does not know gives
    nothing."""
    listed = list(words)
    given = {_SCOPES[word] for word in listed if word in _SCOPES}.union(
        *(ROLES[role] for role in roles(listed))
    )
    return frozenset(given.union(*(IMPLIED.get(scope, frozenset()) for scope in given)))


def roles(words: Iterable[str]) -> frozenset[Role]:
    """The roles among ``words``."""
    return frozenset(_NAMED[word] for word in words if word in _NAMED)


def joined(scopes: Iterable[Scope], named: Iterable[Role] = ()) -> str:
    """Scopes and roles as a row keeps them."""
    return " ".join([*sorted(_ROLE + role for role in named), *sorted(scopes)])
