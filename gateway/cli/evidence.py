"""``lienthong evidence``: everything about one dossier as one file that proves itself, and checking such a file.

Invariants: contents leave only after it was logged who exports them and why, which on SQLite needs the database to itself,
or the running gateway;
``verify`` reads the file and the pinned keys, and nothing else: no configuration, no database, no network.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from gateway.cli.options import Actor, AsJson, Config, Way, examples, group, spread

if TYPE_CHECKING:
    from gateway.evidence.collecting import Explain
    from gateway.evidence.exporting import Asked, Exporter
    from gateway.evidence.words import Names
    from gateway.messagelog.acts import AccessNote
    from gateway.proof.lienthong_verify import Report
    from gateway.settings import Settings
    from gateway.signing.containers import Sealed
    from gateway.signing.keyring import Authority
    from gateway.signing.keys import SigningKey
    from gateway.storage.database import Database

EXPORT = "export_evidence"
INSTEAD = "let it make the export: --url URL --key-file FILE"
app = group("Export the evidence of a dossier as one file, and check such a file.")

Out = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where it is written.")]
Redact = Annotated[
    list[str] | None,
    typer.Option(
        "--redact",
        metavar="FIELD",
        help="Take the values of this field out; or personal (all that hold personal data), attachments, body.",
        show_default=False,
    ),
]
Why = Annotated[
    str | None,
    typer.Option(
        "--reason",
        metavar="TEXT",
        help="Why its contents are read; logged with your name. Not needed with --redact body.",
        show_default=False,
    ),
]


class _Wish(NamedTuple):
    """What is to be taken out, why it is exported, and by whom."""

    redact: list[str]
    reason: str | None
    actor: str | None


@app.command(
    "export",
    epilog=examples(
        "lienthong evidence export H99.14-260928-0007 -o dossier.asice --reason 'complaint 12'",
        "lienthong evidence export H99.14-260928-0007 -o redacted.asice --redact personal --reason 'audit 2026'",
        "lienthong evidence export H99.14-260928-0007 -o proof-only.asice --redact body",
        "lienthong evidence export H99.14-260928-0007 -o dossier.asice --reason 'audit 2026' --url https://gateway.h99.example",
    ),
)
@spread
def export(
    dossier: Annotated[str, typer.Argument(metavar="DOSSIER", help="A dossier's number.")],
    *,
    output: Out,
    redact: Redact = None,
    reason: Why = None,
    actor: Actor = None,
    way: Way = Way(),
    as_json: AsJson = False,
) -> None:
    """Write everything about one dossier into one signed container (ASiC-E), redacted where asked for.

    With --url a running gateway makes and checks it; on SQLite there is no other way while one runs.
    """
    if way.url is not None:
        _export_there(way, dossier, output, _Wish(redact or [], reason, actor), as_json=as_json)
        return
    config = way.config
    from gateway.cli.exits import complain
    from gateway.cli.opening import configured, run
    from gateway.evidence.exporting import Asked, checked, keys_file
    from gateway.evidence.redacting import Redaction
    from gateway.messagelog.acts import note_access
    from gateway.proof.lienthong_verify import TOKEN_FILE
    from gateway.signing.keys import fingerprint

    settings, now = configured(config), datetime.now(UTC)
    asked = Asked(dossier=dossier, as_of=now, redaction=Redaction.of(redact or ()))
    key, authority = _key(settings, now), _authority(settings)
    told_why = _access(asked, actor, reason)
    with _opened(settings, told_why) as database:
        sealed = _exporter(settings, database, key, dossier, now).export(asked, now)
        container = _stamped(sealed, authority)
        stamped = TOKEN_FILE in sealed.files
        pinned = keys_file(database, settings.evidence, [key], [authority] if authority and stamped else [])
        report = checked(container, pinned)
        if told_why is not None:
            run(database.write(partial(note_access, verb=EXPORT, note=told_why)))
    _write(output, container)
    _tell(output, report, fingerprint(key.certificate), as_json=as_json)
    if authority is not None and not stamped:
        complain("its checkpoint has no time stamp yet; export it again when there is one")


def _export_there(way: Way, dossier: str, output: Path, wish: _Wish, *, as_json: bool) -> None:
    """Have a running gateway make it, and fetch the file."""
    from gateway.cli.exits import complain
    from gateway.cli.opening import run
    from gateway.cli.orders import require_reason
    from gateway.cli.remote import api_of
    from gateway.cli.screen import print_json
    from gateway.evidence.desk import Exported

    async def made() -> tuple[Exported, bytes]:
        body = {"dossier": dossier, "reason": require_reason(wish.reason or ""), "redact": wish.redact}
        async with api_of(way, wish.actor) as remote:
            found = await remote.post("/v1/evidence/exports", body, Exported)
            return found, await remote.fetch(f"/v1/evidence/exports/{found.id}")

    found, container = run(made())
    _write(output, container)
    if as_json:
        told = {"file": str(output), "bytes": len(container), "checks": found.checked.total}
        print_json({**told, "signed_with": found.signed_with})
    else:
        print(f"{output}: {len(container):,} bytes, {found.checked.total} checks hold")
        print(f"signed with the certificate SHA-256 {found.signed_with}")
    if not found.stamped:
        complain("its checkpoint has no time stamp; export it again when there is one")


def _tell(output: Path, report: Report, signer: str, *, as_json: bool) -> None:
    from gateway.cli.screen import print_json

    size, checks = output.stat().st_size, len(report.findings)
    if as_json:
        print_json({"file": str(output), "bytes": size, "checks": checks, "signed_with": signer})
    else:
        print(f"{output}: {size:,} bytes, {checks} checks hold")
        print(f"signed with the certificate SHA-256 {signer}")


@app.command(
    "verify",
    epilog=examples(
        "lienthong evidence verify H99.14-260928-0007.asice --keys pinned.json",
        "python lienthong_verify.py H99.14-260928-0007.asice --keys pinned.json",
    ),
)
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An evidence bundle.")],
    *,
    keys: Annotated[Path, typer.Option("--keys", metavar="FILE", help="The keys that you have pinned.")],
    as_json: AsJson = False,
) -> None:
    """Check a bundle: each check with its code on a line; exit 1 when one fails. Needs no database and no network."""
    from gateway.proof import lienthong_verify

    raise typer.Exit(
        lienthong_verify.main([str(file), "--keys", str(keys), *(["--json"] if as_json else [])])
    )


@app.command("keys", epilog=examples("lienthong evidence keys -o pinned.json"))
def keys(*, output: Out, config: Config = None) -> None:
    """Write the public keys to be pinned: the log's, its witnesses', the roots of time stamps, the certificates that sign.

    Give the file to whoever is to check evidence, not together with the evidence.
    """
    from gateway.cli.opening import configured, reading
    from gateway.evidence.exporting import keys_file
    from gateway.signing.keys import described

    settings = configured(config)
    signers = _signers(settings, datetime.now(UTC))
    authority = _authority(settings)
    with reading(settings) as database:
        told = keys_file(database, settings.evidence, signers, [authority] if authority else [])
    output.write_bytes(told)
    print(f"{output}: compare on another way what stands in it")
    for key in signers:
        print(f"  evidence: {described(key.certificate)}")


def _access(asked: Asked, actor: str | None, reason: str | None) -> AccessNote | None:
    """What is to be logged before contents leave; None where none does."""
    from gateway.cli.orders import actor_of, require_reason
    from gateway.messagelog.acts import AccessNote

    if asked.redaction.body:
        return None
    if reason is None:
        raise typer.BadParameter(
            "contents are read for a reason: give --reason, or take them out: --redact body"
        )
    # not an entry of the dossier's own: its evidence would have to wait for a checkpoint after every export
    return AccessNote(
        actor=actor_of(actor),
        reason=require_reason(reason),
        now=asked.as_of,
        dossier=None,
        detail={"dossier": asked.dossier, "redacted": asked.redaction.names},
    )


def _opened(settings: Settings, told_why: AccessNote | None) -> AbstractContextManager[Database]:
    """The database, for reading alone where nothing has to be logged."""
    from gateway.cli.opening import reading, writing

    return reading(settings) if told_why is None else writing(settings, instead=INSTEAD)


def _exporter(
    settings: Settings, database: Database, key: SigningKey, dossier: str, now: datetime
) -> Exporter:
    from gateway.evidence.exporting import Exporter

    return Exporter(
        database=database, key=key, explain=_explain(settings, dossier, now), names=names_of_reports()
    )


def names_of_reports() -> Names:
    """The names that the report of the evidence shares with all others."""
    from gateway.evidence.words import Names
    from gateway.reports.words import COLUMNS, STATUSES

    statuses = {status.value: words for status, words in STATUSES.items()}
    return Names(columns={str(column): words for column, words in COLUMNS.items()}, statuses=statuses)


def _explain(settings: Settings, dossier: str, now: datetime) -> Explain:
    import msgspec

    from gateway.domain.errors import NotFoundError
    from gateway.statussync.explain import Asked, explain
    from gateway.statussync.rules import load_rules
    from gateway.storage.instants import to_micros

    enabled = frozenset(name for name, section in settings.destination.items() if section.enabled)
    asked, rules = (
        Asked(code=dossier, now=to_micros(now), destinations=enabled),
        load_rules(settings.deadlines),
    )

    def explained(connection: object) -> dict[str, object] | None:
        try:
            told: dict[str, object] = msgspec.to_builtins(explain(connection, asked, rules))  # type: ignore[arg-type] # a connection
        except NotFoundError:
            return None
        return told

    return explained


def _key(settings: Settings, now: datetime) -> SigningKey:
    """Who signs."""
    from gateway.bootstrap import build_keyring
    from gateway.domain.errors import ConfigurationError
    from gateway.settings import keys_folder
    from gateway.signing.evidence import own_evidence_key

    if settings.evidence.signing_key is not None:
        return build_keyring(settings).key(settings.evidence.signing_key, now)
    folder = keys_folder(settings)
    if folder is None:
        raise ConfigurationError(
            "evidence.keys: name a folder for the keys, or a key of signing.keys: evidence.signing_key"
        )
    return own_evidence_key(folder, now)


def _signers(settings: Settings, now: datetime) -> list[SigningKey]:
    """Everybody whose certificate is to be pinned: who signs now, and our own keys of before."""
    from gateway.settings import keys_folder
    from gateway.signing.evidence import evidence_keys

    folder = keys_folder(settings)
    current = _key(settings, now)
    before = [] if folder is None else evidence_keys(folder)
    return [current, *(key for key in before if key.certificate != current.certificate)]


def _authority(settings: Settings) -> Authority | None:
    from gateway.evidence.anchoring import authority_of

    stamps = settings.evidence.timestamps
    return None if stamps is None else authority_of(stamps)


def _stamped(sealed: Sealed, authority: Authority | None) -> bytes:
    """The container, as XAdES-T where an authority answers."""
    from gateway.cli.exits import complain
    from gateway.cli.opening import run
    from gateway.evidence.stamping import Unstamped, stamp

    if authority is None:
        return sealed.container()
    try:
        return sealed.container(run(stamp(authority, sealed.stamped_over)))
    except Unstamped as fault:
        complain(f"the signature has no time stamp: {fault}")
        return sealed.container()


def _write(output: Path, content: bytes) -> None:
    """Whole, or not at all; for its owner alone, since it may hold personal data."""
    fresh = output.with_name(f".{output.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(output)
