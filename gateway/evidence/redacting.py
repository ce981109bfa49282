"""Taking values out of what is exported, everywhere they stand, so that the rest still proves.

A named field is cut out where the log's commitments cut it. Where such a field, or a value that was cut out, stands in
what cannot be cut, the whole content of that entry goes, and its commitment stays. Invariant: no value of a redacted field
is in what leaves, in any of the usual spellings, if it has at least ``SHORTEST`` bytes.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from gateway.domain.errors import ConfigurationError
from gateway.messagelog.disguises import Forms, forms_of
from gateway.messagelog.personal import cutter
from gateway.proof.lienthong_verify import REMOVED, Content, Part, value_commitment

BODY, ATTACHMENTS, PERSONAL = "body", "attachments", "personal"
SHORTEST = 6
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/\\\r\n=]{1024}")
_FILES = re.compile(
    rb'"content-type", ?"(multipart/|image/|application/(octet-stream|pdf|zip|msword|vnd\.))', re.IGNORECASE
)


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be taken out: the values of ``fields``; ``personal``: of all fields that hold personal data; ``body``: every
    content; ``attachments``: every content that carries a file."""

    fields: frozenset[str] = frozenset()
    personal: bool = False
    body: bool = False
    attachments: bool = False

    @classmethod
    def of(cls, names: Iterable[str]) -> Redaction:
        """Out of what somebody has named: fields, and the words body, attachments and personal. ConfigurationError."""
        given = set(names)
        unfit = sorted(name for name in given if not _NAME.fullmatch(name))
        if unfit:
            raise ConfigurationError(
                f"redact: got {', '.join(unfit)[:200]}, expected names of fields, like full_name"
            )
        words = {BODY, ATTACHMENTS, PERSONAL}
        return cls(
            fields=frozenset(given - words),
            **{word: word in given for word in words},
        )

    @property
    def names(self) -> list[str]:
        """As they were given, in order."""
        words = (BODY, ATTACHMENTS, PERSONAL)
        return sorted((*self.fields, *(word for word in words if getattr(self, word))))

    def takes(self, label: str) -> bool:
        """Whether the value of a field goes."""
        return self.personal or label in self.fields

    def hidden(self, content: Content) -> list[str]:
        """The values in ``content`` that go, as plain texts."""
        if not (self.fields or self.personal or self.body):
            return []
        values = zip(content.cuts, content.values, strict=True)
        chosen = (value for cut, value in values if self.body or self.takes(cut.label))
        return [text for value in chosen if isinstance(value, Part) for text in _spellings(value.content)]


def carries_files(content: bytes) -> bool:
    """Whether a content (or a body) brings a file: a type that says so, long Base64, or bytes that are no text."""
    if _FILES.search(content[: 64 * 1024]) or _BASE64.search(content):
        return True
    try:
        content.decode()
    except UnicodeDecodeError:
        return True
    return False


def without(content: Content, going: Sequence[bool]) -> Content:
    """``content`` with the commitments of those of its values that are ``going``."""
    values = [
        value_commitment(value.salt, cut.label, value.content) if gone and isinstance(value, Part) else value
        for cut, value, gone in zip(content.cuts, content.values, going, strict=True)
    ]
    return Content(content.cuts, content.frame, values)


class Searcher:
    """Finds what must not leave: ``fields`` by their names, ``values`` in all their spellings. ``masked``: names of members
    that are cleared where the gateway tells a story. ``met``: those of ``fields`` that stood somewhere."""

    def __init__(self, fields: frozenset[str], values: Iterable[str], masked: Iterable[str] = ()) -> None:
        self.met: set[str] = set()
        self._masked = fields.union(masked)
        self._cutter = cutter(tuple(sorted(fields))) if fields else None
        self._values = sorted(
            {value for value in values if len(value.encode()) >= SHORTEST}, key=len, reverse=True
        )

    def reason(self, written: bytes, body: int) -> str | None:
        """Why ``written``, whose body begins at ``body`` and in which what was cut out has left no bytes, may not leave; None
        when it may."""
        if self._cutter is not None:
            for cut in self._cutter.cuts(written, body):
                self.met.add(cut.label)
                return f"field {cut.label} stands where it cannot be cut out"
        lowered = written.lower()
        if any(_is_in(lowered, _forms(value)) for value in self._values):
            return "a value that was taken out stands here, too"
        return None

    def cleared(self, value: Any, name: str = "") -> Any:
        """``value``, out of JSON, without them."""
        if name in self._masked and value is not None:
            self.met.add(name)
            return REMOVED.decode()
        match value:
            case str():
                for each in self._values:
                    value = value.replace(each, REMOVED.decode())
                return value
            case list():
                return [self.cleared(item) for item in value]
            case dict():
                return {key: self.cleared(item, key) for key, item in value.items()}
            case _:
                return value


def _spellings(value: bytes) -> Iterator[str]:
    """The text that ``value`` stands for in JSON, XML or a form."""
    text = value.decode(errors="replace")
    yield text
    yield html.unescape(text)
    yield unquote_plus(text)
    try:
        plain = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return
    yield str(plain)


@lru_cache(maxsize=4096)
def _forms(value: str) -> Forms:
    return forms_of(value)


def _is_in(lowered: bytes, forms: Forms) -> bool:
    spelled = (form for _, group in forms.signed for form in group)
    return any(form in lowered for form in (*forms.plain, *spelled, *forms.base64))
