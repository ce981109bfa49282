"""Writing and reading DER (X.690), as much of it as time stamps need.

Invariant: what is read is bounded by the bytes given; anything else is ValueError.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509

INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT_ID = 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, GENERALIZED_TIME, SEQUENCE, SET = 0x0C, 0x18, 0x30, 0x31


def value(tag: int, content: bytes) -> bytes:
    """One value."""
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE."""
    return value(SEQUENCE, b"".join(parts))


def set_of(*parts: bytes) -> bytes:
    """SET OF: its members in ascending order (X.690 §11.6)."""
    return value(SET, b"".join(sorted(parts)))


def integer(number: int) -> bytes:
    """INTEGER, not negative."""
    return value(INTEGER, number.to_bytes(number.bit_length() // 8 + 1))


def octets(content: bytes) -> bytes:
    """OCTET STRING."""
    return value(OCTET_STRING, content)


def tagged(number: int, content: bytes) -> bytes:
    """A constructed value with context-specific tag ``number``."""
    return value(0xA0 | number, content)


def object_id(dotted: str) -> bytes:
    """OBJECT IDENTIFIER."""
    first, second, *rest = map(int, x509.ObjectIdentifier(dotted).dotted_string.split("."))
    return value(OBJECT_ID, b"".join(map(_base128, (40 * first + second, *rest))))


def algorithm(dotted: str, *, null: bool = True) -> bytes:
    """AlgorithmIdentifier without parameters."""
    return sequence(object_id(dotted), value(NULL, b"") if null else b"")


def time(instant: datetime) -> bytes:
    """GeneralizedTime in UTC, to the second."""
    return value(GENERALIZED_TIME, instant.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def read(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and what follows the first value in ``data``."""
    if len(data) < 2:
        raise ValueError("DER ends too early")
    tag, length, start = data[0], data[1], 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or len(data) < 2 + count:
            raise ValueError("DER of a length that is not accepted")
        length, start = int.from_bytes(data[2 : 2 + count]), 2 + count
    if len(data) < start + length:
        raise ValueError("DER ends too early")
    return tag, data[start : start + length], data[start + length :]


def members(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, content and all bytes of each value in ``content``."""
    while content:
        tag, inner, rest = read(content)
        yield tag, inner, content[: len(content) - len(rest)]
        content = rest


def _base128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(0x80 | (number & 0x7F))
    return bytes(reversed(digits))
