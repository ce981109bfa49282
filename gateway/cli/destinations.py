"""``lienthong destinations``: pause a partner, and let it go on.

Invariant: a pause has a name and a reason; what is being sent at that moment is finished.
"""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import Changing, examples, group, spread

app = group("Pause and resume destinations; see them with: lienthong status.")

Name = Annotated[str, typer.Argument(help="A destination of the configuration.")]


@app.command(
    "pause", epilog=examples("lienthong destinations pause national_portal --reason 'announced maintenance'")
)
@spread
def pause(
    name: Name,
    *,
    by: Changing,
) -> None:
    """Send nothing to a destination until it is resumed."""
    from gateway.cli.orders import print_done
    from gateway.storage.orders import Pause

    by.way.require_destination(name)
    print_done(by, Pause(destination=name, **by.instruction))


@app.command(
    "resume", epilog=examples("lienthong destinations resume national_portal --reason 'maintenance is over'")
)
@spread
def resume(
    name: Name,
    *,
    by: Changing,
) -> None:
    """End a pause."""
    from gateway.cli.orders import print_done
    from gateway.storage.orders import Resume

    print_done(by, Resume(destination=name, **by.instruction))
