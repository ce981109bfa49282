"""Files that an encoding asks for: kept by their SHA-256, else fetched from where the record says that they are.

Invariants: what is lent to an adapter under a digest has that digest; a file that cannot be had now makes the delivery
wait and says why, one that is not what the record says is refused, because waiting would not change it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec
import structlog

from gateway.codec.http import content_type
from gateway.domain.errors import CannotEncode
from gateway.domain.outcome import Actor, Deferred, Rejected
from gateway.mapping.hosts import is_inside, permitted
from gateway.settings import FileSettings
from gateway.storage.database import Database
from gateway.storage.files import KeptFile, keep_files, read_files
from gateway.storage.instants import to_micros
from gateway.wire.fetching import Errand, Fetcher, Missed

log = structlog.get_logger(__name__)
OPERATION = "file"
ROUNDS = 4  # encodings of one turn, each of which may find something more that it needs
FEW_BYTES = 64 * 1024  # by what the record says; what takes longer to read is read beside the loop
_SHA256 = re.compile(r"[0-9a-f]{64}")
# what another try would not change, without a change of the record or the settings
_TOO_LARGE = frozenset({"answer_too_large"})

Parameters = Mapping[str, str]
Files = Mapping[str, bytes]
Lend = Callable[[str, str, Sequence[Parameters]], Awaitable["Files | Deferred | Rejected"]]
"""(destination, dossier, parameters of what is missing) to the bytes by digest, or what becomes of the delivery."""


async def lend_nothing(destination: str, dossier: str, missing: Sequence[Parameters]) -> Deferred:
    """Nobody keeps files here: what is missing stays missing, and the delivery waits."""
    del destination, dossier
    return Deferred(
        code="file_unavailable", reason=f"{len(missing)} files are needed and nobody fetches them"
    )


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One file, as an encoding asks for it."""

    sha256: str
    url: str
    size: int | None
    most: int | None


class FileKeeper:
    """Lends files. ``fetcher`` is for tests."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        settings: FileSettings,
        *,
        fetcher: Fetcher | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._fetcher = fetcher or Fetcher(database, clock)

    async def lend(
        self, destination: str, dossier: str, missing: Sequence[Parameters]
    ) -> Files | Deferred | Rejected:
        """The bytes of every file in ``missing`` by its digest, or what becomes of the delivery without them."""
        try:
            wanted = [_wanted(each) for each in missing]
        except CannotEncode as fault:
            return Rejected(code="cannot_encode", reason=str(fault), actor=Actor.PROVINCE)
        found = await self._kept(wanted)
        for each in wanted:
            refusal = self._unacceptable(each, found.get(each.sha256))
            if refusal is not None:
                return refusal
            if each.sha256 in found:
                continue
            fetched = await self._fetch(destination, dossier, each)
            if isinstance(fetched, Deferred | Rejected):
                return fetched
            found[each.sha256] = fetched
        return found

    async def _kept(self, wanted: Sequence[_Wanted]) -> dict[str, bytes]:
        """What of ``wanted`` is kept already."""
        question = partial(read_files, digests=[bytes.fromhex(each.sha256) for each in wanted])
        sizes = [each.size for each in wanted if each.size is not None]
        few = len(sizes) == len(wanted) and sum(sizes) <= FEW_BYTES
        return await (self._database.glance(question) if few else self._database.read(question))

    async def _fetch(self, destination: str, dossier: str, wanted: _Wanted) -> bytes | Deferred | Rejected:
        errand = Errand(
            channel=destination,
            operation=OPERATION,
            dossier=dossier,
            rules=_Rules(self._settings, self._limit(wanted)),
        )
        answer = await self._fetcher.fetch(errand, wanted.url)
        if isinstance(answer, Missed):
            if answer.code in _TOO_LARGE:
                return _too_large(wanted, f"more than {self._limit(wanted)} bytes")
            log.warning("file_is_unavailable", destination=destination, dossier=dossier, code=answer.code)
            return Deferred(
                code="file_unavailable", reason=f"file {wanted.sha256[:12]}: {answer.code}: {answer.reason}"
            )
        refusal = _differs(wanted, answer.body)
        if refusal is not None:
            return refusal
        kept = KeptFile(
            content=answer.body,
            media_type=content_type(answer.headers)[:100] or "application/octet-stream",
            origin="fetched",
            at=to_micros(self._clock()),
        )
        await self._database.apply(keep_files, kept)
        return answer.body

    def _unacceptable(self, wanted: _Wanted, body: bytes | None) -> Rejected | None:
        """Why the file is not even fetched: what the record itself says of its size."""
        size = wanted.size if body is None else len(body)
        if size is not None and size > self._limit(wanted):
            return _too_large(wanted, f"{size} bytes")
        return None if body is None else _differs(wanted, body)

    def _limit(self, wanted: _Wanted) -> int:
        most = self._settings.max_bytes
        return most if wanted.most is None else min(most, wanted.most)


class _Rules:
    """The settings as rules about fetching."""

    def __init__(self, settings: FileSettings, limit: int) -> None:
        self._settings = settings
        self.limit = limit

    def permits(self, url: str) -> bool:
        return permitted(url, self._settings.hosts, self._settings.plain_http_hosts)

    def is_inside(self, host: str) -> bool:
        return is_inside(
            host, self._settings.hosts, (*self._settings.inside, *self._settings.plain_http_hosts)
        )


def _wanted(parameters: Parameters) -> _Wanted:
    sha256, url = parameters.get("sha256", "").lower(), parameters.get("url", "")
    if not _SHA256.fullmatch(sha256) or not url:
        raise CannotEncode("a file is needed that the record gives no digest or no address of; give both")
    return _Wanted(
        sha256=sha256, url=url, size=_number(parameters.get("size")), most=_number(parameters.get("most"))
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


def _differs(wanted: _Wanted, body: bytes) -> Rejected | None:
    """What was fetched is not what the record says: another file, or it has been changed since."""
    if wanted.size is not None and len(body) != wanted.size:
        return Rejected(
            code="file_size_differs",
            reason=f"file {wanted.sha256[:12]}: got {len(body)} bytes, the record says {wanted.size}",
            actor=Actor.PROVINCE,
        )
    digest = hashlib.sha256(body).hexdigest()
    if digest != wanted.sha256:
        return Rejected(
            code="file_digest_differs",
            reason=f"file {wanted.sha256[:12]}: what is at its address has the digest {digest[:12]}",
            actor=Actor.PROVINCE,
        )
    return None


def _too_large(wanted: _Wanted, got: str) -> Rejected:
    return Rejected(
        code="file_too_large",
        reason=f"file {wanted.sha256[:12]}: {got}, more than the partner or the gateway takes; replace it",
        actor=Actor.PROVINCE,
    )
