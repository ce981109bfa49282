"""What a Vietnamese official reads in texts that the gateway composes for the portal."""

from __future__ import annotations

from datetime import datetime

from gateway.domain.dossier import Reappointment
from gateway.mapping.formats import date14


def reappointment_note(reappointment: Reappointment) -> str:
    """One sentence for the dossier's note (national_portal §11.5: the old date is kept there)."""
    paper = f" theo văn bản {reappointment.document_number}" if reappointment.document_number else ""
    signer = f", {reappointment.signer} ký" if reappointment.signer else ""
    return (
        f"Hẹn lại{paper} ngày {_day(reappointment.issued_at)}{signer}: "
        f"từ {_moment(reappointment.old_due_at)} đến {_moment(reappointment.new_due_at)}. "
        f"Lý do: {reappointment.reason.strip().rstrip('.') or 'không ghi'}."
    )


def _day(instant: datetime) -> str:
    written = date14(instant)
    return f"{written[6:8]}/{written[4:6]}/{written[:4]}"


def _moment(instant: datetime) -> str:
    written = date14(instant)
    return f"{written[8:10]}:{written[10:12]} {_day(instant)}"
