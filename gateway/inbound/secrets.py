"""The secrets that sign for endpoints: made, sealed for the database, opened to sign, replaced with an overlap.

Invariant: a secret leaves this module towards a person once, when it is made, and otherwise only into a signature.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from gateway.port import Secret
from gateway.signing.envelope import Envelope
from gateway.storage.instants import to_micros
from gateway.storage.webhooks import Resealed, WebhookRow

SECRET_BYTES = 32  # Standard Webhooks: between 24 and 64
SETTING = "webhooks.keys"


class Fresh(msgspec.Struct, frozen=True, kw_only=True):
    """A new secret: as it is ``shown`` once, and as it is ``stored``."""

    shown: str
    stored: str


class EndpointSecrets:
    """Secrets of endpoints under ``keys``. ConfigurationError: a key is too short to be one."""

    def __init__(self, keys: Sequence[Secret], clock: Callable[[], datetime]) -> None:
        self._envelope = Envelope(keys, setting=SETTING)
        self._clock = clock

    def fresh(self, endpoint: str) -> Fresh:
        """A new secret for ``endpoint``."""
        shown = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        return Fresh(shown=shown, stored=self._envelope.seal(shown, name=endpoint))

    def signing(self, row: WebhookRow) -> list[str]:
        """Those that sign for the endpoint now, the newest first. ConfigurationError: one cannot be opened."""
        return [self._envelope.open(stored, name=row.id) for stored in self._live(row)]

    def resealed(self, rows: Sequence[WebhookRow]) -> list[Resealed]:
        """What is not sealed as it should be by now, sealed so. ConfigurationError: one cannot be opened."""
        return [
            Resealed(
                id=row.id,
                before=row.secret,
                secret=self._again(row.secret, row.id),
                former_secret=None if row.former_secret is None else self._again(row.former_secret, row.id),
            )
            for row in rows
            if not all(map(self._envelope.is_current, filter(None, (row.secret, row.former_secret))))
        ]

    def _again(self, stored: str, endpoint: str) -> str:
        return self._envelope.seal(self._envelope.open(stored, name=endpoint), name=endpoint)

    def _live(self, row: WebhookRow) -> list[str]:
        if row.former_secret is None or (row.former_until or 0) <= to_micros(self._clock()):
            return [row.secret]
        return [row.secret, row.former_secret]
