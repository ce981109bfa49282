"""What the adapter for judicial records declares about itself.

Invariant: both operations may be repeated, because the contract names the answer of a second time as one that is good.
"""

from __future__ import annotations

from msgspec.structs import replace

from adapters.judicial_records.settings import Settings
from gateway.access import behind
from gateway.mapping.causes import causes_of
from gateway.port import Capacity, Manifest, Operation, OperationKind
from mappings.judicial_records import SECRET_FIELDS
from mappings.judicial_records.personal import PERSONAL_FIELDS
from mappings.judicial_records.submit import SUBMIT as SUBMITTED
from mappings.judicial_records.telling import TELL as TOLD

SUBMIT = "submit"
TELL = "tell"

_SUBMIT = Operation(
    name=SUBMIT,
    kind=OperationKind.SNAPSHOT,
    title="Ask the centre for a certificate, or bring what it asked for",
    calls=(SUBMITTED.name,),
    source="judicial_records §4.3: a second time is answered with that it is there already; asked about by §4.4",
    repeatable=True,
    queryable=True,
)
_TELL = Operation(
    name=TELL,
    kind=OperationKind.EVENT,
    title="Tell VNeID a state, a certificate or a revocation",
    calls=(TOLD.name,),
    source="judicial_records §4.5: a state that is there already is answered with 01 and counts as done",
    repeatable=True,
)

manifest = Manifest(
    causes=causes_of("mappings.judicial_records"),
    name="judicial_records",
    title="Judicial record certificates",
    title_vi="Cấp phiếu lý lịch tư pháp",
    contract="judicial_records",
    operations=(_SUBMIT, _TELL),
    personal_fields=PERSONAL_FIELDS,
    secret_fields=SECRET_FIELDS,
    secret_headers=("authorization", "cookie", "set-cookie", "lgspaccesstoken"),
    capacity=Capacity(concurrency=4, read_timeout=60.0, max_response_bytes=32 * 1024 * 1024),
    off_contract=(
        "leaked_fault",
        "http_status",
        "no_envelope",
        "success_text",
        "other_dossier",
    ),
)


def declare(settings: Settings) -> Manifest:
    """The manifest of one destination: its legs, its secrets, its limits."""
    operations = tuple(
        operation
        for operation, leg in ((_SUBMIT, settings.centre), (_TELL, settings.vneid))
        if leg is not None
    )
    capacity = replace(
        manifest.capacity,
        read_timeout=settings.timeout_s,
        max_response_bytes=settings.max_answer_bytes,
    )
    return behind(replace(manifest, operations=operations, capacity=capacity), settings.access)
