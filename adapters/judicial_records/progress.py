"""What an answer of the centre tells about a dossier, as reports (judicial_records §4.4, §4.6; U9).

Invariant: the same thing has the same key for ever; the bytes of a certificate are in its file and nowhere else.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from adapters.judicial_records.outcomes import rounds
from adapters.judicial_records.settings import Settings
from gateway.codec import canonical
from gateway.domain.status import Status
from gateway.port import Context
from gateway.port.progress import Progress, ProgressReport, ReportedFile, ReportedSupplement
from mappings.judicial_records.outcome import Shown

_PDF = "application/pdf"


def progress(shown: Shown, settings: Settings, context: Context) -> Progress:
    """The news in ``shown``. States 3, 5, 8, 9 and 10 are news; in every other the centre is at work."""
    current = str(rounds(context.memory))
    match shown.status:
        case Status.FINISHED | Status.RETURNED:
            return _issued(shown, settings)
        case Status.REFUSED | Status.STOPPED:
            report = _ended(shown, shown.status, settings, current)
            return Progress(reports=(report,), done=True)
        case Status.SUPPLEMENT_REQUESTED:
            return Progress(reports=(_supplement(shown, settings, context.now, current),))
        case _:
            return Progress()


def _issued(shown: Shown, settings: Settings) -> Progress:
    """Without the certificate there is no result yet, whatever the state says."""
    if shown.certificate is None:
        return Progress()
    digest = hashlib.sha256(shown.certificate).hexdigest()
    reports = [
        ProgressReport(
            key=f"certificate:{digest[:32]}",
            kind="judicial_record.issued",
            status=Status.FINISHED,
            title="Đã cấp phiếu lý lịch tư pháp",
            actor=shown.signer,
            unit=settings.issuer,
            files=(
                ReportedFile(
                    name="phieuLLTP.pdf", media_type=_PDF, content=shown.certificate, code=shown.number
                ),
            ),
            data=canonical.encode({"number": shown.number, **shown.kept}),
        )
    ]
    if shown.decision is not None:
        reports.append(_revoked(shown, shown.decision, settings))
    return Progress(reports=tuple(reports), done=not settings.watch_revocation, learned=shown.kept)


def _revoked(shown: Shown, decision: bytes, settings: Settings) -> ProgressReport:
    digest = hashlib.sha256(decision).hexdigest()
    return ProgressReport(
        key=f"revocation:{digest[:32]}",
        kind="judicial_record.revoked",
        title="Thu hồi phiếu lý lịch tư pháp",
        unit=settings.issuer,
        files=(
            ReportedFile(
                name="quyetDinhThuHoi.pdf",
                media_type=_PDF,
                content=decision,
                component_code=settings.revocation_component,
            ),
        ),
        data=canonical.encode({"number": shown.number}),
    )


def _ended(shown: Shown, status: Status, settings: Settings, current: str) -> ProgressReport:
    return ProgressReport(
        key=f"{status}:{current}",
        kind=f"judicial_record.{status}",
        status=status,
        title="Không được tiếp nhận" if status is Status.REFUSED else "Dừng xử lý",
        note=shown.reason,
        unit=settings.issuer,
        data=canonical.encode({"reason": shown.reason}),
    )


def _supplement(shown: Shown, settings: Settings, now: datetime, current: str) -> ProgressReport:
    reason = shown.reason or "Yêu cầu bổ sung giấy tờ"
    return ProgressReport(
        key=f"supplement:{current}",
        kind="judicial_record.supplement_requested",
        status=Status.SUPPLEMENT_REQUESTED,
        title="Yêu cầu bổ sung giấy tờ",
        note=reason,
        unit=settings.issuer,
        supplement=ReportedSupplement(reason=reason, requested_at=now, requested_by=settings.issuer),
        data=canonical.encode({"reason": reason}),
    )
