"""Bytes to structure and back, without policy: canonical JSON, lenient JSON reading, safe XML reading.

    Unreadable    the bytes cannot be read as what they should be; nothing may be concluded from them

Invariant: whatever the bytes, a reader returns a structure or raises ``Unreadable``, within a bounded time and
memory; it never guesses.
"""

from __future__ import annotations

from typing import TypeAlias

from gateway.domain.errors import GatewayError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class Unreadable(GatewayError):
    """The bytes are not what they should be; treat what they were to tell as unknown."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
