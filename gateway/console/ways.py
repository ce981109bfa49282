"""Which addresses of the console a person may open, so that no page shows a way that is closed to its reader.

Invariant: a way is judged by the row that the address itself is judged by; what is open here may still be refused there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gateway.console.page import Page, Viewer


class Ways:
    """The addresses of ``pages``."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self._pages = sorted(pages, key=lambda page: page.path.count("{"))  # the most literal one is meant
        paths = (re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(page.path)) for page in self._pages)
        self._paths = re.compile("|".join(f"(?P<p{place}>{path})" for place, path in enumerate(paths)))

    def opens(self, viewer: Viewer | None, address: str) -> bool:
        """Whether ``viewer`` may open ``address``, with its query; what is no page of the table is open."""
        found = self._paths.fullmatch(re.split(r"[?#]", address, maxsplit=1)[0])
        if found is None or found.lastgroup is None:
            return True
        scope = self._pages[int(found.lastgroup[1:])].scope
        return scope is None or (viewer is not None and viewer.may(scope))
