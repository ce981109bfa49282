"""What the ministry is told of a dossier, as it is kept until it has left: the payload of a delivery.

Invariant: nothing is in it that may change without being told again, so that two versions of a dossier which the
ministry would see alike have the same content.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.codec import canonical
from gateway.domain.declarations import ConstructionDeclaration, PlanningDeclaration
from gateway.domain.declarations.construction import Attachment, PaperKind
from gateway.domain.dossier import Document, Dossier, Fee, Procedure, ReturnMethod, Supplement
from mappings.construction.codes import PAPERS

_KINDS = {code: kind for kind, code in PAPERS.items()}
_LONGEST = 255


class Round(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A supplement that the applicant has answered. ``brought``: papers that the declaration does not name."""

    explanation: str = ""
    brought: list[Attachment] = []


class Submission(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An application or a request; fields are named as in the dossier."""

    code: str
    procedure: Procedure
    declaration: ConstructionDeclaration | PlanningDeclaration
    received_at: datetime | None = None
    due_at: datetime | None = None
    return_method: ReturnMethod = ReturnMethod.COUNTER
    fees: list[Fee] = []
    rounds: list[Round] = []

    @property
    def papers(self) -> list[Attachment]:
        """Everything that was ever attached."""
        return [
            *self.declaration.attachments,
            *(each for answered in self.rounds for each in answered.brought),
        ]


def submission(dossier: Dossier, due_at: datetime | None) -> Submission | None:
    """What is told of ``dossier``, promised for ``due_at``; None without a declaration of ours."""
    declaration = dossier.declaration
    if not isinstance(declaration, ConstructionDeclaration | PlanningDeclaration):
        return None
    named = {each.file.sha256 for each in declaration.attachments}
    return Submission(
        code=dossier.code,
        procedure=dossier.procedure,
        declaration=declaration,
        received_at=dossier.received_at,
        due_at=due_at,
        return_method=dossier.return_method,
        fees=dossier.fees,
        rounds=[_round(each, named) for each in dossier.supplements if each.received_at is not None],
    )


def content(told: Submission) -> str:
    """What the ministry can be told again only in answer to its notice: a digest of declaration and papers.

    Fees and promises are told once, with the application; afterwards no operation of the contract takes them.
    """
    papers = [[each.kind, each.file.sha256] for each in told.papers]
    return canonical.digest([told.procedure, told.declaration, papers])[:32]


def _round(supplement: Supplement, named: set[str | None]) -> Round:
    return Round(
        explanation=supplement.received_note or "",
        brought=[
            made
            for made in map(_attachment, _alive(supplement.documents))
            if made is not None and made.file.sha256 not in named
        ],
    )


def _alive(documents: Sequence[Document]) -> list[Document]:
    return [each for each in documents if not each.deleted]


def _attachment(document: Document) -> Attachment | None:
    """A paper of a supplement, by the official code if it bears one (construction §3.4: other papers are KHAC)."""
    if document.file is None:
        return None
    title = " ".join(document.name.split())[:_LONGEST] or document.id[:_LONGEST]
    return Attachment(
        id=document.id,
        kind=_KINDS.get(document.component_code or "", PaperKind.OTHER),
        title=title,
        file_name=title,
        file=document.file,
    )
