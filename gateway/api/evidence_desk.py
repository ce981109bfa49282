"""The desk that exports evidence, put together out of a gateway: keys, rules of time, names of the reports.

Invariant: the command line and the API export by the same parts, so that both say the same of a dossier.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from gateway.api.parts import Gateway
from gateway.domain.errors import NotFoundError
from gateway.evidence.anchoring import authority_of
from gateway.evidence.collecting import Explain, Told
from gateway.evidence.desk import Desk, Parts, Signers, own_signers
from gateway.evidence.words import Names
from gateway.reports.words import COLUMNS, STATUSES
from gateway.settings import Settings, keys_folder
from gateway.signing.evidence import evidence_keys, own_evidence_key
from gateway.signing.keyring import Authority, Keyring
from gateway.signing.keys import SigningKey
from gateway.statussync.explain import Asked, explain
from gateway.statussync.rules import Rules
from gateway.storage.checkpoints import Connection
from gateway.storage.instants import to_micros


def evidence_desk(gateway: Gateway) -> Desk:
    """The desk of ``gateway``."""
    settings = gateway.settings
    return Desk(
        Parts(
            database=gateway.database,
            settings=settings.evidence,
            clock=gateway.hub.clock,
            signers=signers(settings, lambda: gateway.keyring),
            authority=lambda: authority(settings),
            explain=partial(explained, gateway.deadlines.rules, gateway.deadlines.destinations),
            names=names_of_reports,
        )
    )


def signers(settings: Settings, keyring: Callable[[], Keyring]) -> Signers:
    """Who signs evidence. ``keyring`` is asked only where a key of it is configured."""
    folder, name = keys_folder(settings), settings.evidence.signing_key
    current: Callable[[datetime], SigningKey] | None = None
    if name is not None:
        current = partial(_configured, keyring, name)
    elif folder is not None:
        current = partial(own_evidence_key, folder)
    return own_signers(None if folder is None else partial(_ours, folder), current)


def _configured(keyring: Callable[[], Keyring], name: str, now: datetime) -> SigningKey:
    return keyring().key(name, now)


def _ours(folder: Path) -> list[SigningKey]:
    return evidence_keys(folder)


def authority(settings: Settings) -> Authority | None:
    """Who stamps signatures; None: nobody."""
    stamps = settings.evidence.timestamps
    return None if stamps is None else authority_of(stamps)


def explained(rules: Rules, destinations: Collection[str], dossier: str, now: datetime) -> Explain:
    """Why ``dossier`` stands where it stands, as JSON; None where nothing is known of its times."""
    asked = Asked(code=dossier, now=to_micros(now), destinations=destinations)

    def told(connection: Connection) -> Told | None:
        try:
            found: Told = msgspec.to_builtins(explain(connection, asked, rules))
        except NotFoundError:
            return None
        return found

    return told


def names_of_reports() -> Names:
    """The names that the report of the evidence shares with all others."""
    statuses = {status.value: words for status, words in STATUSES.items()}
    return Names(columns={str(column): words for column, words in COLUMNS.items()}, statuses=statuses)
