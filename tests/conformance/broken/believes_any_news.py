"""Takes whatever it is told for news, whatever it is listed for a page, and whatever comes for thanks."""

import json

from adapters.ward_board import Settings, manifest
from gateway.port import FeedChange, FeedPage, Progress
from tests.conformance.asked import AskedBoard, simulate

BREAKS = "hostile-answers"
SAYS = (
    "progress: raised",
    "progress: Progress at a status that is no success",
    "progress: Progress from an answer of another shape",
    "feed: raised",
    "feed: FeedPage at a status that is no success",
    "feed (acknowledgement): NoneType from an unreadable answer",
)


class Credulous(AskedBoard):
    def interpret_progress(self, dossier, response, context):
        cards = json.loads(response.body).get("cards", [{}])
        return Progress(reports=tuple(map(self.report, cards[0].get("lines", []) if cards else [])))

    def interpret_feed(self, cursor, response, context):
        told = json.loads(response.body)
        return FeedPage(
            changes=tuple(FeedChange(dossier=each) for each in told["rows"]), cursor=told["upto"], more=False
        )

    def interpret_acknowledgement(self, page, response, context):
        return None


def build(settings):
    return Credulous(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
