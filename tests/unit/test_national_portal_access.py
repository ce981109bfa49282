"""Login, platform token, addresses and envelopes of the four dialects; settings that cannot work."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

import adapters.national_portal as module
from adapters.national_portal.settings import DocumentStore, Lgsp
from gateway.domain.dossier import Portal
from gateway.domain.errors import ConfigurationError
from gateway.domain.outcome import Accepted
from gateway.port import Denied, Grant, OperationKind, Secret, WireResponse, header
from tests.unit import portal
from tests.unit.portal_answers import ANSWERS, PAGE

LGSP = Lgsp(token_url="https://lgsp.h99.example/token", key="h99", secret=Secret("bí mật & khóa"))
TOKEN = portal.raw(b'{"access_token": "abc.DEF-1", "token_type": "Bearer", "expires_in": 3600}')
FACADE = "https://apidvc.h99.example"


def login(response: WireResponse, **changes: Any) -> Grant | Denied:
    return portal.adapter(**changes).credentials[-1].read(response)


def token(response: WireResponse) -> Grant | Denied:
    return portal.adapter(lgsp=LGSP).credentials[0].read(response)


def test_layers_are_obtained_platform_first() -> None:
    assert [layer.name for layer in portal.adapter().credentials] == ["session"]
    assert [layer.name for layer in portal.adapter(lgsp=LGSP).credentials] == ["lgsp", "session"]
    facade = portal.adapter(lgsp=LGSP, dialect="facade_array")
    assert [layer.name for layer in facade.credentials] == ["lgsp"]


def test_login_gives_the_session_for_as_long_as_the_setting_says() -> None:
    body = {"error_code": 0, "message": "Thành công", "session": "5d1b0c6e"}
    for code in (0, "0", "00"):
        response = portal.raw(msgspec.json.encode({**body, "error_code": code}))
        assert login(response, session_ttl_s=300.0) == Grant(value="5d1b0c6e", lifetime=300.0)


@pytest.mark.parametrize(
    "body",
    [
        {"error_code": 0, "message": "Thành công", "session": ""},
        {"error_code": 0, "message": "Thành công"},
        {"error_code": 0, "session": None},
        {"error_code": 0, "session": 7},
        {"error_code": 0, "session": "a\nb"},
        {"error_code": 0, "session": "x" * 5000},
        {"error_code": -1, "session": "5d1b0c6e"},
        {"session": "5d1b0c6e"},
    ],
)
def test_login_without_a_clear_session_gives_none(body: dict[str, Any]) -> None:
    assert isinstance(login(portal.raw(msgspec.json.encode(body))), Denied)


def test_wrong_password_is_permanent_and_a_broken_gateway_is_not() -> None:
    wrong = login(portal.answer(-1, "Tài khoản hoặc mật khẩu không đúng", session=""))
    assert isinstance(wrong, Denied)
    assert wrong.permanent
    for response in (portal.raw(PAGE, 502), portal.raw(b""), portal.raw(b"", 401), portal.answer(-1, "Bận")):
        denied = login(response)
        assert isinstance(denied, Denied)
        assert not denied.permanent


def test_token_is_asked_for_in_both_variants() -> None:
    basic = portal.adapter(lgsp=LGSP).credentials[0].request({})
    assert basic.body == b"grant_type=client_credentials"
    assert header(basic.headers, "authorization") == "Basic aDk5OmLDrSBt4bqtdCAmIGtow7Nh"
    form = portal.adapter(lgsp=msgspec.structs.replace(LGSP, variant="form")).credentials[0].request({})
    assert header(form.headers, "authorization") is None
    assert parse_qs(form.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["h99"],
        "client_secret": ["bí mật & khóa"],
    }


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [
        (3600, 3600.0),
        ("3600", 3600.0),
        (10**12, 86400.0),
        (0, 300.0),
        (-1, 300.0),
        (None, 300.0),
        ("x", 300.0),
    ],
)
def test_token_lifetime_is_read_in_every_type(lifetime: object, seconds: float) -> None:
    response = portal.raw(msgspec.json.encode({"access_token": "abc", "expires_in": lifetime}))
    assert token(response) == Grant(value="abc", lifetime=seconds)


@pytest.mark.parametrize("value", [None, "", " ", "a b", "a\r\nX: y", "ấ", 7, []])
def test_a_token_that_no_header_can_carry_is_none(value: object) -> None:
    assert isinstance(token(portal.raw(msgspec.json.encode({"access_token": value}))), Denied)


def test_a_refused_client_is_permanent() -> None:
    for status, permanent in (
        (400, True),
        (401, True),
        (403, True),
        (404, False),
        (500, False),
        (201, False),
    ):
        denied = token(msgspec.structs.replace(TOKEN, status=status))
        assert isinstance(denied, Denied)
        assert denied.permanent is permanent


@given(st.binary(max_size=100), st.integers(100, 599))
@effort(max_examples=200, deadline=None)
def test_no_answer_to_a_login_raises(body: bytes, status: int) -> None:
    assert isinstance(login(portal.raw(body, status)), Grant | Denied)
    assert isinstance(token(portal.raw(body, status)), Grant | Denied)


def test_session_stands_in_the_body_and_token_in_the_header() -> None:
    adapter = portal.adapter(lgsp=LGSP)
    assert token(TOKEN) == Grant(value="abc.DEF-1", lifetime=3600.0)
    lent = portal.context(credentials={"lgsp": "abc.DEF-1", "session": "5d1b0c6e"})
    request = adapter.encode(portal.deliveries(adapter, portal.dossier(), "dossier"), lent)
    assert header(request.headers, "authorization") == "Bearer abc.DEF-1"
    assert json.loads(request.body)["session"] == "5d1b0c6e"
    assert (
        header(adapter.credentials[1].request({"lgsp": "abc.DEF-1"}).headers, "authorization")
        == "Bearer abc.DEF-1"
    )


def test_destination_is_named_in_header_and_query() -> None:
    adapter = portal.adapter(integration_endpoint="/mapi/integrate?v=2", share_endpoint="/mapi/share")
    request = adapter.encode(portal.deliveries(adapter, portal.dossier(), "dossier"), portal.context())
    assert header(request.headers, "dstcode") == "VN:GOV:000.00.00.G22:vpcpdvcprovider"
    assert parse_qs(urlsplit(request.url).query) == {
        "v": ["2"],
        "dstcode": ["VN:GOV:000.00.00.G22:vpcpdvcprovider"],
    }
    assert urlsplit(adapter.encode_read("agencies", {}, portal.context()).url).path.endswith("/mapi/share")


def test_headers_are_those_of_the_contract() -> None:
    adapter = portal.adapter()
    request = adapter.encode(portal.deliveries(adapter, portal.dossier(), "dossier"), portal.context())
    assert dict(request.headers) == {
        "accept": "application/json",
        "content-type": "application/json",
        "charset": "utf-8",
        "dstcode": "VN:GOV:000.00.00.G22:vpcpdvcprovider",
    }
    assert request.method == "POST"


def test_array_facade_takes_bare_data_at_its_own_addresses() -> None:
    adapter = portal.adapter(dialect="facade_array", adapter_url=FACADE)
    record = portal.returned()
    create = adapter.encode(portal.deliveries(adapter, record, "dossier"), portal.context())
    update = adapter.encode(portal.deliveries(adapter, record, "dossier"), portal.remembering(exists="yes"))
    steps = adapter.encode(portal.deliveries(adapter, record, "step"), portal.context())
    born = portal.returned(origin=Portal.NATIONAL)
    status = adapter.encode(portal.deliveries(adapter, born, "status"), portal.context())
    folder = f"{FACADE}/KetNoiMotCuaQuocGia/"
    assert [each.url.removeprefix(folder) for each in (create, update, steps, status)] == [
        "ThemMoiHoSo",
        "CapNhatHoSo",
        "DongBoTienTrinh",
        "DongBoTrangThaiHoSo",
    ]
    assert json.loads(create.body) == [portal.item(portal.adapter(), record)]
    assert len(json.loads(steps.body)) == 5
    assert json.loads(status.body)["MaHoSoDonVi"] == portal.CODE
    read = adapter.encode_read("procedure", {"procedure": "1.009901"}, portal.context())
    assert (read.method, read.url, read.body) == ("GET", f"{folder}LayThuTuc?maTTHC=1.009901", b"")


def test_query_facade_wants_unit_and_kind_in_the_query() -> None:
    adapter = portal.adapter(dialect="facade_query", adapter_url=FACADE, madonvi="000.00.01.H99")
    record = portal.returned()
    create = adapter.encode(portal.deliveries(adapter, record, "dossier"), portal.context())
    update = adapter.encode(portal.deliveries(adapter, record, "dossier"), portal.remembering(exists="yes"))
    steps = adapter.encode(portal.deliveries(adapter, record, "step"), portal.context())
    unit = f"{FACADE}/api/SynsTTHCC/DongBoHoSoMC?MaDinhDanhDV=000.00.01.H99"
    assert (create.url, update.url) == (f"{unit}&isUpdating=False", f"{unit}&isUpdating=True")
    assert steps.url == f"{FACADE}/api/SynsTTHCC/CapNhatTienDoHoSoMC?MaDinhDanhDV=000.00.01.H99"
    assert json.loads(create.body) == [portal.item(portal.adapter(), record)]


def test_the_twin_takes_one_document_and_one_trace_a_call() -> None:
    adapter = portal.adapter(dialect="lgsp_document", adapter_url="https://lgsp.h99.example")
    names = {operation.name: operation for operation in adapter.manifest.operations}
    assert (set(names), names["dossier"].batch, names["step"].batch) == ({"dossier", "step"}, 1, 1)
    assert not adapter.manifest.reads
    record = portal.returned()
    request = adapter.encode(portal.deliveries(adapter, record, "dossier"), portal.context())
    document = json.loads(request.body)
    assert request.url == "https://lgsp.h99.example/Document/SyncDocument"
    assert document["DocCode"] == portal.CODE
    assert (document["ApplicantsType"], document["Status"], document["ReturnedType"]) == (1, 2, 0)
    assert (document["DateReceived"], document["IsSuccess"]) == ("2024-01-15T01:05:00.000Z", True)
    assert document["DocFees"] == [{"FeeName": "Lệ phí cấp giấy", "FeeType": 4, "Price": 150000}]
    assert document["Supplementaries"][0]["IsReceived"] is True
    trace = adapter.encode(portal.deliveries(adapter, record, "step")[:1], portal.context())
    assert trace.url == "https://lgsp.h99.example/Document/UpdateDocumentTraces"
    assert json.loads(trace.body) == {
        "DocumentId": portal.CODE,
        "DocCode": portal.CODE,
        "UserName": "Cán bộ một cửa",
        "UserPosition": "",
        "DateCreated": "2024-01-15T01:05:00.000Z",
        "Comment": "Tiếp nhận hồ sơ",
        "Status": 0,
        "OrganizationInchargeIdLevel1": "H99",
        "OrganizationInchargeName": "Ủy ban nhân dân tỉnh Mô phỏng",
    }


def test_the_twin_can_be_given_local_time_with_a_literal_z() -> None:
    adapter = portal.adapter(dialect="lgsp_document", twin_dates="local_z")
    request = adapter.encode(portal.deliveries(adapter, portal.dossier(), "dossier"), portal.context())
    assert json.loads(request.body)["DateReceived"] == "2024-01-15T08:05:00.000Z"


def test_the_twin_knows_no_dossiers_of_the_portal() -> None:
    assert not portal.adapter(dialect="lgsp_document").wants(portal.returned(origin=Portal.NATIONAL))


@pytest.mark.parametrize("dialect", ["mapi", "facade_array", "facade_query"])
def test_every_dialect_reads_the_portals_plain_success(dialect: str) -> None:
    adapter = portal.adapter(dialect=dialect)
    batch = portal.deliveries(adapter, portal.dossier(), "dossier")
    (found,) = adapter.interpret(batch, ANSWERS["success_with_text"].response, portal.context())
    assert isinstance(found, Accepted)


def test_manifest_declares_what_the_portal_can_be_asked() -> None:
    def step(**changes: Any) -> tuple[int, bool, bool, bool]:
        found = portal.adapter(**changes).manifest.operation("step")
        return found.batch, found.repeatable, found.queryable, "operator" in found.title

    assert step() == (10, False, False, True)
    assert step(lookup_detail="echo") == (10, False, True, False)
    assert step(steps_repeatable=True) == (10, True, False, False)
    kinds = {operation.name: operation.kind for operation in module.manifest.operations}
    assert kinds == {
        "dossier": OperationKind.SNAPSHOT,
        "step": OperationKind.EVENT,
        "status": OperationKind.SNAPSHOT,
    }
    assert portal.adapter(timeout_s=7.0).manifest.capacity.read_timeout == 7.0
    assert portal.adapter(status_repeatable=False).manifest.operation("status").repeatable is False


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"adapter_url": "adapter.h99.example"}, "adapter_url"),
        ({"adapter_url": "ftp://adapter.h99.example"}, "adapter_url"),
        ({"madonvi": " "}, "madonvi"),
        ({"username": ""}, "username"),
        ({"password": Secret("")}, "password"),
        ({"dstcode": ""}, "dstcode"),
        ({"lgsp": Lgsp(token_url="lgsp", key="k", secret=Secret("s"))}, "lgsp.token_url"),
        ({"document_store": DocumentStore(url="kho")}, "document_store.url"),
        ({"store_base_url": "https://a.example"}, "download_base_url"),
        ({"tables_dir": "no/such/folder"}, "no/such/folder"),
        ({"identity_codes": {"taxcode": "4"}}, "taxcode"),
        ({"mandatory_fields": ("Emial",)}, "Emial"),
    ],
)
def test_settings_that_cannot_work_stop_the_start_by_name(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigurationError, match=key):
        portal.adapter(**changes)


def test_a_facade_needs_no_account() -> None:
    assert portal.adapter(dialect="facade_array", username="", password=Secret(""), dstcode="")


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="madonv"):
        msgspec.convert(
            {"adapter_url": "x", "madonvi": "x", "province_code": "x", "madonv": 1}, module.Settings
        )


def test_folder_is_an_adapter() -> None:
    assert {"manifest", "Settings", "build", "simulate"} <= set(dir(module))
    stand_in = module.simulate(portal.settings(lgsp=LGSP, identity_codes={"tax_code": "4"}))
    assert stand_in.record()["dossiers"] == {}
