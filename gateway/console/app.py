"""Building the console: its tables behind the perimeter of the API, in the same process and on the same port."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route as Address

from gateway.accounts.passwords import Passwords, passwords
from gateway.api.perimeter import trace_of
from gateway.api.service import Api
from gateway.console.door import Door
from gateway.console.oidc import Provider
from gateway.console.oidc_door import BACK, START, OidcDoor
from gateway.console.page import Action, Page
from gateway.console.render import prepare
from gateway.console.sessions import Sessions
from gateway.console.surface import Assets, Console, MenuItem, Surface
from gateway.console.table import ACTIONS, GROUPS, PAGES
from gateway.console.threshold import Threshold
from gateway.console.ways import Ways

_WAYS = Ways(PAGES)
_SOON_SECONDS, _PAUSE_SECONDS = 2.0, 0.05


def faces(api: Api, hashing: Passwords | None = None) -> list[Address]:
    """The whole console of ``api`` with its door, and the way to it from the gateway's bare address.

    ``hashing``: how passwords are kept, in place of the process's own way.
    """
    api.soon.append(_prepare)
    sessions = Sessions(api, hashing or passwords())
    console = Console(api=api, door=sessions, menu=_menu(), ways=_WAYS)
    settings = api.gateway.settings.console
    if settings.oidc is None or settings.address is None:
        door = Threshold(console, sessions).addresses()
    else:
        back = settings.address + BACK
        provider = Provider(settings.oidc, back, clock=lambda: api.now, seconds=api.access.seconds)
        threshold = Threshold(console, sessions, ((settings.oidc.name, START),))
        door = [*threshold.addresses(), *OidcDoor(console, sessions, provider).addresses(threshold)]
    return [Address("/", _to_console), *door, *addresses(api, sessions)]


def addresses(api: Api, door: Door) -> list[Address]:
    """Every page and action of the console of ``api``; ``door`` keeps the sessions."""
    console = Console(api=api, door=door, menu=_menu(), ways=_WAYS)
    by_path: dict[str, tuple[Page | None, Action | None]] = {}
    for page in PAGES:
        by_path[page.path] = (page, None)
    for action in ACTIONS:
        by_path[action.path] = (by_path.get(action.path, (None, None))[0], action)
    surfaces = [
        Address(path, Surface(console, page=page, action=action)) for path, (page, action) in by_path.items()
    ]
    return [Address("/console/assets/{asset}", Assets()), *surfaces]


async def _prepare(_api: Api) -> None:
    await asyncio.sleep(_SOON_SECONDS)
    await prepare(pause=_PAUSE_SECONDS)


async def _to_console(request: Request) -> RedirectResponse:
    """Whoever types the gateway's bare address into a browser wants the console."""
    trace_of(request.scope).route = "/"
    return RedirectResponse("/console", status_code=303)


def _menu() -> tuple[tuple[MenuItem, Page], ...]:
    listed = [page for group in GROUPS for page in PAGES if page.group == group]
    return tuple(
        (MenuItem(title=page.title, path=page.path, group=str(page.group), name=page.name), page)
        for page in listed
    )
