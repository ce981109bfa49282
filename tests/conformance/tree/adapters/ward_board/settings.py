"""Settings of one ward board."""

from msgspec import Struct

from gateway.port import Secret


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One destination.

    base_url   address of the board's interface, without a slash at its end (ward_board §1)
    user       account of the province
    password   its password
    """

    base_url: str
    user: str
    password: Secret
