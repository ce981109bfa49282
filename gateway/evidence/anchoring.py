"""Having a checkpoint stamped by a time-stamping authority (RFC 3161), over the wire and in the message log.

Invariant: a token is kept only when it proves, under the pinned roots, that the authority saw this very checkpoint, and
saw it about when we asked; whatever else comes back is a reason, never a stamp.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec

from gateway.domain.errors import StorageUnavailable
from gateway.messagelog.entry import About, Scope, no_answer_entry, request_entry, response_entry
from gateway.port import Capacity, WireRequest
from gateway.proof.lienthong_verify import Fault, Trust, read_checkpoint, read_key, read_note, verify_anchor
from gateway.settings_evidence import EvidenceSettings, TimestampSettings
from gateway.signing.findings import CannotSign
from gateway.signing.keyring import Authority, AuthoritySettings, SigningSettings
from gateway.signing.keyring import load as load_keyring
from gateway.signing.timestamp import question, token_of
from gateway.storage.checkpoints import CHANNEL, CheckpointRow
from gateway.storage.database import Database
from gateway.storage.rows import MessageRow, insert_messages
from gateway.wire.client import Answered, Exchange, HttpClient

OPERATION = "timestamp"
NAME = "evidence"
SKEW = timedelta(minutes=5)
_CAPACITY = Capacity(concurrency=1, connect_timeout=5.0, read_timeout=10.0, max_response_bytes=256 * 1024)
_SCOPE = Scope(channel=CHANNEL)


class Stamped(msgspec.Struct, frozen=True, kw_only=True):
    """A token that holds, and when the authority saw the checkpoint by its own clock."""

    token: bytes
    at: datetime


def authority_of(settings: TimestampSettings) -> Authority:
    """The authority with its roots. ConfigurationError when they cannot be read."""
    named = AuthoritySettings(url=settings.url, roots=settings.roots)
    return load_keyring(SigningSettings(authorities={NAME: named})).authority(NAME)


class Anchor:
    """Asks ``authority``. ``client`` is for tests."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        authority: Authority,
        *,
        client: HttpClient | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._authority = authority
        self._client = client

    async def stamp(self, checkpoint: CheckpointRow) -> Stamped | str:
        """A token for ``checkpoint``, or why there is none. Never raises; ends by the limits of the exchange."""
        note = read_note(checkpoint.note.encode())
        try:
            result = await self._ask(question(self._authority.url, note.text.encode()))
        except StorageUnavailable as fault:
            return f"the question could not be logged: {fault}"
        if not isinstance(result, Answered):
            return f"the time-stamping authority: {result.code}: {result.reason}"
        try:
            token = token_of(result.response)
            stamp = verify_anchor(read_checkpoint(note.text), token, self._authority.roots)
        except CannotSign as fault:
            return fault.reason
        except Fault as fault:
            return f"the time-stamping authority's token was refused: {fault}"
        ahead = stamp.at - stamp.accuracy - self._clock()
        if ahead > SKEW:
            return f"the time-stamping authority's clock is {ahead.total_seconds():.0f} s ahead of ours, or ours is behind"
        return Stamped(token=token, at=stamp.at)

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()

    async def _ask(self, request: WireRequest) -> Exchange:
        if self._client is None:
            self._client = HttpClient(_CAPACITY)
        asked = self._about()
        await self._append(request_entry(_SCOPE, asked, request))
        result = await self._client.exchange(request)
        answered = msgspec.structs.replace(self._about(), request_id=asked.id)
        if isinstance(result, Answered):
            await self._append(response_entry(_SCOPE, answered, result.response))
        else:
            await self._append(no_answer_entry(_SCOPE, answered, f"{result.code}: {result.reason}"))
        return result

    async def _append(self, row: MessageRow) -> None:
        await self._database.write(partial(insert_messages, rows=[row]))

    def _about(self) -> About:
        return About(id=self._database.identifiers.next(), at=self._clock(), operation=OPERATION)


def configured_trust(settings: EvidenceSettings) -> Trust:
    """What is pinned by the configuration itself: the roots of the authority that stamps checkpoints, and the witnesses."""
    stamps = settings.timestamps
    return Trust(
        witnesses=tuple(map(read_key, settings.witnesses)),
        witnesses_needed=settings.witnesses_needed,
        authorities=() if stamps is None else tuple(authority_of(stamps).roots),
    )
