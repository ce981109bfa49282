"""The portal's stand-in as data: its settings, its state, and one routed call.

Invariant: everything that changes lives in ``State``; a new ``State`` is a stand-in that has never been called.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from adapters.national_portal import simulator_catalogue as seed
from adapters.national_portal.simulator_access import Account, Passes, bearer_of
from adapters.national_portal.simulator_answers import Dialect
from adapters.national_portal.simulator_ledger import Ledger
from adapters.national_portal.simulator_rules import Item, Terms, text_of
from gateway.port.simulator import SimulatedRequest
from gateway.port.wire import header

WRITES = frozenset({"DongBoHoSoMC", "CapNhatTienDoHoSoMC", "DongBoTrangThaiHoSo"})
UNREADABLE = object()
"""Stands for a body that is not JSON."""


def seed_accounts() -> dict[str, Account]:
    """The contract's example account (§12.1), for the whole province."""
    return {"h99_gateway": Account(password="mat-khau-mo-phong", units=(seed.PROVINCE,))}  # noqa: S106 - invented


def seed_clients() -> dict[str, str]:
    """One client of the province's access layer."""
    return {"h99_lgsp": "bi-mat-lgsp"}


class SimulatorConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this portal behaves where the contract leaves a choice; the defaults are the contract's advice.

    ``session_lifetime`` and ``token_lifetime`` in seconds. ``strict_codes``: dossier numbers must match §13.2-2.
    ``reception_always``: even a dossier that was never accepted needs ``NgayTiepNhan``. ``upsert``: an update of an
    unknown dossier creates it (§2.9). ``step_limit``: most steps in one call, 0 for no limit (U7).
    ``create_names``, ``update_names``, ``progress_names``: what facade A calls the two halves of ``DongBoHoSoMC``
    and ``CapNhatTienDoHoSoMC`` (§2.5).
    ``clients``: key and secret per access-layer client (§2.3); ``bearer``: which doors ask for its token.
    ``online``: dossiers filed at the portal before the stand-in began; deliveries add theirs (§7.5).
    ``twin_dates``: what the letter Z means at the document service of §9, UTC or nothing (``local_z``).
    ``inbound_prefix`` stands before the path of every delivery to the province (§7.1).
    """

    accounts: dict[str, Account] = msgspec.field(default_factory=seed_accounts)
    dstcode: str = seed.DSTCODE
    session_lifetime: float = 600.0
    profile: Literal["2019", "2023"] = "2023"
    strict_codes: bool = True
    reception_always: bool = False
    upsert: bool = False
    batch_mode: Literal["atomic", "best_effort"] = "atomic"
    duplicate_code: Literal["0", "3", "-3"] = "-3"
    session_error_code: Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,9}$")] = "-1"
    step_limit: int = 10
    identity_kinds: tuple[str, ...] = ("1", "2")
    data_paths: tuple[str, ...] = ("mapi/g", "mapi/share", "mapi/integrate")
    create_names: tuple[str, ...] = ("ThemMoiHoSo",)
    update_names: tuple[str, ...] = ("CapNhatHoSo",)
    progress_names: tuple[str, ...] = ("DongBoTienTrinh",)
    clients: dict[str, str] = msgspec.field(default_factory=seed_clients)
    token_lifetime: float = 3600.0
    bearer: Literal["none", "facades", "all"] = "none"
    twin_dates: Literal["utc", "local_z"] = "utc"
    inbound_prefix: str = ""
    online: tuple[str, ...] = ()
    procedures: tuple[dict[str, Any], ...] = seed.PROCEDURES
    agencies: tuple[dict[str, Any], ...] = seed.AGENCIES
    fields: tuple[dict[str, Any], ...] = seed.FIELDS


class Door(StrEnum):
    """Where a request came in (§13.1)."""

    LOGIN = "login"
    MAPI = "mapi"
    FACADE = "facade"
    QUERY_FACADE = "query_facade"
    TOKEN = "token"  # noqa: S105 - a door, not a token
    STORE = "store"
    TWIN = "twin"
    NOWHERE = "nowhere"

    @property
    def dialect(self) -> Dialect:
        return _DIALECTS.get(self, Dialect.MAPI)

    @property
    def speaks(self) -> bool:
        """Whether services of §4-§7, or of §9, are called here."""
        return self in _DIALECTS


_DIALECTS: dict[Door, Dialect] = {
    Door.MAPI: Dialect.MAPI,
    Door.FACADE: Dialect.FACADE,
    Door.QUERY_FACADE: Dialect.QUERY_FACADE,
    Door.TWIN: Dialect.TWIN,
}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was routed. ``posts``: its door wants a POST for this service.

    ``document`` is the body's JSON, None when there is no body, ``UNREADABLE`` when it is something else.
    """

    door: Door
    posts: bool
    service: str
    request: SimulatedRequest
    query: dict[str, str]
    document: Any = None

    def parameter(self, name: str) -> str:
        """A parameter of a read: from the body where there is one, else from the query."""
        given = self.document.get(name) if isinstance(self.document, dict) else self.query.get(name)
        return text_of(given) or ""

    def written(self) -> object:
        """What a write carries: ``data`` of the envelope, or the whole body at a facade (§2.5)."""
        return self.document.get("data") if self.door is Door.MAPI else self.document


class State:
    """Everything that a running stand-in knows."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.ledger = Ledger()
        self.sessions = Passes("session")
        self.tokens = Passes("token")
        self.online: set[str] = set(config.online)
        self.unreachable: tuple[str, ...] = ()
        self.use(config)

    def use(self, config: SimulatorConfig) -> None:
        """Go on with other settings; what is stored stays."""
        self.config = config
        self.procedures: dict[str, Item] = {entry["MATTHC"]: entry for entry in config.procedures}
        self.facade_names = {
            **dict.fromkeys(config.create_names, ("DongBoHoSoMC", "False")),
            **dict.fromkeys(config.update_names, ("DongBoHoSoMC", "True")),
            **dict.fromkeys(config.progress_names, ("CapNhatTienDoHoSoMC", "")),
        }

    def terms(self, call: Call) -> Terms:
        """What the rules need to know."""
        return Terms(
            now=call.request.now,
            procedures=self.procedures,
            profile=self.config.profile,
            strict_codes=self.config.strict_codes,
            reception_always=self.config.reception_always,
            identity_kinds=self.config.identity_kinds,
        )

    def bearer_holds(self, call: Call) -> bool:
        """Whether the call carries a token that is alive (§2.3)."""
        token = bearer_of(header(call.request.headers, "authorization") or "")
        return self.tokens.holder(token, call.request.now, self.config.token_lifetime) is not None

    def session_holder(self, session: object, call: Call) -> str | None:
        """The account behind a session that is alive (§2.2)."""
        if not isinstance(session, str):
            return None
        return self.sessions.holder(session, call.request.now, self.config.session_lifetime)
