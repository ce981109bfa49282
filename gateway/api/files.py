"""Files that are kept here by their SHA-256: results that partners have sent, attachments that were fetched."""

from __future__ import annotations

import functools

from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.errors import NotFoundError
from gateway.storage.files import read_file

BYTES = "application/octet-stream"


async def get_file(api: Api, call: Call) -> Answer:
    """The file's own bytes."""
    sha256 = str(call.path["sha256"])
    question = functools.partial(read_file, sha256=bytes.fromhex(sha256))
    found = await api.gateway.database.read(question)
    if found is None:
        raise NotFoundError(f"no file with the SHA-256 {sha256} is kept here")
    return Answer(
        content=found.body,
        media_type=BYTES,
        headers=(
            ("etag", f'"{sha256}"'),
            # somebody else made this file: a browser saves it and runs nothing of it here
            ("content-disposition", f'attachment; filename="{sha256[:16]}"'),
        ),
    )
