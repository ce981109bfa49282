"""Counts pages instead of taking the partner's cursor, and never finds the end."""

import msgspec

from adapters.ward_board import Settings, manifest
from gateway.port import CannotRead, FeedChange, FeedPage, ProgressReport
from tests.conformance.asked import AskedBoard, simulate

BREAKS = "feed-rule"
SAYS = (
    "has no end after 50 pages",
    "the simulator's acknowledgement is not understood",
    "gives two different reports one key",
    "lists a change without a dossier",
    "an expired credential gives CannotRead without renew",
)


class Restless(AskedBoard):
    def interpret_feed(self, cursor, response, context):
        page = super().interpret_feed(cursor, response, context)
        if not isinstance(page, FeedPage):
            return msgspec.structs.replace(page, renew=())
        number = int(cursor or "0") + 1
        report = ProgressReport(key="page", kind="ward_board.page", note=str(number))
        changes = (FeedChange(dossier="", reports=(report,)),)
        return FeedPage(changes=changes, cursor=str(number), more=True)

    def interpret_acknowledgement(self, page, response, context):
        return CannotRead(code="shape", reason="nothing is good enough")


def build(settings):
    return Restless(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
