"""Causes: every code that an adapter's table of answers can give has its words, and who must act."""

import importlib

import pytest

from gateway.delivery.causes import explained, general
from gateway.domain.cause import Wording
from gateway.mapping import ResponseTable
from gateway.registry import discover, load

TABLES = ("national_portal", "construction", "judicial_records", "judicial_records_g1", "payment_platform")
GOOD = {"ok", "done", "accepted", "paid", "failed", "pending", "strange", "absent", "stale_cursor"}
HUB = (
    *("not_sent", "timeout", "connection_lost", "answer_broken", "answer_too_large", "worker_lost"),
    *("cannot_be_asked", "absent_at_partner", "swallowed", "resolved_absent", "resolved_rejected"),
    *("cannot_encode", "cannot_sign", "signature_refused", "adapter_defect", "catalogue_unavailable"),
    *("file_unavailable", "login_refused", "token_refused"),
)


def codes(name):
    module = importlib.import_module(f"mappings.{name}.responses")
    tables = [value for value in vars(module).values() if isinstance(value, ResponseTable)]
    assert tables
    return sorted({row.name for table in tables for row in table.rows if row.verdict not in GOOD})


@pytest.mark.parametrize("name", TABLES)
def test_every_answer_that_is_no_success_has_words(name):
    manifest = load(name).manifest
    unknown = [
        code for code in codes(name) if not explained(manifest, code=code, state="parked", actor=None).known
    ]
    assert unknown == []


def test_every_code_of_the_hub_has_words():
    assert set(HUB) <= set(general())


@pytest.mark.parametrize("name", sorted(discover()))
def test_words_are_there_in_both_languages(name):
    for cause in (*load(name).manifest.causes, *general().values()):
        for words in (cause.meaning, cause.advice):
            assert isinstance(words, Wording)
            assert min(len(words.vi), len(words.en)) > 8
            assert words.vi != words.en


def test_unknown_code_gets_an_honest_text_and_whom_the_answer_names():
    for state, who in {
        "rejected": "province",
        "parked": "operator",
        "waiting": "nobody",
        "in_doubt": "operator",
    }.items():
        found = explained(None, code="made_up", state=state, actor=None)
        assert (found.known, found.who, found.code) == (False, who, "made_up")
    assert explained(None, code=None, state="rejected", actor="partner").who == "partner"


def test_answer_that_names_who_must_act_goes_before_the_table():
    assert explained(None, code="refused", state="rejected", actor=None).who == "province"
    assert explained(None, code="refused", state="rejected", actor="operator").who == "operator"
    assert explained(None, code="refused", state="waiting", actor=None).who == "nobody"
