"""The report: every check has a name and a place, what fails is named, and nothing checked is nothing proven."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.port import WireResponse
from gateway.proof import lienthong_verify as verifier
from gateway.proof import merkle, note
from gateway.signing import timestamp
from gateway.signing.authority import new_authority

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
ORIGIN = "log.h99.example/lienthong"
LEAVES = [verifier.leaf_hash(b"%d" % number) for number in range(20)]
TREE = merkle.Tree(LEAVES)
LOG = note.Signer.of_log(ORIGIN, Ed25519PrivateKey.generate())
WITNESS = note.Signer.of_witness("w1.example", Ed25519PrivateKey.generate())
AUTHORITY, ROOT = new_authority(AT)
TRUST = verifier.Trust(
    logs=(LOG.key,),
    witnesses=(WITNESS.key,),
    witnesses_needed=1,
    authorities=tuple(x509.load_pem_x509_certificates(ROOT)),
)


def stamped(text, at=AT):
    answer = AUTHORITY.answer(timestamp.question("https://tsa.example", text.encode()).body, at)
    return timestamp.token_of(WireResponse(status=200, body=answer))


def text_at(size, at=AT, previous=None):
    return note.checkpoint_text(ORIGIN, size, merkle.root(size, TREE.nodes), at=at, previous=previous)


TEXT = text_at(20)
NOTE = note.signed(TEXT, LOG, WITNESS, at=AT)
TOKEN = stamped(TEXT)


def checked(data=NOTE, token=TOKEN, trust=TRUST):
    report = verifier.Report()
    return verifier.check_checkpoint(report, data, trust, token), report


def faults(report):
    return [(finding.check, finding.fault) for finding in report.findings if finding.fault]


def test_a_report_without_findings_proves_nothing():
    assert not verifier.Report().holds


def test_a_good_checkpoint_is_reported_check_by_check():
    checkpoint, report = checked()
    assert checkpoint.size == 20
    assert report.holds
    assert [finding.check for finding in report.findings] == ["CHECKPOINT", "WITNESSES", "TIMESTAMP"]
    root = merkle.root(20, TREE.nodes).hex()
    assert list(map(str, report.findings)) == [
        f"ok   CHECKPOINT checkpoint: {ORIGIN}, 20 entries, root {root}, made 2026-11-22T08:30:00+00:00",
        "ok   WITNESSES  at 20 entries: w1.example",
        "ok   TIMESTAMP  at 20 entries: 2026-11-22T08:30:00+00:00 by CN=Sandbox time-stamping authority (worth nothing)",
    ]


def test_what_is_not_pinned_is_not_asked_for():
    _, report = checked(trust=verifier.Trust(logs=(LOG.key,)))
    assert [finding.check for finding in report.findings] == ["CHECKPOINT"]
    assert report.holds


def test_each_failing_check_is_named_and_the_others_are_still_made():
    checkpoint, report = checked(note.signed(TEXT, LOG), None)
    assert checkpoint.size == 20
    assert not report.holds
    assert faults(report) == [("WITNESSES", "WITNESSES_MISSING"), ("TIMESTAMP", "TIMESTAMP_MALFORMED")]
    assert "FAIL WITNESSES" in str(report.findings[1])
    assert verifier.FAULTS["WITNESSES_MISSING"] in str(report.findings[1])


def test_a_checkpoint_that_the_log_has_not_signed_says_nothing_more():
    checkpoint, report = checked(note.signed(TEXT, WITNESS, at=AT))
    assert checkpoint is None
    assert faults(report) == [("CHECKPOINT", "NOTE_UNSIGNED")]
    assert len(report.findings) == 1


def test_a_stamp_of_another_checkpoint_is_refused():
    _, report = checked(token=stamped(text_at(19)))
    assert faults(report) == [("TIMESTAMP", "TIMESTAMP_OF_OTHER_DATA")]


@pytest.mark.parametrize(("early", "fault"), [(300, []), (301, ["TIMESTAMP_BEFORE_CHECKPOINT"])])
def test_a_checkpoint_cannot_have_been_seen_before_it_was_made(early, fault):
    """The log's clock may be wrong by five minutes."""
    _, report = checked(token=stamped(TEXT, AT - timedelta(seconds=early)))
    assert [each for _, each in faults(report)] == fault


def test_entries_are_found_in_the_checkpoint_and_others_are_not():
    checkpoint, report = checked()
    proof = merkle.inclusion(7, 20, TREE.nodes)
    verifier.check_entry(report, checkpoint, LEAVES[7], 7, proof)
    assert report.holds
    verifier.check_entry(report, checkpoint, LEAVES[8], 7, proof)
    assert faults(report) == [("INCLUSION", "INCLUSION_WRONG")]
    assert "entry 8:" in str(report.findings[-1])


def test_a_checkpoint_continues_the_one_before():
    early = verifier.read_checkpoint(text_at(12))
    late = verifier.read_checkpoint(text_at(20, AT + timedelta(seconds=5), early))
    report = verifier.Report()
    verifier.check_succession(report, early, late, merkle.consistency(12, 20, TREE.nodes))
    assert report.holds
    forked = replace(early, root=LEAVES[0])
    verifier.check_succession(report, forked, late, merkle.consistency(12, 20, TREE.nodes))
    assert faults(report) == [("SUCCESSION", "CONSISTENCY_WRONG")]


def test_a_content_is_reported_with_what_was_taken_out():
    cuts, frame = (verifier.Cut(1, 4, "name"),), verifier.Part(bytes(16), b"<>")
    value = verifier.Part(bytes(range(16)), b"Thu.")
    hidden = verifier.value_commitment(value.salt, "name", value.content)
    root = verifier.content_root(verifier.frame_commitment(frame.salt, cuts, frame.content), [hidden])
    report = verifier.Report()
    for shown in (value, hidden):
        verifier.check_content(report, "entry 8", root, verifier.Content(cuts, frame, (shown,)))
    assert report.holds
    assert list(map(str, report.findings)) == [
        "ok   CONTENT    entry 8: complete",
        "ok   CONTENT    entry 8: without name",
    ]
    verifier.check_content(report, "entry 8", bytes(32), verifier.Content(cuts, frame, (hidden,)))
    assert faults(report) == [("CONTENT", "CONTENT_WRONG")]


def test_a_check_without_a_name_is_our_mistake():
    with pytest.raises(LookupError):
        verifier.Report().prove("UNHEARD_OF", "x", lambda: None)


def test_a_fault_without_a_name_is_our_mistake():
    with pytest.raises(LookupError):
        verifier.Fault("UNHEARD_OF", "x")


def told(**changes):
    return json.dumps(
        {
            "logs": [LOG.key.text],
            "witnesses": [WITNESS.key.text],
            "witnesses_needed": 1,
            "authorities": ROOT.decode(),
            **changes,
        }
    ).encode()


def test_pinned_keys_are_read():
    assert verifier.read_trust(told()) == TRUST
    alone = json.dumps({"logs": [LOG.key.text]}).encode()
    assert verifier.read_trust(alone) == verifier.Trust(logs=(LOG.key,))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        told(logs=[WITNESS.key.text]),
        told(witnesses=[LOG.key.text]),
        told(logs=7),
        told(logs=["nonsense"]),
        told(authorities="nonsense"),
        told(authorities=7),
        told(witnesses_needed="many"),
        told(witnesses_needed=-1),
        told(witnesses_needed=2),
    ],
)
def test_other_files_of_keys_are_refused(data):
    with pytest.raises(verifier.Fault) as fault:
        verifier.read_trust(data)
    assert fault.value.code in {"TRUST_MALFORMED", "KEY_MALFORMED"}


def test_every_fault_is_raised_somewhere_and_every_check_made():
    source = Path(verifier.__file__).read_text(encoding="utf-8")
    for code in (*verifier.FAULTS, *verifier.CHECKS):
        assert source.count(f'"{code}"') > 1, code


def test_the_verifier_runs_alone(tmp_path):
    """Copied elsewhere, in a Python that finds nothing of the gateway."""
    source = Path(verifier.__file__).read_bytes()
    (tmp_path / "lienthong_verify.py").write_bytes(source)
    (tmp_path / "note").write_bytes(NOTE)
    (tmp_path / "keys").write_bytes(told())
    (tmp_path / "token").write_bytes(TOKEN)
    script = (
        "import sys, pathlib, lienthong_verify as v\n"
        "read = lambda name: pathlib.Path(name).read_bytes()\n"
        "report = v.Report()\n"
        "v.check_checkpoint(report, read('note'), v.read_trust(read('keys')), read('token'))\n"
        "assert not [name for name in sys.modules if name.startswith('gateway')]\n"
        "print(*report.findings, sep='\\n')\n"
        "sys.exit(0 if report.holds else 1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, '.')\n{script}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ok   ") == 3
