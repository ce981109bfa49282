"""Puts the dossier's number and the applicant's name into address and header as they are."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.dossier import Dossier

BREAKS = "well-formed-requests"
SAYS = ("not an absolute http(s) address in ASCII", "cannot be sent")


class Raw(WardBoard):
    def encode(self, deliveries, context):
        request = super().encode(deliveries, context)
        if deliveries[0].operation != "card":
            return request
        name = msgspec.json.decode(deliveries[0].payload, type=Dossier).applicant.name
        headers = (*request.headers, ("x-applicant", name))
        return msgspec.structs.replace(request, url=f"{request.url}?name={name}", headers=headers)


def build(settings):
    return Raw(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
