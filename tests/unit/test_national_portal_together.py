"""Several dossiers in one DongBoHoSoMC call (§2.8): one answer for all, and what it means for each."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from adapters.national_portal.settings import Batch
from gateway.domain.delivery import Delivery
from gateway.domain.outcome import Accepted, Deferred, InDoubt
from gateway.port import Context, WireResponse
from tests.unit import portal
from tests.unit.portal_answers import ANSWERS

EXISTS = "Hồ sơ đã tồn tại"


def three(**memory: str) -> tuple[list[Delivery], Context]:
    """Three dossiers, the second one foreign to the province, so that it has another number at the portal."""
    (made,) = portal.deliveries(portal.adapter(), portal.dossier(), "dossier")
    deliveries = [
        msgspec.structs.replace(made, id=number, lane=number, dossier=f"H99.14-240115-000{number}")
        for number in (1, 2, 3)
    ]
    memories = {1: memory, 2: {**memory, "partner_code": "H99.14-240115-77777"}, 3: memory}
    return deliveries, msgspec.structs.replace(portal.context(), memories=memories)


def outcomes(response: WireResponse, **memory: str) -> list[Any]:
    deliveries, context = three(**memory)
    return list(portal.adapter(batch=Batch(dossier=5)).interpret(deliveries, response, context))


def test_each_dossier_goes_under_its_own_number_in_one_call() -> None:
    deliveries, context = three()
    request = portal.adapter(batch=Batch(dossier=5)).encode(deliveries, context)
    body = json.loads(request.body)
    assert [item["MaHoSo"] for item in body["data"]] == [
        "H99.14-240115-0001",
        "H99.14-240115-77777",
        "H99.14-240115-0003",
    ]


def test_a_call_of_dossiers_that_are_there_is_an_update() -> None:
    deliveries, context = three(exists="yes")
    adapter = portal.adapter(batch=Batch(dossier=5))
    assert json.loads(adapter.encode(deliveries, context).body)["isUpdating"] == "True"


def test_the_setting_is_what_the_manifest_says_and_one_is_the_default() -> None:
    assert portal.adapter().manifest.operation("dossier").across == 1
    operation = portal.adapter(batch=Batch(dossier=5)).manifest.operation("dossier")
    assert (operation.across, operation.batch, operation.alike) == (5, 1, ("exists",))
    twin = portal.adapter(batch=Batch(dossier=5), dialect="lgsp_document")
    assert twin.manifest.operation("dossier").across == 1


def test_success_is_every_dossiers_own_success() -> None:
    found = outcomes(portal.answer(), flips="7")
    assert all(isinstance(each, Accepted) for each in found)
    assert [dict(each.learned) for each in found] == [{"flips": "", "exists": "yes"}] * 3


@pytest.mark.parametrize(
    "row", ["validation_code", "anything_else", "duplicate_create", "http_request_refused"]
)
def test_refused_together_each_shows_by_itself_which_one_was_meant(row: str) -> None:
    found = outcomes(ANSWERS[row].response)
    assert {(type(each), each.code, each.retry_after) for each in found} == {(Deferred, "batch_refused", 0)}
    assert all(each.learned == {"batch": "1"} for each in found)


def test_missing_in_an_update_of_several_is_found_out_one_by_one() -> None:
    found = outcomes(ANSWERS["dossier_missing"].response, exists="yes")
    assert {(type(each), each.code) for each in found} == {(Deferred, "batch_refused")}


def test_unreadable_is_in_doubt_for_each() -> None:
    assert all(isinstance(each, InDoubt) for each in outcomes(portal.raw(b"<html>")))
