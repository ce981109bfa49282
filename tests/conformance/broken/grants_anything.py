"""Takes any answer to the login for a session."""

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import Login, WardBoard
from gateway.port import Grant

BREAKS = "hostile-answers"
SAYS = ("Grant from an unreadable answer",)


class Easy(Login):
    def read(self, response):
        granted = super().read(response)
        return granted if isinstance(granted, Grant) else Grant(value="none", lifetime=60)


class Granting(WardBoard):
    def __init__(self, settings):
        super().__init__(settings)
        self.credentials = (Easy(settings),)


def build(settings):
    return Granting(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
