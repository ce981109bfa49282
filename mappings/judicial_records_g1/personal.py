"""Elements that hold personal data (judicial_records §5): they can be taken out of a proof while the rest still proves."""

from __future__ import annotations

PERSONAL_FIELDS = (
    *(
        "fullName",
        "otherName",
        "genderId",
        "birthDateStr",
        "birthPlace",
        "nationalityId",
        "ethnicId",
        "residence",
    ),
    *(
        "residenceTemporary",
        "identifyNo",
        "idIssueDate",
        "idIssuePlace",
        "dadName",
        "dadDob",
        "momName",
        "momDob",
    ),
    *("partnerName", "partnerDob", "phone", "email", "deliveryAddress", "purpose", "mandatorRelation"),
    *("residenceWSForm", "residenceForm"),
)
