"""The portal's stand-in with the conventions of a destination's settings.

Invariant: only conventions that the contract leaves open are carried over, never a secret and never a tolerance: the
stand-in judges by its own rules.
"""

from __future__ import annotations

from adapters.national_portal.settings import Settings
from adapters.national_portal.simulator import PortalSimulator, SimulatorConfig
from adapters.national_portal.simulator_access import Account


def simulate(settings: Settings) -> PortalSimulator:
    """A fresh stand-in that knows the account, the platform's client and the open codes of ``settings``."""
    plain = SimulatorConfig()
    accounts = dict(plain.accounts)
    if settings.username:
        accounts[settings.username] = Account(
            password=settings.password.reveal(), units=(settings.province_code, settings.madonvi)
        )
    clients = dict(plain.clients)
    if settings.lgsp is not None:
        clients[settings.lgsp.key] = settings.lgsp.secret.reveal()
    return PortalSimulator(
        SimulatorConfig(
            accounts=accounts,
            clients=clients,
            dstcode=settings.dstcode,
            profile=settings.profile,
            twin_dates=settings.twin_dates,
            bearer="none" if settings.lgsp is None else "all" if settings.dialect == "mapi" else "facades",
            step_limit=max(plain.step_limit, settings.batch.progress),
            identity_kinds=tuple(dict.fromkeys((*plain.identity_kinds, *settings.identity_codes.values()))),
        )
    )
