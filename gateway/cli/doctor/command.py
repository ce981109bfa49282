"""``lienthong doctor``: options, and the report.

Invariant: exit 1 exactly when something fails; a warning is not a failure.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from gateway.cli.keeping.backup import PgBin
from gateway.cli.options import AsJson, Config, examples, spread

if TYPE_CHECKING:
    from gateway.cli.doctor.finding import Finding
    from gateway.settings import Settings

EXAMPLES = examples(
    "lienthong doctor",
    "lienthong doctor --offline",
    "lienthong doctor --login --json",
    "lienthong doctor --restore-check /backup/lienthong --keys /media/safe/lienthong-keys --checkpoint /mnt/auditor/notes",
)


class Checked(NamedTuple):
    """Which backup to check instead, and with what."""

    restore_check: Annotated[
        Path | None,
        typer.Option(
            "--restore-check",
            metavar="DIR",
            help="Check a backup instead: restore it into a place of its own, open it, verify it.",
            show_default=False,
        ),
    ] = None
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys", metavar="DIR", help="Of --restore-check: the backed-up keys.", show_default=False
        ),
    ] = None
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="Of --restore-check: checkpoints that were kept elsewhere.",
            show_default=False,
        ),
    ] = None
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Of --restore-check: a PostgreSQL to restore on.", show_default=False
        ),
    ] = None
    pg_bin: PgBin = None


@spread
def doctor(
    *,
    config: Config = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not speak to partners.")] = False,
    login: Annotated[
        bool, typer.Option("--login", help="Also log in to every partner (recorded in the message log).")
    ] = False,
    checked: Checked,
    as_json: AsJson = False,
) -> None:
    """Find what stands in the way, and say what to do about it."""
    from gateway.cli.doctor.finding import Level
    from gateway.cli.exits import NO
    from gateway.cli.opening import run
    from gateway.cli.screen import print_json

    if checked.restore_check is not None:
        findings = _restore_check(config, checked.restore_check, checked, quiet=as_json)
    else:
        findings = run(_examine(config, offline=offline, login=login))
    if as_json:
        print_json(findings)
    else:
        _print(findings)
    if any(each.level is Level.FAIL for each in findings):
        raise typer.Exit(NO)


def _restore_check(config: Path | None, backup: Path, given: Checked, *, quiet: bool) -> list[Finding]:
    from gateway.cli.doctor.restoring import RestoreCheck, check_restore
    from gateway.cli.keeping.backup import progress
    from gateway.cli.opening import configured
    from gateway.cli.proving.verify import notes_in, trust_of

    settings = configured(config)
    wanted = RestoreCheck(
        backup=backup,
        keys=given.keys,
        notes=tuple(notes_in(given.checkpoint or [])),
        trust=trust_of(settings, None),
        server=given.database,
        pg_bin=given.pg_bin,
    )
    with progress(quiet=quiet) as told:
        return list(check_restore(settings, wanted, told))


async def _examine(config: Path | None, *, offline: bool, login: bool) -> list[Finding]:
    from gateway.cli.doctor.certificates import check_certificates
    from gateway.cli.doctor.evidence import check_evidence
    from gateway.cli.doctor.finding import fail
    from gateway.cli.doctor.keys import check_keys
    from gateway.cli.doctor.machine import check_configuration, check_disk, check_secrets
    from gateway.cli.doctor.stored import check_database
    from gateway.cli.opening import configured
    from gateway.domain.errors import ConfigurationError

    try:
        settings = configured(config)
    except ConfigurationError as fault:
        return [fail("configuration", str(fault), "correct it; lienthong.example.toml explains every key")]
    findings = [*check_configuration(settings, config), *check_secrets(config), *check_disk(settings)]
    findings += [*check_certificates(settings), *check_keys(settings), *check_database(settings)]
    findings += check_evidence(settings)
    if not offline:
        findings += await _partners(settings, login=login)
    return findings


async def _partners(settings: Settings, *, login: bool) -> list[Finding]:
    from gateway.cli.doctor.finding import fail
    from gateway.cli.doctor.partners import check_logins, check_partners
    from gateway.domain.errors import GatewayError

    findings = [each async for each in check_partners(settings)]
    if login:
        try:
            findings += [each async for each in check_logins(settings)]
        except GatewayError as fault:
            findings.append(fail("login", str(fault), "stop the running gateway first, or leave --login out"))
    return findings


def _print(findings: list[Finding]) -> None:
    from rich.text import Text

    from gateway.cli.screen import console

    out = console()
    styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    for each in findings:
        line = Text(f"{each.level:<5}", style=styles[each.level])
        line.append(f"{each.subject}: {each.found}", style="default")
        out.print(line, soft_wrap=True)
        if each.cure:
            out.print(Text(f"     -> {each.cure}"), soft_wrap=True)
