"""The dresses in which a name or a secret can stand in a body, and bodies read without them.

A secret's usual forms are listed once; free mixtures (some letters escaped, others not; one coat over another) are
found by reading the body decoded, with every byte remembering where it came from. Everything here is lower case, and
lowering keeps every byte in its place. Pure.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import msgspec

COATS = 3
_TOKEN = re.compile(
    rb"\\u00([2-7][0-9a-f])|\\x([2-7][0-9a-f])|%([2-7][0-9a-f])|&#x0*([2-7][0-9a-f]);"
    rb"|&#0*(3[2-9]|[4-9][0-9]|1[01][0-9]|12[0-6]);"
    rb"|(&(?:lt|gt|amp|quot|apos);|\\[\"'\\/nrt])"
)
_DECIMAL = 5
_SPELLED: dict[bytes, bytes] = {
    b"&lt;": b"<",
    b"&gt;": b">",
    b"&amp;": b"&",
    b"&quot;": b'"',
    b"&apos;": b"'",
    b'\\"': b'"',
    b"\\'": b"'",
    b"\\\\": b"\\",
    b"\\/": b"/",
    b"\\n": b"\n",
    b"\\r": b"\r",
    b"\\t": b"\t",
}
_LINE_BREAK = re.compile(rb"(?:\\+[rn]|[\r\n])+[ \t]*")
# An escape that stands for a letter, a digit, "_" or "-": nobody needs it, but it would hide a name from a search.
# Patterns that begin with fixed letters, since those are found fast.
_NEEDLESS = (
    (b"%", re.compile(rb"%(?:(?:25)*(?:2d|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])|5cu00)")),
    (b"&", re.compile(rb"&#")),
    (b"\\", re.compile(rb"\\u00(?:2d|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])")),
    (b"\\", re.compile(rb"\\x(?:2d|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])")),
)
_NET_ESCAPES = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "+&<>'`\""})


class View:
    """A text after decoding; ``origin`` says where one of its bytes stood before."""

    __slots__ = ("_base", "_decoded", "_parent", "_sources", "text")

    def __init__(self, text: bytes, *, base: int = 0) -> None:
        self.text = text
        self._base = base
        self._parent: View | None = None
        self._decoded: list[int] = []
        self._sources: list[int] = []

    def origin(self, position: int) -> int:
        """The place of ``position`` in the body itself."""
        if self._parent is None:
            return self._base + position
        place = bisect_right(self._decoded, position) - 1
        return self._parent.origin(self._sources[place] + position - self._decoded[place])

    def coats(self) -> Iterator[View]:
        """The text with one coat of encoding less, and so on, as long as there is one."""
        view = self
        for _ in range(COATS):
            inner = view.rewritten(_TOKEN, _plain)
            if inner is None:
                return
            yield inner
            view = inner

    def unbroken(self) -> View | None:
        """The text without line breaks, for base64 that was wrapped; None when there are none."""
        return self.rewritten(_LINE_BREAK, lambda _: b"")

    def rewritten(
        self, pattern: re.Pattern[bytes], replace: Callable[[re.Match[bytes]], bytes]
    ) -> View | None:
        """The text with every match replaced; None when there is none."""
        pieces: list[bytes] = []
        decoded, sources = [0], [0]
        length = end = 0
        for found in pattern.finditer(self.text):
            kept, plain = self.text[end : found.start()], replace(found)
            pieces += (kept, plain)
            decoded += (length + len(kept), length + len(kept) + len(plain))
            sources += found.span()
            length, end = decoded[-1], found.end()
        if not pieces:
            return None
        view = View(b"".join((*pieces, self.text[end:])))
        view._parent, view._decoded, view._sources = self, decoded, sources
        return view


def _plain(token: re.Match[bytes]) -> bytes:
    group = token.lastindex or 0
    value = token[group]
    if group > _DECIMAL:
        return _SPELLED[value]
    return bytes((int(value, 10 if group == _DECIMAL else 16),)).lower()


def needlessly_escaped(text: bytes) -> bool:
    """Whether ``text`` escapes what nobody needs to escape, so that names and secrets may hide in it."""
    return any(sign in text and pattern.search(text) for sign, pattern in _NEEDLESS)


class Forms(msgspec.Struct, frozen=True, kw_only=True):
    """How one secret can look. ``signed``: by a sign that the form has and the plain secret lacks.

    ``base64``: what base64 of any text around the secret must contain, one form per alignment (RFC 4648 §4, §5).
    """

    plain: tuple[bytes, ...]
    signed: tuple[tuple[bytes, tuple[bytes, ...]], ...]
    base64: tuple[bytes, ...]


def forms_of(secret: str) -> Forms:
    """The usual forms of ``secret``, in lower case."""
    raw = secret.encode("utf-8", "replace")
    ascii_json, deeper, deepest = _json_texts(secret)
    texts = {
        secret,
        *(secret.replace("/", "\\/"), secret.translate(_NET_ESCAPES), ascii_json.replace("/", "\\/")),
        *(
            deeper,
            deepest,
            ascii_json,
            ascii_json.replace("+", "\\u002b"),
            json.dumps(secret, ensure_ascii=False)[1:-1],
        ),
        *(quote(raw, safe=""), quote(raw), quote_plus(raw), quote(raw, safe="!*'()")),
        *(quote(quote(raw, safe="")), quote(quote(raw)), quote(quote_plus(raw))),
        *(escape(secret), escape(secret, {'"': "&quot;", "'": "&apos;"})),
        raw.hex(),
    }
    lowered = {text.encode("utf-8", "replace").lower() for text in texts}
    groups: dict[bytes, list[bytes]] = {}
    for form in sorted(lowered, key=lambda form: (-len(form), form)):
        groups.setdefault(_sign_of(form, raw.lower()), []).append(form)
    return Forms(
        plain=tuple(groups.pop(b"", ())),
        signed=tuple((sign, tuple(forms)) for sign, forms in sorted(groups.items())),
        base64=tuple(sorted(_base64_cores(raw))),
    )


def _json_texts(secret: str) -> list[str]:
    """The secret as it stands in JSON, in JSON inside JSON, and once more."""
    texts = [secret]
    for _ in range(COATS):
        texts.append(json.dumps(texts[-1])[1:-1])
    return texts[1:]


def _sign_of(form: bytes, raw: bytes) -> bytes:
    """A sign that the form has and the plain secret lacks; asking for it first saves asking for the form."""
    return next((sign for sign in (b"\\", b"%", b"&") if sign in form and sign not in raw), b"")


def _base64_cores(raw: bytes) -> set[bytes]:
    cores = set()
    for before in range(3):
        bits = 8 * (before + len(raw))
        packed = base64.b64encode(bytes(before) + raw)[-(-8 * before // 6) : bits // 6]
        cores |= {packed.lower(), packed.translate(bytes.maketrans(b"+/", b"-_")).lower()}
    return cores
