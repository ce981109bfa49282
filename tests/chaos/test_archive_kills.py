"""``lienthong log archive --prune`` killed again and again (SIGKILL): nothing is lost, and the next run goes on."""

import random
import signal
import subprocess
import sys
import time

import pytest

from tests.e2e.cli import ROOT, configuration, environment, lienthong
from tests.e2e.test_cli_keeping import log, prepared

pytestmark = [pytest.mark.timeout(300)]
ENTRIES = 6_000


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_killed_at_any_moment_nothing_is_lost(request, tmp_path, engine):
    database = request.getfixturevalue("postgresql_url") if engine == "postgresql" else ""
    config = configuration(tmp_path, database=database)
    if database:
        with config.open("a") as file:
            file.write(f'\n[evidence]\nkeys = "{tmp_path / "keys"}"\n')
    assert lienthong("migrate", "-c", config).code == 0
    prepared(config, ENTRIES)
    folder, chance = tmp_path / "archives", random.Random(7)
    command = [sys.executable, "-m", "gateway.cli", "log", "archive", "--before", "2027-01-01"]
    command += ["--prune", "-o", str(folder), "-c", str(config)]

    for _ in range(8):
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(0.9 + chance.random() * 1.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        verified = log(config, "verify")
        assert verified.code == 0, verified.out + verified.err

    last = log(config, "archive", "--before", "2027-01-01", "--prune", "-o", folder, "--json")
    assert last.code == 0, last.err
    listed = log(config, "archives", "--verify", "--json").json
    assert sum(check["entries"] for check in listed["checks"]) == ENTRIES
    assert log(config, "verify").code == 0
    for row in listed["archives"]:
        assert log(config, "restore", folder / row["name"]).code == 0
    assert log(config, "verify").code == 0
    assert log(config, "archive", "--before", "2027-01-01", "--dry-run", "-o", folder, "--json").json == []
