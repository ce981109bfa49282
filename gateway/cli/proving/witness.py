"""``lienthong log witness``: a second key on another machine watches a gateway's log through its API.

Invariant: a log that is not the one seen before ends the command with 1 and gets no signature.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import AsJson, Key, KeyFile, examples

if TYPE_CHECKING:
    from gateway.cli.remote import Remote
    from gateway.evidence.witness import Looked, Witness
    from gateway.proof.lienthong_verify import Key as LogKey
    from gateway.proof.note import Signer

EXAMPLES = examples(
    "lienthong log witness --name witness.tinh.example",
    "lienthong log witness --name witness.tinh.example --url https://gateway.h99.example --key-file api.key "
    "--log-key lienthong/5f0c+1a2b3c4d+AX… --every 30",
)


def witness(
    *,
    name: Annotated[
        str, typer.Option(help="This witness's name, as it is pinned: a host of yours is a good one.")
    ],
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The gateway's API; without it only this witness's public key is printed.",
            show_default=False,
        ),
    ] = None,
    key: Key = None,
    key_file: KeyFile = None,
    log_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY", help="The log's public key, as `lienthong log key` prints it; repeatable."
        ),
    ] = None,
    signing_key: Annotated[
        Path, typer.Option(metavar="FILE", help="This witness's own key; made when it is not there.")
    ] = Path("witness.key"),
    state: Annotated[Path, typer.Option(metavar="FILE", help="What it has seen; never delete it.")] = Path(
        "witness.json"
    ),
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 30.0,
    once: Annotated[bool, typer.Option("--once", help="One look, then end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch the log of another machine's gateway: cosign what continues it, refuse forks and tell.

    Runs on a machine, and with a key, of which those who run the gateway know nothing.
    """
    from gateway.cli.exits import complain
    from gateway.cli.opening import run
    from gateway.cli.remote import read_key
    from gateway.evidence.witness import Witness

    signer = _signer(name, signing_key)
    if url is None:
        print(signer.key.text)
        return
    complain(
        f"this witness signs as {signer.key.text}; the gateway takes it when evidence.witnesses names it"
    )
    watching = Witness(signer, _pinned(log_key or []), state, lambda: datetime.now(UTC))
    run(_watch(watching, (url, read_key(key, key_file)), None if once else every, as_json=as_json))


async def _watch(witness: Witness, where: tuple[str, str], every: float | None, *, as_json: bool) -> None:
    from gateway.cli.exits import complain
    from gateway.cli.remote import connected
    from gateway.domain.errors import StorageUnavailable

    async with connected(*where) as remote:
        while True:
            try:
                _tell(await witness.look(_Log(remote)), as_json=as_json)
            except StorageUnavailable as fault:  # not there for now; a loop waits for it
                if every is None:
                    raise
                complain(str(fault))
            if every is None:
                return
            await asyncio.sleep(every)


def _tell(found: Looked, *, as_json: bool) -> None:
    from gateway.cli.screen import print_json

    if as_json:
        print_json(found, pretty=False)
    elif found.signed:
        print(f"{found.origin}: {found.before:,} -> {found.size:,} entries, consistent; cosigned", flush=True)


class _Log:
    """The log behind a gateway's API."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def newest(self) -> str:
        from gateway.api.evidence import CheckpointPage
        from gateway.domain.errors import StorageUnavailable

        page = await self._remote.get("/v1/log/checkpoints?limit=1", CheckpointPage)
        if not page.items:
            raise StorageUnavailable("the log has no checkpoint yet")
        return page.items[0].note

    async def consistency(self, first: int, second: int) -> list[str]:
        from gateway.messagelog.proofs import ConsistencyProof

        path = f"/v1/log/consistency?first={first}&second={second}"
        return (await self._remote.get(path, ConsistencyProof)).proof

    async def cosign(self, size: int, line: str) -> None:
        from gateway.evidence.cosigning import Cosigned

        await self._remote.post(f"/v1/log/checkpoints/{size}/cosignatures", {"line": line}, Cosigned)


def _signer(name: str, path: Path) -> Signer:
    from gateway.domain.errors import ConfigurationError
    from gateway.messagelog.log_keys import witness_signer

    try:
        return witness_signer(name, path)
    except ConfigurationError as fault:
        raise ConfigurationError(str(fault).replace("evidence.keys:", "--signing-key:")) from fault


def _pinned(given: list[str]) -> list[LogKey]:
    from gateway.domain.errors import ConfigurationError
    from gateway.proof.lienthong_verify import ED25519, Fault, read_key

    if not given:
        raise ConfigurationError("--log-key: name the log's public key; there `lienthong log key` prints it")
    try:
        keys = [read_key(text) for text in given]
    except Fault as fault:
        raise ConfigurationError(f"--log-key: {fault}") from fault
    if any(key.kind != ED25519 for key in keys):
        raise ConfigurationError("--log-key: that is the key of a witness")
    return keys
