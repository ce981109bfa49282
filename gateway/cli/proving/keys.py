"""``lienthong log key`` and ``rotate-key``: the keys that sign the log.

Invariant: only public halves are ever shown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.cli.options import Actor, AsJson, Config, Reason, examples

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.storage.checkpoints import LogKeyRow
    from gateway.storage.orders import Instruction

KEY_EXAMPLES = examples("lienthong log key", "lienthong log key --json")
ROTATE_EXAMPLES = examples('lienthong log rotate-key --reason "the machine that had it was replaced"')


def key(*, config: Config = None, as_json: AsJson = False) -> None:
    """Print the log's public key, to be pinned by whoever verifies; with --json all keys and their hand-overs."""
    from gateway.cli.opening import ask
    from gateway.cli.screen import print_json
    from gateway.domain.errors import NotFoundError
    from gateway.evidence import views

    found = ask(config, views.keys)
    if not found:
        raise NotFoundError("the log has no key yet; the first start makes it")
    if as_json:
        print_json(found)
    else:
        print(found[-1].key)


def rotate_key(
    *, config: Config = None, reason: Reason, actor: Actor = None, as_json: AsJson = False
) -> None:
    """Give the log a new key: the one before signs a note that hands over. Copy it to every machine afterwards."""
    from gateway.cli.exits import complain
    from gateway.cli.opening import configured, run
    from gateway.cli.orders import actor_of, require_reason
    from gateway.cli.screen import print_json
    from gateway.storage.orders import Instruction

    order = Instruction(actor=actor_of(actor), reason=require_reason(reason), now=datetime.now(UTC))
    row = run(_rotated(configured(config), order))
    if as_json:
        print_json({"number": row.number, "key": row.key, "handover": row.handover})
        return
    print(row.key)
    complain(
        f"log-{row.number}.key signs from now on; keep log-{row.number - 1}.key, and pin the new one everywhere"
    )


async def _rotated(settings: Settings, order: Instruction) -> LogKeyRow:
    from gateway.cli.opening import opened, require_free
    from gateway.domain.errors import ConfigurationError
    from gateway.storage.checkpoints import newest_checkpoint

    require_free(settings, instead="stop it first: the new key is a file of this machine")
    async with opened(settings) as gateway:
        if gateway.evidence.keys is None:
            raise ConfigurationError("evidence.keys: there is no folder of keys, so the log has none")
        newest = await gateway.database.read(newest_checkpoint)
        return await gateway.evidence.keys.rotate(0 if newest is None else newest.size, order)
