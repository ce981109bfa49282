"""Which fields of a delivery's content a person may correct, and what a content says after a correction. Pure.

Invariants: what identifies, orders or pays is never among them, nor an instant: promises and lateness follow from those,
and only the one-door system may tell them; a correction that does not fit the type of the content is refused with every
finding, at its field.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from gateway.codec import canonical
from gateway.codec.record import RecordReader
from gateway.domain.dossier import Dossier, Step
from gateway.domain.errors import RecordError
from gateway.domain.payment_order import PaymentOrder
from gateway.domain.record import Record
from gateway.domain.violation import Violation, shown

Scalar: TypeAlias = str | int | float | bool | None
Why = Literal["identifies", "orders", "instant", "money", "file", "unrefused"]


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a content. ``locked``: why it cannot be corrected; None: it can."""

    pointer: str
    value: Scalar
    locked: Why | None


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """Whose content it is. ``reason``: the words of the last refusal; ``refused``: fields that encoding refuses now."""

    dossier: str
    key: str
    reason: str | None = None
    refused: frozenset[str] = frozenset()


class _StepContent(Record, frozen=True, kw_only=True):
    step: Step


# the first row that fits decides; ``unrefused``: open only where the refusal is about it
_LOCKED: tuple[tuple[str, Why], ...] = (
    (r"(/.+)?/fees/.+", "money"),
    (r"(/.+)?/(amount|price|currency|paid_at)", "money"),
    (r"/(code|dossier|source|origin|reference)", "identifies"),
    (r"(/.+)?/(id|account_id|declared|key)", "identifies"),
    (r"/version", "orders"),
    (r"(/.+)?/(status|ordinal|position|answered)", "orders"),
    (r"(/.+)?/([a-z_]+_at|at)", "instant"),
    (r"(/.+)?/file/.+", "file"),
    (r"/(procedure|agency)/([a-z_]+_)?code", "unrefused"),
    (r"/(procedure_code|agency_code|service_code)", "unrefused"),
)
LOCKED = tuple((re.compile(pattern), why) for pattern, why in _LOCKED)
# texts that a record may lack and a refusal may ask for
OFFERED: Mapping[type[Record], tuple[str, ...]] = {
    Dossier: (
        *("/applicant/address", "/applicant/email", "/applicant/fax", "/applicant/phone"),
        *("/note", "/other_information", "/procedure/name", "/return_note"),
    ),
    _StepContent: ("/step/actor", "/step/note", "/step/title", "/step/unit"),
}
_READERS: Mapping[type[Record], RecordReader[Any]] = {
    kind: RecordReader(kind, what="corrected content") for kind in (Dossier, _StepContent)
}
_OF_A_DOSSIER = frozenset({"code", "version", "procedure", "agency", "applicant"})


def read_content(payload: bytes) -> dict[str, Any]:
    """A stored content; empty when it is no object."""
    try:
        return msgspec.json.decode(payload, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def leaves(document: dict[str, Any], spot: Spot) -> list[Leaf]:
    """Every value of ``document`` with whether it may be corrected; then texts that it lacks."""
    if _pays(document):
        return [Leaf(pointer=at, value=value, locked="money") for at, value in _walk(document, "")]
    found = [
        Leaf(pointer=at, value=value, locked=_locked(at, value, spot)) for at, value in _walk(document, "")
    ]
    known = {leaf.pointer for leaf in found}
    kind = _kind(document)
    absent = () if kind is None else OFFERED[kind]
    return [*found, *(Leaf(pointer=at, value=None, locked=None) for at in absent if at not in known)]


def corrected(document: dict[str, Any], changes: Sequence[tuple[str, Scalar]], spot: Spot) -> bytes:
    """The content with ``changes`` (pointer, value; None takes it away), in canonical form. RecordError lists every
    finding."""
    known = {leaf.pointer: leaf for leaf in leaves(document, spot)}
    findings: list[Violation] = []
    changed = copy.deepcopy(document)
    seen: set[str] = set()
    for pointer, value in changes:
        finding = _objection(pointer, value, known.get(pointer), again=pointer in seen)
        seen.add(pointer)
        if finding is None:
            _put(changed, pointer, value)
        else:
            findings.append(finding)
    if findings:
        raise RecordError("the correction cannot be taken", findings)
    kind = _kind(document)
    if kind is None:
        return canonical.encode(changed)
    return canonical.encode(_READERS[kind].read(canonical.encode(changed)))


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Scalar, Scalar]]:
    """Where two contents differ, by pointer."""
    old, new = dict(_walk(before, "")), dict(_walk(after, ""))
    return [
        (at, old.get(at), new.get(at))
        for at in sorted(old.keys() | new.keys())
        if (at in old, old.get(at)) != (at in new, new.get(at))
    ]


def _pays(document: dict[str, Any]) -> bool:
    try:
        msgspec.convert(document, PaymentOrder)
    except msgspec.ValidationError:
        return False
    return True


def _kind(document: dict[str, Any]) -> type[Record] | None:
    if set(document) == {"step"}:
        return _StepContent
    return Dossier if document.keys() >= _OF_A_DOSSIER else None


def _walk(value: Any, at: str) -> Iterator[tuple[str, Scalar]]:
    match value:
        case dict():
            for key in sorted(value):
                yield from _walk(value[key], f"{at}/{key.replace('~', '~0').replace('/', '~1')}")
        case list():
            for place, item in enumerate(value):
                yield from _walk(item, f"{at}/{place}")
        case _:
            yield at, value


def _locked(pointer: str, value: Scalar, spot: Spot) -> Why | None:
    if isinstance(value, str) and value in {spot.dossier, spot.key}:
        return "identifies"
    for pattern, why in LOCKED:
        if pattern.fullmatch(pointer):
            return None if why == "unrefused" and _is_refused(pointer, value, spot) else why
    return None


def _is_refused(pointer: str, value: Scalar, spot: Spot) -> bool:
    """Whether the refusal is about this very field: encoding says so, or the partner's words name its value."""
    if pointer in spot.refused:
        return True
    named = rf"(?<![\w.-]){re.escape(str(value))}(?![\w-]|\.\w)"
    return bool(value) and re.search(named, spot.reason or "") is not None


def _objection(pointer: str, value: Scalar, leaf: Leaf | None, *, again: bool) -> Violation | None:
    if again:
        return _violation(pointer, "repeated", value, "each field once", "name it once")
    if leaf is None:
        return _violation(
            pointer,
            "unknown",
            value,
            "a field of this content",
            "take one that GET of the same address lists",
        )
    if leaf.locked is not None:
        return _violation(
            pointer,
            "locked",
            value,
            f"what it is ({leaf.locked})",
            "have the one-door system send a newer version",
        )
    return None


def _violation(pointer: str, code: str, got: Scalar, expected: str, advice: str) -> Violation:
    return Violation(pointer=shown(pointer), code=code, got=shown(got), expected=expected, advice=advice)


def _put(document: dict[str, Any], pointer: str, value: Scalar) -> None:
    *way, last = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
    place: Any = document
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if isinstance(place, list):
        place[int(last)] = value
    elif value is None:
        place.pop(last, None)
    else:
        place[last] = value
