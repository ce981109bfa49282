"""Reports that cannot have their effect yet, written down and read again. Pure.

Invariant: what is read is what was written, but for texts that no column can hold; files are named by their SHA-256,
under which their bytes are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec

from gateway.port.progress import ProgressReport
from gateway.progress.merging import storable

_TEXTS = ("key", "title", "note", "actor", "unit")
_REPORTS = msgspec.json.Decoder(ProgressReport)


def parked(report: ProgressReport) -> bytes:
    """``report`` as it is kept, with digests in the place of contents."""
    files = tuple(
        msgspec.structs.replace(
            each,
            content=hashlib.sha256(each.content).digest(),
            **{
                name: storable(getattr(each, name))
                for name in ("name", "media_type", "code", "component_code")
            },
        )
        for each in report.files
    )
    asked = report.supplement
    if asked is not None:
        asked = msgspec.structs.replace(
            asked, reason=storable(asked.reason), requested_by=storable(asked.requested_by)
        )
    texts = {name: storable(getattr(report, name)) for name in _TEXTS}
    return msgspec.json.encode(msgspec.structs.replace(report, files=files, supplement=asked, **texts))


def digests(report: ProgressReport) -> list[bytes]:
    """Of the files of a report that was written down."""
    return [each.content for each in report.files]


def unparked(kept: bytes, at: datetime) -> ProgressReport:
    """A report that was written down, without the contents of its files; ``at``: when it happened."""
    report = _REPORTS.decode(kept)
    return msgspec.structs.replace(report, at=report.at or at)


def completed(report: ProgressReport, contents: Mapping[str, bytes]) -> ProgressReport:
    """``report`` with the contents of its files, by lower-case SHA-256. KeyError: one is not kept."""
    files = tuple(
        msgspec.structs.replace(each, content=contents[each.content.hex()]) for each in report.files
    )
    return msgspec.structs.replace(report, files=files)
