"""``lienthong log verify``: the whole message log, from the contents up, against checkpoints here and kept elsewhere.

Invariant: the exit code is 0 only when nothing wrong was found, and the state of a run that found something is not kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gateway.cli.options import Actor, AsJson, Way, examples, spread
from gateway.cli.proving.verify_there import verify_there

if TYPE_CHECKING:
    from gateway.messagelog.chain import Elsewhere
    from gateway.messagelog.verification import Report, Step, Wanted
    from gateway.proof.lienthong_verify import Trust
    from gateway.settings import Settings

EXAMPLES = examples(
    "lienthong log verify",
    "lienthong log verify --keys pinned.json --checkpoint /mnt/auditor/checkpoints",
    "lienthong log verify --state /mnt/auditor/verified.json",
    "lienthong log verify --keys pinned.json --witnesses 2",
    "lienthong log verify --all --url https://gateway.h99.example --key-file auditor.key",
)
_EACH_SECOND = 1.0


class Against(NamedTuple):
    """What the log is verified against, beside itself."""

    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="A checkpoint that was kept elsewhere, or a folder of them.",
            show_default=False,
        ),
    ] = None
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Pinned keys: JSON as for bundles, or one key a line.", show_default=False
        ),
    ] = None
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Go on from the last verification, and keep how far this one came.",
            show_default=False,
        ),
    ] = None
    tolerance: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.0, help="By how much a clock may be set back.")
    ] = 300.0
    witnesses: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="So many of the pinned witnesses have to have seen the log; else what --keys or evidence.witnesses_needed say.",
            show_default=False,
        ),
    ] = None


@spread
def verify(
    *,
    way: Way,
    against: Against,
    whole: Annotated[
        bool,
        typer.Option(
            "--all", help="With --url: the whole log, not what came since the gateway's last verification."
        ),
    ] = False,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Hash everything again from the contents up: commitments, leaves, tree, checkpoints, stamps, cosignatures.

    Says what is wrong and where it begins. With --json one line per event: progress, fault, report. With --url a running
    gateway verifies its own log, with what it has pinned itself, and its run is shown.
    """
    if way.url is None:
        _verify_here(way.settings, against, as_json=as_json)
        return
    if against != Against():
        raise typer.BadParameter(
            "--checkpoint, --keys, --state, --tolerance and --witnesses are for verifying without --url"
        )
    verify_there(way, "all" if whole else "new", actor, as_json=as_json)


def _verify_here(settings: Settings, against: Against, *, as_json: bool) -> None:
    from gateway.cli.exits import NO
    from gateway.cli.opening import reading
    from gateway.messagelog.verification import Verification
    from gateway.messagelog.verified import write_state

    wanted, state = _wanted(settings, against), against.state
    with reading(settings) as database, _json_progress() if as_json else _bar() as told:
        run = Verification(database, wanted)
        for step in run.steps():
            told(step)
        report = run.report
    if state is not None and report.state is not None:
        write_state(state, report.state)
    (_print_json if as_json else _print)(report)
    if not report.holds:
        raise typer.Exit(NO)


def _wanted(settings: Settings, against: Against) -> Wanted:
    from gateway.messagelog.verification import Wanted
    from gateway.messagelog.verified import read_state
    from gateway.messagelog.witnessing import PATIENCE_SECONDS

    return Wanted(
        trust=trust_of(settings, against.keys, against.witnesses),
        elsewhere=tuple(notes_in(against.checkpoint or [])),
        state=None if against.state is None else read_state(against.state),
        tolerance=against.tolerance,
        patience=max(PATIENCE_SECONDS, settings.evidence.grace),
    )


def trust_of(settings: Settings, path: Path | None, needed: int | None = None) -> Trust:
    """What is pinned in ``path``; without authorities or witnesses in it those of the configuration. ``needed``: of
    witnesses, where it is not to be as many as are asked for there. Raises ConfigurationError."""
    from dataclasses import replace

    from gateway.domain.errors import ConfigurationError
    from gateway.evidence.anchoring import configured_trust
    from gateway.proof.lienthong_verify import Trust

    trust, ours = Trust() if path is None else _pinned(path), configured_trust(settings.evidence)
    if not trust.authorities:
        trust = replace(trust, authorities=ours.authorities)
    if not trust.witnesses:
        trust = replace(trust, witnesses=ours.witnesses, witnesses_needed=ours.witnesses_needed)
    if needed is None:
        return trust
    there = len({key.public for key in trust.witnesses})
    if needed > there:
        raise ConfigurationError(f"--witnesses {needed}: {there} are pinned (--keys, evidence.witnesses)")
    return replace(trust, witnesses_needed=needed)


def _pinned(path: Path) -> Trust:
    from gateway.domain.errors import ConfigurationError
    from gateway.proof.lienthong_verify import ED25519, Fault, Trust, read_key, read_trust

    data = _read(path, "--keys")
    try:
        if data.lstrip().startswith(b"{"):
            return read_trust(data)
        found = [read_key(line) for line in data.decode().split()]
    except (Fault, UnicodeDecodeError) as fault:
        raise ConfigurationError(f"--keys {path}: {fault}") from fault
    logs = tuple(key for key in found if key.kind == ED25519)
    if not logs:
        raise ConfigurationError(f"--keys {path}: there is no key of a log in it; see lienthong log key")
    return Trust(logs=logs, witnesses=tuple(key for key in found if key.kind != ED25519))


def notes_in(paths: list[Path]) -> Iterator[Elsewhere]:
    """The checkpoints in files and folders."""
    from gateway.messagelog.chain import Elsewhere

    for path in paths:
        files = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
        for file in files:
            yield Elsewhere(str(file), _read(file, "--checkpoint"))


def _read(path: Path, option: str) -> bytes:
    from gateway.domain.errors import ConfigurationError

    try:
        return path.read_bytes()
    except OSError as fault:
        raise ConfigurationError(f"{option} {path}: it cannot be read: {fault}") from fault


@contextmanager
def _bar() -> Iterator[Callable[[Step], None]]:
    """Progress with rate and time left, where somebody looks at the terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from gateway.cli.screen import console

    shown = console(errors=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:
        task = progress.add_task("entries", total=None, rate="")
        rate = _Rate()

        def told(step: Step) -> None:
            progress.update(task, completed=step.seq, total=step.last, rate=f"{rate.of(step):,.0f}/s")

        yield told


@contextmanager
def _json_progress() -> Iterator[Callable[[Step], None]]:
    from gateway.cli.screen import print_json

    rate = _Rate()
    said = 0.0

    def told(step: Step) -> None:
        nonlocal said
        for fault in step.faults:
            print_json({"fault": fault}, pretty=False)
        each = rate.of(step)
        if time.monotonic() - said >= _EACH_SECOND:
            said = time.monotonic()
            left = round((step.last - step.seq) / each) if each else None
            entry = {"seq": step.seq, "last": step.last, "checked": step.checked}
            print_json({"progress": {**entry, "per_second": round(each), "seconds_left": left}}, pretty=False)

    yield told


class _Rate:
    """Entries a second since the beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def of(self, step: Step) -> float:
        return step.checked / max(1e-3, time.monotonic() - self._began)


def _print_json(report: Report) -> None:
    import msgspec

    from gateway.cli.screen import print_json

    told: dict[str, Any] = msgspec.structs.asdict(report)
    del told["state"]
    print_json({"report": {"holds": report.holds, **told}}, pretty=False)


def _print(report: Report) -> None:
    from gateway.cli.proving.faults import print_faults

    print_faults(report.faults)
    if report.note:
        print(report.note)
    print("\n".join(_summary(report)))


def _summary(report: Report) -> Iterator[str]:
    from gateway.cli.proving.faults import conclusion

    begun = f", {report.begun:,} before them were verified earlier" if report.begun else ""
    yield f"{report.checked:,} entries verified{begun}; {report.proven:,} of {report.last:,} are under a checkpoint"
    counted = {
        "erased contents, by their header": report.erased,
        "contents without a key at hand, by their header": report.locked,
        "contents kept with an archived entry, by their header": report.absent,
        "in archives, by the tree": report.archived,
        "time stamps not judged, since no authority is pinned": report.unjudged_stamps,
    }
    yield from (f"  {count:,} {what}" for what, count in counted.items() if count)
    yield (
        f"{report.checkpoints:,} checkpoints, {report.stamps:,} time stamps, {report.cosignatures:,} cosignatures verified, "
        f"{report.elsewhere:,} checkpoints kept elsewhere fit"
    )
    if report.witnessed is not None:
        yield f"{report.witnessed:,} of {report.last:,} entries have been seen by as many witnesses as are needed"
    if not report.pinned:
        yield "no key was pinned: the log was verified against its own key alone (--keys, --state)"
    yield conclusion(report.faults)
