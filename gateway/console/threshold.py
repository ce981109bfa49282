"""The addresses of the door: signing in and out, a new password, the language. They stand in no table of pages.

Invariant: nothing here is shown to anybody that a stranger may not see; a form of a visitor without a session has a word of
its own, so that nobody is signed in to an account that is not theirs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.routing import Route as Address
from starlette.types import Receive, Scope, Send

from gateway.accounts.passwords import LONGEST, SHORTEST, faults
from gateway.api.perimeter import trace_of
from gateway.api.problem import Refused
from gateway.console import entrance
from gateway.console.sessions import Entered, Sessions, Visitor
from gateway.console.surface import SIGN_IN, Console, Request, answered

SIGN_OUT = "/console/sign-out"
LANGUAGE = "/console/language"
NEW_PASSWORD = "/console/new-password"  # noqa: S105 - an address
PER_SECOND = 0.2  # attempts of one visitor, in the long run
AT_ONCE = 10
Answerer = Callable[[Request, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One address of the door, by method. An ASGI application."""

    console: Console
    path: str
    answers: Mapping[str, Answerer]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        trace = trace_of(scope)
        trace.route = self.path
        request = Request(console=self.console, scope=scope, headers=dict(trace.header_pairs), trace=trace)
        await answered(request, self._answer(request, receive, send), send)

    async def _answer(self, request: Request, receive: Receive, send: Send) -> None:
        method = request.scope["method"]
        answerer = self.answers.get("GET" if method == "HEAD" else method)
        if answerer is None:
            offered = ", ".join([*self.answers, *(("HEAD",) if "GET" in self.answers else ())])
            raise Refused("method_not_allowed", "see Allow", headers=(("allow", offered),))
        await answerer(request, receive, send)


class Threshold:
    """What the addresses of the door do. ``other_ways``: ways in beside a password: (name, address)."""

    def __init__(
        self, console: Console, sessions: Sessions, other_ways: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self._console = console
        self._sessions = sessions
        self._other_ways = other_ways

    def addresses(self) -> list[Address]:
        """Every address of the door."""
        table: dict[str, dict[str, Answerer]] = {
            SIGN_IN: {"GET": self._ask, "POST": self._sign_in},
            NEW_PASSWORD: {"GET": self._ask_new_password, "POST": self._new_password},
            SIGN_OUT: {"POST": self._sign_out},
            LANGUAGE: {"POST": self._language},
        }
        return [
            Address(path, Step(console=self._console, path=path, answers=answers))
            for path, answers in table.items()
        ]

    async def _ask(self, request: Request, _receive: Receive, send: Send) -> None:
        onward = entrance.local(query_of(request).get("next", ""))
        if await request.known() is not None:
            await request.write(303, b"", send, headers=[("location", onward)])
            return
        await self.show(request, send, {"next": onward})

    async def _sign_in(self, request: Request, receive: Receive, send: Send) -> None:
        given = await entrance.fields(request, receive, ("name", "password", "next"))
        onward = entrance.local(given["next"])
        if entrance.hindrance(request) is not None:
            await self.show(request, send, given, status=403)
            return
        entrance.require_visitor_word(request, given["csrf"])
        visitor = self._visitor(request)
        turn = await self._sessions.sign_in(visitor, given["name"], given["password"][: LONGEST + 1])
        match turn:
            case Entered():
                await self._enter(request, send, turn, onward)
            case "must_change":
                values = {"name": given["name"], "fault": "must_change", "next": onward}
                await self._show_new_password(request, send, values)
            case "wrong":
                await self.show(request, send, {**given, "fault": "wrong"}, status=401)

    async def _ask_new_password(self, request: Request, _receive: Receive, send: Send) -> None:
        viewer = await request.known()
        values = {"name": "" if viewer is None else viewer.account, "next": entrance.HOME}
        await self._show_new_password(request, send, values, status=200)

    async def _new_password(self, request: Request, receive: Receive, send: Send) -> None:
        given = await entrance.fields(request, receive, ("name", "current", "wanted", "again", "next"))
        await request.known()
        if entrance.hindrance(request) is not None:
            await self._show_new_password(request, send, given, status=403)
            return
        entrance.require_visitor_word(request, given["csrf"])
        fault = _unfit(given)
        if fault is None:
            visitor = self._visitor(request)
            turn = await self._sessions.change_password(
                visitor, given["name"], given["current"][: LONGEST + 1], given["wanted"]
            )
            if isinstance(turn, Entered):
                await self._enter(request, send, turn, entrance.local(given["next"]))
                return
            fault = turn
        await self._show_new_password(request, send, {**given, "fault": fault}, status=401)

    async def _sign_out(self, request: Request, receive: Receive, send: Send) -> None:
        given = await entrance.fields(request, receive, ())
        viewer = await request.known()
        if viewer is not None:
            entrance.require_word(request, given["csrf"], viewer.csrf)
            await self._sessions.sign_out(request.word, viewer)
        gone = [entrance.session_cookie(request, ""), ("clear-site-data", '"cache"')]
        await request.write(303, b"", send, headers=[("location", SIGN_IN), *gone])

    async def _language(self, request: Request, receive: Receive, send: Send) -> None:
        """Switch to the other language; it changes nothing but what this browser is shown."""
        given = await entrance.fields(request, receive, ("next", "language"))
        language = given["language"] or ("en" if request.language == "vi" else "vi")
        if language not in {"vi", "en"}:
            raise Refused("invalid", "language: vi or en")
        headers = [("location", entrance.local(given["next"])), entrance.language_cookie(request, language)]
        await request.write(303, b"", send, headers=headers)

    def _visitor(self, request: Request) -> Visitor:
        """Who is about to try; Refused (429) when this one has tried too often."""
        peer = entrance.peer_of(request)
        self._console.api.limit(f"sign-in from {entrance.network_of(peer)}", rate=PER_SECOND, burst=AT_ONCE)
        return Visitor(peer=peer, agent=request.headers.get("user-agent", ""), word=request.word)

    async def _enter(self, request: Request, send: Send, entered: Entered, onward: str) -> None:
        request.trace.client = entered.account
        headers = [("location", onward), entrance.session_cookie(request, entered.word)]
        await request.write(303, b"", send, headers=headers)

    async def show(
        self,
        request: Request,
        send: Send,
        values: Mapping[str, str],
        *,
        status: int = 200,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """The sign-in page. ``values``: where to go on (``next``), and what went wrong, if anything (``fault``)."""
        onward = entrance.local(values.get("next", ""))
        word, lines = entrance.visitor_word(request)
        shown = {
            "title": "door.sign_in",
            "here": "",
            "csrf": word,
            "next": onward,
            "name": values.get("name", "")[:100],
            "fault": values.get("fault", ""),
            "hindrance": entrance.hindrance(request),
            "ways": [(label, f"{path}?{urlencode({'next': onward})}") for label, path in self._other_ways],
        }
        content = request.rendered("door/sign_in.html", shown | {"address": _with_next(SIGN_IN, onward)})
        await request.write(status, content, send, headers=[*lines, *headers])

    async def _show_new_password(
        self, request: Request, send: Send, values: Mapping[str, Any], *, status: int = 401
    ) -> None:
        word, lines = entrance.visitor_word(request)
        shown = {
            "title": "door.new_password",
            "here": "",
            "csrf": word,
            "name": str(values.get("name", ""))[:100],
            "next": entrance.local(str(values.get("next", ""))),
            "fault": values.get("fault", ""),
            "hindrance": entrance.hindrance(request),
            "shortest": SHORTEST,
            "address": NEW_PASSWORD,
        }
        await request.write(status, request.rendered("door/new_password.html", shown), send, headers=lines)


def query_of(request: Request) -> dict[str, str]:
    """The query of an address of the door; what is unknown is of no interest, since it decides nothing."""
    text = request.scope["query_string"].decode("latin-1")
    return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=50)) if text.count("&") < 50 else {}


def _with_next(path: str, onward: str) -> str:
    return f"{path}?{urlencode({'next': onward})}"


def _unfit(given: Mapping[str, str]) -> str | None:
    if given["wanted"] != given["again"]:
        return "again"
    if given["wanted"] == given["current"]:
        return "same"
    return faults(given["wanted"], given["name"].strip().lower())
