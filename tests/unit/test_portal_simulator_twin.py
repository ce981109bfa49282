"""The stand-in of the LGSP twin: what its document service takes, refuses and keeps (national_portal §9)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.national_portal.simulator import FAULTS, PortalSimulator, SimulatorConfig
from adapters.national_portal.simulator_twin import DOCUMENT_ELEMENTS, TRACE_ELEMENTS
from gateway.port.simulator import SimulatedRequest

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CODE = "H99.14-261102-0007"
SYNC, TRACE = "/Document/SyncDocument", "/Document/UpdateDocumentTraces"
DOCUMENT: dict[str, Any] = {
    "DocTypeCode": "1.009901.000.00.00.H99",
    "DocTypeName": "Cấp giấy xác nhận thử nghiệm",
    "DocCode": CODE,
    "CitizenName": "Nguyễn Văn Thử",
    "ApplicantsId": "099000000001",
    "ApplicantsType": 1,
    "Phone": "",
    "Compendium": "Đề nghị cấp giấy",
    "DateReceived": "2026-11-02T01:05:00.000Z",
    "DateAppointed": "2026-11-09T01:05:00.000Z",
    "IsSuccess": False,
    "IsReturned": False,
    "ReturnedType": 0,
    "Status": 1,
    "ProcessingOrganName": "Ủy ban nhân dân xã Thử",
    "DocFees": [{"FeeName": "Lệ phí", "FeeType": 4, "Price": 150000}],
    "DocPapers": [],
    "Supplementaries": [],
    "OrganInchargeIdLevel1": "H99",
    "OrganInchargeName": "Ủy ban nhân dân tỉnh Mô phỏng",
}
DONE = {"IsSuccess": True, "SuccessDate": "2026-11-02T08:00:00.000Z", "Status": 2}
STEP: dict[str, Any] = {
    "DocumentId": CODE,
    "DocCode": CODE,
    "UserName": "Trần Thị Mẫu",
    "UserPosition": "",
    "DateCreated": "2026-11-02T01:05:00.000Z",
    "Comment": "Đã tiếp nhận",
    "Status": 0,
    "OrganizationInchargeIdLevel1": "H99",
    "OrganizationInchargeName": "Ủy ban nhân dân tỉnh Mô phỏng",
}


class Twin:
    """One province talking to the stand-in."""

    def __init__(self, **config: Any) -> None:
        self.simulator = PortalSimulator(SimulatorConfig(**config))
        self.headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)

    def request(self, path: str, body: Any, *, method: str = "POST") -> SimulatedRequest:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return SimulatedRequest(
            method=method, path=path, query="", headers=self.headers, body=content, now=NOW
        )

    def send(self, path: str, body: Any, **rest: Any) -> dict[str, Any]:
        return json.loads(self.simulator.handle(self.request(path, body, **rest)).body)

    def kept(self) -> dict[str, Any]:
        return self.simulator.record()["dossiers"]


@pytest.fixture
def twin() -> Twin:
    return Twin()


def test_document_is_taken_and_lies_there_in_the_portals_words(twin):
    assert twin.send(SYNC, DOCUMENT) == {"Status": 200, "Message": "Đồng bộ thành công"}
    assert twin.send(SYNC, DOCUMENT | DONE)["Status"] == 200

    kept = twin.kept()[CODE]
    assert kept["snapshots"] == 2
    assert kept["fields"]["MaTTHC"] == DOCUMENT["DocTypeCode"]
    assert kept["fields"]["NgayTiepNhan"] == "20261102080500", "14 digits of Vietnam's time"
    assert kept["fields"]["NgayKetThucXuLy"] == "20261102150000"
    assert kept["fields"]["DocFees"] == DOCUMENT["DocFees"]


def test_local_time_with_a_literal_z_is_understood_where_the_twin_is_told_so():
    twin = Twin(twin_dates="local_z")

    twin.send(SYNC, DOCUMENT | {"DateReceived": "2026-11-02T08:05:00.000Z"})

    assert twin.kept()[CODE]["fields"]["NgayTiepNhan"] == "20261102080500"


def test_traces_are_kept_in_order_once_and_only_of_known_documents(twin):
    unknown = twin.send(TRACE, STEP)
    twin.send(SYNC, DOCUMENT)
    later = STEP | {"DateCreated": "2026-11-02T02:00:00.000Z", "Comment": "Đang xử lý"}
    answers = [twin.send(TRACE, step)["Status"] for step in (STEP, later, STEP)]

    assert unknown["Status"] == 404
    assert "không tồn tại" in unknown["Message"]
    assert answers == [200, 200, 200]
    kept = twin.kept()[CODE]
    assert [step["Comment"] for step in kept["steps"]] == ["Đã tiếp nhận", "Đang xử lý"]
    assert kept["duplicate_steps"] == 1
    assert [line["kind"] for line in twin.simulator.record()["duplicates"]] == ["step"]


def test_late_trace_is_kept_and_noted(twin):
    twin.send(SYNC, DOCUMENT)
    twin.send(TRACE, STEP | {"DateCreated": "2026-11-02T03:00:00.000Z"})
    twin.send(TRACE, STEP)

    assert [line["MaHoSo"] for line in twin.simulator.record()["out_of_order"]] == [CODE]


@pytest.mark.parametrize(
    ("path", "element"),
    [(SYNC, each) for each in DOCUMENT_ELEMENTS if each.required]
    + [(TRACE, each) for each in TRACE_ELEMENTS if each.required],
    ids=lambda value: getattr(value, "name", value),
)
@pytest.mark.parametrize("value", [None, {}], ids=["missing", "wrong type"])
def test_every_mandatory_element_is_asked_for_and_its_type_is_checked(twin, path, element, value):
    twin.send(SYNC, DOCUMENT)
    good = DOCUMENT if path == SYNC else STEP

    answer = twin.send(path, {**good, element.name: value})

    assert answer["Status"] == 400
    assert element.name in answer["Message"]
    assert len(twin.simulator.record()["rejected"]) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"IsSuccess": True}, "SuccessDate"),
        ({"IsReturned": True}, "ReturnedDate"),
        ({"IsSuccess": 1}, "IsSuccess"),
        ({"ApplicantsType": 5}, "ApplicantsType"),
        ({"ApplicantsType": True}, "ApplicantsType"),
        ({"ReturnedType": "0"}, "ReturnedType"),
        ({"DateReceived": "20261102080500"}, "DateReceived"),
        ({"DateReceived": "2026-11-02T08:05:00+07:00"}, "DateReceived"),
        ({"DateReceived": "2026-13-02T08:05:00.000Z"}, "DateReceived"),
        (
            {"DateReceived": "2026-11-09T08:05:00.000Z", "DateAppointed": "2026-11-10T00:00:00.000Z"},
            "tương lai",
        ),
        ({"DateAppointed": "2026-11-01T08:05:00.000Z"}, "trước DateReceived"),
        ({"DocTypeCode": "9.999999"}, "DocTypeCode"),
        ({"DocCode": "x" * 51}, "DocCode"),
        ({"CitizenName": "  "}, "CitizenName"),
        ({"DocFees": {}}, "DocFees"),
        ({"DocFees": ["x"]}, "DocFees"),
        ({"DocFees": [{"FeeName": "Lệ phí", "FeeType": 4, "Price": -1}]}, "DocFees[0].Price"),
        ({"Supplementaries": [{"SupplementaryId": 1}]}, "Supplementaries[0].SendUser"),
    ],
)
def test_document_that_makes_no_sense_is_refused_and_not_kept(twin, change, told):
    answer = twin.send(SYNC, DOCUMENT | change)

    assert answer["Status"] == 400
    assert told in answer["Message"]
    assert twin.kept() == {}


def test_body_that_is_no_object_and_other_methods_and_addresses_are_refused(twin):
    assert twin.send(SYNC, [DOCUMENT])["Status"] == 400
    assert twin.send(SYNC, b"{")["Status"] == 400
    assert twin.send(SYNC, DOCUMENT, method="GET")["Status"] == 405
    assert twin.simulator.handle(twin.request("/Document/Other", DOCUMENT)).status == 404
    assert twin.kept() == {}


def test_platform_that_asks_for_a_token_lets_nobody_else_in():
    twin = Twin(bearer="facades")
    refused = twin.simulator.handle(twin.request(SYNC, DOCUMENT))
    form = b"grant_type=client_credentials&client_id=h99_lgsp&client_secret=bi-mat-lgsp"
    token = twin.send("/token", form)["access_token"]
    twin.headers = (*twin.headers, ("authorization", f"Bearer {token}"))

    assert (refused.status, json.loads(refused.body)["Status"]) == (401, 401)
    assert twin.send(SYNC, DOCUMENT)["Status"] == 200


def test_copy_that_the_sandbox_made_is_not_the_clients_repetition(twin):
    twin.send(SYNC, DOCUMENT)
    twin.headers = (*twin.headers, ("x-sandbox-replay", "1"))
    twin.send(SYNC, DOCUMENT)

    record = twin.simulator.record()
    assert (len(record["duplicates"]), len(record["replays"])) == (0, 1)


# faults


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_fits_or_changes_nothing(fault):
    twin = Twin(bearer="none")
    request = twin.request(SYNC, DOCUMENT)

    answer = twin.simulator.twist(fault, request)

    if answer is None:
        assert twin.simulator.record()["writes"] == 0
    assert twin.send(SYNC, DOCUMENT)["Status"] == 200


def test_status_as_text_and_nulls_are_the_same_answer_in_another_dress(twin):
    swapped = json.loads(twin.simulator.twist("int_vs_string", twin.request(SYNC, DOCUMENT)).body)
    nulled = json.loads(twin.simulator.twist("null_fields", twin.request(SYNC, DOCUMENT)).body)

    assert swapped["Status"] == "200"
    assert (nulled["Status"], nulled["Message"]) == (200, None)


def test_maintenance_is_no_success(twin):
    answer = json.loads(twin.simulator.twist("maintenance", twin.request(TRACE, STEP)).body)

    assert answer["Status"] == 500
    assert "bảo trì" in answer["Message"]


def test_lost_token_is_refused_and_gone():
    twin = Twin(bearer="facades")
    form = b"grant_type=client_credentials&client_id=h99_lgsp&client_secret=bi-mat-lgsp"
    token = twin.send("/token", form)["access_token"]
    twin.headers = (*twin.headers, ("authorization", f"Bearer {token}"))

    struck = twin.simulator.twist("session_expired", twin.request(SYNC, DOCUMENT))

    assert struck.status == 401
    assert twin.simulator.handle(twin.request(SYNC, DOCUMENT)).status == 401


def test_fault_rules_know_the_twins_services_by_name(twin):
    assert twin.simulator.service(twin.request(SYNC, DOCUMENT)) == "SyncDocument"
    assert twin.simulator.service(twin.request(TRACE, b"{")) == "UpdateDocumentTraces"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([each.name for each in (*DOCUMENT_ELEMENTS, *TRACE_ELEMENTS)])


@given(st.sampled_from([SYNC, TRACE]), st.dictionaries(names, json_values, max_size=6))
def test_whatever_stands_in_a_document_is_answered_and_can_be_recorded(path, change):
    twin = Twin()
    twin.send(SYNC, DOCUMENT)

    answer = twin.send(path, {**DOCUMENT, **STEP, **change})

    assert answer["Status"] in {200, 400, 404}
    msgspec.json.encode(twin.simulator.record())


def test_day_ahead_is_tolerated_and_two_are_not(twin):
    ahead = [(NOW + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.000Z") for hours in (23, 25)]

    answers = [
        twin.send(SYNC, DOCUMENT | {"DateReceived": at, "DateAppointed": None})["Status"] for at in ahead
    ]

    assert answers == [200, 400]
