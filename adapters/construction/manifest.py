"""What the adapter for the ministry of construction declares about itself.

Invariant: nothing is repeatable by declaration, because the contract says of NopHoSo alone what a second time means;
everything can be asked about.
"""

from __future__ import annotations

from msgspec.structs import replace

from adapters.construction.settings import Settings, Signing
from gateway.access import behind
from gateway.mapping.causes import causes_of
from gateway.port import Capacity, Manifest, Operation, OperationKind, ReadOperation
from gateway.port.signing import UNSIGNED, Answers, Profile, SigningPolicy
from mappings.construction import operations
from mappings.construction.calls import NAMESPACE
from mappings.construction.lookups import CATALOGUES
from mappings.construction.personal import PERSONAL_FIELDS

SUBMIT = "submit"
WITHDRAW = "withdraw"
PLANNING = "request_planning"

_SUBMIT = Operation(
    name=SUBMIT,
    kind=OperationKind.SNAPSHOT,
    title="File an application for a permit; later, answer the one notice that asks for more",
    calls=(operations.FILE, operations.ANSWER),
    source="construction §4: NopHoSo, NopBoSung; LayYeuCauBoSung for the notice; asked about by TraCuuTrangThai",
    queryable=True,
)
_WITHDRAW = Operation(
    name=WITHDRAW,
    kind=OperationKind.EVENT,
    title="Withdraw a dossier that has no decision yet",
    calls=(operations.WITHDRAW,),
    source="construction §4: RutHoSo; asked about by TraCuuTrangThai",
    queryable=True,
)
_PLANNING = Operation(
    name=PLANNING,
    kind=OperationKind.SNAPSHOT,
    title="Ask for planning information about a place",
    calls=(operations.ASK_PLANNING,),
    source="construction §4: YeuCauThongTinQuyHoach; asked about by LayThongTinQuyHoach",
    queryable=True,
)
_READS = (
    ReadOperation(
        name="progress",  # the questions of gateway.progress go by its policy for signatures
        title="The state of a dossier",
        source="construction §4: TraCuuTrangThai",
        parameters=("dossier",),
    ),
    ReadOperation(
        name="permit",
        title="An issued permit by its number",
        source="construction §4: TraCuuGiayPhep",
        parameters=("permit_number",),
    ),
    ReadOperation(
        name="permit_of_work",
        title="Issued permits by the national number of the work",
        source="construction §4: TraCuuGiayPhep",
        parameters=("work_number",),
    ),
    ReadOperation(
        name="certificate",
        title="A practising certificate by its number",
        source="construction §4: TraCuuChungChiHanhNghe",
        parameters=("certificate_number",),
    ),
    *(
        ReadOperation(
            name=name,
            title=f"Code list: {name.replace('_', ' ')}",
            source="construction §4: LayDanhMuc",
            catalogue=True,
        )
        for name in CATALOGUES
    ),
)

manifest = Manifest(
    causes=causes_of("mappings.construction"),
    name="construction",
    title="Construction permits and planning information",
    title_vi="Cấp giấy phép xây dựng, cung cấp thông tin quy hoạch",
    contract="construction",
    operations=(_SUBMIT, _WITHDRAW, _PLANNING),
    reads=_READS,
    personal_fields=PERSONAL_FIELDS,
    capacity=Capacity(concurrency=4, read_timeout=60.0, max_response_bytes=16 * 1024 * 1024),
    off_contract=(
        "another_call",
        "other_dossier",
        "anything_else",
    ),
)


def declare(settings: Settings) -> Manifest:
    """The manifest of one destination: its limits, its secrets, its signatures."""
    signed, asking = policy(settings.signing), question_policy(settings.signing)
    declared = replace(
        manifest,
        operations=tuple(
            replace(each, signing=signed if each.name == SUBMIT else asking) for each in manifest.operations
        ),
        reads=tuple(replace(each, signing=asking) for each in manifest.reads),
        secret_fields=_passwords(settings.signing),
        capacity=replace(
            manifest.capacity,
            read_timeout=settings.timeout_s,
            max_response_bytes=settings.max_answer_bytes,
        ),
    )
    return behind(declared, settings.access)


def policy(signing: Signing) -> SigningPolicy:
    """How an application is signed."""
    if signing.profile is Profile.NONE and not signing.trusted:
        return UNSIGNED
    answers = Answers(profile=Profile.WSSE_X509, trusted=signing.trusted) if signing.trusted else Answers()
    return SigningPolicy(
        profile=signing.profile,
        key=signing.key,
        lifetime=signing.lifetime_s,
        element=f"{{{NAMESPACE}}}{operations.SIGNED}" if signing.profile is Profile.XADES else "",
        # §6, recommendation 4: only the dossier of an application has a place for a signature
        where_present=signing.profile is Profile.XADES,
        timestamp=signing.timestamp,
        password=signing.password,
        answers=answers,
    )


def question_policy(signing: Signing) -> SigningPolicy:
    """How every other message is signed: whatever signs the envelope signs it too."""
    if signing.profile is not Profile.XADES:
        return policy(signing)
    return policy(replace(signing, profile=Profile.NONE, key="", timestamp=""))


def _passwords(signing: Signing) -> tuple[str, ...]:
    return ("Password",) if signing.profile is Profile.WSSE_USERNAME else ()
