"""The example dossiers and the hostile lines: reproducible, consistent, and complete in what they show."""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from adapters.national_portal import build, simulate, simulator_catalogue
from adapters.national_portal.settings import Settings as PortalSettings
from adapters.national_portal.settings import require_usable
from examples import catalogue, contents, generate, hostile
from examples.sources import LOCAL_STATUS, SECOND_SOURCE, understood
from examples.worktime import (
    VIETNAM,
    add_calendar_days,
    add_months,
    add_working_days,
    add_working_minutes,
    is_working_time,
    working_minutes_between,
)
from gateway.codec.record import RecordReader
from gateway.deadlines.classify import Facts, Verdict, classify
from gateway.domain.delivery import Delivery
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
from gateway.domain.errors import ConfigurationError, RecordError
from gateway.domain.outcome import Accepted
from gateway.domain.plausibility import implausible
from gateway.domain.status import Status, judge_move
from gateway.port import Context, Grant, Secret, SimulatedRequest, WireRequest, WireResponse
from gateway.settings import decode, load
from mappings.national_portal.catalogue import AGENCIES, FIELDS, PROCEDURE_DETAIL, PROCEDURE_LIST

TODAY = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FIRST = datetime(2026, 1, 5, 0, 0, tzinfo=VIETNAM)
LAST = datetime(2026, 10, 30, 17, 0, tzinfo=VIETNAM)
LAST_PROMISE = datetime(2026, 12, 31, 0, 0, tzinfo=VIETNAM)
TET = (date(2026, 2, 16), date(2026, 2, 22))
README = Path(generate.__file__).with_name("README.md")

LINES = generate.TARGET.read_bytes().split(b"\n")[:-1]
SENT = [msgspec.json.decode(line, type=Dossier) for line in LINES]
RECORDS = [understood(dossier) for dossier in SENT]
NEWEST = list({dossier.code: dossier for dossier in RECORDS}.values())
COUNTS = contents.counts(contents.read(LINES))
CATALOGUES = {
    PROCEDURE_LIST: {entry["MATTHC"]: entry for entry in simulator_catalogue.PROCEDURES},
    PROCEDURE_DETAIL: {entry["MATTHC"]: entry for entry in simulator_catalogue.PROCEDURES},
    AGENCIES: {entry["MADONVI"]: entry for entry in simulator_catalogue.AGENCIES},
    FIELDS: {entry["MALINHVUC"]: entry for entry in simulator_catalogue.FIELDS},
}


def histories() -> dict[str, list[Dossier]]:
    found: dict[str, list[Dossier]] = defaultdict(list)
    for dossier in RECORDS:
        found[dossier.code].append(dossier)
    return found


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


def test_committed_file_is_what_the_generator_writes() -> None:
    assert generate.lines() == LINES


def test_another_seed_gives_another_file() -> None:
    assert generate.lines(seed=1) != LINES


def test_readme_shows_the_counts_of_the_file() -> None:
    assert contents.table(LINES) in README.read_text(encoding="utf-8")


def test_sizes_are_as_promised() -> None:
    assert COUNTS["dossiers"] >= 520
    assert COUNTS["steps"] >= 4200
    assert COUNTS["bytes"] == generate.TARGET.stat().st_size < 6_000_000
    assert 0.55 <= COUNTS["dossiers in 2 to 4 versions"] / COUNTS["dossiers"] <= 0.65
    assert {len(versions) for versions in histories().values()} == {1, 2, 3, 4}


def test_every_record_is_plausible_after_translation() -> None:
    found = {dossier.code: implausible(dossier, now=TODAY) for dossier in RECORDS}
    assert not [code for code, violations in found.items() if violations]


def test_lines_arrive_in_order_of_time_with_dossiers_interleaved() -> None:
    arrivals = [dossier.steps[-1].at for dossier in RECORDS]
    assert arrivals == sorted(arrivals)
    neighbours = sum(one.code == other.code for one, other in pairwise(RECORDS))
    assert neighbours < len(RECORDS) / 10


def test_versions_grow_and_only_append_later_steps() -> None:
    for code, versions in histories().items():
        for earlier, later in pairwise(versions):
            assert later.version > earlier.version, code
            assert len(later.steps) > len(earlier.steps), code
            assert later.steps[: len(earlier.steps)] == earlier.steps, code


def test_earlier_versions_know_nothing_of_what_came_later() -> None:
    for dossier in RECORDS:
        last = dossier.steps[-1].at
        known = [
            *(dossier.received_at, dossier.finished_at, dossier.returned_at, dossier.refused_at),
            *(fee.paid_at for fee in dossier.fees),
            *(s.requested_at for s in dossier.supplements),
            *(s.received_at for s in dossier.supplements),
            *(r.issued_at for r in dossier.reappointments),
        ]
        assert all(instant <= last for instant in known if instant), dossier.code
        assert bool(dossier.results) == (dossier.status in {Status.FINISHED, Status.RETURNED}), dossier.code
        assert not dossier.due_at or dossier.received_at, dossier.code


def test_the_promise_moves_only_with_a_supplement_or_a_paper() -> None:
    for code, versions in histories().items():
        for earlier, later in pairwise(versions):
            moves = {s.new_due_at for s in later.supplements} | {r.new_due_at for r in later.reappointments}
            if earlier.received_at and earlier.due_at != later.due_at:
                assert later.due_at in moves, code


def test_step_ids_are_unique_and_step_times_strictly_increase() -> None:
    for dossier in NEWEST:
        assert len({step.id for step in dossier.steps}) == len(dossier.steps), dossier.code
        assert all(one.at < other.at for one, other in pairwise(dossier.steps)), dossier.code


def test_every_move_is_legal_and_the_state_is_that_of_the_last_step() -> None:
    for dossier in NEWEST:
        states = [None, *(Status(step.status) for step in dossier.steps)]
        verdicts = {judge_move(before, after) for before, after in pairwise(states) if after}
        assert "impossible" not in verdicts, dossier.code
        assert dossier.status == states[-1], dossier.code


def test_every_national_event_has_its_step() -> None:
    for dossier in NEWEST:
        taken = {(step.status, step.at) for step in dossier.steps}
        expected = [
            (Status.RECEIVED, dossier.received_at),
            (Status.REFUSED, dossier.refused_at),
            (Status.RETURNED, dossier.returned_at),
            *((Status.SUPPLEMENT_REQUESTED, s.requested_at) for s in dossier.supplements),
            *((Status.PROCESSING, s.received_at) for s in dossier.supplements),
        ]
        if dossier.status in {Status.FINISHED, Status.RETURNED}:
            expected.append((Status.FINISHED, dossier.finished_at))
        assert {pair for pair in expected if pair[1]} <= taken, dossier.code
        asked = sum(step.status == Status.SUPPLEMENT_REQUESTED for step in dossier.steps)
        assert asked == len(dossier.supplements), dossier.code


def test_instants_are_vietnamese_and_inside_the_ten_months() -> None:
    for line in LINES:
        instants = re.findall(rb'"(20\d\d-\d\d-\d\dT[^"]+)"', line)
        assert instants
        assert all(instant.endswith(b"+07:00") for instant in instants)
    for dossier in NEWEST:
        events = [dossier.submitted_at, *(step.at for step in dossier.steps)]
        assert all(FIRST <= instant <= LAST for instant in events if instant), dossier.code
        assert dossier.due_at is None or FIRST <= dossier.due_at < LAST_PROMISE, dossier.code


def test_offices_work_in_office_hours_and_citizens_file_at_any_hour() -> None:
    steps = [step for dossier in NEWEST for step in dossier.steps]
    inside = [is_working_time(step.at.astimezone(VIETNAM)) for step in steps if step.status != "registered"]
    assert all(inside)
    filed = [is_working_time(step.at.astimezone(VIETNAM)) for step in steps if step.status == "registered"]
    assert 10 < filed.count(False) < len(filed) / 2


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
    judged = [(contents.punctuality(d), class_of(d).replace("_", " ")) for d in NEWEST]
    assert all(ours == theirs for ours, theirs in judged if ours)


def test_a_round_is_asked_after_the_promise_has_passed() -> None:
    rounds = [s for dossier in NEWEST for s in dossier.supplements]
    assert any(s.old_due_at and s.requested_at > s.old_due_at and s.received_at is None for s in rounds)


def test_the_second_source_speaks_its_own_words() -> None:
    share = COUNTS[f"source: {SECOND_SOURCE}"] / COUNTS["dossiers"]
    assert 0.09 < share < 0.15
    for dossier in SENT:
        words = set(LOCAL_STATUS.values()) if dossier.source == SECOND_SOURCE else set(Status)
        assert {dossier.status, *(step.status for step in dossier.steps)} <= words, dossier.code
    spoken = {dossier.status for dossier in SENT if dossier.source == SECOND_SOURCE}
    assert spoken == set(LOCAL_STATUS.values())


def test_procedures_are_those_of_the_portals_stand_in() -> None:
    for ours, theirs in zip(catalogue.PROCEDURES, simulator_catalogue.PROCEDURES, strict=True):
        field = theirs["LINHVUCTHUCHIEN"][0]
        direct = theirs["CACHTHUCTHUCHIEN"][0]["THOIGIAN"][0]
        assert (ours.code, ours.name) == (theirs["MATTHC"], theirs["TENTTHC"])
        assert (ours.field_code, ours.field_name) == (field["MALINHVUC"], field["TENLINHVUC"])
        assert set(ours.agencies) == {agency["MADONVI"] for agency in theirs["COQUANTHUCHIEN"]}
        assert ours.results == tuple((r["MAKETQUA"], r["TENKETQUA"]) for r in theirs["KETQUATHUCHIEN"])
        papers = [paper for case in theirs["THANHPHANHOSO"] for paper in case["GIAYTO"]]
        assert [(c.code, c.name, c.replaced_by or "") for c in ours.components] == [
            (paper["MAGIAYTO"], paper["TENGIAYTO"], paper["MA_KQ_THAYTHE"]) for paper in papers
        ]
        assert str(ours.amount or "") == direct["THOIGIANGIAIQUYET"]
        fees = [(fee["MAPHILEPHI"], fee["SOTIEN"]) for fee in direct["PHILEPHI"]]
        assert fees == ([(ours.fee_code, str(ours.fee))] if ours.fee else [])


def test_agencies_are_those_of_the_portals_stand_in() -> None:
    known = {agency["MADONVI"]: agency["TENDONVI"] for agency in simulator_catalogue.AGENCIES}
    assert catalogue.AGENCIES.items() <= known.items()
    assert {(d.agency.code, d.agency.name) for d in NEWEST} <= set(known.items())


def test_every_procedure_and_every_agency_is_used() -> None:
    assert {d.procedure.code for d in NEWEST} == {p.code for p in catalogue.PROCEDURES}
    assert {d.agency.code for d in NEWEST} == set(catalogue.AGENCIES)


def test_example_configuration_loads_and_suits_the_adapter() -> None:
    settings = load(README.with_name("lienthong.toml"), ENVIRONMENT)
    portal = settings.destination["national_portal"]
    adapter = decode(portal.settings, PortalSettings, ENVIRONMENT)
    require_usable(adapter)
    assert adapter.password == Secret("mot-mat-khau")
    assert adapter.province_code == contents.PROVINCE
    assert portal.maintenance[0].reason


def test_example_configuration_holds_no_secret() -> None:
    with pytest.raises(ConfigurationError, match="PORTAL_PASSWORD"):
        decode(
            load(README.with_name("lienthong.toml"), {}).destination["national_portal"].settings,
            PortalSettings,
            {},
        )


ENVIRONMENT = {"PORTAL_PASSWORD": "mot-mat-khau"}


class Portal:
    """The adapter of the example configuration, and the portal's stand-in behind it."""

    def __init__(self) -> None:
        section = load(README.with_name("lienthong.toml"), ENVIRONMENT).destination["national_portal"]
        settings = decode(section.settings, PortalSettings, ENVIRONMENT)
        self.adapter = build(settings)
        self.stand_in = simulate(settings)
        (layer,) = self.adapter.credentials
        grant = layer.read(self.exchange(layer.request({})))
        assert isinstance(grant, Grant)
        self.credentials = {layer.name: grant.value}

    def exchange(self, request: WireRequest) -> WireResponse:
        address = urlsplit(request.url)
        answer = self.stand_in.handle(
            SimulatedRequest(
                method=request.method,
                path=address.path,
                query=address.query,
                headers=request.headers,
                body=request.body,
                now=TODAY,
            )
        )
        return WireResponse(status=answer.status, headers=answer.headers, body=answer.body)

    def deliver(self, dossier: Dossier) -> int:
        """Tell the stand-in everything about ``dossier``; the number of steps that it was told."""
        memory = {"partner_code": self.adapter.partner_codes(dossier)[0]}
        context = Context(now=TODAY, credentials=self.credentials, memory=memory, catalogues=CATALOGUES)
        deliveries = [
            Delivery(
                id=position,
                lane=1,
                destination="national_portal",
                dossier=dossier.code,
                operation=planned.operation,
                key=planned.key,
                position=position,
                payload=planned.payload,
            )
            for position, planned in enumerate(self.adapter.plan(dossier))
        ]
        steps = [delivery for delivery in deliveries if delivery.operation == "step"]
        snapshots = [delivery for delivery in deliveries if delivery.operation == "dossier"]
        for batch in (*([one] for one in snapshots), *(steps[i : i + 10] for i in range(0, len(steps), 10))):
            response = self.exchange(self.adapter.encode(batch, context))
            outcomes = self.adapter.interpret(batch, response, context)
            assert all(isinstance(outcome, Accepted) for outcome in outcomes), (dossier.code, outcomes)
        return len(steps)


def test_adapter_finds_nothing_wrong_with_any_version() -> None:
    adapter = Portal().adapter
    assert not [dossier.code for dossier in RECORDS if adapter.check(dossier, CATALOGUES)]


def test_portals_stand_in_accepts_every_dossier_and_every_step() -> None:
    portal = Portal()
    assert all(portal.adapter.wants(dossier) for dossier in NEWEST)
    told = sum(portal.deliver(dossier) for dossier in NEWEST)
    record = portal.stand_in.record()
    assert len(record["dossiers"]) == COUNTS["dossiers"]
    assert sum(len(kept["steps"]) for kept in record["dossiers"].values()) == told == COUNTS["steps"]
    assert [record[name] for name in ("rejected", "duplicates", "out_of_order")] == [[], [], []]


def local(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+07:00")


@pytest.mark.parametrize(
    ("received", "days", "due"),
    [
        ("2026-03-02T09:00", 3, "2026-03-05T09:00"),  # A01
        ("2026-02-12T10:00", 5, "2026-02-26T10:00"),  # A07 over Tet
        ("2026-04-24T08:00", 3, "2026-05-04T08:00"),  # A09
        ("2026-01-08T09:00", 2, "2026-01-10T09:00"),  # A11 make-up Saturday
        ("2026-08-27T09:00", 3, "2026-09-04T09:00"),  # A13
    ],
)
def test_working_days_are_counted_as_in_the_worked_cases(received: str, days: int, due: str) -> None:
    assert add_working_days(local(received), days) == local(due)


def test_calendar_days_and_months_roll_to_a_working_day() -> None:
    assert add_calendar_days(local("2026-03-05T09:00"), 2) == local("2026-03-09T09:00")  # B02
    assert add_calendar_days(local("2026-02-10T09:00"), 7) == local("2026-02-23T09:00")  # B03
    assert add_months(local("2026-01-31T09:00"), 1) == local("2026-03-02T09:00")  # B06


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-02T08:00", 4, "2026-03-02T14:00"),  # C01
        ("2026-03-06T16:00", 8, "2026-03-09T16:00"),  # C03
        ("2026-03-06T20:00", 8, "2026-03-09T17:00"),  # C04
        ("2026-02-14T09:00", 8, "2026-02-23T17:00"),  # C06
    ],
)
def test_working_hours_are_counted_as_in_the_worked_cases(start: str, hours: int, end: str) -> None:
    assert add_working_minutes(local(start), hours * 60) == local(end)
    assert working_minutes_between(local(start), local(end)) == hours * 60


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
        assert implausible(msgspec.json.decode(line, type=Dossier), now=TODAY) == []


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
        RecordReader(Dossier).read(line)
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
    adapter = Portal().adapter
    for line, verdict in of_stage("catalogue", "version", "good"):
        found = adapter.check(msgspec.json.decode(line, type=Dossier), CATALOGUES)
        expected = verdict["pointers"] if verdict.get("stage") == "catalogue" else []
        assert [violation.pointer for violation in found] == expected


def test_untranslatable_lines_use_words_that_their_source_does_not_know() -> None:
    for line, verdict in of_stage("translation"):
        dossier = msgspec.json.decode(line, type=Dossier)
        known = set(LOCAL_STATUS.values()) if dossier.source == SECOND_SOURCE else set(Status)
        unknown = [] if dossier.status in known else ["/status"]
        unknown += [f"/steps/{i}/status" for i, step in enumerate(dossier.steps) if step.status not in known]
        assert unknown == verdict["pointers"]


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


def test_records_are_small_enough_for_one_call() -> None:
    assert max(map(len, LINES)) < 64_000
