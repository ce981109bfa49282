"""What the adapter for the older judicial record interface declares about itself. Data only.

Invariant: an application is never called repeatable, because the contract says nothing of a second time.
"""

from __future__ import annotations

from msgspec.structs import replace

from adapters.judicial_records_g1.settings import Settings
from gateway.access import behind
from gateway.port import Capacity, Manifest, Operation, OperationKind, ReadOperation
from mappings.judicial_records_g1 import SECRET_FIELDS
from mappings.judicial_records_g1.personal import PERSONAL_FIELDS
from mappings.judicial_records_g1.submit import SUBMIT as SUBMITTED

SUBMIT = "submit"
LIST = "list"
KIND = "kind"

_SUBMIT = Operation(
    name=SUBMIT,
    kind=OperationKind.SNAPSHOT,
    title="Ask the centre for a certificate",
    calls=(SUBMITTED.name,),
    source="judicial_records §5, nhanHoSoDangKy; asked about by traTrangThaiHs",
    queryable=True,
)
_LIST = ReadOperation(
    name=LIST,
    title="Numbers of the centre: 1 areas, 2 nationalities, 3 peoples, 4 agencies, 5 units",
    source="judicial_records §5, traDanhMuc",
    parameters=(KIND,),
)

manifest = Manifest(
    name="judicial_records_g1",
    title="Judicial record certificates, older interface",
    title_vi="Cấp phiếu lý lịch tư pháp (giao diện cũ)",
    contract="judicial_records",
    operations=(_SUBMIT,),
    reads=(_LIST,),
    personal_fields=PERSONAL_FIELDS,
    secret_fields=SECRET_FIELDS,
    secret_headers=("authorization", "cookie", "set-cookie", "lgspaccesstoken"),
    capacity=Capacity(concurrency=4, read_timeout=60.0, max_response_bytes=4 * 1024 * 1024),
    off_contract=(
        "http_status",
        "no_envelope",
        "undocumented",
    ),
)


def declare(settings: Settings) -> Manifest:
    """The manifest of one destination: its secrets, its limits."""
    capacity = replace(
        manifest.capacity, read_timeout=settings.timeout_s, max_response_bytes=settings.max_answer_bytes
    )
    return behind(replace(manifest, capacity=capacity), settings.access)
