"""The ministry's stand-in for the settings of a destination.

Invariant: address, calling unit and the layer in front are carried over, because both sides agreed on them; terms and
signatures are not: the stand-in has its own reading of the contract, and checks signatures only with a ``Proof`` of its
own (``adapters.construction.simulator_proof``).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from adapters.construction.settings import Settings
from adapters.construction.simulator import ConstructionSimulator, SimulatorConfig
from adapters.construction.simulator_proof import Proof


def simulate(settings: Settings, proof: Proof | None = None) -> ConstructionSimulator:
    """A fresh stand-in at the path of ``settings.url``, for either version of SOAP, that serves places of every province."""
    parts = urlsplit(settings.url)
    path = parts.path or "/"
    return ConstructionSimulator(
        SimulatorConfig(
            agencies=(settings.unit,),
            provinces=(),
            path_11=path,
            path_12=path,
            base=f"{parts.scheme}://{parts.netloc}",
            access=settings.access,
            proof=proof,
        )
    )
