"""What the chapter on ministries tells of one of them.

Invariant: every count is of the ministry's own record, the portal's own record, or bytes that were fetched and hashed.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    """One ministry.

    ``asked``: requests; ``supplemented``: brought again after it had wanted more; ``results``: dossiers with what it has
    issued. ``sent_files``: attachments that it has, by their SHA-256, of ``attached``; ``result_files``: results that were
    fetched from the gateway and are, byte for byte, what it has issued. ``portal``: dossiers whose copy at the national
    portal is equal. ``lost``: requests that it never got, and results that never came; ``twice``: taken or attached more
    often than asked for; ``out_of_order``: older papers over newer ones, and steps that reached the portal late.
    """

    name: str
    asked: int
    supplemented: int
    results: int
    attached: int
    sent_files: int
    result_files: int
    portal: int
    signed: int = 0
    unsigned: int = 0
    lost: int
    twice: int
    out_of_order: int

    @property
    def holds(self) -> bool:
        """Everything came back, and nothing of it is wrong."""
        complete = self.asked == self.results == self.result_files == self.portal > 0
        wrong = self.lost or self.twice or self.out_of_order or self.unsigned
        return complete and self.supplemented > 0 and self.sent_files == self.attached and not wrong

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"holds": self.holds, **msgspec.structs.asdict(self)}
