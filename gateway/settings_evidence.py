"""Settings of the proof of the message log.

Invariant: a grace period is longer than what evidence takes when all goes well.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gateway.bounds import Pause, Seconds


class _Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Root of the sections: unknown keys are refused."""


class TimestampSettings(_Section, frozen=True, kw_only=True):
    """The authority that stamps checkpoints (RFC 3161): its address, and files with the roots that its certificate chains
    to. ``every``: at least so many seconds between two stamps, where each of them costs; a stamp covers all checkpoints
    before it, since they are chained.
    """

    url: Annotated[str, Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s#]*)?$", max_length=500)]
    roots: Annotated[list[str], Meta(min_length=1)]
    every: Seconds = 0.0


class EvidenceSettings(_Section, frozen=True, kw_only=True):
    """The proof of the message log. ``keys``: the folder of its keys, the same on every machine; left out, one beside the
    SQLite database, and none for a server: contents are written in clear then, and nothing is proven.

    ``origin``: the log's name in every checkpoint, for good; left out, one made of its first key. Checkpoints come every
    ``every`` seconds while there are new entries, and once in ``at_least_every`` seconds in any case. ``timestamps``: the
    authority that stamps them. When none could be made (stamped, where there is an authority) for ``grace`` seconds,
    traffic with partners stops until one is; not with ``stop_traffic = false``. ``witnesses``: public keys, as
    ``lienthong log witness`` prints them, whose cosignatures are taken. ``signing_key``: which key of ``signing.keys`` signs
    evidence bundles; left out, one of our own beside the log's, made on first use.
    """

    keys: str | None = None
    origin: Annotated[str, Meta(pattern=r"^[^\s+]+$", max_length=200)] | None = None
    every: Pause = 10.0
    at_least_every: Pause = 3600.0
    grace: Pause = 900.0
    stop_traffic: bool = True
    timestamps: TimestampSettings | None = None
    witnesses: list[Annotated[str, Meta(pattern=r"^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$")]] = []
    signing_key: str | None = None

    def __post_init__(self) -> None:
        if self.at_least_every < self.every:
            raise ValueError(
                f"evidence.at_least_every: got {self.at_least_every:g} s, expected no less than every ({self.every:g} s)"
            )
        if self.grace < 2 * self.patience:
            raise ValueError(
                f"evidence.grace: got {self.grace:g} s, expected at least twice the time between two checkpoints that "
                f"count ({2 * self.patience:g} s)"
            )

    @property
    def patience(self) -> float:
        """Seconds for which an entry may wait for its checkpoint, and that for its stamp, when all goes well."""
        return self.every + (self.timestamps.every if self.timestamps is not None else 0.0)
