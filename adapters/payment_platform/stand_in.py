"""The platform's stand-in with the partners of a destination's settings.

Invariant: partners, addresses and keys are carried over, because both sides got them at onboarding; never a
tolerance, and no code: the stand-in seals and judges by its own rules.
"""

from __future__ import annotations

from msgspec.structs import replace

from adapters.payment_platform.settings import Settings
from adapters.payment_platform.simulator import Partner, PaymentSimulator, SimulatorConfig


def simulate(settings: Settings) -> PaymentSimulator:
    """A fresh stand-in that knows the partners of ``settings`` and sends payers where it allows them to go.

    Where a partner is called back is not among the settings: the admin action ``register`` tells it.
    """
    partners = tuple(
        Partner(
            code=code,
            secrets=partner.secrets(),
            bearer="" if partner.bearer is None else partner.bearer.reveal(),
        )
        for code, partner in settings.partners.items()
    )
    config = SimulatorConfig(
        partners=partners,
        base_url=_address(settings.payment_hosts, settings),
        bill_url=_address(settings.receipt_hosts, settings),
    )
    land = settings.land
    if land is None:
        return PaymentSimulator(_with_lookup(config, settings))
    key = "" if land.security_key is None else land.security_key.reveal()
    return PaymentSimulator(
        _with_lookup(
            replace(
                config,
                security_key=key,
                notice_path=f"/{land.notice_path}",
                evidence_path=f"/{land.evidence_path}",
            ),
            settings,
        )
    )


def _with_lookup(config: SimulatorConfig, settings: Settings) -> SimulatorConfig:
    return replace(config, lookup_path=f"/{settings.lookup_path}") if settings.lookup_path else config


def _address(hosts: tuple[str, ...], settings: Settings) -> str:
    """The first of ``hosts``, over http where that is enough; empty when there is none."""
    if not hosts:
        return ""
    return f"{'http' if hosts[0] in settings.plain_http_hosts else 'https'}://{hosts[0]}"
