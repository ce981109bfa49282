"""Numbers as settings take them, with their bounds. Invariant: what fits here can be added to a date."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

_TEN_YEARS = 315_360_000  # seconds; also keeps infinity out, which no date can be moved by
Seconds = Annotated[float, Meta(ge=0, le=_TEN_YEARS)]
Pause = Annotated[float, Meta(gt=0, le=_TEN_YEARS)]
Factor = Annotated[float, Meta(ge=1, le=10)]
Count = Annotated[int, Meta(ge=1)]
