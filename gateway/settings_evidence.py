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


class RetentionSettings(_Section, frozen=True, kw_only=True):
    """How long contents of the message log stay in the database, in days: of logins and the like (``health_days``), of
    calls about no dossier (``debug_days``); entries and their proof are for ever. ``evidence_days``: after so many days
    entries go into archives in the folder ``archives`` and, with ``prune``, out of the database; 0: never by themselves.
    ``rate``: entries a second at most, so that the job leaves the machine to deliveries.
    """

    health_days: Annotated[int, Meta(ge=1, le=36_500)] = 90
    debug_days: Annotated[int, Meta(ge=1, le=36_500)] = 365
    evidence_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    archives: str | None = None
    prune: bool = True
    rate: Annotated[float, Meta(ge=1, le=1_000_000)] = 2_000.0

    def __post_init__(self) -> None:
        if self.evidence_days and self.archives is None:
            raise ValueError("evidence.retention: evidence_days needs a folder for the archives: archives")
        if self.evidence_days and self.evidence_days < max(self.health_days, self.debug_days):
            raise ValueError(
                f"evidence.retention.evidence_days: got {self.evidence_days}, expected no less than health_days and "
                "debug_days, so that what is dropped is not in an archive before"
            )


class EvidenceSettings(_Section, frozen=True, kw_only=True):
    """The proof of the message log. ``keys``: the folder of its keys, the same on every machine; left out, one beside the
    SQLite database, and none for a server: contents are written in clear then, and nothing is proven.

    ``origin``: the log's name in every checkpoint, for good; left out, one made of its first key. Checkpoints come every
    ``every`` seconds while there are new entries, and once in ``at_least_every`` seconds in any case. ``timestamps``: the
    authority that stamps them. When none could be made (stamped, where there is an authority) for ``grace`` seconds,
    traffic with partners stops until one is; not with ``stop_traffic = false``. ``witnesses``: public keys, as
    ``lienthong log witness`` prints them, whose cosignatures are taken; so many of them as ``witnesses_needed`` have to have
    seen the log for it to be verified. ``signing_key``: which key of ``signing.keys`` signs evidence bundles; left out, one
    of our own beside the log's, made on first use.
    """

    keys: str | None = None
    retention: RetentionSettings = RetentionSettings()
    origin: Annotated[str, Meta(pattern=r"^[^\s+]+$", max_length=200)] | None = None
    every: Pause = 10.0
    at_least_every: Pause = 3600.0
    grace: Pause = 900.0
    stop_traffic: bool = True
    timestamps: TimestampSettings | None = None
    witnesses: list[Annotated[str, Meta(pattern=r"^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$")]] = []
    witnesses_needed: Annotated[int, Meta(ge=0, le=100)] = 0
    signing_key: str | None = None

    def __post_init__(self) -> None:
        there = len(set(self.witnesses))
        if self.witnesses_needed > there:
            raise ValueError(
                f"evidence.witnesses_needed: got {self.witnesses_needed}, expected no more than there are witnesses ({there})"
            )
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
