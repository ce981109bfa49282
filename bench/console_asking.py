"""Asking pages of the console as a browser does, and how long each takes.

Invariant: an answer that is no page is an error, not a figure.
"""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from gateway.console.door import PLAIN_COOKIE
from gateway.deadlines.instants import VIETNAM

_NEXT = re.compile(r'href="([^"]*[?&;]cursor=[^"]+)"')
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_FINE = {200, 303}


@dataclass
class Figure:
    """What one address took, in milliseconds."""

    address: str
    times: list[float] = field(default_factory=list)
    held: float = 0.0
    held_clock: float = 0.0
    spent: float = 0.0
    size: int = 0

    @property
    def tail(self) -> float:
        return sorted(self.times)[max(0, -(-len(self.times) * 95 // 100) - 1)]


def days() -> dict[str, str]:
    """Days that filters name."""
    today = datetime.now(VIETNAM).date()
    return {
        "day": (today - timedelta(days=2)).isoformat(),
        "yesterday": (today - timedelta(days=1)).isoformat(),
    }


@contextmanager
def serving(url: str, demo: Path) -> Iterator[dict[str, Any]]:
    """The gateway on ``url`` in a process of its own; ``tell`` in what is yielded asks how long its loop was held."""
    arguments = [str(demo / "lienthong.toml"), url, str(demo / "lienthong-keys")]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.console_server", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def tell() -> dict[str, float]:
        stdin.write("\n")
        stdin.flush()
        return dict(json.loads(stdout.readline()))

    try:
        yield {**json.loads(stdout.readline()), "tell": tell}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@contextmanager
def closing_connection(url: str) -> Iterator[http.client.HTTPConnection]:
    """One connection that is kept."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    try:
        yield connection
    finally:
        connection.close()


class Browser:
    """One person who is signed in."""

    def __init__(self, connection: http.client.HTTPConnection, told: dict[str, Any]) -> None:
        self._connection = connection
        self._headers = {"cookie": f"{PLAIN_COOKIE}={told['word']}", "user-agent": "bench"}
        self.tell = told["tell"]

    def get(self, address: str) -> bytes:
        """A page. RuntimeError: it was refused."""
        self._connection.request("GET", address, headers=self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status not in _FINE:
            raise RuntimeError(
                f"{address}: {answer.status} {re.sub(r'<[^>]+>', ' ', content.decode())[-1500:]}"
            )
        return content

    def counted(self) -> float:
        """Look at the front page until all its figures are there, as they are a moment after the start; the seconds."""
        begun = time.perf_counter()
        while b'hx-trigger="every 2s"' in self.get("/console"):
            time.sleep(0.1)
        return time.perf_counter() - begun

    def exported(self, code: str) -> str:
        """The address of a bundle of evidence that was just made."""
        page = self.get(f"/console/dossiers/{code}").decode()
        found = _CSRF.search(page)
        assert found is not None
        form = urlencode({"csrf": unescape(found[1]), "reason": "đo thời gian"})
        headers = {**self._headers, "content-type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", f"/console/dossiers/{code}/evidence", body=form, headers=headers)
        content = self._connection.getresponse().read().decode()
        link = re.search(r'href="(/console/evidence/files/[^"]+)"', content)
        assert link is not None, content[-1500:]
        return link[1]


def asked(browser: Browser, listed: list[str], times: int) -> list[Figure]:
    """Every address, and what the first of them leads on to."""
    found = []
    for address in listed:
        content = browser.get(address)
        found.append(_measured(browser, address, times))
        onward = _NEXT.search(content.decode("utf-8", "replace"))
        if onward is not None and address == listed[0]:
            found.append(_measured(browser, urljoin(address, unescape(onward[1])), times))
    return found


def _measured(browser: Browser, address: str, times: int) -> Figure:
    figure = Figure(address, size=len(browser.get(address)))
    before = browser.tell()["spent"]
    for _ in range(times):
        begun = time.perf_counter()
        browser.get(address)
        figure.times.append((time.perf_counter() - begun) * 1000)
    told = browser.tell()
    figure.held, figure.held_clock = told["processor"], told["clock"]
    figure.spent = (told["spent"] - before) / times * 1000
    return figure
