"""Who is a second person: money is moved by hand only where two people have looked (four eyes, payment_platform §13).

An actor is ``cli:an`` (the command line), ``one-door`` (an API client) or ``one-door/an`` (a person whom a client
names and answers for). Invariant: whoever could be the same person is.
"""

from __future__ import annotations


def same_person(one: str, other: str) -> str:
    """Why ``other`` may not approve what ``one`` asked for; empty when they are two people."""
    if _person(one) == _person(other):
        return f"it was made by {one}; somebody else must decide about it"
    if _client(one) and _client(one) == _client(other) and not (_named(one) and _named(other)):
        # one key with and without a name may be one pair of hands
        return (
            f"it was made by {one}, and {other} could be the same person; the client must name the operator both "
            "times, or another client must decide"
        )
    return ""


def _named(actor: str) -> bool:
    return "/" in actor


def _client(actor: str) -> str:
    return "" if actor.startswith("cli:") else actor.partition("/")[0].strip().casefold()


def _person(actor: str) -> str:
    return actor.removeprefix("cli:").rpartition("/")[2].strip().casefold()
