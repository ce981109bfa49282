"""The log is verified only when as many witnesses have seen it as are asked for, on both engines."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.messagelog.faults import EXPLAINED, Kind
from gateway.proof.lienthong_verify import read_checkpoint, read_note
from gateway.proof.note import Signer, signature_line
from gateway.settings_evidence import EvidenceSettings
from gateway.storage import checkpoints
from gateway.storage.checkpoints import Cosignature
from gateway.storage.instants import to_micros
from tests.evidence.tampering import SignedLog


def witness(number, name="second.example/w"):
    return Signer.of_witness(name, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


FIRST, SECOND = witness(9, "witness.example/w"), witness(10)


@pytest.fixture
async def log(database, tmp_path):
    """Two checkpoints, ten seconds apart, that the first witness has seen."""
    return await SignedLog(database, tmp_path / "keys").grow(3, 5)


def trusting(log, needed, *witnesses):
    keys = tuple(each.key for each in witnesses)
    return {"trust": replace(log.pinned, witnesses=keys, witnesses_needed=needed)}


async def cosign(log, number, signer):
    [row] = log.database.ask(lambda found: checkpoints.checkpoints_after(found, number - 1, 1))
    text = read_checkpoint(read_note(row.note.encode()).text).text
    line = signature_line(text, signer, at=log.clock)
    given = Cosignature(checkpoint=number, witness=signer.key.text, at=to_micros(log.clock), line=line)
    await log.database.write(lambda transaction: checkpoints.add_cosignature(transaction, given))


async def test_nobody_asks_for_witnesses_by_himself(log):
    assert log.report().witnessed is None
    assert log.found(**trusting(log, 0, SECOND)) == []


async def test_as_many_as_are_needed_have_seen_all_of_it(log):
    report = log.report(**trusting(log, 1, FIRST))
    assert (report.holds, report.witnessed) == (True, 5)


async def test_fewer_than_are_needed_is_a_fault_that_says_how_many(log):
    report = log.report(**trusting(log, 2, FIRST, SECOND))
    [fault] = report.faults
    assert (fault.kind, fault.seq, fault.upto) == (Kind.WITNESSES, 1, 5)
    assert "1 of 2 witnesses" in fault.detail
    assert "lienthong log witness" in EXPLAINED[Kind.WITNESSES].advice
    assert (report.witnessed, report.state) == (0, None)


async def test_a_witness_that_is_not_pinned_does_not_count(log):
    assert log.found(**trusting(log, 1, SECOND)) == [(1, "witnesses")]


async def test_one_key_under_two_names_is_one_witness(log):
    again = witness(9, "again.example/w")
    await cosign(log, 2, again)
    assert log.found(**trusting(log, 2, FIRST, again)) == [(1, "witnesses")]


async def test_witnesses_may_be_a_little_behind_and_no_more(log):
    await cosign(log, 1, SECOND)
    asked = trusting(log, 2, FIRST, SECOND)
    report = log.report(**asked)
    assert (report.holds, report.witnessed) == (True, 3)
    assert log.found(**asked, patience=5.0) == [(4, "witnesses")]
    await cosign(log, 2, SECOND)
    assert log.report(**asked, patience=0.0).witnessed == 5


async def test_going_on_from_the_last_verification_looks_back_as_far_as_it_has_to(log):
    asked = trusting(log, 1, FIRST)
    state = log.report(**asked).state
    assert log.report(**asked, state=state).witnessed == 5


def test_more_witnesses_than_there_are_cannot_be_configured():
    with pytest.raises(ValueError, match="no more than there are witnesses"):
        EvidenceSettings(witnesses=[FIRST.key.text], witnesses_needed=2)
