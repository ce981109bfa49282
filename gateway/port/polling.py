"""When a partner is asked about a dossier, as the settings of a destination say it.

Invariant: the settings are those of a ``Schedule`` and no others, so that a page of documentation serves every adapter.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gateway.port.progress import Schedule

Seconds = Annotated[float, Meta(gt=0)]


class Polling(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the partner is asked about a dossier, in seconds.

    first_s, factor, longest_s   the first pause, its growth, the longest one
    alarm_before_s               so long before the promised time officials are told that there is no result yet
    near_s                       the longest pause around the promised time
    """

    first_s: Seconds = 900.0
    factor: Annotated[float, Meta(ge=1)] = 2.0
    longest_s: Seconds = 21_600.0
    alarm_before_s: float = 86_400.0
    near_s: Seconds = 3600.0

    def schedule(self) -> Schedule:
        """The same for the hub; ValueError when the pauses contradict each other."""
        return Schedule(
            first=self.first_s,
            factor=self.factor,
            longest=self.longest_s,
            alarm_before=self.alarm_before_s,
            near=self.near_s,
        )
