"""``lienthong log verify`` as an auditor runs it: pinned keys, checkpoints on a stick, a state that is remembered."""

import json

import pytest

from gateway.storage.database import Database
from tests.e2e.cli import lienthong
from tests.evidence.tampering import SignedLog, signer_of

CONFIG = '[database]\nurl = "{url}"\n\n[evidence]\nkeys = "{keys}"\n'


class Audit:
    """A log of 300 entries, its configuration, and what an auditor keeps."""

    def __init__(self, log, folder):
        self.log, self.folder = log, folder
        self.config = folder / "lienthong.toml"
        self.config.write_text(CONFIG.format(url=log.database.url, keys=log.folder))
        self.notes = folder / "notes"
        self.notes.mkdir()
        for copy in log.copies():
            (self.notes / f"{copy.name}.note").write_bytes(copy.note)

    def pin(self, number):
        path = self.folder / f"{number}.keys"
        path.write_text(signer_of(number).key.text + "\n")
        return path

    def verify(self, *arguments):
        return lienthong("log", "verify", *arguments, "-c", self.config)

    def report(self, *arguments):
        ran = self.verify("--json", *arguments)
        return ran.code, json.loads(ran.out.splitlines()[-1])["report"]


@pytest.fixture
async def audit(sqlite_url, tmp_path):
    database = Database(sqlite_url)
    log = await SignedLog(database, tmp_path / "keys").grow(100, 300)
    yield Audit(log, tmp_path)
    database.close()


async def test_sound_log_holds_against_what_the_auditor_keeps(audit):
    code, report = audit.report("--keys", audit.pin(1), "--checkpoint", audit.notes)

    assert (code, report["holds"], report["pinned"]) == (0, True, True)
    assert (report["checked"], report["proven"], report["elsewhere"]) == (300, 300, 2)
    assert report["unjudged_stamps"] == 2


async def test_change_is_explained_with_what_to_do(audit):
    await audit.log.do("UPDATE message SET operation = 'other' WHERE seq = 42")

    ran = audit.verify("--keys", audit.pin(1))

    assert ran.code == 1
    assert "edited header" in ran.out
    assert "the first wrong entry is no. 42 (header)" in ran.out


async def test_key_that_is_not_the_pinned_one_is_refused(audit):
    code, report = audit.report("--keys", audit.pin(2))

    assert (code, report["first"]["kind"]) == (1, "key")


async def test_state_is_gone_on_from_and_not_written_when_something_is_wrong(audit):
    state = audit.folder / "state.json"
    assert audit.report("--state", state)[1]["checked"] == 300
    await audit.log.grow(340)
    code, report = audit.report("--state", state)
    assert (code, report["begun"], report["checked"], report["pinned"]) == (0, 300, 40, True)
    before = state.read_bytes()
    await audit.log.grow(380)
    await audit.log.do("UPDATE message SET code = 'other' WHERE seq = 350")

    assert audit.report("--state", state)[0] == 1
    assert state.read_bytes() == before


@pytest.mark.parametrize("option", ["--keys", "--checkpoint", "--state"])
async def test_file_that_cannot_be_read_is_a_matter_of_usage(audit, option):
    path = audit.folder / "broken"
    if option != "--checkpoint":
        path.write_text("nonsense")

    ran = audit.verify(option, path)

    assert (ran.code, option in ran.err) == (2, True)


async def test_note_that_the_log_never_signed_is_named(audit):
    (audit.notes / "forged").write_bytes(audit.log.copies()[1].note.replace(b"\n300\n", b"\n301\n"))

    code, report = audit.report("--checkpoint", audit.notes)

    assert (code, report["first"]["kind"]) == (1, "checkpoint")
    assert "forged" in report["first"]["detail"]
