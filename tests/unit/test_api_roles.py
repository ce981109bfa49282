"""Roles, each on every address: what it opens, and that an auditor changes nothing."""

import pytest

from gateway.api.table import ROUTES
from gateway.storage.clients import NewClient, create_client
from gateway.storage.scopes import READING, ROLES, Role, Scope, allowed, joined, roles
from tests.unit.test_api_access import address, world  # noqa: F401 - the fixture

READS = frozenset({"GET"})
CLOSED = {
    Role.SUBMITTER: ("/v1/clients", "/v1/messages", "/v1/approvals", "/v1/webhooks", "/v1/log"),
    Role.OPERATOR: ("/v1/clients",),
    Role.AUDITOR: (),
    Role.ADMINISTRATOR: ("/v1/messages", "/v1/dossiers", "/v1/payments", "/v1/refunds"),
}
OPEN = [row for row in ROUTES if row.scope is not None]


@pytest.mark.parametrize("role", Role)
async def test_role_opens_exactly_the_addresses_of_its_scopes(world, role):  # noqa: F811 - the fixture
    new = NewClient(id=f"a-{role}", name=role, roles=frozenset({role}))
    issued = await world.gateway.database.write(lambda tx: create_client(tx, new, world.gateway.hub.clock()))
    world.keys[role] = issued.secret

    for row in OPEN:
        answer = await world.call(
            row.method, address(row), client=role, headers={"content-type": "text/none"}
        )
        assert (answer.status_code == 403) == (row.scope not in ROLES[role]), (row.method, row.path)


# they make or check a proof; what they leave behind is who asked for it, and why
PROVING = {"export_evidence", "verify_evidence", "verify_log"}


@pytest.mark.parametrize("row", OPEN, ids=lambda row: f"{row.method} {row.path}")
def test_auditor_reads_everything_and_changes_nothing(row):
    assert (row.scope in ROLES[Role.AUDITOR]) == (row.method in READS or row.name in PROVING)


@pytest.mark.parametrize("role", Role)
def test_role_does_not_reach_what_is_none_of_its_business(role):
    reached = {row.path for row in OPEN if row.scope in ROLES[role]}

    assert not [path for path in reached if path.startswith(CLOSED[role])]


def test_every_scope_is_of_some_role_or_a_machines():
    assert set(Scope) - frozenset().union(*ROLES.values()) == {Scope.LOG_WITNESS}


def test_who_makes_clients_moves_neither_dossiers_nor_money():
    moving = {Scope.DELIVERIES_OPERATE, Scope.PAYMENTS_WRITE, Scope.PAYMENTS_APPROVE, Scope.APPROVALS_DECIDE}

    for role, scopes in ROLES.items():
        assert Scope.CLIENTS_MANAGE not in scopes or not moving & scopes, role


def test_what_only_reads_is_what_an_auditor_has():
    assert {row.scope for row in OPEN if row.method == "GET"} | {
        Scope.PERSONAL_READ,
        Scope.METRICS_READ,
    } == READING


def test_roles_are_kept_with_scopes_and_unknown_words_allow_nothing():
    words = joined({Scope.METRICS_READ}, {Role.AUDITOR}).split()

    assert roles(words) == {Role.AUDITOR}
    assert allowed(words) == READING
    assert allowed(["role:emperor", "everything:write"]) == frozenset()
