"""The reference adapter, of a board that can be asked for everything it shows of a dossier (ward_board §5)."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import LinePayload, WardBoard, _number, _payload, _told
from gateway.domain.dossier import Dossier
from gateway.domain.status import Status
from gateway.mapping import parse_date14
from gateway.mapping.formats import line
from gateway.port import CannotRead, Expected, NoRecord, PartnerRecord, RecordStep
from mappings.ward_board import CODES, read_answer

STATES = {row.wire: Status(row.code) for row in CODES["states"].rows}


class RememberingBoard(WardBoard):
    shows_records = True

    def interpret_query(self, deliveries, response, context):
        """By what a delivery says, because a repair says it under another key."""
        again = [msgspec.structs.replace(each, key=_key(each)) for each in deliveries]
        return super().interpret_query(again, response, context)

    def encode_record(self, dossier, context):
        number = context.memory.get("partner_code", dossier)
        return self._call("look_up", {"number": number}, context)

    def interpret_record(self, dossier, response, context):
        answer, fields = read_answer(response)
        cards = fields.get("cards")
        if self._meaning.classify(answer).verdict != "accepted" or not isinstance(cards, list):
            renew = ("session",) if answer.code == "session" else ()
            return CannotRead(
                code=_told(answer.code) or answer.shape, reason=_told(answer.message), renew=renew
            )
        number = context.memory.get("partner_code", dossier)
        card = next((each for each in cards if isinstance(each, dict) and each.get("SoHoSo") == number), None)
        if card is not None:
            return self.shown(card, card.get("lines"))
        return CannotRead(code="another", reason="another card") if cards else NoRecord()

    def expected_record(self, deliveries, context):
        cards = [each for each in deliveries if each.operation == "card"]
        lines = [each for each in deliveries if each.operation == "line"]
        steps = {_key(each): each.id for each in lines}
        if not cards:
            return Expected(record=PartnerRecord(), steps=steps, order=tuple(steps.values()), whole=False)
        card = self._card(cards[-1], _number(cards[-1], context))
        return Expected(
            record=self.shown(card, list(steps)),
            snapshots=(cards[-1].id,),
            steps=steps,
            order=(cards[-1].id, *steps.values()),
        )

    def shown(self, card, lines):
        names = [str(each) for each in lines] if isinstance(lines, list) else []
        return PartnerRecord(
            status=STATES.get(str(card.get("TinhTrang"))),
            due_at=parse_date14(str(card.get("HenTra") or "")),
            steps=tuple(RecordStep(key=name) for name in names),
            fields={"/procedure/name": str(card.get("ThuTuc"))},
        )


def _key(delivery):
    if delivery.operation == "card":
        return f"v{_payload(delivery, Dossier).version}"
    return line(_payload(delivery, LinePayload).step.id)


def build(settings):
    return RememberingBoard(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
