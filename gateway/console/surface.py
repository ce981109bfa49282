"""From a request of a browser to a page: the one way through which every page and every action goes.

Order of judgement: method, session, scope, word of the form, inputs. Invariant: an action without the word of its
session, or sent from another site, does nothing; every answer carries the policy that forbids foreign code.
"""

from __future__ import annotations

import asyncio
import functools
import hmac
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

import structlog
from starlette.types import Receive, Scope, Send

from gateway.api import bodies
from gateway.api.access import require_scope
from gateway.api.inputs import read_path, read_query
from gateway.api.overview import version
from gateway.api.perimeter import Trace, trace_of
from gateway.api.problem import Refused, internal, refusal_of
from gateway.api.route import NoInput
from gateway.api.service import Api
from gateway.console.door import COOKIE, PLAIN_COOKIE, Door, cookies_of
from gateway.console.forms import read_form
from gateway.console.multipart import FORM_DATA, Sent, Upload, read_parts
from gateway.console.page import Action, Download, Language, Moved, Page, Response, Shown, Viewer, Visit
from gateway.console.render import render
from gateway.console.static import addresses, assets
from gateway.console.ways import Ways
from gateway.console.words import say
from gateway.domain.errors import GatewayError

log = structlog.get_logger(__name__)
HTML = "text/html; charset=utf-8"
SIGN_IN = "/console/sign-in"
MOST_FORM_BYTES = 256 * 1024
MOST_FIELDS = 500
MOST_UPLOAD_BYTES = 16 * 1024 * 1024  # held in memory; what is larger goes through the API, which streams it
LANGUAGE_COOKIE = "lienthong-language"
TOLD_COOKIE = "lienthong-told"
_NO_WAYS = Ways(())
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: tuple[tuple[str, str], ...] = (
    ("content-security-policy", POLICY),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("cache-control", "no-store"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuItem:
    """One line of the menu."""

    title: str
    path: str
    group: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What every surface is given. ``menu``: every page that the menu may list; ``ways``: every page."""

    api: Api
    door: Door
    menu: tuple[tuple[MenuItem, Page], ...] = ()
    ways: Ways = _NO_WAYS


class Surface:
    """Everything at one address of the console. An ASGI application."""

    def __init__(self, console: Console, *, page: Page | None, action: Action | None) -> None:
        self._console = console
        self._page = page
        self._action = action

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, refusals and defects included, as a page."""
        trace = trace_of(scope)
        named = dict(trace.header_pairs)
        request = Request(console=self._console, scope=scope, headers=named, trace=trace)
        await answered(request, self._answer(request, receive, send), send)

    async def _answer(self, request: Request, receive: Receive, send: Send) -> None:
        method = request.scope["method"]
        row = self._page if method in {"GET", "HEAD"} else self._action if method == "POST" else None
        if row is None:
            offered = [*(("GET", "HEAD") if self._page else ()), *(("POST",) if self._action else ())]
            raise Refused("method_not_allowed", "see Allow", headers=(("allow", ", ".join(offered)),))
        request.trace.route = row.path
        viewer = await request.known()
        if viewer is None:
            await request.lead_in(send)
            return
        if row.scope is not None:
            require_scope(viewer.principal, row.scope)
        self._console.api.admit(viewer.principal)
        form: Any = NoInput()
        upload: Upload | None = None
        if isinstance(row, Action):
            form, upload = await self._form(row, request, viewer, receive)
        path = read_path(request.scope["path_params"])
        request.trace.about(path)
        visit = Visit(
            api=self._console.api,
            viewer=viewer,
            language=request.language,
            path=path,
            query=read_query(row.query, request.scope["query_string"])
            if isinstance(row, Page)
            else NoInput(),
            form=form,
            upload=upload,
            correlation=request.trace.correlation,
            address=request.address,
        )
        await request.respond(await row.view(visit), row, send)

    async def _form(
        self, row: Action, request: Request, viewer: Viewer, receive: Receive
    ) -> tuple[Any, Upload | None]:
        """The fields of the form; Refused when it does not come from one of this session's pages."""
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise Refused("forbidden", say(request.language, "problem.csrf"))
        sent = await _sent(row, request, receive)
        pairs = sent.pairs
        words = [value for name, value in pairs if name == "csrf"]
        if len(words) != 1 or not hmac.compare_digest(words[0].encode(), viewer.csrf.encode()):
            raise Refused("forbidden", say(request.language, "problem.csrf"))
        if sent.upload is not None and sent.upload.field != row.upload:
            raise Refused("invalid", f"the form has no file {sent.upload.field!r}")
        return read_form(row.form, [(name, value) for name, value in pairs if name != "csrf"]), sent.upload


async def _sent(row: Action, request: Request, receive: Receive) -> Sent:
    """The form as it was sent, bounded; a file only where the row takes one."""
    kind = request.headers.get("content-type", "")
    if row.upload is not None and kind.partition(";")[0].strip().lower() == FORM_DATA:
        content = await bodies.whole(receive, request.headers, MOST_UPLOAD_BYTES)
        return read_parts(kind, content)
    content = await bodies.whole(receive, request.headers, MOST_FORM_BYTES)
    try:
        pairs = parse_qsl(
            content.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError as fault:
        raise Refused("unreadable", f"at most {MOST_FIELDS} fields of a form are read") from fault
    return Sent(pairs=pairs, upload=None)


@dataclass(slots=True, kw_only=True)
class Request:
    """One request of a browser, and the ways to answer it."""

    console: Console
    scope: Scope
    headers: Mapping[str, str]
    trace: Trace
    viewer: Viewer | None = None

    @property
    def cookies(self) -> dict[str, str]:
        """What the browser keeps for us."""
        return cookies_of(self.headers)

    @property
    def language(self) -> Language:
        """Vietnamese unless the reader has switched."""
        return "en" if self.cookies.get(LANGUAGE_COOKIE) == "en" else "vi"

    @property
    def address(self) -> str:
        """Path and query."""
        query = self.scope["query_string"].decode("latin-1")
        return quote(self.scope["path"]) + ("?" + query if query else "")

    @property
    def live(self) -> bool:
        """Whether a page that refreshes itself asks."""
        return self.headers.get("hx-request") == "true"

    @property
    def secure(self) -> bool:
        """Whether a proxy with TLS stands in front."""
        return self.console.api.gateway.settings.console.secure_cookies

    @property
    def word(self) -> str:
        """The word of the session that the browser shows; a cookie of plain HTTP counts only without TLS in front."""
        return self.cookies.get(COOKIE if self.secure else PLAIN_COOKIE, "")

    async def lead_in(self, send: Send) -> None:
        """Send whoever has not signed in to the sign-in page, which leads back here."""
        way = SIGN_IN + ("?" + urlencode({"next": self.address}) if self.scope["method"] == "GET" else "")
        if self.live:  # a part of a page would show the sign-in form in its own place
            await self.write(401, b"", send, headers=[("hx-redirect", way)])
        else:
            await self.write(303, b"", send, headers=[("location", way)])

    async def known(self) -> Viewer | None:
        """Who asks, if the session still stands."""
        word = self.word
        if not word:
            return None
        peer = (self.scope.get("client") or ("",))[0]
        self.viewer = await self.console.door.viewer(
            word, peer=peer, agent=self.headers.get("user-agent", ""), live=self.live
        )
        self.trace.client = "" if self.viewer is None else self.viewer.principal.client
        return self.viewer

    async def respond(self, response: Response, row: Page | Action, send: Send) -> None:
        """Write what a page's function gave."""
        match response:
            case Shown():
                title = row.title if isinstance(row, Page) else None
                values = {"title": title, "here": row.name, **response.values}
                # a report of a province has thousands of cells; nobody else is kept waiting while it is written
                content = await asyncio.to_thread(self.rendered, response.template, values)
                await self.write(response.status, content, send, headers=self._forget_told())
            case Moved():
                headers = [("location", response.to)]
                if response.message:
                    told = say(self.language, response.message, **response.values)
                    headers.append(
                        (
                            "set-cookie",
                            f"{TOLD_COOKIE}={quote(told)}; Path=/console; HttpOnly; SameSite=Strict",
                        )
                    )
                await self.write(303, b"", send, headers=headers)
            case Download():
                name = quote(response.filename)
                headers = [("content-disposition", f"attachment; filename*=UTF-8''{name}")]
                await self.write(200, response.content, send, headers=headers, media_type=response.media_type)

    async def refuse(self, refusal: Refused, send: Send) -> None:
        """Write a refusal as a page."""
        self.trace.problem = refusal.kind.code
        problem = refusal.document(self.trace.correlation)
        values = {"title": "problem.title", "here": "", "problem": problem, "kind": refusal.kind.code}
        await self.write(
            refusal.kind.status, self.rendered("problem.html", values), send, headers=list(refusal.headers)
        )

    def rendered(self, template: str, values: Mapping[str, Any]) -> bytes:
        """The page with what every page has."""
        viewer = self.viewer
        shared = {
            "viewer": viewer,
            "menu": []
            if viewer is None
            else [item for item, page in self.console.menu if viewer.may(page.scope)],
            "opens": functools.partial(self.console.ways.opens, viewer),
            "assets": addresses(),
            "address": self.address,
            "told": self._told(),
            "now": self.console.api.now,
            "version": version(),
        }
        return render(template, self.language, {**shared, **values})

    def _told(self) -> str:
        return unquote(self.cookies.get(TOLD_COOKIE, ""))[:500]

    def _forget_told(self) -> list[tuple[str, str]]:
        if TOLD_COOKIE not in self.cookies:
            return []
        return [("set-cookie", f"{TOLD_COOKIE}=; Path=/console; Max-Age=0; HttpOnly; SameSite=Strict")]

    async def write(
        self,
        status: int,
        content: bytes,
        send: Send,
        *,
        headers: list[tuple[str, str]] | None = None,
        media_type: str = HTML,
    ) -> None:
        """Send one answer; HEAD gets the head alone."""
        lines = [
            *HEADERS,
            *(headers or []),
            ("content-type", media_type),
            ("content-length", str(len(content))),
        ]
        encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in lines]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        body = b"" if self.scope["method"] == "HEAD" else content
        await send({"type": "http.response.body", "body": body})


async def answered(request: Request, work: Awaitable[None], send: Send) -> None:
    """Let ``work`` answer the request; refusals and defects become pages."""
    trace = request.trace
    try:
        await work
    except bodies.ClientGone:
        raise
    except GatewayError as fault:
        await request.refuse(refusal_of(fault), send)
    except Exception:  # why: whatever a page does wrong, its reader gets an answer
        log.exception("console_page_failed", route=trace.route, correlation=trace.correlation)
        await request.refuse(internal(), send)


class Assets:
    """The files of style and script. An ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with one file."""
        del receive
        trace_of(scope).route = "/console/assets/{asset}"
        asset = assets().get(scope["path_params"]["asset"])
        if asset is None or scope["method"] not in {"GET", "HEAD"}:
            raise Refused("not_found", "there is no such file")
        headers = [
            (b"content-type", asset.media_type.encode()),
            (b"content-length", str(len(asset.content)).encode()),
            (b"cache-control", b"public, max-age=31536000, immutable"),
            (b"x-content-type-options", b"nosniff"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]
        await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
        await send({"type": "http.response.body", "body": asset.content if scope["method"] == "GET" else b""})
