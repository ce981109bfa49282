"""``lienthong sandbox``: the partners' stand-ins over real HTTP on this machine, with faults.

Invariant: loopback only. The first line on standard output appears when every port listens.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import AsJson, Config, examples

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from gateway.port import AdapterModule, Simulator
    from gateway.sandbox import Latency, Sandbox
    from gateway.settings import Settings

FIRST_PORT = 8788
FIRST = "national_portal"
TIMESTAMPS = "timestamps"
AUTHORITY, CALLER = "ca.pem", ("client.pem", "client.key")


Https = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Over HTTPS; the authority to pin (ca.pem) goes into this folder, new with every start.",
        show_default=False,
    ),
]
ClientCertificates = Annotated[
    bool,
    typer.Option(
        "--client-certificates", help="With --https: callers must show client.pem and client.key of DIR."
    ),
]


class Faults(StrEnum):
    """How bad a day the partners have."""

    CALM = "calm"
    FIVE_PERCENT = "five_percent"
    STORM = "storm"


def sandbox(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Adapters to stand in for; without names, all of them. timestamps: a time-stamping authority.",
            show_default=False,
        ),
    ] = None,
    *,
    config: Config = None,
    faults: Annotated[Faults, typer.Option(help="Which faults the partners have.")] = Faults.FIVE_PERCENT,
    seed: Annotated[int, typer.Option(help="The same seed gives the same faults.")] = 1,
    latency: Annotated[
        str, typer.Option(metavar="MS|LOW-HIGH", help="How long an answer takes, in milliseconds.")
    ] = "0",
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65_000, help="Port of the first partner; the others follow, then control. 0: any free."
        ),
    ] = FIRST_PORT,
    https: Https = None,
    client_certificates: ClientCertificates = False,
    attached: Annotated[
        bool, typer.Option("--attached", hidden=True, help="End when standard input ends.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the partners' stand-ins on this machine, with faults.

    What stands in front of a partner (tokens, keys, passwords) is what the configuration's ``access`` says.
    """
    from gateway.sandbox import PRESETS, run_sandbox
    from gateway.settings import load

    settings = load(config)
    tls = issued(https, clients=client_certificates)
    simulators = {name: stand_in(name, settings) for name in chosen(names or [])}
    numbers = {name: port + place if port else 0 for place, name in enumerate((*simulators, "control"))}
    if attached:
        end_with_standard_input()
    run_sandbox(
        simulators,
        lambda running: _announce(running, https, as_json=as_json),
        plan=PRESETS[faults](seed),
        latency=read_latency(latency),
        ports=numbers,
        tls=tls,
    )


EXAMPLES = examples(
    "lienthong sandbox",
    "lienthong sandbox national_portal --faults storm --seed 7 --latency 20-80",
    "lienthong sandbox judicial_records --https sandbox-tls --client-certificates",
)


def chosen(names: list[str]) -> list[str]:
    """The adapters to run, the national portal first so that its port is always the same."""
    from gateway import registry
    from gateway.domain.errors import ConfigurationError

    known = registry.discover()
    unknown = sorted(set(names) - {*known, TIMESTAMPS})
    if unknown:
        raise ConfigurationError(f"no adapter {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    return sorted(names or known, key=lambda name: (name != FIRST, name))


def stand_in(name: str, settings: Settings) -> Simulator:
    """The adapter's simulator, knowing the account that the configuration uses, or that of its specification."""
    from gateway import registry
    from gateway.bootstrap import adapter_settings
    from gateway.conformance import load, sources

    if name == TIMESTAMPS:
        from datetime import UTC, datetime

        from gateway.sandbox.timestamps import TimestampStandIn

        return TimestampStandIn(datetime.now(UTC))
    module = registry.load(name)
    for destination, section in settings.destination.items():
        if (section.adapter or destination) == name:
            return _simulated(module, adapter_settings(destination, section), settings)
    source = next(each for each in sources() if each.like == name and not each.variant)
    return load(source).simulate()


def _simulated(module: AdapterModule, own: Any, settings: Settings) -> Simulator:
    """The stand-in for ``own`` settings; where messages are signed, somebody who judges them beside it."""
    import inspect

    from gateway.bootstrap import build_keyring
    from gateway.sandbox.proof import proof_for

    if "proof" not in inspect.signature(module.simulate).parameters:
        return module.simulate(own)
    proof = proof_for(module.build(own).manifest, build_keyring(settings))
    simulate: Callable[..., Simulator] = module.simulate
    return simulate(own, proof=proof)


def issued(folder: Path | None, *, clients: bool) -> ssl.SSLContext | None:
    """TLS with new certificates, the authority's (and a caller's) in ``folder``; None without a folder."""
    from datetime import UTC, datetime

    from gateway.domain.errors import ConfigurationError
    from gateway.sandbox import Authority, server_tls

    if folder is None:
        if clients:
            raise ConfigurationError("--client-certificates: only over HTTPS; give --https DIR as well")
        return None
    authority = Authority(datetime.now(UTC))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / AUTHORITY).write_bytes(authority.root)
    if not clients:
        return server_tls(authority.server())
    caller, (certificate, key) = authority.client("Sandbox caller"), CALLER
    (folder / certificate).write_bytes(caller.certificate)
    (folder / key).touch(mode=0o600)
    (folder / key).write_bytes(caller.key)
    return server_tls(authority.server(), clients=authority.root)


def read_latency(text: str) -> Latency:
    """``50`` or ``20-80``; ConfigurationError when it is neither."""
    from gateway.domain.errors import ConfigurationError
    from gateway.sandbox import Latency

    low, _, high = text.partition("-")
    try:
        return Latency(low=float(low), high=float(high or low))
    except ValueError as fault:
        raise ConfigurationError(
            f"--latency: got {text!r}, expected milliseconds like 50 or 20-80"
        ) from fault


def end_with_standard_input() -> None:
    """Stop this process like Ctrl-C would, once whoever holds the other end of standard input is gone."""
    import os
    import signal
    import threading

    def wait() -> None:
        while os.read(0, 1024):  # not sys.stdin: its lock would be held while the interpreter ends
            continue
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="attached", daemon=True).start()


def _announce(running: Sandbox, https: Path | None, *, as_json: bool) -> None:
    from gateway.cli.screen import print_json
    from gateway.sandbox import PREFIX

    stands: dict[str, Any] = {name: running.url(name) for name in running.names}
    authority = None if https is None else str(https / AUTHORITY)
    if as_json:
        told = {"control": running.control_url, "stands": stands, "authority": authority}
        print_json(told, pretty=False)
        return
    for name, url in stands.items():
        print(f"{name:<24} {url}")
        for door in ("record", "faults"):
            print(f"  {f'its {door}':<22} {running.control_url}/{name}{PREFIX}{door}")
    if authority is not None:
        print(f"{'to pin (tls.ca_file)':<24} {authority}")
    print("Stop: Ctrl-C", flush=True)
