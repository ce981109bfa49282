"""Settings of one destination for judicial records: everything that the contract leaves open (judicial_records §12).

Invariant: who issues certificates, where, for how much and until when is decided here or in the code tables, never in
code.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from gateway.access import Access, OpenAccess
from gateway.domain.errors import ConfigurationError
from gateway.port import Secret
from gateway.port.polling import Polling

Seconds = Annotated[float, Meta(gt=0)]
Path = Annotated[str, Meta(pattern=r"^/[!-~]*$")]
Bytes = Annotated[int, Meta(ge=1024)]
_MIB = 1024 * 1024


class Centre(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The centre that issues certificates.

    base_url      address before the paths, without a slash at its end
    submit_path   where applications go; the real path is not public (judicial_records §12 U2)
    poll_path     where a state is asked for; likewise
    auth_key      the key that stands in the body of every call (§3, item 5)
    """

    base_url: str
    auth_key: Secret
    submit_path: Path = "/apiLLTP/nhanHoSoDangKyLLTP"
    poll_path: Path = "/apiLLTP/traKetQuaLLTP"


class Successor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who issues certificates from a day on, and where (judicial_records §1, §12 U1: it has changed, and may again).

    since           first day of reception of the dossiers that go there
    issuer          its name, as officials read it
    centre          its centre
    takes_over      from that day on it also has what its predecessors took: it is asked, and brought supplements
    """

    since: date
    issuer: Annotated[str, Meta(min_length=1)]
    centre: Centre
    takes_over: bool = False


class Vneid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """VNeID, which is told what became of dossiers that were filed through it.

    base_url      address before the path, without a slash at its end
    tell_path     where states and results go (judicial_records §4.5)
    """

    base_url: str
    tell_path: Path = "/v2/lyLichTuPhap/traKetQuaHoSoLLTP"


class Filing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The door where VNeID files requests (judicial_records §4.1, §4.2). Its network is ``inbound_from``'s business.

    code_get               the shared key in the address of every call
    unit, unit_name        of the one-door unit that takes them; its code begins every reserved number
    procedure_code, procedure_name   of the dossiers that come into being
    files_url              where the hub shows kept files, without a slash at its end: its address and ``/v1/files``
    max_body_bytes         largest call that is read
    """

    code_get: Secret
    unit: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._]{0,20}$")]
    unit_name: Annotated[str, Meta(min_length=1)]
    files_url: Annotated[str, Meta(pattern=r"^https?://[^\s]+[^/\s]$")]
    procedure_code: str = "2.000488"
    procedure_name: str = "Cấp phiếu lý lịch tư pháp cho cá nhân"
    max_body_bytes: Bytes = 20 * _MIB


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One destination: the centre, VNeID, or both.

    province_code, province_name   of the sender, as both partners know it
    issuer                 who issues certificates, as officials read it (judicial_records §1: it has changed)
    centre                 the centre; without it nothing is submitted and nobody is asked
    successors             who issues certificates after that, from which day on; oldest first
    received_since, received_before   only applications of dossiers received on these days go to the centre, the second
                           day not included: for a change from or to another interface
    vneid                  VNeID; without it nothing is told to it
    filing                 the door where VNeID files; without it calls are refused
    access                 the layer in front of both (§3)
    polling                when the centre is asked
    timeout_s              how long an answer is waited for
    max_file_bytes         largest attachment, and largest certificate that is taken (§12 U10)
    max_files              most attachments of one application
    max_call_bytes         largest body that is sent
    max_answer_bytes       largest answer that is read
    mandatory_fields       official elements that must not be empty, besides those that the tables demand
    check_fee              refuse a dossier whose fees are not what the table of fees says
    watch_revocation       go on asking after a certificate was issued, for its revocation (§4.6)
    revocation_component   component code of a result that is a decision to revoke
    tables_dir             folder with code tables that replace the built-in ones, by file name

    Words and codes of answers (rows: mappings/judicial_records/responses):

    success_phrases, duplicate_phrases   done; it has the dossier already (§4.3)
    retry_phrases                        a gateway shows the fault of what is behind it (§3, item 6)
    configuration_codes, missing_codes   refused by our configuration; the dossier is not known (§6)
    tell_done_codes, tell_failed_codes, tell_later_codes, settled_phrases, interrupted_phrases   of VNeID (§4.5)
    """

    province_code: Annotated[str, Meta(min_length=1)]
    province_name: Annotated[str, Meta(min_length=1)]
    issuer: Annotated[str, Meta(min_length=1)] = "Công an cấp tỉnh"
    centre: Centre | None = None
    successors: tuple[Successor, ...] = ()
    received_since: date | None = None
    received_before: date | None = None
    vneid: Vneid | None = None
    filing: Filing | None = None
    access: Access = OpenAccess()
    polling: Polling = Polling()
    timeout_s: Seconds = 60.0
    max_file_bytes: Bytes = 16 * _MIB
    max_files: Annotated[int, Meta(ge=1, le=1000)] = 50
    max_call_bytes: Bytes = 20 * _MIB
    max_answer_bytes: Bytes = 32 * _MIB
    mandatory_fields: tuple[str, ...] = ("nycHoTenCha", "nycHoTenMe", "nycNgayCapGiayTo", "nycNoiCapGiayTo")
    check_fee: bool = False
    watch_revocation: bool = False
    revocation_component: str = "quyet-dinh-thu-hoi"
    tables_dir: str = ""

    success_phrases: tuple[str, ...] = ("gửi thông tin thành công",)
    duplicate_phrases: tuple[str, ...] = ("đã được tiếp nhận, không thể cập nhật thông tin",)
    retry_phrases: tuple[str, ...] = ("soap fault", "server error")
    configuration_codes: tuple[str, ...] = ("100", "101", "106", "108")
    missing_codes: tuple[str, ...] = ("201",)
    tell_done_codes: tuple[str, ...] = ("00",)
    tell_failed_codes: tuple[str, ...] = ("01",)
    tell_later_codes: tuple[str, ...] = ("03",)
    settled_phrases: tuple[str, ...] = ("không thể cập nhật lên trạng thái",)
    interrupted_phrases: tuple[str, ...] = ("yêu cầu bị gián đoạn. vui lòng thử lại.",)


def require_usable(settings: Settings) -> None:
    """Refuse settings that cannot work; ConfigurationError names the key and the cure."""
    if settings.centre is None and settings.vneid is None:
        raise ConfigurationError("judicial_records: give a section centre, a section vneid, or both")
    for name, base_url in _addresses(settings):
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or base_url.endswith("/"):
            raise ConfigurationError(
                f"judicial_records: {name}.base_url is {base_url!r}; give an absolute http(s) address that "
                "does not end in a slash"
            )
    for name, centre in _centres(settings):
        if not centre.auth_key.reveal().strip():
            raise ConfigurationError(f"judicial_records: {name}.auth_key is empty; the centre assigns it")
    _require_in_order(settings)
    if settings.filing is not None and not settings.filing.code_get.reveal().strip():
        raise ConfigurationError("judicial_records: filing.code_get is empty; agree on one with VNeID")
    try:
        settings.polling.schedule()
    except ValueError as fault:
        raise ConfigurationError(f"judicial_records: polling: {fault}") from fault


def _require_in_order(settings: Settings) -> None:
    days = [each.since for each in settings.successors]
    if days and settings.centre is None:
        raise ConfigurationError("judicial_records: successors follow a centre; give the section centre, too")
    if any(later <= earlier for earlier, later in pairwise(days)):
        raise ConfigurationError(
            "judicial_records: successors: each one's `since` must lie after the one before"
        )
    since, before = settings.received_since, settings.received_before
    if since is not None and before is not None and before <= since:
        raise ConfigurationError("judicial_records: received_before must lie after received_since")


def _centres(settings: Settings) -> Iterator[tuple[str, Centre]]:
    if settings.centre is not None:
        yield "centre", settings.centre
    yield from ((f"successors[{at}].centre", each.centre) for at, each in enumerate(settings.successors))


def _addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from ((name, centre.base_url) for name, centre in _centres(settings))
    if settings.vneid is not None:
        yield "vneid", settings.vneid.base_url
