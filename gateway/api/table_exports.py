"""Rows of the table: evidence of dossiers as files, and checking such files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.api.exports import (
    KEYS_TYPE,
    MOST_BUNDLE_BYTES,
    ExportOrder,
    export_evidence,
    fetch_export,
    get_evidence_keys,
    verify_evidence,
)
from gateway.api.route import Body, Route, Success
from gateway.evidence.checks import Checked, CheckLine
from gateway.evidence.desk import Exported
from gateway.proof.lienthong_verify import MIME_TYPE
from gateway.storage.clients import Scope

TAG = "evidence"
_AT = datetime(2026, 10, 2, 1, 2, 3, tzinfo=UTC)
_CHECKED = Checked(
    verified=True,
    sentence="Chứng cứ đúng: mọi phép kiểm tra đều đạt.",
    total=43,
    checks=[
        CheckLine(
            code="INCLUSION",
            title="the log has this entry at this place (RFC 9162 §2.1.3)",
            title_vi="Mục nhật ký có thật và đứng đúng chỗ này",
            held=43,
            failed=0,
        )
    ],
    failures=[],
)
_EXPORTED = Exported(
    id="0f6a1c6f4e0b4d0f9a5c7b1d2e3f4a5b",
    dossier="H99.14-260928-0007",
    file="H99.14-260928-0007.asice",
    bytes=184_320,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    made_at=_AT,
    kept_until=_AT + timedelta(minutes=15),
    redacted=["personal"],
    stamped=True,
    signature_stamped=True,
    signed_with="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    checked=_CHECKED,
)

EXPORTS: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/v1/evidence/exports",
        name="export_evidence",
        tag=TAG,
        scope=Scope.MESSAGES_READ,
        summary="Export the evidence of a dossier",
        description=(
            "Everything about one dossier as one signed container (ASiC-E), made and checked before it is answered; the "
            "file is at `Location` for a quarter of an hour, for whoever asked, at the process that answered. Who exports "
            "it and why is an entry of the log (channel `access`). Needs log:read and dossiers:read, too, and personal:read "
            "unless `redact` names personal or body. Waits a moment for a checkpoint of the newest entries; a conflict: "
            "there is none yet, or more of it than is exported while the gateway runs."
        ),
        handler=export_evidence,
        body=Body(
            kind=ExportOrder,
            example={
                "dossier": "H99.14-260928-0007",
                "reason": "đơn khiếu nại số 12",
                "redact": ["personal"],
            },
        ),
        successes=(
            Success(
                status=201,
                description="Made and checked.",
                kind=Exported,
                example=_EXPORTED,
                headers={"Location": "Where the file is."},
            ),
        ),
        problems=("unreadable", "conflict", "not_found", "unavailable"),
    ),
    Route(
        method="GET",
        path="/v1/evidence/exports/{export}",
        name="fetch_export",
        tag=TAG,
        scope=Scope.MESSAGES_READ,
        summary="Fetch exported evidence",
        description="The container, for whoever has exported it, within a quarter of an hour.",
        handler=fetch_export,
        successes=(Success(status=200, description="The container.", media_type=MIME_TYPE),),
    ),
    Route(
        method="POST",
        path="/v1/evidence/verify",
        name="verify_evidence",
        tag=TAG,
        scope=Scope.MESSAGES_READ,
        summary="Check evidence",
        description=(
            "Every check of a bundle, by its code, under the keys of this gateway. Who does not trust the gateway checks "
            "with `lienthong_verify.py` and keys from elsewhere."
        ),
        handler=verify_evidence,
        body=Body(
            media_types=(MIME_TYPE, "application/zip", "application/octet-stream"),
            limit=lambda _: MOST_BUNDLE_BYTES,
        ),
        successes=(Success(status=200, description="What was found.", kind=Checked, example=_CHECKED),),
        problems=("unreadable", "unavailable"),
    ),
    Route(
        method="GET",
        path="/v1/evidence/keys",
        name="get_evidence_keys",
        tag=TAG,
        scope=Scope.LOG_READ,
        summary="Read the keys that evidence is checked with",
        description=(
            "As `lienthong evidence keys` writes them: the log's, its witnesses', the roots of time stamps, the certificates "
            "that sign evidence. Compare on another way what stands in it before you pin it."
        ),
        handler=get_evidence_keys,
        successes=(Success(status=200, description="The file.", media_type=KEYS_TYPE),),
        problems=("unavailable",),
    ),
)
