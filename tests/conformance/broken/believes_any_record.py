"""Takes whatever it is shown for the dossier's card, and stumbles over what is no card."""

import json

from adapters.ward_board import Settings, manifest, simulate
from gateway.port import NoRecord
from tests.conformance.remembering import RememberingBoard

BREAKS = "hostile-answers"
SAYS = (
    "record: raised",
    "record: PartnerRecord at a status that is no success",
    "record (none): NoRecord from an answer of another shape",
)


class Credulous(RememberingBoard):
    def interpret_record(self, dossier, response, context):
        cards = json.loads(response.body).get("cards", [])
        return self.shown(cards[0], cards[0]["lines"]) if cards else NoRecord()


def build(settings):
    return Credulous(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
