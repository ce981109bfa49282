"""What the national portal adapter declares about itself.

Invariant: ``declare`` only narrows what the module's ``manifest`` promises: the settings of a destination may take
abilities away (a portal that cannot be asked), never add operations.
"""

from __future__ import annotations

from msgspec.structs import replace

from adapters.national_portal.settings import Settings
from gateway.mapping.causes import causes_of
from gateway.port import Capacity, Manifest, Operation, OperationKind, ReadOperation
from mappings.national_portal.personal import PERSONAL_FIELDS
from mappings.national_portal.reads import QUESTIONS, STORE_ENDPOINTS

DOSSIER = "dossier"
STEP = "step"
STATUS = "status"

_STEP_TITLE = "one processing step of a dossier"

_DOSSIER = Operation(
    name=DOSSIER,
    kind=OperationKind.SNAPSHOT,
    title="the whole dossier as it stands (DongBoHoSoMC)",
    source="national_portal §5, §2.9: an update carries the whole dossier again",
    repeatable=True,
    queryable=True,
)
_STEP = Operation(
    name=STEP,
    kind=OperationKind.EVENT,
    title=f"{_STEP_TITLE} (CapNhatTienDoHoSoMC)",
    source="national_portal §6, §2.9: appended without a key, so never sent twice on a guess",
    batch=10,
    queryable=True,
)
_STATUS = Operation(
    name=STATUS,
    kind=OperationKind.SNAPSHOT,
    title="the state of a dossier that was filed at the portal (DongBoTrangThaiHoSo)",
    source="national_portal §7.5: states a status; stating it twice says the same",
    repeatable=True,
)

manifest = Manifest(
    causes=causes_of("mappings.national_portal"),
    name="national_portal",
    title="National Public Service Portal",
    title_vi="Cổng Dịch vụ công quốc gia",
    contract="national_portal",
    operations=(_DOSSIER, _STEP, _STATUS),
    reads=tuple(
        ReadOperation(
            name=question.name,
            title=question.title,
            source=f"{question.clause} {question.service}",
            parameters=tuple(name for name, _ in question.parameters),
            catalogue=question.catalogue,
        )
        for question in QUESTIONS
    ),
    personal_fields=PERSONAL_FIELDS,
    secret_fields=("session", "password", "access_token", "refresh_token", "client_secret", "token"),
    secret_headers=("authorization", "cookie", "set-cookie", "proxy-authorization"),
    capacity=Capacity(),
    off_contract=(
        "empty_body",
        "markup_body",
        "unreadable_body",
        "uncoded_body",
        "duplicate_update_success",
        "success_with_other_text",
        "technical_text",
        "anything_else",
        "contradiction",
    ),
)

_STORE = frozenset(question.name for question in QUESTIONS if question.endpoint in STORE_ENDPOINTS)


def declare(settings: Settings) -> Manifest:
    """The manifest of one destination."""
    asks = settings.dialect != "lgsp_document"  # §9: the twin cannot be asked anything
    sees_steps = asks and settings.lookup_detail == "echo"
    unknowable = not sees_steps and not settings.steps_repeatable
    operator = "; after a lost answer an operator decides"
    step = replace(
        _STEP,
        title=f"{_STEP.title}{operator}" if unknowable else _STEP.title,
        batch=settings.batch.progress if asks else 1,
        repeatable=settings.steps_repeatable,
        queryable=sees_steps,
    )
    dossier = replace(
        _DOSSIER,
        title=_DOSSIER.title if asks else f"{_DOSSIER.title}{operator}",
        across=settings.batch.dossier if asks else 1,
        alike=("exists",),  # isUpdating is one flag for the whole call (§2.8, §2.9)
        repeatable=asks,
        queryable=asks,
    )
    status = (replace(_STATUS, repeatable=settings.status_repeatable),) if asks else ()
    reads = tuple(
        read for read in manifest.reads if asks and (settings.document_store or read.name not in _STORE)
    )
    capacity = replace(manifest.capacity, read_timeout=settings.timeout_s)
    return replace(manifest, operations=(dossier, step, *status), reads=reads, capacity=capacity)
