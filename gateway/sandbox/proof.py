"""Who judges signatures for a stand-in of the sandbox, and signs its answers: by the policies of the very configuration.

Our own verifiers do it here, with the certificates of our own keys pinned, as a partner would pin them; that strangers
verify what we sign is proved by the tests. Invariant: a message that its policy wants signed and that is not is refused
with the claim that failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gateway.port import Manifest
from gateway.port.signing import UNSIGNED, Profile, SigningPolicy
from gateway.port.simulator import Judged
from gateway.signing import wsse, xades
from gateway.signing.expectation import Expectation
from gateway.signing.findings import CannotSign, Refused, Verified
from gateway.signing.keyring import Keyring

_JUDGED = frozenset({Profile.WSSE_X509, Profile.XADES})


class KeyedProof:
    """``policies``: by the contract's own names of calls; ``rest``: of every other call."""

    def __init__(self, keyring: Keyring, policies: Mapping[str, SigningPolicy], rest: SigningPolicy) -> None:
        self._keyring = keyring
        self._policies = policies
        self._rest = rest

    def judge(self, body: bytes, *, operation: str, now: datetime) -> Judged:
        """By our own key of the policy's name. Passwords and signatures of HTTP are not judged here."""
        policy = self._policies.get(operation, self._rest)
        if policy.profile not in _JUDGED:
            return Judged()
        try:
            if policy.where_present and not xades.is_there(body, element=policy.element):
                return Judged()
            found = self._verified(body, policy, now)
        except CannotSign as fault:
            return Judged(refusal=fault.reason)
        if isinstance(found, Refused):
            return Judged(refusal=f"{found.code}: {found.reason}")
        return Judged(signer=found.signer)

    def seal(self, body: bytes, *, operation: str, now: datetime) -> bytes:
        """Signed with the key that goes by the pinned partner's name, where the keyring has one."""
        answers = self._policies.get(operation, self._rest).answers
        if answers.profile is not Profile.WSSE_X509:
            return body
        try:
            return wsse.sign(body, self._keyring.key(answers.trusted, now), now=now)
        except CannotSign:
            return body  # the caller finds out that nobody has signed it

    def _verified(self, body: bytes, policy: SigningPolicy, now: datetime) -> Verified | Refused:
        pinned = self._keyring.key(policy.key, now).certificate
        expected = Expectation(trusted=(pinned,), now=now, lifetime=policy.lifetime)
        if policy.profile is Profile.XADES:
            return xades.verify(body, expected, element=policy.element)
        return wsse.verify(body, expected)


def proof_for(manifest: Manifest, keyring: Keyring) -> KeyedProof | None:
    """The proof that calls of this destination need; None where none is signed."""
    policies = {call: each.signing for each in manifest.operations for call in each.calls}
    rest = next((each.signing for each in manifest.reads if each.name == "progress"), UNSIGNED)
    if all(each == UNSIGNED for each in (*policies.values(), rest)):
        return None
    return KeyedProof(keyring, policies, rest)
