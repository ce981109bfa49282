"""What a delivery is now, at the ministry: filed for the first time, the answer to its notice, or a question first.

From the payload and from what the lane remembers. Invariant: an answer to the notice leaves once, and never before the
applicant has answered; a change that nobody has asked for does not leave at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.codec import canonical
from gateway.domain.declarations import ConstructionDeclaration
from gateway.domain.declarations.construction import Attachment, PermitRequest
from gateway.domain.errors import CannotEncode
from mappings.construction.submission import Submission, content

FILED, ANSWERED, NOTICE, CLOSED = "filed", "answered", "notice", "closed"
SENT, REQUEST, ABOUT, NEXT, UNTOLD = "sent", "request", "about", "next", "untold"
SINCE, ENDED = "since", "ended"
"""Names in a lane's memory.

filed     digest of what the ministry has
answered  how many rounds of the dossier it has been told
notice    number of its open notice; closed: of the one that was answered
sent      beginnings of the digests of the files that it has
request   digest of what is asked for, as it has it
about     permit or planning
next      what is asked of it next; untold: its notice could not be had yet
since     when it says that it has asked for more; ended: that the dossier was decided
"""
PERMIT, QUESTION = "permit", "planning"
_BEGINNING = 12


class Turn(StrEnum):
    """file: it does not have it, or has just this. answer: it has asked for more, and here it is. ask: whether it has
    asked for more."""

    FILE = "file"
    ANSWER = "answer"
    ASK = "ask"


def turn(told: Submission, memory: Mapping[str, str]) -> Turn:
    """What a delivery with this payload is. CannotEncode for a change while the notice is still unanswered."""
    filed = memory.get(FILED, "")
    fresh = len(told.rounds) > count(memory)
    if not filed or (filed == content(told) and not fresh):
        return Turn.FILE
    if not memory.get(NOTICE):
        return Turn.ASK
    if not fresh:
        raise CannotEncode(
            f"encoding dossier {told.code}: the ministry waits for an answer to its notice {memory[NOTICE]}, which may "
            "be given once; send the change with the supplement that was received for it"
        )
    return Turn.ANSWER


def require_unchanged(told: Submission, memory: Mapping[str, str]) -> None:
    """Raise CannotEncode when another request is at the ministry: no operation of the contract changes one."""
    if memory.get(FILED, content(told)) != content(told):
        raise CannotEncode(
            f"encoding dossier {told.code}: the ministry has another request under this number, and a request cannot be "
            "changed; withdraw it and ask under a new number"
        )


def count(memory: Mapping[str, str]) -> int:
    """How many rounds the ministry has been told."""
    known = memory.get(ANSWERED, "")
    return int(known) if known.isascii() and known.isdecimal() and len(known) < 6 else 0


def explanation(told: Submission, memory: Mapping[str, str]) -> str:
    """GiaiTrinh: what the applicant has said in the rounds that are not told yet."""
    return "\n".join(each.explanation for each in told.rounds[count(memory) :] if each.explanation)


def unsent(told: Submission, memory: Mapping[str, str]) -> list[Attachment]:
    """The papers that the ministry does not have."""
    sent = set(memory.get(SENT, "").split())
    return [each for each in told.papers if (each.file.sha256 or "")[:_BEGINNING] not in sent]


def changed_request(told: Submission, memory: Mapping[str, str]) -> PermitRequest | None:
    """What is asked for, where it is not what the ministry has."""
    declaration = told.declaration
    if not isinstance(declaration, ConstructionDeclaration):
        return None
    return None if memory.get(REQUEST) == _digest(declaration) else declaration.request


def learnt(told: Submission) -> dict[str, str]:
    """What is remembered once the ministry has ``told``."""
    declaration = told.declaration
    permit = isinstance(declaration, ConstructionDeclaration)
    return {
        FILED: content(told),
        ANSWERED: str(len(told.rounds)),
        SENT: " ".join((each.file.sha256 or "")[:_BEGINNING] for each in told.papers),
        REQUEST: _digest(declaration) if isinstance(declaration, ConstructionDeclaration) else "",
        ABOUT: PERMIT if permit else QUESTION,
        NEXT: "",
    }


def closing(memory: Mapping[str, str]) -> dict[str, str]:
    """What is remembered besides once the notice was answered."""
    return {NOTICE: "", CLOSED: memory.get(NOTICE, ""), UNTOLD: ""}


def _digest(declaration: ConstructionDeclaration) -> str:
    return canonical.digest(declaration.request)[:32]
