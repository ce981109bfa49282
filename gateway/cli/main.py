"""The entry of ``lienthong``: every command by name.

Command modules import what they run inside the command, so that ``--help`` is instant. Invariant: a name that is
listed works; a command that does not exist yet has no entry here.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gateway.cli import (
    accounts,
    adapters,
    alarms,
    approvals,
    clients,
    deliveries,
    destinations,
    encode,
    evidence,
    lanes,
    log,
    reconcile,
    report,
    retries,
    running,
    sandbox,
    status,
    webhooks,
)
from gateway.cli.deadline import command as deadline
from gateway.cli.demo import command as demo
from gateway.cli.doctor import command as doctor
from gateway.cli.exits import guarded
from gateway.cli.importing import command as importing
from gateway.cli.keeping import backup
from gateway.cli.paying import command as paying
from gateway.cli.sync import command as sync

app = typer.Typer(
    name="lienthong",
    help="Liên Thông Gateway: a province's dossiers reach the national systems, in order, whatever breaks.",
    epilog="Exit codes: 0 done, 1 the answer is no, 2 usage or configuration, 3 our fault.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"lienthong {version('lienthong')}")
        raise typer.Exit


@app.callback()
def _root(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that stand before a command."""


for _name, _command, _examples in (
    ("demo", demo.demo, demo.EXAMPLES),
    ("serve", running.serve, running.SERVE_EXAMPLES),
    ("work", running.work, running.WORK_EXAMPLES),
    ("migrate", running.migrate, running.MIGRATE_EXAMPLES),
    ("sandbox", sandbox.sandbox, sandbox.EXAMPLES),
    ("import", importing.import_, importing.EXAMPLES),
    ("status", status.status, status.EXAMPLES),
    ("alarms", alarms.alarms, alarms.EXAMPLES),
    ("encode", encode.encode, encode.EXAMPLES),
    ("doctor", doctor.doctor, doctor.EXAMPLES),
    ("backup", backup.backup, backup.BACKUP_EXAMPLES),
    ("restore", backup.restore, backup.RESTORE_EXAMPLES),
):
    app.command(_name, epilog=_examples)(_command)


for _name, _group in (
    ("deliveries", deliveries.app),
    ("lanes", lanes.app),
    ("retries", retries.app),
    ("destinations", destinations.app),
    ("sync", sync.app),
    ("reconcile", reconcile.app),
    ("payments", paying.app),
    ("deadline", deadline.app),
    ("report", report.app),
    ("log", log.app),
    ("evidence", evidence.app),
    ("adapters", adapters.app),
    ("clients", clients.app),
    ("webhooks", webhooks.app),
    ("accounts", accounts.app),
    ("approvals", approvals.app),
):
    app.add_typer(_group, name=_name)


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    sys.exit(guarded(lambda: app(prog_name="lienthong")))
