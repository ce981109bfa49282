"""The ministry's stand-in for the settings of a destination."""

from __future__ import annotations

from adapters.construction.settings import Settings
from adapters.construction.stand_in import simulate
from gateway.port import SimulatedRequest
from tests.ministry_world import NOW
from tests.unit.test_construction_simulator_refusals import states, wrapped


def test_settings_of_a_destination_give_a_stand_in_at_its_address():
    settings = Settings(url="https://lgsp.h99.example/moc/capphepxaydung/1.0", unit="H99.99.99")
    simulator = simulate(settings)
    for version, kind in (("1.1", "text/xml"), ("1.2", "application/soap+xml")):
        for unit, said in (("H99.99.99", b"201"), ("H98", b"106")):
            request = SimulatedRequest(
                method="POST",
                path="/moc/capphepxaydung/1.0",
                query="",
                headers=(("content-type", kind), ("soapaction", '""')),
                body=wrapped(states(unit=unit), version),
                now=NOW,
            )
            assert b"<MaLoi>" + said in simulator.handle(request).body
