"""Settings of one destination for the older judicial record interface (judicial_records §5, §12).

Invariant: what the contract leaves open is decided here or in the code tables; what it leaves dark is off by default.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from gateway.access import Access, OpenAccess
from gateway.domain.errors import ConfigurationError
from gateway.port.polling import Polling

Seconds = Annotated[float, Meta(gt=0)]
Path = Annotated[str, Meta(pattern=r"^/[!-~]*$")]
Bytes = Annotated[int, Meta(ge=1024)]
_MIB = 1024 * 1024


class Paths(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where each operation is. The guide prints all but the first with and without ``LLTP-API-`` in front (§5).

    submit      applications: nhanHoSoDangKy
    poll        the state of one: traTrangThaiHs
    changes     states that have changed: traDsTrangThaiHs
    mark        that these were fetched: danhDauHsThanhCong
    catalogue   lists of numbers: traDanhMuc
    """

    submit: Path = "/nhanHoSoDangKy"
    poll: Path = "/traTrangThaiHs"
    changes: Path = "/traDsTrangThaiHs"
    mark: Path = "/danhDauHsThanhCong"
    catalogue: Path = "/traDanhMuc"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One destination.

    base_url           address before the paths, without a slash at its end
    unit_id            number of the unit that receives applications, in the centre's catalogue 5
    region_id          number of the area that the request comes from, in catalogue 1
    issuer             who issues certificates, as officials read it
    paths              where each operation is
    access             the layer in front (§3)
    polling            when the centre is asked about a dossier
    feed_s             seconds between two looks at the list of changed states; 0: it is not read. What was read is
                       marked as fetched for the whole unit, so only where no other program reads it
    spelling           ``guide``: names as in the guide; ``client``: as the known client writes them
    receipt_number     ``short``: day and counter of the dossier's number, as the known client; ``code``: the whole
    authorised         ``refused``: an application by somebody else is not taken, because the contract does not say which
                       of the two people stands where; ``mandator_form``: the other one goes into mandatorWSForm
    resubmit           send an application again when it has changed, though the contract says nothing of a second time
    absent_after_s     after "not found" so long before the application is sent again (§6: it may come late)
    received_since, received_before   only dossiers received on these days, the second one not included
    timeout_s          how long an answer is waited for
    max_call_bytes     largest body that is sent
    max_answer_bytes   largest answer that is read
    mandatory_fields   official elements that must not be empty, besides those that the tables demand
    check_fee          refuse a dossier whose fees are not what the table of fees says
    tables_dir         folder with code tables that replace the built-in ones, by file name

    Codes of answers (rows: mappings/judicial_records_g1/responses; §12 U4):

    success_codes          done
    configuration_codes    refused by our configuration
    missing_codes          the dossier is not known
    refused_codes          refused for its data; every code in none of these lists is asked about
    """

    base_url: str
    unit_id: Annotated[str, Meta(pattern=r"^[0-9]{1,15}$")]
    region_id: Annotated[int, Meta(ge=1)]
    issuer: Annotated[str, Meta(min_length=1)] = "Sở Tư pháp"
    paths: Paths = Paths()
    access: Access = OpenAccess()
    polling: Polling = Polling()
    feed_s: Annotated[float, Meta(ge=0)] = 0.0
    spelling: Literal["guide", "client"] = "guide"
    receipt_number: Literal["short", "code"] = "short"
    authorised: Literal["refused", "mandator_form"] = "refused"
    resubmit: bool = False
    absent_after_s: Seconds = 600.0
    received_since: date | None = None
    received_before: date | None = None
    timeout_s: Seconds = 60.0
    max_call_bytes: Bytes = 1 * _MIB
    max_answer_bytes: Bytes = 4 * _MIB
    mandatory_fields: tuple[str, ...] = ()
    check_fee: bool = False
    tables_dir: str = ""

    success_codes: tuple[str, ...] = ("501",)
    configuration_codes: tuple[str, ...] = ("100", "101", "106", "108")
    missing_codes: tuple[str, ...] = ("201",)
    refused_codes: tuple[str, ...] = ("200", "302", "500")


def require_usable(settings: Settings) -> None:
    """Refuse settings that cannot work; ConfigurationError names the key and the cure."""
    parts = urlsplit(settings.base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or settings.base_url.endswith("/"):
        raise ConfigurationError(
            f"judicial_records_g1: base_url is {settings.base_url!r}; give an absolute http(s) address that does not "
            "end in a slash"
        )
    since, before = settings.received_since, settings.received_before
    if since is not None and before is not None and before <= since:
        raise ConfigurationError("judicial_records_g1: received_before must lie after received_since")
    try:
        settings.polling.schedule()
    except ValueError as fault:
        raise ConfigurationError(f"judicial_records_g1: polling: {fault}") from fault
