"""``lienthong encode``: exactly what would be sent, and nothing is sent.

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


def encode(
    adapter: Annotated[str, typer.Argument(help="A destination of the configuration, or an adapter's name.")],
    operation: Annotated[str, typer.Argument(help="An operation: see lienthong adapters show.")],
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE|DOSSIER", help="A record's or payment order's file, or a stored dossier."
        ),
    ],
    *,
    config: Config = None,
    raw: Annotated[bool, typer.Option("--raw", help="The body's bytes as they would leave.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print exactly what would be sent; send nothing."""
    from gateway.cli.opening import configured

    settings = configured(config)
    requests = list(_requests(*_encoded(settings, adapter, operation, what)))
    if as_json:
        _print_json(requests)
        return
    for place, request in enumerate(requests):
        if place:
            print()
        _print(request, raw=raw)


def _encoded(settings: Settings, name: str, operation: str, what: str) -> tuple[Subject, list[Planned]]:
    """What to encode and the deliveries of it; an adapter that takes orders gets them from the file itself."""
    from gateway.domain.errors import NotFoundError
    from gateway.port import AnswersPayers, CollectsPayments

    destination, built, secrets = _adapter(settings, name)
    path = Path(what)
    if isinstance(built, AnswersPayers) and path.is_file():
        order = _ordered(path)
        subject = Subject(built, destination, order.dossier, None, {}, {}, secrets)
        return subject, [_order_delivery(subject, operation, order)]
    if isinstance(built, CollectsPayments):
        raise NotFoundError(
            f"there is no file {what} with a payment order; what would be sent for a stored dossier shows: "
            f"lienthong payments create {what} --dry-run"
        )
    subject = _subject(settings, (destination, built, secrets), what)
    return subject, _planned(subject, operation)


def _ordered(path: Path) -> PaymentOrder:
    """The payment order in a file; RecordError lists everything wrong with it."""
    from gateway.codec.record import RecordReader
    from gateway.domain.payment_order import PaymentOrder

    return RecordReader(PaymentOrder, what="payment order").read(_first_line(path.read_bytes()))


def _order_delivery(subject: Subject, operation: str, order: PaymentOrder) -> Planned:
    from gateway.codec import canonical
    from gateway.port import Planned

    _require_operation(subject, operation)
    return Planned(operation=operation, key=order.reference, payload=canonical.encode(order))


def _subject(settings: Settings, chosen: tuple[str, Adapter, tuple[str, ...]], what: str) -> Subject:
    from gateway.cli.opening import reading
    from gateway.domain.errors import ConfigurationError

    destination, built, secrets = chosen
    path = Path(what)
    if path.is_file():
        dossier = _read_file(settings, path)
        try:
            with reading(settings) as database:
                catalogues = database.ask(partial(_catalogues, destination=destination))
        except ConfigurationError:
            catalogues = {}  # no database yet: an adapter's author needs none
        memory = _first_memory(built, dossier)
        return Subject(built, destination, dossier.code, dossier, memory, catalogues, secrets)
    with reading(settings) as database:
        stored = database.ask(partial(_stored, code=what, destination=destination))
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


def _read_file(settings: Settings, path: Path) -> Dossier:
    """The first record of a file, translated; RecordError lists everything wrong with it."""
    from gateway.codec.record import RecordReader
    from gateway.domain.dossier import Dossier
    from gateway.domain.errors import RecordError
    from mappings.sources import Translation

    body = path.read_bytes()
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

    _require_operation(subject, operation)
    plan = subject.adapter.plan(subject.dossier) if subject.dossier is not None else ()
    planned = [each for each in plan if each.operation == operation]
    if not planned:
        raise NotFoundError(f"dossier {subject.code}: {subject.destination} gets no {operation} of it")
    return planned


def _require_operation(subject: Subject, operation: str) -> None:
    from gateway.domain.errors import NotFoundError

    known = [each.name for each in subject.adapter.manifest.operations]
    if operation not in known:
        raise NotFoundError(f"there is no operation {operation!r}; there are: {', '.join(known)}")


def _requests(subject: Subject, planned: Sequence[Planned]) -> Iterator[WireRequest]:
    """One request per call, with as many deliveries as may travel together; nothing secret in it."""
    from gateway.messagelog.redaction import REDACTED
    from gateway.port import Context

    adapter = subject.adapter
    context = Context(
        now=datetime.now(UTC),
        credentials={layer.name: REDACTED for layer in adapter.credentials},
        memory=subject.memory,
        catalogues=subject.catalogues,
    )
    most = adapter.manifest.operation(planned[0].operation).batch
    for begin in range(0, len(planned), most):
        deliveries = [
            _delivery(subject, each, place)
            for place, each in enumerate(planned[begin : begin + most], start=begin + 1)
        ]
        yield _redacted(subject, adapter.encode(deliveries, context))


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


def _print(request: WireRequest, *, raw: bool) -> None:
    from gateway.cli.screen import pretty

    if raw:
        sys.stdout.buffer.write(request.body + b"\n")
        sys.stdout.flush()
        return
    print(f"{request.method} {request.url}")
    for name, value in request.headers:
        print(f"{name}: {value}")
    print()
    print(pretty(request.body), flush=True)


def _print_json(requests: list[WireRequest]) -> None:
    from gateway.cli.screen import print_json

    print_json(
        [
            {
                "method": each.method,
                "url": each.url,
                "headers": [list(pair) for pair in each.headers],
                "body_size": len(each.body),
                "body": each.body.decode("utf-8", "replace"),
            }
            for each in requests
        ]
    )
