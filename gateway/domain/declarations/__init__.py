"""What the applicant declares beyond the dossier itself, for procedures whose ministry wants every field.

One tagged type per ministry; the union is closed. Invariant: a dossier without a declaration is what it was before
there were any, byte for byte.
"""

from __future__ import annotations

from typing import TypeAlias

from gateway.domain.declarations.construction import ConstructionDeclaration, PlanningDeclaration
from gateway.domain.declarations.judicial_record import JudicialRecordDeclaration

__all__ = [
    "PERSONAL_FIELDS",
    "ConstructionDeclaration",
    "Declaration",
    "JudicialRecordDeclaration",
    "PlanningDeclaration",
]

Declaration: TypeAlias = JudicialRecordDeclaration | ConstructionDeclaration | PlanningDeclaration

# fields of a dossier, and of what is declared with it, that name a person or tell of one
PERSONAL_FIELDS = (
    *(
        "name",
        "number",
        "email",
        "phone",
        "fax",
        "address",
        "account_id",
        "summary",
        "return_note",
        "other_information",
    ),
    *(
        "born_on",
        "birthplace",
        "hamlet",
        "street",
        "residence",
        "temporary_residence",
        "return_address",
        "deliver_to",
    ),
    *(
        "ethnicity",
        "ethnicity_name",
        "nationality",
        "nationality_name",
        "gender",
        "occupation",
        "workplace",
        "site",
    ),
    *("other_name", "representative", "representative_number", "relation", "issued_on", "issued_by", "file"),
)
