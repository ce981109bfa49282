"""Reports an inbound call that it could not read."""

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.port import Refusal, Report

BREAKS = "hostile-answers"
SAYS = ("Report from an unreadable answer",)


class Talkative(WardBoard):
    def read_callback(self, request, context):
        told = super().read_callback(request, context)
        if not isinstance(told, Refusal):
            return told
        return Report(key="?", kind="?", dossier_code="?", data=b"{}", first=told.answer, again=told.answer)


def build(settings):
    return Talkative(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
