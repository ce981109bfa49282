"""The examples against the portal: its catalogue, the example configuration, the adapter and the stand-in."""

from urllib.parse import urlsplit

import pytest

from adapters.national_portal import build, simulate, simulator_catalogue
from adapters.national_portal.settings import Settings as PortalSettings
from adapters.national_portal.settings import require_usable
from examples import catalogue, contents
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.errors import ConfigurationError
from gateway.domain.outcome import Accepted
from gateway.port import Context, Grant, Secret, SimulatedRequest, WireRequest, WireResponse
from gateway.settings import decode, load
from tests.unit.example_files import (
    CATALOGUES,
    CONFIGURATION,
    COUNTS,
    ENVIRONMENT,
    NEWEST,
    RECORDS,
    TODAY,
    portal_settings,
)


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
    assert {d.procedure.national_code for d in NEWEST} == {p.code for p in catalogue.PROCEDURES}
    assert {d.agency.code for d in NEWEST} == set(catalogue.AGENCIES)


def test_example_configuration_loads_and_suits_the_adapter() -> None:
    settings = load(CONFIGURATION, ENVIRONMENT)
    portal = settings.destination["national_portal"]
    adapter = decode(portal.settings, PortalSettings, ENVIRONMENT)
    require_usable(adapter)
    assert adapter.password == Secret("mot-mat-khau")
    assert adapter.province_code == contents.PROVINCE
    assert portal.maintenance[0].reason


def test_example_configuration_holds_no_secret() -> None:
    with pytest.raises(ConfigurationError, match="PORTAL_PASSWORD"):
        decode(
            load(CONFIGURATION, {}).destination["national_portal"].settings,
            PortalSettings,
            {},
        )


class Portal:
    """The adapter of the example configuration, and the portal's stand-in behind it."""

    def __init__(self) -> None:
        settings = portal_settings()
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
