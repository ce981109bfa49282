"""Questions that change nothing: the state of a dossier, issued permits, practising certificates, code lists
(construction §4).

Invariant: every read of the manifest has a row, and the parameters that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from gateway.codec import Unreadable
from gateway.codec.xml import Element
from gateway.port import CannotRead, Read, Reading
from mappings.construction import lookups, operations
from mappings.construction.answers import Understood
from mappings.construction.calls import Call, Caller
from mappings.construction.responses import Verdict

_NOTHING = frozenset({Verdict.ABSENT, Verdict.NOT_YET})


class Lookup(Struct, frozen=True, kw_only=True):
    """One read: the operation, the call that it makes of parameters, the entries that it finds in an answer."""

    operation: str
    call: Callable[[Caller, Mapping[str, str]], Call]
    entries: Callable[[Element], dict[str, Any]]


def _code_list(code: str) -> Lookup:
    return Lookup(
        operation=operations.CODE_LIST,
        call=lambda caller, _: Call(caller=caller, catalogue=code),
        entries=lookups.items,
    )


LOOKUPS: dict[str, Lookup] = {
    "progress": Lookup(
        operation=operations.STATES,
        call=lambda caller, given: Call(caller=caller, dossiers=(given["dossier"],)),
        entries=lookups.progress,
    ),
    "permit": Lookup(
        operation=operations.PERMITS,
        call=lambda caller, given: Call(caller=caller, permit_number=given["permit_number"]),
        entries=lookups.permits,
    ),
    "permit_of_work": Lookup(
        operation=operations.PERMITS,
        call=lambda caller, given: Call(caller=caller, work_number=given["work_number"]),
        entries=lookups.permits,
    ),
    "certificate": Lookup(
        operation=operations.CERTIFICATES,
        call=lambda caller, given: Call(caller=caller, certificate=given["certificate_number"]),
        entries=lookups.certificates,
    ),
    **{name: _code_list(code) for name, code in lookups.CATALOGUES.items()},
}


def entries(name: str, said: Understood, renew: tuple[str, ...]) -> Reading:
    """The answer of read ``name``. What the ministry does not have is no entry."""
    if said.verdict in _NOTHING and said.certain:
        return Read(entries={})
    if said.verdict is not Verdict.DONE or said.content is None:
        return CannotRead(code=said.code, reason=said.reason, renew=renew)
    try:
        return Read(entries=LOOKUPS[name].entries(said.content))
    except Unreadable as fault:
        return CannotRead(code=fault.code, reason=fault.reason)
