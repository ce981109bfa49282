"""Console, API and command line do the same: every action of one has its route and its command, or a reason why not.

The tables are total: an action, a route or a command that is new has to find its place in them, or the test fails.
"""

import inspect
import sys

import typer
import typer.main

from gateway.api.table import ROUTES
from gateway.cli.main import app
from gateway.console.table import ACTIONS

BY_ACTION: dict[str, tuple[str, str]] = {
    # the action's address below /console: routes of the API that it ends in, commands
    "/log/state": ("verify_log", "log verify"),
    "/log/{message}": ("get_message", "log show"),
    "/destinations/{destination}/pause": ("pause_destination", "destinations pause"),
    "/destinations/{destination}/resume": ("resume_destination", "destinations resume"),
    "/destinations/{destination}/test": ("test_destination", "destinations test"),
    "/destinations/{destination}/refresh": ("refresh_catalogue", "destinations refresh"),
    "/failures/retry": ("start_retry_run", "retries start"),
    "/failures/begin": ("start_retry_run", "retries start"),
    "/failures/runs/{run}": (
        "pause_retry_run resume_retry_run stop_retry_run",
        "retries pause|retries resume|retries stop",
    ),
    "/deliveries/{delivery}/retry": ("retry_delivery", "deliveries retry"),
    "/deliveries/{delivery}/ask": ("ask_partner", "deliveries ask"),
    "/deliveries/{delivery}/skip": ("skip_delivery", "deliveries skip"),
    "/deliveries/{delivery}/resolve": ("resolve_delivery", "deliveries resolve"),
    "/deliveries/{delivery}/edit": ("edit_delivery", "deliveries edit"),
    "/deliveries/{delivery}/contents": ("get_message", "log show"),
    "/lanes/{destination}/{dossier}": ("hold_lane release_lane", "deliveries hold|deliveries release"),
    "/dossiers/{code}/evidence": ("export_evidence", "evidence export"),
    "/evidence": ("export_evidence", "evidence export"),
    "/dossiers/{code}": ("get_dossier", "log show"),
    "/dossiers/{code}/ask": ("start_run", "reconcile run"),
    "/dossiers/{code}/erasure": ("erase_dossier", "log erase"),
    "/payments/reconciliation/items/{item}/resolve": ("resolve_payment_item", "reconcile resolve"),
    "/payments/reconciliation/start": ("start_payment_reconciliation", "reconcile payments"),
    "/payments/reconciliation/files": ("hand_in_settlement_file", "reconcile payments"),
    "/payments/orphans/{orphan}/adopt": ("propose_decision", "payments propose"),
    "/payments/orphans/{orphan}/given-back": ("propose_decision", "payments propose"),
    "/payments/{payment}/ask": ("ask_payment", "payments ask"),
    "/payments/{payment}/receipt": ("get_receipt", "payments receipt"),
    "/payments/{payment}/receipt/fetch": ("fetch_receipt", "payments fetch-receipt"),
    "/payments/{payment}/cancel": ("cancel_payment", "payments cancel"),
    "/payments/{payment}/refund": ("request_refund", "payments refund"),
    "/payments/{payment}/decide": ("propose_decision", "payments propose"),
    "/approvals/{approval}/approve": ("approve", "approvals approve"),
    "/approvals/{approval}/decline": ("decline", "approvals decline"),
    "/grants/{approval}/approve": ("approve_grant", "approvals approve"),
    "/grants/{approval}/decline": ("decline_grant", "approvals decline"),
    "/jobs/{job}": ("start_run", "sync run"),
    "/jobs/{job}/schedule": ("set_schedule", "sync schedule"),
    "/runs/{run}": ("stop_run", "sync stop"),
    "/accounts": ("create_account", "accounts add"),
    "/accounts/{account}/roles": ("set_account_roles", "accounts roles"),
    "/accounts/{account}/password": ("set_account_password", "accounts password"),
    "/accounts/{account}/unlock": ("unlock_account", "accounts unlock"),
    "/accounts/{account}/disable": ("disable_account", "accounts disable"),
    "/accounts/{account}/enable": ("enable_account", "accounts enable"),
    "/accounts/{account}/revoke": ("revoke_account_sessions", "accounts revoke"),
    "/accounts/{account}/sessions/{session}/revoke": ("revoke_account_session", "accounts revoke"),
    "/clients/{client}/disable": ("disable_client", "clients disable"),
    "/webhooks/{webhook}/test": ("test_webhook", "webhooks test"),
    "/webhooks/{webhook}/enable": ("enable_webhook", "webhooks enable"),
    # a person's own sessions: nobody's leave is asked, and no API client has any
    "/me/revoke": ("revoke_account_sessions", "accounts revoke"),
    "/drift": ("apply_repairs", "reconcile apply"),
    "/drift/{drift}": ("tolerate_drift", "reconcile tolerate"),
}

_OWN = {"/me/revoke": "revoke_account_sessions"}
"""Asked through the same function, not the route: its scope is an administrator's."""
_PROGRAMS = (
    "is for programs: the province's own system hands dossiers in; a person at the machine uses `import`"
)
_PARTNERS = "is called by partners, each with the credentials of its own contract"
_PAYER = (
    "is the one-door's: its officer asks for the fee where the dossier is, and shows the payer the answer"
)
_KEYS = (
    "makes credentials of programs: shown once, they belong on the machine that uses them, never in a browser"
)
_HOOKS = (
    "is for programs: whoever reads the events registers its own address, and only it can hold the secret"
)
_BULK = "the console sends many again by retry runs, which look first, keep a pace and can be stopped"
_APPROVED = "the console's one page of approvals answers this kind too (approve, decline)"
_DOMAIN = (
    "is a witness's or verifier's own act, made outside on what it has kept; the log page shows the result"
)
API_ALONE: dict[str, str] = {
    # routes that change something and no action of the console ends in: why
    "put_dossier": _PROGRAMS,
    "import_dossiers": _PROGRAMS,
    "receive_post_0": _PARTNERS,
    "receive_put_0": _PARTNERS,
    "receive_post_1": _PARTNERS,
    "receive_put_1": _PARTNERS,
    "retry_deliveries": _BULK,
    "create_payment": _PAYER,
    "preview_payment": _PAYER,
    "approve_refund": _APPROVED,
    "decline_refund": _APPROVED,
    "approve_decision": _APPROVED,
    "decline_decision": _APPROVED,
    "add_cosignature": _DOMAIN,
    "verify_evidence": _DOMAIN,
    "create_webhook": _HOOKS,
    "delete_webhook": _HOOKS,
    "rotate_webhook": _HOOKS,
    "create_client": _KEYS,
    "rotate_client": _KEYS,
    "issue_token": "is how a client of OAuth 2 signs in; people sign in at the console's own door",
}

_ROOT = "is for who runs the machine: it starts, stops, moves or opens files there"
_LOG_KEYS = "touches keys or files of the log, with the gateway stopped or on another machine"
_CALENDAR = "makes a file of the calendar, which a deployment installs"
COMMANDS_ALONE: dict[str, str] = {
    # commands that change something and no action of the console does: why
    "demo": _ROOT,
    "serve": _ROOT,
    "work": _ROOT,
    "migrate": _ROOT,
    "sandbox": _ROOT,
    "backup": _ROOT,
    "restore": _ROOT,
    "import": _PROGRAMS,
    "payments create": _PAYER,
    "payments approve": _APPROVED,
    "payments decline": _APPROVED,
    "deadline calendar import": _CALENDAR,
    "log checkpoint": "the gateway makes checkpoints by itself; this one does it while it is stopped",
    "log rotate-key": _LOG_KEYS,
    "log witness": _LOG_KEYS,
    "log rotate-master": _LOG_KEYS,
    "log encrypt": _LOG_KEYS,
    "log archive": _LOG_KEYS,
    "log restore": _LOG_KEYS,
    "clients add": _KEYS,
    "clients rotate": _KEYS,
    "approvals reject": "another name of `approvals decline`",
}
READING = {
    *(
        "status",
        "alarms",
        "encode",
        "doctor",
        "deliveries list",
        "deliveries show",
        "lanes list",
        "lanes show",
    ),
    *("retries causes", "retries list", "retries show", "destinations show", "destinations backlog"),
    *(
        "destinations answers",
        "destinations certificates",
        "sync list",
        "sync history",
        "sync show",
        "sync lag",
    ),
    *("reconcile ledger", "reconcile list", "reconcile summary", "reconcile show", "payments list"),
    *("payments show", "payments orphans", "payments waiting", "deadline explain"),
    *("deadline at-risk", "deadline compute", "deadline classify", "deadline calendar show"),
    *("deadline calendar diff", "deadline calendar check", "report 06a", "report 766", "report overdue"),
    *(
        "report near-due",
        "report paused-late",
        "report withdrawn-after-due",
        "report no-due",
        "report disputed",
    ),
    *(
        "report refused",
        "report data-error",
        "log actions",
        "log checkpoints",
        "log proof",
        "log consistency",
    ),
    *("log key", "log archives", "log search-archive", "log list", "evidence verify", "evidence keys"),
    *(
        "adapters list",
        "adapters show",
        "adapters check",
        "clients list",
        "webhooks list",
        "accounts list",
        "accounts sessions",
    ),
    *("approvals list", "approvals show"),
}


def commands():
    """Every command, by its words."""

    def below(command, words):
        if hasattr(command, "commands"):
            return [each for name, under in command.commands.items() for each in below(under, [*words, name])]
        return [" ".join(words)]

    return set(below(typer.main.get_command(app), []))


def of_actions(column, separator):
    return {each for row in BY_ACTION.values() for each in row[column].split(separator)}


def test_every_action_of_the_console_has_its_route_and_its_command():
    assert {each.path.removeprefix("/console") for each in ACTIONS} == set(BY_ACTION)
    assert of_actions(0, " ") <= {each.name for each in ROUTES}
    assert of_actions(1, "|") <= commands()


def asks_for(source, name):
    """Whether ``source`` names the route, or composes its name of a verb and the rest."""
    return f'"{name}"' in source or f'}}_{name.partition("_")[2]}"' in source


def test_every_action_asks_for_its_routes_by_their_names():
    for each in ACTIONS:
        below = each.path.removeprefix("/console")
        named = set(BY_ACTION[below][0].split()) - {_OWN.get(below)}
        source = inspect.getsource(sys.modules[each.view.__module__])
        assert all(asks_for(source, name) for name in named), below


def test_every_route_that_changes_something_has_its_action_or_a_reason():
    changing = {each.name for each in ROUTES if each.method != "GET"}
    assert set(API_ALONE) <= changing
    assert changing - set(API_ALONE) <= of_actions(0, " ")
    assert not of_actions(0, " ") & set(API_ALONE)


def test_every_command_reads_or_has_its_action_or_a_reason():
    assert of_actions(1, "|") | set(COMMANDS_ALONE) | READING == commands()
    assert not of_actions(1, "|") & set(COMMANDS_ALONE)
    assert not READING & (of_actions(1, "|") | set(COMMANDS_ALONE))


def test_every_reason_is_written():
    assert all(len(each) > 20 for each in (*API_ALONE.values(), *COMMANDS_ALONE.values()))
