"""A gateway in a process of its own, with the adapter of ``tests.api_world``."""

import contextlib
import json
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

PROCESS = """
    import json, sys
    from gateway.api.server import run, serve
    from gateway.bootstrap import open_gateway
    from gateway.telemetry import configure_logging
    from tests.api_world import BOARD, Board, Partner, World, settings

    async def main():
        configure_logging("info", "json")
        partner = Partner()
        chosen = settings(sys.argv[1], **json.loads(sys.argv[3]))
        gateway = await open_gateway(chosen, transports={BOARD: partner}, extra={BOARD: Board()})
        world = World(gateway, partner)
        print(await world.add_client("all"), flush=True)
        await serve(gateway, worker=sys.argv[2] == "work", started=lambda address: print(address, flush=True))
        print(len(partner.requests), flush=True)
        await world.close()

    run(main())
"""


class Process:
    """A running gateway: its address, headers with a key, what it has logged."""

    def __init__(self, popen, log):
        self._popen = popen
        self._log = log
        self.pid = popen.pid
        self.headers = {"authorization": f"Bearer {popen.stdout.readline().strip()}"}
        self.address = popen.stdout.readline().strip()
        assert self.address.startswith("http://"), self.told()

    def told(self):
        return Path(self._log).read_text(encoding="utf-8")

    def wait(self):
        """The exit code, and how many requests the partner got."""
        out, _ = self._popen.communicate(timeout=20)
        return self._popen.returncode, int(out.split()[-1]) if out.split() else None

    def terminate(self):
        self._popen.terminate()


@contextlib.contextmanager
def process(url, *, work=True, **api):
    """A gateway process on the database at ``url``, killed at the end if it still runs. ``api``: its settings."""
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        arguments = [url, "work" if work else "rest", json.dumps(api)]
        command = [sys.executable, "-c", textwrap.dedent(PROCESS), *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as popen:
            try:
                yield Process(popen, log.name)
            finally:
                popen.kill()
