"""``--as`` over ``--url``: every command that takes both tells the API who is behind the key."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import typer.main
from typer.testing import CliRunner

from gateway.cli.main import app

WHY = ("--reason", "it was herself")
ONE = "4711"
ORDERS = {
    "deliveries retry": (ONE, *WHY),
    "deliveries edit": (ONE, "--set", "/summary=Khác", *WHY),
    "deliveries skip": (ONE, *WHY),
    "deliveries resolve": (ONE, "delivered", *WHY),
    "deliveries hold": ("board", "H99-1", *WHY),
    "deliveries release": ("board", "H99-1", *WHY),
    "deliveries ask": (ONE, *WHY),
    "retries start": ("--delivery", ONE, *WHY),
    "retries pause": (ONE, *WHY),
    "retries resume": (ONE, *WHY),
    "retries stop": (ONE, *WHY),
    "destinations pause": ("board", *WHY),
    "destinations resume": ("board", *WHY),
    "destinations test": ("board", *WHY),
    "destinations refresh": ("board", "streets", *WHY),
    "sync run": ("tidy",),
    "sync stop": (ONE, *WHY),
    "sync schedule": ("tidy", "--disable", *WHY),
    "reconcile payments": (),
    "reconcile resolve": (ONE, *WHY),
    "reconcile run": (),
    "reconcile apply": (ONE, *WHY),
    "reconcile tolerate": (ONE, *WHY),
    "payments create": ("H99-1",),
    "payments cancel": (ONE, *WHY),
    "payments fetch-receipt": (ONE, *WHY),
    "payments receipt": (ONE, *WHY),
    "payments refund": (ONE, "--amount", "1000", "--document", "UNC-1", *WHY),
    "payments propose": ("settle", ONE, "--document", "UNC-1", *WHY),
    "payments approve": (ONE, *WHY),
    "payments decline": (ONE, *WHY),
    "log verify": (),
    "log erase": ("H99-1", *WHY),
    "log show": (ONE, *WHY),
    "evidence export": ("H99-1", "-o", "none.asice", *WHY),
    "clients add": ("one-door", "--role", "submitter"),
    "clients rotate": ("one-door", *WHY),
    "clients disable": ("one-door", *WHY),
    "webhooks test": ("wh_5c1f",),
    "webhooks enable": ("wh_5c1f", *WHY),
    "accounts add": ("tran.thi.mau", "--role", "auditor", "--generate"),
    "accounts roles": ("tran.thi.mau", "--role", "auditor", *WHY),
    "accounts password": ("tran.thi.mau", "--generate", *WHY),
    "accounts unlock": ("tran.thi.mau", *WHY),
    "accounts disable": ("tran.thi.mau", *WHY),
    "accounts enable": ("tran.thi.mau", *WHY),
    "accounts revoke": ("tran.thi.mau", *WHY),
    "approvals approve": (ONE, *WHY),
    "approvals decline": (ONE, *WHY),
    "approvals reject": (ONE, *WHY),
}


class Listener(ThreadingHTTPServer):
    """Refuses everything, and remembers whom it was told of."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Refusing)
        self.named = []


class Refusing(BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        told = json.loads(body) if body else {}
        self.server.named.append(self.headers.get("x-operator") or told.get("operator"))
        problem = b'{"title":"There is no such thing","status":404,"detail":"none here"}'
        self.send_response(404)
        self.send_header("content-length", str(len(problem)))
        self.end_headers()
        self.wfile.write(problem)

    do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_):
        """Nothing on the screen of the tests."""


@pytest.fixture
def listener():
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def named_commands():
    """Every command that takes both ``--as`` and ``--url``."""
    return {name for name, command in walk(typer.main.get_command(app)) if takes(command)}


def takes(command):
    return {"actor", "url"} <= {parameter.name for parameter in command.params}


def walk(command, path=""):
    if not hasattr(command, "commands"):
        yield path.strip(), command
        return
    for name, below in command.commands.items():
        yield from walk(below, f"{path} {name}")


def test_every_command_that_takes_a_name_is_tried():
    assert set(ORDERS) == named_commands()


@pytest.mark.parametrize("name", ORDERS)
def test_command_tells_the_api_who_is_behind_the_key(name, listener, tmp_path):
    config = tmp_path / "lienthong.toml"
    config.write_text(f'[database]\nurl = "sqlite:///{tmp_path}/none.db"\n', encoding="utf-8")
    where = ("--url", f"http://127.0.0.1:{listener.server_address[1]}", "--as", "mai")

    ran = CliRunner().invoke(
        app,
        [*name.split(), *ORDERS[name], *where],
        env={"LIENTHONG_API_KEY": "lt_x", "LIENTHONG_CONFIG": str(config)},
    )

    assert ran.exit_code != 0
    assert set(listener.named) == {"mai"}, ran.output
