"""Who is a second person: money is moved by hand only where two people have looked (four eyes, payment_platform §13).

An actor is ``cli:an`` (the command line), ``one-door`` (an API client) or ``one-door/an`` (a person whom a client
names and answers for). Invariant: whoever could be the same person is, however the name is spelt: accents, case, dots,
blanks, and a mail domain that only one of the two names has make nobody a second person.
"""

from __future__ import annotations

import unicodedata


def same_person(one: str, other: str) -> str:
    """Why ``other`` may not approve what ``one`` asked for; empty when they are two people."""
    if _is_one_name(_name(one), _name(other)):
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


def _name(actor: str) -> str:
    return actor.removeprefix("cli:").strip().rstrip("/").rpartition("/")[2]


def _is_one_name(one: str, other: str) -> bool:
    mine, _, domain = one.partition("@")
    theirs, _, other_domain = other.partition("@")
    if domain and other_domain and _spelt(domain) != _spelt(other_domain):
        return False
    return _spelt(mine) == _spelt(theirs)


def _spelt(name: str) -> str:
    """Letters and digits without accents and case; a name of nothing else stays as it is."""
    plain = unicodedata.normalize("NFKD", name.casefold()).replace("đ", "d")
    return "".join(each for each in plain if each.isalnum()) or name.casefold()
