"""Renews its session in the background."""

import threading

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard

BREAKS = "pure-behaviour"
SAYS = ("starts a thread",)


class Busy(WardBoard):
    def encode(self, deliveries, context):
        threading.Thread(target=lambda: None).start()
        return super().encode(deliveries, context)


def build(settings):
    return Busy(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
