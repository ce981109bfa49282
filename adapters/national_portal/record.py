"""The portal's record of a dossier, asked for with TraCuuHoSo, and what it must hold (national_portal §4.3, U15, §13.4).

What was sent is encoded anew and read by the same function as what the portal shows. Invariant: only the contract's own
success answer gives a record, and only its empty result, or its own words, say that there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias

import msgspec

from adapters.national_portal.manifest import DOSSIER, STATUS, STEP
from adapters.national_portal.outcomes import Meaning
from adapters.national_portal.settings import Settings
from gateway.codec import Json
from gateway.domain.delivery import Delivery
from gateway.domain.status import Status
from gateway.mapping import CodeTable
from gateway.port import CannotRead, Expected, NoRecord, PartnerRecord, RecordReading, RecordStep, Secret
from gateway.port.adapter import Catalogues
from mappings.national_portal import lookup
from mappings.national_portal.record_view import Layout, reported_status, step, view
from mappings.national_portal.responses import Verdict

Build: TypeAlias = Callable[[Delivery], dict[str, Any]]
"""The official object of a delivery; raises CannotEncode."""
# §6, §11.2: the end counts from the progress list, 9 or else 10, and not from the header
_ENDS = (Status.FINISHED, Status.RETURNED)


def interpret(
    meaning: Meaning, result: Json, number: str, settings: Settings, layout: Layout
) -> RecordReading:
    """What the answer to a look-up of dossier ``number`` shows."""
    if meaning.verdict is Verdict.NOT_FOUND:
        return NoRecord(learned={"exists": "no"})
    found = result if meaning.verdict is Verdict.OK else None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        renew = meaning.renew() if meaning.verdict in {Verdict.SESSION, Verdict.TOKEN} else ()
        code = "no_result" if meaning.verdict is Verdict.OK else meaning.row.name
        return CannotRead(code=code, reason=meaning.reason, renew=renew)
    if not found:
        return NoRecord(learned={"exists": "no"})
    if settings.lookup_detail == "presence":
        return PartnerRecord(detail=False, learned={"exists": "yes"})
    kept = lookup.stored(found, number)
    if kept is None:
        return CannotRead(code="another_dossier", reason=f"the answer shows no record of dossier {number}")
    return msgspec.structs.replace(view(kept, layout), learned={"exists": "yes"})


def expected(deliveries: Sequence[Delivery], build: Build, layout: Layout) -> Expected | None:
    """What the portal has once ``deliveries`` were applied: the newest snapshot, the newest report, every step."""
    snapshot = next((each for each in reversed(deliveries) if each.operation == DOSSIER), None)
    report = next((each for each in reversed(deliveries) if each.operation == STATUS), None)
    told = _steps([each for each in deliveries if each.operation == STEP], build, layout)
    if snapshot is None and report is None and not told:
        return None
    record = PartnerRecord() if snapshot is None else view(build(snapshot), layout)
    if report is not None and (snapshot is None or report.position > snapshot.position):
        record = msgspec.structs.replace(record, status=reported_status(build(report), layout))
    ordered = sorted(told, key=lambda each: (each.shown.key[:14], each.place))
    steps = None if snapshot is None else tuple(each.shown for each in ordered)
    return Expected(
        record=msgspec.structs.replace(record, steps=steps),
        snapshots=tuple(each.id for each in (snapshot, report) if each is not None),
        steps={each.shown.key: each.delivery for each in ordered},
        order=(
            *(() if snapshot is None else (snapshot.id,)),
            *(each.delivery for each in ordered),
            *(() if report is None else (report.id,)),
        ),
        # §7.5: a report alone is about a dossier that was filed at the portal, which has more of it than we
        whole=snapshot is not None,
        ends=_ENDS if snapshot is not None and record.status in _ENDS else (),
    )


def rules(settings: Settings, codes: Mapping[str, CodeTable], catalogues: Catalogues, on: date) -> bytes:
    """Digest of everything that both of the above follow from on day ``on``, besides the dossier; no secret is in it."""
    tables = {name: [(row, row.holds(on)) for row in table.rows] for name, table in codes.items()}
    return hashlib.sha256(_rules.encode((settings, tables, catalogues))).digest()


def _without(value: object) -> None:
    """A secret is no rule: another password reads the same."""
    if not isinstance(value, Secret):
        raise NotImplementedError(f"a rule of type {type(value).__name__} has no digest")


_rules = msgspec.json.Encoder(enc_hook=_without, order="sorted")


class _Told(msgspec.Struct):
    """A step, its first place in the lane, and the delivery that told it last: a repair tells it again."""

    shown: RecordStep
    place: int
    delivery: int


def _steps(deliveries: Sequence[Delivery], build: Build, layout: Layout) -> list[_Told]:
    found: dict[str, _Told] = {}
    for delivery in deliveries:
        shown = step(build(delivery), layout)
        found.setdefault(shown.key, _Told(shown, delivery.position, 0)).delivery = delivery.id
    return list(found.values())
