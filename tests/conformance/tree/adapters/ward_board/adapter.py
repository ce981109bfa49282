"""The ward board: deliveries to bytes, bytes to outcomes. Pure; the hub does everything else."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from adapters.ward_board import callback
from adapters.ward_board.manifest import manifest
from adapters.ward_board.settings import Settings
from gateway.codec import canonical
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier, Step
from gateway.domain.errors import CannotEncode
from gateway.domain.outcome import Accepted, Deferred, InDoubt, Outcome, Rejected
from gateway.domain.violation import Violation, shown
from gateway.mapping import Answer, Scope, Variant, local_date
from gateway.mapping.formats import line
from gateway.port import (
    Callback,
    CallbackRequest,
    CannotRead,
    Context,
    Denied,
    Grant,
    Manifest,
    Planned,
    Read,
    Reading,
    WireRequest,
    WireResponse,
)
from gateway.port.adapter import Catalogues
from mappings.ward_board import CODES, RESPONSES, TABLES, read_answer
from mappings.ward_board.answers import WORDS

_T = TypeVar("_T")
JSON = (("content-type", "application/json; charset=utf-8"),)


class LinePayload(msgspec.Struct, frozen=True, kw_only=True):
    """What a ``line`` delivery carries."""

    step: Step


class BoardScope(Scope):
    """Adds the dossier's number at the board, which the record itself does not have."""

    __slots__ = ("number",)

    def __init__(self, number: str, on: datetime | None) -> None:
        super().__init__(local_date(on) if on else None)
        self.number = number


class Login:
    """The only credential layer: user and password give a session for the body (ward_board §1)."""

    name = "session"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def request(self, credentials: Mapping[str, str]) -> WireRequest:
        """The login call."""
        told = {"user": self._settings.user, "password": self._settings.password.reveal()}
        url = f"{self._settings.base_url}/login"
        return WireRequest(method="POST", url=url, headers=JSON, body=canonical.encode(told))

    def read(self, response: WireResponse) -> Grant | Denied:
        """A session, or why there is none."""
        answer, fields = read_answer(response)
        session, seconds = fields.get("session"), fields.get("seconds")
        if answer.status == 200 and answer.code == "ok" and isinstance(session, str) and session:
            lifetime = seconds if isinstance(seconds, int) and 0 < seconds < 86400 else 60
            return Grant(value=session, lifetime=lifetime)
        code = _told(answer.code) or answer.shape
        return Denied(code=code, reason=_told(answer.message), permanent=answer.code == "invalid")


class WardBoard:
    """The adapter; it holds compiled tables and nothing else."""

    manifest: Manifest = manifest

    def __init__(self, settings: Settings) -> None:
        self._url = settings.base_url
        variant = Variant(codes=CODES)
        self._tables = {name: table.compile(variant) for name, table in TABLES.items()}
        self._meaning = RESPONSES.bind(WORDS)
        self.credentials = (Login(settings),)

    def wants(self, dossier: Dossier) -> bool:
        """Every dossier has a card."""
        return True

    def check(self, dossier: Dossier, catalogues: Catalogues) -> Sequence[Violation]:
        """What the tables cannot fill."""
        scope = BoardScope(dossier.code, dossier.received_at)
        self._tables["card"].encode(dossier, scope)
        for index, step in enumerate(dossier.steps):
            self._tables["line"].encode(step, scope, f"/steps/{index}")
        return scope.problems

    def plan(self, dossier: Dossier) -> Sequence[Planned]:
        """The card as it is now, then a line per step; the hub drops the lines it has sent."""
        card = Planned(operation="card", key=f"v{dossier.version}", payload=canonical.encode(dossier))
        lines = [
            Planned(operation="line", key=step.id, payload=canonical.encode(LinePayload(step=step)))
            for step in dossier.steps
        ]
        return [card, *lines]

    def partner_codes(self, dossier: Dossier) -> Sequence[str]:
        """The board takes our numbers."""
        return [dossier.code]

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        """A card, or up to five lines of one card (§3, §4)."""
        number = _number(deliveries[0], context)
        if deliveries[0].operation == "card":
            return self._call("cards", {"card": self._card(deliveries[0], number)}, context)
        return self._call("lines", {"number": number, "lines": self._lines(deliveries)}, context)

    def interpret(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        """The board takes a call as a whole, so one meaning holds for every delivery (§2)."""
        answer, _ = read_answer(response)
        return [self._outcome(answer)] * len(deliveries)

    def encode_query(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        """Ask for the card; it names its version and its lines (§5)."""
        return self._call("look_up", {"number": _number(deliveries[0], context)}, context)

    def interpret_query(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        """Compare what the card shows with what was sent."""
        answer, fields = read_answer(response)
        cards = fields.get("cards")
        if self._meaning.classify(answer).verdict != "accepted" or not isinstance(cards, list):
            renew = ("session",) if answer.code == "session" else ()
            reason = _told(answer.message)
            return [InDoubt(code="no_answer", reason=reason, ask_again=True, renew=renew)] * len(deliveries)
        number = _number(deliveries[0], context)
        card = next((each for each in cards if isinstance(each, dict) and each.get("SoHoSo") == number), {})
        return [_found(delivery, card) for delivery in deliveries]

    def encode_read(self, name: str, parameters: Mapping[str, str], context: Context) -> WireRequest:
        """The only read is the list of procedures (§6)."""
        return self._call("procedures", {}, context)

    def interpret_read(self, name: str, parameters: Mapping[str, str], response: WireResponse) -> Reading:
        """Procedures by code."""
        answer, fields = read_answer(response)
        rows = fields.get("procedures")
        if self._meaning.classify(answer).verdict != "accepted" or not isinstance(rows, list):
            renew = ("session",) if answer.code == "session" else ()
            return CannotRead(
                code=_told(answer.code) or answer.shape, reason=_told(answer.message), renew=renew
            )
        return Read(
            entries={str(row["code"]): row for row in rows if isinstance(row, dict) and "code" in row}
        )

    def read_callback(self, request: CallbackRequest, context: Context) -> Callback:
        """Somebody looked at a card (§7)."""
        return callback.read_callback(request)

    def _call(self, path: str, told: Mapping[str, object], context: Context) -> WireRequest:
        body = canonical.encode({"session": context.credentials.get("session", ""), **told})
        return WireRequest(method="POST", url=f"{self._url}/{path}", headers=JSON, body=body)

    def _card(self, delivery: Delivery, number: str) -> object:
        dossier = _payload(delivery, Dossier)
        scope = BoardScope(number, dossier.received_at)
        return _complete(self._tables["card"].encode(dossier, scope), scope, delivery)

    def _lines(self, deliveries: Sequence[Delivery]) -> list[object]:
        lines = []
        for delivery in deliveries:
            step = _payload(delivery, LinePayload).step
            scope = BoardScope("", step.at)
            lines.append(_complete(self._tables["line"].encode(step, scope), scope, delivery))
        return lines

    def _outcome(self, answer: Answer) -> Outcome:
        row = self._meaning.classify(answer)
        code, reason = _told(answer.code) or answer.shape, _told(answer.message) or row.why
        match row.verdict:
            case "accepted":
                return Accepted()
            case "renew":
                return Deferred(code=code, reason=reason, retry_after=0.0, renew=("session",))
            case "deferred":
                return Deferred(code=code, reason=reason)
            case "rejected":
                return Rejected(code=code, reason=reason)
            case _:
                return InDoubt(code=code, reason=reason)


def build(settings: Settings) -> WardBoard:
    """The adapter for these settings."""
    return WardBoard(settings)


def _told(text: str) -> str:
    """The partner's words, fit to be stored: bounded, on one line, without control characters."""
    return shown(line(text))


def _number(delivery: Delivery, context: Context) -> str:
    return context.memory.get("partner_code", delivery.dossier)


def _payload(delivery: Delivery, kind: type[_T]) -> _T:
    try:
        return canonical.decoder(kind).decode(delivery.payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise CannotEncode(
            f"delivery {delivery.operation} {delivery.key} of {delivery.dossier}: {fault}"
        ) from fault


def _complete(filled: object, scope: Scope, delivery: Delivery) -> object:
    if scope.problems:
        wrong = ", ".join(f"{each.pointer} {each.code}" for each in scope.problems)
        raise CannotEncode(f"dossier {delivery.dossier}: {wrong}; correct the record", scope.problems)
    return filled


def _found(delivery: Delivery, card: Mapping[str, object]) -> Outcome:
    shown_lines = card.get("lines")
    if delivery.operation == "card":
        there = card.get("PhienBan") == delivery.key.removeprefix("v")
    else:  # compared as it was written: the table puts an id on one line, in NFC
        there = isinstance(shown_lines, list) and line(delivery.key) in shown_lines
    return Accepted() if there else Deferred(code="absent", reason="the board does not show it")
