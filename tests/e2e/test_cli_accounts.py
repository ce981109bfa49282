"""Accounts and clients through a running gateway: the history has the person, not the key alone."""

from __future__ import annotations

import json

from tests.e2e.cli import configuration, lienthong, served

WHY = ("--reason", "it was herself", "--as", "mai")


def test_person_behind_the_key_stands_in_the_history(tmp_path):
    config = configuration(tmp_path)
    key = tmp_path / "ops.key"
    key.write_text(lienthong("clients", "add", "ops", "--scope", "all", "-c", config).out, encoding="utf-8")
    made = ("accounts", "add", "tran.thi.mau", "--role", "auditor", "--generate", "-c", config)
    assert lienthong(*made).code == 0
    with served(config) as url:
        api = ("--url", url, "--key-file", key, "-c", config)
        assert lienthong("clients", "add", "other", "--scope", "messages:read", *api).code == 0
        for order in (
            ("accounts", "unlock", "tran.thi.mau"),
            ("accounts", "password", "tran.thi.mau", "--generate"),
            ("clients", "rotate", "other"),
            ("clients", "disable", "other"),
        ):
            ran = lienthong(*order, *WHY, *api)
            assert ran.code == 0, ran.err
        told = json.loads(lienthong("log", "actions", "--by", "ops/mai", *api, "--json").out)
    assert [each["action"] for each in told] == [
        "client.disable",
        "client.rotate",
        "account.password",
        "account.unlock",
    ]
