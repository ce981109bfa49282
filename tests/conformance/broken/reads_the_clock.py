"""Takes the time from the machine and opens the door to sockets; the bytes depend on neither."""

import socket
from datetime import UTC, datetime

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard

BREAKS = "pure-source"
SAYS = ("imports socket", "calls now()")


class Clockwise(WardBoard):
    def wants(self, dossier):
        return datetime.now(UTC).year > 2000 and socket.AF_INET is not None


def build(settings):
    return Clockwise(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
