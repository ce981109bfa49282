"""A process that logs and makes checkpoints until it is killed: ``python -m … URL KEYS OWNER [POINT COUNT]``.

With a POINT the process kills itself (SIGKILL) when it gets there for the COUNTth time.
"""

import asyncio
import os
import signal
import sys

from gateway.evidence import checkpointer, growth
from gateway.storage.database import Database
from gateway.telemetry import configure_logging
from tests.evidence.world import LogWorld


def deadly(point, count):
    """Die at ``point``: before or after tiles or a checkpoint are durable, before or after the place is taken."""
    left = [int(count)]

    def die():
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    moment, _, what = point.partition("_")
    if what == "place":
        wrap(checkpointer.Checkpointer, "_take", moment, die)
    elif what == "tiles":
        wrap(growth.Growth, "grow", moment, die)
    elif what == "checkpoint":
        wrap(checkpointer.Checkpointer, "_sign", moment, die)
    else:  # in the middle of the transaction
        operation = checkpointer.add_checkpoint

        def dying(transaction, row):
            done = operation(transaction, row)
            die()
            return done

        checkpointer.add_checkpoint = dying


def wrap(kind, name, moment, die):
    step = getattr(kind, name)

    async def stepped(*given):
        if moment == "before":
            die()
        found = await step(*given)
        if moment == "after":
            die()
        return found

    setattr(kind, name, stepped)


async def main(url, keys, owner, *death):
    configure_logging("critical", "console")
    if death:
        deadly(*death)
    world = LogWorld(Database(url), keys)
    await world.keys.open()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    running = asyncio.create_task(world.checkpointer(owner=-int(owner)).run(stopping))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not stopping.is_set():
        await world.log(37)
        await asyncio.sleep(0.005)
    await running
    world.database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
