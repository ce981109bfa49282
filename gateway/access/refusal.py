"""When a partner's platform does not let a call in.

Invariant: a token that is refused is renewed once and the call repeated once, at once; refused again, it waits like any
other, so that a platform that refuses everything is not asked in a loop.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.access.settings import Access, TokenCall
from gateway.access.tokens import LAYER
from gateway.codec import http
from gateway.domain.outcome import PASSING_PREFIX, Deferred
from gateway.port import Context, WireResponse

RENEWED = f"{PASSING_PREFIX}access_renewed"
"""Name in a lane's memory: when a refused token was last renewed for it. The hub forgets it after an acceptance."""
_ONCE_WITHIN = timedelta(minutes=1)


def worn_out(access: Access, response: WireResponse) -> tuple[str, ...]:
    """Layers to renew after ``response``; for questions and reads, which the hub repeats once by itself."""
    refused = response.status == 401 and isinstance(access, TokenCall)
    return (LAYER,) if refused else ()


def turned_away(access: Access, response: WireResponse, context: Context) -> Deferred | None:
    """The outcome of a delivery that the platform in front did not let in; None when it did.

    judicial_records §3, item 6: 401 wrong credentials, 403 no right, 429 quota. The call never reached the partner.
    """
    match response.status:
        case 401:
            return _unauthorized(access, context)
        case 403:
            return Deferred(code="access_forbidden", reason="HTTP 403: no right on this service")
        case 429:
            pause = http.retry_after(response.headers, context.now)
            return Deferred(code="quota_exceeded", reason="HTTP 429: too many calls", retry_after=pause)
        case _:
            return None


def _unauthorized(access: Access, context: Context) -> Deferred:
    if not isinstance(access, TokenCall):
        return Deferred(code="access_refused", reason="HTTP 401: the credentials are not taken")
    again = _renewed_just_now(context)
    return Deferred(
        code="token_refused",
        reason="HTTP 401: the token is not taken" + (", nor is a new one" if again else ""),
        retry_after=None if again else 0.0,
        renew=(LAYER,),
        learned={RENEWED: context.now.isoformat()},
    )


def _renewed_just_now(context: Context) -> bool:
    try:
        before = datetime.fromisoformat(context.memory.get(RENEWED, ""))
        return abs(context.now - before) < _ONCE_WITHIN
    except (ValueError, TypeError):  # nothing remembered, or not by us
        return False
