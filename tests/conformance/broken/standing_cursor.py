"""Reads the same page of the feed for ever."""

import msgspec

from adapters.ward_board import Settings, manifest
from gateway.port import FeedPage
from tests.conformance.asked import AskedBoard, simulate

BREAKS = "feed-rule"
SAYS = ("has more, but the cursor does not move",)


class Standing(AskedBoard):
    def interpret_feed(self, cursor, response, context):
        page = super().interpret_feed(cursor, response, context)
        return msgspec.structs.replace(page, cursor=cursor) if isinstance(page, FeedPage) else page


def build(settings):
    return Standing(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
