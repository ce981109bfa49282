"""Rows of the table: files by their SHA-256."""

from __future__ import annotations

from gateway.api.files import BYTES, get_file
from gateway.api.privacy import PaperQuery
from gateway.api.route import Route, Success
from gateway.storage.clients import Scope

FILES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/files/{sha256}",
        name="get_file",
        tag="files",
        scope=Scope.DOSSIERS_READ,
        summary="Read a file by its SHA-256",
        description=(
            "Results that partners have sent for a dossier are at these addresses, which its `results` name; so are "
            "attachments that partners were sent. The same digest is the same file for ever. What it is, its "
            "`media_type`, stands beside the address in the dossier. It cannot be masked: whoever may not hand dossiers over "
            "(dossiers:write) needs scope personal:read and a `reason`, which is logged."
        ),
        handler=get_file,
        query=PaperQuery,
        successes=(
            Success(
                status=200,
                description="The file.",
                media_type=BYTES,
                headers={"ETag": "SHA-256 of the file.", "Content-Disposition": "To be saved."},
            ),
        ),
    ),
)
