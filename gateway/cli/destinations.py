"""``lienthong destinations``: pause a partner, and let it go on.

Invariant: a pause has a name and a reason; what is being sent at that moment is finished.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway.cli.options import Actor, AsJson, Config, Key, KeyFile, Reason, Url, examples, group

app = group("Pause and resume destinations; see them with: lienthong status.")

Name = Annotated[str, typer.Argument(help="A destination of the configuration.")]


@app.command(
    "pause", epilog=examples("lienthong destinations pause national_portal --reason 'announced maintenance'")
)
def pause(
    name: Name,
    *,
    reason: Reason,
    actor: Actor = None,
    config: Config = None,
    url: Url = None,
    key: Key = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Send nothing to a destination until it is resumed."""
    from gateway.cli.orders import Way, actor_of, print_done, require_reason
    from gateway.storage.orders import Pause

    way = Way(config, url, key, key_file)
    way.require_destination(name)
    order = Pause(
        destination=name, actor=actor_of(actor), reason=require_reason(reason), now=datetime.now(UTC)
    )
    print_done(way, order, as_json=as_json)


@app.command(
    "resume", epilog=examples("lienthong destinations resume national_portal --reason 'maintenance is over'")
)
def resume(
    name: Name,
    *,
    reason: Reason,
    actor: Actor = None,
    config: Config = None,
    url: Url = None,
    key: Key = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """End a pause."""
    from gateway.cli.orders import Way, actor_of, print_done, require_reason
    from gateway.storage.orders import Resume

    way = Way(config, url, key, key_file)
    order = Resume(
        destination=name, actor=actor_of(actor), reason=require_reason(reason), now=datetime.now(UTC)
    )
    print_done(way, order, as_json=as_json)
