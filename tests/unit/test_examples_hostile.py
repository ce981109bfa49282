"""The hostile lines: each is refused where its verdict says so, by the part that can know."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from adapters.national_portal import build
from examples import catalogue, hostile
from gateway.codec.record import RecordReader
from gateway.domain.dossier import Dossier
from gateway.domain.errors import RecordError
from gateway.domain.plausibility import implausible
from tests.unit.example_files import (
    CATALOGUES,
    NEWEST,
    TODAY,
    TRANSLATION,
    portal_settings,
    translated,
)

HOSTILE = hostile.TARGET.read_bytes().split(b"\n")[:-1]
EXPECTED = json.loads(hostile.EXPECTED.read_text(encoding="utf-8"))
VERDICTS = [(HOSTILE[int(number) - 1], verdict) for number, verdict in EXPECTED.items()]


def of_stage(*stages: str) -> list[tuple[bytes, dict[str, object]]]:
    return [(line, verdict) for line, verdict in VERDICTS if verdict.get("stage", "good") in stages]


def cases(stage: str) -> list[object]:
    return [pytest.param(line, verdict, id=verdict["why"]) for line, verdict in of_stage(stage)]


def test_committed_hostile_lines_are_what_their_program_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostile, "TARGET", tmp_path / "lines")
    monkeypatch.setattr(hostile, "EXPECTED", tmp_path / "expected")
    committed = [Path(hostile.__file__).with_name(f"hostile.{kind}") for kind in ("jsonl", "expected.json")]
    hostile.write()
    written = [(tmp_path / name).read_bytes() for name in ("lines", "expected")]
    assert written == [path.read_bytes() for path in committed]


def test_every_hostile_line_has_a_verdict_and_the_ends_are_good() -> None:
    assert list(map(int, EXPECTED)) == list(range(1, len(HOSTILE) + 1))
    assert EXPECTED["1"]["expect"] == EXPECTED[str(len(HOSTILE))]["expect"] == "good"
    assert len(of_stage("good")) >= 8
    assert max(map(len, HOSTILE)) <= 20_480


def test_good_lines_are_good() -> None:
    for line, _ in of_stage("good"):
        dossier = translated(TRANSLATION.translate(msgspec.json.decode(line, type=Dossier), TODAY.date()))
        assert implausible(dossier, now=TODAY) == []


@pytest.mark.parametrize(("line", "verdict"), cases("syntax"))
def test_broken_lines_are_not_json(line: bytes, verdict: dict[str, object]) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, RecursionError)):
        msgspec.json.decode(line)
    assert verdict["pointers"] == [""]


@pytest.mark.parametrize(("line", "verdict"), [*cases("syntax"), *cases("type")])
def test_unreadable_lines_are_refused_with_exactly_their_pointers(
    line: bytes, verdict: dict[str, list[str]]
) -> None:
    with pytest.raises(RecordError) as caught:
        RecordReader(Dossier, what="dossier record").read(line)
    assert {violation.pointer for violation in caught.value.violations} == set(verdict["pointers"])


@pytest.mark.parametrize(("line", "verdict"), cases("plausibility"))
def test_impossible_lines_decode_and_are_found_implausible(line: bytes, verdict: dict[str, object]) -> None:
    found = implausible(msgspec.json.decode(line, type=Dossier), now=TODAY)
    assert sorted(violation.pointer for violation in found) == sorted(verdict["pointers"])


def test_lines_that_only_the_tables_can_refuse_are_fine_otherwise() -> None:
    procedures = {procedure.code for procedure in catalogue.PROCEDURES}
    for line, verdict in of_stage("catalogue", "version"):
        dossier = msgspec.json.decode(line, type=Dossier)
        assert implausible(dossier, now=TODAY) == []
        assert (dossier.procedure.code not in procedures) == ("/procedure/code" in verdict["pointers"])
        assert (dossier.agency.code not in catalogue.AGENCIES) == ("/agency/code" in verdict["pointers"])


def test_adapter_refuses_what_the_portals_lists_lack() -> None:
    adapter = build(portal_settings())
    for line, verdict in of_stage("catalogue", "version", "good"):
        sent = msgspec.json.decode(line, type=Dossier)
        found = adapter.check(translated(TRANSLATION.translate(sent, TODAY.date())), CATALOGUES)
        expected = verdict["pointers"] if verdict.get("stage") == "catalogue" else []
        assert [violation.pointer for violation in found] == expected


@pytest.mark.parametrize(("line", "verdict"), cases("translation"))
def test_untranslatable_lines_are_refused_by_the_tables(line: bytes, verdict: dict[str, list[str]]) -> None:
    found = TRANSLATION.translate(msgspec.json.decode(line, type=Dossier), TODAY.date())
    assert isinstance(found, list)
    assert [violation.pointer for violation in found] == verdict["pointers"]


def test_version_faults_follow_a_line_with_the_same_code() -> None:
    seen: dict[str, Dossier] = {}
    refused = 0
    for line, verdict in of_stage("good", "version"):
        dossier = msgspec.json.decode(line, type=Dossier)
        stored = seen.get(dossier.code)
        stale = stored is not None and dossier.version <= stored.version and dossier != stored
        assert stale == (verdict["expect"] == "refused")
        refused += stale
        if not stale:
            seen[dossier.code] = dossier
    assert refused == 2


def test_hostile_dossiers_do_not_meet_the_good_file() -> None:
    hostile_codes = set(re.findall(rb"H99\.14-260302-\d{4}", b"\n".join(HOSTILE)))
    assert len(hostile_codes) > 50
    assert not hostile_codes & {dossier.code.encode() for dossier in NEWEST}
