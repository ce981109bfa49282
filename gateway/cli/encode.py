"""``lienthong encode``: exactly what would be sent, files and signature with it, and nothing is sent.

Invariant: no socket is opened; every credential and secret field reads ``[redacted]``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gateway.cli.options import AsJson, Config, examples

if TYPE_CHECKING:
    from gateway.domain.delivery import Delivery
    from gateway.domain.dossier import Dossier
    from gateway.domain.payment_order import PaymentOrder
    from gateway.port import Adapter, Planned, WireRequest
    from gateway.port.adapter import Catalogues
    from gateway.settings import Settings

EXAMPLES = examples(
    "lienthong encode national_portal dossier H99.14-260928-0007",
    "lienthong encode national_portal step dossier.json --raw",
    "lienthong encode payment_platform init order.json",
    "lienthong encode judicial_records nhanHoSoDangKyLLTP dossier.json --files attachments",
    "lienthong encode construction NopHoSo - --unsigned < dossier.json",
)


class Subject(NamedTuple):
    """What to encode, for whom, with what the gateway knows of it. ``dossier`` None: an order, which nobody plans.

    ``secrets``: values that must not be shown.
    """

    adapter: Adapter
    destination: str
    code: str
    dossier: Dossier | None
    memory: dict[str, str]
    catalogues: Catalogues
    secrets: tuple[str, ...]


class Enclosed(NamedTuple):
    """What goes along: files of ``folder``, or else those that are kept; the signature."""

    settings: Settings
    folder: Path | None
    signed: bool


def encode(
    adapter: Annotated[str, typer.Argument(help="A destination of the configuration, or an adapter's name.")],
    operation: Annotated[
        str,
        typer.Argument(help="An operation (lienthong adapters show), or the contract's own name of it."),
    ],
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-|DOSSIER",
            help="A record's or payment order's file, - for standard input, or a stored dossier.",
        ),
    ],
    *,
    config: Config = None,
    files: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Files that travel in the call, found by their SHA-256; without it, those that the gateway keeps.",
            show_default=False,
        ),
    ] = None,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Without the signature.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The body's bytes as they would leave.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print exactly what would be sent; send nothing."""
    from gateway.cli.opening import configured
    from gateway.cli.request_screen import print_request, print_requests

    settings = configured(config)
    subject, planned = _encoded(settings, adapter, operation, what)
    enclosed = Enclosed(settings, files, signed=not unsigned)
    requests = list(_requests(subject, planned, enclosed))
    if as_json:
        print_requests(requests)
        return
    for place, request in enumerate(requests):
        if place:
            print()
        print_request(request, raw=raw)


def _encoded(settings: Settings, name: str, operation: str, what: str) -> tuple[Subject, list[Planned]]:
    """What to encode and the deliveries of it; an adapter that takes orders gets them from the file itself."""
    from gateway.domain.errors import NotFoundError
    from gateway.port import AnswersPayers, CollectsPayments

    destination, built, secrets = _adapter(settings, name)
    content = _content(what)
    if isinstance(built, AnswersPayers) and content is not None:
        order = _ordered(content)
        subject = Subject(built, destination, order.dossier, None, {}, {}, secrets)
        return subject, [_order_delivery(subject, operation, order)]
    if isinstance(built, CollectsPayments):
        raise NotFoundError(
            f"there is no file {what} with a payment order; what would be sent for a stored dossier shows: "
            f"lienthong payments create {what} --dry-run"
        )
    chosen = (destination, built, secrets)
    subject = _stored_subject(settings, chosen, what) if content is None else _told(settings, chosen, content)
    return subject, _planned(subject, operation)


def _content(what: str) -> bytes | None:
    """What stands in the file or comes in; None where ``what`` is neither."""
    if what == "-":
        return sys.stdin.buffer.read()
    path = Path(what)
    return path.read_bytes() if path.is_file() else None


def _ordered(content: bytes) -> PaymentOrder:
    """The payment order in a file; RecordError lists everything wrong with it."""
    from gateway.codec.record import RecordReader
    from gateway.domain.payment_order import PaymentOrder

    return RecordReader(PaymentOrder, what="payment order").read(_first_line(content))


def _order_delivery(subject: Subject, operation: str, order: PaymentOrder) -> Planned:
    from gateway.codec import canonical
    from gateway.port import Planned

    return Planned(
        operation=_operation(subject, operation), key=order.reference, payload=canonical.encode(order)
    )


def _told(settings: Settings, chosen: tuple[str, Adapter, tuple[str, ...]], content: bytes) -> Subject:
    """The dossier in a file, of which the gateway knows nothing yet."""
    from gateway.cli.opening import reading
    from gateway.domain.errors import ConfigurationError

    destination, built, secrets = chosen
    dossier = _read_record(settings, content)
    try:
        with reading(settings) as database:
            catalogues = database.ask(partial(_catalogues, destination=destination))
    except ConfigurationError:
        catalogues = {}  # no database yet: an adapter's author needs none
    memory = _first_memory(built, dossier)
    return Subject(built, destination, dossier.code, dossier, memory, catalogues, secrets)


def _stored_subject(settings: Settings, chosen: tuple[str, Adapter, tuple[str, ...]], code: str) -> Subject:
    from gateway.cli.opening import reading

    destination, built, secrets = chosen
    with reading(settings) as database:
        stored = database.ask(partial(_stored, code=code, destination=destination))
        catalogues = database.ask(partial(_catalogues, destination=destination))
    dossier, memory = stored
    known = memory or _first_memory(built, dossier)
    return Subject(built, destination, dossier.code, dossier, known, catalogues, secrets)


def _adapter(settings: Settings, name: str) -> tuple[str, Adapter, tuple[str, ...]]:
    """The adapter as a destination configures it; without one, as its own specification does."""
    from gateway import registry
    from gateway.bootstrap import adapter_settings
    from gateway.cli.exits import complain
    from gateway.conformance import load, sources
    from gateway.domain.errors import ConfigurationError

    named = {
        destination: section
        for destination, section in settings.destination.items()
        if name in (destination, section.adapter)
    }
    for destination, section in named.items():
        own = adapter_settings(destination, section)
        return destination, registry.load(section.adapter or destination).build(own), _secrets(own)
    source = next((each for each in sources() if each.like == name and not each.variant), None)
    if source is None:
        raise ConfigurationError(f"there is neither a destination nor an adapter called {name!r}")
    complain(f"no destination uses {name}: encoding with the settings of its specification")
    subject = load(source)
    return name, subject.build(), tuple(subject.secrets().values())


def _secrets(value: Any) -> tuple[str, ...]:
    """Every secret in a settings structure."""
    import msgspec

    from gateway.port import Secret

    if isinstance(value, Secret):
        return (value.reveal(),)
    if isinstance(value, msgspec.Struct):
        return tuple(found for name in value.__struct_fields__ for found in _secrets(getattr(value, name)))
    return ()


def _read_record(settings: Settings, body: bytes) -> Dossier:
    """The first record of a file, translated; RecordError lists everything wrong with it."""
    from gateway.codec.record import RecordReader
    from gateway.domain.dossier import Dossier
    from gateway.domain.errors import RecordError
    from mappings.sources import Translation

    dossier = RecordReader(Dossier, what="dossier record").read(_first_line(body))
    translated = Translation.load(settings.sources.tables).translate(dossier, datetime.now(UTC).date())
    if isinstance(translated, Dossier):
        return translated
    raise RecordError(f"dossier {dossier.code}: codes of {dossier.source} are unknown", list(translated))


def _first_line(body: bytes) -> bytes:
    """The first line of NDJSON; the whole of a document that is spread over lines."""
    import msgspec

    line = next(iter(body.splitlines()), b"")
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    return line


def _first_memory(adapter: Adapter, dossier: Dossier) -> dict[str, str]:
    codes = adapter.partner_codes(dossier)
    return {"partner_code": codes[0]} if codes else {}


def _stored(connection: Any, code: str, destination: str) -> tuple[Dossier, dict[str, str]]:
    import msgspec

    from gateway.domain.dossier import Dossier
    from gateway.domain.errors import NotFoundError
    from gateway.storage.queries import lane_memory, stored_dossier

    found = stored_dossier(connection, code)
    if found is None:
        raise NotFoundError(f"there is neither a file nor a stored dossier called {code}")
    lane = lane_memory(connection, destination, code)
    return msgspec.json.decode(found.record, type=Dossier), {} if lane is None else lane.memory


def _catalogues(connection: Any, destination: str) -> Catalogues:
    from gateway.storage.reference import catalogues

    return catalogues(connection, destination)


def _planned(subject: Subject, operation: str) -> list[Planned]:
    from gateway.domain.errors import NotFoundError

    name = _operation(subject, operation)
    plan = subject.adapter.plan(subject.dossier) if subject.dossier is not None else ()
    planned = [each for each in plan if each.operation == name]
    if not planned:
        raise NotFoundError(f"dossier {subject.code}: {subject.destination} gets no {operation} of it")
    return planned


def _operation(subject: Subject, asked: str) -> str:
    """The operation of that name, or whose call is so called in the contract; NotFoundError lists them all."""
    from gateway.domain.errors import NotFoundError

    operations = subject.adapter.manifest.operations
    for each in operations:
        if asked in (each.name, *each.calls):
            return each.name
    known = ", ".join(name for each in operations for name in (each.name, *each.calls))
    raise NotFoundError(f"there is no operation {asked!r}; there are: {known}")


def _requests(subject: Subject, planned: Sequence[Planned], enclosed: Enclosed) -> Iterator[WireRequest]:
    """One request per call, with as many deliveries as may travel together; nothing secret in it."""
    from gateway.cli.enclosing import files_at, signed, with_files
    from gateway.cli.exits import complain
    from gateway.messagelog.redaction import REDACTED
    from gateway.port import Context
    from gateway.port.signing import Profile

    adapter = subject.adapter
    context = Context(
        now=datetime.now(UTC),
        credentials={layer.name: REDACTED for layer in adapter.credentials},
        memory=subject.memory,
        catalogues=subject.catalogues,
    )
    operation = adapter.manifest.operation(planned[0].operation)
    most = operation.batch
    find = partial(files_at, enclosed.settings, enclosed.folder)
    for begin in range(0, len(planned), most):
        deliveries = [
            _delivery(subject, each, place)
            for place, each in enumerate(planned[begin : begin + most], start=begin + 1)
        ]
        request = with_files(partial(adapter.encode, deliveries), context, find)
        if enclosed.signed:
            request = signed(request, operation.signing, enclosed.settings, context.now)
        shown = _redacted(subject, request)
        if enclosed.signed and operation.signing.profile is not Profile.NONE and shown.body != request.body:
            complain("the signature is over the call as it leaves, without the words [redacted]")
        yield shown


def _delivery(subject: Subject, planned: Planned, position: int) -> Delivery:
    from gateway.domain.delivery import Delivery

    return Delivery(
        id=position,
        lane=0,
        destination=subject.destination,
        dossier=subject.code,
        operation=planned.operation,
        key=planned.key,
        position=position,
        payload=planned.payload,
    )


def _redacted(subject: Subject, request: WireRequest) -> WireRequest:
    import msgspec

    from gateway.messagelog.redaction import redact_body, redact_headers, redact_url

    manifest, secrets = subject.adapter.manifest, subject.secrets
    headers = redact_headers(request.headers, names=manifest.secret_headers, secrets=secrets)
    return msgspec.structs.replace(
        request,
        url=redact_url(request.url, fields=manifest.secret_fields, secrets=secrets),
        headers=tuple((name, value) for name, value in headers),
        body=redact_body(request.body, fields=manifest.secret_fields, secrets=secrets),
    )
