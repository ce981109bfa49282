"""Which delivery a version of a dossier calls for (judicial_records §5): its application, once it was received.

Invariant: it is told again only when something that the centre reads has changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from adapters.judicial_records_g1.manifest import SUBMIT
from adapters.judicial_records_g1.settings import Settings
from gateway.codec import canonical
from gateway.domain.declarations import JudicialRecordDeclaration
from gateway.domain.dossier import Dossier
from gateway.domain.status import Status
from gateway.port import Planned
from mappings.judicial_records_g1.rules import received_within
from mappings.judicial_records_g1.submit import Registration


def registration(dossier: Dossier) -> Registration | None:
    """What the centre is told of ``dossier``; None when it asks for no certificate."""
    if not isinstance(dossier.declaration, JudicialRecordDeclaration):
        return None
    return Registration(
        code=dossier.code,
        declaration=dossier.declaration,
        received_at=dossier.received_at,
        due_at=dossier.due_at,
    )


def plan(dossier: Dossier, settings: Settings) -> Sequence[Planned]:
    """The application; nothing for a dossier that the one-door system has refused, or of other days."""
    asked = registration(dossier)
    if asked is None or dossier.status == Status.REFUSED or not in_time(dossier, settings):
        return []
    return [
        Planned(
            operation=SUBMIT,
            key=f"v{dossier.version}",
            payload=canonical.encode(asked),
            fingerprint=bytes.fromhex(fingerprint(asked)),
        )
    ]


def in_time(dossier: Dossier, settings: Settings) -> bool:
    """Whether it was received, and on a day on which this interface is the one in use."""
    return received_within(dossier, settings.received_since, settings.received_before)


def fingerprint(asked: Registration) -> str:
    """Of what the centre reads; a new promise is no news to it. Lower-case hex."""
    return canonical.digest(replace(asked, due_at=None))


def receipt_numbers(code: str, settings: Settings) -> Sequence[str]:
    """Numbers for the centre, best first: day and counter without the unit, then the whole (judicial_records §5)."""
    _, _, rest = code.partition("-")
    short = rest.replace("-", "")
    if settings.receipt_number == "short" and short.isascii() and short.isdecimal():
        return [short, code]
    return [code]
