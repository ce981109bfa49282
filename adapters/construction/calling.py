"""Calls of the ministry's service: who calls, the message, its headers, and what an answer to it says.

Invariants: a delivery bears the same id whenever the same thing is sent again, whatever key it goes by, and a question a
new one each time; the schema is compiled when the gateway starts, and never again.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from adapters.construction.settings import Settings
from gateway.access import XRoadAccess, XRoadCall, entry, soap_header
from gateway.codec import soap
from gateway.codec.xml import Element
from gateway.codec.xsd import Schema
from gateway.domain.delivery import Delivery
from gateway.domain.errors import CannotEncode
from gateway.domain.violation import Violation
from gateway.port import Context, WireRequest, WireResponse
from gateway.port.signing import Profile
from mappings.construction import operations
from mappings.construction.answers import Asked, Understood, understand
from mappings.construction.calls import Call, Caller
from mappings.construction.filing import call_id, outline
from mappings.construction.messages import Manner, action, require_fit, written
from mappings.construction.submission import Submission

_SCHEMA = Path(__file__).parent / "spec" / "CapPhepXayDung.xsd"
_NEVER = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def schema() -> Schema:
    """The contract's schema, compiled once a process."""
    return Schema(_SCHEMA.read_bytes(), name=_SCHEMA.name)


class Calling:
    """The service of one destination. Holds settings and the schema, nothing that changes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._manner = Manner(
            version=settings.soap_version,
            schema=schema(),
            signed_element=operations.SIGNED if settings.signing.profile is Profile.XADES else "",
        )

    def request(self, operation: str, call: Call, context: Context) -> WireRequest:
        """``call`` as it leaves. CannotEncode when the record does not fit the contract."""
        settings = self._settings
        lent = entry(settings.access, settings.url, context)
        body = written(operation, call, self._manner, self._blocks(operation, call))
        headers = soap.request_headers(settings.soap_version, action(operation))
        return WireRequest(method="POST", url=settings.url, headers=(*headers, *lent.headers), body=body)

    def caller(self, number: str, context: Context) -> Caller:
        """Who calls, under the id ``number``."""
        settings = self._settings
        return Caller(
            id=number,
            agency=settings.unit,
            sent_at=context.now,
            service=settings.service,
            integration=settings.integration,
            officer=settings.officer,
        )

    def understand(self, operation: str, number: str, response: WireResponse, context: Context) -> Understood:
        """What ``response`` to the call ``number`` says; any call when it is empty."""
        asked = Asked(operation=operation, id=number, version=self._settings.soap_version)
        return understand(asked, response, self._manner.schema, context)

    def read(self, operation: str, response: WireResponse) -> Understood:
        """The same where nobody knows which call it was; the answer's pause is not reckoned."""
        return self.understand(operation, "", response, Context(now=_NEVER))

    def violations(self, operation: str, told: Submission) -> list[Violation]:
        """What the schema forbids in ``told``, before any file is fetched."""
        call = Call(
            caller=self.caller(call_id(told.code, operation, ""), Context(now=_NEVER)), filing=outline(told)
        )
        try:
            require_fit(operation, call, self._manner)
        except CannotEncode as fault:
            return list(fault.violations) or [_unfit(str(fault))]
        return []

    def _blocks(self, operation: str, call: Call) -> tuple[Element, ...]:
        access = self._settings.access
        if not isinstance(access, XRoadAccess):
            return ()
        issue = call.filing.code if call.filing is not None else "".join(call.dossiers[:1])
        header = XRoadCall(id=call.caller.id, service_code=operation, issue=issue)
        return soap.header_blocks(soap_header(access, header))


def id_of(delivery: Delivery, operation: str) -> str:
    """The id of a delivery's call."""
    return call_id(delivery.dossier, operation, hashlib.sha256(delivery.payload).hexdigest())


def id_of_question(about: str, operation: str, context: Context) -> str:
    """The id of a question about ``about``."""
    return call_id(about, operation, context.now.isoformat())


def _unfit(reason: str) -> Violation:
    return Violation(
        pointer="/declaration",
        code="text",
        got="a value that cannot be written",
        expected=reason[-300:],
        advice="correct the field",
    )
