"""From a dossier with a declaration to what travels: bytes of attachments checked, one call id for one thing.

Invariant: a file travels with the size and the digest of the very bytes that are sent (rule R10), and the same thing
sent again bears the same id, by which the partner knows it (construction §4, NopHoSo).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence

from gateway.domain.declarations import ConstructionDeclaration, PlanningDeclaration
from gateway.domain.declarations.construction import Attachment
from gateway.domain.dossier import Dossier
from gateway.domain.errors import FILE, CannotEncode
from gateway.domain.violation import Violation
from mappings.construction.calls import Enclosed, Filing
from mappings.construction.rules import Limits
from mappings.construction.submission import Submission

_IDS = uuid.UUID(
    "6f1e4a5e-53a2-5d0b-9d8a-2f0e6a1c7b11"
)  # drawn once; another one would make every call a new one


def call_id(dossier: str, operation: str, key: str) -> str:
    """MaYeuCau of one thing: the same for ever, and another for everything else."""
    return str(uuid.uuid5(_IDS, f"{dossier}\x1f{operation}\x1f{key}"))


def filing(dossier: Dossier | Submission, files: Mapping[str, bytes], limits: Limits) -> Filing:
    """``dossier`` with its attachments, those of the rounds that it has been through among them. CannotEncode without a
    declaration of ours, when bytes are not there yet (they are named in ``missing``), or when they are not what the
    record says. The dossier is decoded as its own type, not as the look-alike of ``gateway.codec.trusted``."""
    declaration = dossier.declaration
    if not isinstance(declaration, ConstructionDeclaration | PlanningDeclaration):
        raise CannotEncode(
            f"encoding dossier {dossier.code}: it has no declaration for the ministry of construction"
        )
    papers = dossier.papers if isinstance(dossier, Submission) else declaration.attachments
    return Filing(
        code=dossier.code,
        procedure=dossier.procedure,
        received_at=dossier.received_at,
        due_at=dossier.due_at,
        return_method=dossier.return_method,
        declaration=declaration,
        enclosed=enclose(dossier.code, papers, files, limits),
        fees=tuple(dossier.fees),
    )


def outline(told: Submission) -> Filing:
    """The same without the bytes of files, to be judged by the schema before anything is fetched."""
    return Filing(
        code=told.code,
        procedure=told.procedure,
        received_at=told.received_at,
        due_at=told.due_at,
        return_method=told.return_method,
        declaration=told.declaration,
        enclosed=tuple(_enclosed(each, b"") for each in told.papers),
        fees=tuple(told.fees),
    )


def enclose(
    dossier: str, attachments: Sequence[Attachment], files: Mapping[str, bytes], limits: Limits
) -> tuple[Enclosed, ...]:
    """The attachments with their bytes; CannotEncode as in ``filing``."""
    absent = [each for each in attachments if each.file.sha256 not in files]
    if absent:
        raise CannotEncode(
            f"encoding dossier {dossier}: {len(absent)} of {len(attachments)} attachments have not been fetched yet",
            missing=[(FILE, _wanted(each, limits)) for each in absent],
        )
    violations = [
        violation
        for number, each in enumerate(attachments)
        for violation in _wrong(each, files[each.file.sha256 or ""], number, limits)
    ]
    together = sum(len(files[each.file.sha256 or ""]) for each in attachments)
    if together > limits.together:
        violations.append(
            _violation("/declaration/attachments", together, f"at most {limits.together} bytes")
        )
    if violations:
        raise CannotEncode(
            f"encoding dossier {dossier}: its attachments cannot be sent as they are", violations
        )
    return tuple(_enclosed(each, files[each.file.sha256 or ""]) for each in attachments)


def _wanted(attachment: Attachment, limits: Limits) -> dict[str, str]:
    file = attachment.file
    wanted = {"sha256": file.sha256 or "", "url": file.url, "most": str(limits.per_file)}
    return wanted if file.size is None else {**wanted, "size": str(file.size)}


def _wrong(attachment: Attachment, content: bytes, number: int, limits: Limits) -> list[Violation]:
    pointer = f"/declaration/attachments/{number}/file"
    found: list[Violation] = []
    if hashlib.sha256(content).hexdigest() != attachment.file.sha256:
        found.append(_violation(f"{pointer}/sha256", len(content), "the bytes of this digest"))
    if attachment.file.size not in (None, len(content)):
        found.append(_violation(f"{pointer}/size", len(content), f"{attachment.file.size} bytes"))
    if len(content) > limits.per_file:
        found.append(_violation(f"{pointer}/size", len(content), f"at most {limits.per_file} bytes"))
    return found


def _violation(pointer: str, size: int, expected: str) -> Violation:
    return Violation(
        pointer=pointer,
        code="R10",
        got=f"{size} bytes",
        expected=expected,
        advice="send a new version of the dossier that names the right file",
    )


def _enclosed(attachment: Attachment, content: bytes) -> Enclosed:
    return Enclosed(
        kind=attachment.kind,
        title=attachment.title,
        file_name=attachment.file_name,
        media_type=attachment.file.media_type or "",
        size=len(content),
        sha256=attachment.file.sha256 or "",
        content=content,
    )
