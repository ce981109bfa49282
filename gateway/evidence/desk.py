"""Exporting evidence while the gateway runs: one dossier at a time, in a thread, checked before anybody gets it.

Invariants: contents leave only after it was logged who exports them and why; what leaves verifies under the keys that are
pinned here; a dossier that would not fit into memory is refused beforehand.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import msgspec

from gateway.domain.errors import ConfigurationError, ConflictError
from gateway.evidence.checks import Checked, told
from gateway.evidence.collecting import Explain, NotYetProven
from gateway.evidence.exporting import Asked, Exporter, checked, keys_file
from gateway.evidence.redacting import Redaction
from gateway.evidence.shelf import KEPT, NamelessFile, Shelf
from gateway.evidence.stamping import Unstamped, stamp
from gateway.evidence.words import Names
from gateway.messagelog.acts import AccessNote, note_access
from gateway.proof.lienthong_verify import TOKEN_FILE, Report, read_trust, verify_bundle
from gateway.settings_evidence import EvidenceSettings
from gateway.signing.containers import Sealed
from gateway.signing.keyring import Authority
from gateway.signing.keys import SigningKey, fingerprint
from gateway.storage.database import Database
from gateway.storage.queries_evidence import extent_of

VERB = "export_evidence"
STEP_SECONDS = 0.5


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is exported while the gateway runs: at most so many entries and bytes of a dossier, at most so many seconds
    after its newest entry."""

    entries: int = 20_000
    bytes: int = 128 * 1024 * 1024
    wait: float = 30.0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants the evidence of which dossier, why, and what is to be taken out of it."""

    dossier: str
    actor: str
    reason: str
    redaction: Redaction = Redaction()


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that waits on the shelf as ``id`` until ``kept_until``, and what checking it has found. ``stamped``: its
    checkpoint has a time stamp; ``signature_stamped``: its signature has. ``signed_with``: SHA-256 of the certificate."""

    id: str
    dossier: str
    file: str
    bytes: int
    sha256: str
    made_at: datetime
    kept_until: datetime
    redacted: list[str]
    stamped: bool
    signature_stamped: bool
    signed_with: str
    checked: Checked


class Signers(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs evidence. ``current``: now; ``all``: everybody whose certificate is pinned. ConfigurationError."""

    current: Callable[[datetime], SigningKey]
    all: Callable[[datetime], Sequence[SigningKey]]


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk works with. ``explain``: what the rules of time say of a dossier, as of when."""

    database: Database
    settings: EvidenceSettings
    clock: Callable[[], datetime]
    signers: Signers
    authority: Callable[[], Authority | None]
    explain: Callable[[str, datetime], Explain]
    names: Callable[[], Names]


class Desk:
    """Exports for one process."""

    def __init__(self, parts: Parts, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._parts = parts
        self.limits = limits
        self._one = asyncio.Semaphore(1)
        self._shelf = Shelf()

    async def export(self, order: Order) -> Exported:
        """Make, check and keep the evidence of a dossier. NotFoundError, ConflictError: too much of it, no such field, or
        no checkpoint covers it yet; EvidenceUnsound; StorageUnavailable."""
        await self._require_room(order.dossier)
        sealed, key, now = await self._sealed(order)
        authority = self._parts.authority()
        container, signature_stamped = await _stamped(sealed, authority)
        stamped = TOKEN_FILE in sealed.files
        async with self._one:
            report = await asyncio.to_thread(self._checked, container, key, authority if stamped else None)
        await self._parts.database.write(partial(note_access, verb=VERB, note=_note(order, now)))
        name, digest = f"{order.dossier}.asice", await asyncio.to_thread(hashlib.sha256, container)
        file = await asyncio.to_thread(NamelessFile, container)
        return Exported(
            id=self._shelf.put(file, name, owner=order.actor, now=self._parts.clock()),
            dossier=order.dossier,
            file=name,
            bytes=len(container),
            sha256=digest.hexdigest(),
            made_at=now,
            kept_until=self._parts.clock() + KEPT,
            redacted=order.redaction.names,
            stamped=stamped,
            signature_stamped=signature_stamped,
            signed_with=fingerprint(key.certificate),
            checked=told(report),
        )

    async def fetch(self, word: str, owner: str) -> tuple[str, bytes]:
        """Name and bytes of what ``owner`` has exported. NotFoundError."""
        kept = self._shelf.get(word, owner=owner, now=self._parts.clock())
        return kept.name, await asyncio.to_thread(kept.file.read)

    async def verify(self, container: bytes) -> Checked:
        """What checking somebody's bundle under our own keys finds."""
        async with self._one:
            return told(await asyncio.to_thread(self._judged, container))

    async def keys(self) -> bytes:
        """The file of keys to be pinned."""
        return await asyncio.to_thread(self._pinned, self._parts.clock(), self._parts.authority())

    async def _require_room(self, dossier: str) -> None:
        entries, size = await self._parts.database.read(partial(extent_of, code=dossier))
        most = self.limits
        if entries > most.entries or size > most.bytes:
            raise ConflictError(
                f"dossier {dossier} has {entries} entries of {size} bytes, at most {most.entries} of {most.bytes} are "
                "exported while the gateway runs; run lienthong evidence export on its machine"
            )

    async def _sealed(self, order: Order) -> tuple[Sealed, SigningKey, datetime]:
        """The evidence, once a checkpoint covers all of it: the newest entry may be a moment old."""
        waited, longest = 0.0, min(self.limits.wait, 2 * self._parts.settings.every + 2 * STEP_SECONDS)
        while True:
            now = self._parts.clock()
            try:
                async with self._one:
                    return (*await asyncio.to_thread(self._made, order, now), now)
            except NotYetProven:
                if waited >= longest:
                    raise
            await asyncio.sleep(STEP_SECONDS)
            waited += STEP_SECONDS

    def _made(self, order: Order, now: datetime) -> tuple[Sealed, SigningKey]:
        parts = self._parts
        key = parts.signers.current(now)
        exporter = Exporter(
            database=parts.database, key=key, explain=parts.explain(order.dossier, now), names=parts.names()
        )
        asked = Asked(dossier=order.dossier, as_of=now, redaction=order.redaction)
        return exporter.export(asked, now), key

    def _checked(self, container: bytes, key: SigningKey, authority: Authority | None) -> Report:
        parts = self._parts
        authorities = [] if authority is None else [authority]
        return checked(container, keys_file(parts.database, parts.settings, [key], authorities))

    def _pinned(self, now: datetime, authority: Authority | None) -> bytes:
        parts = self._parts
        authorities = [] if authority is None else [authority]
        return keys_file(parts.database, parts.settings, parts.signers.all(now), authorities)

    def _judged(self, container: bytes) -> Report:
        trust = read_trust(self._pinned(self._parts.clock(), self._parts.authority()))
        return verify_bundle(container, trust)


def own_signers(
    folder_keys: Callable[[], Sequence[SigningKey]] | None,
    current: Callable[[datetime], SigningKey] | None,
) -> Signers:
    """``current`` signs where it is configured, else our own newest key; all of ``folder_keys`` stay pinned."""

    def now(at: datetime) -> SigningKey:
        if current is None:
            raise ConfigurationError(
                "evidence.keys: name a folder for the keys, or a key of signing.keys: evidence.signing_key"
            )
        return current(at)

    def every(at: datetime) -> list[SigningKey]:
        first = now(at)
        before = [] if folder_keys is None else folder_keys()
        return [first, *(key for key in before if key.certificate != first.certificate)]

    return Signers(current=now, all=every)


def _note(order: Order, now: datetime) -> AccessNote:
    # not an entry of the dossier's own: its evidence would have to wait for a checkpoint after every export
    return AccessNote(
        actor=order.actor,
        reason=order.reason,
        now=now,
        dossier=None,
        detail={"dossier": order.dossier, "redacted": order.redaction.names},
    )


async def _stamped(sealed: Sealed, authority: Authority | None) -> tuple[bytes, bool]:
    """The container, as XAdES-T where an authority answers, and whether one did."""
    if authority is None:
        return await asyncio.to_thread(sealed.container), False
    try:
        token = await stamp(authority, sealed.stamped_over)
    except Unstamped:
        return await asyncio.to_thread(sealed.container), False
    return await asyncio.to_thread(sealed.container, token), True
