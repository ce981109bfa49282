"""What every record type is made of: texts with their limits, instants, money, files by address and digest.

Invariant: a text that is accepted here can be stored and sent: no NUL, no unbounded length.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

MAX_VND = 2**53 - 1  # every JSON reader on the way can hold it exactly (RFC 8259 §6)
# PostgreSQL and XML 1.0 cannot hold U+0000, so it is refused at the door. Patterns that end in ``$(?!\n)`` say
# what JSON Schema's ``$`` means: Python's also matches before a last newline.
NO_NUL = r"^[^\x00]*$"

Instant: TypeAlias = Annotated[datetime, Meta(tz=True, examples=["2026-09-28T08:05:00+07:00"])]
Code: TypeAlias = Annotated[str, Meta(min_length=1, max_length=50, pattern=r"^[^\s\x00-\x1f]+$(?!\n)")]
DossierCode: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=50,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)",
        description="Dossier number as printed on the receipt; old and new styles are both accepted.",
        examples=["H99.14-260928-0007"],
    ),
]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL)]
Text: TypeAlias = Annotated[str, Meta(max_length=4000, pattern=NO_NUL)]
Identifier: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)]
Money: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_VND, description="Đồng, integer.")]
Sha256: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Url: TypeAlias = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[^\s]+$(?!\n)")]
Version: TypeAlias = Annotated[
    int, Meta(ge=1, le=2**31 - 1, description="Grows with every change of the record in the source system.")
]


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Root of the record types: immutable, by keyword, unknown fields refused."""


class FileReference(Record, frozen=True, kw_only=True):
    """A file by address and digest; the bytes stay in the province's store (national_portal §14.10)."""

    url: Url
    sha256: Sha256 | None = None
    size: Annotated[int, Meta(ge=0)] | None = None
    media_type: Annotated[str, Meta(max_length=100, pattern=NO_NUL)] | None = None
