"""What the payment platform adapter declares about itself.

Invariant: INIT is never repeatable: the same MaThamChieu is sent once, whatever became of it (payment_platform §11.4).
"""

from __future__ import annotations

from msgspec.structs import replace

from adapters.payment_platform.settings import Settings
from gateway.mapping.causes import causes_of
from gateway.port import Capacity, Manifest, Operation, OperationKind, ReadOperation
from mappings.payment_platform.land import KEY_FIELD
from mappings.payment_platform.personal import PERSONAL_FIELDS
from mappings.payment_platform.reading import CARD_FIELDS

INIT = "init"
PAYMENT = "payment"
BILL = "bill"

_ASKED = ("partner", "reference", "asked_at")

manifest = Manifest(
    causes=causes_of("mappings.payment_platform"),
    name="payment_platform",
    title="Payment platform of the National Public Service Portal",
    title_vi="Nền tảng thanh toán của Cổng Dịch vụ công quốc gia",
    contract="payment_platform",
    operations=(
        Operation(
            name=INIT,
            kind=OperationKind.EVENT,
            title="one attempt to pay: the platform gives an address for the payer (INIT)",
            source="payment_platform §5.1, §11.4: asked about when in doubt, never sent twice",
            queryable=True,
        ),
    ),
    reads=(
        ReadOperation(
            name=PAYMENT,
            title="what the platform knows of one attempt (QUERY)",
            source="payment_platform §5.6",
            parameters=_ASKED,
        ),
        ReadOperation(
            name=BILL,
            title="the receipt of one paid attempt (GET_BILL)",
            source="payment_platform §5.7",
            parameters=_ASKED,
        ),
    ),
    personal_fields=PERSONAL_FIELDS,
    secret_fields=(*CARD_FIELDS, KEY_FIELD),
    secret_headers=("authorization", "cookie", "set-cookie", "proxy-authorization"),
    capacity=Capacity(connect_timeout=5.0, read_timeout=30.0, max_response_bytes=16 * 1024 * 1024),
    off_contract=(
        "empty_body",
        "markup_body",
        "unreadable_body",
        "uncoded_body",
        "other_payment",
        "unproved_answer",
        "init_foreign_url",
        "init_without_url",
        "query_strange",
    ),
)


def declare(settings: Settings) -> Manifest:
    """The manifest of one destination."""
    # A file that travels in an answer needs room for itself.
    largest = max(manifest.capacity.max_response_bytes, settings.max_bill_bytes + 1024)
    capacity = replace(manifest.capacity, read_timeout=settings.init_timeout_s, max_response_bytes=largest)
    return replace(manifest, capacity=capacity)
