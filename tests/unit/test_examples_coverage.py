"""What the example dossiers show: every state, kind, channel and oddity that an import must survive."""

import re
import unicodedata
from collections import Counter
from datetime import date

import msgspec
import pytest

from examples import contents
from examples.sources import CONSULTING, LOCAL_PROCEDURE, LOCAL_STATUS, SECOND_SOURCE, understood
from examples.worktime import (
    VIETNAM,
)
from gateway.deadlines.classify import Facts, Verdict, classify
from gateway.domain.dossier import (
    ApplicantKind,
    Channel,
    Dossier,
    FeeKind,
    IdentityKind,
    PaymentMethod,
    ReturnMethod,
    Reuse,
)
from gateway.domain.status import Status
from tests.unit.example_files import COUNTS, NEWEST, RECORDS, SENT, TODAY

TET = (date(2026, 2, 16), date(2026, 2, 22))


def texts(value: object) -> list[str]:
    """Every string inside a record."""
    match msgspec.to_builtins(value):
        case str(text):
            return [text]
        case dict(members):
            return [text for member in members.values() for text in texts(member)]
        case list(items):
            return [text for item in items for text in texts(item)]
        case _:
            return []


ALL_TEXT = sorted({text for dossier in NEWEST for text in texts(dossier)})


def test_every_state_is_the_last_of_at_least_twenty_dossiers() -> None:
    assert set(Status) == {Status(dossier.status) for dossier in NEWEST}
    assert min(Counter(dossier.status for dossier in NEWEST).values()) >= 20


def test_some_dossiers_are_registered_or_refused_without_a_reception() -> None:
    unreceived = {dossier.status for dossier in NEWEST if dossier.received_at is None}
    assert unreceived == {Status.REGISTERED, Status.REFUSED}


@pytest.mark.parametrize(
    ("prefix", "kinds"),
    [
        ("channel: ", Channel),
        ("applicant: ", ApplicantKind),
        ("identity: ", IdentityKind),
        ("return: ", ReturnMethod),
        ("fee: ", FeeKind),
        ("fee: paid by ", PaymentMethod),
        ("source: ", ["one-door", SECOND_SOURCE]),
        ("document: reused ", [Reuse.COMPONENT, Reuse.RESULT]),
        ("punctuality: ", ["early", "on time", "late"]),
    ],
)
def test_every_kind_occurs_at_least_twenty_times(prefix: str, kinds: list[str]) -> None:
    assert {kind: COUNTS.get(f"{prefix}{kind}", 0) >= 20 for kind in kinds} == dict.fromkeys(kinds, True)


@pytest.mark.parametrize(
    "feature",
    [
        "code: foreign",
        "code: old style",
        "document: deleted",
        "document: digitised",
        "document: from the national store",
        "due: finished on the day after the hour",
        "due: missing though received",
        "fee: unpaid",
        "fee: zero",
        "papers without a file",
        "re-appointed",
        "result: refusal paper",
        "stopped for good",
        "supplement: one answered round",
        "supplement: open round",
        "supplement: two answered rounds",
    ],
)
def test_every_feature_occurs_at_least_ten_times(feature: str) -> None:
    assert COUNTS[feature] >= 10


def test_codes_are_unique_and_of_the_three_styles() -> None:
    new = re.compile(r"H99\.\d\d-26\d{4}-\d{4}")
    old = re.compile(r"000\.00\.\d\d\.H99-26\d{4}-\d{4}")
    styles = Counter(
        "new"
        if new.fullmatch(dossier.code)
        else "old"
        if old.fullmatch(dossier.code)
        else "foreign"
        if "H99" not in dossier.code
        else dossier.code
        for dossier in NEWEST
    )
    assert set(styles) == {"new", "old", "foreign"}


def test_files_and_contacts_are_invented() -> None:
    for dossier in NEWEST:
        documents = [*dossier.documents, *(d for s in dossier.supplements for d in s.documents)]
        files = [item.file for item in (*documents, *dossier.results)]
        assert all(file and file.sha256 for file in files), dossier.code
        assert all(file.url.startswith("https://hoso.h99.example/") for file in files if file), dossier.code
        person = dossier.applicant
        assert person.email is None or person.email.endswith("@example.invalid")
        assert person.phone is None or re.fullmatch(r"0900000\d{3}", person.phone)
    numbers = {(i.kind, i.number) for dossier in NEWEST for i in dossier.applicant.identities}
    shapes = {
        IdentityKind.PERSONAL_ID: r"099\d{9}",
        IdentityKind.OLD_ID_CARD: r"099\d{6}",
        IdentityKind.PASSPORT: r"X\d{7}",
        IdentityKind.TAX_CODE: r"0990\d{6}(-\d{3})?",
    }
    assert all(re.fullmatch(shapes[kind], number) for kind, number in numbers)


def test_every_applicant_has_an_identity_that_the_portal_knows() -> None:
    known = {IdentityKind.PERSONAL_ID, IdentityKind.OLD_ID_CARD}  # national_portal §10.7
    assert all(known & {i.kind for i in dossier.applicant.identities} for dossier in NEWEST)


def test_finished_dossiers_carry_a_result_with_code_and_file() -> None:
    done = [d for d in RECORDS if d.status in {Status.FINISHED, Status.RETURNED}]
    assert done
    assert all(any(result.code and result.file for result in d.results) for d in done)


def test_names_come_in_nfc_and_in_nfd_and_are_of_large_variety() -> None:
    names = {dossier.applicant.name for dossier in NEWEST}
    assert len(names) > 400
    composed = [name for name in names if name == unicodedata.normalize("NFC", name) and not name.isascii()]
    decomposed = [name for name in names if name != unicodedata.normalize("NFC", name)]
    assert len(composed) > 300
    assert len(decomposed) > 25
    assert all(name == unicodedata.normalize("NFD", name) for name in decomposed)


def test_texts_are_long_and_awkward_and_free_of_emoji() -> None:
    letters = set("".join(ALL_TEXT))
    assert set("đĐ'\"<&>\\%«»–²") <= letters
    assert {"\u0300", "\u0301", "\u0303", "\u0309", "\u0323", "\u0302", "\u0306", "\u031b"} <= letters
    # "No", "Lo" and control characters would be a surprise; "So" holds emoji.
    assert not [
        letter for letter in letters if unicodedata.category(letter) in {"So", "Cc", "Cs", "Co", "Cn"}
    ]
    assert max(len(dossier.applicant.name) for dossier in NEWEST) > 255
    assert max(len(dossier.note or "") for dossier in NEWEST) > 255
    notes = [step.note or "" for dossier in NEWEST for step in dossier.steps]
    assert max(map(len, notes)) > 255
    actors = [step.actor for dossier in NEWEST for step in dossier.steps]
    assert sum(len(actor or "") > 50 for actor in actors) > 20
    assert None in actors


def test_dossiers_run_over_tet() -> None:
    over = [
        dossier
        for dossier in NEWEST
        if dossier.received_at
        and dossier.finished_at
        and dossier.received_at.astimezone(VIETNAM).date() < TET[0]
        and dossier.finished_at.astimezone(VIETNAM).date() > TET[1]
    ]
    assert len(over) >= 30


def test_open_dossiers_are_partly_in_time_and_partly_overdue() -> None:
    still_open = [d.due_at for d in NEWEST if d.status in {Status.RECEIVED, Status.PROCESSING} and d.due_at]
    assert sum(due > TODAY for due in still_open) >= 20
    assert sum(due <= TODAY for due in still_open) >= 20


def class_of(dossier: Dossier) -> Verdict:
    facts = Facts(
        status=Status(dossier.status),
        as_of=TODAY,
        received_at=dossier.received_at,
        due_at=dossier.due_at,
        finished_at=dossier.finished_at,
        waiting_since=dossier.steps[-1].at,
    )
    return classify(facts).by_date


def test_every_class_against_the_promise_occurs_but_the_impossible_one() -> None:
    assert {class_of(dossier) for dossier in NEWEST} == set(Verdict) - {Verdict.DATA_ERROR}


def test_counts_judge_finished_dossiers_as_the_gateway_does() -> None:
    judged = [(contents.punctuality(d), class_of(d).replace("_", " ").lower()) for d in NEWEST]
    assert all(ours == theirs for ours, theirs in judged if ours)


def test_a_round_is_asked_after_the_promise_has_passed() -> None:
    rounds = [s for dossier in NEWEST for s in dossier.supplements]
    assert any(s.old_due_at and s.requested_at > s.old_due_at and s.received_at is None for s in rounds)


def test_the_second_source_speaks_its_own_words() -> None:
    share = COUNTS[f"source: {SECOND_SOURCE}"] / COUNTS["dossiers"]
    assert 0.09 < share < 0.15
    for dossier in SENT:
        local = {*LOCAL_STATUS.values(), CONSULTING}
        words = local if dossier.source == SECOND_SOURCE else set(Status)
        assert {dossier.status, *(step.status for step in dossier.steps)} <= words, dossier.code
    second = [dossier for dossier in SENT if dossier.source == SECOND_SOURCE]
    assert {dossier.status for dossier in second} >= set(LOCAL_STATUS.values())
    assert {step.status for dossier in second for step in dossier.steps} > {CONSULTING}
    assert {dossier.procedure.code for dossier in second} > set(LOCAL_PROCEDURE.values())


def test_the_counts_translate_states_as_the_tables_do() -> None:
    for sent, record in zip(SENT, RECORDS, strict=True):
        ours = understood(sent)
        assert (ours.status, ours.steps) == (record.status, record.steps), sent.code
