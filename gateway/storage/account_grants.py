"""Roles that whoever gives them does not have: given with the word of a second person (four eyes).

Invariant: rights grow beyond the giver's own only by an approval of exactly these roles for exactly this account; the
account itself is nobody's second person (``gateway.storage.approvals``). Nobody makes its own second person: the right to
decide about roles is never given by one person alone, either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gateway.domain.errors import ApprovalRequired, ConflictError
from gateway.storage.account_orders import AccountDone, AddAccount, SetRoles, manage_account, target_of
from gateway.storage.accounts import require_account, scopes_of
from gateway.storage.approvals import Wanted, approved
from gateway.storage.oversight import Dangerous
from gateway.storage.scopes import Role, Scope

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


def lacking(named: frozenset[Role], own: frozenset[Scope]) -> frozenset[Role]:
    """The roles among ``named`` that somebody with the rights ``own`` does not give alone."""
    given = {role: scopes_of(frozenset({role})) for role in named}
    return frozenset(
        role for role, scopes in given.items() if not scopes <= own or Scope.CLIENTS_MANAGE in scopes
    )


def give_roles(
    transaction: Transaction, order: SetRoles, own: frozenset[Scope]
) -> AccountDone | ApprovalRequired:
    """Change roles in the name of somebody with the rights ``own``; return ApprovalRequired from the unit, so that the
    request is kept. ConflictError, NotFoundError."""
    found = require_account(transaction, order.account)
    more = scopes_of(order.roles) - found.scopes
    if more <= own and Scope.CLIENTS_MANAGE not in more:
        return manage_account(transaction, order)
    permit = approved(
        transaction,
        Wanted(
            actor=order.actor,
            reason=order.reason,
            now=order.now,
            action=Dangerous.GRANT,
            target=target_of(order.account),
            parameters={
                "account": order.account,
                "roles": sorted(order.roles),
                "before": sorted(found.roles),
            },
        ),
    )
    if isinstance(permit, ApprovalRequired):
        return permit
    return manage_account(transaction, msgspec.structs.replace(order, permit=permit.detail))


def carry_out(
    transaction: Transaction, order: SetRoles, before: frozenset[Role]
) -> AccountDone | ApprovalRequired:
    """Give the roles that were approved for an account that had ``before``. ConflictError: it has others now."""
    found = require_account(transaction, order.account)
    if found.roles != before:
        raise ConflictError(
            f"account {order.account} has other roles now ({', '.join(sorted(found.roles)) or 'none'}) than when it was "
            "asked for; whoever still wants it asks again"
        )
    return give_roles(transaction, order, frozenset())


def add_account(transaction: Transaction, order: AddAccount, own: frozenset[Scope]) -> AccountDone:
    """Make an account at once with those of its roles that ``own`` reaches; the others wait for a second person
    (``approval``). ConflictError."""
    new = order.new
    if not lacking(new.roles, own) or Dangerous.GRANT not in transaction.oversight.required:
        return manage_account(transaction, order)
    begun = msgspec.structs.replace(new, roles=new.roles - lacking(new.roles, own))
    done = manage_account(transaction, msgspec.structs.replace(order, new=begun, waiting=new.roles))
    wish = SetRoles(actor=order.actor, reason=order.reason, now=order.now, account=new.name, roles=new.roles)
    waits = give_roles(transaction, wish, own)
    return msgspec.structs.replace(
        done, approval=waits.approval if isinstance(waits, ApprovalRequired) else None
    )
