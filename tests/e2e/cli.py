"""Running ``lienthong`` as a user does: a process, its two streams, its exit code; and a world to run it in."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PASSWORD = "mat-khau-mo-phong"
PATIENCE_SECONDS = 90
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["tests.e2e.cli", "gateway.bootstrap", "gateway.storage.migrate", "gateway.cli.sync.tables"]
)


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def environment(**extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}
    return {**kept, "PORTAL_PASSWORD": PASSWORD, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100", **extra}


def lienthong(*arguments, stdin=None, patience=PATIENCE_SECONDS, **extra: str) -> Ran:
    """Run a command to its end; ``extra`` goes into its environment. No command ever shows a traceback.

    Its process is a fork of one that has imported everything: two seconds less, and a test runs ten.
    """
    plain = "PYTHONPATH" not in extra
    run = _forked if plain else _started
    code, out, err = run([*map(str, arguments)], stdin or b"", environment(**extra), patience)
    result = Ran(code=code, out=out.decode(), err=err.decode())
    if "LIENTHONG_DEBUG" not in extra:
        assert "Traceback" not in result.out + result.err, result.err
    return result


def _started(
    arguments: list[str], stdin: bytes, env: dict[str, str], patience: float
) -> tuple[int, bytes, bytes]:
    ran = subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments],
        capture_output=True,
        check=False,
        cwd=ROOT,
        input=stdin,
        env=env,
        timeout=patience,
    )
    return ran.returncode, ran.stdout, ran.stderr


def _forked(
    arguments: list[str], stdin: bytes, env: dict[str, str], patience: float
) -> tuple[int, bytes, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("in", "out", "err")]
        streams[0].write_bytes(stdin)
        process = _FORKS.Process(target=_command, args=(arguments, env, [str(path) for path in streams]))
        process.start()
        process.join(patience)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, patience)
        return process.exitcode, streams[1].read_bytes(), streams[2].read_bytes()


def _command(arguments: list[str], env: dict[str, str], streams: list[str]) -> None:
    """What ``python -m gateway.cli`` does, in the forked process."""
    from gateway.cli.main import main

    for number, (path, flags) in enumerate(
        zip(streams, (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT), strict=True)
    ):
        os.dup2(os.open(path, flags), number)
    sys.stdin, sys.stdout = os.fdopen(0, encoding="utf-8"), os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    sys.argv = ["lienthong", *arguments]
    main()


@contextlib.contextmanager
def running(*arguments, expect: int | None = 0, **extra: str):
    """Run a command in the background; it is asked to end when the block does, and must end well."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT), **extra),
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)
        assert expect is None or process.returncode == expect
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@contextlib.contextmanager
def sandbox(config, *, faults: str = "calm", seed: int = 1):
    """The portal's stand-in; yields what it announced."""
    arguments = ("national_portal", "--port", "0", "--json", "--faults", faults, "--seed", seed)
    with running("sandbox", *arguments, "--config", config) as process:
        yield json.loads(process.stdout.readline())


@contextlib.contextmanager
def served(config):
    """A running gateway; yields its address."""
    with running("serve", "--config", config) as process:
        for line in process.stderr:
            if line.startswith(b"listening on "):
                yield line.decode().split()[-1]
                break
        else:
            raise AssertionError("the gateway did not start")


def configuration(
    folder: Path, *, portal: str = "http://127.0.0.1:1", database: str = "", **changes: str
) -> Path:
    """A configuration like examples/sandbox.toml with its own database, portal and a free port."""
    text = (EXAMPLES / "sandbox.toml").read_text(encoding="utf-8")
    replacements = {
        "sqlite:///sandbox.db": database or f"sqlite:///{folder / 'lienthong.db'}",
        "http://127.0.0.1:8788": portal,
        "port = 8787": "port = 0",
        '{ file = "examples/sandbox-password.txt" }': '{ env = "PORTAL_PASSWORD" }',
        **changes,
    }
    for usual, ours in replacements.items():
        assert text.count(usual) == 1, usual
        text = text.replace(usual, ours)
    path = folder / "lienthong.toml"
    path.write_text(text, encoding="utf-8")
    return path


def some_dossiers(count: int) -> bytes:
    """The first ``count`` lines of the examples."""
    with (EXAMPLES / "dossiers.jsonl").open("rb") as stream:
        return b"".join(stream.readline() for _ in range(count))


def until(condition, *, seconds: float = PATIENCE_SECONDS):
    """Wait for a condition of another process; what it gave."""
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, "it never came true"
        time.sleep(0.2)
    return found
