"""``lienthong serve`` with its console, killed at once and started again: who was in is in, who was out is out."""

import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

PASSWORD = "mot cau dai de nho"
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Served:
    """A gateway in a folder of its own, as a process of its own."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        (folder / "lienthong.toml").write_text(
            f'[database]\nurl = "sqlite:///x.db"\n[api]\nport = {self.port}\n', encoding="utf-8"
        )
        self.process = None
        self.browsers = []

    def run(self, *words, given=""):
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli", *words],
            cwd=self.folder,
            input=given,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout.strip()

    def start(self):
        with (self.folder / "told.txt").open("w") as told:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", "serve"], cwd=self.folder, stdout=told, stderr=told
            )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/livez")
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("it does not answer")

    @property
    def told(self):
        return (self.folder / "told.txt").read_text(encoding="utf-8")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def browser(self):
        self.browsers.append(httpx.Client(base_url=f"http://127.0.0.1:{self.port}"))
        return self.browsers[-1]


@pytest.fixture
def served(tmp_path):
    gateway = Served(tmp_path)
    yield gateway
    for browser in gateway.browsers:
        browser.close()
    if gateway.process is not None and gateway.process.poll() is None:
        gateway.kill()


def word(browser, path):
    return CSRF.findall(browser.get(path).text)[-1]


def sign_in(browser, password, name="an"):
    sent = {"csrf": word(browser, "/console/sign-in"), "name": name, "password": password, "next": ""}
    return browser.post("/console/sign-in", data=sent)


def is_in(browser):
    return browser.get("/console/me").status_code == 200


def test_sessions_failures_and_sign_outs_survive_a_kill(served):
    served.start()
    assert f"console: http://127.0.0.1:{served.port}/console" in served.told
    assert "lienthong accounts add NAME --role administrator --generate" in served.told
    served.kill()
    first = served.run("accounts", "add", "an", "--role", "operator", "--generate")
    served.start()
    assert "nobody can sign in" not in served.told
    stays, leaves = served.browser(), served.browser()
    sent = {"csrf": word(stays, "/console/new-password"), "name": "an", "current": first, "next": ""}
    changed = stays.post("/console/new-password", data={**sent, "wanted": PASSWORD, "again": PASSWORD})
    assert changed.status_code == 303
    assert sign_in(leaves, PASSWORD).status_code == 303
    kept = dict(leaves.cookies)
    out = leaves.post("/console/sign-out", data={"csrf": word(leaves, "/console/me")})
    assert out.status_code == 303
    for attempt in range(5):
        assert sign_in(served.browser(), f"sai {attempt}").status_code == 401
    served.kill()

    served.start()
    again = served.browser()
    again.cookies.update(kept)
    assert is_in(stays)
    assert not is_in(again)
    assert sign_in(served.browser(), PASSWORD).status_code == 401
