"""Reading an OAuth2 token answer (national_portal §2.3; RFC 6749 §5.1)."""

from __future__ import annotations

import math

from gateway.codec import Json

LONGEST_LIFETIME = 86400.0


def granted(content: Json, default_lifetime: float) -> tuple[str, float]:
    """Token and lifetime in seconds; an empty token when there is none. Numbers may come as text."""
    if not isinstance(content, dict):
        return "", default_lifetime
    token = content.get("access_token")
    return token.strip() if isinstance(token, str) else "", _lifetime(
        content.get("expires_in"), default_lifetime
    )


def _lifetime(value: Json, default: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return default
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return default
    return min(seconds, LONGEST_LIFETIME) if math.isfinite(seconds) and seconds > 0 else default
