"""Sends the session in a field that the manifest does not call secret, and shows the password in its repr."""

import msgspec

from adapters.ward_board import Settings, simulate
from adapters.ward_board import manifest as whole
from adapters.ward_board.adapter import WardBoard

BREAKS = "secrets-canary"
SAYS = ("would be stored in clear", "adapter: shows password")

manifest = msgspec.structs.replace(whole, secret_fields=("password",))


class Leaky(WardBoard):
    manifest = manifest

    def __init__(self, settings):
        super().__init__(settings)
        self._password = settings.password.reveal()

    def __repr__(self):
        return f"Leaky(password={self._password!r})"


def build(settings):
    return Leaky(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
