"""Settings of the national portal adapter: every key of national_portal §16, every uncertain thing of §15.

Invariant: what the contract does not prove is a setting here with the recommended default, never a constant
elsewhere. Phrases are compared in Unicode NFC, case-folded, anywhere in the portal's text.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from gateway.domain.dossier import IdentityKind
from gateway.domain.errors import ConfigurationError
from gateway.port import Secret

Seconds = Annotated[float, Meta(gt=0)]
Path = Annotated[str, Meta(pattern=r"^(/.*)?$")]


class Lgsp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """OAuth2 client credentials of a province platform that stands in front of the portal (§2.3).

    ``token_url``, ``key``, ``secret``: assigned by the platform. ``variant``: ``basic`` sends key and secret in the
    Authorization header, ``form`` in the body. ``default_lifetime_s``: of a token that does not say.
    """

    token_url: str
    key: str
    secret: Secret
    variant: Literal["basic", "form"] = "basic"
    default_lifetime_s: Seconds = 300.0


class Batch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many deliveries go in one call (§2.8; U6, U7): ``dossier`` versions, ``progress`` steps."""

    dossier: Annotated[int, Meta(ge=1, le=100)] = 1
    progress: Annotated[int, Meta(ge=1, le=100)] = 10


class Facade(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Paths behind ``adapter_url`` where a province's facade hides the portal's envelope (§1.3, §2.5).

    ``reads`` is the folder of read services, ``create``, ``update``, ``progress`` and ``status`` take bare data
    (facade_array); ``query`` is the folder of facade_query.
    """

    reads: Path = "/KetNoiMotCuaQuocGia"
    create: Path = "/KetNoiMotCuaQuocGia/ThemMoiHoSo"
    update: Path = "/KetNoiMotCuaQuocGia/CapNhatHoSo"
    progress: Path = "/KetNoiMotCuaQuocGia/DongBoTienTrinh"
    status: Path = "/KetNoiMotCuaQuocGia/DongBoTrangThaiHoSo"
    query: Path = "/api/SynsTTHCC"


class DocumentStore(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The national store of digitised results (§8.1): its ``url``, ``results_endpoint`` and ``file_endpoint`` behind
    it, and ``max_file_bytes``, the largest file that is read."""

    url: str
    results_endpoint: Path = "/GetKetQuaGiayTo"
    file_endpoint: Path = "/GetGiayToByUrl"
    max_file_bytes: Annotated[int, Meta(ge=1024)] = 10 * 1024 * 1024


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One destination. Keys without a default must be given.

    adapter_url            address of the exchange adapter or facade, up to and including ``…/forward`` (U1, U31)
    madonvi                organisation code of the sender, in every envelope
    province_code          decides whether a dossier number is foreign (§3)
    username, password     the account of the ministry or province (§2.2)
    agency_name            name of ``madonvi``, for dossiers that arrive from the portal
    dstcode                address of the portal's provider system, sent as header and in the query (U2)
    auth_endpoint          path of the login behind ``adapter_url`` (U1)
    share_endpoint         path of read services (U1)
    integration_endpoint   path of write services and of some reads (U1)
    dialect                wire form of requests (§2.4, §2.5, §9)
    facade                 paths of a facade, for the two facade dialects (§2.5)
    lgsp                   a platform that wants a token of its own in the header (§2.3)
    document_store         the national store of digitised results (§8.1); without it those reads are not offered
    session_ttl_s          how long a session is used before a new login (U5)
    timeout_s              how long an answer is waited for (§2.1)
    batch                  deliveries per call (§2.8)
    batch_atomic           a refused batch surely stored nothing (U6). Left out: true where the portal cannot be
                           asked about steps; where it can, it is asked before the steps go singly
    twin_dates             lgsp_document: instants in UTC, or local time with a literal Z (§9)
    profile                "2019" sends the 27 fields of QCVN 120, "2023" also the later ones (U14)
    all_strings            send identifiers, counts and booleans as text too (U13)

    Words and codes of answers, which nobody documents (§2.7, §2.9, §14.2; rows: mappings/national_portal/responses):

    success_codes, success_phrases, failure_phrases      done; words that take "done" back
    duplicate_codes, duplicate_phrases                   a create met a dossier that is there (U4)
    dossier_phrases, missing_phrases, catalogue_phrases  the dossier is missing, and not a procedure or service
    session_codes, session_phrases, token_phrases        log in again (U5)
    credential_phrases                                   at login: user or password is wrong, so do not insist
    partial_phrases, technical_phrases                   it may have been done, at least partly: ask
    retry_phrases, transient_codes, transient_phrases    it was not done, come again later
    configuration_phrases, validation_codes              refused: by our configuration, by the data

    lookup_detail          what a look-up shows: only whether the dossier is there, or the stored dossier (U15)
    steps_repeatable       a step sent twice does no harm at this portal (§2.9); never assumed
    status_repeatable      a status report sent twice says the same (§7.5)
    complete_steps         add the reception and end steps that §6 demands when the record lacks them
    send_unreceived        dossiers without a reception: none, only refused ones, or all (§5.8-5)
    sync_portal_born       also send dossier and steps of dossiers filed at the portal (U23)
    status_type            ``type`` of a status report (U27)
    default_actor          who is named where a step names nobody (§2.10)
    default_fee_code       where neither record nor catalogue gives a fee code (U11)
    unpaid_fees            also list fees that are not paid yet (§5.3)
    mandatory_fields       further official fields that this portal wants filled (the sources disagree, §5.1)
    require_identity       refuse a dossier none of whose identities can be sent (§5.1, §14.7)
    require_result         refuse a finished dossier without a coded result file (§5.6, §13.2-6)
    identity_codes         codes of identity kinds that no source shows, once the operator names them (U12)
    reappointment_as       where a re-appointment is written: in the note, or as a supplement row (§11.5)
    store_base_url         file addresses that begin with it …
    download_base_url      … are sent with this instead: where the portal downloads (§14.10)
    serve_files            what a call for downloadfile/<uuid> gets (§7.1, U22): no, or a redirect to the file of that
                           name at ``store_base_url``
    tables_dir             folder with code tables that replace the built-in ones, by file name
    check_agencies         refuse agencies that the portal's catalogue does not have
    max_callback_bytes     largest inbound call that is read
    max_inbound_file_bytes largest file inside an inbound call
    """

    adapter_url: str
    username: str = ""
    password: Secret = Secret("")
    madonvi: str
    province_code: Annotated[str, Meta(min_length=1)]
    agency_name: str = ""
    dstcode: str = "VN:GOV:000.00.00.G22:vpcpdvcprovider"
    auth_endpoint: Path = "/mapi/login"
    share_endpoint: Path = "/mapi/g"
    integration_endpoint: Path = "/mapi/g"
    dialect: Literal["mapi", "facade_array", "facade_query", "lgsp_document"] = "mapi"
    facade: Facade = Facade()
    twin_dates: Literal["utc", "local_z"] = "utc"
    lgsp: Lgsp | None = None
    document_store: DocumentStore | None = None
    session_ttl_s: Seconds = 600.0
    timeout_s: Seconds = 60.0
    batch: Batch = Batch()
    batch_atomic: bool | None = None
    profile: Literal["2019", "2023"] = "2023"
    all_strings: bool = False

    success_codes: tuple[str, ...] = ("0", "00")
    success_phrases: tuple[str, ...] = ("thành công",)
    failure_phrases: tuple[str, ...] = ("không thành công", "chưa thành công", "thất bại")
    duplicate_codes: tuple[str, ...] = ("0", "3", "-3")
    duplicate_phrases: tuple[str, ...] = ("đã tồn tại",)
    dossier_phrases: tuple[str, ...] = ("hồ sơ", "mahoso")
    missing_phrases: tuple[str, ...] = ("không tồn tại", "chưa tồn tại", "không tìm thấy hồ sơ")
    catalogue_phrases: tuple[str, ...] = ("thủ tục", "mattc", "tthc", "danh mục", "dịch vụ")
    session_codes: tuple[str, ...] = ()
    session_phrases: tuple[str, ...] = ("session", "phiên", "đăng nhập")
    token_phrases: tuple[str, ...] = ("token",)
    credential_phrases: tuple[str, ...] = ("mật khẩu", "tài khoản", "password")
    partial_phrases: tuple[str, ...] = ("đã ghi nhận", "một phần", "một số bản ghi")
    retry_phrases: tuple[str, ...] = ("thử lại", "gửi lại")
    technical_phrases: tuple[str, ...] = (
        *("lỗi hệ thống", "hết thời gian", "gián đoạn", "mất kết nối", "timeout", "timed out", "exception"),
        *("connection", "internal server error", "bad gateway"),
    )
    transient_codes: tuple[str, ...] = ()
    transient_phrases: tuple[str, ...] = (
        "thử lại sau",
        "quá tải",
        "bảo trì",
        "đang bận",
        "too many requests",
    )
    configuration_phrases: tuple[str, ...] = ("dstcode", "mã đơn vị", "madonvi", "dịch vụ", "tham số")
    validation_codes: tuple[str, ...] = ("-1", "3", "-3")

    lookup_detail: Literal["presence", "echo"] = "presence"
    steps_repeatable: bool = False
    status_repeatable: bool = True
    complete_steps: bool = True
    send_unreceived: Literal["none", "refused", "all"] = "refused"
    sync_portal_born: bool = False
    status_type: str = "2"
    default_actor: Annotated[str, Meta(min_length=1, max_length=50)] = "Chuyên viên"
    default_fee_code: str = "1"
    unpaid_fees: bool = False
    mandatory_fields: tuple[str, ...] = ()
    require_identity: bool = False
    require_result: bool = False
    identity_codes: dict[str, str] = {}
    reappointment_as: Literal["note", "supplement", "omit"] = "note"
    store_base_url: str = ""
    download_base_url: str = ""
    serve_files: Literal["no", "redirect"] = "no"
    tables_dir: str = ""
    check_agencies: bool = True
    max_callback_bytes: Annotated[int, Meta(ge=1024)] = 20 * 1024 * 1024
    max_inbound_file_bytes: Annotated[int, Meta(ge=1024)] = 10 * 1024 * 1024


def require_usable(settings: Settings) -> None:
    """Refuse settings that cannot work; ConfigurationError names the key and the cure."""
    urls = {"adapter_url": settings.adapter_url}
    if settings.lgsp is not None:
        urls["lgsp.token_url"] = settings.lgsp.token_url
    if settings.document_store is not None:
        urls["document_store.url"] = settings.document_store.url
    for key, url in urls.items():
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(f"national_portal: {key} is {url!r}; give an absolute http(s) address")
    needed = {"madonvi": settings.madonvi}
    if settings.dialect == "mapi":
        needed |= {"username": settings.username, "password": settings.password.reveal()}
        needed["dstcode"] = settings.dstcode
    for key, value in needed.items():
        if not value.strip():
            raise ConfigurationError(f"national_portal: {key} is empty; the portal's operator assigns it")
    strange = set(settings.identity_codes) - set(IdentityKind)
    if strange:
        raise ConfigurationError(
            f"national_portal: identity_codes has {', '.join(sorted(strange))}; kinds are {', '.join(IdentityKind)}"
        )
    _require_store(settings)


def _require_store(settings: Settings) -> None:
    if settings.serve_files == "redirect" and not settings.store_base_url.startswith(("https://", "http://")):
        raise ConfigurationError(
            "national_portal: serve_files is 'redirect'; give store_base_url, the http(s) address of the files' folder"
        )
    if bool(settings.store_base_url) != bool(settings.download_base_url):
        raise ConfigurationError(
            "national_portal: store_base_url and download_base_url replace one another; give both or neither"
        )
