"""Text and answers that break careless code: what a citizen can type, what a partner has ever answered.

Invariant: everything is fixed or derived from fixed bytes, so two runs try exactly the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Any, TypeAlias
from unicodedata import normalize

import msgspec

Path: TypeAlias = tuple[str | int, ...]

MEGABYTE = 1024 * 1024
HUGE = 16 * MEGABYTE

TEXTS: tuple[tuple[str, str], ...] = (
    ("empty", ""),
    ("spaces", "   \t  "),
    ("nfd", "Nguyễn Thị Phương"),
    ("right-to-left marks", "Mẫu \u202e\u200f\u2067 gốc \u2069"),
    ("nul", "a\x00b"),
    ("lone surrogate", "a\ud800b"),
    ("template", "${session} {session} %(session)s %s {0} {{7*7}}"),
    ("quotes", '\'"`\\"; DROP TABLE dossier; --'),
    ("markup", "]]></x><!-- & &amp; &lt;x/> <![CDATA["),
    ("emoji", "👩‍👩‍👧‍👦🏳️‍🌈 𠮷"),
    ("control characters", "".join(map(chr, range(1, 32))) + "\x7f\x85"),
    ("line ends", "a\r\nX-Injected: 1\r\n\r\nb\u2028c\u2029d"),
    ("not characters", "\ufffe\uffff\ufdd0\ufeff"),
    ("url pieces", "a/../b?c=d&e=f#g%00%2e;h"),
    ("number", "1e999"),
    ("a megabyte", "ấ" * (MEGABYTE // 3)),
)

STATUSES: tuple[int, ...] = (
    *(100, 101, 102, 103, 150, 199, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 250, 299),
    *(
        300,
        301,
        302,
        303,
        304,
        305,
        307,
        308,
        350,
        399,
        400,
        401,
        402,
        403,
        404,
        405,
        406,
        407,
        408,
        409,
        410,
    ),
    *(411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 444, 451, 499),
    *(500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 522, 524, 527, 550, 598, 599),
)

_HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>"
_FAULT = (
    b'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/'
    b'envelope/"><soapenv:Body><soapenv:Fault><faultcode>Server</faultcode><faultstring>fault</faultstring>'
    b"</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
)
_ENTITIES = b"".join(
    b'<!ENTITY e%d "%s">' % (level, (b"&e%d;" % (level - 1)) * 10 if level else b"ha") for level in range(12)
)
_BOMB = b'<?xml version="1.0"?><!DOCTYPE x [' + _ENTITIES + b"]><x>&e11;</x>"
_FILE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><x>&f;</x>'


class Meaning(StrEnum):
    """What a reader may make of an answer.

    unreadable  nobody can tell what it says, so nothing was learnt from it
    foreign     readable, but not the contract's success answer
    twisted     the success answer with one value replaced: whether that matters is the contract's business
    genuine     the success answer itself, perhaps among spaces
    """

    UNREADABLE = "unreadable"
    FOREIGN = "foreign"
    TWISTED = "twisted"
    GENUINE = "genuine"


EVERYWHERE = frozenset(
    {
        "empty",
        "html page",
        "soap fault",
        "noise 1",
        "deep list",
        "[]",
        "{}",
        "null",
        "0",
        "cut at 5/10",
        "in utf-16",
    }
)
"""Names of the answers that are tried at every single status."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A body that a partner might send."""

    name: str
    body: bytes
    meaning: Meaning = Meaning.UNREADABLE


@cache
def garbage() -> tuple[Answer, ...]:
    """Bodies that have nothing to do with any contract."""
    unreadable = {
        "empty": b"",
        "whitespace": b" \r\n\t ",
        "html page": _HTML,
        "html fragment": b"<p>OK</p>",
        "soap fault": _FAULT,
        "xml bomb": _BOMB,
        "xml with a file entity": _FILE,
        "plain text": b"OK",
        "lone bom": b"\xef\xbb\xbf",
        "utf-16 text": "OK thành công".encode("utf-16"),
        "latin-1 text": "Ð Õ é".encode("latin-1"),
        "nul bytes": b"\x00" * 64,
        "open brace": b"{",
        "open string": b'{"a": "b',
        "deep list": b"[" * 100_000,
        "deep closed list": b"[" * 100_000 + b"]" * 100_000,
        "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "deep xml": b"<a>" * 100_000 + b"</a>" * 100_000,
        "not a number": b'{"a": NaN}',
        "surrogate escape": b'{"a": "\\ud800"}',
        **{f"noise {number}": _noise(number) for number in range(6)},
    }
    shapes = (b"[]", b"{}", b"null", b"0", b"1", b"-1", b"true", b"false", b'""', b'"OK"', b"[[]]", b"[{}]")
    more = (b"[null]", b'{"": ""}', b'{"a": {"b": [1, 2.5e300, null]}}', b"1" * 5000, b'{"result": []}')
    return (
        *(Answer(name=name, body=body) for name, body in unreadable.items()),
        *(Answer(name=body[:24].decode(), body=body, meaning=Meaning.FOREIGN) for body in (*shapes, *more)),
    )


@cache
def huge() -> tuple[Answer, ...]:
    """Bodies at the size limit of a response."""
    return (
        Answer(name="16 MB of spaces", body=b" " * HUGE),
        Answer(name="16 MB of text", body=b'"' + b"A" * HUGE + b'"'),
        Answer(name="16 MB of list", body=b"[" + b"0," * (HUGE // 2) + b"0]"),
    )


def wrecked(success: bytes) -> tuple[Answer, ...]:
    """A real success answer that something on the way has damaged."""
    text = success.decode("utf-8", errors="replace")
    pieces = [
        *(Answer(name=f"cut at {n}/10", body=success[: len(success) * n // 10]) for n in range(10)),
        Answer(name="last byte missing", body=success.rstrip()[:-1]),
        Answer(name="inside html", body=b"<html><body>" + success + b"</body></html>"),
        Answer(name="in utf-16", body=text.encode("utf-16")),
        Answer(name="in utf-16 without bom", body=text.encode("utf-16-le")),
        Answer(name="in windows-1258", body=_windows(text)),
        Answer(name="twice", body=success + success),
        Answer(name="followed by html", body=success + _HTML),
        Answer(name="in a list", body=b"[" + success + b"]", meaning=Meaning.FOREIGN),
        Answer(name="in an object", body=b'{"answer": ' + success + b"}", meaning=Meaning.FOREIGN),
        Answer(name="as a string", body=msgspec.json.encode(text), meaning=Meaning.FOREIGN),
        Answer(name="after a bom", body=b"\xef\xbb\xbf" + success, meaning=Meaning.GENUINE),
        Answer(name="among spaces", body=b"\r\n " + success + b" \r\n", meaning=Meaning.GENUINE),
    ]
    return tuple(piece for piece in pieces if piece.body != success)


def _windows(text: str) -> bytes:
    """``text`` in the Vietnamese Windows charset; empty, which is a wreck too, where that is UTF-8 as well."""
    body = normalize("NFD", text).encode("cp1258", errors="replace")
    return b"" if body.isascii() else body


WRONG: tuple[tuple[str, Any], ...] = (
    ("missing", None),
    ("null", None),
    ("-1", -1),
    ('"-1"', "-1"),
    ("false", False),
    ('"E99"', "E99"),
    ("empty text", ""),
    ("a list", []),
    ("a list in a list", [[{}]]),
    ("an object", {}),
    ("a huge number", 10**400),
    ("a fraction", -0.5),
    ("a long text", "x" * 100_000),
    ("nul in text", "a\x00b"),
)


def twisted(success: bytes) -> Iterator[tuple[str, Answer]]:
    """Success answers with one value replaced, each with the path of that value; nothing for plain text."""
    try:
        tree = msgspec.json.decode(success)
    except (msgspec.DecodeError, UnicodeDecodeError):
        yield from _twisted_xml(success)
        return
    for path in telling(tree):
        where = "/".join(map(str, path))
        for name, value in WRONG:
            twisted_tree = _replaced(tree, path, name == "missing", value)
            body = _json(twisted_tree)
            if body != _json(tree):
                yield where, Answer(name=f"{where} is {name}", body=body, meaning=Meaning.TWISTED)


def strings(tree: object) -> list[Path]:
    """The paths of the strings in ``tree``; of alike ones in a list, the first and the last."""
    return [path for path in telling(tree) if isinstance(at(tree, path), str)]


def telling(tree: object) -> list[Path]:
    """The paths of the values in ``tree``; of alike ones in a list, the first and the last."""
    alike: dict[Path, list[Path]] = {}
    for path in _leaves(tree, ()):
        shape = tuple("*" if isinstance(step, int) else step for step in path)
        alike.setdefault(shape, []).append(path)
    return [path for paths in alike.values() for path in dict.fromkeys((paths[0], paths[-1]))]


def at(tree: Any, path: Path) -> Any:
    """The value at ``path``."""
    for key in path:
        tree = tree[key]
    return tree


def put(tree: Any, path: Path, value: object) -> Any:
    """A copy of ``tree`` with ``value`` at ``path``."""
    return _replaced(tree, path, missing=False, value=value)


def _leaves(tree: object, path: Path) -> Iterator[Path]:
    match tree:
        case dict():
            for key, value in tree.items():
                yield from _leaves(value, (*path, key))
        case list():
            for index, value in enumerate(tree):
                yield from _leaves(value, (*path, index))
        case _:
            yield path


def _replaced(tree: Any, path: Path, missing: bool, value: object) -> Any:  # noqa: FBT001
    if not path:
        return value
    head, *rest = path
    copy: Any = dict(tree) if isinstance(tree, dict) else list(tree)
    if not rest and missing:
        del copy[head]
    else:
        copy[head] = _replaced(copy[head], tuple(rest), missing, value)
    return copy


def _json(tree: object) -> bytes:
    # Not msgspec: it cannot write the numbers that only a hostile partner sends.
    return json.dumps(tree, ensure_ascii=False).encode("utf-8", errors="surrogatepass")


_XML_TEXT = re.compile(rb">([^<>]+)<")


def _twisted_xml(success: bytes) -> Iterator[tuple[str, Answer]]:
    for match in _XML_TEXT.finditer(success):
        where = f"text at byte {match.start(1)}"
        for value in (b"", b"-1", b"E99", b"false", b"x" * 100_000):
            body = success[: match.start(1)] + value + success[match.end(1) :]
            if body != success:
                yield (
                    where,
                    Answer(
                        name=f"{where} is {value[:8].decode() or 'empty'}", body=body, meaning=Meaning.TWISTED
                    ),
                )


def _noise(number: int) -> bytes:
    blocks = (sha256(b"%d.%d" % (number, block)).digest() for block in range(number + 1))
    return b"".join(blocks)
