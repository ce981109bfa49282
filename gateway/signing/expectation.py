"""What a message must prove to be believed. Data only."""

from __future__ import annotations

from datetime import datetime

import msgspec
from cryptography import x509


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """``trusted``: pinned certificates of the signer. ``lifetime``: no signature older than so many seconds is
    believed, whatever it says itself; ``skew``: seconds by which clocks may differ. ``authorities``: roots of
    time-stamping authorities; ``timestamped``: one of them must have seen the signature."""

    trusted: tuple[x509.Certificate, ...]
    now: datetime
    lifetime: float = 300.0
    skew: float = 60.0
    authorities: tuple[x509.Certificate, ...] = ()
    timestamped: bool = False
