"""``lienthong payments``: what cannot be meant is refused before anything is opened; every word has its state."""

from __future__ import annotations

import hashlib
import inspect
import re
from typing import get_args

import pytest
import typer.testing

from gateway.cli.main import app
from gateway.cli.paying import words
from gateway.domain import payment
from gateway.domain.payment import AttemptState, RequestState, Source
from gateway.storage.payment_orders import DecisionKind
from tests.storage.payment_rows import Book

CODE = "H99.14-261102-0007"
WHY = ("--reason", "sao kê ngân hàng")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("list", "--state", "lost"), "partly_refunded"),
        (("list", "--attempt", "lost"), "quarantined"),
        (("list", "--from", "yesterday"), "--from"),
        (("create", CODE, "--item", "fee:1.000:x"), "without separators"),
        (("create", CODE, "--item", "fee:1e3:x"), "without separators"),
        (("create", CODE, "--item", "tip:1:x"), "charge:AMOUNT:NAME"),
        (("create", CODE, "--purpose", "Fees!"), "lower-case"),
        (("create", CODE, "--payer-identity", "1"), "--payer"),
        (("refund", "4711", "--amount", "1.5", "--document", "x", *WHY), "expected đồng as digits"),
        (("refund", "4711", "--amount", "1", "--document", "x"), "--reason"),
        (("propose", "pay", "1", "--document", "x", *WHY), "adopt"),
        (("orphans", "--state", "lost"), "matched"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = typer.testing.CliRunner().invoke(app, ["payments", *arguments])
    assert ran.exit_code == 2, ran.output
    assert says in " ".join(ran.output.replace("│", " ").split())


def test_every_state_has_its_words():
    assert set(words.REQUEST) == set(RequestState)
    assert set(words.ATTEMPT) == set(AttemptState)
    assert set(words.DECISION) == set(get_args(DecisionKind))
    assert set(words.SOURCE) == set(get_args(Source))


def test_every_alarm_of_the_rule_has_its_words():
    rule = inspect.getsource(payment)
    found = re.findall(r'(?:alarm=|return |if wrong := )"([a-z_]+)"', rule)
    assert len(set(found)) > 8
    assert set(found) <= set(words.ALARM)


@pytest.mark.parametrize(
    ("amount", "told"),
    [(0, "0 đ"), (1_250_000, "1.250.000 đ"), (None, ""), (10**15 - 1, "999.999.999.999.999 đ")],
)
def test_amounts_are_written_as_in_viet_nam(amount, told):
    assert words.dong(amount) == told


def test_receipt_is_read_on_the_database_after_its_reading_was_logged(sqlite_url, tmp_path, monkeypatch):
    book, body = Book(sqlite_url), b"%PDF-1.7 \x00\xff"
    request = book.request(1, destination="board", dossier_code="H99-1", state="paid")
    attempt = book.attempt(101, request, destination="board", state="paid", transaction_no="PP100")
    digest = hashlib.sha256(body).digest()
    book.put("receipt_file", {"sha256": digest, "size": len(body), "body": body, "at": 1})
    book.put("receipt", {"attempt_id": attempt, "state": "kept", "tries": 1, "sha256": digest})
    config = tmp_path / "lienthong.toml"
    config.write_text(f'[database]\nurl = "{sqlite_url}"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    order = ["payments", "receipt", str(request), "--as", "mai", "-c", str(config)]

    silent = typer.testing.CliRunner().invoke(app, order)
    ran = typer.testing.CliRunner().invoke(app, [*order, "--reason", "kiểm toán tháng 9"])

    assert (silent.exit_code, ran.exit_code) == (2, 0), ran.output
    assert (tmp_path / f"receipt-{request}.pdf").read_bytes() == body
    with book.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT operation, dossier_code FROM message WHERE channel = 'access'"
        )
        assert rows.all() == [("read_receipt", "H99-1")]
    book.close()
