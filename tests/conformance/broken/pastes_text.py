"""Writes JSON by pasting text between quotes; the first name with a quotation mark breaks it."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.dossier import Dossier

BREAKS = "hostile-text"
SAYS = ("the body is not JSON",)


class Pasting(WardBoard):
    def encode(self, deliveries, context):
        request = super().encode(deliveries, context)
        if deliveries[0].operation != "card":
            return request
        summary = msgspec.json.decode(deliveries[0].payload, type=Dossier).summary
        body = request.body.removesuffix(b"}") + f',"summary":"{summary}"}}'.encode()
        return msgspec.structs.replace(request, body=body)


def build(settings):
    return Pasting(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
