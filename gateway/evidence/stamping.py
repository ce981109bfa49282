"""Having the signature of an evidence bundle stamped (RFC 3161), which makes it XAdES-T.

What leaves is a digest and nothing of any dossier, so it is no traffic that the message log has to hold. Invariant: a token
is used only when it proves, under the pinned roots, that the authority saw this signature.
"""

from __future__ import annotations

from gateway.port import Capacity
from gateway.proof.lienthong_verify import Fault, verify_timestamp
from gateway.signing.findings import CannotSign
from gateway.signing.keyring import Authority
from gateway.signing.timestamp import question, token_of
from gateway.wire.client import Answered, HttpClient

_CAPACITY = Capacity(concurrency=1, connect_timeout=5.0, read_timeout=10.0, max_response_bytes=256 * 1024)


class Unstamped(CannotSign):
    """No authority has stamped the signature; the evidence is good without it, or can be exported again later."""


async def stamp(authority: Authority, data: bytes) -> bytes:
    """The token of ``authority`` for ``data``. Unstamped says why there is none; it ends by the limits of the exchange."""
    client = HttpClient(_CAPACITY)
    try:
        result = await client.exchange(question(authority.url, data))
        if not isinstance(result, Answered):
            raise Unstamped("no_timestamp", f"the time-stamping authority: {result.code}: {result.reason}")
        token = token_of(result.response)
        verify_timestamp(token, data, authority.roots)
    except (CannotSign, Fault) as fault:
        raise Unstamped("no_timestamp", str(fault)) from fault
    finally:
        await client.close()
    return token
