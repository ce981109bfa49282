"""The kit over every adapter it finds, in every variant. A new folder under ``adapters/`` needs no edit here."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.conformance import CHECKS, Source, Subject, judge, load, sources
from gateway.conformance.readers import Kind, readers
from gateway.domain.dossier import Dossier
from gateway.domain.status import Status
from gateway.port import WireResponse
from tests.conformance.conftest import TREE, subject_of

ROOT = Path(__file__).parents[2]
SHIPPED = sources()
FOUND = sources((TREE,))  # with the reference adapter
BY_CODE = {check.code: check for check in CHECKS}
ON_EXAMPLES = ("well-formed-requests", "plan-rules", "round-trip", "query-rule", "repeat-rule")
EXAMPLES = 24


def name_of(source: Source) -> str:
    return f"{source.like}[{source.variant}]" if source.variant else source.like


@cache
def readers_of_source(source: Source):
    return readers(subject_of(source))


@cache
def examples() -> tuple[Dossier, ...]:
    """Some of the shipped dossiers, whose source system already speaks our vocabulary; every status among them."""
    lines = (ROOT / "examples" / "dossiers.jsonl").read_bytes().splitlines()
    newest = {
        dossier.code: dossier for dossier in (msgspec.json.decode(line, type=Dossier) for line in lines)
    }
    plain = [dossier for dossier in newest.values() if dossier.source == "one-door"]
    one_each = {dossier.status: dossier for dossier in plain}
    chosen = {dossier.code: dossier for dossier in (*one_each.values(), *plain[:: len(plain) // EXAMPLES])}
    return tuple(
        msgspec.structs.replace(
            dossier,
            procedure=msgspec.structs.replace(
                dossier.procedure, national_code=dossier.procedure.national_code or dossier.procedure.code
            ),
        )
        for dossier in chosen.values()
    )


def told(subject: Subject, findings) -> str:
    lines = [
        f"{finding}\n    cure: {BY_CODE[finding.check].cure}"
        for finding in findings
        if finding.check in BY_CODE
    ]
    others = [str(finding) for finding in findings if finding.check not in BY_CODE]
    return "\n".join([f"{subject.name} does not conform:", *lines, *others])


def test_every_folder_under_adapters_is_found():
    folders = {path.parent.name for path in (ROOT / "adapters").glob("*/__init__.py")}
    assert folders
    assert folders == {source.like for source in SHIPPED}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
@pytest.mark.parametrize("source", SHIPPED, ids=name_of)
def test_adapter_conforms(source, check):
    subject = subject_of(source)
    findings = judge(subject, [check], datetime.now(UTC).date())
    assert not findings, told(subject, findings)


@pytest.mark.parametrize("code", ON_EXAMPLES)
@pytest.mark.parametrize("source", FOUND, ids=name_of)
def test_adapter_conforms_on_the_examples(source, code):
    subject = load(source, extra_samples=examples())
    findings = judge(subject, [BY_CODE[code]], datetime.now(UTC).date())
    assert not findings, told(subject, findings)


def test_examples_show_every_status():
    assert {dossier.status for dossier in examples()} == set(Status)


@pytest.mark.parametrize("source", FOUND, ids=name_of)
@settings(
    derandomize=True,
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
@given(
    status=st.integers(100, 599),
    body=st.binary(max_size=300) | st.text(max_size=200).map(str.encode) | st.just(b"{}"),
    header=st.tuples(
        st.sampled_from(["content-type", "retry-after", "content-encoding", "x"]), st.text(max_size=40)
    ),
)
def test_no_random_answer_is_a_success_or_an_exception(source, status, body, header):
    for reader in readers_of_source(source):
        result = reader.read(WireResponse(status=status, headers=(header,), body=body))
        assert not list(reader.misshapen(result)), (reader.where, status, body)
        assert reader.kind is Kind.READ or not reader.succeeded(result), (reader.where, status, body)
