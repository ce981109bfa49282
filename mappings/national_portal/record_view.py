"""A dossier of the portal in the gateway's words, whoever wrote it: the portal's own record, or what we sent.

Both are read by the same function, so that they can be compared (national_portal §4.3, U15, §13.4). Invariant: a
scalar that the contract calls alike (null, absent and "", number or text, §2.10) gives the same text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from gateway.domain.status import Status
from gateway.mapping import CodeTable, Field, Table
from gateway.mapping.formats import parse_date14
from gateway.port import PartnerRecord, RecordStep
from mappings.national_portal.cap_nhat_tien_do_ho_so_mc import STEP
from mappings.national_portal.dong_bo_ho_so_mc import DOSSIER
from mappings.national_portal.lookup import MERGED, PROGRESS, REMOVED, STEP_PARTS, plain, step_key

# What makes a step this step, and nothing else of it (§2.9): a comparison reads every step of every dossier.
STEP_KEYS = Table(
    name="TienDo",
    clause=STEP.clause,
    fields=tuple(field for field in STEP.fields if field.name in STEP_PARTS),
)

Item: TypeAlias = Mapping[str, Any]

# What the comparison has classes of its own for, and the number, which is how the record was found.
_APART = frozenset({"MaHoSo", "TrangThaiHoSo", "NgayHenTra", "NgayKetThucXuLy"})
_ENCODER = msgspec.json.Encoder()
_KEY_DIGITS = 12


class Layout:
    """Which elements one profile compares, and where they stand in the local record."""

    def __init__(self, variants: frozenset[str], codes: Mapping[str, CodeTable]) -> None:
        fields = [field for field in _kept(DOSSIER, variants) if field.name not in _APART]
        self.names = tuple(field.name for field in fields)
        self.statuses = _statuses(codes["TrangThaiHoSo"])
        self.reported = _statuses(codes["TrangThaiXuLy"])  # §7.5: a refusal is 11 there
        self.merged = [
            (field.place(), field.name, MERGED[field.name], _columns(field.rows, variants, REMOVED))
            for field in fields
            if field.name in MERGED and field.rows is not None
        ]
        places: dict[str, list[tuple[str, _Columns | None]]] = {}
        for field in fields:
            if field.name not in MERGED:
                columns = None if field.rows is None else _columns(field.rows, variants)
                places.setdefault(field.place(), []).append((field.name, columns))
        single = {place: members[0] for place, members in places.items() if len(members) == 1}
        self.scalars = [(place, name) for place, (name, columns) in single.items() if columns is None]
        self.lists = [
            (place, name, columns) for place, (name, columns) in single.items() if columns is not None
        ]
        self.step = lru_cache(maxsize=8192)(self._step)  # both sides name the same steps
        self.joint = [(place, members) for place, members in places.items() if len(members) > 1]

    def _step(self, parts: tuple[str, ...]) -> RecordStep:
        moment, state = parts[:2]
        digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:_KEY_DIGITS]
        return RecordStep(
            key=f"{moment[:14]} {state[:4]} {digest}",
            at=parse_date14(moment),
            status=self.statuses.get(state),
        )


_STATUSES = frozenset(str(status) for status in Status)
_Columns: TypeAlias = tuple[tuple[str, "_Columns | None"], ...]


def view(item: Item, layout: Layout) -> PartnerRecord:
    """The dossier ``item`` with its progress; ``item`` may be any decoded JSON object."""
    rows = item.get(PROGRESS)
    steps = None if not isinstance(rows, list) else tuple(step(row, layout) for row in rows if _is_item(row))
    return PartnerRecord(
        status=layout.statuses.get(plain(item.get("TrangThaiHoSo"))),
        received_at=parse_date14(plain(item.get("NgayTiepNhan"))),
        due_at=parse_date14(plain(item.get("NgayHenTra"))),
        finished_at=parse_date14(plain(item.get("NgayKetThucXuLy"))),
        steps=steps,
        fields=Fields(item, layout),
        raw=item,
    )


class Fields(Mapping[str, str]):
    """What is compared of ``item`` besides its own classes, by place; read when somebody looks.

    Most records hold what was sent as it was sent, and then nobody looks: elements that are the same JSON on both sides
    read the same.
    """

    __slots__ = ("_found", "_item", "_layout")

    def __init__(self, item: Item, layout: Layout) -> None:
        self._item = item
        self._layout = layout
        self._found: dict[str, str] | None = None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Fields) and self._layout is other._layout:
            return self._written() == other._written() or self._read() == other._read()
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # as every mapping

    def __getitem__(self, place: str) -> str:
        return self._read()[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def _read(self) -> dict[str, str]:
        if self._found is None:
            self._found = _fields(self._item, self._layout)
        return self._found

    def _written(self) -> bytes:
        return _ENCODER.encode([self._item.get(name) for name in self._layout.names])


def step(row: Item, layout: Layout) -> RecordStep:
    """One processing step. Its key names moment and state and hides who did what in a digest (§2.9)."""
    return layout.step(step_key(row))


def reported_status(report: Item, layout: Layout) -> Status | None:
    """The state that a status report of ours tells."""
    return layout.reported.get(plain(report.get("TrangThai")))


def _fields(item: Item, layout: Layout) -> dict[str, str]:
    found = {place: plain(item.get(name)) for place, name in layout.scalars}
    for place, name, columns in layout.lists:
        found[place] = _told(item, name, columns)
    for place, members in layout.joint:  # several elements tell of one place
        found[place] = _ENCODER.encode([_told(item, *member) for member in members]).decode()
    for place, name, key, columns in layout.merged:
        # §2.9: the portal merges files by their id, so each is a field of its own, and a removed one is empty
        for row in _rows(item.get(name)):
            text = "" if plain(row.get(REMOVED)) == "true" else _row_text(row, columns)
            found[f"{place}/{_escaped(plain(row.get(key)) or _address(row))}"] = text
    return found


def _told(item: Item, name: str, columns: _Columns | None) -> str:
    value = item.get(name)
    if columns is None:
        return plain(value)
    rows = _rows(value)
    return "" if not rows else _ENCODER.encode([_cells(row, columns) for row in rows]).decode()


def _row_text(row: Item, columns: _Columns) -> str:
    return _ENCODER.encode(_cells(row, columns)).decode()


def _cells(row: Item, columns: _Columns) -> list[Any]:
    return [
        plain(row.get(name)) if below is None else [_cells(each, below) for each in _rows(row.get(name))]
        for name, below in columns
    ]


def _rows(value: object) -> list[Item]:
    return [row for row in value if _is_item(row)] if isinstance(value, list) else []


def _is_item(value: object) -> bool:
    return isinstance(value, Mapping)


def _address(row: Item) -> str:
    return plain(row.get("DuongDanTaiTepTin"))


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")  # RFC 6901 §3


def _statuses(table: CodeTable) -> dict[str, Status]:
    """Our state by the portal's code; of several rows of one code the first counts."""
    return {row.wire: Status(row.code) for row in reversed(table.rows) if row.code in _STATUSES}


def _kept(table: Table, variants: frozenset[str]) -> Iterable[Field]:
    return (field for field in table.fields if not field.variants or field.variants & variants)


def _columns(table: Table, variants: frozenset[str], without: str = "") -> _Columns:
    return tuple(
        (field.name, None if field.rows is None else _columns(field.rows, variants))
        for field in _kept(table, variants)
        if field.name != without
    )
