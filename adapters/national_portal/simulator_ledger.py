"""What the portal's stand-in has stored, and a journal of every write it received (national_portal §13.4).

Invariants: arrival numbers grow by one per received item and are never reused; processing steps keep their order of
arrival; a step equal in the five elements of §2.9 is stored once and counted. The ledger judges nothing: it stores
what the rules let through and notes what it saw.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from adapters.national_portal.simulator_rules import Item, is_true, rows_of, text_of

STEP_KEY = ("MaHoSo", "ThoiDiemXuLy", "TrangThai", "NguoiXuLy", "NoiDungXuLy")  # §2.9


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One journal line: one item of one write call, and what became of it.

    ``result``: stored, duplicate, reserved, rejected, or undone (good itself, lost with the rest of its batch).
    ``replayed``: the sandbox delivered this copy, not the client.
    """

    arrival: int
    service: str
    dossier: str
    updating: bool
    result: str
    digest: str
    code: str = ""
    message: str = ""
    replayed: bool = False


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted ``DongBoHoSoMC`` item: its arrival number, digest and canonical bytes."""

    arrival: int
    digest: str
    body: bytes


class Kept(msgspec.Struct, kw_only=True):
    """One dossier as the portal has it. ``fields`` empty: the code is taken, nothing is known (``reserve``).

    ``unsorted``: its steps are shown as they are kept, because somebody has meddled with their order.
    """

    code: str
    fields: Item = {}
    history: list[Snapshot] = []
    steps: list[Item] = []
    step_keys: set[tuple[str, ...]] = set()
    latest: str = ""
    duplicate_steps: int = 0
    duplicate_snapshots: int = 0
    refused_create: str = ""
    unsorted: bool = False


def digest_of(item: Item) -> str:
    """SHA-256 of the item's canonical JSON."""
    return hashlib.sha256(msgspec.json.encode(item, order="deterministic")).hexdigest()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An item on its way into the ledger, with what the call said about it."""

    service: str
    item: Item
    updating: bool = False
    replayed: bool = False

    @property
    def dossier(self) -> str:
        return (text_of(self.item.get("MaHoSo")) or "")[:100]


class Ledger:
    """The stand-in's memory. Not synchronised: the stand-in lets one call in at a time."""

    def __init__(self) -> None:
        self.dossiers: dict[str, Kept] = {}
        self.reports: dict[str, list[Item]] = {}
        self.journal: list[Receipt] = []
        self.duplicates: list[Item] = []
        self.replays: list[Item] = []
        self.flips: list[Item] = []
        self.out_of_order: list[Item] = []
        self.regressions: list[Item] = []
        self.unreachable_files: list[Item] = []

    def store_dossier(self, entry: Entry) -> None:
        """Take a snapshot: scalars and lists are replaced, ``TaiLieuNop`` is merged by file (§2.9)."""
        kept = self.dossiers.setdefault(entry.dossier, Kept(code=entry.dossier))
        body = msgspec.json.encode(entry.item, order="deterministic")
        digest = hashlib.sha256(body).hexdigest()
        repeated = bool(kept.history) and kept.history[-1].digest == digest
        receipt = self._note(entry, "duplicate" if repeated else "stored", digest)
        if repeated:
            kept.duplicate_snapshots += 1
            self._note_repetition("snapshot", receipt, flipped=kept.refused_create == digest)
        elif any(older.digest == digest for older in kept.history):
            self.regressions.append({"MaHoSo": kept.code, "arrival": receipt.arrival})
        kept.refused_create = ""
        if not repeated:
            kept.history.append(Snapshot(arrival=receipt.arrival, digest=digest, body=body))
        kept.fields = {**entry.item, "TaiLieuNop": _merged(kept.fields, entry.item)}

    def store_step(self, entry: Entry) -> None:
        """Append a step in order of arrival; a repeated one is counted, a late one is stored and noted."""
        kept = self.dossiers[entry.dossier]
        key = tuple(text_of(entry.item.get(name)) or "" for name in STEP_KEY)
        digest = digest_of(entry.item)
        if key in kept.step_keys:
            receipt = self._note(entry, "duplicate", digest)
            kept.duplicate_steps += 1
            self._note_repetition("step", receipt, moment=key[1])
            return
        receipt = self._note(entry, "stored", digest)
        moment = key[1]
        if moment < kept.latest:
            self.out_of_order.append(
                {
                    "MaHoSo": kept.code,
                    "ThoiDiemXuLy": moment,
                    "after": kept.latest,
                    "arrival": receipt.arrival,
                }
            )
        kept.latest = max(kept.latest, moment)
        kept.step_keys.add(key)
        kept.steps.append({**entry.item, "arrival": receipt.arrival})

    def store_report(self, entry: Entry) -> None:
        """Keep a ``DongBoTrangThaiHoSo``, in order of arrival; its dossier may never have been synchronised."""
        receipt = self._note(entry, "stored", digest_of(entry.item))
        self.reports.setdefault(entry.dossier, []).append({**entry.item, "arrival": receipt.arrival})

    def reserve(self, entry: Entry) -> None:
        """Mark a code as taken without knowing anything of the dossier."""
        kept = self.dossiers.setdefault(entry.dossier, Kept(code=entry.dossier))
        kept.refused_create = digest_of(entry.item)
        self._note(entry, "reserved", kept.refused_create)

    def refuse(self, entry: Entry, code: str, message: str, *, undone: bool = False) -> None:
        """Note an item that was not stored; ``undone``: only because another item of its batch was bad."""
        digest = digest_of(entry.item)
        if entry.service == "DongBoHoSoMC" and not entry.updating and entry.dossier in self.dossiers:
            self.dossiers[entry.dossier].refused_create = digest
        self._note(entry, "undone" if undone else "rejected", digest, code=code, message=message)

    def steps_by_time(self, code: str) -> list[Item]:
        """The dossier's steps as §13.4 orders them, without arrival numbers."""
        known = self.dossiers[code]
        steps = (
            known.steps
            if known.unsorted
            else sorted(known.steps, key=lambda step: text_of(step["ThoiDiemXuLy"]) or "")
        )
        return [{name: value for name, value in step.items() if name != "arrival"} for step in steps]

    def record(self) -> dict[str, Any]:
        """Everything kept and seen, as JSON."""
        return {
            "dossiers": {code: _told(kept) for code, kept in self.dossiers.items()},
            "reports": {code: list(reports) for code, reports in self.reports.items()},
            "writes": len(self.journal),
            "rejected": [
                _journal_line(line) for line in self.journal if line.result in {"rejected", "undone"}
            ],
            "duplicates": list(self.duplicates),
            "replays": list(self.replays),
            "flips": list(self.flips),
            "out_of_order": list(self.out_of_order),
            "regressions": list(self.regressions),
            "unreachable_files": list(self.unreachable_files),
        }

    def lines(self, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """Journal lines with an arrival number above ``after``."""
        return [_journal_line(line) for line in self.journal[after : after + limit]]

    def _note(self, entry: Entry, result: str, digest: str, *, code: str = "", message: str = "") -> Receipt:
        receipt = Receipt(
            arrival=len(self.journal) + 1,
            service=entry.service,
            dossier=entry.dossier,
            updating=entry.updating,
            result=result,
            digest=digest,
            code=code,
            message=message,
            replayed=entry.replayed,
        )
        self.journal.append(receipt)
        return receipt

    def _note_repetition(
        self, kind: str, receipt: Receipt, *, flipped: bool = False, moment: str = ""
    ) -> None:
        # A copy made by the sandbox is not the client's doing, and an update right after "đã tồn tại" is what
        # the contract asks for (§2.9, §14-5): neither may count against the client.
        target = self.replays if receipt.replayed else self.flips if flipped else self.duplicates
        line = {"kind": kind, "MaHoSo": receipt.dossier, "arrival": receipt.arrival}
        target.append({**line, "ThoiDiemXuLy": moment} if moment else line)


def _merged(before: Item, after: Item) -> list[Item]:
    # §2.9: merged by TepDinhKemId, IsDeleted removes. Senders without ids are merged by path.
    files = {_file_key(row): row for row in rows_of(before, "TaiLieuNop")}
    for row in rows_of(after, "TaiLieuNop"):
        if is_true(row.get("IsDeleted")):
            files.pop(_file_key(row), None)
        else:
            files[_file_key(row)] = row
    return list(files.values())


def _file_key(row: Item) -> str:
    return text_of(row.get("TepDinhKemId")) or f"path:{text_of(row.get('DuongDanTaiTepTin'))}"


def _told(kept: Kept) -> dict[str, Any]:
    return {
        "fields": kept.fields,
        "snapshots": len(kept.history),
        "digest": kept.history[-1].digest if kept.history else "",
        "steps": list(kept.steps),
        "duplicate_steps": kept.duplicate_steps,
        "duplicate_snapshots": kept.duplicate_snapshots,
    }


def _journal_line(line: Receipt) -> dict[str, Any]:
    return {
        "arrival": line.arrival,
        "service": line.service,
        "MaHoSo": line.dossier,
        "isUpdating": "True" if line.updating else "False",
        "result": line.result,
        "digest": line.digest,
        "code": line.code,
        "message": line.message,
        "replayed": line.replayed,
    }
