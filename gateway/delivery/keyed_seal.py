"""The seal of a destination whose adapter declares signing policies: keys from the keyring, profiles from the manifest.

An operation is found by its name among the manifest's operations and reads, with what stands behind a dot left out
(``progress.feed`` goes by ``progress``); one that is not declared is not signed. Invariant: a key that is missing or has
expired is for an operator; a token or an authority that does not answer is for later.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from gateway.delivery.sealing import Distrusted, NoSeal, Opened, Sealer, Trusted, Unsealed
from gateway.messagelog.entry import About, no_answer_entry, request_entry, response_entry
from gateway.port import Capacity, Manifest, WireRequest, WireResponse
from gateway.port.signing import UNSIGNED, SigningPolicy
from gateway.signing import seal
from gateway.signing.findings import CannotSign, Refused
from gateway.signing.keyring import Keyring
from gateway.wire.client import Answered, Exchange, HttpClient

if TYPE_CHECKING:
    from gateway.delivery.destination import Destination

log = structlog.get_logger(__name__)
TIMESTAMP = "timestamp"
_AUTHORITY = Capacity(concurrency=4, connect_timeout=5.0, read_timeout=15.0, max_response_bytes=256 * 1024)


def policies_of(manifest: Manifest) -> dict[str, SigningPolicy]:
    """Every policy that says anything, by the name of its operation or read."""
    declared = {each.name: each.signing for each in manifest.operations}
    declared |= {each.name: each.signing for each in manifest.reads}
    return {name: policy for name, policy in declared.items() if policy != UNSIGNED}


def seal_of(destination: Destination, keyring: Keyring) -> Sealer:
    """The seal that ``destination`` works with."""
    policies = policies_of(destination.adapter.manifest)
    return KeyedSeal(destination, keyring, policies) if policies else NoSeal()


class KeyedSeal:
    """Signs and verifies by ``policies``. ``authorities``: the client for time-stamping authorities, for tests."""

    def __init__(
        self,
        destination: Destination,
        keyring: Keyring,
        policies: dict[str, SigningPolicy],
        *,
        authorities: HttpClient | None = None,
    ) -> None:
        self._destination = destination
        self._keyring = keyring
        self._policies = policies
        self._authorities = authorities

    async def sign(self, operation: str, request: WireRequest, now: datetime) -> WireRequest | Unsealed:
        """``request`` as its policy wants it, stamped by an authority where it says so."""
        policy = self._policy(operation)
        if policy is None:
            return request
        try:
            signed = await self._signed(request, policy, now)
        except CannotSign as fault:
            return Unsealed(reason=fault.reason, passing=fault.passing)
        except Exception as fault:  # why: whatever cannot be signed must not leave, and harms one lane only
            log.exception("signing_failed", destination=self._destination.name, operation=operation)
            return Unsealed(reason=f"{type(fault).__name__} while signing")
        if not isinstance(signed, seal.TimestampWanted):
            return signed
        return await self._stamped(signed)

    def verify(self, operation: str, request: WireRequest, response: WireResponse, now: datetime) -> Opened:
        """The signed part of ``response``."""
        policy = self._policy(operation)
        if policy is None:
            return Trusted(response=response)
        try:
            found = seal.verify(response, policy, self._keyring, request=request, now=now)
        except Exception as fault:  # why: what could not be verified is not interpreted
            log.exception("verifying_failed", destination=self._destination.name, operation=operation)
            return Distrusted(reason=f"{type(fault).__name__} while verifying")
        if isinstance(found, Refused):
            return Distrusted(reason=f"{found.code}: {found.reason}")
        return Trusted(response=found.response, agreed=found.agreed)

    async def _signed(
        self, request: WireRequest, policy: SigningPolicy, now: datetime
    ) -> WireRequest | seal.TimestampWanted:
        if self._keyring.waits(policy.key):  # a token answers when it can; everybody else goes on meanwhile
            return await asyncio.to_thread(
                seal.sign, request, policy, self._keyring, now=now, random=secrets.token_bytes
            )
        return seal.sign(request, policy, self._keyring, now=now, random=secrets.token_bytes)

    def _policy(self, operation: str) -> SigningPolicy | None:
        return self._policies.get(operation) or self._policies.get(operation.partition(".")[0])

    async def _stamped(self, wanted: seal.TimestampWanted) -> WireRequest | Unsealed:
        """The request with the authority's token; one that does not give any is asked again later."""
        answer = await self._ask(wanted.question)
        if not isinstance(answer, Answered):
            return Unsealed(reason=f"no time stamp: {answer.code}: {answer.reason}", passing=True)
        try:
            return wanted.finish(answer.response)
        except CannotSign as fault:
            return Unsealed(reason=f"no time stamp: {fault.reason}", passing=True)

    async def _ask(self, question: WireRequest) -> Exchange:
        """Ask the authority, logged like every exchange. Its TLS is the system's, not the destination's."""
        if self._authorities is None:
            self._authorities = HttpClient(_AUTHORITY)
        destination = self._destination
        asked = self._about()
        await destination.append(request_entry(destination.scope, asked, question))
        result = await self._authorities.exchange(question)
        answered = self._about(request_id=asked.id)
        if isinstance(result, Answered):
            entry = response_entry(destination.scope, answered, result.response)
        else:
            entry = no_answer_entry(destination.scope, answered, f"{result.code}: {result.reason}")
        await destination.append(entry)
        return result

    async def close(self) -> None:
        """Close connections to authorities."""
        if self._authorities is not None:
            await self._authorities.close()

    def _about(self, request_id: int | None = None) -> About:
        hub = self._destination.hub
        return About(
            id=hub.database.identifiers.next(), at=hub.clock(), operation=TIMESTAMP, request_id=request_id
        )
