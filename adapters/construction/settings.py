"""Settings of one destination for the ministry of construction: everything that the contract leaves open (construction
§8).

Invariant: addresses, version of SOAP, signatures, terms and competence are decided here, with the day from which they
hold, and never in code.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from gateway.access import Access, OpenAccess, XRoadAccess
from gateway.codec import soap
from gateway.codec.soap import Version
from gateway.domain.declarations.construction import PermitKind, WorkGrade, WorkGroup
from gateway.domain.errors import ConfigurationError
from gateway.port import polling
from gateway.port.signing import PasswordKind, Profile

Seconds = Annotated[float, Meta(gt=0)]
Bytes = Annotated[int, Meta(ge=1024)]
AnswerBytes = Annotated[int, Meta(ge=1024, le=soap.MAX_BYTES)]  # more than that no parser here takes
Days = Annotated[int, Meta(ge=1, le=365)]
Unit = Annotated[str, Meta(pattern=r"^[A-Z][0-9]{2}(\.[0-9]{1,3}){0,3}$(?!\n)")]
Short = Annotated[str, Meta(max_length=255)]
_MIB = 1024 * 1024
_SIGNED = frozenset({Profile.NONE, Profile.WSSE_X509, Profile.WSSE_USERNAME, Profile.XADES})
_LOCAL = (WorkGrade.III, WorkGrade.IV)
_CHANGES = (PermitKind.EXTENSION, PermitKind.REISSUE)


class Signing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How messages are signed (construction §6, recommendations).

    profile     none, wsse_x509, wsse_username, or xades on the dossier element of an application
    key         name of the key in the keyring, or of the account for wsse_username
    timestamp   xades: name of the authority that stamps the signature; empty for none
    password    wsse_username: how the password is shown; text over TLS only
    lifetime_s  for how long a signature is good
    trusted     name of the ministry's pinned certificates; with one, answers must be signed (wsse_x509)
    """

    profile: Profile = Profile.NONE
    key: str = ""
    timestamp: str = ""
    password: PasswordKind = PasswordKind.TEXT
    lifetime_s: Seconds = 300.0
    trusted: str = ""


class Polling(polling.Polling, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ministry takes days: a longer first pause."""

    first_s: Seconds = 1800.0
    longest_s: Seconds = 14_400.0


class Feed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The list of changes (LayDanhSachThayDoi).

    interval_s   seconds between two looks
    page         most entries of a page
    """

    interval_s: Seconds = 300.0
    page: Annotated[int, Meta(ge=1, le=500)] = 200


class Term(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the ministry has, where a dossier promises nothing itself (construction §4, deadlines; U3, U4).

    since          first day of receptions that it is for
    kinds          kinds of permit, all when empty; planning information has none and is ``planning``
    groups         groups of works, all when empty
    grades         grades of works, all when empty
    planning       it is for planning information
    working_days   the term
    """

    since: date
    working_days: Days
    kinds: tuple[PermitKind, ...] = ()
    groups: tuple[WorkGroup, ...] = ()
    grades: tuple[WorkGrade, ...] = ()
    planning: bool = False


class Competence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From when on communes decide about houses (construction §2: article 53; U2).

    since    first day of receptions that it is for
    units    codes of the communes' committees, with ``*``
    """

    since: date
    units: tuple[str, ...]


_NEW_LAW = date(2026, 7, 1)
_OLD_LAW = date(2015, 1, 1)
TERMS = (
    Term(since=_NEW_LAW, kinds=_CHANGES, working_days=5),
    Term(since=_NEW_LAW, groups=(WorkGroup.HOUSE,), working_days=7),
    Term(since=_NEW_LAW, grades=_LOCAL, working_days=10),
    Term(since=_OLD_LAW, kinds=_CHANGES, working_days=5),
    Term(since=_OLD_LAW, planning=True, working_days=15),
    Term(since=_OLD_LAW, working_days=15),
)
"""The proposal's terms. The first that fits counts; of two that fit, the one that holds since later comes first."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One destination.

    url                  address of the service, for the version of SOAP that is chosen
    soap_version         1.1 or 1.2 (construction §8 U6)
    unit                 MaDonVi: the calling unit's code
    service              MaDVC, where the platform wants one
    integration          MaTichHop, likewise
    officer              MaCanBo: the account that acts, likewise
    ministry             who asks for supplements and decides, as officials read it
    access               the layer in front (construction §5)
    signing              signatures (construction §6)
    polling              when the ministry is asked about a dossier
    feed                 when its list of changes is read; left out, it is not
    terms                how long the ministry has, by the day of reception; the first that fits
    competence           where a commune decides, by the day of reception; nowhere when empty (R5)
    adopt_known          a dossier that the ministry has already, by another call (MaLoi 202), counts as delivered
    timeout_s            how long an answer is waited for
    max_file_bytes       largest attachment (R10)
    max_files_bytes      all attachments of a call together (R10)
    max_answer_bytes     largest answer that is read
    """

    url: str
    unit: Unit
    soap_version: Version = Version.SOAP_11
    service: Short = ""
    integration: Short = ""
    officer: Short = ""
    ministry: Annotated[str, Meta(min_length=1, max_length=255)] = "Bộ Xây dựng"
    access: Access = OpenAccess()
    signing: Signing = Signing()
    polling: Polling = Polling()
    feed: Feed | None = Feed()
    terms: tuple[Term, ...] = TERMS
    competence: tuple[Competence, ...] = ()
    adopt_known: bool = True
    timeout_s: Seconds = 60.0
    max_file_bytes: Bytes = 20 * _MIB
    max_files_bytes: Bytes = 100 * _MIB
    max_answer_bytes: AnswerBytes = soap.MAX_BYTES


def require_usable(settings: Settings) -> None:
    """Refuse settings that cannot work; ConfigurationError names the key and the cure."""
    parts = urlsplit(settings.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"construction: url is {settings.url!r}; give an absolute http(s) address")
    if settings.access.body:
        raise ConfigurationError("construction: access.body: a SOAP body has no place for secrets")
    if isinstance(settings.access, XRoadAccess) and settings.access.service is None:
        raise ConfigurationError("construction: access.service: X-Road needs the provider's subsystem")
    if isinstance(settings.access, XRoadAccess) and settings.soap_version is not Version.SOAP_11:
        raise ConfigurationError("construction: soap_version: X-Road knows SOAP 1.1 only (construction §5)")
    signing = settings.signing
    if signing.profile not in _SIGNED:
        raise ConfigurationError(
            f"construction: signing.profile {signing.profile} is not one of a SOAP service"
        )
    if (signing.profile is Profile.NONE) != (not signing.key):
        raise ConfigurationError("construction: signing: a profile needs a key, and a key a profile")
    if signing.timestamp and signing.profile is not Profile.XADES:
        raise ConfigurationError("construction: signing.timestamp is for the profile xades")
    try:
        settings.polling.schedule()
    except ValueError as fault:
        raise ConfigurationError(f"construction: polling: {fault}") from fault
