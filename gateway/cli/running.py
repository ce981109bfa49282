"""``lienthong serve``, ``work`` and ``migrate``: the gateway as a service.

Invariant: a process that was asked to end finishes what it has begun, then ends with 0.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import AsJson, Config, examples

if TYPE_CHECKING:
    from gateway.bootstrap import Gateway
    from gateway.settings import Settings

SERVE_EXAMPLES = examples("lienthong serve", "lienthong serve --config /etc/lienthong.toml --no-worker")
WORK_EXAMPLES = examples("lienthong work --config /etc/lienthong.toml")
MIGRATE_EXAMPLES = examples("lienthong migrate --dry-run", "lienthong migrate")

Upgrade = Annotated[
    bool,
    typer.Option("--upgrade/--no-upgrade", help="Bring the database to this release's schema first."),
]


def serve(
    *,
    config: Config = None,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Also deliver, in the same process.")
    ] = True,
    upgrade: Upgrade = True,
) -> None:
    """Run the API, and the worker beside it, until told to end."""
    from gateway.api.server import run
    from gateway.cli.opening import configured

    run(_serve(configured(config, quiet=False), worker=worker, upgrade=upgrade))


async def _serve(settings: Settings, *, worker: bool, upgrade: bool) -> None:
    from gateway.api.server import serve as serve_api
    from gateway.cli.exits import complain
    from gateway.cli.opening import opened
    from gateway.console.app import faces

    async with opened(settings, upgrade=upgrade) as gateway:
        lines = await _console_lines(gateway) if settings.console.enabled else ()

        def started(url: str) -> None:
            for line in (f"listening on {url}", *lines):
                complain(line.replace("{url}", url))

        await serve_api(
            gateway, worker=worker, started=started, faces=faces if settings.console.enabled else None
        )


async def _console_lines(gateway: Gateway) -> tuple[str, ...]:
    """Where the console is and, while nobody could sign in, what makes the first account."""
    from gateway.storage.accounts import has_accounts

    console = gateway.settings.console
    lines = (f"console: {console.address or '{url}'}/console",)
    if console.oidc is not None or await gateway.database.read(has_accounts):
        return lines
    first = "stop this process first, then: " if gateway.database.dialect == "sqlite" else ""
    command = "lienthong accounts add NAME --role administrator --generate"
    return (*lines, f"nobody can sign in to the console yet; {first}{command}")


def work(*, config: Config = None, upgrade: Upgrade = True) -> None:
    """Run a worker without the API; as many as you like on PostgreSQL."""
    from gateway.api.server import run
    from gateway.cli.opening import configured

    run(_work(configured(config, quiet=False), upgrade=upgrade))


async def _work(settings: Settings, *, upgrade: bool) -> None:
    from gateway.cli.opening import opened

    async with opened(settings, upgrade=upgrade) as gateway:
        _end_on_signal(gateway)
        await gateway.worker.run()


def _end_on_signal(gateway: Gateway) -> None:
    import signal

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, gateway.worker.stop)


def migrate(
    *,
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what is pending; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database to this release's schema."""
    from gateway.cli.opening import configured
    from gateway.cli.screen import print_json
    from gateway.settings import database_url
    from gateway.storage import migrate as migrations

    url = database_url(configured(config).database)
    pending = migrations.pending(url)
    reached = migrations.current_revision(url) if dry_run else migrations.upgrade(url)
    if as_json:
        rows = [{"revision": revision, "does": does} for revision, does in pending]
        print_json({"dry_run": dry_run, "pending": rows, "at": reached})
        return
    for revision, does in pending:
        print(f"{'would run' if dry_run else 'ran'} {revision}: {does}")
    print(f"the database is at {reached or 'no schema'}" + ("" if pending else "; nothing was pending"))
