"""A dossier's story, page by page: what the rules of time add to the history is told once, wherever a page ends."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from gateway.api.paging import next_cursor
from gateway.api.timeline import TimelinePage, goes_on_from
from gateway.console.pages.story import story
from gateway.statussync.explain_views import Crossed
from gateway.storage.instants import to_micros
from gateway.storage.queries_timeline import EventEntry
from tests.storage.province import NOW


def entry(minute):
    return EventEntry(
        id=str(minute), at=NOW + timedelta(minutes=minute), event="x", destination=None, data={}
    )


def crossed(minute):
    at = NOW + timedelta(minutes=minute)
    return Crossed(threshold="overdue", sentence=str(minute), due_at=at, told_at=at)


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_whatever_happened_between_two_pages_is_told_once(size):
    entries = [entry(minute) for minute in (10, 20, 30, 40)]
    beside = SimpleNamespace(
        changes=[], pauses=[], anomalies=[], crossed=[crossed(minute) for minute in (5, 10, 15, 25, 35, 45)]
    )
    told, cursor = [], None
    for start in range(0, len(entries), size):
        items, rest = entries[start : start + size], entries[start + size :]
        key = (to_micros(items[-1].at), int(items[-1].id))
        following = next_cursor("timeline:H99-1", items, len(items), key) if rest else None
        page = TimelinePage(code="H99-1", items=items, next=following)
        told += story(page, beside, [], since=goes_on_from("H99-1", cursor))
        cursor = following

    assert [int(each.about.sentence) for each in told if each.what == "crossed"] == [5, 10, 15, 25, 35, 45]
    assert [each.at for each in told] == sorted(each.at for each in told)
