"""What the platform's answers mean: outcomes of INIT, of the question about it, and the two reads (payment_platform §5).

Invariants: an INIT is never sent again, so nothing here is ever Deferred; an answer is about the payment that was asked
about or about nothing; no single answer that knows nothing ends an attempt (§5.6, §11.4).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from adapters.payment_platform.settings import Settings
from gateway.codec.http import content_type
from gateway.domain.outcome import Accepted, Actor, InDoubt, Outcome, Rejected
from gateway.domain.payment_order import BillAnswer, PaymentAnswer
from gateway.domain.violation import shown
from gateway.mapping import Answer, Row
from gateway.port import CannotRead, Read, Reading, WireResponse
from mappings.payment_platform import checksum
from mappings.payment_platform.addresses import permitted, rewritten
from mappings.payment_platform.reading import Told, read
from mappings.payment_platform.responses import (
    INIT,
    INIT_BARE,
    INIT_FOREIGN,
    OTHER,
    QUERY_FAILED,
    QUERY_PAID,
    QUERY_PENDING,
    QUERY_STRANGE,
    RESPONSES,
    UNPROVED,
    WORD_LISTS,
    Verdict,
)

PDF = b"%PDF-"
_CLAIMS: Mapping[str, str] = {
    Verdict.PAID: "paid",
    Verdict.PENDING: "pending",
    Verdict.FAILED: "failed",
    Verdict.STRANGE: "unknown",
}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The payment that a request was about."""

    partner: str
    reference: str
    asked_at: str


class Answers:
    """Reads answers by one destination's settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._classifier = RESPONSES.bind({name: getattr(settings, name) for name in WORD_LISTS})

    # INIT

    def of_init(self, asked: Asked, response: WireResponse) -> Outcome:
        """Accepted with the payer's address as receipt, Rejected for a sure refusal, else InDoubt (§5.3, §11.4)."""
        told = read(response, self._settings.wrapper_codes)
        proof = self._proof(asked, told)
        row = self._row(response, told, self._init_call(asked, told, proof))
        learned = self._said(proof)
        match row.verdict:
            case Verdict.ACCEPTED:
                url = str(told.pay_url)
                return Accepted(receipt=url, learned={**learned, f"pay_url:{asked.reference}": url})
            case Verdict.REFUSED:
                reason = _reason(row, told)
                return Rejected(code=row.name, reason=reason, actor=Actor.OPERATOR, learned=learned)
            case _:
                return InDoubt(code=row.name, reason=_reason(row, told), learned=learned)

    def _init_call(self, asked: Asked, told: Told, proof: str) -> str:
        # §5.3: their presence is not proven
        if told.reference not in (None, "", asked.reference) or told.partner not in (None, "", asked.partner):
            return OTHER
        if not self._good(proof):
            return UNPROVED
        url = told.pay_url
        if not url:
            return INIT_BARE
        return (
            INIT
            if permitted(url, self._settings.payment_hosts, self._settings.plain_http_hosts)
            else INIT_FOREIGN
        )

    # The question about an INIT in doubt

    def of_doubt(
        self, asked: Asked, response: WireResponse, memory: Mapping[str, str], now: datetime
    ) -> Outcome:
        """Accepted when the platform has the attempt in any state that may become money, Rejected when it has failed or
        when the platform has said twice, far enough apart, that it does not know it; else InDoubt (§5.6, §11.4)."""
        row, told, proof = self._queried(asked, response)
        learned = self._said(proof)
        forget = {_absent(asked): ""} if memory.get(_absent(asked)) else {}
        match row.verdict:
            case Verdict.PAID | Verdict.PENDING | Verdict.STRANGE:
                url = memory.get(f"pay_url:{asked.reference}", "")
                return Accepted(receipt=url, learned={**learned, **forget})
            case Verdict.FAILED:
                reason = "the platform has it and calls it failed"
                return Rejected(
                    code="failed", reason=reason, actor=Actor.OPERATOR, learned={**learned, **forget}
                )
            case Verdict.ABSENT:
                return self._unknown(asked, _reason(row, told), memory, now)
            case _:
                return InDoubt(code=row.name, reason=_reason(row, told), ask_again=True, learned=learned)

    def _unknown(self, asked: Asked, reason: str, memory: Mapping[str, str], now: datetime) -> Outcome:
        first = _instant(memory.get(_absent(asked), ""))
        if first is not None and now - first >= timedelta(seconds=self._settings.absent_after_s):
            told = f"the platform said twice that it does not know the attempt; {reason}"
            return Rejected(
                code="init_unknown", reason=told, actor=Actor.OPERATOR, learned={_absent(asked): ""}
            )
        learned = {} if first is not None else {_absent(asked): now.isoformat()}
        return InDoubt(code="init_unknown", reason=reason, ask_again=True, learned=learned)

    # QUERY as a read

    def of_payment(self, asked: Asked, response: WireResponse) -> Reading:
        """What the platform knows of an attempt; CannotRead when it did not answer, which is no payment's result."""
        row, told, proof = self._queried(asked, response)
        claim = _CLAIMS.get(row.verdict)
        if claim is None:
            return CannotRead(code=row.name, reason=_reason(row, told))
        paid = told.amount
        if claim == "paid" and paid is None:
            return CannotRead(code="unreadable_amount", reason="paid, but the amount is no amount of đồng")
        answer = PaymentAnswer(
            claim=claim,  # type: ignore[arg-type]  # the values of _CLAIMS are those of the field
            partner=asked.partner,
            reference=asked.reference,
            amount=paid,
            currency=told.says("currency"),
            transaction=told.says("transaction"),
            bank=told.says("bank"),
            claimed_at=told.says("claimed_at"),
            code=told.code,
            state=told.state,
            proof=proof,
        )
        return Read(entries={"payment": msgspec.to_builtins(answer)})

    def _queried(self, asked: Asked, response: WireResponse) -> tuple[Row, Told, str]:
        told = read(response, self._settings.wrapper_codes)
        proof = self._proof(asked, told)
        return self._row(response, told, self._query_call(asked, told, proof)), told, proof

    def _query_call(self, asked: Asked, told: Told, proof: str) -> str:
        settings = self._settings
        if told.code not in settings.success_codes:
            return ""  # the question itself failed; such an answer carries nothing to check
        if (told.reference, told.partner) != (asked.reference, asked.partner):
            return OTHER
        if not self._good(proof):
            return UNPROVED
        for call, states in (
            (QUERY_PAID, settings.paid_states),
            (QUERY_PENDING, settings.pending_states),
            (QUERY_FAILED, settings.failed_states),
        ):
            if told.state in states:
                return call
        return QUERY_STRANGE

    # GET_BILL

    def of_bill(self, asked: Asked, response: WireResponse) -> Reading:
        """The receipt: a PDF, or an address on the list to fetch it from (§5.7); CannotRead while there is none."""
        if response.status != 200:
            return CannotRead(code="http_status", reason=f"HTTP {response.status}")
        if response.body.startswith(PDF):
            return self._file(response.body)
        told = read(response, self._settings.wrapper_codes)
        if wrong := self._not_this_bill(asked, told):
            return CannotRead(
                code=wrong, reason="the answer is about another payment, or its code does not hold"
            )
        if not told.receipt_url or told.code not in ("", *self._settings.success_codes):
            kind = content_type(response.headers) or "unknown"
            said = f"code {told.code or 'missing'} {told.text} ({shown(kind)})"
            return CannotRead(code="not_ready", reason=f"the receipt is not ready: {said}")
        return self._address(told.receipt_url)

    def _not_this_bill(self, asked: Asked, told: Told) -> str:
        if told.reference not in (None, "", asked.reference):
            return OTHER
        if told.code in self._settings.success_codes and not self._good(self._proof(asked, told)):
            return UNPROVED
        return ""

    def _address(self, written: str) -> Reading:
        url = rewritten(written, self._settings.url_rewrites)
        if not permitted(url, self._settings.receipt_hosts, self._settings.plain_http_hosts):
            return CannotRead(
                code="foreign_host", reason="the receipt's address leads to a host that is not listed"
            )
        return Read(entries={"bill": msgspec.to_builtins(BillAnswer(url=url))})

    def _file(self, body: bytes) -> Reading:
        if len(body) > self._settings.max_bill_bytes:
            reason = f"{len(body)} bytes, at most {self._settings.max_bill_bytes} are kept"
            return CannotRead(code="too_large", reason=reason)
        answer = BillAnswer(
            file=base64.b64encode(body).decode(), size=len(body), sha256=hashlib.sha256(body).hexdigest()
        )
        return Read(entries={"bill": msgspec.to_builtins(answer)})

    # All of them

    def _row(self, response: WireResponse, told: Told, call: str) -> Row:
        return self._classifier.classify(
            Answer(status=response.status, shape=told.shape, call=call, code=told.code, message=told.text)
        )

    def _proof(self, asked: Asked, told: Told) -> str:
        """What the answer's check code proves (§14 U2)."""
        partner = self._settings.partners.get(asked.partner)
        if self._settings.response_mac == "off" or partner is None:
            return "none"
        return checksum.answer_proof(told.signed(asked.asked_at), partner.secrets())

    def _good(self, proof: str) -> bool:
        return self._settings.response_mac != "enforce" or proof not in {"none", "wrong"}

    def _said(self, proof: str) -> dict[str, str]:
        return {"response_mac": proof} if self._settings.response_mac == "log" and proof != "none" else {}


def _absent(asked: Asked) -> str:
    return f"absent:{asked.reference}"


def _instant(written: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _reason(row: Row, told: Told) -> str:
    said = ": ".join(part for part in (told.code, told.text) if part)
    return f"{row.name}: {said}" if said else row.name
