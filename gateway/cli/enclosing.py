"""What a call holds besides the record, for ``lienthong encode``: files that travel in it, and the signature over it.

Invariant: nothing is fetched and nobody is asked; what is missing is named, and no call is shown as signed without a key.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.port import Context, WireRequest
    from gateway.port.signing import SigningPolicy
    from gateway.settings import Settings

ROUNDS = 4  # an encoding may find something more that it needs
_LISTED = 5


def with_files(
    encode: Callable[[Context], WireRequest],
    context: Context,
    find: Callable[[set[str]], Mapping[str, bytes]],
) -> WireRequest:
    """What ``encode`` makes, once it was lent the files that it asks for. ``find``: bytes by digest, as far as they are
    there. NotFoundError names those that are not."""
    import msgspec

    from gateway.domain.errors import FILE, CannotEncode, NotFoundError

    for _ in range(ROUNDS):
        try:
            return encode(context)
        except CannotEncode as fault:
            asked = {
                parameters["sha256"]: parameters["url"] for name, parameters in fault.missing if name == FILE
            }
            if not asked:
                raise
            found = find(set(asked))
            if lost := sorted(asked.keys() - found.keys()):
                told = "".join(f"\n  {digest}  {asked[digest]}" for digest in lost[:_LISTED])
                raise NotFoundError(
                    f"{len(lost)} files travel in this call and are not here; name a folder that has them with "
                    f"--files, their names do not matter:{told}"
                ) from fault
            context = msgspec.structs.replace(context, files={**context.files, **found})
    return encode(context)


def files_at(settings: Settings, folder: Path | None, wanted: set[str]) -> Mapping[str, bytes]:
    """Those of ``wanted`` that are in ``folder``, or kept by this gateway already."""
    from gateway.cli.opening import reading
    from gateway.domain.errors import ConfigurationError
    from gateway.storage.files import read_files

    if folder is not None:
        bodies = [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
        there = {hashlib.sha256(body).hexdigest(): body for body in bodies}
        return {digest: there[digest] for digest in wanted & there.keys()}
    digests = [bytes.fromhex(each) for each in sorted(wanted)]
    try:
        with reading(settings) as database:
            return database.ask(partial(read_files, digests=digests))
    except ConfigurationError:
        return {}  # no database yet, hence no files


def signed(request: WireRequest, policy: SigningPolicy, settings: Settings, now: datetime) -> WireRequest:
    """``request`` as it would leave under ``policy``. ConfigurationError: it cannot be signed, and why."""
    from gateway.bootstrap import build_keyring
    from gateway.cli.exits import complain
    from gateway.domain.errors import ConfigurationError
    from gateway.port.signing import Profile
    from gateway.signing import seal
    from gateway.signing.findings import CannotSign

    if policy.profile is Profile.NONE:
        return request
    try:
        made = seal.sign(request, policy, build_keyring(settings), now=now, random=secrets.token_bytes)
    except CannotSign as fault:
        raise ConfigurationError(
            f"this call is to be signed ({policy.profile}, key {policy.key!r}) and cannot be: {fault.reason}; give the "
            "key in [signing], or look at the call with --unsigned"
        ) from fault
    if isinstance(made, seal.TimestampWanted):
        complain("shown without its time stamp, for which an authority is asked when it is sent")
        return made.bare
    return made
