"""A setting that nobody explains, with a real host and a password by default."""

from msgspec import Struct

from adapters.ward_board import manifest
from adapters.ward_board.adapter import WardBoard
from adapters.ward_board.simulator import BoardSimulator
from gateway.port import Secret

BREAKS = "settings-documented"
SAYS = ("is explained nowhere", "hosts are settings", "a secret has a default")


class Settings(Struct, frozen=True, kw_only=True):
    """One destination. ``base_url``: the board's address. ``password``: its password."""

    base_url: str = "https://board.ward.test/api"
    user: str
    password: Secret = Secret("board")


def build(settings):
    return WardBoard(settings)


def simulate(settings):
    return BoardSimulator(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
