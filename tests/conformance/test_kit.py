"""The kit's own parts: its samples, its way of finding and loading adapters, its judgement of requests, its commands."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

import adapters
from gateway.conformance import CHECKS, findings_of, load, sources
from gateway.conformance.__main__ import main
from gateway.conformance.checks.encoding import well_formed_requests
from gateway.conformance.checks.wellformed import malformed
from gateway.conformance.hostile import STATUSES, garbage, twisted, wrecked
from gateway.conformance.recorded import (
    Case,
    CaseKind,
    RecordedContext,
    cases,
    context,
    plain,
    raw,
    shown,
)
from gateway.conformance.recorder import Wanted, record
from gateway.conformance.samples import built_in, earlier_versions
from gateway.conformance.subject import attached, read_files
from gateway.domain.dossier import (
    ApplicantKind,
    Channel,
    Dossier,
    FeeKind,
    IdentityKind,
    PaymentMethod,
    Portal,
    ReturnMethod,
    Reuse,
)
from gateway.domain.errors import CannotEncode, ConfigurationError, NotFoundError
from gateway.domain.outcome import Accepted, Deferred
from gateway.domain.plausibility import implausible
from gateway.domain.status import Status
from gateway.port import WireRequest
from tests.conformance.conftest import TREE, reference_source

BY_CODE = {check.code: check for check in CHECKS}


def test_samples_show_every_value_of_the_vocabulary():
    samples = built_in()
    assert {dossier.status for dossier in samples} == set(Status)
    assert {dossier.channel for dossier in samples} == set(Channel)
    assert {dossier.origin for dossier in samples} == set(Portal)
    assert {dossier.return_method for dossier in samples} == set(ReturnMethod)
    assert {dossier.applicant.kind for dossier in samples} == set(ApplicantKind)
    assert {each.kind for dossier in samples for each in dossier.applicant.identities} == set(IdentityKind)
    assert {fee.kind for dossier in samples for fee in dossier.fees} == set(FeeKind)
    assert {fee.method for dossier in samples for fee in dossier.fees} == set(PaymentMethod)
    assert {document.reuse for dossier in samples for document in dossier.documents} == set(Reuse)


def test_first_sample_fills_every_field():
    first = built_in()[0]
    empty = {name for name in first.__struct_fields__ if getattr(first, name) in (None, [], "")}
    # a declaration is one ministry's; its adapter brings samples of its own
    assert empty == {"refused_at", "declaration"}


@pytest.mark.parametrize("dossier", built_in(), ids=lambda dossier: dossier.code)
def test_sample_and_its_earlier_versions_are_records_that_can_be_true(dossier):
    now = max(step.at for step in dossier.steps) + timedelta(hours=1)
    for version in earlier_versions(dossier):
        assert msgspec.json.decode(msgspec.json.encode(version), type=Dossier) == version
        assert implausible(version, now=now) == []


def test_every_class_of_status_and_every_code_of_the_samples_is_there_once():
    assert {status // 100 for status in STATUSES} == {1, 2, 3, 4, 5}
    codes = [dossier.code for dossier in built_in()]
    assert len(set(codes)) == len(codes)


def copied_tree(folder: Path) -> Path:
    shutil.copytree(TREE, folder / "tree", ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "tree"


def test_new_folder_is_found_without_an_edit(tmp_path):
    tree = copied_tree(tmp_path)
    shutil.copytree(tree / "adapters" / "ward_board", tree / "adapters" / "second_board")
    found = {source.like for source in sources((str(tree),))}
    assert {"ward_board", "second_board"} <= found


def test_folder_that_lacks_a_name_is_a_finding_and_not_passed_over(tmp_path, capsys):
    folder = tmp_path / "adapters" / "half_done"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("manifest = None\n")
    assert main(["half_done", "--tree", str(tmp_path)]) == 1
    assert "lacks Settings, build, simulate" in capsys.readouterr().out


def test_attached_tree_is_gone_afterwards():
    before = list(adapters.__path__)
    with attached((TREE,)):
        assert list(adapters.__path__) != before
    assert list(adapters.__path__) == before


def specified(tmp_path: Path, text: str):
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "conformance.toml").write_text(text, encoding="utf-8")
    return msgspec.structs.replace(reference_source(), home=str(tmp_path))


SETTINGS = '[settings]\nbase_url = "https://one.example"\nuser = "h99"\npassword = "CANARY-password"\n'


def test_variant_is_laid_over_the_settings(tmp_path):
    text = f'{SETTINGS}[[variant]]\nname = "two"\nsettings = {{ base_url = "https://two.example" }}\n'
    source = specified(tmp_path, text)
    variant = load(msgspec.structs.replace(source, variant="two"))
    assert variant.name == "ward_board[two]"
    assert (variant.settings.base_url, variant.settings.user) == ("https://two.example", "h99")
    assert load(source).settings.base_url == "https://one.example"


def test_secret_is_a_canary_however_it_is_written(tmp_path):
    assert load(specified(tmp_path, SETTINGS)).secrets() == {"password": "CANARY-password"}
    assert load(reference_source()).secrets() == {"password": "CANARY-WARD_BOARD_PASSWORD-5e1c"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (SETTINGS + "[sample]\n", "unknown field `sample`"),
        ('[settings]\nuser = "h99"\n', "missing required field `base_url`"),
        ("[settings\n", "conformance.toml"),
        (f'{SETTINGS}[[waiver]]\ncheck = "manifest"\nsubject = "*"\nreason = "because of it"\n', "until"),
    ],
)
def test_wrong_specification_is_refused_with_its_place(tmp_path, text, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        load(specified(tmp_path, text))


def test_own_samples_are_added(tmp_path):
    source = specified(tmp_path, SETTINGS)
    extra = msgspec.structs.replace(built_in()[0], code="H99.14-260928-0999")
    (tmp_path / "spec" / "samples.jsonl").write_bytes(msgspec.json.encode(extra) + b"\n\n")
    assert load(source).samples[-1] == extra


JSON = (("content-type", "application/json"),)


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (WireRequest(method="post", url="https://a.example"), "method"),
        (WireRequest(method="GET", url="/relative"), "not an absolute"),
        (WireRequest(method="GET", url="https://a.example/số"), "not an absolute"),
        (WireRequest(method="GET", url="https://a.example/a b"), "not an absolute"),
        (WireRequest(method="GET", url="https:///no-host"), "not an absolute"),
        (WireRequest(method="GET", url="https://a.example", headers=(("x", "a\r\nb"),)), "cannot be sent"),
        (WireRequest(method="GET", url="https://a.example", headers=(("a b", "c"),)), "cannot be sent"),
        (WireRequest(method="GET", url="https://a.example", headers=(("Host", "b"),)), "transport"),
        (WireRequest(method="POST", url="https://a.example", body=b"{}"), "without content-type"),
        (WireRequest(method="POST", url="https://a.example", headers=JSON, body=b"{"), "not JSON"),
        (WireRequest(method="POST", url="https://a.example", headers=JSON, body=b'"\xff"'), "not utf-8"),
        (
            WireRequest(
                method="POST",
                url="https://a.example",
                headers=(("Content-Type", 'text/xml; charset="no-such"'),),
                body=b"<a/>",
            ),
            "not no-such",
        ),
        (
            WireRequest(
                method="POST",
                url="https://a.example",
                headers=(("content-type", "text/xml"),),
                body="<?xml version='1.0' encoding='us-ascii'?><a>ấ</a>".encode(),
            ),
            "not us-ascii",
        ),
    ],
)
def test_request_that_cannot_be_sent_is_found(request_, complaint):
    (flaw,) = malformed(request_)
    assert complaint in flaw


def test_request_that_can_be_sent_has_no_flaw():
    body = "<a>ấ</a>".encode("utf-16")
    headers = (("content-type", "application/xml; charset=utf-16"), ("x-name", "caf\xe9"))
    assert not list(
        malformed(WireRequest(method="PUT", url="http://a.example?b=%20", headers=headers, body=body))
    )


def test_damaged_success_answers_are_never_the_success_answer():
    success = '{"code": "ok", "rows": [{"id": 1}], "message": "xong rồi"}'.encode()
    bodies = [
        answer.body for answer in (*garbage(), *wrecked(success), *(each for _, each in twisted(success)))
    ]
    assert success not in bodies
    assert len(set(bodies)) > 100


def test_every_value_of_a_success_answer_is_twisted():
    assert {where for where, _ in twisted(b'{"code": "ok", "rows": [{"id": 1}, {"id": 2}]}')} == {
        "code",
        "rows/0/id",
        "rows/1/id",
    }
    assert [where for where, _ in twisted(b"<a><code>0</code></a>")]
    assert not list(twisted("thành công".encode()))


@pytest.mark.parametrize("body", [b"", b"text", "chữ".encode(), b"\xff\x00"])
def test_recorded_body_is_exact(body):
    assert raw(shown(body)) == body


def test_recorded_outcome_leaves_out_what_is_silent():
    assert plain([Accepted(), Deferred(code="a", reason="b", retry_after=0.0)]) == [
        {"type": "accepted"},
        {"type": "deferred", "code": "a", "reason": "b", "retry_after": 0.0},
    ]


def test_recorded_file_that_is_no_case_is_named(tmp_path):
    (tmp_path / "wrong.json").write_text('{"note": "no context"}')
    source = msgspec.structs.replace(reference_source(), recorded=str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"wrong\.json"):
        list(cases(source))
    (finding,) = findings_of(load(source), BY_CODE["recorded-cases"])
    assert "wrong.json" in finding.what


@pytest.mark.parametrize("kind", [kind for kind in CaseKind if kind is not CaseKind.CALLBACK])
def test_recording_what_is_not_declared_names_it(reference, kind):
    with pytest.raises(NotFoundError, match="nothing_like_it"):
        record(reference, Wanted(note="", kind=kind, operation="nothing_like_it"))


def test_command_prints_findings_as_json(tmp_path, capsys):
    assert main(["ward_board", "--tree", TREE, "--check", "manifest", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_command_refuses_an_unknown_adapter(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["no_such_adapter", "--tree", TREE])
    assert "no_such_adapter" in capsys.readouterr().err


def test_files_of_a_specification_are_lent_by_their_digest(tmp_path):
    (tmp_path / "spec" / "files").mkdir(parents=True)
    (tmp_path / "spec" / "files" / "don.pdf").write_bytes(b"mau")

    assert read_files(tmp_path) == {sha256(b"mau").hexdigest(): b"mau"}
    assert read_files(tmp_path / "nowhere") == {}


@pytest.mark.parametrize(
    ("parameters", "flaw"),
    [
        ({"sha256": "A" * 64, "url": "https://kho.example/1"}, "lower-case"),
        ({"sha256": "a" * 64, "url": ""}, "address"),
        ({"sha256": "a" * 64, "url": "https://kho.example/1", "most": "20 MB"}, "most is no number"),
        ({"sha256": "a" * 64, "url": "https://kho.example/1", "size": "11", "most": "1024"}, None),
    ],
)
def test_file_that_is_asked_for_must_be_one_that_the_hub_can_fetch(reference, parameters, flaw):
    class Asks:
        def __getattr__(self, name):
            return getattr(reference.module.build(reference.settings), name)

        def encode(self, deliveries, context):
            if context.files:
                return reference.module.build(reference.settings).encode(deliveries, context)
            raise CannotEncode("its file is missing", missing=[("file", parameters)])

        encode_query = encode

    module = SimpleNamespace(
        build=lambda settings: Asks(), simulate=reference.module.simulate, manifest=reference.module.manifest
    )
    lent = msgspec.structs.replace(reference, module=module, files={"a" * 64: b"mau"})

    flaws = [str(each.what) for each in well_formed_requests(lent)]

    assert any(flaw in each for each in flaws) if flaw else not flaws


def test_recorded_case_lends_its_files_by_their_digest():
    case = Case(note="", context=RecordedContext(now=datetime(2026, 1, 1, tzinfo=UTC), files=["mau"]))

    assert context(case).files == {sha256(b"mau").hexdigest(): b"mau"}
