"""Reading a payment's receipt: on the database, or through the API of the gateway that has it open.

Invariant: the file is handed out only after its reading was logged, which on SQLite needs the database to itself.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlencode

from gateway.cli.opening import writing
from gateway.cli.options import Way
from gateway.cli.orders import actor_of, require_reason
from gateway.cli.remote import api_of
from gateway.domain.errors import NotFoundError
from gateway.messagelog.acts import AccessNote, note_access
from gateway.storage.queries_payment import kept_receipt

INSTEAD = "read it through its API: --url URL --key-file FILE"


async def receipt_of(way: Way, payment: int, reason: str, actor: str | None) -> bytes:
    """The receipt's own bytes. NotFoundError: there is none (yet)."""
    why = require_reason(reason)
    if way.url is not None:
        query = urlencode({"reason": why})
        async with api_of(way, actor) as remote:
            return await remote.fetch(f"/v1/payments/{payment}/receipt?{query}")
    with writing(way.settings, instead=INSTEAD) as database:
        found = await database.read(partial(kept_receipt, identifier=payment))
        if found is None:
            raise NotFoundError(
                f"payment {payment} has no receipt here; see: lienthong payments show {payment}"
            )
        note = AccessNote(
            actor=actor_of(actor),
            reason=why,
            now=datetime.now(UTC),
            dossier=found.dossier,
            detail={"payment": str(payment), "sha256": found.sha256},
        )
        await database.write(partial(note_access, verb="read_receipt", note=note))
    return found.body
