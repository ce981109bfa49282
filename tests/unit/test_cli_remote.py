"""Lists of a running gateway's API, page by page."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from gateway.cli.remote import Remote


class Page(msgspec.Struct):
    """A page of whole numbers."""

    items: list[int]
    next: str | None


class Numbers(Remote):
    """A list of so many numbers; a cursor is where it goes on."""

    def __init__(self, most: int) -> None:
        super().__init__("http://gateway.h99.example", "key")
        self.most = most
        self.asked: list[dict[str, str]] = []

    async def get(self, path: str, kind: type[Any]) -> Any:
        """A page as the API gives it."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        self.asked.append(query)
        start = int(query.get("cursor", "0"))
        end = min(self.most, start + int(query["limit"]))
        return kind(items=list(range(start, end)), next=str(end) if end < self.most else None)


@pytest.mark.parametrize(("most", "pages"), [(None, [500, 500, 500]), (700, [500, 200]), (20, [20])])
async def test_pages_are_gathered_up_to_what_was_asked_for(most: int | None, pages: list[int]) -> None:
    there = Numbers(1200)
    found = await there.gather("/v1/numbers", {"state": "open", "owner": None}, Page, most=most)
    assert found == list(range(1200 if most is None else most))
    assert [int(each["limit"]) for each in there.asked] == pages
    assert all(each["state"] == "open" and "owner" not in each for each in there.asked)
    await there.close()
