"""One's own account: roles, sessions, password and language.

These pages ask no route of the API, because what is a person's own needs no scope; they call the functions that the routes
of ``gateway.api.accounts`` call. Invariant: nobody reaches another one's session from here.
"""

from __future__ import annotations

import msgspec

from gateway.api.accounts import own_account, revoke_own, sessions_of
from gateway.api.inputs import Identifier
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.domain.errors import ConflictError

_ME = "/console/me"


class EndOne(msgspec.Struct, frozen=True, kw_only=True):
    """Which session is to end; left out: every one but this."""

    session: Identifier | None = None


async def show_me(visit: Visit) -> Response:
    """One's own account and sessions."""
    name = visit.viewer.account
    values = {
        "account": await own_account(visit.api, name),
        "sessions": await sessions_of(visit.api, name),
        "present": visit.viewer.session,
        "now": visit.now,
    }
    return Shown(template="me/me.html", values=values)


async def end_sessions(visit: Visit) -> Response:
    """End another session of one's own, or all others."""
    viewer, session = visit.viewer, visit.form_as(EndOne).session
    if session == viewer.session:
        raise ConflictError("this is the session that you are in; sign out instead")
    actor = viewer.principal.client
    done = await revoke_own(visit.api, viewer.account, actor, session=session, but=viewer.session)
    return Moved(to=_ME, message="me.revoked", values={"count": done.sessions})


PAGES: tuple[Page, ...] = (Page(path=_ME, name="me", title="me.title", scope=None, view=show_me),)
ACTIONS: tuple[Action, ...] = (
    Action(path=f"{_ME}/revoke", name="me", scope=None, view=end_sessions, form=EndOne),
)
