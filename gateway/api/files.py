"""Files that are kept here by their SHA-256: results that partners have sent, attachments that were fetched.

Invariant: a file of a person is given to whom it comes from, or for a reason that is logged before a byte leaves.
"""

from __future__ import annotations

import functools

from gateway.api.privacy import Sight, note_reader, require_reader
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.errors import NotFoundError
from gateway.storage.files import read_file

BYTES = "application/octet-stream"


async def get_file(api: Api, call: Call) -> Answer:
    """The file's own bytes."""
    sha256 = str(call.path["sha256"])
    require_reader(call)
    question = functools.partial(read_file, sha256=bytes.fromhex(sha256))
    found = await api.gateway.database.read(question)
    if found is None:
        raise NotFoundError(f"no file with the SHA-256 {sha256} is kept here")
    await note_reader(api, call, Sight(verb="read_file", dossier=None, detail={"sha256": sha256}))
    return Answer(
        content=found.body,
        media_type=BYTES,
        headers=(
            ("etag", f'"{sha256}"'),
            # somebody else made this file: a browser saves it and runs nothing of it here
            ("content-disposition", f'attachment; filename="{sha256[:16]}"'),
        ),
    )
