"""Taking secrets out of headers, addresses and bodies before anything is stored.

Two nets, one behind the other: by field name (``"session": "…"``, ``password=…``, ``<Password>…``, nested, escaped,
cut off) and by value (every credential that the gateway holds, in each form in which it can appear). Invariant: no
value of a manifest's ``secret_fields`` or ``secret_headers``, and no live credential, reaches the database; every
other byte stays as it is.

Not seen: what is compressed or encrypted, and a field's name inside base64 (a live credential is seen there, too).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator

from gateway.messagelog.disguises import View, forms_of, needlessly_escaped
from gateway.messagelog.places import Place, Text

REDACTED = "[redacted]"
_MARK = REDACTED.encode()
_SHORTEST_SECRET = 6
_SHORTEST_FRAGMENT = 5
_ALWAYS_HIDDEN = frozenset(
    {"authorization", "proxyauthorization", "cookie", "setcookie", "xapikey", "apikey", "xauthtoken"}
)
_USER_INFO = re.compile(rb"(?<=://)(?:([^/?#@\s:]*:)[^/?#@\s]*|[^/?#@\s:]+)(?=@)")
_UNICODE = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_COAT_BEFORE = re.compile(rb"(?:%[0-9a-f]{2}|\\u00[0-9a-f]{2}|&[a-z]{2,4};)[\w.\-]*:?\Z")
_COAT_AFTER = re.compile(rb"%[0-9a-f]{2}|\\u00[0-9a-f]{2}|&[a-z]{2,4};")
_BASE64 = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_BASE64_EDGE = 3
_WINDOW = (120, 2_000)
_MOST_NAMES = 20_000
_MOST_ESCAPES = 200_000


def redact_body(body: bytes, *, fields: tuple[str, ...], secrets: Iterable[str] = ()) -> bytes:
    """``body`` without the values of ``fields`` and without any of ``secrets``.

    A body made to tie the search up (tens of thousands of secret fields, escapes over escapes) is replaced whole.
    """
    net = _net(fields, tuple(secrets))
    if b"\0" in body[:4] or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _redact_wide(body, net)
    lowered = body.lower()
    return net.clear(body, lowered) if net.suspects(lowered) else body


def redact_text(text: str, *, secrets: Iterable[str]) -> str:
    """``text``, somebody's words for a person, without any of ``secrets``; what it says of fields stays."""
    plain = _bytes(text)
    cleared = redact_body(plain, fields=(), secrets=secrets)
    return text if cleared == plain else cleared.decode("utf-8", "replace")


def redact_url(url: str, *, fields: tuple[str, ...], secrets: Iterable[str] = ()) -> str:
    """``url`` without secret query values and without a password before the host."""
    plain = _bytes(url)
    if b"@" in plain:
        plain = _USER_INFO.sub(lambda found: (found[1] or b"") + _MARK, plain)
    return redact_body(plain, fields=fields, secrets=secrets).decode("utf-8", "replace")


def redact_headers(
    headers: Iterable[tuple[str, str]],
    *,
    names: Iterable[str],
    fields: tuple[str, ...] = (),
    secrets: Iterable[str] = (),
) -> list[list[str]]:
    """Header pairs with the values of ``names`` and ``fields`` (any case, ``-`` or ``_``) and any of ``secrets``
    replaced, wherever they stand in a value."""
    hidden, kept, pairs = _hidden(tuple(names), fields), tuple(secrets), list(headers)
    # one look at everything together: nearly always there is nothing in it
    together = "\n".join([text for pair in pairs for text in pair])
    if (
        together.isascii()
        and "\0" not in together
        and not _net(fields, kept).suspects(together.lower().encode())
    ):
        return [[key, REDACTED if _plain_name(key) in hidden else value] for key, value in pairs]
    listed = [(_bytes(key).decode(), _bytes(value)) for key, value in pairs]

    def stored(key: str, value: bytes) -> str:
        if _plain_name(key) in hidden:
            return REDACTED
        return redact_body(value, fields=fields, secrets=kept).decode("utf-8", "replace")

    return [[key, stored(key, value)] for key, value in listed]


@functools.lru_cache(maxsize=128)
def _hidden(names: tuple[str, ...], fields: tuple[str, ...]) -> frozenset[str]:
    return _ALWAYS_HIDDEN | {_plain_name(name) for name in (*names, *fields)}


@functools.lru_cache(maxsize=1024)
def _plain_name(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


@functools.lru_cache(maxsize=128)
def _net(fields: tuple[str, ...], secrets: tuple[str, ...]) -> _Net:
    return _Net(fields, secrets)


def _redact_wide(body: bytes, net: _Net) -> bytes:
    """A body in UTF-16 or UTF-32: read as UTF-8, cleared, and written back when something was found."""
    coding = next((name for mark, name in _UNICODE if body.startswith(mark)), None)
    if coding is None:
        coding = "utf-16-le" if body[1:2] == b"\0" else "utf-16-be"
    try:
        plain = body.decode(coding).encode()
    except UnicodeError:
        plain = body.replace(b"\0", b"")
        return body if net.clear(plain, plain.lower()) == plain else _MARK
    cleared = net.clear(plain, plain.lower())
    return body if cleared == plain else cleared.decode().encode(coding)


class _Net:
    """What must not be stored, ready to be looked for."""

    def __init__(self, fields: tuple[str, ...], secrets: tuple[str, ...]) -> None:
        long_enough = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
        forms = [forms_of(secret) for secret in long_enough]
        self._names = tuple(sorted({_bytes(name).lower() for name in fields if name}))
        self._raw = tuple(_bytes(secret).lower() for secret in long_enough)
        self._plain = tuple(form for each in forms for form in each.plain)
        self._signed = tuple(group for each in forms for group in each.signed)
        self._base64 = tuple(core for each in forms for core in each.base64)
        self._needles = (*_fragments(self._names), *self._plain, *self._base64)

    def suspects(self, lowered: bytes) -> bool:
        """Whether it is worth a closer look. This is all that most bodies ever cost."""
        for needle in self._needles:
            if needle in lowered:
                return True
        if not self._needles:
            return False
        for sign, forms in self._signed:
            if sign in lowered and any(form in lowered for form in forms):
                return True
        return needlessly_escaped(lowered) or self._wrapped(lowered)

    def _wrapped(self, lowered: bytes) -> bool:
        """Whether base64 that was broken into lines holds a secret."""
        if not self._base64:
            return False
        joined = lowered
        if lowered.find(b"\n", 0, -2) >= 0:
            joined = joined.translate(None, b"\r\n")
        if b"\\" in lowered and b"\\n" in lowered:
            joined = joined.replace(b"\\n", b"").replace(b"\\r", b"")
        return joined is not lowered and any(core in joined for core in self._base64)

    def clear(self, body: bytes, lowered: bytes) -> bytes:
        """``body`` without what the net holds."""
        names = sum(lowered.count(name) for name in self._names)
        if names > _MOST_NAMES:
            return _MARK
        found = list(self._secrets(lowered))
        found += self._in_base64(View(lowered))
        if self._wrapped(lowered) and (unbroken := View(lowered).unbroken()) is not None:
            found += self._in_base64(unbroken)
        hidden = self._fields(lowered, found)
        if needlessly_escaped(lowered) or len(hidden) > _MOST_NAMES // 100:
            if sum(map(lowered.count, (b"%", b"\\", b"&"))) > _MOST_ESCAPES:
                return _MARK
            found += self._under_coats(View(lowered))
        else:
            for position in hidden:
                found += self._window(lowered, position)
        return _replaced(body, found)

    def _secrets(self, lowered: bytes) -> Iterator[Place]:
        for form in self._plain:
            yield from (Place(at, at + len(form)) for at in _each(lowered, form))
        for sign, forms in self._signed:
            if sign in lowered:
                for form in forms:
                    yield from (Place(at, at + len(form)) for at in _each(lowered, form))

    def _in_base64(self, view: View) -> Iterator[Place]:
        """Secrets inside longer base64, with the letters at both ends that still hold some of their bits."""
        for core in self._base64:
            for at in _each(view.text, core):
                start, end = _widened(view.text, at, at + len(core))
                yield Place(view.origin(start), view.origin(end))

    def _fields(self, lowered: bytes, found: list[Place]) -> list[int]:
        """Add the values of fields to ``found``; the places of names that stand under a coat of encoding."""
        text = Text(lowered)
        hidden: list[int] = []
        for name in self._names:
            position = 0
            while (at := lowered.find(name, position)) >= 0:
                position = at + len(name)
                place, named = text.value_after(at, position)
                if place is not None:
                    found.append(place)
                    position = max(position, place.end)
                elif not named and _is_coated(lowered, at, position):
                    hidden.append(at)
        return hidden

    def _under_coats(self, whole: View) -> Iterator[Place]:
        for view in whole.coats():
            for secret in self._raw:
                for at in _each(view.text, secret):
                    yield Place(view.origin(at), view.origin(at + len(secret)))
            inner: list[Place] = []
            self._fields(view.text, inner)
            for place in inner:
                yield Place(view.origin(place.start), view.origin(place.end))

    def _window(self, lowered: bytes, position: int) -> list[Place]:
        """Values of coated fields near ``position``; the window grows until every one of them ends inside it."""
        before, after = _WINDOW
        start = max(0, position - before)
        while True:
            end = min(len(lowered), position + after)
            places = list(self._under_coats(View(lowered[start:end], base=start)))
            if end == len(lowered) or all(place.end < end for place in places):
                return places
            after *= 8


def _fragments(names: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Few texts of which every name contains one: each saves the search for a name."""
    found: list[bytes] = []
    for name in sorted(names, key=len):
        for place, known in enumerate(found):
            shared = _shared(known, name)
            if len(shared) >= min(_SHORTEST_FRAGMENT, len(known)):
                found[place] = shared
                break
        else:
            found.append(name)
    return tuple(found)


def _shared(one: bytes, other: bytes) -> bytes:
    """The longest text that both contain."""
    pieces = (
        one[start:end]
        for start in range(len(one))
        for end in range(start + 1, len(one) + 1)
        if one[start:end] in other
    )
    return max(pieces, key=len, default=b"")


def _each(text: bytes, wanted: bytes) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + len(wanted))


def _widened(text: bytes, start: int, end: int) -> tuple[int, int]:
    for _ in range(_BASE64_EDGE):
        start -= start > 0 and text[start - 1] in _BASE64
        end += end < len(text) and text[end] in _BASE64
    return start, end


def _is_coated(lowered: bytes, start: int, end: int) -> bool:
    if _COAT_AFTER.match(lowered, end):
        return True
    return _COAT_BEFORE.search(lowered[max(0, start - 60) : start]) is not None


def _replaced(body: bytes, places: list[Place]) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for place in sorted(places, key=lambda place: (place.start, -place.end)):
        if place.start >= position:
            pieces += (body[position : place.start], place.quote, _MARK, place.quote)
        position = max(position, place.end)
    return b"".join((*pieces, body[position:]))
