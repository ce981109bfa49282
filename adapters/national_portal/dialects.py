"""How a message is put on the wire: the portal's own envelope, two facades that hide it, and the LGSP twin.

Invariant: a dialect knows addresses, headers and envelopes, nothing of what is inside the data. The session stands in
the body, the platform's token in the header, the provider's address in header and query alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias
from urllib.parse import quote, urlencode

import msgspec

from adapters.national_portal.settings import Settings
from gateway.port import WireRequest
from gateway.port.wire import Headers
from mappings.national_portal import envelope
from mappings.national_portal.lgsp_document import DOCUMENT_PATH, TRACES_PATH
from mappings.national_portal.reads import LOOKUP, Endpoint, Question

Credentials: TypeAlias = Mapping[str, str]
Items: TypeAlias = list[dict[str, Any]]

SESSION = "session"
LGSP = "lgsp"

# Official service names; where they go and what is in them is said elsewhere.
_DOSSIERS = "DongBoHoSoMC"
_STEPS = "CapNhatTienDoHoSoMC"
_STATUS = "DongBoTrangThaiHoSo"

_ENCODER = msgspec.json.Encoder()
_JSON = (("accept", "application/json"), ("content-type", "application/json"), ("charset", "utf-8"))


class Dialect(Protocol):
    """The requests of one wire form."""

    def dossiers(self, items: Items, credentials: Credentials, *, updating: bool) -> WireRequest:
        """Create or replace dossiers."""

    def steps(self, items: Items, credentials: Credentials) -> WireRequest:
        """Append processing steps."""

    def status(self, item: dict[str, Any], credentials: Credentials) -> WireRequest:
        """Report the state of a dossier that was filed at the portal."""

    def ask(self, question: Question, parameters: dict[str, str], credentials: Credentials) -> WireRequest:
        """A read service with its official parameters."""


def dialect_of(settings: Settings) -> Dialect:
    """The dialect that the settings name."""
    match settings.dialect:
        case "mapi":
            return _Mapi(settings)
        case "facade_array":
            return _FacadeArray(settings)
        case "facade_query":
            return _FacadeQuery(settings)
        case "lgsp_document":
            return _Twin(settings)


def lookup(dialect: Dialect, code: str, credentials: Credentials) -> WireRequest:
    """The question whether the portal has dossier ``code``."""
    ((_, official),) = LOOKUP.parameters
    return dialect.ask(LOOKUP, {official: code}, credentials)


def address(settings: Settings, path: str, query: Mapping[str, str] | None = None) -> str:
    """``path`` behind the adapter's address, with ``query``."""
    url = settings.adapter_url.rstrip("/") + path
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query, safe=':')}" if query else url


def addressed(settings: Settings, path: str) -> str:
    """``path`` behind the adapter's address, with the provider's address in the query (U2)."""
    return address(settings, path, {"dstcode": settings.dstcode} if settings.dstcode else None)


def json_headers(settings: Settings, *, forwarded: bool) -> Headers:
    """Headers of every JSON call; ``forwarded``: through the exchange adapter, which wants the provider's address."""
    if not forwarded or not settings.dstcode:
        return _JSON
    return (*_JSON, ("dstcode", quote(settings.dstcode, safe=":.-_")))


def with_token(headers: Headers, credentials: Credentials) -> Headers:
    """``headers`` with the platform's token, where there is one (§2.3)."""
    token = credentials.get(LGSP)
    return (*headers, ("authorization", f"Bearer {token}")) if token else headers


class _Mapi:
    """The portal's own RPC (§2.4)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._headers = json_headers(settings, forwarded=True)
        self._urls = {
            Endpoint.SHARE: addressed(settings, settings.share_endpoint),
            Endpoint.INTEGRATION: addressed(settings, settings.integration_endpoint),
        }

    def dossiers(self, items: Items, credentials: Credentials, *, updating: bool) -> WireRequest:
        return self._call(_DOSSIERS, envelope.dossiers(items, updating=updating), credentials)

    def steps(self, items: Items, credentials: Credentials) -> WireRequest:
        return self._call(_STEPS, envelope.steps(items), credentials)

    def status(self, item: dict[str, Any], credentials: Credentials) -> WireRequest:
        return self._call(_STATUS, envelope.status(item, self._settings.status_type), credentials)

    def ask(self, question: Question, parameters: dict[str, str], credentials: Credentials) -> WireRequest:
        return self._call(question.service, parameters, credentials, question.endpoint)

    def _call(
        self,
        service: str,
        content: dict[str, Any],
        credentials: Credentials,
        endpoint: Endpoint = Endpoint.INTEGRATION,
    ) -> WireRequest:
        head = envelope.call(credentials.get(SESSION, ""), self._settings.madonvi, service)
        return WireRequest(
            method="POST",
            url=self._urls[endpoint],
            headers=with_token(self._headers, credentials),
            body=_ENCODER.encode({**head, **content}),
        )


class _FacadeArray:
    """A facade that takes bare data at one address per service, and answers reads in text (§2.5)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def dossiers(self, items: Items, credentials: Credentials, *, updating: bool) -> WireRequest:
        facade = self._settings.facade
        return self._post(facade.update if updating else facade.create, items, credentials)

    def steps(self, items: Items, credentials: Credentials) -> WireRequest:
        return self._post(self._settings.facade.progress, items, credentials)

    def status(self, item: dict[str, Any], credentials: Credentials) -> WireRequest:
        # §2.5: only the inner object; the facade adds what goes around it.
        return self._post(self._settings.facade.status, item, credentials)

    def ask(self, question: Question, parameters: dict[str, str], credentials: Credentials) -> WireRequest:
        url = address(self._settings, f"{self._settings.facade.reads}/{question.service}", parameters)
        return WireRequest(method="GET", url=url, headers=with_token(_JSON, credentials))

    def _post(self, path: str, content: Items | dict[str, Any], credentials: Credentials) -> WireRequest:
        return WireRequest(
            method="POST",
            url=address(self._settings, path),
            headers=with_token(_JSON, credentials),
            body=_ENCODER.encode(content),
        )


class _FacadeQuery:
    """A facade that takes a bare array and wants the rest in the query (§2.5)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def dossiers(self, items: Items, credentials: Credentials, *, updating: bool) -> WireRequest:
        return self._post(_DOSSIERS, items, credentials, updating=updating)

    def steps(self, items: Items, credentials: Credentials) -> WireRequest:
        return self._post(_STEPS, items, credentials)

    def status(self, item: dict[str, Any], credentials: Credentials) -> WireRequest:
        return self._post(_STATUS, item, credentials)

    def ask(self, question: Question, parameters: dict[str, str], credentials: Credentials) -> WireRequest:
        return self._post(question.service, dict(parameters), credentials)

    def _post(
        self,
        service: str,
        content: Items | dict[str, Any],
        credentials: Credentials,
        *,
        updating: bool | None = None,
    ) -> WireRequest:
        query = envelope.facade_query(self._settings.madonvi, updating=updating)
        return WireRequest(
            method="POST",
            url=address(self._settings, f"{self._settings.facade.query}/{service}", query),
            headers=with_token(_JSON, credentials),
            body=_ENCODER.encode(content),
        )


class _Twin:
    """The LGSP twin (§9): one document or one trace a call, and nothing to ask."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def dossiers(self, items: Items, credentials: Credentials, *, updating: bool) -> WireRequest:
        del updating  # the document service knows no such difference
        return self._post(DOCUMENT_PATH, items[-1], credentials)

    def steps(self, items: Items, credentials: Credentials) -> WireRequest:
        return self._post(TRACES_PATH, items[-1], credentials)

    def status(self, item: dict[str, Any], credentials: Credentials) -> WireRequest:
        raise NotImplementedError("the twin has no status report; the manifest does not declare it")

    def ask(self, question: Question, parameters: dict[str, str], credentials: Credentials) -> WireRequest:
        raise NotImplementedError("the twin cannot be asked; the manifest declares no question")

    def _post(self, path: str, content: dict[str, Any], credentials: Credentials) -> WireRequest:
        return WireRequest(
            method="POST",
            url=address(self._settings, path),
            headers=with_token(_JSON, credentials),
            body=_ENCODER.encode(content),
        )
