"""Configuration: one TOML file, overridden by ``LIENTHONG_…`` variables, secrets by reference.

Every key has its default here. A secret is written ``{ env = "NAME" }`` or ``{ file = "/path" }``; a secret inline
is refused. Invariant: a wrong or unknown key stops the start with its path, never later.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

from gateway.bounds import Count, Factor, Pause, Seconds
from gateway.domain.errors import ConfigurationError
from gateway.port import Capacity, Secret
from gateway.settings_console import ConsoleSettings
from gateway.settings_evidence import EvidenceSettings

_T = TypeVar("_T")
PREFIX = "LIENTHONG_"
DEFAULT_FILE = "lienthong.toml"
KEYS_FOLDER = "lienthong-keys"
_SQLITE = "sqlite:///"


class _Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Root of the sections: unknown keys are refused."""


class DatabaseSettings(_Section, frozen=True, kw_only=True):
    """``url``: ``sqlite:///path`` or ``postgresql://user@host/name`` (password by PGPASSFILE or ``password``)."""

    url: str = "sqlite:///lienthong.db"
    password: Secret | None = None


class ApiSettings(_Section, frozen=True, kw_only=True):
    """The REST API. ``rate``: requests a second that one client may make, ``burst`` at once."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8787
    max_body_bytes: Count = 8 * 1024 * 1024
    max_import_bytes: Count = 1024 * 1024 * 1024
    max_line_bytes: Count = 4 * 1024 * 1024
    rate: Seconds = 1000.0
    burst: Count = 2000
    token_lifetime: Seconds = 3600.0
    long_poll: Seconds = 30.0


class RetrySettings(_Section, frozen=True, kw_only=True):
    """Back-off of deferred deliveries, in seconds: doubling with jitter, then parked after ``give_up_after``.

    ``rounds``: how often a delivery may be sent, lost and found absent before an operator is told.
    """

    first: Pause = 2.0
    factor: Factor = 2.0
    longest: Pause = 1800.0
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.25
    give_up_after: Seconds = 7 * 86400.0
    rounds: Count = 20
    immediate: Count = 3
    ask_after: Seconds = 2.0


class BreakerSettings(_Section, frozen=True, kw_only=True):
    """After ``failures`` in a row nothing but one probe leaves, first after ``first_pause`` seconds, doubling."""

    failures: Count = 6
    first_pause: Pause = 2.0
    longest_pause: Pause = 300.0


class DeliverySettings(_Section, frozen=True, kw_only=True):
    """Defaults for every destination."""

    retry: RetrySettings = RetrySettings()
    breaker: BreakerSettings = BreakerSettings()
    poll: Pause = 0.5
    depth: Count = 10
    beat: Pause = 1.0
    dead_after: Pause = 6.0

    def __post_init__(self) -> None:
        if self.dead_after < 3 * self.beat:
            raise ValueError(
                f"delivery.dead_after: got {self.dead_after:g} s, expected at least three beats "
                f"({3 * self.beat:g} s), else living workers count as dead"
            )


class WebhookSettings(_Section, frozen=True, kw_only=True):
    """Sending events to endpoints of the one-door system. Times in seconds.

    ``allow``: hosts (patterns like ``*.h99.example``) and networks (``10.20.0.0/16``) in which an endpoint may have a
    private address, this machine's own included; without an entry only public addresses are called. Link-local
    addresses are always refused. ``allow_http``: hosts that may be addressed without TLS; the own machine always may.
    ``ca_file``: certificates of a private authority. ``keys``: seal the endpoints' secrets in the database; the first
    seals, each of them opens. A failing endpoint is tried again after ``first`` seconds, doubling up to ``longest``,
    and disabled after ``give_up_after``.
    """

    allow: list[str] = []
    allow_http: list[str] = []
    ca_file: str | None = None
    keys: list[Secret] = []
    connect_timeout: Seconds = 10.0
    read_timeout: Seconds = 20.0
    first: Pause = 5.0
    factor: Factor = 2.0
    longest: Seconds = 3600.0
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.2
    give_up_after: Seconds = 5 * 86400.0


class FileSettings(_Section, frozen=True, kw_only=True):
    """Files of dossiers. Partners that want bytes get those that a record names by address and SHA-256.

    ``hosts``: exactly these may be fetched from, over https; ``plain_http_hosts``: over http. ``inside``: those of
    ``hosts`` that may be at a private address, as a store in the province's own network is. ``max_bytes``: the largest
    that is fetched and kept. ``address``: under which the one-door system reaches this gateway; results that partners
    have sent are at ``<address>/v1/files/<sha256>``; left out, the API's own host and port.
    """

    hosts: list[str] = []
    plain_http_hosts: list[str] = []
    inside: list[str] = []
    max_bytes: Annotated[int, Meta(ge=1, le=512 * 1024 * 1024)] = 20 * 1024 * 1024
    address: Annotated[str, Meta(pattern=r"^https?://[^\s?#]+$", max_length=500)] | None = None


class LogSettings(_Section, frozen=True, kw_only=True):
    """Program log (not the message log): ``format`` is ``json`` or ``console``."""

    level: str = "info"
    format: Annotated[str, Meta(pattern="^(json|console)$")] = "console"


class TracingSettings(_Section, frozen=True, kw_only=True):
    """Traces for an OpenTelemetry collector (OTLP over HTTP). ``endpoint``: its address for traces; left out, there are no
    traces. ``headers``: sent with every batch. ``sample_ratio``: the share of journeys that is recorded, where the one-door
    system has not decided it (``traceparent``). ``queue``: spans that wait at most; more are dropped.
    """

    endpoint: Annotated[str, Meta(pattern=r"^https?://[^\s?#]+$", max_length=500)] | None = None
    headers: dict[str, Secret] = {}
    sample_ratio: Annotated[float, Meta(ge=0, le=1)] = 1.0
    service_name: Annotated[str, Meta(min_length=1, max_length=100)] = "lienthong"
    queue: Count = 8192


Dangerous = Literal[
    "delivery.skip",
    "delivery.resolve",
    "delivery.edit",
    "drift.repair_backwards",
    "dossier.erase",
    "keys.rotate",
    "keys.destroy",
    "account.grant",
]


class ApprovalSettings(_Section, frozen=True, kw_only=True):
    """A second person. ``required``: what takes effect only after somebody else has approved it; ``[]`` for a trial by
    one person alone. Refunds and decisions about payments always need two. ``lifetime``: seconds that a request, and what
    was approved, is good.
    """

    required: list[Dangerous] = msgspec.field(default_factory=lambda: list(get_args(Dangerous)))
    lifetime: Annotated[float, Meta(ge=60, le=31 * 86400)] = 3 * 86400.0


class SourceSettings(_Section, frozen=True, kw_only=True):
    """``tables``: a folder with the province's own translation tables, instead of the shipped ones."""

    tables: str | None = None


class Maintenance(_Section, frozen=True, kw_only=True):
    """A window without sending. Daily: ``start``/``end`` as ``HH:MM`` Vietnam time. Once: ISO 8601 instants."""

    start: str
    end: str
    reason: str = ""


class TlsSettings(_Section, frozen=True, kw_only=True):
    """TLS of one partner. ``ca_file``: its authorities in PEM, in place of the system's (pinned). ``certificate`` (with
    the chain behind it), ``key``: what we show (mutual TLS), in PEM and by reference; ``key_password``: of the key.
    """

    ca_file: str | None = None
    certificate: Secret | None = None
    key: Secret | None = None
    key_password: Secret | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("tls: certificate and key are given together, or neither")
        if self.key_password is not None and self.key is None:
            raise ValueError("tls: key_password without a key")


class DestinationSettings(_Section, frozen=True, kw_only=True):
    """One partner. ``settings`` goes to the adapter; the other keys override the manifest's capacity.

    ``refusals_logged``: of the calls that are no payment platform's, how many a minute are kept in the message log; all
    are counted. ``inbound_from``: networks from which the partner (its adapter, its security server) may call ``/in/…``; the
    contracts know no other proof of who calls, so the default is this machine alone. ``tls``: pinned authorities and
    our own certificate, where the partner wants them. ``send_traceparent``: requests carry the trace's place (W3C Trace
    Context), while there is one.
    """

    adapter: str | None = None
    enabled: bool = True
    concurrency: Count | None = None
    rate: Pause | None = None
    connect_timeout: Pause | None = None
    read_timeout: Pause | None = None
    maintenance: list[Maintenance] = []
    refusals_logged: Annotated[float, Meta(ge=0, le=600)] = 6.0
    inbound_from: list[str] = msgspec.field(default_factory=lambda: ["127.0.0.0/8", "::1/128"])
    send_traceparent: bool = False
    tls: TlsSettings = TlsSettings()
    settings: dict[str, Any] = {}

    def capacity(self, default: Capacity) -> Capacity:
        """The manifest's capacity with this section's overrides."""
        overrides = {
            name: getattr(self, name)
            for name in ("concurrency", "rate", "connect_timeout", "read_timeout")
            if getattr(self, name) is not None
        }
        return msgspec.structs.replace(default, **overrides)


class OfficeSettings(_Section, frozen=True, kw_only=True):
    """What one agency has of its own: working ``windows`` like ``07:30-11:30``, and a file of local ``days``."""

    windows: list[str] = []
    days: str | None = None


class DeadlineSettings(_Section, frozen=True, kw_only=True):
    """The rules of time. ``calendar``, ``policies``: files that take the place of the shipped ones.

    ``near_due_hours`` and ``reception_hours`` are working hours (domain_rules R24, R1). ``grace``: seconds that an end
    may be on its way before it counts as not acknowledged. ``stopped``: what state 8 is. ``strict_waiting``: what waits
    and was late before it waited counts as overdue in form 06a. ``bulk_edit_dossiers``: so many dossiers of one source
    whose times were rewritten without a lawful cause within ``bulk_edit_seconds`` are BULK_EDIT. ``offices``: by agency
    code. After a change run ``lienthong sync run reassess``.
    """

    calendar: str | None = None
    policies: str | None = None
    near_due_hours: Annotated[float, Meta(gt=0, le=800)] = 8.0
    reception_hours: Annotated[float, Meta(gt=0, le=800)] = 8.0
    grace: Seconds = 300.0
    stopped: Literal["by_time", "waits", "ends"] = "by_time"
    strict_waiting: bool = False
    bulk_edit_dossiers: Annotated[int, Meta(ge=2)] = 20
    bulk_edit_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    offices: dict[str, OfficeSettings] = {}


class LagSettings(_Section, frozen=True, kw_only=True):
    """The lag of synchronisation. ``counts_from``: an instant with its offset before which nobody had to synchronise
    anything, as after an initial load of old dossiers; left out, the gateway's first run. ``kept_days``: so long the
    rows of single deliveries are kept, more than any report looks back; percentiles by day stay.
    """

    counts_from: Annotated[datetime, Meta(tz=True)] | None = None
    kept_days: Annotated[int, Meta(ge=400, le=36_500)] = 1100


class ReportSettings(_Section, frozen=True, kw_only=True):
    """Reports. ``folder``: where the job writes its files; without one it only keeps the figures.

    ``closing_day``: the last day of a reporting month, 0 for the month's own; 14 counts from the 15th to the 14th, 20
    from the 21st to the 20th. ``on_time_least``: an on-time ratio below it is an alarm; ``on_time_of``: its denominator.
    ``progress``: which formula is Decision 766's indicator, ``balance`` or ``portal`` (docs/reports.md), worth
    ``progress_points`` at best.
    """

    folder: str | None = None
    closing_day: Annotated[int, Meta(ge=0, le=27)] = 0
    on_time_least: Annotated[float, Meta(ge=0, le=1)] = 0.95
    on_time_of: Literal["resolved", "received"] = "resolved"
    progress: Literal["balance", "portal"] = "balance"
    progress_points: Annotated[float, Meta(ge=0, le=100)] = 20.0


class JobSettings(_Section, frozen=True, kw_only=True):
    """When one job runs, where that is not to be as shipped: five cron fields in a time zone of the tz database.

    ``missed``: what becomes of starts that nobody was there for, ``once`` (one run makes up for all) or ``skip``.
    """

    cron: str | None = None
    time_zone: str | None = None
    missed: Literal["skip", "once"] | None = None
    enabled: bool = True


class Settings(_Section, frozen=True, kw_only=True):
    """The whole configuration. ``signing``: keys and certificates by name, as ``gateway.signing.keyring`` reads them."""

    database: DatabaseSettings = DatabaseSettings()
    api: ApiSettings = ApiSettings()
    delivery: DeliverySettings = DeliverySettings()
    webhooks: WebhookSettings = WebhookSettings()
    files: FileSettings = FileSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    console: ConsoleSettings = ConsoleSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    approvals: ApprovalSettings = ApprovalSettings()
    sources: SourceSettings = SourceSettings()
    deadlines: DeadlineSettings = DeadlineSettings()
    lag: LagSettings = LagSettings()
    reports: ReportSettings = ReportSettings()
    signing: dict[str, Any] = {}
    jobs: dict[str, JobSettings] = {}
    destination: dict[str, DestinationSettings] = {}

    def __post_init__(self) -> None:
        if "evidence" in self.destination:
            raise ValueError("destination.evidence: that is the log's own channel; choose another name")


def load(path: str | Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the file (if it is there) and the environment. ConfigurationError names the key and the cure."""
    variables = os.environ if environment is None else environment
    document = _read_file(path)
    for name, value in sorted(variables.items()):
        if name.startswith(PREFIX) and "__" in name:
            _override(document, name.removeprefix(PREFIX).lower().split("__"), value)
    return decode(document, Settings, variables)


def decode(document: Mapping[str, Any], kind: type[_T], environment: Mapping[str, str] | None = None) -> _T:
    """``document`` as ``kind``, secret references resolved. Used for adapters' own settings, too."""
    variables = os.environ if environment is None else environment

    def hook(wanted: type, value: object) -> object:
        if wanted is Secret:
            return _secret(value, variables)
        raise NotImplementedError(f"no such setting type: {wanted}")

    try:
        return msgspec.convert(dict(document), kind, dec_hook=hook)
    except msgspec.ValidationError as fault:
        raise ConfigurationError(f"configuration: {fault}") from fault


def keys_folder(settings: Settings) -> Path | None:
    """Where the keys of the message log are; None: nowhere."""
    if settings.evidence.keys is not None:
        return Path(settings.evidence.keys)
    url = settings.database.url
    return Path(url.removeprefix(_SQLITE)).parent / KEYS_FOLDER if url.startswith(_SQLITE) else None


def database_url(settings: DatabaseSettings) -> str:
    """The URL with its password, for the driver; never shown."""
    if settings.password is None:
        return settings.url
    scheme, _, rest = settings.url.partition("://")
    user, at, host = rest.partition("@")
    if not at:
        raise ConfigurationError("database.url: with database.password the URL needs a user, like user@host")
    return f"{scheme}://{user}:{quote(settings.password.reveal(), safe='')}@{host}"


def _secret(value: object, variables: Mapping[str, str]) -> Secret:
    match value:
        case Secret():
            return value
        case {"env": str(name), **rest} if not rest and name in variables:
            return Secret(variables[name])
        case {"env": str(name), **rest} if not rest:
            raise ConfigurationError(f"configuration: environment variable {name} is not set")
        case {"file": str(name), **rest} if not rest:
            return _secret_file(Path(name))
        case _:
            raise ConfigurationError(
                'configuration: a secret is given by reference, { env = "NAME" } or { file = "/path" }'
            )


def _secret_file(path: Path) -> Secret:
    try:
        return Secret(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigurationError(f"configuration: cannot read the secret in {path}: {fault}") from fault


def _read_file(path: str | Path | None) -> dict[str, Any]:
    chosen = Path(path or DEFAULT_FILE)
    if not chosen.exists():
        if path is not None:
            raise ConfigurationError(f"configuration: there is no file {chosen}")
        return {}
    try:
        return tomllib.loads(chosen.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as fault:
        raise ConfigurationError(f"configuration: {chosen}: {fault}") from fault


def _override(document: dict[str, Any], path: list[str], text: str) -> None:
    """Set ``path`` to ``text``, read as a TOML value where it is one (numbers, booleans, tables)."""
    node = document
    for part in path[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise ConfigurationError(
                f"configuration: {PREFIX}{'__'.join(path).upper()}: {part} is not a section"
            )
    node[path[-1]] = _toml_value(text)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
