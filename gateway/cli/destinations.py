"""``lienthong destinations``: pause a partner, and let it go on; look at one, test it.

Invariant: a pause has a name and a reason; what is being sent at that moment is finished.
"""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli import destinations_looking as looking
from gateway.cli.options import Changing, DryRun, examples, group, spread

app = group("Look at destinations, test, pause and resume them; all of them: lienthong status.")

Name = Annotated[str, typer.Argument(help="A destination of the configuration.")]


@app.command(
    "pause",
    epilog=examples(
        "lienthong destinations pause national_portal --reason 'announced maintenance' --dry-run",
        "lienthong destinations pause national_portal --reason 'announced maintenance'",
    ),
)
@spread
def pause(
    name: Name,
    *,
    by: Changing,
    dry_run: DryRun = False,
) -> None:
    """Send nothing to a destination until it is resumed; --dry-run says what that stops."""
    from gateway.cli.orders import print_done
    from gateway.cli.screen import print_json
    from gateway.storage.orders import Pause

    by.way.require_destination(name)
    if not dry_run:
        print_done(by, Pause(destination=name, **by.instruction))
        return
    effect = looking.pause_effect(by.way, name)
    print_json(effect) if by.as_json else print(looking.told(effect))


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

    by.way.require_destination(name)
    print_done(by, Resume(destination=name, **by.instruction))


for _name, _command, _examples in (
    ("show", looking.show, looking.SHOW_EXAMPLES),
    ("test", looking.test, looking.TEST_EXAMPLES),
    ("refresh", looking.refresh, looking.REFRESH_EXAMPLES),
    ("backlog", looking.backlog, looking.BACKLOG_EXAMPLES),
    ("answers", looking.answers, looking.ANSWERS_EXAMPLES),
    ("certificates", looking.certificates, looking.CERTIFICATES_EXAMPLES),
):
    app.command(_name, epilog=_examples)(_command)
