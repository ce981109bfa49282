"""Settings of the payment platform adapter: payment_platform §16, and every uncertain thing of §14.

Invariant: what the contract does not prove is a setting here with the recommended default, never a constant
elsewhere. Hosts, accounts and secrets have no default.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from gateway.domain.errors import ConfigurationError
from gateway.domain.payment_order import Beneficiary, OrderAgency
from gateway.port import Secret

Seconds = Annotated[float, Meta(gt=0)]
Host = Annotated[str, Meta(pattern=r"^[a-z0-9.:\-\[\]]+$")]
SHORTEST_SECRET = 12


class FeeProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fees and charges are written (§5.2, U10).

    ``fee``, ``charge``: LoaiPhiLePhi of phí and lệ phí. ``codes``: MaPhiLePhi is the record's own code where it has
    one (``record``), always ``code`` (``fixed``), or the service's code (``service``). ``code``: MaPhiLePhi where
    there is no other. ``rows``: one row per item (``each``), or a single row with the sum (``one``).
    """

    fee: Annotated[str, Meta(min_length=1, max_length=50)] = "1"
    charge: Annotated[str, Meta(min_length=1, max_length=50)] = "2"
    codes: Literal["record", "fixed", "service"] = "record"
    code: str = "2"
    rows: Literal["each", "one"] = "each"


class Partner(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One MaDoiTac with its own keys: an installation can hold several (§3).

    ``secret``: signs what we send, and verifies. ``previous_secret``: also verifies while a rotation is under way,
    never signs. ``init_url``, ``query_url``, ``bill_url``: three addresses, which may be one. ``bearer``: static token
    of a province platform in front (§3). ``ip``: our own address as the platform knows it.

    ``version``, ``payment_type``, ``channel``, ``device``, ``language``, ``bank``: PhienBan, LoaiHinhThanhToan,
    MaKenhThanhToan, MaThietBi, NgonNgu, MaNganHang (§5.1). ``service_type``: MaDichVu, 2 for fees of a procedure;
    ``service_as_number`` sends it as JSON number (U11). ``service_suffix``: MaDVC is the procedure's code with this
    behind it where the order names no service. ``fees``: how they are written.

    ``account``: the beneficiary where ``accounts``, by procedure code, has no other. ``agency``: MaDonVi and TenDonVi
    in place of the dossier's own agency. ``deciding_agency``: MaCoQuanQD and TenCoQuanQD in place of them (U12).
    ``identity_placeholder``, ``address_placeholder``: SoCMNDNguoiNop and DiaChiNguoiNop, which the platform demands,
    of a payer who has none on record (§5.2).
    """

    secret: Secret
    previous_secret: Secret | None = None
    init_url: str
    query_url: str
    bill_url: str
    bearer: Secret | None = None
    ip: Annotated[str, Meta(min_length=2, max_length=45)]
    version: Annotated[str, Meta(min_length=1, max_length=10)] = "1.0.6"
    payment_type: Annotated[str, Meta(min_length=1, max_length=10)] = "PAY"
    channel: Annotated[str, Meta(min_length=1, max_length=10)] = "1"
    device: Annotated[str, Meta(min_length=1, max_length=10)] = "1"
    language: Annotated[str, Meta(min_length=1, max_length=10)] = "vi-VN"
    bank: Annotated[str, Meta(min_length=1, max_length=50)] = "PAYMENT"
    service_type: Annotated[str, Meta(pattern=r"^[0-9]{1,10}$")] = "2"
    service_as_number: bool = False
    service_suffix: str = ".01"
    fees: FeeProfile = FeeProfile()
    account: Beneficiary | None = None
    accounts: dict[str, Beneficiary] = {}
    agency: OrderAgency | None = None
    deciding_agency: OrderAgency | None = None
    identity_placeholder: str = "000000000"
    address_placeholder: str = "-"

    def secrets(self) -> tuple[str, ...]:
        """What verifies, the current one first."""
        previous = () if self.previous_secret is None else (self.previous_secret.reveal(),)
        return (self.secret.reveal(), *previous)


class LandTax(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Obligations on land, which the national portal pushes (§9).

    ``security_key``: SecurityKey of the body, compared in constant time; without it only the network protects the
    door, as in one of the sources. ``previous_security_key``: also valid while it is changed. ``notice_path``,
    ``evidence_path``: what follows the mount point. ``answer``: the reply's form, ``{"error_code": …}`` or the
    ``result`` object of the other source. ``bad_key_http``: 401, or 200 for a portal that knows no other.
    ``max_rows``: most notices in one message.
    """

    security_key: Secret | None = None
    previous_security_key: Secret | None = None
    notice_path: str = "nhantbthuedvcqg"
    evidence_path: str = "nhanhsdvcqg"
    answer: Literal["error_code", "result"] = "error_code"
    bad_key_http: Literal[200, 401] = 401
    max_rows: Annotated[int, Meta(ge=1, le=100_000)] = 10_000


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One destination. Keys without a default must be given.

    partners               by MaDoiTac: keys, addresses, accounts and profile of each
    default_partner        who asks for money where nobody else is named; may be left out when there is one
    purpose                ThongTinGiaoDich and NoiDungThanhToan where an order has no text of its own
    ascii_purpose          write ThongTinGiaoDich and NoiDungThanhToan without accents (§5.1, field 12)
    payment_hosts          hosts that a payer may be sent to (UrlThanhToan, §5.3)
    receipt_hosts          hosts that a receipt may be fetched from (UrlBienLai, §5.7)
    plain_http_hosts       hosts, of a test stand or of the local exchange adapter, for which http is enough
    url_rewrites           address prefix that the platform uses to the prefix that is reachable here (§5.7)

    success_codes          MaLoi that means success (§7)
    refusal_codes          MaLoi of an INIT that surely was not taken; the list is not public, so none is (U8)
    wrapper_codes          error_code of a province platform's wrapper that means success (§5.3)
    paid_states, pending_states, failed_states   TrangThaiGD of §5.6; any other is told and counts as pending (U9)
    absent_after_s         between two answers that an attempt is unknown, before it is given up (§11.4)

    response_mac           check codes of answers: off, told (log), or demanded (enforce); their formula is open (U2)
    uppercase_mac          also take a check code in upper case (§4 rule 6)
    ack_for_failed         MaLoi that acknowledges a failed payment: 00, or the payment's own (echo) (U7)
    ack_mac                check code of our acknowledgement: the received one (echo), or the assumed formula
    bad_mac_http           HTTP status for a wrong check code: 401, or 200 with MaLoi 99 (§5.5)
    foreign_kinds          LoaiBanTin that a CONFIRM never has: those of our own questions, whose answers, sent back to
                           us, could carry a code of the same fields (§13; which one it has is open, U1)
    callback_path          what follows the mount point for CONFIRM
    callback_networks      networks that CONFIRM and look-ups may come from, in CIDR notation; empty: any that may call
    max_callback_bytes     largest inbound call that is read (§11.5)
    lookup_path            what follows the mount point for the look-up of §8; empty: not offered
    lookup_form            ``oc`` answers as in §8.1, ``tatc`` in upper case as in §8.2
    land                   obligations on land (§9); without it those doors are closed

    init_timeout_s, query_timeout_s, bill_timeout_s   how long an answer is waited for (§11.7)
    query_schedule_s       when a redirected payer's attempt is asked about, in seconds after it (§11.6)
    query_every_s          and from then on
    query_until_s          until a person looks at it; so long an attempt that ended is watched, too (§11.4)
    session_s              how long UrlThanhToan can be used; nobody says (U14). An attempt that is older and that the
                           platform does not know any more has expired (§11.3)
    max_bill_bytes         largest receipt (§5.7)
    """

    partners: dict[str, Partner]
    default_partner: str = ""
    purpose: Annotated[str, Meta(min_length=1)] = "THANH TOAN HO SO {dossier}"
    ascii_purpose: bool = True
    payment_hosts: tuple[Host, ...]
    receipt_hosts: tuple[Host, ...]
    plain_http_hosts: tuple[Host, ...] = ()
    url_rewrites: dict[str, str] = {}

    success_codes: tuple[str, ...] = ("00",)
    refusal_codes: tuple[str, ...] = ()
    wrapper_codes: tuple[str, ...] = ("0",)
    paid_states: tuple[str, ...] = ("1",)
    pending_states: tuple[str, ...] = ("3",)
    failed_states: tuple[str, ...] = ("4",)
    absent_after_s: Annotated[float, Meta(ge=0)] = 30.0

    response_mac: Literal["off", "log", "enforce"] = "log"
    uppercase_mac: bool = False
    ack_for_failed: Literal["00", "echo"] = "00"
    ack_mac: Literal["echo", "assumed"] = "echo"
    bad_mac_http: Literal[200, 401] = 401
    foreign_kinds: tuple[str, ...] = ("INIT", "QUERY", "GET_BILL")
    callback_path: Annotated[str, Meta(min_length=1)] = "confirm"
    callback_networks: tuple[str, ...] = ()
    max_callback_bytes: Annotated[int, Meta(ge=1024)] = 64 * 1024
    lookup_path: str = ""
    lookup_form: Literal["oc", "tatc"] = "oc"
    land: LandTax | None = None

    init_timeout_s: Seconds = 30.0
    query_timeout_s: Seconds = 30.0
    bill_timeout_s: Seconds = 60.0
    query_schedule_s: tuple[Seconds, ...] = (120.0, 300.0, 600.0, 1200.0, 2400.0)
    query_every_s: Seconds = 3600.0
    query_until_s: Seconds = 72 * 3600.0
    session_s: Seconds = 24 * 3600.0
    max_bill_bytes: Annotated[int, Meta(ge=1024)] = 10 * 1024 * 1024

    def partner_code(self) -> str:
        """Who asks for money where nobody else is named."""
        return self.default_partner or next(iter(self.partners))


def require_usable(settings: Settings) -> None:
    """Refuse settings that cannot work; ConfigurationError names the key and the cure."""
    if not settings.partners:
        raise ConfigurationError(
            "payment_platform: partners is empty; name at least one MaDoiTac with its keys"
        )
    if settings.default_partner and settings.default_partner not in settings.partners:
        raise ConfigurationError(
            f"payment_platform: default_partner {settings.default_partner!r} is none of partners"
        )
    if not settings.default_partner and len(settings.partners) > 1:
        raise ConfigurationError("payment_platform: there are several partners; set default_partner")
    for code, partner in settings.partners.items():
        _require_partner(code, partner, settings)
    _require_states(settings)
    for network in settings.callback_networks:
        try:
            ip_network(network)
        except ValueError as fault:
            raise ConfigurationError(
                f"payment_platform: callback_networks: got {network!r}, expected one like 10.20.0.0/16: {fault}"
            ) from fault
    try:
        settings.purpose.format(dossier="H99")
    except (KeyError, IndexError, ValueError, AttributeError) as fault:
        raise ConfigurationError(
            f"payment_platform: purpose {settings.purpose!r} may only hold {{dossier}}"
        ) from fault


def _require_partner(code: str, partner: Partner, settings: Settings) -> None:
    place = f"payment_platform: partners.{code}"
    if not (0 < len(code) <= 50) or "|" in code or not code.isprintable():
        raise ConfigurationError(f"{place}: a MaDoiTac has 1 to 50 printable characters and no '|'")
    for secret in partner.secrets():
        if len(secret) < SHORTEST_SECRET:
            raise ConfigurationError(
                f"{place}: a secret has {len(secret)} characters, too few to protect money"
            )
    if len(set(partner.secrets())) < len(partner.secrets()):
        raise ConfigurationError(f"{place}: previous_secret equals secret; leave it out")
    for key in ("init_url", "query_url", "bill_url"):
        parts = urlsplit(getattr(partner, key))
        safe = parts.scheme == "https" or (
            parts.scheme == "http" and parts.netloc in settings.plain_http_hosts
        )
        if not safe or not parts.netloc:
            raise ConfigurationError(
                f"{place}.{key}: an https address is needed, or a host of plain_http_hosts"
            )


def _require_states(settings: Settings) -> None:
    lists = (settings.paid_states, settings.pending_states, settings.failed_states)
    every = [state for states in lists for state in states]
    if len(set(every)) < len(every):
        raise ConfigurationError(
            "payment_platform: a TrangThaiGD stands in two lists; it can mean one thing only"
        )
    if set(settings.success_codes) & set(settings.refusal_codes):
        raise ConfigurationError("payment_platform: a MaLoi is in success_codes and in refusal_codes")
