"""After a lost answer: what a look-up proves, and what it does not."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest

from gateway.domain.delivery import Delivery
from gateway.domain.outcome import Accepted, Deferred, InDoubt, Outcome
from gateway.port import WireResponse
from mappings.national_portal.lookup import same_dossier
from tests.unit import portal
from tests.unit.portal_answers import ANSWERS, PAGE

RECORD = portal.returned()


def found(*entries: Any) -> WireResponse:
    return portal.answer(0, "", result=list(entries))


def stored(**changes: Any) -> dict[str, Any]:
    """The portal's own record of the example, as it would be echoed."""
    adapter = portal.adapter()
    progress = portal.deliveries(adapter, RECORD, "step")
    told = msgspec.json.decode(adapter.encode(progress, portal.context()).body)["data"]
    return {**portal.item(adapter, RECORD), "TienDo": told, **changes}


def asked(
    response: WireResponse, operation: str = "dossier", count: int = 1, /, memory: Any = None, **changes: Any
) -> list[Outcome]:
    adapter = portal.adapter(**{"lookup_detail": "echo", **changes})
    batch = portal.deliveries(adapter, RECORD, operation)[:count]
    return list(adapter.interpret_query(batch, response, portal.remembering(**(memory or {}))))


def test_the_question_names_the_number_at_the_portal() -> None:
    adapter = portal.adapter()
    batch = portal.deliveries(adapter, RECORD, "step")
    request = adapter.encode_query(batch, portal.context(memory={"partner_code": "H99.14-240115-48213"}))
    assert msgspec.json.decode(request.body) == {
        "session": "5d1b0c6e",
        "madonvi": "H99",
        "service": "TraCuuHoSo",
        "mahoso": "H99.14-240115-48213",
    }


@pytest.mark.parametrize("detail", ["echo", "presence"])
def test_a_dossier_that_is_not_there_is_created(detail: str) -> None:
    for response in (found(), ANSWERS["dossier_missing"].response):
        (outcome,) = asked(response, lookup_detail=detail)
        assert isinstance(outcome, Deferred)
        assert (outcome.code, outcome.retry_after, outcome.learned) == ("absent", 0, {"exists": "no"})


def test_steps_of_a_dossier_that_is_not_there_are_surely_not_there() -> None:
    for outcome in asked(found(), "step", 3):
        assert isinstance(outcome, Deferred)
        assert (outcome.code, outcome.learned) == ("dossier_unknown", {"exists": "no"})


def test_a_dossier_that_stands_there_as_sent_is_accepted() -> None:
    (outcome,) = asked(found(stored()), memory={"flips": "6"})
    assert outcome == Accepted(receipt="found at the portal", learned={"flips": "", "exists": "yes"})


def test_a_dossier_in_an_older_state_is_sent_again_as_update() -> None:
    (outcome,) = asked(found(stored(TrangThaiHoSo="4")))
    assert isinstance(outcome, Deferred)
    assert (outcome.retry_after, outcome.learned) == (0, {"exists": "yes"})


def test_where_only_presence_shows_a_dossier_that_is_there_proves_nothing_but_that() -> None:
    for entry in (stored(), {"BATKY": 1}):
        (outcome,) = asked(found(entry), lookup_detail="presence")
        assert isinstance(outcome, InDoubt)
        assert (outcome.code, outcome.ask_again, outcome.learned) == ("cannot_tell", False, {"exists": "yes"})


def test_where_only_presence_shows_steps_are_in_doubt_unless_they_may_be_repeated() -> None:
    assert all(
        isinstance(each, InDoubt) for each in asked(found(stored()), "step", 2, lookup_detail="presence")
    )
    again = asked(found(stored()), "step", 2, lookup_detail="presence", steps_repeatable=True)
    assert all(isinstance(each, Deferred) and each.retry_after == 0 for each in again)


def test_each_step_is_looked_for_by_what_makes_it_this_step() -> None:
    outcomes = asked(found(stored(TienDo=stored()["TienDo"][:2])), "step", 5)
    assert [type(each) for each in outcomes] == [Accepted, Accepted, Deferred, Deferred, Deferred]
    assert all(each.retry_after == 0 for each in outcomes[2:])  # type: ignore[union-attr]


@pytest.mark.parametrize("element", ["ThoiDiemXuLy", "TrangThai", "NguoiXuLy", "NoiDungXuLy"])
def test_a_step_that_differs_in_one_of_them_is_another_step(element: str) -> None:
    kept = stored()
    kept["TienDo"][0][element] += "x"
    assert [type(each) for each in asked(found(kept), "step", 2)] == [Deferred, Accepted]


def test_other_elements_do_not_make_another_step() -> None:
    kept = stored()
    kept["TienDo"][0] |= {"ChucDanh": "x", "arrival": 7}
    assert [type(each) for each in asked(found(kept), "step", 1)] == [Accepted]


def test_after_a_refused_batch_what_is_missing_goes_singly_until_all_is_there() -> None:
    memory = {"batch": "1"}
    first, second = asked(found(stored(TienDo=stored()["TienDo"][:1])), "step", 2, memory=memory)
    assert isinstance(first, Accepted)
    assert first.learned == {}
    assert isinstance(second, Deferred)
    assert second.learned == {"batch": "1"}
    assert asked(found(stored()), "step", 1, memory=memory)[0].learned == {"batch": ""}


def test_a_look_up_that_shows_no_steps_cannot_tell() -> None:
    kept = stored()
    del kept["TienDo"]
    for outcome in asked(found(kept), "step", 2):
        assert isinstance(outcome, InDoubt)
        assert (outcome.code, outcome.ask_again) == ("cannot_tell", False)


def test_a_look_up_of_unknown_shape_cannot_tell() -> None:
    for operation in ("dossier", "step"):
        (outcome,) = asked(found({"SOHOSO": portal.CODE}), operation)
        assert isinstance(outcome, InDoubt)
        assert (outcome.code, outcome.ask_again) == ("cannot_tell", False)


@pytest.mark.parametrize(
    "row", sorted(set(ANSWERS) - {"dossier_missing", "success_with_text", "success_silent"})
)
def test_a_question_without_an_answer_is_asked_again(row: str) -> None:
    response = ANSWERS[row].response
    for operation in ("dossier", "step"):
        for outcome in asked(response, operation):
            assert isinstance(outcome, InDoubt)
            assert outcome.ask_again


def test_a_question_that_met_a_lost_session_renews_it() -> None:
    (outcome,) = asked(ANSWERS["session_text"].response)
    assert isinstance(outcome, InDoubt)
    assert (outcome.ask_again, outcome.renew) == (True, ("session",))
    (other,) = asked(portal.raw(PAGE, 502))
    assert isinstance(other, InDoubt)
    assert (other.ask_again, other.renew) == (True, ())


@pytest.mark.parametrize("result", [None, {}, "x", 7])
def test_a_result_that_is_no_list_is_no_answer(result: object) -> None:
    (outcome,) = asked(portal.answer(0, "", result=result))
    assert isinstance(outcome, InDoubt)
    assert outcome.ask_again


def test_a_payload_that_can_no_longer_be_encoded_cannot_be_compared() -> None:
    adapter = portal.adapter(lookup_detail="echo")
    (plain,) = portal.deliveries(adapter, RECORD, "dossier")
    spoilt = Delivery(**{**msgspec.structs.asdict(plain), "payload": b"{}"})
    (outcome,) = adapter.interpret_query([spoilt], found(stored()), portal.context())
    assert isinstance(outcome, InDoubt)
    assert outcome.code == "cannot_compare"


def test_of_several_snapshots_only_the_newest_must_be_there() -> None:
    adapter = portal.adapter(
        lookup_detail="echo", batch=msgspec.convert({"dossier": 5}, type(portal.settings().batch))
    )
    older = portal.deliveries(adapter, portal.dossier(), "dossier")
    newest = portal.deliveries(adapter, RECORD, "dossier")
    outcomes = adapter.interpret_query([*older, *newest], found(stored()), portal.context())
    assert [type(each) for each in outcomes] == [Accepted, Accepted]
    other_way = adapter.interpret_query([*newest, *older], found(stored()), portal.context())
    assert [type(each) for each in other_way] == [Deferred, Deferred]


SAME: list[dict[str, Any]] = [
    {"GhiChu": None},
    {"ThongTinKhac": None, "Fax": ""},
    {
        "DanhSachHoSoBoSung": [
            {**stored()["DanhSachHoSoBoSung"][0], "HoSoBoSungId": "501", "TrangThaiBoSung": "True"}
        ]
    },
    {"TaiLieuNop": [*stored()["TaiLieuNop"], {"TepDinhKemId": "older"}]},
    {"TaiLieuNop": stored()["TaiLieuNop"][::-1]},
    {"TRUONGMOI": 1},
    {"ChuHoSo": "Nguyễn Văn Thử"},
]
DIFFERENT: list[dict[str, Any]] = [
    {"TrangThaiHoSo": "9"},
    {"NgayHenTra": ""},
    {"DinhDanhCHS": []},
    {"TaiLieuNop": stored()["TaiLieuNop"][:1]},
    {"TaiLieuNop": None},
    {"DanhSachGiayToKetQua": [*stored()["DanhSachGiayToKetQua"], {"GiayToId": "more"}]},
    {"DanhSachLePhi": [{**stored()["DanhSachLePhi"][0], "Gia": "1"}]},
    {"DanhSachHoSoBoSung": "x"},
]


@pytest.mark.parametrize("changes", SAME, ids=lambda value: str(value)[:50])
def test_what_means_the_same_is_the_same(changes: dict[str, Any]) -> None:
    assert same_dossier(portal.item(portal.adapter(), RECORD), stored(**changes))


@pytest.mark.parametrize("changes", DIFFERENT, ids=lambda value: str(value)[:50])
def test_what_differs_is_not_the_same(changes: dict[str, Any]) -> None:
    assert not same_dossier(portal.item(portal.adapter(), RECORD), stored(**changes))


@pytest.mark.parametrize("element", sorted(portal.item(portal.adapter(), RECORD)))
def test_no_element_is_left_out_of_the_comparison(element: str) -> None:
    sent = portal.item(portal.adapter(), RECORD)
    kept = copy.deepcopy(stored())
    kept[element] = "ANDERS" if isinstance(sent[element], str) else [{"ANDERS": "1"}]
    assert not same_dossier(sent, kept)


def test_a_removed_file_must_be_gone() -> None:
    record = portal.dossier(documents=[portal.document("1", "1"), portal.document("2", "2", deleted=True)])
    sent = portal.item(portal.adapter(), record)
    first, second = sent["TaiLieuNop"]
    assert same_dossier(sent, {**sent, "TaiLieuNop": [first]})
    assert not same_dossier(sent, {**sent, "TaiLieuNop": [first, {**second, "IsDeleted": "False"}]})
