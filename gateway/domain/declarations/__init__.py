"""What the applicant declares beyond the dossier itself, for procedures whose ministry wants every field.

One tagged type per ministry; the union is closed. Invariant: a dossier without a declaration is what it was before
there were any, byte for byte.
"""

from __future__ import annotations

from typing import TypeAlias

from gateway.domain.declarations.construction import ConstructionDeclaration, PlanningDeclaration
from gateway.domain.declarations.judicial_record import JudicialRecordDeclaration

__all__ = ["ConstructionDeclaration", "Declaration", "JudicialRecordDeclaration", "PlanningDeclaration"]

Declaration: TypeAlias = JudicialRecordDeclaration | ConstructionDeclaration | PlanningDeclaration
