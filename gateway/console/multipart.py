"""Reading a form with a file (multipart/form-data, RFC 7578), whole and bounded.

Invariant: as strict as other forms: a part without a name, a header that is not known, a boundary that does not end, or a
second file is refused; nothing of a file is believed but its bytes, and its name is a label, never a path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.api.problem import Refused

FORM_DATA = "multipart/form-data"
MOST_PARTS = 50
_BOUNDARY = re.compile(
    r"""boundary=(?:"([0-9A-Za-z'()+_,./:=? -]{1,70})"|([0-9A-Za-z'()+_,./:=?-]{1,70}))\s*$"""
)
_DISPOSITION = re.compile(
    r'form-data; ?name="([^"\r\n]{1,100})"(?:; ?filename="([^"\r\n]{0,400})")?$', re.IGNORECASE
)
_HEADERS = frozenset({"content-disposition", "content-type"})
_WRITTEN = {
    "%22": '"',
    "%0D": "\r",
    "%0A": "\n",
}  # how browsers write these in a name (WHATWG HTML §4.10.21.8)
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f/\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """The file of a form. ``name``: as the browser calls it, without folders; ``field``: of the form."""

    field: str
    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A form: its fields in their order, and its file, if one was chosen."""

    pairs: list[tuple[str, str]]
    upload: Upload | None


def read_parts(content_type: str, body: bytes) -> Sent:
    """The form in ``body``; Refused when it is none."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise Refused("unreadable", "the form names no boundary between its fields")
    delimiter = b"--" + (found[1] or found[2]).encode()
    first, *parts = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if first or not parts or parts[-1] not in {b"--", b"--\r\n"}:
        raise Refused("unreadable", "the form does not end where it should; send it again")
    if len(parts) > MOST_PARTS:
        raise Refused("unreadable", f"at most {MOST_PARTS - 1} fields are read")
    pairs: list[tuple[str, str]] = []
    upload: Upload | None = None
    for part in parts[:-1]:
        name, filename, content = _part(part)
        if filename is None:
            pairs.append((name, _text(content)))
        elif upload is not None:
            raise Refused("unreadable", "one file at a time is read")
        elif filename or content:
            upload = Upload(field=name, name=_label(filename), content=content)
    return Sent(pairs=pairs, upload=upload)


def _part(part: bytes) -> tuple[str, str | None, bytes]:
    """Name, file name (None: an ordinary field) and content."""
    head, blank, content = part.partition(b"\r\n\r\n")
    if not blank or not head.startswith(b"\r\n"):
        raise Refused("unreadable", "a field of the form has no end to its headers")
    headers = {}
    for line in _text(head[2:]).split("\r\n"):
        name, colon, value = line.partition(":")
        key = name.strip().lower()
        if not colon or key not in _HEADERS or key in headers:
            raise Refused("unreadable", "a field of the form has a header that is not read")
        headers[key] = value.strip()
    found = _DISPOSITION.match(headers.get("content-disposition", ""))
    if found is None:
        raise Refused("unreadable", "a field of the form has no name")
    return found[1], found[2], content


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as fault:
        raise Refused("unreadable", "a field of the form is not in UTF-8") from fault


def _label(filename: str) -> str:
    for written, meant in _WRITTEN.items():
        filename = filename.replace(written, meant)
    return _NOT_IN_NAMES.sub("_", filename.replace("\\", "/").rpartition("/")[2]).strip()[:200]
