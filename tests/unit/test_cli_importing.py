"""Import: lines in bounded memory, versions of one dossier in order, every line counted once."""

from __future__ import annotations

import asyncio
import io
import json

import pytest

from gateway.cli.importing import feed
from gateway.cli.importing.feed import Feed
from gateway.cli.importing.lines import dossier_code, read_lines
from gateway.cli.importing.verdict import REMEMBERED, Tally, Verdict, refused
from gateway.domain.errors import StorageUnavailable


def lines_of(text: bytes, longest: int = 100):
    return list(read_lines(io.BytesIO(text), longest=longest))


def test_lines_are_numbered_as_in_the_file_and_blank_ones_are_passed_over():
    found = lines_of(b"\xef\xbb\xbf{}\r\n\n  \n{1}\nlast")
    assert [(line.number, line.body) for line in found] == [(1, b"{}"), (4, b"{1}"), (5, b"last")]
    assert found[-1].end == len(b"\xef\xbb\xbf{}\r\n\n  \n{1}\nlast")


def test_line_beyond_the_limit_is_cut_and_the_next_one_is_whole():
    found = lines_of(b"a" * 101 + b"\n" + b"b" * 100 + b"\n" + b"c" * 5000)
    assert [(line.number, line.whole) for line in found] == [(1, False), (2, True), (3, False)]
    assert max(len(line.body) for line in found) <= 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"code":"H99-1"}', "H99-1"),
        (b"[]", ""),
        (b"{", ""),
        (b'{"code":5}', ""),
        (b"\xff", ""),
        (b"[" * 9999, ""),
    ],
)
def test_dossier_of_a_line_is_known_or_unknown_but_never_a_fault(body, code):
    assert dossier_code(lines_of(body, 100_000)[0]) == code


class SlowDoor:
    """Takes a line after a few turns of the loop; remembers what was at work and in which order it came."""

    def __init__(self, batch: int = 1, fail_at: int | None = None):
        self.batch = batch
        self.taken = []
        self.together = self.most = 0
        self._fail_at = fail_at

    async def take(self, lines):
        self.together += len(lines)
        self.most = max(self.most, self.together)
        for turn in range(1 + lines[0].number % 3):
            await asyncio.sleep(0 * turn)
        self.together -= len(lines)
        if self._fail_at is not None and lines[-1].number >= self._fail_at:
            raise StorageUnavailable("the database is away")
        self.taken += [(dossier_code(line), line.number) for line in lines]
        return [Verdict(line=line.number, result="created") for line in lines]


def versions(dossiers: int, each: int) -> bytes:
    rows = ({"code": f"H99-{number}"} for _ in range(each) for number in range(dossiers))
    return b"\n".join(json.dumps(row).encode() for row in rows)


async def fed(door, text: bytes, **options):
    tally = Tally()
    await Feed(door, lambda _line, verdict: tally.add(verdict), **options).run(
        read_lines(io.BytesIO(text), longest=1000)
    )
    return tally


async def test_versions_of_a_dossier_go_in_order_and_dossiers_side_by_side():
    door = SlowDoor()
    tally = await fed(door, versions(40, 20), concurrency=16)
    assert tally.lines == tally.counts["created"] == 800
    for code in {code for code, _ in door.taken}:
        own = [number for taken, number in door.taken if taken == code]
        assert own == sorted(own)
    assert 2 < door.most <= 16


async def test_one_dossier_alone_is_never_worked_twice_at_once():
    door = SlowDoor()
    await fed(door, versions(1, 300), concurrency=16)
    assert door.most == 1


async def test_lines_under_way_are_bounded(monkeypatch):
    monkeypatch.setattr(feed, "MOST_LINES", 10)
    door = SlowDoor()
    tally = await fed(door, versions(200, 2), concurrency=64)
    assert tally.lines == 400
    assert door.most <= 10


async def test_door_that_takes_many_gets_them_in_the_order_of_the_file():
    door = SlowDoor(batch=50)
    tally = await fed(door, versions(100, 3))
    assert tally.lines == 300
    assert [number for _, number in door.taken] == list(range(1, 301))


@pytest.mark.parametrize("batch", [1, 50])
async def test_failing_door_stops_the_feed_and_loses_no_verdict(batch):
    door = SlowDoor(batch=batch, fail_at=400)
    tally = Tally()
    lines = read_lines(io.BytesIO(versions(1000, 1)), longest=1000)
    with pytest.raises(StorageUnavailable):
        await Feed(door, lambda _line, verdict: tally.add(verdict)).run(lines)
    assert tally.lines == len(door.taken) < 1000
    again = SlowDoor(batch=batch)
    assert (await fed(again, versions(1000, 1))).lines == 1000


def test_overtaken_version_is_no_refusal_but_another_content_is():
    older = "dossier H99-1: got version 4, stored is 5; send a newer version"
    other = "dossier H99-1: version 5 is already stored with different content; a changed record needs a higher version"
    assert refused(1, older).result == "older"
    assert refused(1, other).result == "refused"


def test_refused_lines_are_remembered_up_to_a_limit_and_counted_beyond_it():
    tally = Tally()
    for number in range(REMEMBERED + 5):
        tally.add(Verdict(line=number, result="refused"))
    assert len(tally.refused) == REMEMBERED
    assert tally.figures() == {"refused": REMEMBERED + 5}


async def test_breaking_off_waits_for_what_is_in_the_door_and_lets_nothing_new_in():
    class HeldDoor:
        batch = 1

        def __init__(self):
            self.open, self.both, self.entered, self.left = asyncio.Event(), asyncio.Event(), [], []

        async def take(self, lines):
            self.entered += [line.number for line in lines]
            if len(self.entered) == 2:
                self.both.set()
            await self.open.wait()
            self.left += [line.number for line in lines]
            return [Verdict(line=line.number, result="created") for line in lines]

    door = HeldDoor()
    lines = iter(lines_of(b"".join(b'{"code":"H99-1"}\n{"code":"H99-2"}\n' for _ in range(3))))
    run = asyncio.create_task(Feed(door, lambda line, verdict: None).run(lines))
    await door.both.wait()
    run.cancel()
    await asyncio.sleep(0)
    door.open.set()

    with pytest.raises(asyncio.CancelledError):
        await run
    assert (door.entered, door.left) == ([1, 2], [1, 2])
